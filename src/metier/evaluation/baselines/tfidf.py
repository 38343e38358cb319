"""The baseline that a tuned model has to beat: the commonest label, and TF-IDF with logistic regression."""

import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metier.data.records import Question
from metier.evaluation.baseline import BaselineAnswers, BaselineContext
from metier.evaluation.scoring import Prediction, Score, answered

TFIDF = "TF-IDF with logistic regression"
WORD = r"(?u)\b\w+\b"
Decide = Callable[[np.ndarray, Sequence[str]], np.ndarray]
"""(n, labels) probabilities and the labels -> (n,) positions of labels."""
ROWS_A_VALUE = 20
"""Training rows that a value of a column must have on average, or words by value are as rare as the rows."""
WORDS_TO_COMPARE = 4
"""Words that a column must have on average to be held against another: a name is too short for that."""


@dataclass
class Baseline:
    """TF-IDF of words and characters with logistic regression, trained on the rows that the model is trained on."""

    version = 5

    def answer(self, context: BaselineContext) -> BaselineAnswers:
        metric, prompt = context.metric, context.benchmark.prompt
        # Weights for metrics that ask for rare labels: they cost right answers, and twist probabilities, which prices
        # are weighed with. docs/evaluation.md has what they give.
        balanced = metric.reads == "labels" and not metric.prices_mistakes
        decide = metric.decide if metric.prices_mistakes else None
        answers = tfidf(context.rows, context.questions, prompt, context.labels, context.seed, balanced, decide)
        return BaselineAnswers(TFIDF, answers, majority([row.answer for row in context.rows]))


def majority(training_labels: Sequence[str]) -> str:
    """The commonest training label (the first in order where several tie)."""
    counts = Counter(training_labels)
    return min(counts, key=lambda name: (-counts[name], name))


def tfidf(
    known: Sequence[Question],
    questions: Sequence[Question],
    prompt: str,
    label_set: Sequence[str],
    seed: int,
    balanced: bool = False,
    decide: Decide | None = None,
) -> list[Prediction]:
    """Answers of logistic regression on TF-IDF of words, word pairs and character 2- to 5-grams (scikit-learn).

    It reads the rendered prompt, so every column that the model reads, and the row's text. Where a column of the prompt
    sets the question (a category, a hypothesis), words are also counted by its value: what means Yes for one means No
    for another. Where the prompt sets texts side by side (two offers, a question and a snippet), it also knows how
    alike they are, which no count of words tells. `balanced`: every label weighs the same in training, however rare it
    is, which suits a metric that asks for rare labels and costs accuracy. `decide` says which label the probabilities
    speak for; left out: the likeliest.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer

    labels = [question.answer for question in known]
    if len(set(labels)) < 2:
        sure = tuple(float(label == labels[0]) for label in label_set)
        return [_answer(question, prompt, labels[0], sure) for question in questions]
    columns, pairs = _setting(known, prompt), _pairs(known, prompt)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD, preprocessor=_text)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, preprocessor=_text)
    by_value = TfidfVectorizer(analyzer=_words_by_value, sublinear_tf=True)
    alike = FunctionTransformer(_likenesses)
    features = make_union(words, characters, *([by_value] if columns else []), *([alike] if pairs else []))
    classifier = LogisticRegression(
        C=10.0, max_iter=300, random_state=seed, class_weight="balanced" if balanced else None
    )
    with warnings.catch_warnings():  # few rows of many labels: no regression, as scikit-learn suspects
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        pipeline = make_pipeline(features, classifier).fit([_read(q, prompt, columns, pairs) for q in known], labels)
    probabilities = pipeline.predict_proba([_read(question, prompt, columns, pairs) for question in questions])
    column = {label: number for number, label in enumerate(pipeline.classes_)}
    full = np.zeros((len(questions), len(label_set)))
    for number, label in enumerate(label_set):
        if label in column:
            full[:, number] = probabilities[:, column[label]]
    chosen = decide(full, label_set) if decide else full.argmax(1)
    return [
        _answer(question, prompt, label_set[at], tuple(round(float(share), 6) for share in row))
        for question, at, row in zip(questions, chosen, full, strict=True)
    ]


def _setting(known: Sequence[Question], prompt: str) -> list[str]:
    """The prompt's columns that have few values with many rows each."""
    found = []
    for name in _columns(prompt):
        values = {question.fields.get(name) for question in known}
        if name != "text" and None not in values and 1 < len(values) <= len(known) / ROWS_A_VALUE:
            found.append(name)
    return found


def _pairs(known: Sequence[Question], prompt: str) -> list[tuple[str, str]]:
    """The prompt's texts of some length that differ from row to row, two by two."""
    setting = _setting(known, prompt)
    texts = []
    for name in _columns(prompt):
        lengths = [len(_value(question, name).split()) for question in known]
        if name not in setting and np.mean(lengths) >= WORDS_TO_COMPARE:
            texts.append(name)
    return list(itertools.combinations(texts, 2))


def _columns(prompt: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"\{(\w+)\}", prompt)))


def _value(question: Question, name: str) -> str:
    return question.text if name == "text" else question.fields.get(name, "")


Read = tuple[str, str, list[tuple[str, str]]]


def _read(question: Question, prompt: str, columns: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Read:
    """(the rendered prompt and, where that leaves it out, the row's text; the values that set the question; the texts
    to hold against each other)

    The text may say more than the prompt, for a reader that has no word order: ddi2013 marks the two drugs in it.
    """
    read = question.render(prompt) + ("" if "{text}" in prompt else f"\n{question.text}")
    both = [(_value(question, one).lower(), _value(question, other).lower()) for one, other in pairs]
    return read.lower(), " | ".join(question.fields.get(name, "") for name in columns), both


def _text(row: Read) -> str:
    return row[0]


def _words_by_value(row: Read) -> list[str]:
    return [f"{row[1]} | {word}" for word in re.findall(WORD, row[0])]


def _likenesses(rows: Sequence[Read]) -> np.ndarray:
    """(rows, pairs x 9): of the words, the words with a digit in them and the 3-grams of characters, the share of each
    text that the other has too, and what both have of what either has (Jaccard)."""
    return np.array([[share for one, other in row[2] for share in _shares(one, other)] for row in rows])


def _shares(one: str, other: str) -> list[float]:
    found = []
    for parts in (_words, _numbers, _trigrams):
        first, second = parts(one), parts(other)
        both = len(first & second)
        found += [both / max(1, len(part)) for part in (first, second, first | second)]
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(WORD, text))


def _numbers(text: str) -> set[str]:
    return {word for word in _words(text) if any(map(str.isdigit, word))}


def _trigrams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}


def _answer(question: Question, prompt: str, chosen: str, probabilities: tuple[float, ...]) -> Prediction:
    right = float(chosen == question.answer)
    return answered(question, question.render(prompt), Score(right, chosen), probabilities=probabilities)
