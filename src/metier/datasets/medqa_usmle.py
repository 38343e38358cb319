"""MedQA: questions of the US medical licensing exam with four options."""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row


def to_row(record: Record, row: Row) -> Row:
    options = record["options"]
    letter = record["answer_idx"] if "answer_idx" in record else record["answer"]
    return {**row, "options": list(options.values()), "label": options[letter]}


DATASET = Dataset(
    "medqa_usmle",
    folder="healthcare/medqa_usmle",
    license="MIT",
    citation="Jin et al. 2021, What Disease Does This Patient Have?, Applied Sciences 11",
    url="https://github.com/jind11/MedQA",
    columns={"id": "id", "text": "question"},
    fields=[],
    to_row=to_row,
    hub="GBaker/MedQA-USMLE-4-options",
)
BENCHMARKS = [
    Benchmark(
        "medqa_usmle",
        "medqa_usmle",
        description="Exam questions for US physicians, four options as text.",
        prompt="Question: {text}\nAnswer:",
        scorer="choice",
        metrics=["accuracy", {"accuracy_at_coverage": {"coverage": 0.8}}],
        references=[
            Reference("guessing", "accuracy", 0.25, "Jin et al. 2021"),
            Reference("BioBERT-large", "accuracy", 0.367, "Jin et al. 2021"),
        ],
    )
]
