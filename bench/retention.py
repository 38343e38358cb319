"""Is a skill called kept that is not? A share of right answers that falls by exactly the margin, judged as `keep` does.

Each sample loses `broke` of its questions and gains `fixed`, so the truth lies on the margin, and `kept` should be
said in 2.5 % of samples or fewer. Beside it what the bootstrap alone would say, which was the way before.
--check exits with 1 where it is more than 3.5 %, by more than the simulation's own error (three standard errors).
"""

import argparse
import json
import sys
from importlib.metadata import version
from typing import Any
from unittest import mock

import numpy as np

from metier.evaluation import stats
from metier.evaluation.comparison import compare
from metier.evaluation.metrics.accuracy import Metric
from metier.evaluation.predictions import Predictions
from metier.evaluation.retention import not_too_sure
from metier.runs import run as runs

BOUND = 0.035
SHAPES = [  # questions in clusters of so many, margin, share that is fixed
    (50, 1, 0.02, 0.0),
    (50, 1, 0.05, 0.0),
    (100, 1, 0.03, 0.0),
    (100, 1, 0.05, 0.05),
    (200, 1, 0.05, 0.05),
    (200, 4, 0.03, 0.0),
    (1000, 1, 0.03, 0.03),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="20 samples")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    samples = 20 if arguments.quick else arguments.samples
    rows = [kept(*shape, samples) for shape in SHAPES]
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy")}, "machine": runs.processor()}
    print(json.dumps({"rows": rows, **made_with}) if arguments.json else text(rows))
    bound = BOUND + 3 * np.sqrt(BOUND * (1 - BOUND) / samples)
    if arguments.check and any(row["kept"] > bound for row in rows):
        sys.exit(1)


def kept(n: int, size: int, margin: float, fixed: float, samples: int) -> dict[str, Any]:
    """The share of samples in which a loss as large as the margin is called kept."""
    generator, seen = np.random.default_rng(n), np.zeros(2)
    groups = tuple(str(at // size) for at in range(n))
    drawn = stats.bootstrap_weights(groups, 0, 1000)  # the same for all samples, as in a verdict with one seed
    with mock.patch.object(stats, "bootstrap_weights", lambda *_: drawn):
        for _ in range(samples):
            luck = generator.random(n)
            before, after = answers(luck >= fixed, groups), answers(luck < 1 - margin - fixed, groups)
            gain = compare(Metric(), before, after, 0, 0.05).gain
            careful = not_too_sure(Metric(), gain, [(before, after)])
            seen += careful.low > -margin, gain.low > -margin
    now, bootstrap = (float(share) for share in seen / samples)
    return {"n": n, "size": size, "margin": margin, "fixed": fixed, "kept": now, "bootstrap": bootstrap}


def answers(right: np.ndarray, groups: tuple[str, ...]) -> Predictions:
    """Right and wrong ones, in clusters."""
    none = np.full(len(right), -1)
    return Predictions(none, none, right.astype(float), np.ones(len(right)), (), groups, ())


def text(rows: list[dict[str, Any]]) -> str:
    """The table of docs/statistics.md."""
    lines = ["| questions | margin | broke, fixed | called kept, % | by the bootstrap alone, % |", "|---" * 5 + "|"]
    for r in rows:
        asked = f"{r['n']:,}" + (f", {r['n'] // r['size']} clusters" if r["size"] > 1 else "")
        changed = f"{r['margin'] + r['fixed']:.2f}, {r['fixed']:.2f}"
        shares = " | ".join(f"{100 * r[key]:.1f}" for key in ("kept", "bootstrap"))
        lines.append(f"| {asked} | {r['margin']:.2f} | {changed} | {shares} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
