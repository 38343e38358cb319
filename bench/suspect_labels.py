"""Are suspect labels wrong ones? 5 % of the labels of a dataset are flipped, and how many of the suspects were flipped?

`random` flips to any other label; `near` to one of the three whose texts are most alike, as people's mistakes are.
Training rows are judged by `label_noise`, which reads their texts alone. Test questions are judged by the answers of a
finished run (`--run banking77=RUN`), whose labels are flipped afterwards: no model saw them. Without a run two plain
classifiers stand in for the tuned model and the baseline (`stand_in`), which says nothing about a tuned model.

A dataset has wrong labels of its own. A suspect that was not flipped counts as a false alarm, also where its label is
wrong: so precision has a ceiling below 1. --check exits with 1 where, of the flips that 100 suspects could hold, a
smaller share is found than `BOUND` (random flips).

Reads METIER_DATA (banking77, cuad_clause_type); without it made-up texts.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from metier.data.steps import label_noise
from metier.evaluation.answers import TUNED, Answers
from metier.evaluation.scoring import Prediction
from metier.evaluation.suspects import suspects_of
from metier.recipes import plugins
from metier.runs import run as runs
from metier.runs.progress import Progress

SHARE, FIRST, NEAR, BOUND = 0.05, 100, 3, 0.6
KINDS = ("random", "near")
Rows = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", default=["banking77", "cuad_clause_type"], metavar="DATASET")
    parser.add_argument(
        "--run", nargs="*", default=[], metavar="BENCHMARK=RUN", help="finished runs, for test questions"
    )
    parser.add_argument("--seeds", type=int, default=3, help="draws of flips of training rows; 20 of test questions")
    parser.add_argument(
        "--quick", action="store_true", help="one draw, random flips; made-up texts without METIER_DATA"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 where fewer are found than BOUND")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not os.environ.get("METIER_DATA") and not arguments.quick:
        sys.exit("METIER_DATA is not set. Name the folder of the data's mirror: METIER_DATA=DIR python bench/...")
    finished = dict(one.split("=", 1) for one in arguments.run)
    rows = []
    for name in arguments.data if os.environ.get("METIER_DATA") else ["made up"]:
        rows += measured(name, finished.get(name), 1 if arguments.quick else arguments.seeds, arguments.quick)
    made_with = {"versions": {it: version(it) for it in ("numpy", "scikit-learn")}, "machine": runs.processor()}
    print(json.dumps({"rows": rows, **made_with}) if arguments.json else text(rows))
    if arguments.check and any(row["found"] < BOUND for row in rows if row["flips"] == "random"):
        raise SystemExit(1)


def measured(name: str, run: str | None, seeds: int, quick: bool) -> Rows:
    """The figures of one dataset: training rows and test questions, for each kind of flip."""
    table = made_up() if name == "made up" else plugins.build("datasets", name, {}).rows().to_pylist()
    train, test = ([row for row in table if (row["split"] == "test") == asked] for asked in (False, True))
    kinds = KINDS[:1] if quick else KINDS
    rows = [of_training(name, train, kind, seeds) for kind in kinds]
    if run:
        answers = Answers(runs.saved_run(Path(run), Progress()))
        given, labels = (answers.of(TUNED, name), answers.baseline(name)), answers.labels(name)
    else:
        given, labels = stand_ins(train, test)
    return rows + [of_test(name, train, *given, labels, kind, bool(run), 20) for kind in kinds]


def of_training(name: str, rows: Rows, kind: str, seeds: int) -> dict[str, Any]:
    texts, labels = [row["text"] for row in rows], sorted({row["label"] for row in rows})
    true = np.array([labels.index(row["label"]) for row in rows])
    groups, near, seen = [row["group"] or row["id"] for row in rows], alike(texts, true, len(labels)), []
    started = time.monotonic()
    for seed in range(seeds):
        given, flipped = flip(true, len(labels), near if kind == "near" else None, seed)
        order = label_noise.worst(given, label_noise.cross_validated(texts, given, groups, len(labels), 0))
        seen.append(counted(flipped[order], flipped.sum()))
    seconds = round((time.monotonic() - started) / seeds, 1)
    return summary(name, "training", kind, len(rows), int(flipped.sum()), seen) | {"seconds": seconds}


def of_test(
    name: str,
    train: Rows,
    tuned: Sequence[Prediction],
    baseline: Sequence[Prediction],
    labels: list[str],
    kind: str,
    real: bool,
    seeds: int,
) -> dict[str, Any]:
    true, seen = np.array([labels.index(one.gold) for one in tuned]), []
    known = np.array([labels.index(row["label"]) for row in train])
    near = alike([row["text"] for row in train], known, len(labels)) if kind == "near" else None
    for seed in range(seeds):
        given, flipped = flip(true, len(labels), near, seed)
        asked = [Prediction(**{**vars(one), "gold": labels[code]}) for one, code in zip(tuned, given, strict=True)]
        order = [one.question for one in suspects_of(asked, baseline, labels, most=1.0)]
        listed = len(suspects_of(asked, baseline, labels))
        seen.append(counted(flipped[order], flipped.sum(), listed))
    return summary(name, "test", kind, len(true), int(flipped.sum()), seen) | {"stand_in": not real}


def flip(true: np.ndarray, classes: int, near: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(labels with 5 % of them flipped, which ones)."""
    generator = np.random.default_rng(seed)
    chosen, given = generator.choice(len(true), round(SHARE * len(true)), replace=False), true.copy()
    if near is None:
        given[chosen] = (true[chosen] + generator.integers(1, classes, len(chosen))) % classes
    else:
        given[chosen] = near[true[chosen], generator.integers(0, near.shape[1], len(chosen))]
    return given, given != true


def alike(texts: Sequence[str], labels: np.ndarray, classes: int) -> np.ndarray:
    """(classes, 3) the labels whose texts are most like those of each, by the mean of their TF-IDF."""
    read = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
    means = [np.asarray(read[labels == label].mean(0)).ravel() for label in range(classes)]
    likeness = normalize(np.nan_to_num(means)) @ normalize(np.nan_to_num(means)).T
    np.fill_diagonal(likeness, -1)
    return np.argsort(-likeness, 1)[:, : min(NEAR, classes - 1)]


def counted(hits: np.ndarray, flipped: int, listed: int | None = None) -> list[float]:
    """Precision and recall of the first 25 and 100 suspects, and of the list; the share found of what 100 can hold."""
    listed = len(hits) if listed is None else listed
    first = hits[:FIRST]
    found = float(first.sum() / min(FIRST, flipped))
    parts = [x for some in (hits[:25], first, hits[:listed]) for x in (some.mean() if len(some) else 0.0, some.sum())]
    return [parts[0], parts[2], parts[3] / flipped, listed, parts[4], parts[5] / flipped, found]


def summary(name: str, side: str, kind: str, rows: int, flipped: int, seen: list[list[float]]) -> dict[str, Any]:
    keys = ("precision_25", "precision_100", "recall_100", "listed", "precision_listed", "recall_listed", "found")
    figures = dict(zip(keys, (round(float(value), 3) for value in np.mean(seen, 0)), strict=True))
    return {"data": name, "side": side, "flips": kind, "rows": rows, "flipped": flipped, **figures}


def stand_ins(train: Rows, test: Rows) -> tuple[tuple[list[Prediction], list[Prediction]], list[str]]:
    """Latent semantic analysis in place of the tuned model, words in place of the baseline, and the label set."""
    labels = sorted({row["label"] for row in [*train, *test]})
    given = [row["label"] for row in train]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    learned, asked = words.fit_transform([row["text"] for row in train]), words.transform([row["text"] for row in test])
    parts = TruncatedSVD(min(300, learned.shape[1] - 1), random_state=0)
    dense = normalize(parts.fit_transform(learned)), normalize(parts.transform(asked))
    return (predictions(*dense, given, test, labels, 100), predictions(learned, asked, given, test, labels, 10)), labels


def predictions(
    learned: Any, asked: Any, given: list[str], test: Rows, labels: list[str], c: float
) -> list[Prediction]:
    model = LogisticRegression(C=c, max_iter=300).fit(learned, given)
    shares = np.zeros((len(test), len(labels)))
    shares[:, [labels.index(label) for label in model.classes_]] = model.predict_proba(asked)
    said = [labels[code] for code in shares.argmax(1)]
    return [
        Prediction(row["id"], "", "", answer, row["label"], 1.0, probabilities=tuple(share))
        for row, answer, share in zip(test, said, shares.tolist(), strict=True)
    ]


def made_up() -> Rows:
    """Messages of six kinds, each with words of its own among those of all."""
    generator, rows = random.Random(0), []
    for number in range(900):
        kind = number % 6
        words = [f"word{kind}x{generator.randrange(12)}" for _ in range(3)]
        words += [f"common{generator.randrange(40)}" for _ in range(6)]
        split = "test" if number % 21 < 7 else "train"
        label = f"kind {generator.randrange(6) if generator.random() < 0.05 else kind}"
        rows.append({"id": str(number), "text": " ".join(words), "label": label, "group": None, "split": split})
    return rows


def text(rows: Rows) -> str:
    """A table in Markdown."""
    titles = "data | side | flips | rows | flipped | first 25: precision | first 100: precision | recall | listed | "
    lines = [f"| {titles}precision | recall |", "|---" * 11 + "|"]
    for row in rows:
        side = f"{row['side']} (stand-in)" if row.get("stand_in") else row["side"]
        keys = ("precision_25", "precision_100", "recall_100", "listed", "precision_listed", "recall_listed")
        cells = [f"{row[key]:.0f}" if key == "listed" else f"{row[key]:.2f}" for key in keys]
        start = [row["data"], side, row["flips"], f"{row['rows']:,}", f"{row['flipped']:,}"]
        lines.append("| " + " | ".join([*start, *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
