"""How many answers people found right, and of which rows that can be said."""

from collections import Counter
from typing import Literal

import numpy as np

from metier.evaluation import sequential, stats
from metier.evaluation.results import Figure
from metier.monitoring.collect import Collection
from metier.monitoring.results import AccuracyResult, AlarmResult, AlarmState

COMPLETE = 0.95
"""Share of rows looked at from which on they count as all of them."""
ROUNDED = 1e-4
"""Certainties in a file of answers have four digits."""
ALPHA = {"sent": 0.015, "others": 0.015, "labels": 0.01, "certainty": 0.01}
"""Divides the 5 % of false alarms among the alarms. Where no row says whether it goes to review, there is one alarm of
accuracy in place of two."""
ALPHA_OF_ALL = ALPHA["sent"] + ALPHA["others"]
NAMES: dict[str, Literal["sent to review", "others", "all rows"]] = {
    "sent": "sent to review",
    "others": "others",
    "all": "all rows",
}


def accuracies(given: Collection, at_random: bool) -> tuple[list[AccuracyResult], list[AlarmResult], Figure | None]:
    """Of rows sent to review, of the others, and (inverse-probability weighted) of all of them.

    `at_random`: whether reviewed rows were drawn at random by somebody else.
    """
    results, alarms, parts = [], [], []
    for kind in [kind for kind in NAMES if given.of_kind[kind]]:
        counted, note = _counted(given, kind, at_random)
        result = _result(given, kind, counted, note)
        results.append(result)
        alarms.append(_alarm(given, kind, counted, result))
        parts.append((given.of_kind[kind] / given.answered, result))
    if not parts or any(part.accuracy is None for _, part in parts):
        return results, alarms, None
    return results, alarms, _weighted(parts)


def _counted(given: Collection, kind: str, at_random: bool) -> tuple[str, str]:
    """(which reviewed rows stand for all of a kind, what there is to say about them)."""
    reviewed = _reviewed(given)[kind]
    if at_random or complete(given, kind):
        return kind, ""
    sampled = f"{kind}, sampled"
    return sampled, (
        f"Of the {reviewed:,} that people looked at, the {_reviewed(given)[sampled]:,} that to_label.csv asked for at "
        "random are counted. The others were not drawn at random."
    )


def complete(given: Collection, kind: str) -> bool:
    """Whether so many rows of a kind were looked at that they stand for all."""
    return _reviewed(given)[kind] >= COMPLETE * given.of_kind[kind]


def _reviewed(given: Collection) -> Counter[str]:
    return sum((look.reviewed for look in given.looks), Counter[str]())


def _result(given: Collection, kind: str, counted: str, note: str) -> AccuracyResult:
    n = _reviewed(given)[counted]
    right = sum(look.right[counted] for look in given.looks)
    test_right, test_n = _test(given, kind)
    return AccuracyResult(
        of=NAMES[kind],
        rows=given.of_kind[kind],
        looked_at=_reviewed(given)[kind],
        counted=n,
        accuracy=Figure.of(stats.wilson(right, n)) if n else None,
        test=Figure.of(stats.wilson(test_right, test_n)) if test_n else None,
        note=note,
    )


def _test(given: Collection, kind: str) -> tuple[float, float]:
    """(right, all) test answers of the same kind: those that would have been sent to review, or the others."""
    reference = given.reference
    if kind == "all":
        return reference.right(np.ones(len(reference.table.answers), dtype=bool))
    if reference.no_certainty or given.highest_sent > given.lowest_kept + ROUNDED:
        return 0.0, 0.0
    low, high = given.highest_sent, given.lowest_kept
    cut = high if not np.isfinite(low) else low if not np.isfinite(high) else (low + high) / 2
    sent = reference.certainty < cut if np.isfinite(high) else reference.certainty <= cut
    return reference.right(sent if kind == "sent" else ~sent)


def _alarm(given: Collection, kind: str, counted: str, result: AccuracyResult) -> AlarmResult:
    title = {"sent": "Accuracy of rows sent to review", "others": "Accuracy of rows not sent to review"}.get(
        kind, "Accuracy of all rows"
    )
    alpha = ALPHA_OF_ALL if kind == "all" else ALPHA[kind]
    name = f"accuracy, {result.of}"
    if kind == "all" and given.of_kind["sent"] + given.of_kind["others"]:
        why = f"{result.rows:,} rows do not say whether they go to review. Those that do are judged by kind."
        return not_judged(name, title, alpha, why)
    if not result.counted or result.test is None:
        why = _nobody(result) if not result.counted else _no_test(given)
        return not_judged(name, title, alpha, why)
    looks = given.looks  # all of them: a label that comes later must not move the stakes of other days
    p = sequential.fall_of_accuracy(
        [look.right[counted] for look in looks], [look.reviewed[counted] for look in looks], *_test(given, kind)
    )
    alarm = sequential.Alarm(tuple(map(float, p)), alpha, latched=False)
    note = f"{result.counted:,} reviewed rows against {_test(given, kind)[1]:,.0f} test questions of the same kind."
    return judged(name, title, alarm, [look.name for look in looks], note)


def _nobody(result: AccuracyResult) -> str:
    if not result.looked_at:
        return "Nobody has looked at such rows yet."
    return (
        f"People looked at {100 * result.looked_at / result.rows:.0f} % of such rows, and none was drawn at random. "
        "Label those marked `random` in to_label.csv, or all."
    )


def _no_test(given: Collection) -> str:
    if given.reference.no_certainty:
        return given.reference.no_certainty
    if given.highest_sent > given.lowest_kept + ROUNDED:
        return "The cut-off for review changed within these rows. Monitor the rows of one cut-off at a time."
    return "The test has no question of this kind."


def judged(name: str, title: str, alarm: sequential.Alarm, days: list[str], note: str) -> AlarmResult:
    """An alarm as it stands now."""
    first = None if alarm.first is None else days[alarm.first]
    state: AlarmState = "on" if alarm.on else "off"
    return AlarmResult(name=name, title=title, state=state, p=alarm.p, alpha=alarm.alpha, first=first, note=note)


def not_judged(name: str, title: str, alpha: float, why: str) -> AlarmResult:
    return AlarmResult(name=name, title=title, state="not judged", p=None, alpha=alpha, first=None, note=why)


def _weighted(parts: list[tuple[float, AccuracyResult]]) -> Figure:
    """Each kind weighted by its share of rows, which is inverse-probability weighting by kind (Horvitz & Thompson
    1952). The interval is put together from those of the kinds (Zou & Donner 2008, Statistics in Medicine 27)."""
    value = low = high = 0.0
    for weight, part in parts:
        one = part.accuracy
        assert one and one.low is not None and one.high is not None
        value += weight * one.value
        low += (weight * (one.value - one.low)) ** 2
        high += (weight * (one.high - one.value)) ** 2
    return Figure(value=value, low=value - float(np.sqrt(low)), high=value + float(np.sqrt(high)))
