"""The independent check: the samples that lm-evaluation-harness logged, held against ours."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import UserError
from metier.runs import Run
from metier.stages.evaluate import read_answers


def check_lm_eval(run: Run, out: Path) -> dict[str, Any]:
    """For base and tuned, each exported task: items, largest log-likelihood difference, agreement, both accuracies.

    Raises `UserError` where there are no samples, or they are of other questions.
    """
    rows = []
    for who in ("base", "tuned"):
        for file in sorted((out / who).rglob("samples_metier_*.jsonl")):
            rows.append(_joined(run, who, file))
    if not rows:
        raise UserError(
            f"There are no samples in {out}/base or {out}/tuned. Run the commands that `metier export` printed "
            f"(they are in {out / 'metier.json'} too), with --log_samples."
        )
    for row in rows:
        row["sentence"] = (
            f"{row['benchmark']}, {row['who']}: {row['n']} items, largest difference {row['largest_difference']:.2g} "
            f"nats, same answer on {100 * row['same_answer']:.1f} %, accuracy {row['ours']:.3f} here and "
            f"{row['theirs']:.3f} there"
        )
    return {"checks": rows}


def _joined(run: Run, who: str, file: Path) -> dict[str, Any]:
    name = file.name.removeprefix("samples_metier_").rpartition("_")[0]
    samples = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    theirs = {sample["doc"]["id"]: sample for sample in samples}
    answers = read_answers(run, who, name)
    if {answer.id for answer in answers} != theirs.keys():
        raise UserError(f"{file} holds other questions than this run's {name}. Export the run again, without --limit.")
    gaps, same, right = [], [], []
    for answer in answers:
        sample = theirs[answer.id]
        scores = np.array([float(response[0]) for response in sample["filtered_resps"]])
        mine = np.array(answer.log_likelihoods)
        if len(scores) != len(mine) or sample["doc"]["prompt"] != answer.prompt:
            raise UserError(f"{file}: question {answer.id} was asked differently there. Export the run again.")
        gaps.append(float(np.abs(scores - mine).max()))
        same.append(bool(scores.argmax() == mine.argmax()))
        right.append(bool(scores.argmax() == sample["doc"]["gold"]))
    return {
        "benchmark": name,
        "who": who,
        "n": len(answers),
        "largest_difference": max(gaps),
        "median_difference": float(np.median(gaps)),
        "same_answer": float(np.mean(same)),
        "ours": float(np.mean([answer.value for answer in answers])),
        "theirs": float(np.mean(right)),
    }
