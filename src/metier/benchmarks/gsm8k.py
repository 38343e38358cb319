"""Word problems, judged by the final number."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """Word problems, judged by the final number."""

    name: str = "gsm8k"
    source: str | None = "gsm8k"
    prompt: str = "Question: {text}\nAnswer:"
    metrics: list[Any] = field(default_factory=lambda: ["exact_match"])
    scorer: Any = field(default_factory=lambda: {"numeric": {"max_tokens": 256, "stop": ["\nQuestion:"]}})
    licence: str = "MIT"
    citation: str = "Cobbe et al. 2021"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("GPT-3 6B, tuned", "exact_match", 0.21, "Cobbe et al. 2021"),
        ]
    )
