"""ContractNLI, with the evidence given: does a non-disclosure agreement entail or contradict a statement?"""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """ContractNLI, with the evidence given: does a non-disclosure agreement entail or contradict a statement?"""

    name: str = "contract_nli"
    folder: str = "legal/contract_nli"
    licence: str = "CC-BY-4.0"
    citation: str = "Koreeda and Manning 2021, ContractNLI, Findings of EMNLP"
    url: str = "https://stanfordnlp.github.io/contract-nli/"
    columns: dict[str, str] = field(
        default_factory=lambda: {"id": "id", "text": "hypothesis", "label": "label", "group": "doc_id"}
    )

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        if not raw["evidence"]:
            return None  # not mentioned: there is no evidence to give, and its absence would give the answer away
        found = super().row(raw)
        assert found is not None
        return {**found, "fields": {"evidence": " ".join(raw["evidence"]), "hypothesis_id": raw["hypothesis_id"]}}
