"""Does the clause belong to the named category? Yes or no, 41 categories."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Does the clause belong to the named category? Yes or no, 41 categories."""

    name: str = "legalbench_cuad_yesno"
    source: str | None = "legalbench_cuad_yesno"
    prompt: str = "Clause: {text}\nIs this a clause about {category}?"
    metrics: list[Any] = field(default_factory=lambda: ["balanced_accuracy", "accuracy", "mcc"])
    labels: list[str] = field(default_factory=lambda: ["Yes", "No"])
    slices: list[str] = field(default_factory=lambda: ["category"])
    licence: str = "CC-BY-4.0"
    citation: str = "Guha et al. 2023, NeurIPS Datasets"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "accuracy", 0.8364, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )
