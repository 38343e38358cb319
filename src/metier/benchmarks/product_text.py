"""Surprise at product descriptions, reviews and offers: how well the trade's language is read."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Surprise at product descriptions, reviews and offers: how well the trade's language is read."""

    name: str = "product_text"
    source: str | None = "product_text"
    prompt: str = "{text}"
    metrics: list[Any] = field(default_factory=lambda: ["loss", "perplexity", "bits_per_byte"])
    scorer: Any = "loss"
    label: str | None = None
    licence: str = "mixed: CDLA-Sharing-1.0, CC-BY-SA-4.0, Apache-2.0"
    citation: str = "Amazon contextual product QA, Amazon counterfactual reviews, Ditto"
