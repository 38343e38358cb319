"""The trainings of several seeds averaged into one model, which is a run like theirs."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question, identities
from metier.engine.models import weights
from metier.engine.training.context import TrainingContext
from metier.engine.training.evaluator import held_out, scores
from metier.errors import UserError
from metier.evaluation.samples import open_samples
from metier.evaluation.scoring import ModelLike
from metier.runs import run as runs
from metier.runs.files import file_sha256, fingerprint
from metier.runs.run import Run
from metier.stages.curate import Curated, write_rows
from metier.stages.curate import finish as finish_curating
from metier.stages.train import finish as finish_training
from metier.stages.train import trained_model

VERSION = 2
SCALES = (1.0, 1.5, 2.0)
"""What the mean of the changes is multiplied by; held-out rows choose. Adapters that began at different random weights
change the model in directions of their own, and a third of each is too little: docs/log.md has epqa_product_qa's."""
HELD_OUT_ROWS, FEWEST_HELD_OUT = 500, 100
"""Of each benchmark, that a scale is chosen by; and of all, below which the mean is taken as it is."""


class NoMean(UserError):
    """These trainings have no mean of the form that they have."""


def average(done: list[Run], folder: Path) -> Run:
    """A run whose model is the mean of the weights that the runs `done` trained, ready to be asked and reported.

    Its rows are all that any of them learned, so the baseline has them too; held out is what none of them
    learned. Raises `NoMean` where their adapters have none, and leaves no folder behind then.
    """
    first, trained = done[0], [one.result("train") for one in done]
    folders = [trained_model(one) for one in done]
    if not weights.is_whole(folders[0]) and any(_dora(folder) for folder in folders):
        raise NoMean("Adapters of DoRA have lengths beside their products, and so no mean of their form.")
    run = runs.open_run(folder, first.recipe, first.progress)
    run.lock(
        seeds=[one.recipe.seed for one in done],
        averaged=[one.folder.name for one in done],
        model=first.locked()["model"],
        datasets=first.locked()["datasets"],
    )
    inputs = made_from(done)
    # What is asked is no part of the weights, but the stages behind go by what the rows were held against.
    _rows(run, done, fingerprint(inputs, [one.result("curate")["asked"] for one in done]))
    if run.done("train", inputs) is None:
        run.progress.say(f"average: one model of {len(done)} trainings")
        adapter = run.folder / "train" / "adapter"
        by_scale = _weights(run, folders, adapter)
        result = {
            "adapter_sha256": file_sha256(weights.adapter_file(adapter)),
            "rows_sha256": run.recorded_sha256("curate", "curate/train.parquet"),
            "held_out": {str(scale): score for scale, score in by_scale.items()},
            **{cost: round(sum(one[cost] for one in trained), 1) for cost in ("seconds", "steps", "tokens")},
        }
        finish_training(run, inputs, adapter, result)
    return run


def made_from(done: Sequence[Run]) -> str:
    """A hash of all that the mean of these runs depends on."""
    parts = [
        [
            *(one.result("train")[key] for key in ("adapter_sha256", "rows_sha256")),
            one.recorded_sha256("curate", "curate/valid.parquet"),
        ]
        for one in done
    ]
    return fingerprint(VERSION, SCALES, HELD_OUT_ROWS, FEWEST_HELD_OUT, parts)


def _dora(adapter: Path) -> bool:
    return bool(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")).get("use_dora"))


def _weights(run: Run, trained: Sequence[Path], adapter: Path) -> dict[float, float | None]:
    """The averaged weights, there completely or not at all, by the scale that answers held-out rows best (the first
    where several do; 1 where too few are held out from all trainings). Returns the scores by scale, None: not asked."""
    from metier.engine.models.model import load
    from metier.engine.training.averaging import average as mean_of

    model = run.recipe.model
    benchmarks = {benchmark.name: benchmark for benchmark in open_samples(run).benchmarks}
    rows, valid = (run.table("curate", f"{name}.parquet") for name in ("train", "valid"))
    context = TrainingContext(rows, valid, benchmarks, model, None, adapter.parent, run.recipe.seed, run.progress)
    questions = held_out(context, HELD_OUT_ROWS)
    scratch = run.path("train", ".adapter.part")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(adapter, ignore_errors=True)
    if sum(map(len, questions.values())) < FEWEST_HELD_OUT:
        run.progress.say(f"  fewer than {FEWEST_HELD_OUT} rows are held out from all trainings: the mean as it is")
        questions = {}
    by_scale: dict[float, float | None] = {}
    for scale in SCALES if questions else (1.0,):
        folder = scratch / str(scale)
        folder.mkdir(parents=True)
        mean_of(model, trained, folder, scale)
        by_scale[scale] = _score(run, load(model, folder), context, questions, scale) if questions else None
    best = max(by_scale, key=lambda scale: by_scale[scale] or 0.0)
    run.lock(scale=best)
    (scratch / str(best)).replace(adapter)
    shutil.rmtree(scratch)
    return by_scale


def _score(
    run: Run, model: ModelLike, context: TrainingContext, questions: dict[str, list[Question]], scale: float
) -> float:
    figures, score = scores(model, context, questions)
    shown = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
    run.progress.say(f"  {scale} times the mean of the changes, held-out rows: {shown}")
    return score


def _rows(run: Run, done: list[Run], inputs: str) -> None:
    """curate/: the rows that any of the runs learned, those that none of them did, and the first run's steps."""
    if run.done("curate", inputs):
        return
    first = done[0]
    learned = first.table("curate", "train.parquet")
    for one in done[1:]:
        learned = pa.concat_tables([learned, _without(one.table("curate", "train.parquet"), learned)])
    valid, dropped = (_without(first.table("curate", f"{name}.parquet"), learned) for name in ("valid", "dropped"))
    # A row of a customer whose other rows were learned is not held out from all trainings.
    curated = Curated(learned, _without(valid, learned, "group"), dropped)
    write_rows(run, curated)
    for name in ("steps.json", "representation.json"):
        shutil.copy(first.output("curate", f"curate/{name}"), run.path("curate", name))
    seconds = round(sum(one.result("curate")["seconds"] for one in done), 1)
    finish_curating(
        run, inputs, curated, open_samples(first).everything, {**first.result("curate"), "seconds": seconds}
    )


def _without(rows: pa.Table, others: pa.Table, column: str = "id") -> pa.Table:
    """The rows whose id, or group where they have one, is not among the others'."""
    return rows.filter(pc.invert(pc.is_in(identities(rows, column), identities(others, column).drop_null())))
