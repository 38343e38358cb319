"""ePQA: how well does a snippet answer a shopper's question?"""

from metier.datasets import Benchmark, Dataset, tfidf

DATASET = Dataset(
    "epqa_product_qa",
    folder="retail/epqa_product_qa",
    license="CDLA-Sharing-1.0",
    citation="Shen et al. 2022, semiPQA; Amazon contextual product QA",
    url="https://github.com/amazon-science/contextual-product-qa",
    columns={"id": "qa_pair_id", "text": "question", "label": "label", "group": "asin"},
    # The written answer is empty where a snippet does not help: it would give the label away.
    fields=["title", "candidate", "source"],
)
BENCHMARKS = [
    Benchmark(
        "epqa_product_qa",
        "epqa_product_qa",
        description="Does a snippet answer a shopper's question: fully, in part, or not at all?",
        prompt="Product: {title}\nQuestion: {text}\nSnippet: {candidate}\nThe snippet is:",
        labels=["irrelevant", "partial", "answers"],
        metrics=["macro_f1", "accuracy"],
        slices=["source"],
        references=[tfidf("macro_f1", 0.435)],
    )
]
