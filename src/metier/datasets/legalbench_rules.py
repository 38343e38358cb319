"""LegalBench: ten tasks of applying a rule to facts (hearsay, jurisdiction, diversity, trademarks)."""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row

MARKS = ["generic", "descriptive", "suggestive", "arbitrary", "fanciful"]


def to_row(record: Record, row: Row) -> Row:
    return {**row, "options": MARKS if record["task"] == "abercrombie" else ["Yes", "No"]}


DATASET = Dataset(
    "legalbench_rules",
    folder="legal/legalbench_rules",
    license="CC-BY-4.0",
    citation="Guha et al. 2023, LegalBench, NeurIPS Datasets",
    url="https://github.com/HazyResearch/legalbench",
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "legalbench_rules",
        "legalbench_rules",
        description="Applying a rule to facts, with solved examples of the same task before the question.",
        prompt="{question}\n{text}\nAnswer:",
        num_fewshot=4,
        fewshot_by="task",
        scorer="choice",
        labels=["Yes", "No", *MARKS],
        metrics=["balanced_accuracy", "accuracy"],
        slices=["task"],
        references=[Reference("GPT-4 on hearsay, few-shot", "balanced_accuracy", 0.8, "Guha et al. 2023")],
    )
]
