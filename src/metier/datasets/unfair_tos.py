"""Unfair terms: is a sentence of online terms of service potentially unfair to the consumer?"""

from metier.datasets import Benchmark, Dataset, tfidf

# The splits part whole services already. The test part has nine of them, too few to draw whole services from: there
# sentences count as standing alone, and intervals come out somewhat too narrow.
DATASET = Dataset(
    "unfair_tos",
    folder="legal/unfair_tos",
    license="CC-BY-4.0",
    citation="Lippi et al. 2019, CLAUDETTE, Artificial Intelligence and Law 27",
    url="https://github.com/nlp-unibo/Multilingual-Unfair-Clause-Detection",
)
BENCHMARKS = [
    Benchmark(
        "unfair_tos",
        "unfair_tos",
        description="Potentially unfair sentences of online terms of service.",
        prompt="Terms of service: {text}\nFair or unfair to the consumer:",
        labels=["fair", "unfair"],
        metrics=[{"f1": {"positive": ["unfair"]}}, "accuracy", "mcc"],
        slices=["service"],
        references=[tfidf("f1 (unfair)", 0.55)],
    )
]
