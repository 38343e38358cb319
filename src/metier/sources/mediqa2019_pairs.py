"""MEDIQA 2019: of two answers to a patient's question, the one that experts graded higher."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """MEDIQA 2019: of two answers to a patient's question, the one that experts graded higher.

    Its licence is not named, so the step `licence` stops at it until the recipe allows it by these very words.
    """

    name: str = "mediqa2019_pairs"
    folder: str = "healthcare/mediqa2019_qa_preferences"
    prefix: str = "pairs_"
    labelled: bool = False
    pairs: bool = True
    licence: str = "not named"
    citation: str = "Ben Abacha et al. 2019, BioNLP (W19-5039)"
    url: str = "https://github.com/abachaa/MEDIQA2019"
    columns: dict[str, str] = field(
        default_factory=lambda: {"text": "prompt", "chosen": "chosen", "rejected": "rejected", "group": "qid"}
    )
