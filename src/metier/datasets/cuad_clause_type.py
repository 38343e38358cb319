"""CUAD: the type of a clause of a commercial contract, 36 classes."""

from metier.datasets import Benchmark, Dataset, tfidf

DATASET = Dataset(
    "cuad_clause_type",
    folder="legal/cuad_clause_type",
    license="CC-BY-4.0",
    citation="Hendrycks et al. 2021, CUAD: An Expert-Annotated NLP Dataset for Legal Contract Review, NeurIPS Datasets",
    url="https://www.atticusprojectai.org/cuad",
)
BENCHMARKS = [
    Benchmark(
        "cuad_clause_type",
        "cuad_clause_type",
        description="Type of a clause of a commercial contract, 36 classes.",
        prompt="Clause: {text}\nType of clause:",
        metrics=["macro_f1", "accuracy"],
        references=[tfidf("macro_f1", 0.6974)],
    )
]
