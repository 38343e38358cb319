"""Type of a clause of a commercial contract, 36 classes."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Type of a clause of a commercial contract, 36 classes."""

    name: str = "cuad_clause_type"
    source: str | None = "cuad_clause_type"
    prompt: str = "Clause: {text}\nType of clause:"
    metrics: list[Any] = field(default_factory=lambda: ["macro_f1", "accuracy"])
    licence: str = "CC-BY-4.0"
    citation: str = "Hendrycks et al. 2021, NeurIPS Datasets"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "macro_f1", 0.6974, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )
