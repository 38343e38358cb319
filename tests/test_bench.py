"""Benches rot unless somebody runs them: a tiny run of each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"
EVALUATION = BENCH / "eval_vs_lm_eval.py"  # needs lm-eval and a mirror of the data: our side is run below
PREDICTOR = BENCH / "predict.py"  # needs a finished run; tests/serving has the same on the fake model
HARNESS = BENCH / "serving_lm_eval.py"  # needs a finished run and lm-eval
FACES = BENCH / "faces.py"  # needs a mirror of the data and Chromium: six trainings
BENCHES = sorted(set(BENCH.glob("*.py")) - {EVALUATION, PREDICTOR, HARNESS, FACES})


@pytest.mark.bench
@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.stem)
def test_every_bench_runs_quickly_and_speaks_json(bench):
    offline = {key: value for key, value in os.environ.items() if key != "METIER_DATA"}
    command = [sys.executable, str(bench), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=offline)
    assert done.returncode == 0, done.stderr[-1500:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["versions"] and figures["machine"]
    assert all(row["tokens_a_second"] > 0 for row in figures.get("sides", {}).values())


@pytest.mark.slow
def test_our_side_of_the_evaluation_bench_gives_the_log_likelihoods_of_the_plain_way(tmp_path):
    import torch

    from metier.engine.models.model import load

    model = load("fake", dtype=torch.float32)
    texts = ["Note: a rash\nType:", "Note: chest pain, worse at night\nType:"]
    options = ["skin", "heart", "heart failure"]
    items = [{"text": text, "options": options, "end": "<end>"} for text in texts]
    work = tmp_path / "work.json"
    work.write_text(json.dumps({"model": str(model.folder), "dtype": "float32", "items": items}))
    command = [sys.executable, str(EVALUATION), "--work", "ours", str(work)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]
    found = json.loads(done.stdout.splitlines()[-1])
    for text, scores in zip(texts, found["scores"], strict=True):
        for option, score in zip(options, scores, strict=True):
            ids = torch.tensor([model.encode(f"{text} {option}<end>")])
            behind = torch.log_softmax(model.network(ids).logits[0, :-1], -1).detach().gather(1, ids[0, 1:, None])
            assert score == pytest.approx(float(behind[len(model.encode(text)) - 1 :].sum()), abs=1e-3)
    assert 0 < found["head_positions"] < found["body_tokens"]
    assert found["wall_s"] > found["ready_s"] > 0 and not found["warnings"]


def test_the_evaluation_bench_asks_for_the_data(monkeypatch):
    monkeypatch.delenv("METIER_DATA", raising=False)
    done = subprocess.run([sys.executable, str(EVALUATION), "--quick"], capture_output=True, text=True)
    assert done.returncode == 1 and "METIER_DATA" in done.stderr
