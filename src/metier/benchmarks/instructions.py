"""Does the model still do as it is told? Short instructions, each checked by a pattern."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Share of 61 short instructions that are followed, asked in the model's chat template: a forgetting check."""

    name: str = "instructions"
    source: str | None = "instructions"
    prompt: str = "{text}"
    template: str = "chat"
    scorer: Any = "pattern"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy"])
    licence: str = "Apache-2.0"
    citation: str = "Metier's own text, after the verifiable instructions of IFEval (Zhou et al. 2023)"
