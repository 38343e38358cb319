"""OpenBookQA: elementary science with four options."""

from metier.datasets import Benchmark, Dataset, Record, Row


def to_row(record: Record, row: Row) -> Row:
    options = [str(option) for option in record["choices"]]
    return {**row, "options": options, "label": options[int(record["answer"])]}


DATASET = Dataset(
    "openbookqa",
    folder="general/openbookqa",
    license="Apache-2.0",
    citation="Mihaylov et al. 2018, Can a Suit of Armor Conduct Electricity?, EMNLP",
    url="https://allenai.org/data/open-book-qa",
    columns={"id": "id", "text": "question"},
    fields=[],
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "openbookqa",
        "openbookqa",
        description="Elementary science with four options: general ability.",
        prompt="{text}",
        scorer={"choice": {"length": "byte"}},
        metrics=["accuracy"],
    )
]
