"""Exam questions for US physicians, four options as text."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Exam questions for US physicians, four options as text."""

    name: str = "medqa_usmle"
    source: str | None = "medqa_usmle"
    prompt: str = "Question: {text}\nAnswer:"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy", {"accuracy_at_coverage": {"coverage": 0.8}}])
    scorer: Any = "choice"
    licence: str = "MIT"
    citation: str = "Jin et al. 2021, Applied Sciences 11"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("guessing", "accuracy", 0.25, "Jin et al. 2021"),
            Reference("BioBERT-large", "accuracy", 0.367, "Jin et al. 2021"),
        ]
    )
