"""MedQA: questions of the US medical licensing exam with four options."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """MedQA: questions of the US medical licensing exam with four options."""

    name: str = "medqa_usmle"
    folder: str = "healthcare/medqa_usmle"
    licence: str = "MIT"
    citation: str = "Jin et al. 2021, What Disease Does This Patient Have?, Applied Sciences 11"
    url: str = "https://github.com/jind11/MedQA"
    hub: str = "GBaker/MedQA-USMLE-4-options"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "question"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        options = raw["options"]
        letter = raw["answer_idx"] if "answer_idx" in raw else raw["answer"]
        return {
            "id": raw.get("id"),
            "text": raw["question"],
            "options": list(options.values()),
            "label": options[letter],
        }
