"""Does a snippet answer a shopper's question: fully, in part, or not at all?"""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Does a snippet answer a shopper's question: fully, in part, or not at all?"""

    name: str = "epqa_product_qa"
    source: str | None = "epqa_product_qa"
    prompt: str = "Product: {title}\nQuestion: {text}\nSnippet: {candidate}\nThe snippet is:"
    metrics: list[Any] = field(default_factory=lambda: ["macro_f1", "accuracy"])
    labels: list[str] = field(default_factory=lambda: ["irrelevant", "partial", "answers"])
    slices: list[str] = field(default_factory=lambda: ["source"])
    licence: str = "CDLA-Sharing-1.0"
    citation: str = "Amazon contextual product QA (ePQA)"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference(
                "TF-IDF + logistic regression", "macro_f1", 0.435, "README of the dataset in the mirror", "recomputed"
            ),
        ]
    )
