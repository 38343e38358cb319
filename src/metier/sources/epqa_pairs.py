"""ePQA: of two snippets, the one that answers a shopper's question and one that does not."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """ePQA: of two snippets, the one that answers a shopper's question and one that does not."""

    name: str = "epqa_pairs"
    folder: str = "retail/epqa_product_qa"
    prefix: str = "pairs_"
    labelled: bool = False
    pairs: bool = True
    licence: str = "CDLA-Sharing-1.0"
    citation: str = "Shen et al. 2022, semiPQA; Amazon contextual product QA"
    url: str = "https://github.com/amazon-science/contextual-product-qa"
    columns: dict[str, str] = field(
        default_factory=lambda: {"text": "prompt", "chosen": "chosen", "rejected": "rejected", "group": "qid"}
    )

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        # One of 4,086 pairs has an empty snippet: nothing that could be preferred or not.
        return super().row(raw) if raw["chosen"].strip() and raw["rejected"].strip() else None
