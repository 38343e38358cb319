"""HH-RLHF: of two replies in a dialogue, the one that people found less harmful. Offensive and unsafe text; its
authors advise against learning the replies by themselves."""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row


def to_row(record: Record, row: Row) -> Row | None:
    # Four of 1,154 pairs have an empty reply: nothing that could be preferred or not.
    return row if record["chosen"].strip() and record["rejected"].strip() else None


DATASET = Dataset(
    "hh_harmless",
    folder="general/hh_harmless_preferences",
    license="MIT",
    citation="Bai et al. 2022",
    url="https://github.com/anthropics/hh-rlhf",
    labeled=False,
    pairs=True,
    columns={"id": "id", "text": "prompt", "chosen": "chosen", "rejected": "rejected"},
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "hh_harmless_preference",
        "hh_harmless",
        description="Which of two replies did people find less harmful?",
        prompt="{text}\n\nAssistant:",
        scorer="preference",
        metrics=["accuracy"],
        references=[Reference("the shorter answer", "accuracy", 0.604, "the test rows in the mirror", "recomputed")],
    )
]
