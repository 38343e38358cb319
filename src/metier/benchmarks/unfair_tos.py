"""Potentially unfair sentences of online terms of service."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Potentially unfair sentences of online terms of service."""

    name: str = "unfair_tos"
    source: str | None = "unfair_tos"
    prompt: str = "Terms of service: {text}\nFair or unfair to the consumer:"
    metrics: list[Any] = field(default_factory=lambda: [{"f1": {"positive": ["unfair"]}}, "accuracy", "mcc"])
    labels: list[str] = field(default_factory=lambda: ["fair", "unfair"])
    slices: list[str] = field(default_factory=lambda: ["service"])
    licence: str = "CC-BY-4.0"
    citation: str = "Lippi et al. 2019, Artificial Intelligence and Law 27"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "f1 (unfair)", 0.55, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )
