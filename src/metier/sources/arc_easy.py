"""ARC Easy: questions of grade-school science."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """ARC Easy: questions of grade-school science."""

    name: str = "arc_easy"
    folder: str = "general/arc_easy"
    licence: str = "CC-BY-SA-4.0"
    citation: str = "Clark et al. 2018, Think you have Solved Question Answering? Try ARC"
    url: str = "https://allenai.org/data/arc"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "question"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        options = [str(option) for option in raw["choices"]]
        return {"id": raw["id"], "text": raw["question"], "options": options, "label": options[int(raw["answer"])]}
