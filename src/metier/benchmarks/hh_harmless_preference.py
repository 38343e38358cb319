"""Which of two replies did people find less harmful?"""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Which of two replies did people find less harmful?"""

    name: str = "hh_harmless_preference"
    source: str | None = "hh_harmless"
    prompt: str = "{text}\n\nAssistant:"
    scorer: Any = "preference"
    metrics: list[Any] = field(default_factory=lambda: ["accuracy"])
    licence: str = "MIT"
    citation: str = "Bai et al. 2022"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("the shorter answer", "accuracy", 0.604, "the test rows in the mirror", "recomputed")
        ]
    )
