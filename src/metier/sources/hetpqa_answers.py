"""hetPQA: an answer to a shopper's question, written from one snippet."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """hetPQA: an answer to a shopper's question, written from one snippet."""

    name: str = "hetpqa_answers"
    folder: str = "retail/hetpqa_answers"
    licence: str = "CDLA-Sharing-1.0"
    citation: str = "Shen et al. 2022, hetPQA; Amazon contextual product QA"
    url: str = "https://github.com/amazon-science/contextual-product-qa"
    columns: dict[str, str] = field(
        default_factory=lambda: {"id": "id", "text": "question", "label": "answer", "group": "asin"}
    )

    def named(self, label: Any) -> str:
        return str(label)  # free text, underscores and all
