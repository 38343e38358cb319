"""How the model does on parts of the test."""

from collections import defaultdict
from collections.abc import Iterator

from metier.evaluation.answers import JUDGED, saved_as
from metier.evaluation.results import BenchmarkResult
from metier.evaluation.stats import wilson
from metier.governance.material import Material
from metier.governance.references import OUTCOMES
from metier.governance.values import Filled, Heading, Table
from metier.reporting.filters import figure, signed

HEADING = Heading(key="subgroups", title="Subgroups", annex_iv=("2(g)", "3"), sr_11_7=(OUTCOMES,))
MOST_LABELS = 50
"""Labels that are listed, the worst first."""
FEW = "too few questions"


def fill(material: Material) -> Filled:
    """Results by slice where the recipe names slices, and by right answer where answers are chosen."""
    entries = material.verdict.benchmarks
    sliced = [_slices(entry) for entry in entries if entry.slices]
    without = ", ".join(entry.name for entry in entries if not entry.slices)
    needed = "which groups of persons the answers affect, and whether they are served alike"
    named = f"; {without} has no `slices` in recipe.yaml, so results by group were not measured" if without else ""
    return Filled(
        tables=(*sliced, *_by_label(material)),
        notes=("Exploratory: there are many parts and their intervals are not adjusted. Nothing was decided by them.",),
        to_add=(needed + named,),
    )


def _slices(entry: BenchmarkResult) -> Table:
    rows = []
    for one in entry.slices:
        figures = (FEW, FEW, FEW)
        if one.base is not None and one.tuned is not None and one.gain is not None:
            gain = f"{signed(one.gain.value)} ({signed(one.gain.low)} to {signed(one.gain.high)})"
            figures = (figure(one.base), figure(one.tuned), gain)
        rows.append((f"{one.column}: {one.value}", f"{one.n:,}", *figures))
    columns = ("slice", "questions", "base", "tuned", "gain")
    return Table(title=f"Slices: {entry.name}", columns=columns, rows=tuple(rows), source="verdict.json")


def _by_label(material: Material) -> Iterator[Table]:
    for benchmark in material.answers.judging.benchmarks:
        if not benchmark.build_scorer().chooses:
            continue
        right: dict[str, list[bool]] = defaultdict(list)
        for answer in material.answers.of(JUDGED, benchmark.name):
            right[answer.gold].append(answer.value is not None and answer.value >= 1)
        shares = sorted((sum(given) / len(given), label) for label, given in right.items())
        rows = tuple(
            (label, f"{len(right[label]):,}", figure(share), _interval(right[label])) for share, label in shares
        )
        more = f", the {MOST_LABELS} lowest of {len(rows):,}" if len(rows) > MOST_LABELS else ", the lowest first"
        yield Table(
            title=f"By right answer: {benchmark.name}{more}",
            columns=("right answer", "questions", "share answered right", "95 % CI"),
            rows=rows[:MOST_LABELS],
            source=f"evaluate/{benchmark.name}/{saved_as(material.run, JUDGED, benchmark.name)}.jsonl",
        )


def _interval(right: list[bool]) -> str:
    """As if each question stood alone: for parts of a test a first look."""
    interval = wilson(sum(right), len(right))
    return f"{figure(interval.low)} to {figure(interval.high)}"
