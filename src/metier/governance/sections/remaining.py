"""What Annex IV and SR 11-7 ask for and no file of a run can say."""

from metier.governance.material import Material
from metier.governance.references import GOVERNANCE, SOUNDNESS
from metier.governance.values import Filled, Heading

HEADING = Heading(
    key="remaining",
    title="What only people can add",
    annex_iv=("1(b)", "1(d)", "1(f)", "1(g)", "1(h)", "5", "7", "8"),
    sr_11_7=(SOUNDNESS, GOVERNANCE),
)
TO_ADD = (
    "the hardware and software that the model works with (Annex IV 1(b)), and the forms in which it is supplied (1(d))",
    "pictures of the product, where the model is a part of one (1(f))",
    "the user interface (1(g)) and the instructions for use (1(h))",
    "the risk management: known risks, measures, what risk remains (5)",
    "the harmonized standards that were applied, or what was done instead (7)",
    "the EU declaration of conformity, where one is required (8)",
    "whether the AI Act counts this use as high-risk, and who decided that",
    "the validation by persons who neither built nor own the model, with their findings (SR 11-7, V)",
    "the model's entry in the inventory, its risk tier, and who approved its use (SR 11-7, VI)",
)


def fill(material: Material) -> Filled:
    """The items, whatever the run."""
    return Filled(notes=("A run's files say nothing about these points.",), to_add=TO_ADD)
