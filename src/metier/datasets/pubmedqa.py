"""PubMedQA: yes, no or maybe to the question of a paper, from its abstract without the conclusion."""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row, tfidf


def to_row(record: Record, row: Row) -> Row:
    return {**row, "fields": {"abstract": " ".join(record["contexts"])}}


DATASET = Dataset(
    "pubmedqa",
    folder="healthcare/pubmedqa",
    license="MIT",
    citation="Jin et al. 2019, PubMedQA: A Dataset for Biomedical Research Question Answering, EMNLP",
    url="https://github.com/pubmedqa/pubmedqa",
    # qiaojin/PubMedQA on the hub has the 1,000 labeled questions as one part, without the authors' test half.
    columns={"id": "pmid", "text": "question", "label": "final_decision"},
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "pubmedqa",
        "pubmedqa",
        description="Does the study say yes, no or maybe? Research questions over PubMed abstracts.",
        prompt="Abstract: {abstract}\nQuestion: {text}\nAnswer (yes, no or maybe):",
        labels=["yes", "no", "maybe"],
        metrics=["accuracy", "macro_f1"],
        majority=0.54,
        references=[
            tfidf("accuracy", 0.544),
            Reference("BioBERT, multi-phase", "accuracy", 0.6808, "Jin et al. 2019"),
            Reference("one human", "accuracy", 0.78, "Jin et al. 2019"),
        ],
    )
]
