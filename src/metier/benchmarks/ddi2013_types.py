"""Which kind of interaction does a sentence claim for two drugs that do interact? Four classes."""

from dataclasses import dataclass, field
from typing import Any

from metier import plugins
from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Which kind of interaction does a sentence claim for two drugs that do interact? Four classes."""

    name: str = "ddi2013_types"
    source: str | None = "ddi2013"
    # The sentence comes without marks, so that all its pairs, seven on average, share it.
    prompt: str = "Sentence: {sentence}\nInteraction between {mention1} and {mention2}:"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy", "macro_f1"])
    labels: list[str] = field(default_factory=lambda: ["mechanism", "effect", "advise", "int"])
    slices: list[str] = field(default_factory=lambda: ["source"])
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Herrero-Zazo et al. 2013, J. Biomed. Inform. 46; Segura-Bedmar et al. 2013, SemEval-2013 Task 9"
    majority: float | None = 0.4197
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "accuracy", 0.7773, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )

    def data(self) -> Any:
        return plugins.build("sources", "ddi2013", {"types_only": True})
