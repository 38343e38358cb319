"""Exam questions of 57 subjects, options as text; slices by the industry that a subject belongs to."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Exam questions of 57 subjects, options as text; slices by the industry that a subject belongs to."""

    name: str = "mmlu"
    source: str | None = "mmlu"
    prompt: str = "Question: {text}\nAnswer:"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy"])
    scorer: Any = "choice"
    slices: list[str] = field(default_factory=lambda: ["industry"])
    rows: int = 2000
    licence: str = "MIT"
    citation: str = "Hendrycks et al. 2021, ICLR"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("guessing", "accuracy", 0.25, "Hendrycks et al. 2021"),
            Reference("GPT-3 175B, five-shot", "accuracy", 0.439, "Hendrycks et al. 2021"),
        ]
    )
