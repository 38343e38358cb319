"""LegalBench on CUAD: does a clause belong to a named category?"""

from metier.datasets import Benchmark, Dataset, Record, Row, tfidf


def to_row(record: Record, row: Row) -> Row:
    return {**row, "fields": {"task": record["task"], "category": record["task"].replace("_", " ")}}


DATASET = Dataset(
    "legalbench_cuad_yesno",
    folder="legal/legalbench_cuad_yesno",
    license="CC-BY-4.0",
    citation="Guha et al. 2023, LegalBench, NeurIPS Datasets",
    url="https://github.com/HazyResearch/legalbench",
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "legalbench_cuad_yesno",
        "legalbench_cuad_yesno",
        description="Does the clause belong to the named category? Yes or no, 41 categories.",
        prompt="Clause: {text}\nIs this a clause about {category}?",
        labels=["Yes", "No"],
        metrics=["balanced_accuracy", "accuracy", "mcc"],
        slices=["category"],
        references=[tfidf("accuracy", 0.8364)],
    )
]
