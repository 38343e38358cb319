"""The cheap answers that a tuned model has to beat: the commonest label, and TF-IDF with logistic regression."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from metier.records import Question
from metier.scorers import Answer, Judgement, answered

TFIDF = "TF-IDF with logistic regression"


def majority(training_labels: Sequence[str]) -> str:
    """The commonest training label (the first in order where several tie)."""
    counts = Counter(training_labels)
    return min(counts, key=lambda name: (-counts[name], name))


def tfidf(
    texts: Sequence[str],
    labels: Sequence[str],
    questions: Sequence[Question],
    prompt: str,
    label_set: Sequence[str],
    seed: int,
) -> list[Answer]:
    """Answers of logistic regression on TF-IDF of words, word pairs and character 2- to 5-grams (scikit-learn)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    if len(set(labels)) < 2:
        return [_answer(question, prompt, labels[0], None) for question in questions]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    classifier = LogisticRegression(C=10.0, max_iter=300, random_state=seed)
    pipeline = make_pipeline(make_union(words, characters), classifier).fit(texts, labels)
    probabilities = pipeline.predict_proba([question.render(prompt) for question in questions])
    column = {label: number for number, label in enumerate(pipeline.classes_)}
    answers = []
    for question, row in zip(questions, probabilities, strict=True):
        full = tuple(round(float(row[column[label]]), 6) if label in column else 0.0 for label in label_set)
        answers.append(_answer(question, prompt, str(pipeline.classes_[int(np.argmax(row))]), full))
    return answers


def _answer(question: Question, prompt: str, chosen: str, probabilities: tuple[float, ...] | None) -> Answer:
    right = float(chosen == question.answer)
    return answered(question, question.render(prompt), Judgement(right, chosen), probabilities=probabilities)
