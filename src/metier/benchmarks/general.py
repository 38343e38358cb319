"""Does the model still read general English as well as before? Loss on text that the project wrote itself."""

from dataclasses import dataclass, field

from metier.benchmarks import Declared


@dataclass
class Benchmark(Declared):
    """Mean loss (nats a token) on 80 general paragraphs: the forgetting check that needs no download."""

    name: str = "general"
    source: str | None = "general"
    prompt: str = "{text}"
    scorer: str = "loss"
    metrics: list[str] = field(default_factory=lambda: ["loss"])
    licence: str = "Apache-2.0"
    citation: str = "Metier's own text"
