"""Held-out training rows as questions: what a threshold and a temperature are chosen on, never the test."""

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question, questions
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.draw import draw
from metier.recipes.schema import QUICK_QUESTIONS
from metier.runs.run import Run

MOST = 500
MOST_FOR_REVIEW = 2000
"""An error of 2 % can be promised from about 300 answers without a mistake, and from more where there are some."""


def held_out_questions(run: Run, benchmark: Benchmark, most: int = MOST) -> list[Question]:
    """At most `most` held-out rows of a benchmark whose answers are chosen, drawn by their ids; none where answers are
    written. Those of a label that is nowhere else have no right answer to choose."""
    valid = run.table("curate", "valid.parquet")
    mine = pc.equal(valid["task"], benchmark.name)
    scorer = benchmark.build_scorer()
    if scorer.chooses:
        mine = pc.and_(mine, pc.is_in(valid["label"], pa.array(benchmark.label_set(), pa.string())))
    elif "probabilities" not in scorer.gives:
        return []
    most = QUICK_QUESTIONS if run.recipe.quick else most
    return draw(questions(valid.filter(mine)), most, f"{benchmark.name}:held-out")
