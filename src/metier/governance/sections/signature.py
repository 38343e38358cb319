"""Who answers for the model, and what their signature pins."""

from metier.governance.material import Material
from metier.governance.references import GOVERNANCE
from metier.governance.values import Fact, Filled, Heading
from metier.runs.files import file_sha256

HEADING = Heading(key="signature", title="Signatures", annex_iv=("2(g)",), sr_11_7=(GOVERNANCE,))
PINNED = ("verdict.json", "plan.json", "lock.json")


def fill(material: Material) -> Filled:
    """Owner and reviewer, and the hashes that stand on the signed page."""
    texts = material.texts
    people = {"Owner": texts.owner, "Reviewer": texts.reviewer}
    facts = [Fact(name=who, value=name, source="recipe.yaml") for who, name in people.items() if name]
    facts.append(Fact(name="Head of the history", value=material.history.head, source="history.jsonl"))
    facts += [
        Fact(name=f"SHA-256 of {name}", value=file_sha256(material.run.folder / name), source=name)
        for name in PINNED
        if (material.run.folder / name).is_file()
    ]
    to_add = [f"the {who.lower()} (key `{who.lower()}` in recipe.yaml)" for who, name in people.items() if not name]
    return Filled(
        facts=tuple(facts),
        notes=(
            "The head of the history is the hash of its newest line. With it on signed paper, no line of the history, "
            "no plan and no verdict can be exchanged later without a difference to this page.",
        ),
        to_add=(*to_add, "date and signature of owner and reviewer"),
    )
