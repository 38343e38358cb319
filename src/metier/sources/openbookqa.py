"""OpenBookQA: elementary science with four options."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """OpenBookQA: elementary science with four options."""

    name: str = "openbookqa"
    folder: str = "general/openbookqa"
    licence: str = "Apache-2.0"
    citation: str = "Mihaylov et al. 2018, Can a Suit of Armor Conduct Electricity?, EMNLP"
    url: str = "https://allenai.org/data/open-book-qa"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "question"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        options = [str(option) for option in raw["choices"]]
        return {"id": raw["id"], "text": raw["question"], "options": options, "label": options[int(raw["answer"])]}
