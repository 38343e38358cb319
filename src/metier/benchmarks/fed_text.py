"""Surprise at minutes and speeches of the Federal Reserve: how well the trade's language is read."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Surprise at minutes and speeches of the Federal Reserve: how well the trade's language is read."""

    name: str = "fed_text"
    source: str | None = "fed_text"
    prompt: str = "{text}"
    metrics: list[Any] = field(default_factory=lambda: ["loss", "perplexity", "bits_per_byte"])
    scorer: Any = "loss"
    label: str | None = None
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Federal Reserve; collection of Shah et al. 2023, ACL"
