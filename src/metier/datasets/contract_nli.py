"""ContractNLI, with the evidence given: does a non-disclosure agreement entail or contradict a statement?"""

from metier.datasets import Benchmark, Dataset, Record, Row, tfidf


def to_row(record: Record, row: Row) -> Row | None:
    if not record["evidence"]:
        return None  # not mentioned: there is no evidence to give, and its absence would give the answer away
    return {**row, "fields": {"evidence": " ".join(record["evidence"]), "hypothesis_id": record["hypothesis_id"]}}


DATASET = Dataset(
    "contract_nli",
    folder="legal/contract_nli",
    license="CC-BY-4.0",
    citation="Koreeda and Manning 2021, ContractNLI, Findings of EMNLP",
    url="https://stanfordnlp.github.io/contract-nli/",
    columns={"id": "id", "text": "hypothesis", "label": "label", "group": "doc_id"},
    to_row=to_row,
)
BENCHMARKS = [
    Benchmark(
        "contract_nli",
        "contract_nli",
        description="Entailed or contradicted by the evidence? The oracle setting, so that inputs are short.",
        prompt="Agreement: {evidence}\nStatement: {text}\nEntailment or contradiction:",
        labels=["Entailment", "Contradiction"],
        metrics=["macro_f1", "accuracy", {"f1": {"positive": ["Contradiction"]}}],
        slices=["hypothesis_id"],
        references=[tfidf("macro_f1", 0.8524)],
    )
]
