"""Intent of a message to an online bank, 77 classes."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Intent of a message to an online bank, 77 classes."""

    name: str = "banking77"
    source: str | None = "banking77"
    prompt: str = "Customer message: {text}\nIntent:"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy", "macro_f1"])
    licence: str = "CC-BY-4.0"
    citation: str = "Casanueva et al. 2020, NLP4ConvAI"
    majority: float | None = 0.0104
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "accuracy", 0.8909, "README of the dataset in the mirror", "recomputed"
            ),
            Reference("BERT, tuned", "accuracy", 0.9366, "Casanueva et al. 2020"),
        ]
    )
