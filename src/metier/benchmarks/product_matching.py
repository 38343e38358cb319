"""Do two offers describe the same product? About one pair in ten does."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Do two offers describe the same product? About one pair in ten does."""

    name: str = "product_matching"
    source: str | None = "product_matching"
    prompt: str = "First: {left}\nSecond: {right}\nSame product:"
    metrics: list[Any] = field(default_factory=lambda: [{"f1": {"positive": ["match"]}}, "mcc", "accuracy"])
    labels: list[str] = field(default_factory=lambda: ["match", "no match"])
    slices: list[str] = field(default_factory=lambda: ["shops"])
    licence: str = "Apache-2.0"
    citation: str = "Mudgal et al. 2018, SIGMOD; Li et al. 2020, VLDB"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression",
                "f1 (match)",
                0.3367,
                "README of the dataset in the mirror",
                "recomputed",
            ),
            Reference("DeepMatcher on Amazon-Google", "f1 (match)", 0.693, "Li et al. 2020"),
            Reference("Ditto on Amazon-Google", "f1 (match)", 0.756, "Li et al. 2020"),
        ]
    )
