"""Minutes and speeches of the Federal Reserve, 1996 to 2022."""

from metier.datasets import Dataset, text_loss

DATASET = Dataset(
    "fed_text",
    folder="finance/fed_text",
    license="CC-BY-NC-4.0",
    citation="Federal Reserve; collection of Shah et al. 2023, ACL",
    url="https://github.com/gtfintechlab/fomc-hawkish-dovish",
    labeled=False,
    tested="dev",
    columns={"id": "id", "text": "text"},
)
BENCHMARKS = [
    text_loss(
        "fed_text",
        "fed_text",
        "Loss on minutes and speeches of the Federal Reserve: how well the language of the domain is modeled.",
    )
]
