"""What the tests could find at all."""

from metier.governance.material import Material
from metier.governance.references import OUTCOMES, SOUNDNESS
from metier.governance.values import Filled, Heading, Table
from metier.reporting.filters import capital_power, figure

HEADING = Heading(key="power", title="Power of the tests", annex_iv=("2(g)", "4"), sr_11_7=(SOUNDNESS, OUTCOMES))


def fill(material: Material) -> Filled:
    """The minimum detectable effect of the comparison that decides, for each test set."""
    rows, sentences = [], []
    for entry in material.verdict.benchmarks:
        if (deciding := entry.deciding) is None:
            continue
        against = "the base model" if deciding.against == "base" else entry.baseline_name or "the baseline"
        needed = "no number would" if deciding.n_required is None else f"{deciding.n_required:,}"
        found = map(figure, (deciding.alpha, deciding.minimum_detectable_effect, deciding.gain_sought))
        rows.append((entry.name, against, *found, f"{entry.n:,}", f"{entry.clusters:,}", needed))
        sentences.append(f"{entry.name}: {capital_power(entry)}.")
    columns = (
        "test set",
        "compared with",
        "level",
        "minimum detectable effect",
        "gain sought",
        "questions",
        "groups",
        "questions that would decide",
    )
    table = Table(title="The comparison that decides", columns=columns, rows=tuple(rows), source="verdict.json")
    explained = "The minimum detectable effect is the true gain that the test finds in four cases of five (80 % power)."
    return Filled(tables=(table,), notes=(explained, *sentences))
