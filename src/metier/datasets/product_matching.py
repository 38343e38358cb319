"""Entity matching: do two offers of shops describe the same product?"""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row, tfidf


def to_row(record: Record, row: Row) -> Row:
    left, right = (
        " ".join(f"{key}: {value}" for key, value in record[side].items() if value) for side in ("left", "right")
    )
    fields = {"left": left, "right": right, "shops": record["source"]}
    return {**row, "text": f"{left}\n{right}", "fields": fields}


DATASET = Dataset(
    "product_matching",
    folder="retail/product_matching",
    license="Apache-2.0",
    citation="Mudgal et al. 2018, Deep Learning for Entity Matching, SIGMOD; serialized by Li et al. 2020, Ditto, VLDB",
    url="https://github.com/megagonlabs/ditto",
    columns={"id": "id", "label": "label"},
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "product_matching",
        "product_matching",
        description="Do two offers describe the same product? About one pair in ten does.",
        prompt="First: {left}\nSecond: {right}\nSame product:",
        labels=["match", "no match"],
        metrics=[{"f1": {"positive": ["match"]}}, "mcc", "accuracy"],
        slices=["shops"],
        references=[
            tfidf("f1 (match)", 0.3367),
            Reference("DeepMatcher on Amazon-Google", "f1 (match)", 0.693, "Li et al. 2020"),
            Reference("Ditto on Amazon-Google", "f1 (match)", 0.756, "Li et al. 2020"),
        ],
    )
]
