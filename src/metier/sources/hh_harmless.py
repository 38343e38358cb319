"""HH-RLHF: of two replies in a dialogue, the one that people found less harmful."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """HH-RLHF: of two replies in a dialogue, the one that people found less harmful. Offensive and unsafe text; its
    authors advise against learning the replies by themselves."""

    name: str = "hh_harmless"
    folder: str = "general/hh_harmless_preferences"
    labelled: bool = False
    pairs: bool = True
    licence: str = "MIT"
    citation: str = "Bai et al. 2022"
    url: str = "https://github.com/anthropics/hh-rlhf"
    columns: dict[str, str] = field(
        default_factory=lambda: {"id": "id", "text": "prompt", "chosen": "chosen", "rejected": "rejected"}
    )

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        # Four of 1,154 pairs have an empty reply: nothing that could be preferred or not.
        return super().row(raw) if raw["chosen"].strip() and raw["rejected"].strip() else None
