"""MEDIQA 2019: of two answers to a patient's question, the one that experts graded higher.

Its license is not named, so the step `license` stops at it until the recipe allows it by these very words.
"""

from metier.datasets import Benchmark, Dataset, Reference

DATASET = Dataset(
    "mediqa2019_pairs",
    folder="healthcare/mediqa2019_qa_preferences",
    prefix="pairs_",
    license="not named",
    citation="Ben Abacha et al. 2019, BioNLP (W19-5039)",
    url="https://github.com/abachaa/MEDIQA2019",
    labeled=False,
    pairs=True,
    columns={"text": "prompt", "chosen": "chosen", "rejected": "rejected", "group": "qid"},
)
BENCHMARKS = [
    Benchmark(
        "mediqa2019_preference",
        "mediqa2019_pairs",
        description="Which of two answers to a patient's question did experts grade higher?",
        prompt="Question: {text}\nAnswer:",
        scorer="preference",
        metrics=["accuracy"],
        references=[
            Reference("the longer answer", "accuracy", 0.639, "README of the dataset in the mirror", "recomputed")
        ],
    )
]
