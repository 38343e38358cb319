"""61 short instructions: one word, yes or no, JSON, bullet points, capitals, digits; for testing only."""

from metier.datasets import Benchmark, PackagedDataset, Record, Row


def to_row(number: int, record: Record) -> Row:
    return {
        "id": f"instruction-{number}",
        "text": record["text"],
        "fields": [("must", record["must"])],
        "split": "test",
    }


DATASET = PackagedDataset(
    "instructions",
    license="Apache-2.0",
    citation="Metier's own text, after the verifiable instructions of IFEval (Zhou et al. 2023)",
    labeled=False,
    file="instructions.jsonl",
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "instructions",
        "instructions",
        description=(
            "Share of 61 short instructions that are followed, asked in the model's chat template: a forgetting check."
        ),
        prompt="{text}",
        chat_template=True,
        scorer="pattern",
        metrics=["accuracy"],
    )
]
