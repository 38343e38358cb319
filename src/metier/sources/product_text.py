"""Product descriptions, reviews and offers as shops write them."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset

SPDX = {"CC BY-SA 4.0": "CC-BY-SA-4.0", "Apache-2.0 (repository)": "Apache-2.0"}
"""The mirror's words for a licence, where they are not its identifier."""


@dataclass
class Source(Dataset):
    """Product descriptions, reviews and offers as shops write them; each row has the licence of where it is from."""

    name: str = "product_text"
    folder: str = "retail/product_text"
    licence: str = "mixed: CDLA-Sharing-1.0, CC-BY-SA-4.0, Apache-2.0"
    citation: str = "Amazon contextual product QA, Amazon counterfactual reviews, Ditto"
    url: str = "https://github.com/amazon-science/contextual-product-qa"
    labelled: bool = False
    tested: str = "dev"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        assert found is not None
        named = found["fields"].pop("licence", self.licence)
        return {**found, "licence": SPDX.get(named, named)}
