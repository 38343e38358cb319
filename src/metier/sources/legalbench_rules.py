"""LegalBench: ten tasks of applying a rule to facts (hearsay, jurisdiction, diversity, trademarks)."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset

MARKS = ["generic", "descriptive", "suggestive", "arbitrary", "fanciful"]


@dataclass
class Source(Dataset):
    """LegalBench: ten tasks of applying a rule to facts (hearsay, jurisdiction, diversity, trademarks)."""

    name: str = "legalbench_rules"
    folder: str = "legal/legalbench_rules"
    licence: str = "CC-BY-4.0"
    citation: str = "Guha et al. 2023, LegalBench, NeurIPS Datasets"
    url: str = "https://github.com/HazyResearch/legalbench"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text", "label": "label"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        assert found is not None
        return {**found, "options": MARKS if raw["task"] == "abercrombie" else ["Yes", "No"]}
