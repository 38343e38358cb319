"""Which way did the 2-year Treasury yield go on the day a text of the Federal Reserve came out?"""

from dataclasses import dataclass, field
from typing import Any

from metier.settings import MOST, outside
from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Which way did the 2-year Treasury yield go on the day a text of the Federal Reserve came out?"""

    name: str = "fed_rate_moves"
    folder: str = "finance/fed_rate_moves"
    licence: str = "CC-BY-NC-4.0"
    citation: str = (
        "Texts: Federal Reserve; yields: US Treasury; paired for this dataset, collection of Shah et al. 2023, ACL"
    )
    url: str = "https://github.com/gtfintechlab/fomc-hawkish-dovish"
    columns: dict[str, str] = field(
        # Texts of one day have one answer: they stand on one side of a split, and are one draw for an interval.
        default_factory=lambda: {
            "id": "id",
            "text": "text",
            "label": "label",
            "group": "release_date",
            "time": "release_date",
        }
    )
    characters: int = 1500
    """So much of the beginning of a text is read."""

    def problems(self) -> list[str]:
        return super().problems() + outside(self, characters=(1, MOST))

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        assert found is not None
        # The change of the yield is the answer in numbers: it must not stand beside the question.
        kept = {"type": str(raw["type"])}
        return {**found, "text": str(found["text"])[: self.characters], "fields": kept}
