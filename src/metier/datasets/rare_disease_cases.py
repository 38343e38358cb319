"""Phenopackets: which of 55 inherited diseases does a published case have, by its findings?"""

from metier.datasets import Benchmark, Dataset, Record, Row, tfidf


def to_row(record: Record, row: Row) -> Row:
    return {**row, "fields": {"sex": record["sex"] or "not stated"}}


DATASET = Dataset(
    "rare_disease_cases",
    folder="healthcare/rare_disease_cases",
    license="BSD-3-Clause",
    citation="Danis et al. 2025, A corpus of GA4GH phenopackets; terms of the Human Phenotype Ontology",
    url="https://github.com/monarch-initiative/phenopacket-store",
    # The cases of an article are often one family: they stand on one side of a split, and are one draw.
    columns={"id": "id", "text": "text", "label": "label", "group": "pmid"},
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "rare_disease_cases",
        "rare_disease_cases",
        description="The inherited disease of a published case from its findings, 55 classes.",
        prompt="{text}\nDisease:",
        metrics=["accuracy", "macro_f1", "top_k"],
        slices=["sex"],
        references=[tfidf("accuracy", 0.8484)],
    )
]
