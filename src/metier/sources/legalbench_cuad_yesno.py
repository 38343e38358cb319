"""LegalBench on CUAD: does a clause belong to a named category?"""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """LegalBench on CUAD: does a clause belong to a named category?"""

    name: str = "legalbench_cuad_yesno"
    folder: str = "legal/legalbench_cuad_yesno"
    licence: str = "CC-BY-4.0"
    citation: str = "Guha et al. 2023, LegalBench, NeurIPS Datasets"
    url: str = "https://github.com/HazyResearch/legalbench"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text", "label": "label"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        assert found is not None
        return {**found, "fields": {"task": raw["task"], "category": raw["task"].replace("_", " ")}}
