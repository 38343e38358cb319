"""A new industry in one file: which department of an insurer handles a claim note?

    metier run --industry ./examples/insurance.py

The pack names its dataset and its benchmark by the path of this file, where they stand beside it. The notes are
synthetic: Metier made them from the sentences below with a fixed seed, and no insurer or person stands behind them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from metier.data.records import rows_to_table
from metier.datasets import BaseDataset, Benchmark
from metier.industries import BaseIndustry

HERE = str(Path(__file__).resolve())

# Department -> what the note says happened, and the word that tells where it goes.
EVENTS = {
    "motor": ["bumper dented by a van", "windscreen cracked on the motorway", "car rolled into a gate", "wheel bent"],
    "property": [
        "kitchen flooded by a burst pipe",
        "roof tiles gone after the storm",
        "cellar damp",
        "fence blown over",
    ],
    "liability": [
        "visitor slipped on our stairs",
        "ball broke a neighbour's window",
        "dog bit a courier",
        "guest fell",
    ],
    "travel": [
        "suitcase did not arrive",
        "flight cancelled, two nights in a hotel",
        "trip called off",
        "passport lost",
    ],
}
OPENINGS = ["Policyholder reports:", "Call on Monday:", "By letter:", "E-mail from the broker:", "Second notice:"]
CLOSINGS = ["photos follow", "asks for a call back", "invoice attached", "wants to know the excess", "no injuries"]
CUSTOMERS, NOTES_EACH, TEST_SHARE = 300, 4, 0.25


@dataclass
class Claims(BaseDataset):
    """1,200 claim notes of 300 invented policyholders; those of a quarter of them are the test."""

    seed: int = 0
    """Another seed gives other notes."""

    def read(self) -> pa.Table:
        return rows_to_table(self._notes())

    def _notes(self) -> Iterator[dict[str, Any]]:
        generator = random.Random(self.seed)
        for customer in range(CUSTOMERS):
            split = "test" if customer < TEST_SHARE * CUSTOMERS else None  # the step `split` parts the others
            for number in range(NOTES_EACH):
                department = generator.choice(sorted(EVENTS))
                amount = f"about {generator.randrange(100, 9000)} euros"
                event, closing = generator.choice(EVENTS[department]), generator.choice(CLOSINGS)
                yield {
                    "id": f"{customer}-{number}",
                    "text": f"{generator.choice(OPENINGS)} {event}, {amount}, {closing}.",
                    "label": department,
                    "group": f"customer {customer}",
                    "source": self.name,
                    "license": self.license,
                    "origin": f"insurance.py:{customer}-{number}",
                    "split": split,
                }

    def fingerprint(self) -> str:
        return xxhash.xxh3_128_hexdigest(f"{self.seed} {Path(HERE).read_text(encoding='utf-8')}".encode())


DATASET = Claims(
    "insurance_claims",
    license="Apache-2.0",
    citation="Metier's own synthetic text",
    task="claims_department",
)
BENCHMARKS = [
    Benchmark(
        "claims_department",
        HERE,
        description="Department that handles a claim note, four of them.",
        prompt="Claim note: {text}\nDepartment:",
        labels=sorted(EVENTS),
        metrics=["macro_f1", "accuracy"],
    )
]


@dataclass
class Industry(BaseIndustry):
    """Insurance: the department that handles a claim note."""

    name: str = "insurance"
    datasets: list[Any] = field(default_factory=lambda: [HERE, "general"])
    # Left out on purpose: `dedup`. Notes made from few sentences are all alike, and it would drop most of them.
    steps: list[Any] = field(default_factory=lambda: ["license", "normalize", "decontaminate", "split"])
    methods: list[Any] = field(
        default_factory=lambda: [
            {"sft": {"lr": 1.5e-3, "batch_tokens": 2048, "target_modules": "q_proj,v_proj,o_proj,down_proj"}}
        ]
    )
    benchmarks: list[Any] = field(default_factory=lambda: [HERE])
    retention: dict[str, Any] = field(default_factory=lambda: {"general": 0.02})
    intended_use: str = "Showing how a pack is written. Not for any claim."
    limits: str = (
        "Synthetic English sentences from a handful of patterns: what is reached here says nothing about work."
    )
    glossary: list[str] = field(
        default_factory=lambda: [
            *("claim", "policyholder", "policy", "premium", "excess", "deductible", "cover", "liability", "broker"),
            *("damage", "invoice", "adjuster", "settlement", "reserve", "injury", "third party", "notice", "renewal"),
            *("underwriting", "subrogation"),
        ]
    )
    costs: dict[str, float] = field(default_factory=lambda: {"liability -> property": 5})
    insights: list[str] = field(default_factory=lambda: ["cost", "confusions"])
