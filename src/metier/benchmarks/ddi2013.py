"""Which kind of interaction, if any, does a sentence claim for two marked drugs? Five classes."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Which kind of interaction, if any, does a sentence claim for two marked drugs? Five classes."""

    name: str = "ddi2013"
    source: str | None = "ddi2013"
    # The sentence comes without marks, so that all its pairs, seven on average, share it.
    prompt: str = "Sentence: {sentence}\nInteraction between {mention1} and {mention2}:"
    metrics: list[Any] = field(
        default_factory=lambda: [{"f1": {"positive": ["mechanism", "effect", "advise", "int"]}}, "macro_f1", "accuracy"]
    )
    labels: list[str] = field(default_factory=lambda: ["none", "mechanism", "effect", "advise", "int"])
    slices: list[str] = field(default_factory=lambda: ["source"])
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Herrero-Zazo et al. 2013, J. Biomed. Inform. 46; Segura-Bedmar et al. 2013, SemEval-2013 Task 9"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression",
                "f1 (mechanism, effect, advise, int)",
                0.4356,
                "README of the dataset in the mirror",
                "recomputed",
            ),
            Reference(
                "SemEval-2013 best (FBK-irst)",
                "f1 (mechanism, effect, advise, int)",
                0.651,
                "Segura-Bedmar et al. 2013",
            ),
        ]
    )
