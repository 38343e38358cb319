"""Numerical claims: does a sentence of an earnings call or analyst report say a number about the future?"""

from metier.datasets import Benchmark, Dataset, tfidf

# Its authors name no call and no report, so sentences of one document may be on both sides of the split.
DATASET = Dataset(
    "fin_num_claim",
    folder="finance/fin_num_claim",
    license="CC-BY-NC-4.0",
    citation="Shah et al. 2024, Numerical Claim Detection in Finance",
    url="https://github.com/gtfintechlab/fin-num-claim",
)
BENCHMARKS = [
    Benchmark(
        "fin_num_claim",
        "fin_num_claim",
        description="Numerical claims about the future in earnings calls and analyst reports; about one in five is.",
        prompt="Sentence: {text}\nClaim about the future:",
        labels=["in-claim", "out-of-claim"],
        metrics=[{"f1": {"positive": ["in-claim"]}}, "weighted_f1", "accuracy"],
        slices=["source"],
        references=[tfidf("f1 (in-claim)", 0.7451)],
    )
]
