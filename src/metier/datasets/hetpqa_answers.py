"""hetPQA: an answer to a shopper's question, written from one snippet."""

from metier.datasets import Dataset, Record, Row


def to_row(record: Record, row: Row) -> Row:
    return {**row, "label": record["answer"]}  # free text, underscores and all


DATASET = Dataset(
    "hetpqa_answers",
    folder="retail/hetpqa_answers",
    license="CDLA-Sharing-1.0",
    citation="Shen et al. 2022, hetPQA; Amazon contextual product QA",
    url="https://github.com/amazon-science/contextual-product-qa",
    columns={"id": "id", "text": "question", "label": "answer", "group": "asin"},
    to_row=to_row,
)
