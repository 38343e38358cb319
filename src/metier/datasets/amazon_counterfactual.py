"""Amazon reviews: does a sentence say what did not happen ("I wish it had a lid")?"""

from metier.datasets import Benchmark, Dataset, tfidf

DATASET = Dataset(
    "amazon_counterfactual",
    folder="retail/amazon_counterfactual",
    license="CC-BY-SA-4.0",
    citation="O'Neill et al. 2021, I Wish I Would Have Loved This One, But I Didn't, EMNLP",
    url="https://github.com/amazon-science/amazon-multilingual-counterfactual-dataset",
    columns={"id": "id", "text": "sentence", "label": "label"},
    hub="mteb/amazon_counterfactual",
    hub_config="en-ext",  # as in the mirror; `en` has half the rows
    hub_columns={"sentence": "text", "label": "label_text"},
)
BENCHMARKS = [
    Benchmark(
        "amazon_counterfactual",
        "amazon_counterfactual",
        description="Counterfactual sentences in product reviews.",
        prompt="Review: {text}\nCounterfactual or not:",
        labels=["counterfactual", "not-counterfactual"],
        metrics=["mcc", {"f1": {"positive": ["counterfactual"]}}, "accuracy"],
        references=[tfidf("mcc", 0.7539)],
    )
]
