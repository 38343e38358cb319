"""160 general paragraphs: 80 probes that are never trained on, 80 for replay."""

from metier.datasets import Benchmark, PackagedDataset, Record, Row

SPLITS = {"probe": "test", "replay": "train"}


def to_row(number: int, record: Record) -> Row:
    return {"id": record["id"], "text": record["text"], "split": SPLITS[record["part"]]}


DATASET = PackagedDataset(
    "general",
    license="Apache-2.0",
    citation="Metier's own text",
    labeled=False,
    file="general.jsonl",
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "general",
        "general",
        description="Mean loss (nats a token) on 80 general paragraphs: the forgetting check that needs no download.",
        prompt="{text}",
        scorer="loss",
        metrics=["loss"],
    )
]
