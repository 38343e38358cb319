"""The independent check: the samples that lm-evaluation-harness logged, compared with ours."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import UserError, shown
from metier.evaluation.answers import read_answers
from metier.runs.run import Run


def verify_lm_eval(run: Run, out: Path) -> dict[str, Any]:
    """For base and tuned, each exported task: items, largest log-likelihood difference, agreement, both accuracies.

    Raises `UserError` where there are no samples, or they are of other questions.
    """
    rows = []
    for who in ("base", "tuned"):
        for file in sorted((out / who).rglob("samples_metier_*.jsonl")):
            rows.append(_joined(run, who, file))
    if not rows:
        raise UserError(
            f"There are no samples in {out}/base or {out}/tuned. Run the commands that `metier export` printed, "
            "with --log_samples."
        )
    for row in rows:
        row["sentence"] = (
            f"{row['benchmark']}, {row['who']}: {row['n']} items, largest difference {row['largest_difference']:.2g} "
            f"nats, same answer on {100 * row['same_answer']:.1f} %, accuracy {row['ours']:.3f} here and "
            f"{row['theirs']:.3f} there"
        )
    return {"checks": rows}


@dataclass(frozen=True)
class Sample:
    """What the harness logged of one question."""

    prompt: str
    gold: int
    scores: list[float]
    """Log-likelihoods of the options, in nats."""


def _samples(file: Path) -> dict[str, Sample]:
    """Question id -> what the harness logged. Raises `UserError` where a line is not of its form."""
    samples: dict[str, Sample] = {}
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line:
            continue
        try:
            row = json.loads(line)
            scores = [float(response[0]) for response in row["filtered_resps"]]
            if not scores or not all(map(math.isfinite, scores)):
                raise ValueError("no finite log-likelihoods")
            sample = Sample(str(row["doc"]["prompt"]), int(row["doc"]["gold"]), scores)
            samples[str(row["doc"]["id"])] = sample
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise UserError(
                f"{file}, line {number}: this is no sample as lm-evaluation-harness logs it ({type(error).__name__}: "
                f"{shown(str(error))}). Run the exported commands again, with --log_samples."
            ) from error
    return samples


def _joined(run: Run, who: str, file: Path) -> dict[str, Any]:
    name = file.name.removeprefix("samples_metier_").rpartition("_")[0]
    theirs = _samples(file)
    answers = read_answers(run, who, name)
    if {answer.id for answer in answers} != theirs.keys():
        raise UserError(f"{file} holds other questions than this run's {name}. Export the run again, without --limit.")
    gaps, same, right = [], [], []
    for answer in answers:
        sample = theirs[answer.id]
        scores, mine = np.array(sample.scores), np.array(answer.log_likelihoods)
        if len(scores) != len(mine) or sample.prompt != answer.prompt:
            raise UserError(f"{file}: question {answer.id} was asked differently there. Export the run again.")
        gaps.append(float(np.abs(scores - mine).max()))
        same.append(bool(scores.argmax() == mine.argmax()))
        right.append(bool(scores.argmax() == sample.gold))
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
