"""Grade-school science with three to five options: general ability."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Grade-school science with three to five options: general ability."""

    name: str = "arc_easy"
    source: str | None = "arc_easy"
    prompt: str = "Question: {text}\nAnswer:"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy"])
    scorer: Any = "choice"
    licence: str = "CC-BY-SA-4.0"
    citation: str = "Clark et al. 2018"
