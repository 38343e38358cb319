"""Industries: a recipe with the blanks filled in; one file each."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class BaseIndustry:
    """What a recipe of this industry says where the user says nothing."""

    name: str = ""
    datasets: list[Any] = field(default_factory=list)
    further: dict[str, str] = field(default_factory=dict)
    """Datasets of the trade that the pack's methods do not read -> what they are good for."""
    steps: list[Any] = field(default_factory=lambda: ["normalize", "dedup", "decontaminate", "split", "select"])
    methods: list[Any] = field(default_factory=lambda: ["sft"])
    benchmarks: list[Any] = field(default_factory=list)
    retention: dict[str, Any] = field(default_factory=dict)
    """Benchmark -> how much worse it may become, in the unit of its first metric; `monitor`: told, decides nothing."""
    ship: dict[str, float] = field(default_factory=dict)
    intended_use: str = ""
    limits: str = ""
    glossary: list[str] = field(default_factory=list)
    """20 to 40 terms of the trade, by which the representativeness report asks whether the texts speak its language."""
    costs: dict[str, float] = field(default_factory=dict)
    """`right -> said`: what that mistake costs against an ordinary one, which costs 1."""
    machine_hour: float = 0.0
    """What an hour of the machine that answers costs, in the currency of the business; 0: nobody said."""
    insights: list[str] = field(default_factory=list)
    """Rows of the report's first page, by name (`highlights/`), or as the path of a file with a function `rows`."""
