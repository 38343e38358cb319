"""DDI corpus 2013: does a sentence say that two marked drugs interact, and how?"""

import re
from dataclasses import dataclass

from metier.datasets import Benchmark, Dataset, Record, Reference, Row, tfidf

MARK = re.compile(r"\[/?E[12]\]")
TYPES = ["mechanism", "effect", "advise", "int"]
# The sentence comes without marks, so that all its pairs, seven on average, share it.
PROMPT = "Sentence: {sentence}\nInteraction between {mention1} and {mention2}:"
CITATION = "Herrero-Zazo et al. 2013, J. Biomed. Inform. 46; Segura-Bedmar et al. 2013, SemEval-2013 Task 9"


@dataclass
class DrugPairs(Dataset):
    """DDI corpus 2013: does a sentence say that two marked drugs interact, and how?"""

    types_only: bool = False
    """Leave out pairs that do not interact: four classes in place of five."""

    def row(self, record: Record) -> Row | None:
        row = super().row(record)
        if row is None or (self.types_only and row["label"] == "none"):
            return None
        sentence = MARK.sub("", record["text"])
        mentions = {f"mention{n}": _mention(record["text"], n, str(record[f"drug{n}"])) for n in (1, 2)}
        row["fields"] |= {"sentence": sentence, **mentions}
        # All pairs of a document stand on one side of a split, and are one draw for an interval.
        return {**row, "group": str(record["pair_id"]).split(".s")[0]}


def _mention(marked: str, number: int, drug: str) -> str:
    """A drug as a question names it: with the three words before it where its sentence has it more than once (in an
    eighth of the pairs that interact, another pair of the same two names has another label)."""
    before, mark, _ = marked.partition(f"[E{number}]")
    named = re.findall(rf"(?<!\w){re.escape(drug.lower())}(?!\w)", MARK.sub("", marked).lower())
    if not mark or len(named) < 2:
        return drug
    return " ".join([*MARK.sub("", before).split()[-3:], drug])


DATASET = DrugPairs(
    "ddi2013",
    folder="healthcare/ddi2013",
    license="CC-BY-NC-4.0",
    citation="Herrero-Zazo et al. 2013, The DDI corpus, J. Biomed. Inform. 46",
    url="https://github.com/isegura/DDICorpus",
    # bigbio/ddi_corpus on the hub is a loading script, which `datasets` refuses to run, and so do we.
    columns={"id": "pair_id", "text": "text", "label": "label"},
)
BENCHMARKS = [
    Benchmark(
        "ddi2013",
        "ddi2013",
        description="Which kind of interaction, if any, does a sentence claim for two marked drugs? Five classes.",
        prompt=PROMPT,
        labels=["none", *TYPES],
        metrics=[{"f1": {"positive": TYPES}}, "macro_f1", "accuracy"],
        slices=["source"],
        citation=CITATION,
        references=[
            tfidf("f1 (mechanism, effect, advise, int)", 0.4356),
            Reference(
                "SemEval-2013 best (FBK-irst)",
                "f1 (mechanism, effect, advise, int)",
                0.651,
                "Segura-Bedmar et al. 2013",
            ),
        ],
    ),
    Benchmark(
        "ddi2013_types",
        {"ddi2013": {"types_only": True}},
        description="Which kind of interaction does a sentence claim for two drugs that do interact? Four classes.",
        prompt=PROMPT,
        labels=TYPES,
        metrics=["accuracy", "macro_f1"],
        slices=["source"],
        citation=CITATION,
        majority=0.4197,
        references=[tfidf("accuracy", 0.7773)],
    ),
]
