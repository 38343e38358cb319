"""PubMedQA: yes, no or maybe to the question of a paper, from its abstract without the conclusion."""

from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """PubMedQA: yes, no or maybe to the question of a paper, from its abstract without the conclusion."""

    name: str = "pubmedqa"
    folder: str = "healthcare/pubmedqa"
    licence: str = "MIT"
    citation: str = "Jin et al. 2019, PubMedQA: A Dataset for Biomedical Research Question Answering, EMNLP"
    url: str = "https://github.com/pubmedqa/pubmedqa"
    # qiaojin/PubMedQA on the hub has the 1,000 labelled questions as one part, without the authors' test half.
    columns: dict[str, str] = field(
        default_factory=lambda: {"id": "pmid", "text": "question", "label": "final_decision"}
    )

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        assert found is not None
        return {**found, "fields": {"abstract": " ".join(raw["contexts"])}}
