"""Which of two snippets answers a shopper's question?"""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Which of two snippets answers a shopper's question?"""

    name: str = "epqa_preference"
    source: str | None = "epqa_pairs"
    prompt: str = "Product: {title}\nQuestion: {text}\nAnswer:"
    scorer: Any = "preference"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy"])
    slices: list[str] = field(default_factory=lambda: ["rejected_label"])
    licence: str = "CDLA-Sharing-1.0"
    citation: str = "Amazon contextual product QA (ePQA)"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("the longer answer", "accuracy", 0.668, "README of the dataset in the mirror", "recomputed")
        ]
    )
