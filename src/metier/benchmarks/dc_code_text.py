"""Surprise at sections of the Code of the District of Columbia: how well the trade's language is read."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Surprise at sections of the Code of the District of Columbia: how well the trade's language is read."""

    name: str = "dc_code_text"
    source: str | None = "dc_code_text"
    prompt: str = "{text}"
    metrics: list[Any] = field(default_factory=lambda: ["loss", "perplexity", "bits_per_byte"])
    scorer: Any = "loss"
    label: str | None = None
    licence: str = "public-domain"
    citation: str = "Council of the District of Columbia"
