"""Surprise at articles of Wikipedia: what general reading was kept."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Surprise at articles of Wikipedia: what general reading was kept."""

    name: str = "wikitext2"
    source: str | None = "wikitext2"
    prompt: str = "{text}"
    metrics: list[Any] = field(default_factory=lambda: ["loss", "bits_per_byte", "perplexity"])
    scorer: Any = "loss"
    label: str | None = None
    licence: str = "CC-BY-SA-3.0"
    citation: str = "Merity et al. 2016"
