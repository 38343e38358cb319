"""Market tables: does a rate, price or exchange rate go up, down or stay flat over 6 to 12 months?"""

from metier.datasets import Benchmark, Dataset, Record, Row


def to_row(record: Record, row: Row) -> Row | None:
    return row if record["task"] == "trend" else None  # the other seven tasks ask for numbers and months


# Made of public figures by templates, and no official benchmark. The series of the test are in no training row.
DATASET = Dataset(
    "market_tables",
    folder="finance/market_tables",
    license="ODC-PDDL-1.0",
    citation="Federal Reserve H.15 and H.10, US Energy Information Administration, as collected by datahub.io",
    url="https://github.com/datasets/exchange-rates",
    columns={"id": "id", "text": "table", "label": "answer", "group": "table_id"},
    fields=["series"],
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "market_tables",
        "market_tables",
        description="Trend of a table of monthly figures: more than 3 percent up, down, or flat. Words do not tell.",
        prompt="{text}\nTrend from the first to the last month, beyond 3 percent:",
        labels=["up", "down", "flat"],
        metrics=["accuracy", "macro_f1"],
        slices=["series"],
    )
]
