"""What a run still has to do once its rows are curated: the pieces by which the time left for the whole is told."""

from collections.abc import Iterator

import pyarrow.compute as pc

from metier.evaluation.answers import BASE, TUNED
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.samples import open_samples
from metier.methods import of_datasets
from metier.runs.outlook import Piece
from metier.runs.run import Run

LETTERS_A_TOKEN = 4
"""Of English text, roughly; the estimate is as rough."""


def expected_work(run: Run, further_trainings: int = 0) -> list[Piece]:
    """The trainings and evaluations that follow `curate`; `further_trainings`: of other seeds, behind this one."""
    mine = list(_of_one(run))
    # The base model answers once for all seeds.
    others = [piece for piece in mine if not piece.name.startswith(f"evaluate: {BASE},")]
    return mine + further_trainings * others


def _of_one(run: Run) -> Iterator[Piece]:
    rows = run.table("curate", "train.parquet")
    for _, method in run.recipe.build_methods():
        letters = pc.sum(pc.utf8_length(of_datasets(rows, method.reads)["text"])).as_py() or 0
        budget = getattr(method, "max_train_tokens", 0) * LETTERS_A_TOKEN
        yield Piece("train", "training", "train", budget or letters * getattr(method, "epochs", 1))
    everything = open_samples(run).everything
    for who in (BASE, TUNED):
        yield from (_asked(who, benchmark) for benchmark in everything)


def _asked(who: str, benchmark: Benchmark) -> Piece:
    """One model on one benchmark; it reads each question with all its options."""
    questions, written = benchmark.questions(), benchmark.build_scorer().free_text()
    labels = sum(map(len, benchmark.label_set()))
    letters = sum(len(one.text) + (sum(map(len, one.options)) or labels) for one in questions)
    return Piece("evaluate", f"evaluate: {who}, {benchmark.name}", "write" if written else "ask", letters)
