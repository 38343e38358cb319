"""Alarms of `metier monitor` that are looked at every day: how often they are false, and how soon they ring.

Histories are simulated: each has a test of its own, whose accuracy is as uncertain as a real one, and days of 50
reviewed rows. Without a change the alarms may ring in at most 5 % of histories of 1,000 days, all alarms together. With
a change, accuracy falls from .85 to .80, on the first day or after 100 days.

Other bets are measured beside ours, with the accuracy before the change known exactly: a mixture of sizes that all
begin on the first day, and an adaptive bet (Waudby-Smith & Ramdas 2024). So are other ways to include the uncertainty
of the test, and a fixed-sample test: the days that it takes when it is looked at once, and its false alarms when it is
looked at every day. --check exits with 1 where ours has more than 5 % of false alarms, by two standard errors.
"""

import argparse
import json
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import beta, binom

from metier.evaluation.sequential import CELLS, drift, e_values, fall_of_accuracy, log_factors
from metier.monitoring.accuracy import ALPHA
from metier.runs import run as runs

ACCURACY, FALL, A_DAY = 0.85, 0.05, 50
TESTS = (500, 1000, 3000)
TOTAL = sum(ALPHA.values())
LATE, BEHIND = 100, 200
"""Days before the later fall, and days that are looked at behind a fall."""
Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 histories of 120 days instead of 1,000 of 1,000")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(*((40, 120) if arguments.quick else (1000, 1000)))
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy")}, "machine": runs.processor()}
    print(json.dumps({**figures, **made_with}) if arguments.json else text(figures))
    if arguments.check and figures["missed"]:
        raise SystemExit(1)


def measure(histories: int, days: int) -> dict[str, Any]:
    """False alarms, days until an alarm, and the same of other ways."""
    generator = np.random.default_rng(0)
    quiet = [false_alarms(generator, histories, days, test) for test in TESTS]
    late, behind = min(LATE, days // 2), min(BEHIND, days)
    begins = {0: behind, late: late + behind}  # first day of the fall -> days that are looked at
    changed = [days_until(generator, histories, all_, test, begin) for begin, all_ in begins.items() for test in TESTS]
    others = [row for begin, all_ in begins.items() for row in other_bets(generator, histories, all_, begin)]
    tests = [row for begin, all_ in begins.items() for row in other_ways(generator, histories, all_, begin)]
    allowed = TOTAL + 2 * np.sqrt(TOTAL * (1 - TOTAL) / histories)
    return {
        "histories": histories,
        "days": days,
        "false_alarms": quiet,
        "changed": changed,
        "other_bets": others,
        "other_tests": tests,
        "label_shift": shifted(generator, min(histories, 200), min(days, 200)),
        "fixed": fixed_sample(generator, histories, days),
        "missed": bool(any(row["all"] > allowed for row in quiet)),
    }


def false_alarms(generator: np.random.Generator, histories: int, days: int, test: int) -> dict[str, Any]:
    """Shares of histories without change in which an alarm rings on any day."""
    n = np.full((histories, days), A_DAY)
    rang = {}
    for kind in ("sent", "others"):
        passed = generator.binomial(test, ACCURACY, size=histories)
        p = fall_of_accuracy(generator.binomial(n, ACCURACY), n, passed, test)
        rang[kind] = (p <= ALPHA[kind]).any(-1)
    for kind in ("labels", "certainty"):
        cells = generator.multinomial(A_DAY, np.full(CELLS, 1 / CELLS), size=(histories, days))
        rang[kind] = (drift(cells) <= ALPHA[kind]).any(-1)
    either = np.logical_or.reduce(list(rang.values()))
    return {"test": test, "all": float(either.mean()), **{kind: float(one.mean()) for kind, one in rang.items()}}


def falling(generator: np.random.Generator, histories: int, days: int, begin: int) -> tuple[Any, Any]:
    """(right, rows) of each day, with a fall behind `begin` days."""
    accuracy = np.where(np.arange(days) < begin, ACCURACY, ACCURACY - FALL)
    n = np.full((histories, days), A_DAY)
    return generator.binomial(n, accuracy), n


def days_until(generator: np.random.Generator, histories: int, days: int, test: int, begin: int) -> dict[str, Any]:
    """Days from the fall to the alarm."""
    right, n = falling(generator, histories, days, begin)
    passed = generator.binomial(test, ACCURACY, size=histories)
    p = fall_of_accuracy(right, n, passed, test)
    return {"test": test, "begin": begin, **waits(p <= ALPHA["sent"], begin)}


def waits(on: NDArray[np.bool_], begin: int) -> dict[str, Any]:
    """Median and 90th percentile, None where fewer than that ring at all; the share that rings."""
    rings = on.any(-1)
    first = np.where(rings, on.argmax(-1) + 1 - begin, np.inf)
    found = [float(np.quantile(first, q, method="higher")) for q in (0.5, 0.9)]
    median, ninety = (None if not np.isfinite(one) else int(one) for one in found)
    return {"median": median, "ninety": ninety, "rings": float(rings.mean())}


def other_bets(generator: np.random.Generator, histories: int, days: int, begin: int) -> list[dict[str, Any]]:
    """E-processes against a known accuracy."""
    counts, n = falling(generator, histories, days, begin)
    right, rows = counts.T.astype(float), n.T.astype(float)
    factors = log_factors(right, rows, np.array(ACCURACY))
    together = np.exp(np.minimum(np.cumsum(factors, axis=0), 600)).mean(axis=1)
    bets = {
        "mixture of sizes and first days (ours)": e_values(factors),
        "mixture of sizes from the first day": together,
        "adaptive bet on all earlier days": adaptive(right, rows, np.inf),
        "adaptive bet on the last 10 days": adaptive(right, rows, 10),
    }
    return [{"way": way, "begin": begin, **waits((bet >= 1 / ALPHA["sent"]).T, begin)} for way, bet in bets.items()]


def adaptive(right: Floats, rows: Floats, memory: float) -> Floats:
    """Each day bets on the accuracy of earlier days, those long ago weighted less; on no fall where they show none."""
    seen, wrong = np.full(right.shape[1:], 20 * ACCURACY), np.full(right.shape[1:], 20 * (1 - ACCURACY))
    keep, log, found = np.exp(-1 / memory), np.zeros(right.shape[1:]), []
    for day, n in zip(right, rows, strict=True):
        told = np.minimum(seen / (seen + wrong), ACCURACY)
        log = log + day * np.log(told / ACCURACY) + (n - day) * np.log((1 - told) / (1 - ACCURACY))
        found.append(np.exp(np.minimum(log, 600)))
        seen, wrong = keep * seen + day, keep * wrong + n - day
    return np.array(found)


def other_ways(generator: np.random.Generator, histories: int, days: int, begin: int) -> list[dict[str, Any]]:
    """Other ways to include that a test of 1,000 questions does not know its accuracy."""
    test = 1000
    counts, n = falling(generator, histories, days, begin)
    passed, alpha = generator.binomial(test, ACCURACY, size=histories), ALPHA["sent"]
    right, rows = counts.T.astype(float), n.T.astype(float)
    found = {"every accuracy, Fisher's method (ours)": fall_of_accuracy(counts, n, passed, test) <= alpha}
    for part in (0.2, 0.5):
        low = beta.ppf(part * alpha, passed, test - passed + 1)
        bound = e_values(log_factors(right, rows, low)) >= 1 / (alpha * (1 - part))
        found[f"lower bound of the test at {part:g} of alpha"] = bound.T
    # Universal inference (Wasserman et al. 2020, PNAS): two accuracies against the best single one.
    tried = expit(
        logit(np.clip(beta.ppf(np.linspace(1e-4, 0.99, 25)[:, None], passed, test - passed + 1), 0, 1 - 1e-9))
    )
    least = np.full(rows.shape, np.inf)
    for accuracy in tried:
        against = passed * np.log(passed / test / accuracy) + (test - passed) * np.log(
            (1 - passed / test) / (1 - accuracy)
        )
        least = np.minimum(
            least, e_values(log_factors(right, rows, accuracy)) * np.exp(against) / np.sqrt(np.pi * test / 2)
        )
    found["universal inference"] = (least >= 1 / alpha).T
    return [{"way": way, "begin": begin, "test": test, **waits(on, begin)} for way, on in found.items()]


def shifted(generator: np.random.Generator, histories: int, days: int) -> dict[str, Any]:
    """Days until the label alarm, where one of five labels rises from 20 to 30 %; 1,000 test questions, 200 rows a day.

    Ranks are those of `Ranks`: of a row among the test and all rows before it."""
    from metier.evaluation.sequential import Ranks, in_cells

    cells = np.zeros((histories, days, CELLS))
    for history in range(histories):
        ranks = Ranks(generator.choice(5, size=1000), 5, history)
        for day in range(days):
            new = generator.choice(5, size=200, p=[0.3, 0.175, 0.175, 0.175, 0.175])
            cells[history, day] = in_cells(ranks.of(new))
    return waits(drift(cells) <= ALPHA["labels"], 0)


def fixed_sample(generator: np.random.Generator, histories: int, days: int) -> dict[str, Any]:
    """The exact binomial test at the same alpha against a known accuracy: days that it takes in half and in 90 % of
    cases when it is looked at once, and how often it is false when it is looked at every day."""
    alpha, rows = ALPHA["sent"], A_DAY * np.arange(1, 400)
    critical = binom.ppf(alpha, rows, ACCURACY) - 1
    power = binom.cdf(critical, rows, ACCURACY - FALL)
    once = {name: int(np.argmax(power >= q)) + 1 for name, q in (("median", 0.5), ("ninety", 0.9))}
    n = A_DAY * np.arange(1, days + 1)
    seen = np.cumsum(generator.binomial(A_DAY, ACCURACY, size=(histories, days)), axis=1)
    rang = (binom.cdf(seen, n, ACCURACY) <= alpha).any(-1)
    return {**once, "false_alarms_looking_daily": float(rang.mean())}


def text(figures: dict[str, Any]) -> str:
    """Tables in Markdown."""
    lines = [
        f"{figures['histories']:,} histories of {figures['days']:,} days, {A_DAY} reviewed rows a day\n",
        "| test questions | histories with a false alarm, % | sent | others | labels | certainty |",
        "|---|---|---|---|---|---|",
    ]
    for row in figures["false_alarms"]:
        cells = [f"{100 * row[key]:.1f}" for key in ("all", *ALPHA)]
        lines.append(f"| {row['test']:,} | {' | '.join(cells)} |")
    lines += [
        f"\n| accuracy falls by 5 points | median days | 90 % | rings within {BEHIND} days |",
        "|---|---|---|---|",
    ]
    for row in figures["changed"]:
        lines.append(_waits(f"{row['test']:,} test questions, after {row['begin']} days", row))
    for row in [*figures["other_bets"], *figures["other_tests"]]:
        known = f"{row['test']:,} test questions" if "test" in row else "accuracy known"
        lines.append(_waits(f"{row['way']}, {known}, after {row['begin']} days", row))
    lines.append(_waits("a label rises from 20 to 30 %, 1,000 test questions, 200 rows a day", figures["label_shift"]))
    one = figures["fixed"]
    lines.append(
        f"\nFixed-sample test, accuracy known: {one['median']} days (90 %: {one['ninety']}) looked at once; looked "
        f"at every day it is false in {100 * one['false_alarms_looking_daily']:.1f} % of histories."
    )
    return "\n".join(lines)


def _waits(what: str, row: dict[str, Any]) -> str:
    median, ninety = (f"{row[key]:,}" if row[key] is not None else "–" for key in ("median", "ninety"))
    return f"| {what} | {median} | {ninety} | {100 * row['rings']:.0f} % |"


if __name__ == "__main__":
    main()
