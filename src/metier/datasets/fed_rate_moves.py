"""Which way did the 2-year Treasury yield go on the day a text of the Federal Reserve came out?"""

from dataclasses import dataclass

from metier.datasets import Benchmark, Dataset, Record, Row, tfidf
from metier.recipes.settings import PositiveCount


@dataclass
class RateMoves(Dataset):
    """Which way did the 2-year Treasury yield go on the day a text of the Federal Reserve came out?"""

    characters: PositiveCount = 1500
    """So much of the beginning of a text is read."""

    def row(self, record: Record) -> Row | None:
        row = super().row(record)
        return row and {**row, "text": str(row["text"])[: self.characters]}


DATASET = RateMoves(
    "fed_rate_moves",
    folder="finance/fed_rate_moves",
    license="CC-BY-NC-4.0",
    citation=(
        "Texts: Federal Reserve; yields: US Treasury; paired for this dataset, collection of Shah et al. 2023, ACL"
    ),
    url="https://github.com/gtfintechlab/fomc-hawkish-dovish",
    # Texts of one day have one answer: they stand on one side of a split, and are one draw for an interval.
    columns={"id": "id", "text": "text", "label": "label", "group": "release_date", "time": "release_date"},
    # The change of the yield is the answer in numbers: it must not stand beside the question.
    fields=["type"],
)
BENCHMARKS = [
    Benchmark(
        "fed_rate_moves",
        "fed_rate_moves",
        description=(
            "Up or down? Markets have read the text too, so the honest answer is that nothing can be learned here."
        ),
        prompt="Federal Reserve text: {text}\nTwo-year yield that day:",
        labels=["up", "down"],
        metrics=["accuracy", "mcc"],
        slices=["type"],
        majority=0.5657,
        references=[tfidf("accuracy", 0.5543)],
    )
]
