"""One number over a table of a financial report and its text; `metier show scorer numeric` has the rules."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference


@dataclass
class Benchmark(Declared):
    """One number over a table of a financial report and its text; `metier show scorer numeric` has the rules."""

    name: str = "tatqa"
    source: str | None = "tatqa"
    prompt: str = "{table}\n{paragraphs}\nQuestion: {text}\nAnswer:"
    metrics: list[Any] = field(default_factory=lambda: ["exact_match"])
    scorer: Any = field(default_factory=lambda: {"numeric": {"max_tokens": 24}})
    slices: list[str] = field(default_factory=lambda: ["answer_type"])
    licence: str = "CC-BY-4.0"
    citation: str = "Zhu et al. 2021, TAT-QA, ACL"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("TagOp, all kinds of answers", "exact_match", 0.501, "Zhu et al. 2021"),
        ]
    )
