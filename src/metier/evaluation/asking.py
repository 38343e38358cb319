"""Questions put to a model batch by batch, into a part file from which a killed run goes on."""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.answers import stage_of, write_answers
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import ModelLike, Prediction, ScoringSession
from metier.runs.files import fingerprint, write_text
from metier.runs.run import Run

VERSION = 3
PART = ".part.jsonl"
"""Ending of the answers of an evaluation that is not finished."""


@dataclass(frozen=True)
class Model:
    """A model to be asked: what it is made of, and a way to load it only where a question is still open."""

    load: Callable[[], ModelLike]
    made_by: list[Any]
    """Everything but the questions that its answers depend on."""


def ask(run: Run, who: str, benchmark: Benchmark, questions: Sequence[Question], model: Model) -> dict[str, Any]:
    """Answer the questions, or find them answered by the same model under the same conditions.

    Returns `n`, `seconds`, `timing`, `truncated` and `peak_memory_mb`, which stand in the mark.
    """
    scorer, stage = benchmark.build_scorer(), stage_of(benchmark.name, who)
    inputs = conditions(benchmark, questions, model)
    done = run.done(stage, inputs)
    if done is None:
        began = time.monotonic()
        session = scorer.ask(model.load(), benchmark, questions, benchmark.label_set())
        timing = _answer_all(run, stage, inputs, session, questions)
        if session.truncated:
            run.progress.warn(
                f"  {benchmark.name}: {session.truncated:,} of {len(questions):,} prompts are longer than the model's "
                "context and were truncated on the left (too_long: truncate)"
            )
        seconds = round(time.monotonic() - began, 1)
        result = {"n": len(questions), "seconds": seconds, "timing": timing, "truncated": session.truncated}
        done = run.mark_done(stage, inputs, result, f"{stage}.jsonl")
    return done


def conditions(benchmark: Benchmark, questions: Sequence[Question], model: Model) -> str:
    """A hash of all that a model's answers depend on."""
    scorer = benchmark.build_scorer()
    how = [benchmark.scorer, benchmark.chat_template, vars(scorer), benchmark.too_long, benchmark.label_set()]
    return fingerprint(VERSION, scorer.version, *model.made_by, how, questions_print(benchmark, questions))


def questions_print(benchmark: Benchmark, questions: Sequence[Question]) -> str:
    """A hash of questions as they are asked."""
    return fingerprint(
        [(q.id, benchmark.render(q), q.answer, q.options, q.group, q.slices, q.fields) for q in questions]
    )


def _answer_all(
    run: Run, stage: str, inputs: str, session: ScoringSession, questions: Sequence[Question]
) -> dict[str, float]:
    """Answer batch after batch into a part file; a killed run goes on behind its last whole batch, byte for byte.

    Returns how long it took, without loading: `seconds`, `batches`, and `p95_s`, the wait of 95 in 100 questions.
    """
    part = run.path(f"{stage}{PART}")
    (answered, waited), n = _resume(part, inputs, session), len(questions)
    _, name, who = stage.split("/")
    run.progress.begin(f"evaluate: {who}, {name}", n, "questions", done=len(answered))
    with open(part, "a", encoding="utf-8") as stream:
        for batch in session.batches:
            if batch[0] in answered:
                continue
            began = time.monotonic()
            answers = answer_batch(session, batch, questions)
            waited |= dict.fromkeys(batch, time.monotonic() - began)
            answered |= dict(zip(batch, answers, strict=True))
            stream.write("".join(_part_line(inputs, p, waited[p], answered[p]) for p in batch))
            stream.flush()
            os.fsync(stream.fileno())
            run.progress.advance(len(batch))
    run.progress.end()
    write_answers(run.path(f"{stage}.jsonl"), [answered[position] for position in range(n)])
    part.unlink()
    return {
        "seconds": round(sum(waited[batch[0]] for batch in session.batches), 3),
        "batches": len(session.batches),
        "p95_s": round(sorted(waited.values())[math.ceil(0.95 * n) - 1], 4),
    }


def answer_batch(session: ScoringSession, batch: list[int], questions: Sequence[Question]) -> list[Prediction]:
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
        ids = [questions[position].id for position in batch]
        shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
        raise RuntimeError(f"The scorer stopped at question {shown}: {error}. No answer was counted.") from error


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
