"""MMLU: exam questions of 57 subjects with four options."""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row


def to_row(record: Record, row: Row) -> Row:
    options = [str(option) for option in record["choices"]]
    return {**row, "options": options, "label": options["ABCD".index(record["answer"])]}


DATASET = Dataset(
    "mmlu",
    folder="general/mmlu",
    license="MIT",
    citation="Hendrycks et al. 2021, Measuring Massive Multitask Language Understanding, ICLR",
    url="https://github.com/hendrycks/test",
    columns={"id": "id", "text": "question"},
    fields=["subject", "industry"],
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "mmlu",
        "mmlu",
        description="Exam questions of 57 subjects, options as text; slices by the industry that a subject belongs to.",
        prompt="Question: {text}\nAnswer:",
        scorer="choice",
        metrics=["accuracy"],
        slices=["industry"],
        limit=2000,
        references=[
            Reference("guessing", "accuracy", 0.25, "Hendrycks et al. 2021"),
            Reference("GPT-3 175B, five-shot", "accuracy", 0.439, "Hendrycks et al. 2021"),
        ],
    )
]
