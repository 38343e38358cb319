"""Rulings of the US Board of Veterans' Appeals: is a sentence a finding, reasoning, evidence, a rule or a citation?"""

from metier.datasets import Benchmark, Dataset, tfidf

# The splits part whole decisions already. The test has seven, too few to draw whole decisions from: there sentences
# count as standing alone, as in unfair_tos, and intervals come out somewhat too narrow.
DATASET = Dataset(
    "bva_sentence_roles",
    folder="legal/bva_sentence_roles",
    license="MIT",
    citation="Walker et al. 2019, Automatic Classification of Rhetorical Roles for Sentences, ASAIL",
    url="https://github.com/LLTLab/VetClaims-JSON",
    fields=["decision", "previous"],
)
BENCHMARKS = [
    Benchmark(
        "bva_sentence_roles",
        "bva_sentence_roles",
        description="Role of a sentence in a ruling on a veteran's claim, six classes.",
        # Without the sentence before it: so a training row with the words of a test sentence is known as a copy,
        # whatever stands before it. One test sentence in four is such a formula.
        prompt="Sentence of a ruling: {text}\nRole:",
        labels=["finding", "reasoning", "evidence", "legal rule", "citation", "other"],
        metrics=["macro_f1", "accuracy"],
        slices=["decision"],
        references=[tfidf("macro_f1", 0.8229)],
    )
]
