"""ARC Easy: questions of grade-school science."""

from metier.datasets import Benchmark, Dataset, Record, Row


def to_row(record: Record, row: Row) -> Row:
    options = [str(option) for option in record["choices"]]
    return {**row, "options": options, "label": options[int(record["answer"])]}


DATASET = Dataset(
    "arc_easy",
    folder="general/arc_easy",
    license="CC-BY-SA-4.0",
    citation="Clark et al. 2018, Think you have Solved Question Answering? Try ARC",
    url="https://allenai.org/data/arc",
    columns={"id": "id", "text": "question"},
    fields=[],
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "arc_easy",
        "arc_easy",
        description="Grade-school science with three to five options: general ability.",
        prompt="Question: {text}\nAnswer:",
        scorer="choice",
        metrics=["accuracy"],
    ),
    Benchmark(
        "arc_easy_sample",
        "arc_easy",
        description="300 of the questions of arc_easy: a look at forgetting that costs little.",
        prompt="Question: {text}\nAnswer:",
        scorer="choice",
        metrics=["accuracy"],
        limit=300,
    ),
]
