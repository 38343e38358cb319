"""LegalBench: does a sentence of a court's opinion overrule an earlier decision?"""

from metier.datasets import Benchmark, Dataset, Reference, tfidf

DATASET = Dataset(
    "legalbench_overruling",
    folder="legal/legalbench_overruling",
    license="CC-BY-4.0",
    citation="Zheng et al. 2021, When Does Pretraining Help?, ICAIL; Guha et al. 2023, LegalBench, NeurIPS Datasets",
    url="https://github.com/HazyResearch/legalbench",
)
BENCHMARKS = [
    Benchmark(
        "legalbench_overruling",
        "legalbench_overruling",
        description="Does the sentence overrule an earlier decision? An easy set: TF-IDF nearly solves it.",
        prompt="Sentence: {text}\nDoes it overrule an earlier decision?",
        labels=["Yes", "No"],
        metrics=["accuracy", {"f1": {"positive": ["Yes"]}}],
        references=[
            tfidf("accuracy", 0.9375),
            Reference("BERT, ten folds", "f1 (Yes)", 0.958, "Zheng et al. 2021"),
        ],
    )
]
