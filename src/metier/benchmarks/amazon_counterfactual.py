"""Counterfactual sentences in product reviews."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Counterfactual sentences in product reviews."""

    name: str = "amazon_counterfactual"
    source: str | None = "amazon_counterfactual"
    prompt: str = "Review: {text}\nCounterfactual or not:"
    metrics: list[Any] = field(default_factory=lambda: ["mcc", {"f1": {"positive": ["counterfactual"]}}, "accuracy"])
    labels: list[str] = field(default_factory=lambda: ["counterfactual", "not-counterfactual"])
    licence: str = "CC-BY-SA-4.0"
    citation: str = "O'Neill et al. 2021, EMNLP"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "mcc", 0.7539, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )
