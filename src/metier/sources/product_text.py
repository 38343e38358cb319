"""Product descriptions, reviews and offers as shops write them."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Product descriptions, reviews and offers as shops write them."""

    name: str = "product_text"
    folder: str = "retail/product_text"
    licence: str = "mixed: CDLA-Sharing-1.0, CC-BY-SA-4.0, Apache-2.0"
    citation: str = "Amazon contextual product QA, Amazon counterfactual reviews, Ditto"
    url: str = "https://github.com/amazon-science/contextual-product-qa"
    labelled: bool = False
    tested: str = "dev"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text"})
