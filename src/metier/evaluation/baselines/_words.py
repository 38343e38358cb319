"""Answers in words, of any tool: which benchmarks take them, and what they are worth."""

from collections.abc import Sequence

from metier.data.records import Question
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import UNSCORED, Prediction, Score, answered, plain, scored

QUOTES = "\"'`*“”‘’ \t"


def misfit(benchmark: Benchmark) -> str | None:
    """Why words without probabilities are no answer to a benchmark; None where they are."""
    scorer, (title, metric) = benchmark.build_scorer(), next(iter(benchmark.build_metrics().items()))
    if "losses" in scorer.gives or scorer.baseline == "longer_answer":
        return "it answers in words, and the scorer compares likelihoods of given texts"
    if metric.reads == "probabilities":
        return f"it has no probabilities, and {title} decides"
    return None


def offered(question: Question, labels: Sequence[str]) -> Sequence[str]:
    """The answers that can be chosen; empty where the answer is written freely."""
    return labels or question.options


def understood(
    benchmark: Benchmark, labels: Sequence[str], question: Question, words: str | None, prompt: str
) -> Prediction:
    """What an answer in words is worth, by the benchmark's scorer; words that are none of the labels are unscored."""
    scorer, score = benchmark.build_scorer(), UNSCORED
    known = {plain(option): option for option in offered(question, labels)}
    words = known.get(plain(stripped(words))) if known and words is not None else words
    if words is not None and question.answer:
        score = scored(scorer, words, question)
    elif words is not None:  # a new row, whose right answer nobody knows
        score = Score(None, words if known else scorer.read(words, question))
    if known and words is not None:
        score = Score(score.value, words, score.parts)
    options = tuple(question.options) if question.options and not labels else None
    return answered(question, prompt, score, options=options, completion=None if known else words)


def stripped(words: str) -> str:
    """The first line that says something, without quotes around it and a full stop behind it."""
    lines = [line.strip(QUOTES) for line in words.splitlines()]
    first = next((line for line in lines if line), "")
    return first.removesuffix(".").strip(QUOTES)
