"""The baseline that a tuned model has to beat: the most common label, and TF-IDF with logistic regression."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from metier.data.records import Question
from metier.evaluation.baseline import BaselineContext, BaselineLike, FittedBaseline, LoadModel, most_common, no_model
from metier.evaluation.baseline_state import (
    BaselineState,
    damaged,
    read_state,
    read_tensors,
    refuse_another,
    write_state,
)
from metier.evaluation.baselines._features import (
    LIKENESSES,
    WORD,
    likenesses,
    prompt_of,
    read,
    setting_columns,
    text_pairs,
    words_by_value,
)
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import Floats, MetricLike
from metier.evaluation.scoring import Prediction, Score, answered
from metier.recipes import plugins

TFIDF = "TF-IDF with logistic regression"
VERSION = 5
COEFFICIENTS, INTERCEPT = "coefficients", "intercept"
VECTORIZERS: dict[str, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2), "token_pattern": WORD, "preprocessor": prompt_of},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5), "preprocessor": prompt_of},
    "words_by_value": {"analyzer": words_by_value},
}
"""Part of the features -> what scikit-learn's TfidfVectorizer counts for it; the last one only beside a column that
sets the question."""


class TfidfState(BaselineState):
    """What was learned, but for the numbers: those are tensors."""

    prompt: str
    labels: tuple[str, ...]
    """The label set, in the order of the probabilities."""
    majority: str
    classes: tuple[str, ...]
    """The training labels, in the order of the coefficients. A single one is always answered."""
    columns: tuple[str, ...] = ()
    """The prompt's columns that set the question."""
    pairs: tuple[tuple[str, str], ...] = ()
    """The prompt's texts that are held against each other."""
    seed: int
    balanced: bool
    """Whether every label weighed the same in training."""
    metric: str | dict[str, dict[str, Any] | None] | None
    """The metric whose prices decide which label is said; null: the likeliest label is said."""
    vocabularies: dict[str, tuple[str, ...]] = {}
    """Part of the features -> its terms, in the order of their columns."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors that belong to it."""
        if len(self.classes) == 1:
            return {}
        sizes = {part: len(terms) for part, terms in self.vocabularies.items()}
        rows, features = _rows(self.classes), sum(sizes.values()) + LIKENESSES * len(self.pairs)
        idf = {_idf(part): (size,) for part, size in sizes.items()}
        return idf | {COEFFICIENTS: (rows, features), INTERCEPT: (rows,)}

    def problem(self) -> str | None:
        """What cannot be in a state that was saved; None where nothing is wrong."""
        if not self.classes or len(set(self.classes)) < len(self.classes):
            return "its classes are empty or not distinct"
        parts = _parts(self.columns) if len(self.classes) > 1 else []
        if list(self.vocabularies) != parts:
            return f"its vocabularies are not {parts}"
        if any(not terms or len(set(terms)) < len(terms) for terms in self.vocabularies.values()):
            return "the terms of a vocabulary are empty or not distinct"
        return None


@dataclass
class Baseline(BaselineLike):
    """TF-IDF of words and characters with logistic regression, trained on the rows that the model is trained on."""

    version = VERSION

    def fit(self, context: BaselineContext) -> "FittedTfidf":
        metric = context.metric
        # Weights for metrics that ask for rare labels: they cost right answers, and twist probabilities, which prices
        # are weighed with. docs/evaluation.md has what they give.
        balanced = metric.reads == "labels" and not metric.prices_mistakes
        prices = context.benchmark.metrics[0] if metric.prices_mistakes else None
        return learn(context.rows, context.benchmark.prompt, context.labels, context.seed, balanced, prices)

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> "FittedTfidf":
        state = read_state(folder, TfidfState, self.version)
        refuse_another(folder, "prompt", state.prompt, benchmark.prompt)
        refuse_another(folder, "label set", list(state.labels), list(labels))
        if problem := state.problem():
            raise damaged(folder, problem)
        return _fitted(state, read_tensors(folder, state.shapes()))


def learn(
    rows: Sequence[Question],
    prompt: str,
    labels: Sequence[str],
    seed: int,
    balanced: bool = False,
    metric: plugins.Use | None = None,
) -> "FittedTfidf":
    """Logistic regression on TF-IDF of words, word pairs and character 2- to 5-grams (scikit-learn).

    It reads the rendered prompt, so every column that the model reads, and the row's text. Where a column of the prompt
    sets the question (a category, a hypothesis), words are also counted by its value: what means Yes for one means No
    for another. Where the prompt sets texts side by side (two offers, a question and a snippet), it also knows how
    alike they are, which no count of words tells. `balanced`: every label weighs the same in training, however rare it
    is, which suits a metric that asks for rare labels and costs accuracy. `metric`: the one whose prices say which
    label the probabilities speak for, as a benchmark names it; left out: the likeliest.
    """
    answers = [row.answer for row in rows]
    known: dict[str, Any] = {"version": VERSION, "prompt": prompt, "labels": labels, "majority": most_common(answers)}
    known |= {"seed": seed, "balanced": balanced, "metric": metric}
    if len(set(answers)) < 2:
        return _fitted(TfidfState(**known, classes=(answers[0],)), {})
    columns, pairs = setting_columns(rows, prompt), text_pairs(rows, prompt)
    parts = _parts(columns)
    pipeline = _pipeline([_vectorizer(part) for part in parts], pairs, _classifier(seed, balanced))
    with warnings.catch_warnings():  # few rows of many labels: no regression, as scikit-learn suspects
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        pipeline.fit([read(row, prompt, columns, pairs) for row in rows], answers)
    union, classifier = pipeline[0], pipeline[-1]
    fitted = {part: vectorizer for part, (_, vectorizer) in zip(parts, union.transformer_list, strict=False)}
    vocabularies = {part: tuple(it.get_feature_names_out().tolist()) for part, it in fitted.items()}
    known |= {"classes": classifier.classes_.tolist(), "columns": columns, "pairs": pairs}
    tensors = {_idf(part): vectorizer.idf_ for part, vectorizer in fitted.items()}
    tensors |= {COEFFICIENTS: classifier.coef_, INTERCEPT: classifier.intercept_}
    return _fitted(TfidfState(**known, vocabularies=vocabularies), tensors)


@dataclass(frozen=True, eq=False)
class FittedTfidf(FittedBaseline):
    """What was learned, as plain values. Both a fresh and a loaded one answer through scikit-learn's objects made of
    these values, so their answers are the same."""

    state: TfidfState
    tensors: Mapping[str, Floats]
    metric: MetricLike | None
    """The one that decides by prices."""

    name = TFIDF

    @property
    def majority(self) -> str:
        return self.state.majority

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        state, shares = self.state, self.probabilities(questions)
        if len(state.classes) == 1:
            chosen = [state.classes[0]] * len(questions)
        else:
            decided = self.metric.decide(shares, state.labels) if self.metric else shares.argmax(1)
            chosen = [state.labels[at] for at in decided]
        return [
            _answer(question, state.prompt, label, tuple(round(float(share), 6) for share in row))
            for question, label, row in zip(questions, chosen, shares, strict=True)
        ]

    def probabilities(self, questions: Sequence[Question]) -> Floats:
        """(questions, labels), not rounded; 0 for a label that no training row has."""
        state = self.state
        shares = np.zeros((len(questions), len(state.labels)))
        if not questions:
            return shares
        if len(state.classes) == 1:
            given = np.ones((len(questions), 1))
        else:
            rows = [read(question, state.prompt, state.columns, state.pairs) for question in questions]
            given = self._classify.predict_proba(rows)
        for number, label in enumerate(state.labels):
            if label in state.classes:
                shares[:, number] = given[:, state.classes.index(label)]
        return shares

    def save(self, folder: Path) -> list[str]:
        return write_state(folder, self.state, self.tensors)

    @cached_property
    def _classify(self) -> Any:
        """scikit-learn's pipeline, as it was after training."""
        state = self.state
        vectorizers = []
        for part, terms in state.vocabularies.items():
            vectorizers.append(_vectorizer(part, {term: column for column, term in enumerate(terms)}))
            vectorizers[-1].idf_ = self.tensors[_idf(part)]
        classifier = _classifier(state.seed, state.balanced)
        classifier.classes_ = np.array(state.classes)
        # By columns: by rows scipy copies all coefficients at each call, and one question of icd10cm_chapter takes 7 ms
        # instead of 3.5. The products are the same bit by bit.
        classifier.coef_ = np.asfortranarray(self.tensors[COEFFICIENTS])
        classifier.intercept_ = self.tensors[INTERCEPT]
        classifier.n_features_in_ = classifier.coef_.shape[1]
        return _pipeline(vectorizers, state.pairs, classifier)


def _fitted(state: TfidfState, tensors: Mapping[str, Floats]) -> FittedTfidf:
    metric = plugins.build("metrics", *plugins.named(state.metric)) if state.metric else None
    return FittedTfidf(state, tensors, metric)


def _parts(columns: Sequence[str]) -> list[str]:
    return [part for part in VECTORIZERS if columns or part != "words_by_value"]


def _idf(part: str) -> str:
    return f"{part}.idf"


def _rows(classes: Sequence[str]) -> int:
    """Rows of the coefficients: scikit-learn keeps one for two classes."""
    return 1 if len(classes) == 2 else len(classes)


def _vectorizer(part: str, vocabulary: dict[str, int] | None = None) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, vocabulary=vocabulary, **VECTORIZERS[part])


def _classifier(seed: int, balanced: bool) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10.0, max_iter=300, random_state=seed, class_weight="balanced" if balanced else None)


def _pipeline(vectorizers: Sequence[Any], pairs: Sequence[tuple[str, str]], classifier: Any) -> Any:
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer

    alike = [FunctionTransformer(likenesses)] if pairs else []
    return make_pipeline(make_union(*vectorizers, *alike), classifier)


def _answer(question: Question, prompt: str, chosen: str, probabilities: tuple[float, ...]) -> Prediction:
    right = float(chosen == question.answer)
    return answered(question, question.render(prompt), Score(right, chosen), probabilities=probabilities)
