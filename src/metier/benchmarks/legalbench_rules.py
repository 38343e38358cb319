"""Applying a rule to facts, with solved examples of the same task before the question."""

from dataclasses import dataclass, field
from typing import Any

from metier.benchmarks import Declared, Reference
from metier.sources.legalbench_rules import MARKS


@dataclass
class Benchmark(Declared):
    """Applying a rule to facts, with solved examples of the same task before the question."""

    name: str = "legalbench_rules"
    source: str | None = "legalbench_rules"
    prompt: str = "{question}\n{text}\nAnswer:"
    metrics: list[Any] = field(default_factory=lambda: ["balanced_accuracy", "accuracy"])
    scorer: Any = "choice"
    labels: list[str] = field(default_factory=lambda: ["Yes", "No", *MARKS])
    shots: int = 4
    shots_by: str | None = "task"
    slices: list[str] = field(default_factory=lambda: ["task"])
    licence: str = "CC-BY-4.0"
    citation: str = "Guha et al. 2023, NeurIPS Datasets"
    references: list[Reference] = field(
        default_factory=lambda: [
            Reference("GPT-4 on hearsay, few-shot", "balanced_accuracy", 0.8, "Guha et al. 2023"),
        ]
    )
