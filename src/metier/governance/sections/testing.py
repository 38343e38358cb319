"""How many tests were made, and how often the test questions were used."""

from collections.abc import Iterator

from metier.evaluation.openings import openings
from metier.evaluation.reasons import say_p
from metier.governance.material import Material
from metier.governance.references import OUTCOMES
from metier.governance.values import Fact, Filled, Heading, Table
from metier.runs.history import REPORT

HEADING = Heading(key="testing", title="Multiple testing", annex_iv=("2(g)",), sr_11_7=(OUTCOMES,))
CACHE = "openings/ in Metier's cache on the machine that made this dossier"


def fill(material: Material) -> Filled:
    """Holm's adjustment, the openings of each test set, and the verdicts that were computed."""
    return Filled(
        facts=(*_facts(material),),
        tables=(_p_values(material),),
        notes=("Slices, key figures and the metrics that do not decide are not adjusted. Nothing rests on them.",),
        to_add=("whether these test questions were used to choose settings elsewhere, or on another machine",),
    )


def _facts(material: Material) -> Iterator[Fact]:
    tests = len(material.verdict.benchmarks)
    adjusted = f"Holm, over {tests} test set{'s' if tests > 1 else ''}"
    yield Fact(name="Adjustment", value=adjusted, source="plan.json, verdict.json")
    for benchmark in material.answers.judging.benchmarks:
        opened = openings(benchmark)
        said = opened.sentence if opened else "Not counted on this machine."
        yield Fact(name=f"Openings of {benchmark.name}", value=said, source=CACHE)
    reports = sum(entry.get("event") == REPORT for entry in material.history.entries)
    yield Fact(name="Verdicts computed from these answers", value=f"{reports:,}", source="history.jsonl")


def _p_values(material: Material) -> Table:
    rows = []
    for entry in material.verdict.benchmarks:
        over = entry.gain_over_baseline
        values = (entry.p, entry.p_holm, over.p if over else None, entry.p_ship)
        rows.append((entry.name, entry.test, *("none" if p is None else say_p(p) for p in values), str(entry.state)))
    columns = ("test set", "test", "over base", "over base, adjusted", "over baseline", "both, adjusted", "result")
    return Table(title="p-values", columns=columns, rows=tuple(rows), source="verdict.json")
