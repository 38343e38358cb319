"""Elementary science with four options: general ability."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Elementary science with four options: general ability."""

    name: str = "openbookqa"
    source: str | None = "openbookqa"
    prompt: str = "{text}"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy"])
    scorer: Any = field(default_factory=lambda: {"choice": {"length": "byte"}})
    licence: str = "Apache-2.0"
    citation: str = "Mihaylov et al. 2018, EMNLP"
