"""FOMC: is a sentence of the Federal Reserve dovish, hawkish or neutral?"""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset

HUB_LABELS = {"0": "dovish", "1": "hawkish", "2": "neutral"}


@dataclass
class Source(Dataset):
    """FOMC: is a sentence of the Federal Reserve dovish, hawkish or neutral?"""

    name: str = "fomc_stance"
    folder: str = "finance/fomc_stance"
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Shah et al. 2023, Trillion Dollar Words, ACL"
    url: str = "https://github.com/gtfintechlab/fomc-hawkish-dovish"
    hub: str = "gtfintechlab/fomc_communication"
    columns: dict[str, str] = field(
        default_factory=lambda: {"id": "id", "text": "sentence", "label": "label", "time": "year"}
    )
    label_names: dict[str, str] = field(
        default_factory=lambda: {"dovish": "dovish", "hawkish": "hawkish", "neutral": "neutral"} | HUB_LABELS
    )
    hub_columns: dict[str, str] = field(default_factory=lambda: {"id": "index"})
