"""Banking77: what a customer of an online bank wants, 77 intents."""

from metier.datasets import Benchmark, Dataset, Reference, tfidf

DATASET = Dataset(
    "banking77",
    folder="finance/banking77",
    license="CC-BY-4.0",
    citation="Casanueva et al. 2020, Efficient Intent Detection with Dual Sentence Encoders, NLP4ConvAI",
    url="https://github.com/PolyAI-LDN/task-specific-datasets",
    hub="PolyAI/banking77",
)
BENCHMARKS = [
    Benchmark(
        "banking77",
        "banking77",
        description="Intent of a message to an online bank, 77 classes.",
        prompt="Customer message: {text}\nIntent:",
        metrics=["accuracy", "macro_f1"],
        majority=0.0104,
        references=[
            tfidf("accuracy", 0.8909),
            Reference("BERT, tuned", "accuracy", 0.9366, "Casanueva et al. 2020"),
        ],
    )
]
