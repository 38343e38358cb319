"""Does a model ship that is worse than a baseline by exactly the margin? And how often does one that is as good?

Each sample breaks `broken` of a baseline's answers and fixes `fixed`, whole clusters at once. With a gain of minus the
margin SHIP (`ship.mode: not_worse`) is wrong: 2.5 % of samples are the aim. --check exits with 1 where it is more than
5 %, by more than the simulation's own error (three standard errors).
"""

import argparse
import json
import sys
from importlib.metadata import version
from typing import Any
from unittest import mock

import numpy as np

from metier.evaluation import stats
from metier.evaluation.metrics.accuracy import Metric
from metier.evaluation.non_inferiority import margin_gain
from metier.evaluation.predictions import Predictions
from metier.runs import run as runs

BOUND, ALPHA = 0.05, 0.05
SHAPES = [  # questions in clusters of so many, margin, share that is fixed
    (100, 1, 0.05, 0.0),
    (300, 1, 0.05, 0.0),
    (300, 1, 0.05, 0.02),
    (300, 1, 0.05, 0.08),
    (400, 4, 0.05, 0.02),
    (1000, 1, 0.02, 0.0),
    (1000, 1, 0.02, 0.05),
    (1000, 4, 0.02, 0.05),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="20 samples")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    samples = 20 if arguments.quick else arguments.samples
    rows = [shipped(*shape, samples) for shape in SHAPES]
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy")}, "machine": runs.processor()}
    print(json.dumps({"rows": rows, **made_with}) if arguments.json else text(rows))
    bound = BOUND + 3 * np.sqrt(BOUND * (1 - BOUND) / samples)
    if arguments.check and any(row["at_the_margin"] > bound for row in rows):
        sys.exit(1)


def shipped(n: int, size: int, margin: float, fixed: float, samples: int) -> dict[str, Any]:
    """The shares of samples that ship, of models at the margin and of models as good as the baseline."""
    generator, seen = np.random.default_rng(n), np.zeros(2)
    cluster = np.arange(n) // size
    groups = tuple(map(str, cluster))
    drawn = stats.bootstrap_weights(groups, 0, 1000)  # the same for all samples, as in a verdict with one seed
    with mock.patch.object(stats, "bootstrap_weights", lambda *_: drawn):
        for _ in range(samples):
            luck = generator.random(n // size)[cluster]
            before = answers(luck >= fixed, groups)
            seen += [ships(before, answers(luck < 1 - fixed - worse, groups), margin) for worse in (margin, 0.0)]
    at_the_margin, equal = (float(share) for share in seen / samples)
    shape = {"n": n, "size": size, "margin": margin, "fixed": fixed}
    return {**shape, "at_the_margin": at_the_margin, "equal": equal}


def ships(before: Predictions, after: Predictions, margin: float) -> bool:
    """By the rule of a verdict on one benchmark."""
    gain, _ = margin_gain(Metric(), [before], [after], margin, 0)
    return gain.p < ALPHA and gain.low > -margin


def answers(right: np.ndarray, groups: tuple[str, ...]) -> Predictions:
    """Right and wrong ones, in clusters."""
    none = np.full(len(right), -1)
    return Predictions(none, none, right.astype(float), np.ones(len(right)), (), groups, ())


def text(rows: list[dict[str, Any]]) -> str:
    """The table of docs/statistics.md."""
    lines = [
        "| questions | margin | broken, fixed | SHIP at the margin, % | SHIP of an equal model, % |",
        "|---" * 5 + "|",
    ]
    for r in rows:
        asked = f"{r['n']:,}" + (f", {r['n'] // r['size']} clusters" if r["size"] > 1 else "")
        changed = f"{r['margin'] + r['fixed']:.2f}, {r['fixed']:.2f}"
        lines.append(
            f"| {asked} | {r['margin']:.2f} | {changed} | {100 * r['at_the_margin']:.1f} | {100 * r['equal']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
