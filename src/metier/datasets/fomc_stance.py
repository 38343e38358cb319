"""FOMC: is a sentence of the Federal Reserve dovish, hawkish or neutral?"""

from metier.datasets import Benchmark, Dataset, Reference

LABELS = ["dovish", "hawkish", "neutral"]

DATASET = Dataset(
    "fomc_stance",
    folder="finance/fomc_stance",
    license="CC-BY-NC-4.0",
    citation="Shah et al. 2023, Trillion Dollar Words, ACL",
    url="https://github.com/gtfintechlab/fomc-hawkish-dovish",
    columns={"id": "id", "text": "sentence", "label": "label", "time": "year"},
    label_names={label: label for label in LABELS} | dict(zip("012", LABELS, strict=True)),  # numbers: the hub's
    hub="gtfintechlab/fomc_communication",
    hub_columns={"id": "index"},
)
BENCHMARKS = [
    Benchmark(
        "fomc_stance",
        "fomc_stance",
        description="Monetary-policy stance of a sentence of the Federal Reserve.",
        prompt="Sentence: {text}\nMonetary policy stance:",
        labels=LABELS,
        metrics=["weighted_f1", "accuracy", "macro_f1"],
        references=[
            Reference("BERT-base", "weighted_f1", 0.636, "Shah et al. 2023"),
            Reference("RoBERTa-large", "weighted_f1", 0.711, "Shah et al. 2023"),
        ],
    )
]
