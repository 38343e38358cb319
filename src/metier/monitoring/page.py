"""monitor.html: what was found, for people."""

from collections.abc import Sequence

import numpy as np

from metier.monitoring.results import DayResult, Monitoring
from metier.reporting.pages import template

MOST_POINTS = 400
"""Days of a picture; of more, those next to each other are drawn as one."""


def monitor_page(found: Monitoring) -> str:
    """The page, in one file."""
    page: str = template("monitor.html").render(found=found, picture=_picture(found), state=state(found))
    return page


def state(found: Monitoring) -> str:
    return "ALARM" if found.ringing else "QUIET"


def sentences(found: Monitoring) -> list[str]:
    """What it comes to, for the command line."""
    lines = [f"{state(found)}: {found.rows:,} rows of '{found.benchmark}', {found.answered:,} answered."]
    for alarm in found.alarms:
        said = {"on": f"ON since {alarm.first}", "off": "off", "not judged": f"not judged. {alarm.note}"}[alarm.state]
        lines.append(f"- {alarm.title}: {said}" + (f" (p {alarm.p:.2g})" if alarm.p is not None else ""))
    lines += [f"- {missing}" for missing in found.missing]
    if found.rejected:
        first = found.rejected_examples[0]
        lines.append(f"- {found.rejected:,} broken rows were left out. The first: {first.place} {first.why}")
    if found.dataset:
        lines += ["", found.dataset.recipe.rstrip(), "", f"Next: {found.dataset.command}"]
    return lines


def _picture(found: Monitoring) -> object:
    """Certainty, review and accuracy by day; None where there is one day, or nothing to draw."""
    days = _joined(found.days)
    test = next((one.test for one in found.drift if one.name == "certainty"), None)
    rows = [
        ("Mean certainty", [day.certainty for day in days], test),
        ("Share sent to review", [day.sent for day in days], found.promised_review),
        (
            "Share right, of rows that people looked at",
            [d.right / d.looked_at if d.looked_at else None for d in days],
            None,
        ),
    ]
    drawn = [row for row in rows if sum(value is not None for value in row[1]) > 1]
    if not drawn:
        return None
    from markupsafe import Markup

    from metier.reporting.figures.days import over_days

    # Our own picture; the names of days in it were parsed as dates.
    return Markup(over_days([day.day for day in days], drawn, "Certainty, review and accuracy by day"))


def _joined(days: Sequence[DayResult]) -> list[DayResult]:
    if len(days) <= MOST_POINTS:
        return list(days)
    parts = np.array_split(np.arange(len(days)), MOST_POINTS)
    return [_one([days[at] for at in part]) for part in parts]


def _one(days: Sequence[DayResult]) -> DayResult:
    def mean(values: Sequence[tuple[float | None, int]]) -> float | None:
        known = [(value, n) for value, n in values if value is not None and n]
        return sum(value * n for value, n in known) / sum(n for _, n in known) if known else None

    return DayResult(
        day=days[0].day,
        rows=sum(day.rows for day in days),
        certainty=mean([(day.certainty, day.rows) for day in days]),
        sent=mean([(day.sent, day.rows) for day in days]),
        looked_at=sum(day.looked_at for day in days),
        right=sum(day.right for day in days),
    )
