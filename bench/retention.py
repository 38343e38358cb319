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
from metier.evaluation.retention import independent_changes, not_too_sure
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
COPIES = [  # the same for copies of a model, and how much their changes gather in clusters (intraclass correlation)
    (1000, 4, 0.01, 0.0, 0.0),
    (1000, 4, 0.01, 0.005, 0.0),
    (1000, 4, 0.01, 0.005, 0.1),
    (1000, 4, 0.01, 0.005, 0.3),
    (1000, 20, 0.01, 0.0, 0.1),
    (1000, 20, 0.01, 0.005, 0.1),
    (1000, 50, 0.01, 0.0, 0.1),
    (1000, 50, 0.01, 0.005, 0.3),
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
    copies = [kept_copies(*shape, samples) for shape in COPIES]
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy")}, "machine": runs.processor()}
    print(json.dumps({"rows": rows, "copies": copies, **made_with}) if arguments.json else text(rows, copies))
    bound = BOUND + 3 * np.sqrt(BOUND * (1 - BOUND) / samples)
    if arguments.check and any(row["kept"] > bound for row in [*rows, *copies]):
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


def kept_copies(n: int, size: int, margin: float, fixed: float, gathered: float, samples: int) -> dict[str, Any]:
    """As `kept`, by the test of `metier verify-export`, and by that of `retention` on the same answers."""
    generator, seen = np.random.default_rng(n), np.zeros(2)
    cluster = np.arange(n) // size
    groups = tuple(map(str, cluster))
    drawn = stats.bootstrap_weights(groups, 0, 1000)
    with mock.patch.object(stats, "bootstrap_weights", lambda *_: drawn):
        for _ in range(samples):
            lost, won = (shares(share, gathered, n // size, generator)[cluster] for share in (margin + fixed, fixed))
            broken = generator.random(n) < lost
            before = answers(broken | (generator.random(n) >= won), groups)
            after = answers(~broken, groups)
            seen += called_kept(before, after, margin)
    now, strict = (float(share) for share in seen / samples)
    shape = {"n": n, "size": size, "margin": margin, "fixed": fixed, "gathered": gathered}
    return {**shape, "kept": now, "as_retention": strict}


def called_kept(before: Predictions, after: Predictions, margin: float) -> tuple[bool, bool]:
    """By the test of copies, and by that of `retention`.

    The bootstrap can only widen an interval, and takes nearly all of the time: it is drawn where the interval of the
    shares alone would say kept.
    """
    tables, value = [(before, after)], float(after.right.mean() - before.right.mean())
    point = stats.Interval(value, value, value)
    as_copy = not_too_sure(Metric(), point, tables, independent_changes(before, after)).low > -margin
    if not as_copy or compare(Metric(), before, after, 0, 0.05).gain.low <= -margin:
        return False, False
    return True, not_too_sure(Metric(), point, tables).low > -margin


def shares(mean: float, gathered: float, clusters: int, generator: np.random.Generator) -> np.ndarray:
    """A share of changed answers for each cluster."""
    if not mean or not gathered:
        return np.full(clusters, mean)
    spread = (1 - gathered) / gathered
    return generator.beta(mean * spread, (1 - mean) * spread, clusters)


def answers(right: np.ndarray, groups: tuple[str, ...]) -> Predictions:
    """Right and wrong ones, in clusters."""
    none = np.full(len(right), -1)
    return Predictions(none, none, right.astype(float), np.ones(len(right)), (), groups, ())


def text(rows: list[dict[str, Any]], copies: list[dict[str, Any]]) -> str:
    """The table of docs/statistics.md."""
    lines = ["| questions | margin | broke, fixed | called kept, % | by the bootstrap alone, % |", "|---" * 5 + "|"]
    for r in rows:
        asked = f"{r['n']:,}" + (f", {r['n'] // r['size']} clusters" if r["size"] > 1 else "")
        changed = f"{r['margin'] + r['fixed']:.2f}, {r['fixed']:.2f}"
        figures = " | ".join(f"{100 * r[key]:.1f}" for key in ("kept", "bootstrap"))
        lines.append(f"| {asked} | {r['margin']:.2f} | {changed} | {figures} |")
    columns = ["copies: a cluster has", "intraclass correlation", "broke, fixed", "called kept, %"]
    lines += ["", f"| {' | '.join(columns)} | by retention's test, % |", "|---" * 5 + "|"]
    for r in copies:
        changed = f"{r['margin'] + r['fixed']:.3f}, {r['fixed']:.3f}"
        figures = " | ".join(f"{100 * r[key]:.1f}" for key in ("kept", "as_retention"))
        lines.append(f"| {r['size']} | {r['gathered']:g} | {changed} | {figures} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
