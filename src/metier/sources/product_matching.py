"""Entity matching: do two offers of shops describe the same product?"""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Entity matching: do two offers of shops describe the same product?"""

    name: str = "product_matching"
    folder: str = "retail/product_matching"
    licence: str = "Apache-2.0"
    citation: str = (
        "Mudgal et al. 2018, Deep Learning for Entity Matching, SIGMOD; serialised by Li et al. 2020, Ditto, VLDB"
    )
    url: str = "https://github.com/megagonlabs/ditto"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "label": "label"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        left, right = (
            " ".join(f"{key}: {value}" for key, value in raw[side].items() if value) for side in ("left", "right")
        )
        fields = {"left": left, "right": right, "shops": raw["source"]}
        return {"id": raw["id"], "text": f"{left}\n{right}", "label": raw["label"], "fields": fields}
