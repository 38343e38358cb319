"""Section header of a note for a piece of a doctor-patient dialogue, 20 classes."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference
from metier.sources.mts_dialog import HEADERS


@dataclass
class Benchmark(Declared):
    """Section header of a note for a piece of a doctor-patient dialogue, 20 classes."""

    name: str = "mts_dialog"
    source: str | None = "mts_dialog"
    prompt: str = "{text}\nSection of the note:"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy", "macro_f1"])
    labels: list[str] = field(default_factory=lambda: list(HEADERS.values()))
    licence: str = "CC-BY-4.0"
    citation: str = "Ben Abacha et al. 2023, EACL"
    majority: float | None = 0.225
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "accuracy", 0.68, "README of the dataset in the mirror", "recomputed"
            ),
            Reference("MEDIQA-Chat 2023 Task A, best", "accuracy", 0.78, "Ben Abacha et al. 2023, ClinicalNLP"),
        ]
    )
