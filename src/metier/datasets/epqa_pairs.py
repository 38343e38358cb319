"""ePQA: of two snippets, the one that answers a shopper's question and one that does not."""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row


def to_row(record: Record, row: Row) -> Row | None:
    # One of 4,086 pairs has an empty snippet: nothing that could be preferred or not.
    return row if record["chosen"].strip() and record["rejected"].strip() else None


DATASET = Dataset(
    "epqa_pairs",
    folder="retail/epqa_product_qa",
    prefix="pairs_",
    license="CDLA-Sharing-1.0",
    citation="Shen et al. 2022, semiPQA; Amazon contextual product QA",
    url="https://github.com/amazon-science/contextual-product-qa",
    labeled=False,
    pairs=True,
    columns={"text": "prompt", "chosen": "chosen", "rejected": "rejected", "group": "qid"},
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "epqa_preference",
        "epqa_pairs",
        description="Which of two snippets answers a shopper's question?",
        prompt="Product: {title}\nQuestion: {text}\nAnswer:",
        scorer="preference",
        metrics=["accuracy"],
        slices=["rejected_label"],
        references=[
            Reference("the longer answer", "accuracy", 0.668, "README of the dataset in the mirror", "recomputed")
        ],
    )
]
