"""Sections of the Code of the District of Columbia."""

from metier.datasets import Dataset, text_loss

DATASET = Dataset(
    "dc_code_text",
    folder="legal/dc_code_text",
    license="public-domain",
    citation="Council of the District of Columbia",
    url="https://github.com/DCCouncil/law-xml",
    labeled=False,
    tested="dev",
    columns={"id": "id", "text": "text"},
)
BENCHMARKS = [
    text_loss(
        "dc_code_text",
        "dc_code_text",
        "Loss on sections of the Code of the District of Columbia: how well the language of the domain is modeled.",
    )
]
