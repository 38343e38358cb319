"""MMLU: exam questions of 57 subjects with four options."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """MMLU: exam questions of 57 subjects with four options."""

    name: str = "mmlu"
    folder: str = "general/mmlu"
    licence: str = "MIT"
    citation: str = "Hendrycks et al. 2021, Measuring Massive Multitask Language Understanding, ICLR"
    url: str = "https://github.com/hendrycks/test"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "question"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        options = [str(option) for option in raw["choices"]]
        label = options["ABCD".index(raw["answer"])]
        fields = {key: raw[key] for key in ("subject", "industry")}
        return {"id": raw["id"], "text": raw["question"], "options": options, "label": label, "fields": fields}
