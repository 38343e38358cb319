"""Is the mean over a few trainings tested honestly? Trainings of a model that gains nothing, judged as `--seeds` does.

Chance in the questions has a standard error of 1 here, and each training misses the truth by luck of its own, whose
spread is a multiple of that. A difference is called where p < .05; 95 % intervals hold the truth in all other samples.
--check exits with 1 where more than 6 % are called different, by more than the simulation's own error (three standard
errors). The way before (trainings drawn with replacement, degrees of freedom of the questions alone) stands beside it.
"""

import argparse
import json
import sys
from importlib.metadata import version

import numpy as np

from metier.evaluation import stats
from metier.runs import run as runs

CLUSTERS, DRAWS, BOUND = 250, 2000, 0.06
TRAININGS, LUCK = (2, 3, 5), (0.1, 0.9, 1.8, 9.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="200 samples")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    samples = 200 if arguments.quick else arguments.samples
    rows = [called(trainings, luck, samples) for trainings in TRAININGS for luck in LUCK]
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy")}, "machine": runs.processor()}
    print(json.dumps({"rows": rows, **made_with}) if arguments.json else text(rows))
    bound = BOUND + 3 * np.sqrt(BOUND * (1 - BOUND) / samples)
    if arguments.check and any(row["called"] > bound for row in rows):
        sys.exit(1)


def called(trainings: int, luck: float, samples: int) -> dict[str, float]:
    """The share of samples without a true gain in which one, or a loss, is seen."""
    generator, seen = np.random.default_rng(trainings), np.zeros(2)
    narrow = np.sqrt((CLUSTERS - 1) / CLUSTERS)  # by which draws of clusters vary too little
    for _ in range(samples):
        gains = generator.normal() + luck * generator.normal(size=trainings)
        questions = narrow * generator.normal(size=DRAWS)
        _, p = stats.over_trainings(gains, gains.mean() + questions, CLUSTERS)
        drawn = gains[generator.integers(trainings, size=(DRAWS, trainings))].mean(1)
        seen += p < 0.05, stats.bootstrap_p(float(gains.mean()), drawn + questions, CLUSTERS) < 0.05
    now, before = (float(share) for share in seen / samples)
    return {"trainings": trainings, "luck": luck, "called": now, "before": before}


def text(rows: list[dict[str, float]]) -> str:
    """The table of docs/statistics.md."""
    lines = [
        "| trainings | spread of one, in standard errors of the questions | called, % | before, % |",
        "|---" * 4 + "|",
    ]
    return "\n".join(
        lines
        + [f"| {r['trainings']} | {r['luck']} | {100 * r['called']:.1f} | {100 * r['before']:.1f} |" for r in rows]
    )


if __name__ == "__main__":
    main()
