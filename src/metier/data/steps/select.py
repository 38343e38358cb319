"""Choose the training rows to a stated budget."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data import arrow_store
from metier.data.step import StepContext, StepLike, StepResult, filter_rows
from metier.errors import UserError, nearest
from metier.evaluation.draw import drawn_positions
from metier.recipes import strict_json
from metier.recipes.settings import PositiveCount

BUCKETS = 10_000
DIMENSIONS = 100
BLOCK = 2_048
"""Rows whose similarities to all targets are held at once: 8 kB a target."""
NO_TASK = ""


@dataclass
class Step(StepLike):
    """Keep so many training rows, drawn or chosen; valid rows are not touched."""

    rows: PositiveCount = 8000
    """The budget. Fewer rows than this are all kept."""
    by: Literal["random", "importance", "similar", "diverse"] = "random"
    """`random`: a seeded draw in which each label keeps its share. `importance`: drawn by how much likelier the words
    are in the target (DSIR, Xie et al. 2023). `similar`: those nearest to a target text (TF-IDF and SVD). `diverse`:
    each one the farthest from those before it (k-center greedy, Sener and Savarese 2018); takes rows x budget steps."""
    target: str | None = None
    """What `importance` and `similar` look for: the training rows of this benchmark or task, or a JSON-lines file
    (.jsonl, .jsonl.gz; from the working directory) with `text`. Left out: the labeled rows of each row's own task."""
    length_control: bool = False
    """Choose within quarters of the length in words, so that the chosen are as long as the candidates."""

    version = 1
    because = {"": "over the budget"}

    @property
    def uses_benchmarks(self) -> bool:
        return self.target is not None

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        splits = rows["split"].to_pylist()
        places = np.array([i for i, split in enumerate(splits) if split in (None, "train")], np.int64)
        candidates = arrow_store.filtered(rows, pa.array([split in (None, "train") for split in splits], pa.bool_()))
        score, evidence = self._scores(candidates, context)
        chosen = self._choose(candidates, score, context.seed)
        kept = set(places[chosen].tolist())
        over = f"over the budget of {self.rows:,} rows"
        evidence_of = dict(zip(places.tolist(), evidence, strict=True))
        reasons = [
            None if split == "valid" or i in kept else over + evidence_of.get(i, "") for i, split in enumerate(splits)
        ]
        return filter_rows(rows, reasons, candidates=len(places))

    def _choose(self, candidates: pa.Table, score: np.ndarray | None, seed: int) -> np.ndarray:
        """Positions of the chosen: the budget shared out to the strata, then each filled by `by`."""
        labels = candidates["label"].to_pylist()
        embedded = (
            embeddings(candidates["text"].to_pylist(), [], seed)[0] if self._insights("diverse", candidates) else None
        )
        strata = length_quarters(candidates["text"]) if self.length_control else [np.arange(len(labels))]
        chosen: list[int] = []
        for stratum, budget in zip(strata, shares([len(s) for s in strata], self.rows), strict=True):
            if embedded is not None:
                chosen += stratum[farthest_first(embedded[stratum], budget, seed)].tolist()
            elif score is not None:
                chosen += stratum[np.argsort(-score[stratum], kind="stable")[:budget]].tolist()
            else:
                kept = drawn_positions([str(labels[i]) for i in stratum], budget, f"select:{seed}") if budget else []
                chosen += stratum[kept].tolist()
        return np.array(sorted(chosen), np.int64)

    def _insights(self, by: str, candidates: pa.Table) -> bool:
        return self.by == by and len(candidates) > self.rows

    def _scores(self, candidates: pa.Table, context: StepContext) -> tuple[np.ndarray | None, list[str]]:
        """(what the best are chosen by, what is said of each row that is not)."""
        if not (self._insights("importance", candidates) or self._insights("similar", candidates)):
            return None, [""] * len(candidates)
        judge: Callable[..., np.ndarray] = _importance if self.by == "importance" else _similarity
        scores = np.zeros(len(candidates))
        for mine, target, own in self._targets(candidates, context):
            scores[mine] = judge(candidates["text"], mine, target, own, context.seed)
        word = "log importance" if self.by == "importance" else "similarity to the nearest target"
        evidence = [f" ({word} {value:.2f})" for value in scores]
        if self.by == "importance":
            # The largest of log weight + Gumbel noise are a draw by weight without replacement (Xie et al., section 3).
            scores = scores + np.random.default_rng(context.seed).gumbel(size=len(scores))
        return scores, evidence

    def _targets(self, candidates: pa.Table, context: StepContext) -> list[tuple[np.ndarray, list[str], Any]]:
        """(rows to judge, target texts, where among the candidates these stand or None), a set for each target."""
        tasks = np.array([task or NO_TASK for task in candidates["task"].to_pylist()], object)
        labeled = np.array([label is not None for label in candidates["label"].to_pylist()])
        texts = candidates["text"]

        def rows_of(task: str) -> np.ndarray:
            mine = tasks == task
            positions: np.ndarray = np.flatnonzero(mine & labeled if (mine & labeled).any() else mine)
            return positions

        if self.target is None:
            groups = [(np.flatnonzero(tasks == task), rows_of(task)) for task in sorted(set(tasks.tolist()))]
            return [(mine, texts.take(pa.array(own)).to_pylist(), own) for mine, own in groups]
        everywhere = np.arange(len(candidates))
        if self.target in tasks:
            own = rows_of(self.target)
            return [(everywhere, texts.take(pa.array(own)).to_pylist(), own)]
        return [(everywhere, _target_texts(self.target, context, set(tasks.tolist())), None)]

    def fingerprint(self) -> str:
        """A hash of the target file, for what depends on it beside the settings."""
        from metier.runs.files import file_sha256

        return file_sha256(Path(self.target)) if self.target and _is_file(self.target) else ""

    def problems(self) -> list[str]:
        problems = []
        if self.target is not None and self.by in ("random", "diverse"):
            problems.append(f"target: `by: {self.by}` looks for no target. Use importance or similar, or leave it out.")
        if self.target and _is_file(self.target) and not Path(self.target).is_file():
            problems.append(f"target: there is no file {self.target}.")
        return problems


def shares(sizes: list[int], budget: int) -> list[int]:
    """The budget shared out by size (largest remainders); never more than there is."""
    total = sum(sizes)
    if budget >= total:
        return sizes
    exact = [budget * size / total for size in sizes]
    parts = [int(share) for share in exact]
    order = sorted(range(len(sizes)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: budget - sum(parts)]:
        parts[i] += 1
    return parts


def length_quarters(texts: pa.ChunkedArray) -> list[np.ndarray]:
    """Positions in four groups of rising length in words; equal lengths stand together."""
    words = pc.count_substring_regex(texts, r"\S+").to_numpy()
    if not len(words):
        return []
    quarter = np.searchsorted(np.quantile(words, [0.25, 0.5, 0.75]), words)
    return [np.flatnonzero(quarter == q) for q in range(4) if (quarter == q).any()]


def farthest_first(points: np.ndarray, budget: int, seed: int) -> np.ndarray:
    """k-center greedy from a seeded first row: each next one is the farthest from all that are chosen."""
    if budget >= len(points):
        return np.arange(len(points))
    chosen = np.empty(budget, np.int64)
    gap = np.full(len(points), np.inf)
    following = int(np.random.default_rng(seed).integers(len(points)))
    squares = (points**2).sum(1)
    for n in range(budget):
        chosen[n] = following
        distance = squares + squares[following] - 2 * (points @ points[following])
        gap = np.minimum(gap, np.maximum(distance, 0))
        gap[following] = -1.0  # chosen once: even a copy of it comes before it
        following = int(gap.argmax())
    return chosen


def embeddings(texts: list[str], target: list[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of both: TF-IDF of words and word pairs, fitted on both, and its first singular directions."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    words = TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        max_features=200_000,
        token_pattern=r"(?u)\b\w+\b|[^\w\s]",
        dtype=np.float32,
    )
    matrix = words.fit_transform([*texts, *target])
    if min(matrix.shape) > DIMENSIONS:
        matrix = TruncatedSVD(DIMENSIONS, random_state=seed).fit_transform(matrix)
    else:
        matrix = matrix.toarray()
    points = normalize(matrix).astype(np.float32)
    return points[: len(texts)], points[len(texts) :]


def _importance(texts: pa.ChunkedArray, mine: np.ndarray, target: list[str], own: Any, seed: int) -> np.ndarray:
    """Against all candidates, so that what tells one task's rows from another's counts."""
    from metier.data.kernels.importance import importance

    candidates = pa.array(texts.to_pylist(), pa.large_string())
    return importance(candidates, pa.array(target, pa.large_string()), BUCKETS)[mine]


def _similarity(texts: pa.ChunkedArray, mine: np.ndarray, target: list[str], own: Any, seed: int) -> np.ndarray:
    """Cosine to the nearest target text; a row that is a target itself is held against the others."""
    points, targets = embeddings(texts.take(pa.array(mine)).to_pylist(), target, seed)
    similarity = np.empty(len(mine))
    column = {int(place): n for n, place in enumerate(own)} if own is not None else {}
    for start in range(0, len(mine), BLOCK):
        near = points[start : start + BLOCK] @ targets.T
        for i, place in enumerate(mine[start : start + BLOCK].tolist()):
            if place in column:
                near[i, column[place]] = -1.0
        similarity[start : start + BLOCK] = near.max(1)
    return similarity


def _is_file(target: str) -> bool:
    return target.endswith((".jsonl", ".jsonl.gz"))


def _target_texts(target: str, context: StepContext, tasks: set[str]) -> list[str]:
    """The texts of a file, or of the training rows of a benchmark's dataset. Never a test question."""
    if _is_file(target):
        return _texts_of(target)
    named = {benchmark.name: benchmark for benchmark in context.benchmarks}
    if target not in named:
        raise UserError(
            f"There is no task or benchmark '{target}' to select for.{nearest(target, {*named, *tasks} - {NO_TASK})}"
        )
    if not named[target].dataset:
        raise UserError(
            f"The benchmark '{target}' has test questions only; rows are not chosen by those. Name a file of examples."
        )
    rows = named[target].rows
    texts: list[str] = rows.filter(pc.equal(pc.fill_null(rows["split"], "train"), "train"))["text"].to_pylist()
    if not texts:
        raise UserError(
            f"The dataset of benchmark '{target}' has no training rows to select by. Name a file of examples, or a "
            "task."
        )
    return texts


def _texts_of(path: str) -> list[str]:
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as stream:
            raw = [strict_json.loads(line) for line in stream if line.strip()]
    except (ValueError, OSError, EOFError, zlib.error) as error:  # ValueError: broken JSON and broken UTF-8
        raise UserError(f"The target {path} cannot be read: {error}") from error
    if not raw or not all(isinstance(row, dict) and isinstance(row.get("text"), str) for row in raw):
        raise UserError(f"The target {path} needs JSON lines with `text` in each.")
    return [row["text"] for row in raw]
