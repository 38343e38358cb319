"""DDI corpus 2013: does a sentence say that two marked drugs interact, and how?"""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """DDI corpus 2013: does a sentence say that two marked drugs interact, and how?"""

    name: str = "ddi2013"
    folder: str = "healthcare/ddi2013"
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Herrero-Zazo et al. 2013, The DDI corpus, J. Biomed. Inform. 46"
    url: str = "https://github.com/isegura/DDICorpus"
    hub: str = "bigbio/ddi_corpus"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "pair_id", "text": "text", "label": "label"})
    types_only: bool = False
    """Leave out pairs that do not interact: four classes in place of five."""

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        if found is None or (self.types_only and found["label"] == "none"):
            return None
        # All pairs of a document stand on one side of a split, and are one draw for an interval.
        return {**found, "group": str(raw["pair_id"]).split(".s")[0]}
