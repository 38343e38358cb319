"""Industries: default settings for a recipe; one file each."""

from dataclasses import dataclass, field
from typing import Any

from metier.recipes.plugins import Use


@dataclass
class BaseIndustry:
    """The defaults of a recipe of this industry."""

    name: str = ""
    datasets: list[Use] = field(default_factory=list)
    further: dict[str, str] = field(default_factory=dict)
    """Further datasets of the industry, not read by the pack's methods -> what they are for."""
    steps: list[Use] = field(default_factory=lambda: ["normalize", "dedup", "decontaminate", "split", "select"])
    methods: list[Use] = field(default_factory=lambda: ["sft"])
    benchmarks: list[Use] = field(default_factory=list)
    retention: dict[str, Any] = field(default_factory=dict)
    """Benchmark -> how much worse it may become, in the unit of its first metric; `monitor`: reported only."""
    ship: dict[str, float] = field(default_factory=dict)
    intended_use: str = ""
    limits: str = ""
    glossary: list[str] = field(default_factory=list)
    """20 to 40 terms of the domain; the representativeness report checks how many of them the texts have."""
    costs: dict[str, float] = field(default_factory=dict)
    """`right -> predicted`: the cost of that mistake; any other mistake costs 1."""
    cost_per_hour: float = 0.0
    """Cost of an hour of the machine that answers, in your currency; 0: unknown."""
    insights: list[str] = field(default_factory=list)
    """Key figures on the report's first page, by name (`insights/`), or as the path of a file with `rows`."""
