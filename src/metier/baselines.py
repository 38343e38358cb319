"""The cheap answers that a tuned model has to beat: the commonest label, and TF-IDF with logistic regression."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from metier.records import Question
from metier.scorers import Answer, Judgement, answered

TFIDF = "TF-IDF with logistic regression"
VERSION = 3
WORD = r"(?u)\b\w+\b"
ROWS_A_VALUE = 20
"""Training rows that a value of a column must have on average, or words by value are as rare as the rows."""


def majority(training_labels: Sequence[str]) -> str:
    """The commonest training label (the first in order where several tie)."""
    counts = Counter(training_labels)
    return min(counts, key=lambda name: (-counts[name], name))


def tfidf(
    known: Sequence[Question], questions: Sequence[Question], prompt: str, label_set: Sequence[str], seed: int
) -> list[Answer]:
    """Answers of logistic regression on TF-IDF of words, word pairs and character 2- to 5-grams (scikit-learn).

    It reads the rendered prompt, so every column that the model reads, and the row's text. Where a column of the prompt
    sets the question (a category, a hypothesis), words are also counted by its value: what means Yes for one means No
    for another.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    labels = [question.answer for question in known]
    if len(set(labels)) < 2:
        return [_answer(question, prompt, labels[0], None) for question in questions]
    columns = _setting(known, prompt)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD, preprocessor=_text)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, preprocessor=_text)
    by_value = TfidfVectorizer(analyzer=_words_by_value, sublinear_tf=True)
    features = make_union(words, characters, *([by_value] if columns else []))
    classifier = LogisticRegression(C=10.0, max_iter=300, random_state=seed)
    pipeline = make_pipeline(features, classifier).fit([_read(q, prompt, columns) for q in known], labels)
    probabilities = pipeline.predict_proba([_read(question, prompt, columns) for question in questions])
    column = {label: number for number, label in enumerate(pipeline.classes_)}
    answers = []
    for question, row in zip(questions, probabilities, strict=True):
        full = tuple(round(float(row[column[label]]), 6) if label in column else 0.0 for label in label_set)
        answers.append(_answer(question, prompt, str(pipeline.classes_[int(np.argmax(row))]), full))
    return answers


def _setting(known: Sequence[Question], prompt: str) -> list[str]:
    """The prompt's columns that have few values with many rows each."""
    found = []
    for name in dict.fromkeys(re.findall(r"\{(\w+)\}", prompt)):
        values = {question.fields.get(name) for question in known}
        if name != "text" and None not in values and 1 < len(values) <= len(known) / ROWS_A_VALUE:
            found.append(name)
    return found


def _read(question: Question, prompt: str, columns: Sequence[str]) -> tuple[str, str]:
    """(the rendered prompt and, where that leaves it out, the row's text; the values that set the question)

    The text may say more than the prompt, for a reader that has no word order: ddi2013 marks the two drugs in it.
    """
    read = question.render(prompt) + ("" if "{text}" in prompt else f"\n{question.text}")
    return read.lower(), " | ".join(question.fields.get(name, "") for name in columns)


def _text(row: tuple[str, str]) -> str:
    return row[0]


def _words_by_value(row: tuple[str, str]) -> list[str]:
    return [f"{row[1]} | {word}" for word in re.findall(WORD, row[0])]


def _answer(question: Question, prompt: str, chosen: str, probabilities: tuple[float, ...] | None) -> Answer:
    right = float(chosen == question.answer)
    return answered(question, question.render(prompt), Judgement(right, chosen), probabilities=probabilities)
