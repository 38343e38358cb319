"""Up or down? Markets have read the text too, so the honest answer is that nothing can be learned here."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Up or down? Markets have read the text too, so the honest answer is that nothing can be learned here."""

    name: str = "fed_rate_moves"
    source: str | None = "fed_rate_moves"
    prompt: str = "Federal Reserve text: {text}\nTwo-year yield that day:"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy", "mcc"])
    labels: list[str] = field(default_factory=lambda: ["up", "down"])
    slices: list[str] = field(default_factory=lambda: ["type"])
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Paired for this dataset from Federal Reserve texts and US Treasury yields"
    majority: float | None = 0.5657
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "accuracy", 0.5543, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )
