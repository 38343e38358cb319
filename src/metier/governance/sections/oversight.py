"""Which answers a person looks at."""

from collections.abc import Iterator, Sequence

import numpy as np

from metier.evaluation import certainty, risk
from metier.evaluation.answers import BLEND, JUDGED, JUDGED_HELD_OUT, REVIEW, saved_as
from metier.evaluation.predictions import Floats, Predictions
from metier.governance.material import Material
from metier.governance.references import DEVELOPMENT, OUTCOMES
from metier.governance.values import Fact, Filled, Heading, Table
from metier.reporting.filters import figure
from metier.serving.review import learn_temperature

HEADING = Heading(key="oversight", title="Human oversight", annex_iv=("2(e)", "3"), sr_11_7=(DEVELOPMENT, OUTCOMES))
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5)
"""Of the answers, that a person would look at: the least sure ones."""
PROMISED = (0.02, 0.05, 0.1)
"""Shares of wrong answers among those that nobody reviews, for which a cut-off is sought."""


def fill(material: Material) -> Filled:
    """How right the answers are that nobody reviews, and the cut-offs that held-out rows support."""
    tables, facts = list[Table](), list[Fact]()
    for benchmark in material.answers.judging.benchmarks:
        tables += _on_the_test(material, benchmark.name)
        # The further rows that `metier predict` asks are answered by the model alone, so they say nothing of a mixture.
        mixed = saved_as(material.run, JUDGED, benchmark.name) == BLEND
        asked = (JUDGED_HELD_OUT,) if mixed else (REVIEW, JUDGED_HELD_OUT)
        held_out = next((who for who in asked if material.answers.of(who, benchmark.name)), None)
        if held_out and (found := _cut_offs(material, benchmark.name, held_out)):
            tables.append(found)
        elif not held_out:
            why = "No answers to held-out rows are saved, so no cut-off is chosen here. `metier predict` chooses one."
            facts.append(Fact(name=f"Cut-off for {benchmark.name}", value=why, source="evaluate/"))
    return Filled(
        facts=tuple(facts),
        tables=tuple(tables),
        notes=(
            "`metier predict RUN FILE --max-error 0.05` sends unsure answers to a person, so that with 90 % confidence "
            "at most 5 % of the others are wrong; `--review 0.2` sends the least sure fifth. The cut-off is chosen on "
            "up to 2,000 held-out rows, never on the test.",
        ),
        to_add=(
            "which share of answers a person looks at, or which error is promised, and who these persons are",
            "how a person overrules an answer, and who may stop the model",
        ),
    )


def _on_the_test(material: Material, name: str) -> Iterator[Table]:
    table = material.answers.table(JUDGED, name)
    sure = _certainties(table)
    known = ~np.isnan(sure)
    if not known.all() or not len(sure):
        return
    order, right = np.argsort(-sure, kind="stable"), np.asarray(table.right, float)
    rows = []
    for share in SHARES:
        kept = order[: len(order) - round(share * len(order))]
        wrong = int((1 - right[kept]).sum())
        rows.append((f"{100 * share:.0f} %", f"{len(kept):,}", figure(float(right[kept].mean())), f"{wrong:,}"))
    columns = ("reviewed: the least sure", "answers that nobody reviews", "of these right", "of these wrong")
    title, source = (
        f"Review on the test questions: {name}",
        f"evaluate/{name}/{saved_as(material.run, JUDGED, name)}.jsonl",
    )
    yield Table(title=title, columns=columns, rows=tuple(rows), source=source)


def _cut_offs(material: Material, name: str, who: str) -> Table | None:
    """What held-out rows can promise, as `metier predict` would; None where their answers have no certainty."""
    answers, table = material.answers, material.answers.table(who, name)
    temperature = learn_temperature(answers.of(JUDGED_HELD_OUT, name) or answers.of(who, name), answers.labels(name))
    sure = certainty.certainties(certainty.options(table)[0], temperature.value)
    if np.isnan(sure).all():
        return None
    rows = tuple(_promise(sure, table.right, error, table.groups) for error in PROMISED)
    return Table(
        title=f"Cut-offs from {len(sure):,} held-out rows: {name} (temperature {temperature.value:.2f})",
        columns=("wrong among answers that nobody reviews", "certainty from which no person looks", "share reviewed"),
        rows=rows,
        source=f"evaluate/{name}/{who}.jsonl",
    )


def _promise(sure: Floats, right: np.ndarray, max_error: float, groups: Sequence[str]) -> tuple[str, str, str]:
    found, wish = risk.cut_off_for_error(sure, right, max_error, groups), f"at most {100 * max_error:.0f} %"
    if isinstance(found, risk.Unmet):
        return wish, "none", f"cannot be promised: {found.why}"
    share = f"{100 * found.review.value:.1f} % (95 % CI {100 * found.review.low:.1f} to {100 * found.review.high:.1f})"
    return wish, figure(found.threshold), share


def _certainties(table: Predictions) -> Floats:
    return certainty.certainties(certainty.options(table)[0])
