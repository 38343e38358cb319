"""What was planned, and what was decided."""

from collections.abc import Iterator

from metier.evaluation.insight import Insight
from metier.evaluation.reasons import rule, say_p
from metier.evaluation.results import BenchmarkResult, Figure
from metier.governance.material import SEEDS, Material
from metier.governance.references import OUTCOMES, SOUNDNESS
from metier.governance.values import Fact, Filled, Heading, Table
from metier.reporting.filters import figure, signed
from metier.runs.history import PLAN

HEADING = Heading(key="decision", title="Plan and verdict", annex_iv=("2(g)", "3", "4"), sr_11_7=(SOUNDNESS, OUTCOMES))
VERDICT = "verdict.json"


def fill(material: Material) -> Filled:
    """The sealed plan, the rule, the decision with its reasons, and the figures behind it."""
    return Filled(
        facts=(*_plan(material), *_decision(material)),
        tables=(_results(material), *_insights(material)),
        notes=(
            "Base model, baseline and tuned model answered the same questions in the same way. In brackets: 95 % "
            "confidence intervals.",
        ),
        to_add=("why the deciding metric and the required gain suit the use of the model",),
    )


def _plan(material: Material) -> Iterator[Fact]:
    plan, sealed = material.plan, material.history.first(PLAN)
    if plan is None:
        yield Fact(name="Plan", value="There is no sealed plan.", source="plan.json")
        return
    yield Fact(name="Rule", value=rule(plan.min_gain, plan.alpha, plan.margin), source="plan.json")
    yield Fact(name="Plan sealed", value=plan.date, source="plan.json")
    entered = str(sealed["time"]) if sealed else "no entry"
    yield Fact(name="Plan entered into the history", value=entered, source="history.jsonl")
    settled = "; ".join(f"{key}: {value}" for key, value in plan.settled().items())
    yield Fact(name="All that was fixed in the plan", value=settled, source="plan.json")


def _decision(material: Material) -> Iterator[Fact]:
    verdict = material.verdict
    yield Fact(name="Verdict", value=verdict.shown, source=VERDICT)
    status = " ".join(verdict.exploratory) or "No. Everything is as it was planned."
    yield Fact(name="Exploratory?", value=status, source=VERDICT)
    for number, reason in enumerate(verdict.reasons, start=1):
        yield Fact(name=f"Reason {number}", value=reason, source=VERDICT)
    if seeds := material.seeds:
        shown = f"{seeds.shown}: {' '.join(seeds.reasons)}"
        yield Fact(name=f"By the mean of {len(seeds.seeds)} trainings", value=shown, source=SEEDS)


def _results(material: Material) -> Table:
    rows = tuple(row for entry in material.verdict.benchmarks for row in _of_benchmark(entry))
    columns = ("test set", "metric", "questions", "base", "baseline", "tuned", "gain over base", "p")
    return Table(title="Results", columns=columns, rows=rows, source=VERDICT)


def _of_benchmark(entry: BenchmarkResult) -> Iterator[tuple[str, ...]]:
    for row in entry.metrics:
        gain = f"{signed(row.gain.value)} ({signed(row.gain.low)} to {signed(row.gain.high)})"
        models = (row.base, row.baseline, row.tuned)
        yield (entry.name, row.metric, f"{entry.n:,}", *map(_shown, models), gain, say_p(row.p))


def _shown(it: Figure | None) -> str:
    if it is None:
        return "none"
    if it.low is None or it.high is None:
        return figure(it.value)
    return f"{figure(it.value)} ({figure(it.low)} to {figure(it.high)})"


def _insights(material: Material) -> Iterator[Table]:
    rows = tuple(
        (row.benchmark, row.what, Insight(**row.model_dump(exclude={"benchmark"})).shown, row.note)
        for row in material.verdict.insights
    )
    if rows:
        columns = ("test set", "key figure", "value", "note")
        yield Table(title="Key figures", columns=columns, rows=rows, source=VERDICT)
