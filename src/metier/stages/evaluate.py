"""The same questions before and after: evaluate/{base,tuned,baseline,held-out}/BENCHMARK.jsonl, a line an answer."""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import Question, questions
from metier.engine.models import weights
from metier.errors import UserError
from metier.evaluation import insight
from metier.evaluation.baselines import tfidf
from metier.evaluation.benchmark import draw
from metier.evaluation.latency import measure_latency
from metier.evaluation.scoring import Prediction, ScoringSession
from metier.recipes import plugins
from metier.recipes.schema import QUICK_QUESTIONS
from metier.runs.files import file_sha256, fingerprint, write_text
from metier.runs.run import Run
from metier.stages.train import trained_model

VERSION = 3
HELD_OUT = "held-out"
"""The tuned model on held-out training rows: what a threshold is chosen on."""
HELD_OUT_QUESTIONS = 500
PART = ".part.jsonl"
"""Ending of the answers of an evaluation that is not finished."""


def evaluate(run: Run) -> dict[str, Any]:
    """Ask base and tuned model, and the baseline, every question; returns seconds and counts."""
    trained, adapter = run.result("train"), trained_model(run)
    rows = run.table("curate", "train.parquet")
    model_sha256 = same_model(run)
    judged = [*run.recipe.build_benchmarks(), *(benchmark for benchmark, _ in run.recipe.build_retention())]
    same_rows(run)
    asked_now = {benchmark.name: benchmark.data().fingerprint() for benchmark in judged}
    if run.result("curate").get("asked", asked_now) != asked_now:  # what is asked now may have been learned
        raise UserError(
            "The test data changed since the training rows were held against it. Call `metier run` with the recipe and "
            f"`--out {run.folder}`: it curates again, and trains again where the rows change."
        )
    run.clear("evaluate")
    dtype, seconds, memory = _dtype(), 0.0, 0
    run.lock(dtype=dtype)
    for who, its_adapter, adapter_sha256 in (("base", None, None), ("tuned", adapter, trained["adapter_sha256"])):
        model, made_by = _Lazily(run, its_adapter), [dtype, model_sha256, adapter_sha256]
        for benchmark in judged:
            asked, labels = _questions(run, benchmark), benchmark.label_set(rows)
            done = _asked(run, who, benchmark, asked, labels, model, made_by)
            seconds, memory = seconds + done["seconds"], max(memory, done["peak_memory_mb"])
    held_out, alone = _insights_need(run, "NEEDS_HELD_OUT"), _insights_need(run, "NEEDS_LATENCY")
    for benchmark in run.recipe.build_benchmarks():  # of the tuned model, the last one above
        labels = benchmark.label_set(rows)
        if held_out and (held := _held_out(run, benchmark, labels)):
            # What the test refuses must not stop a threshold from being chosen: these rows were cut in training too.
            lenient = replace(benchmark, too_long="truncate")
            done = _asked(run, HELD_OUT, lenient, held, labels, model, made_by)
            seconds, memory = seconds + done["seconds"], max(memory, done["peak_memory_mb"])
        if alone:
            seconds += measure_latency(run, benchmark, _questions(run, benchmark), labels, model, made_by)
    for benchmark in judged:
        seconds += _baseline(run, benchmark, rows)
    costs = {"seconds": round(seconds, 1), "peak_memory_mb": memory}
    return run.mark_done("evaluate", "", {**costs, "adapter_sha256": trained["adapter_sha256"]}, *_all_answers(run))


def _all_answers(run: Run) -> list[str]:
    """Every file of answers and its mark, so that a report misses none of them: without the baseline's answers
    the tuned model would have nobody to beat."""
    found = [*(run.folder / "evaluate").glob("*/*.jsonl"), *(run.folder / "evaluate").glob("*/*.done.json")]
    return sorted(str(file.relative_to(run.folder)) for file in found if not file.name.endswith(PART))


def same_model(run: Run) -> str:
    """The hash of the base model. Raises `UserError` where it is not the one that was trained on."""
    found, trained = weights.sha256(weights.folder(run.recipe.model, run.progress.say)), run.locked().get("model")
    if trained and trained["sha256"] != found:
        raise UserError(
            f"The model {run.recipe.model} has other weights than when {run.folder} was trained on it. Put those back, "
            "or run the recipe in a new folder."
        )
    return found


def same_rows(run: Run) -> None:
    """Raises `UserError` where the rows are not those that the model was trained on."""
    if run.result("train")["rows_sha256"] != file_sha256(run.folder / "curate" / "train.parquet"):
        raise UserError(f"The training rows changed since training. Run `metier train {run.folder}` first.")


def _asked(
    run: Run,
    who: str,
    benchmark: Any,
    asked: Sequence[Question],
    labels: list[str],
    model: Callable[[], Any],
    made_by: list[Any],
) -> dict[str, Any]:
    """Answer the questions, or find them answered by the same model under the same conditions; returns the seal."""
    scorer, stage = benchmark.build_scorer(), f"evaluate/{who}/{benchmark.name}"
    how = [benchmark.scorer, benchmark.chat_template, vars(scorer), benchmark.too_long]
    conditions = [how, labels, _print(asked, benchmark)]
    inputs = fingerprint(VERSION, scorer.version, *made_by, *conditions)
    done = run.done(stage, inputs)
    if done is None:
        began = time.monotonic()
        session = scorer.ask(model(), benchmark, asked, labels)
        waits = _answer_all(run, stage, inputs, session, asked)
        if session.truncated:
            run.progress.say(
                f"  {benchmark.name}: {session.truncated:,} of {len(asked):,} prompts are longer than the model's "
                "context and lost their beginning (too_long: truncate)"
            )
        result = {"n": len(asked), "labels": labels, "seconds": _since(began), "timing": waits}
        result["truncated"] = session.truncated
        done = run.mark_done(stage, inputs, result, f"{stage}.jsonl")
    return done


def _questions(run: Run, benchmark: Any) -> list[Question]:
    """All questions, or those of a quick run."""
    found: list[Question] = benchmark.questions(QUICK_QUESTIONS if run.recipe.quick else 0)
    return found


def _insights_need(run: Run, need: str) -> bool:
    """Whether any row that the recipe's industry asks for has this need."""
    insights = plugins.find("industries", run.recipe.industry)().insights
    return any(insight.needs(ask, need) for ask in insights)


def _held_out(run: Run, benchmark: Any, labels: list[str]) -> list[Question]:
    """At most 500 held-out training rows of a benchmark that chooses among labels; those of a label that is nowhere
    else have no right answer to choose."""
    if not benchmark.build_scorer().chooses:
        return []
    rows = run.table("curate", "valid.parquet")
    mine = pc.and_(pc.equal(rows["task"], benchmark.name), pc.is_in(rows["label"], pa.array(labels, pa.string())))
    held = questions(rows.filter(mine))
    return draw(held, QUICK_QUESTIONS if run.recipe.quick else HELD_OUT_QUESTIONS, f"{benchmark.name}:held-out")


def read_answers(run: Run, who: str, benchmark: str) -> list[Prediction]:
    """The saved answers of base, tuned or baseline; empty where nobody of that kind answered.

    Raises `UserError` where they were changed since.
    """
    stage = f"evaluate/{who}/{benchmark}"
    if not run.is_done(stage):
        return []
    lines = run.output(stage, f"{stage}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return [Prediction.from_json(json.loads(line)) for line in lines]


def _answers(session: ScoringSession, batch: list[int], asked: Sequence[Question]) -> list[Prediction]:
    """The answers of a batch. A scorer that crashes stops the run and names the question: it is no wrong answer."""
    try:
        return session.answer(batch)
    except UserError:
        raise
    except FloatingPointError as error:
        raise UserError(
            f"The model gives no number (NaN or infinite) at {error}. Look for weights that are no numbers, or train "
            "with a lower `lr`. No answer was counted."
        ) from error
    except Exception as error:
        ids = [asked[position].id for position in batch]
        shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
        raise RuntimeError(f"The scorer stopped at question {shown}: {error}. No answer was counted.") from error


def _answer_all(
    run: Run, stage: str, inputs: str, session: ScoringSession, asked: Sequence[Question]
) -> dict[str, float]:
    """Answer batch after batch into a part file; a killed run goes on behind its last whole batch, byte for byte.

    Returns how long it took, without loading: `seconds`, `batches`, and `p95_s`, the wait of 95 in 100 questions.
    """
    part = run.path(f"{stage}{PART}")
    (answered, waited), n = _resume(part, inputs, session), len(asked)
    who, name = stage.split("/")[1:]
    run.progress.begin(f"evaluate: {who}, {name}", n, "questions", done=len(answered))
    with open(part, "a", encoding="utf-8") as stream:
        for batch in session.batches:
            if batch[0] in answered:
                continue
            began = time.monotonic()
            answers = _answers(session, batch, asked)
            waited |= dict.fromkeys(batch, time.monotonic() - began)
            answered |= dict(zip(batch, answers, strict=True))
            stream.write("".join(_part_line(inputs, p, waited[p], answered[p]) for p in batch))
            stream.flush()
            os.fsync(stream.fileno())
            run.progress.advance(len(batch))
    run.progress.end()
    _write_answers(run.path(f"{stage}.jsonl"), [answered[position] for position in range(n)])
    part.unlink()
    return {
        "seconds": round(sum(waited[batch[0]] for batch in session.batches), 3),
        "batches": len(session.batches),
        "p95_s": round(sorted(waited.values())[math.ceil(0.95 * n) - 1], 4),
    }


def _part_line(inputs: str, position: int, seconds: float, answer: Prediction) -> str:
    """An answer with a hash of its own: a line that a kill tore, or that somebody changed, is asked again."""
    row = {"position": position, "seconds": seconds, **answer.to_json()}
    return json.dumps({"line": fingerprint(inputs, row), **row}, ensure_ascii=False, allow_nan=False) + "\n"


def _resume(part: Path, inputs: str, session: ScoringSession) -> tuple[dict[int, Prediction], dict[int, float]]:
    """The whole batches of an earlier try at the very same questions, and how long each question waited; anything else
    is cleared."""
    answered: dict[int, Prediction] = {}
    waited: dict[int, float] = {}
    lines = part.read_text(encoding="utf-8", errors="replace").split("\n") if part.is_file() else []
    if lines and lines[0] == inputs:
        for line in lines[1:]:
            if (row := _whole_line(inputs, line)) is None:
                break
            position, seconds = row.pop("position"), row.pop("seconds")
            answered[position], waited[position] = Prediction.from_json(row), seconds
    whole = {p: answered[p] for batch in session.batches if all(p in answered for p in batch) for p in batch}
    write_text(part, inputs + "\n" + "".join(_part_line(inputs, p, waited[p], whole[p]) for p in whole))
    return whole, {p: waited[p] for p in whole}


def _whole_line(inputs: str, line: str) -> dict[str, Any] | None:
    """The row of a part file's line; None where it is not as it was written."""
    try:
        row: dict[str, Any] = json.loads(line)
        return row if row.pop("line") == fingerprint(inputs, row) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _baseline(run: Run, benchmark: Any, rows: Any) -> float:
    """Majority and TF-IDF from the very rows that the model was trained on, or the baseline that the scorer brings
    itself; returns the seconds they took."""
    own, scorer = questions(rows.filter(pc.equal(rows["task"], benchmark.name))), benchmark.build_scorer()
    if not own or not (scorer.chooses or hasattr(scorer, "baseline")):
        return 0.0
    asked, stage = _questions(run, benchmark), f"evaluate/baseline/{benchmark.name}"
    # Weights for metrics that ask for rare labels: they cost right answers, and twist probabilities, which prices are
    # weighed with. docs/evaluation.md has what they give.
    metric = next(iter(benchmark.build_metrics().values()))
    priced = getattr(metric, "decide", None)
    balanced = getattr(metric, "reads", None) == "labels" and priced is None
    made_by = [VERSION, tfidf.VERSION, scorer.version, balanced, getattr(metric, "costs", None)]
    inputs = fingerprint(made_by, _print(own, benchmark), _print(asked, benchmark), run.recipe.seed)
    done = run.done(stage, inputs)
    if done is None:
        started = time.monotonic()
        majority: str | None = None
        if hasattr(scorer, "baseline"):
            by, answers = scorer.baseline(benchmark, asked, own)
        else:
            by, majority = tfidf.TFIDF, tfidf.majority([row.answer for row in own])
            labels = benchmark.label_set(rows)
            answers = tfidf.tfidf(own, asked, benchmark.prompt, labels, run.recipe.seed, balanced, priced)
        _write_answers(run.path(f"{stage}.jsonl"), answers)
        result = {"by": by, "version": tfidf.VERSION, "majority": majority, "rows": len(own)}
        result["seconds"] = _since(started)
        run.progress.say(f"  evaluate: baseline, {benchmark.name}: {by} in {result['seconds']} s")
        done = run.mark_done(stage, inputs, result, f"{stage}.jsonl")
    return float(done["seconds"])


class _Lazily:
    """The model, loaded only where a question is still open."""

    def __init__(self, run: Run, adapter: Path | None) -> None:
        self.run, self.adapter = run, adapter
        self.model: Any = None

    def __call__(self) -> Any:
        if self.model is None:
            from metier.engine.models.model import load

            self.model = load(self.run.recipe.model, self.adapter, self.run.progress.say)
        return self.model


def _dtype() -> str:
    from metier.engine.models.model import default_dtype

    return str(default_dtype()).removeprefix("torch.")


def _print(asked: Sequence[Question], benchmark: Any) -> str:
    return fingerprint([(q.id, benchmark.render(q), q.answer, q.options, q.group, q.slices, q.fields) for q in asked])


def _write_answers(path: Path, answers: Sequence[Prediction]) -> None:
    lines = (json.dumps(answer.to_json(), ensure_ascii=False, allow_nan=False) + "\n" for answer in answers)
    write_text(path, "".join(lines))


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
