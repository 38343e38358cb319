"""Which labels look wrong: confident learning (Northcutt et al. 2021, JAIR) on cross-validated probabilities."""

from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa

FOLDS = 5
MOST_LEARNED = 20_000
"""Rows that one fold learns from, a seeded draw. All rows are judged."""


@dataclass(frozen=True)
class Suspect:
    """A row whose label looks wrong, and what it looks like instead."""

    row: int
    id: str
    task: str | None
    label: str
    probability: float
    likelier: str
    likelier_probability: float


def suspects(rows: pa.Table, seed: int) -> tuple[list[Suspect], dict[str, Any]]:
    """(the rows whose label looks wrong, the worst first; what was judged and by what), task by task."""
    suspected: list[Suspect] = []
    notes: dict[str, Any] = {"judged_by": f"cleanlab {version('cleanlab')}" if find_spec("cleanlab") else "metier"}
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
        suspected += _of_task(rows.take(pa.array(mine)), mine, learnable, task, seed)
    suspected.sort(key=lambda suspect: suspect.probability - suspect.likelier_probability)
    share = len(suspected) / judged if judged else 0.0
    return suspected, notes | {
        "judged": judged,
        "suspects": len(suspected),
        "share": round(share, 4),
        "not_judged": left_out,
    }


def _of_task(rows: pa.Table, places: np.ndarray, classes: list[str], task: str | None, seed: int) -> list[Suspect]:
    ids, labels, groups = (rows[name].to_pylist() for name in ("id", "label", "group"))
    codes = {label: code for code, label in enumerate(classes)}
    given = np.array([codes[label] for label in labels])
    together = [group if group is not None else row_id for group, row_id in zip(groups, ids, strict=True)]
    probabilities = cross_validated(rows["text"].to_pylist(), given, together, len(classes), seed)
    wrong = flagged(given, probabilities)
    suspected = []
    for i in np.flatnonzero(wrong):
        p, best = probabilities[i], int(probabilities[i].argmax())
        values = round(float(p[given[i]]), 4), classes[best], round(float(p[best]), 4)
        suspected.append(Suspect(int(places[i]), ids[i], task, labels[i], *values))
    return suspected


def cross_validated(texts: list[str], given: np.ndarray, groups: list[str], classes: int, seed: int) -> np.ndarray:
    """(rows, classes) probabilities of logistic regression on TF-IDF that has not seen the row or its group."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline

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
        pipeline = make_pipeline(words, LogisticRegression(C=10.0, max_iter=300, random_state=seed))
        pipeline.fit([texts[i] for i in learned], given[learned])
        some = np.zeros((len(held_out), classes))
        some[:, pipeline.classes_] = pipeline.predict_proba([texts[i] for i in held_out])
        probabilities[held_out] = some
    return probabilities


def flagged(given: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Which labels look wrong: by cleanlab where it is installed, else by our own code. Tests compare the two."""
    if find_spec("cleanlab"):
        from cleanlab.filter import find_label_issues

        mask: np.ndarray = find_label_issues(given, probabilities, filter_by="confident_learning", n_jobs=1)
        return mask
    return by_hand(given, probabilities)


def by_hand(given: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The off-diagonal of the confident joint (eq. 1): another class reaches the mean probability that it has among its
    own rows. Of several that do, the likeliest counts. Rows to which the model gives their own label stay."""
    classes = probabilities.shape[1]
    own = [probabilities[given == k, k] for k in range(classes)]
    # 1e-6 as in cleanlab: a class whose rows all say the same must reach its own mean.
    confident = probabilities >= np.array([mean.mean() if len(mean) else 2.0 for mean in own]) - 1e-6
    guess = np.where(confident.sum(1) > 1, probabilities.argmax(1), confident.argmax(1))
    likeliest_is_given = probabilities[np.arange(len(given)), given] + 1e-6 >= probabilities.max(1)
    mask: np.ndarray = confident.any(1) & (guess != given) & ~likeliest_is_given
    return mask
