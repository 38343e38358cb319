"""Surprise at answers of NIH web sites to patients: how well the trade's language is read."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Surprise at answers of NIH web sites to patients: how well the trade's language is read."""

    name: str = "medquad_text"
    source: str | None = "medquad"
    prompt: str = "{text}"
    metrics: list[Any] = field(default_factory=lambda: ["loss", "perplexity", "bits_per_byte"])
    scorer: Any = "loss"
    label: str | None = None
    licence: str = "CC-BY-4.0"
    citation: str = "Ben Abacha and Demner-Fushman 2019, BMC Bioinformatics 20"
