"""What got worse, and how stable the result is."""

from collections.abc import Iterator

from metier.evaluation.reasons import of_retention
from metier.governance.material import SEEDS, Material
from metier.governance.references import OUTCOMES, SOUNDNESS
from metier.governance.values import Fact, Filled, Heading, Table
from metier.reporting.filters import figure, signed

HEADING = Heading(
    key="robustness", title="Robustness and forgetting", annex_iv=("2(g)", "2(h)", "3"), sr_11_7=(SOUNDNESS, OUTCOMES)
)
VERDICT = "verdict.json"


def fill(material: Material) -> Filled:
    """The checks of what must not be forgotten, answers that got worse, and the spread between trainings."""
    return Filled(
        facts=(*_facts(material),),
        tables=(*_retention(material),),
        notes=tuple(of_retention(entry) for entry in material.verdict.retention),
        to_add=(
            "tests with inputs that are meant to mislead the model, and the measures of cybersecurity around it",
            "what happens when the model gives no answer, or a wrong one",
        ),
    )


def _facts(material: Material) -> Iterator[Fact]:
    for entry in material.verdict.benchmarks:
        changed = f"{entry.fixed:,} answers fixed and {entry.broken:,} broken, of {entry.n:,}"
        yield Fact(name=f"Against the base model on {entry.name}", value=changed, source=VERDICT)
        unscored = ", ".join(f"{who} {count:,}" for who, count in entry.unscored.items())
        yield Fact(name=f"Unscored answers on {entry.name}", value=unscored or "none", source=VERDICT)
        truncated = f"{entry.truncated:,}"
        yield Fact(name=f"Prompts cut to the model's context on {entry.name}", value=truncated, source=VERDICT)
    if not material.verdict.retention:
        yield Fact(name="Forgetting", value="The recipe has no retention check: nothing is known.", source=VERDICT)
    yield from _trainings(material)


def _trainings(material: Material) -> Iterator[Fact]:
    if (seeds := material.seeds) is None:
        one = "One training. Another seed would give somewhat different figures; `metier run --seeds 3` tests the mean."
        yield Fact(name="Trainings", value=one, source="lock.json")
        return
    for entry in seeds.benchmarks:
        values = ", ".join(map(figure, entry.values))
        spread = f"; standard deviation {figure(entry.spread)}" if entry.spread is not None else ""
        yield Fact(name=f"{entry.metric} on {entry.name} by seed", value=values + spread, source=SEEDS)


def _retention(material: Material) -> Iterator[Table]:
    rows = []
    for entry in material.verdict.retention:
        change = f"{signed(entry.change.value)} ({signed(entry.change.low)} to {signed(entry.change.high)})"
        margin = "none, monitored" if entry.margin is None else f"{entry.margin:g}"
        figures = (figure(entry.base), figure(entry.tuned), change, margin, entry.state)
        rows.append((f"{entry.name}, {entry.metric} ({entry.unit})", f"{entry.n:,}", *figures))
    if rows:
        columns = ("check", "questions", "base", "tuned", "worsening (95 % CI)", "margin", "result")
        yield Table(title="What must not be forgotten", columns=columns, rows=tuple(rows), source=VERDICT)
