"""Find labels that look wrong: a cross-validated classifier does not believe them."""

# Counted as in confident learning (Northcutt et al. 2021, JAIR), and ranked by the probability of their own label.
# cleanlab was left out: its count is the one here (tests/data/steps/test_label_noise.py compares them).

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from metier.data.step import StepContext, StepLike, StepResult, filter_rows
from metier.data.steps._compared import compared

NAME = "label_noise"
FOLDS = 5
MOST_LEARNED = 20_000
"""Rows that one fold learns from, a seeded draw. All rows are judged."""
LISTED = 200
"""Suspects of each dataset in the notes, the worst first."""


@dataclass(frozen=True)
class Suspect:
    """A row whose label looks wrong, and what it looks like instead."""

    row: int
    """Its position among the step's rows."""
    id: str
    source: str
    task: str | None
    label: str
    probability: float
    likelier: str
    likelier_probability: float


@dataclass
class Step(StepLike):
    """List rows whose label looks wrong, or drop them. `metier curate` writes the list of the user's own rows to
    suspects.csv, where people correct them."""

    mode: Literal["report", "drop"] = "report"
    """`report` only lists them and keeps every row; `drop` takes them out of training."""

    version: ClassVar[int] = 1
    because = {"": "with a label that looks wrong"}
    noted = {"suspects": "suspect labels"}

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        texts = compared(rows, context.benchmarks, answers=False).to_pylist()
        suspected, notes = suspects(rows, texts, context.seed)
        reasons: list[str | None] = [None] * len(rows)
        if self.mode == "drop":
            splits = rows["split"].to_pylist()
            for suspect in suspected:
                # A held-out row that is hard to guess stays: settings chosen on easy rows would look too good.
                reasons[suspect.row] = None if splits[suspect.row] == "valid" else _why(suspect)
        return filter_rows(rows, reasons, **notes, worst=_worst(suspected))


def _worst(suspected: list[Suspect]) -> list[dict[str, Any]]:
    """Of each dataset the worst: a large published one must not crowd out the user's own."""
    listed: Counter[str] = Counter()
    worst = []
    for suspect in suspected:
        listed[suspect.source] += 1
        if listed[suspect.source] <= LISTED:
            worst.append(asdict(suspect))
    return worst


def suspects(rows: pa.Table, texts: list[str], seed: int) -> tuple[list[Suspect], dict[str, Any]]:
    """(the rows whose label looks wrong, the worst first; what was judged), task by task. `texts`: what a model reads
    of each row."""
    suspected: list[Suspect] = []
    labels, tasks = (np.array(rows[name].to_pylist(), object) for name in ("label", "task"))
    judged, left_out = 0, {}
    for task in sorted(set(tasks.tolist()), key=str):
        mine = np.array([i for i in np.flatnonzero(tasks == task) if labels[i] is not None], np.int64)
        counts = Counter(labels[mine].tolist())
        learnable = sorted(label for label, count in counts.items() if count >= FOLDS)
        if len(learnable) < 2 or len(counts) > len(mine) / 2:
            left_out[str(task)] = f"{len(counts):,} labels in {len(mine):,} rows: nothing to learn them from"
            continue
        mine = mine[np.isin(labels[mine].astype(str), learnable)]
        judged += len(mine)
        suspected += _of_task(rows.take(pa.array(mine)), [texts[i] for i in mine], mine, learnable, seed)
    suspected.sort(key=lambda suspect: suspect.probability)
    share = len(suspected) / judged if judged else 0.0
    counted = {"judged": judged, "suspects": len(suspected), "share": round(share, 4)}
    return suspected, {**counted, "not_judged": left_out}


def _of_task(rows: pa.Table, texts: list[str], places: np.ndarray, classes: list[str], seed: int) -> list[Suspect]:
    ids, labels, groups, sources, tasks = (
        rows[name].to_pylist() for name in ("id", "label", "group", "source", "task")
    )
    codes = {label: code for code, label in enumerate(classes)}
    given = np.array([codes[label] for label in labels])
    together = [group if group is not None else row_id for group, row_id in zip(groups, ids, strict=True)]
    probabilities = cross_validated(texts, given, together, len(classes), seed)
    suspected = []
    for i in worst(given, probabilities):
        p, best = probabilities[i], int(probabilities[i].argmax())
        values = round(float(p[given[i]]), 4), classes[best], round(float(p[best]), 4)
        suspected.append(Suspect(int(places[i]), ids[i], sources[i], tasks[i], labels[i], *values))
    return suspected


def worst(given: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """The rows whose label looks wrong, the worst first: as many as the confident joint counts, and of those whose
    likeliest label is another one those with the lowest probability of their own."""
    # Not the rows of the joint themselves: with 5 % of the labels of cuad_clause_type flipped, 24 of the first 100 of
    # those were flipped, and 46 of the lowest probabilities (docs/labels.md).
    own = probabilities[np.arange(len(given)), given]
    other = np.flatnonzero(probabilities.argmax(1) != given)
    order: list[int] = other[np.argsort(own[other], kind="stable")].tolist()
    return order[: int(confident_joint(given, probabilities).sum())]


def cross_validated(texts: list[str], given: np.ndarray, groups: list[str], classes: int, seed: int) -> np.ndarray:
    """(rows, classes) probabilities on TF-IDF that have not seen the row or its group: the mean of logistic regression
    and naive Bayes, whose mistakes differ."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.naive_bayes import ComplementNB

    probabilities = np.full((len(texts), classes), 1.0 / classes)
    if len(set(groups)) < FOLDS:  # nothing can be held out: every class stays as likely as any other
        return probabilities
    generator = np.random.default_rng(seed)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for learned, held_out in folds.split(texts, given, groups):
        if len(learned) > MOST_LEARNED:
            learned = generator.choice(learned, MOST_LEARNED, replace=False)
        if len(set(given[learned].tolist())) < 2:
            continue
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
        read, asked = words.fit_transform([texts[i] for i in learned]), words.transform([texts[i] for i in held_out])
        some = np.zeros((len(held_out), classes))
        for model in (LogisticRegression(C=10.0, max_iter=300, random_state=seed), ComplementNB(alpha=0.3)):
            model.fit(read, given[learned])
            some[:, model.classes_] += model.predict_proba(asked) / 2
        probabilities[held_out] = some
    return probabilities


def confident_joint(given: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(rows,) whether a row is off the diagonal of the confident joint (eq. 1): another class reaches the mean
    probability that it has among its own rows. Of several that do, the likeliest counts. Rows to which the model gives
    their own label stay."""
    classes = probabilities.shape[1]
    own = [probabilities[given == k, k] for k in range(classes)]
    # 1e-6 as in cleanlab: a class whose rows all say the same must reach its own mean.
    confident = probabilities >= np.array([mean.mean() if len(mean) else 2.0 for mean in own]) - 1e-6
    guess = np.where(confident.sum(1) > 1, probabilities.argmax(1), confident.argmax(1))
    likeliest_is_given = probabilities[np.arange(len(given)), given] + 1e-6 >= probabilities.max(1)
    mask: np.ndarray = confident.any(1) & (guess != given) & ~likeliest_is_given
    return mask


def _why(suspect: Suspect) -> str:
    return (
        f"label '{suspect.label}' looks wrong: probability {suspect.probability:.2f}, "
        f"'{suspect.likelier}' {suspect.likelier_probability:.2f}"
    )
