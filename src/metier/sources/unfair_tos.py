"""Unfair terms: is a sentence of online terms of service potentially unfair to the consumer?"""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Unfair terms: is a sentence of online terms of service potentially unfair to the consumer?"""

    name: str = "unfair_tos"
    folder: str = "legal/unfair_tos"
    licence: str = "CC-BY-4.0"
    citation: str = "Lippi et al. 2019, CLAUDETTE, Artificial Intelligence and Law 27"
    url: str = "https://github.com/nlp-unibo/Multilingual-Unfair-Clause-Detection"
    # The splits part whole services already. The test part has nine of them, too few to draw whole services from: there
    # sentences count as standing alone, and intervals come out somewhat too narrow.
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text", "label": "label"})
