"""GSM8K: word problems of grade-school mathematics with worked solutions."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """GSM8K: word problems of grade-school mathematics with worked solutions."""

    name: str = "gsm8k"
    folder: str = "general/gsm8k"
    licence: str = "MIT"
    citation: str = "Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems"
    url: str = "https://github.com/openai/grade-school-math"
    hub: str = "openai/gsm8k"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "question", "label": "final"})
    hub_config: str | None = "main"

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        solution = raw["answer"]
        final = raw.get("final") or solution.rpartition("####")[2].strip()
        return {"id": raw.get("id"), "text": raw["question"], "label": final, "fields": {"solution": solution}}
