"""Product descriptions, reviews and offers as shops write them; each row has the license of where it is from."""

from metier.datasets import Dataset, Record, Row, text_loss

SPDX = {"CC BY-SA 4.0": "CC-BY-SA-4.0", "Apache-2.0 (repository)": "Apache-2.0"}
"""The mirror's words for a license, where they are not its identifier."""
MIXED = "mixed: CDLA-Sharing-1.0, CC-BY-SA-4.0, Apache-2.0"


def to_row(record: Record, row: Row) -> Row:
    named = row["fields"].pop("license", MIXED)
    return {**row, "license": SPDX.get(named, named)}


DATASET = Dataset(
    "product_text",
    folder="retail/product_text",
    license=MIXED,
    citation="Amazon contextual product QA, Amazon counterfactual reviews, Ditto",
    url="https://github.com/amazon-science/contextual-product-qa",
    labeled=False,
    tested="dev",
    columns={"id": "id", "text": "text"},
    to_row=to_row,
)
BENCHMARKS = [
    text_loss(
        "product_text",
        "product_text",
        "Loss on product descriptions, reviews and offers: how well the language of the domain is modeled.",
    )
]
