"""Entailed or contradicted by the evidence? The oracle setting, so that inputs are short."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Entailed or contradicted by the evidence? The oracle setting, so that inputs are short."""

    name: str = "contract_nli"
    source: str | None = "contract_nli"
    prompt: str = "Agreement: {evidence}\nStatement: {text}\nEntailment or contradiction:"
    metrics: list[Any] = field(
        default_factory=lambda: ["macro_f1", "accuracy", {"f1": {"positive": ["Contradiction"]}}]
    )
    labels: list[str] = field(default_factory=lambda: ["Entailment", "Contradiction"])
    slices: list[str] = field(default_factory=lambda: ["hypothesis_id"])
    licence: str = "CC-BY-4.0"
    citation: str = "Koreeda and Manning 2021, Findings of EMNLP"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "macro_f1", 0.8524, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )
