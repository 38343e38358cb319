"""A few steps on the real SmolLM2 weights, end to end; skipped with a warning without the package index."""

import json
import os
from pathlib import Path

import pytest

from metier.engine.models import weights
from metier.errors import UserError
from tests.runs.test_runs import go
from tests.tiny import write_triage


@pytest.fixture
def smollm2(monkeypatch):
    """The weights from the user's own cache, where `make demo` leaves them too; fetched once if need be."""
    monkeypatch.setenv("METIER_CACHE", os.environ.get("METIER_TEST_CACHE") or str(Path.home() / ".cache" / "metier"))
    try:
        return weights.folder("smollm2-135m")
    except UserError as error:
        pytest.skip(f"no network and no cached weights: {error}")


@pytest.mark.real_model
def test_the_whole_path_on_real_weights(smollm2, tmp_path):
    recipe = write_triage(tmp_path, train=48, test=12)
    verdict = go(recipe, tmp_path / "run", "model=smollm2-135m", "methods=[{sft: {batch_tokens: 256}}]", "retention={}")
    log = [json.loads(line) for line in (tmp_path / "run/train/01-sft/log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < log[0]["loss"]
    (entry,) = verdict.benchmarks
    assert entry.n == 12 and entry.tuned.value >= entry.base.value
