"""The same questions before and after: base model, tuned model and baseline answer every benchmark's samples."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from metier.engine.models import weights
from metier.errors import UserError
from metier.evaluation import insight
from metier.evaluation.answers import BASE, HELD_OUT, TUNED, stage_of
from metier.evaluation.asking import PART, Model, ask
from metier.evaluation.baseline import answer_baselines, independent_of_training
from metier.evaluation.held_out import held_out_questions
from metier.evaluation.latency import measure_latency
from metier.evaluation.openings import record_opening, say_openings
from metier.evaluation.plan import seal
from metier.evaluation.samples import Judging, open_samples
from metier.evaluation.scoring import ModelLike
from metier.recipes import plugins
from metier.runs.run import Run
from metier.stages.candidates import blend_answers, choose_candidates
from metier.stages.train import trained_model


def evaluate(run: Run, same_base: Run | None = None) -> dict[str, Any]:
    """Ask base and tuned model, and the baseline, every question; returns seconds and counts.

    `same_base`: a run whose base model answered the same questions; its answers are taken over where they fit.
    """
    judging = open_samples(run)
    check_rows(run)
    _check_test_data(run, judging)
    base_sha256, rows = check_model(run), run.table("curate", "train.parquet")
    run.clear("evaluate")
    run.lock(dtype=_dtype())
    done = _ask_held_out(run, judging, tuned_model(run, base_sha256))
    fitted = choose_candidates(run, judging.benchmarks, rows, base_model(run, base_sha256))
    seal(run, judging)  # from here on the test is open, and what is judged is chosen
    record_opening(run, judging.benchmarks)
    if same_base:
        _take_over(run, same_base, judging)
    # Each model is loaded for its questions and let go: two at once would need twice the memory.
    done += _ask_all(run, BASE, judging, base_model(run, base_sha256))
    tuned = tuned_model(run, base_sha256)
    done += _ask_all(run, TUNED, judging, tuned)
    done += _measure_latency(run, judging, tuned)
    del tuned
    base = base_model(run, base_sha256)  # for a baseline that asks it
    seconds = sum(answer_baselines(run, one, rows, base, fitted.get(one.name, {})) for one in judging.everything)
    for benchmark in judging.benchmarks:
        blend_answers(run, benchmark)
    say_openings(run, judging.benchmarks)
    result = {
        "seconds": round(seconds + sum(one["seconds"] for one in done), 1),
        "peak_memory_mb": max(one["peak_memory_mb"] for one in done),
        "adapter_sha256": run.result("train")["adapter_sha256"],
    }
    return run.mark_done("evaluate", "", result, *_written(run))


def _ask_all(run: Run, who: str, judging: Judging, model: Model) -> list[dict[str, Any]]:
    return [ask(run, who, benchmark, benchmark.questions(), model) for benchmark in judging.everything]


def base_model(run: Run, base_sha256: str | None = None) -> Model:
    """The untuned model. Raises `UserError` where it has other weights than when it was trained.

    `base_sha256`: what `check_model` gave, where it was called before.
    """
    return _model(run, base_sha256 or check_model(run), None, None)


def tuned_model(run: Run, base_sha256: str | None = None) -> Model:
    """What the run trained; as `base_model`."""
    adapter = trained_model(run)
    return _model(run, base_sha256 or check_model(run), adapter, run.result("train")["adapter_sha256"])


def _model(run: Run, base_sha256: str, adapter: Path | None, adapter_sha256: str | None) -> Model:
    """A model that is loaded at the first question, if one is still open."""
    made_by = [_dtype(), base_sha256, adapter_sha256]

    @cache
    def load() -> ModelLike:
        from metier.engine.models.model import load as load_model

        return load_model(run.recipe.model, adapter, run.progress.warn)

    return Model(load, made_by)


def check_model(run: Run) -> str:
    """The hash of the base model. Raises `UserError` where it is not the one that was trained on."""
    sha256, trained = weights.sha256(weights.folder(run.recipe.model, run.progress.warn)), run.locked().get("model")
    if trained and trained["sha256"] != sha256:
        raise UserError(
            f"The model {run.recipe.model} has other weights than when {run.folder} was trained on it. Put those back, "
            "or run the recipe in a new folder."
        )
    return sha256


def check_rows(run: Run) -> None:
    """Raises `UserError` where the rows are not those that the model was trained on."""
    if run.result("train")["rows_sha256"] != run.recorded_sha256("curate", "curate/train.parquet"):
        raise UserError(f"The training rows changed since training. Run `metier train {run.folder}` first.")


def _check_test_data(run: Run, judging: Judging) -> None:
    """Raises `UserError` where the test data changed: what would be asked now may have been learned."""
    now = {benchmark.name: benchmark.data().fingerprint() for benchmark in judging.everything}
    if run.result("curate")["asked"] != now:
        raise UserError(
            "The test data changed since the training rows were held against it. Call `metier run` with the recipe and "
            f"`--out {run.folder}`: it curates again, and trains again where the rows change."
        )


def _take_over(run: Run, other: Run, judging: Judging) -> None:
    """The answers of another run's base model and baselines; those to other questions are asked again, as always."""
    for benchmark in judging.everything:
        # An endpoint's answers cost money, and are the same in every training.
        for stage in (stage_of(benchmark.name, who) for who in (BASE, *independent_of_training(benchmark))):
            if not run.is_done(stage):
                run.take_over(other, stage)


def _ask_held_out(run: Run, judging: Judging, tuned: Model) -> list[dict[str, Any]]:
    """Held-out rows, at most 500 a benchmark: what a cut-off, a threshold and a temperature are chosen on."""
    return [
        # What the test refuses must not stop a threshold from being chosen: these rows were cut in training.
        ask(run, HELD_OUT, replace(benchmark, too_long="truncate"), held_out, tuned)
        for benchmark in judging.benchmarks
        if (held_out := held_out_questions(run, benchmark))
    ]


def _measure_latency(run: Run, judging: Judging, tuned: Model) -> list[dict[str, Any]]:
    """The waits of questions asked one at a time, where a key figure of the recipe's industry needs them."""
    insights = plugins.find("industries", run.recipe.industry)().insights
    if not any(insight.needs_latency(name) for name in insights):
        return []
    waits = [measure_latency(run, benchmark, benchmark.questions(), tuned) for benchmark in judging.benchmarks]
    return [{"seconds": seconds, "peak_memory_mb": 0} for seconds in waits]


def _written(run: Run) -> list[str]:
    """Every file of answers and its mark, so that a report misses none of them: without the baseline's answers
    the tuned model would have nobody to beat."""
    files = [*(run.folder / "evaluate").glob("*/*.jsonl"), *(run.folder / "evaluate").glob("*/*.done.json")]
    return sorted(str(file.relative_to(run.folder)) for file in files if not file.name.endswith(PART))


def _dtype() -> str:
    from metier.engine.models.model import default_dtype

    return str(default_dtype()).removeprefix("torch.")
