"""Does the study say yes, no or maybe? Research questions over PubMed abstracts."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Does the study say yes, no or maybe? Research questions over PubMed abstracts."""

    name: str = "pubmedqa"
    source: str | None = "pubmedqa"
    prompt: str = "Abstract: {abstract}\nQuestion: {text}\nAnswer (yes, no or maybe):"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy", "macro_f1"])
    labels: list[str] = field(default_factory=lambda: ["yes", "no", "maybe"])
    licence: str = "MIT"
    citation: str = "Jin et al. 2019, EMNLP"
    majority: float | None = 0.54
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "accuracy", 0.544, "README of the dataset in the mirror", "recomputed"
            ),
            Reference("BioBERT, multi-phase", "accuracy", 0.6808, "Jin et al. 2019"),
            Reference("one human", "accuracy", 0.78, "Jin et al. 2019"),
        ]
    )
