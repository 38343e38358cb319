"""ePQA: how well does a snippet answer a shopper's question?"""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """ePQA: how well does a snippet answer a shopper's question?"""

    name: str = "epqa_product_qa"
    folder: str = "retail/epqa_product_qa"
    licence: str = "CDLA-Sharing-1.0"
    citation: str = "Shen et al. 2022, semiPQA; Amazon contextual product QA"
    url: str = "https://github.com/amazon-science/contextual-product-qa"
    columns: dict[str, str] = field(
        default_factory=lambda: {"id": "qa_pair_id", "text": "question", "label": "label", "group": "asin"}
    )

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        assert found is not None
        # The written answer is empty where a snippet does not help: it would give the label away.
        kept = {key: str(raw[key]) for key in ("title", "candidate", "source")}
        return {**found, "fields": kept}
