"""Which of two answers to a patient's question did experts grade higher?"""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Which of two answers to a patient's question did experts grade higher?"""

    name: str = "mediqa2019_preference"
    source: str | None = "mediqa2019_pairs"
    prompt: str = "Question: {text}\nAnswer:"
    scorer: Any = "preference"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy"])
    licence: str = "not named"
    citation: str = "Ben Abacha et al. 2019, BioNLP (W19-5039)"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("the longer answer", "accuracy", 0.639, "README of the dataset in the mirror", "recomputed")
        ]
    )
