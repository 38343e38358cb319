"""Monetary-policy stance of a sentence of the Federal Reserve."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Monetary-policy stance of a sentence of the Federal Reserve."""

    name: str = "fomc_stance"
    source: str | None = "fomc_stance"
    prompt: str = "Sentence: {text}\nMonetary policy stance:"
    metrics: list[Any] = field(default_factory=lambda: ["weighted_f1", "accuracy", "macro_f1"])
    labels: list[str] = field(default_factory=lambda: ["dovish", "hawkish", "neutral"])
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Shah et al. 2023, ACL"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("BERT-base", "weighted_f1", 0.636, "Shah et al. 2023"),
            Reference("RoBERTa-large", "weighted_f1", 0.711, "Shah et al. 2023"),
        ]
    )
