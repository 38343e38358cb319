"""Rows in, the answers that were measured out, with probabilities and whether a person should look."""

from typing import Annotated, Any

from pydantic import Field

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.scoring import Prediction
from metier.serving.predictor import question_of
from metier.serving.review import Verdicts
from metier.serving.served import Served
from metier.serving.server.errors import invalid
from metier.serving.server.operations import Body, Call, Operation

Cell = str | int | float | bool | None


class ClassifyRequest(Body):
    """Texts, or rows with further columns: one of the two."""

    model: str | None = None
    """What answers; may be left out where one model is served."""
    texts: Annotated[list[str], Field(min_length=1)] | None = None
    rows: Annotated[list[dict[str, Cell | list[str]]], Field(min_length=1)] | None = None
    """Each with `text`, the further columns that the prompt names, and `options` where the benchmark chooses among a
    row's own."""


class Answered(Body):
    """The answer to a row."""

    answer: str | None
    """Null where none could be read out of the model's words."""
    certainty: float | None = None
    """The probability of the answer, calibrated on held-out rows."""
    second: str | None = None
    second_certainty: float | None = None
    probabilities: dict[str, float] | None = None
    """Of each label or option, calibrated; null where the answer was written."""
    review: bool | None = None
    """Whether a person should look at it; null where the server was started without `--max-error` and `--review`."""
    completion: str | None = None
    """The model's own words, where the answer was written."""


class ClassifyResponse(Body):
    """The answers, in the order of the rows."""

    id: str
    """Of this request; a line of `--trace` has it with the number of the row behind a dash."""
    model: str
    model_sha256: str
    verdict: str
    """SHIP or HOLD."""
    answers: list[Answered]


async def classify(call: Call) -> ClassifyResponse:
    """Answers as they were measured. Raises `ApiError` for the first row that cannot be asked."""
    request: ClassifyRequest = call.body
    served = call.service.find(request.model)
    rows = _rows(request)
    questions = [_question(served, row, n) for n, row in enumerate(rows)]
    predictions = await call.service.scheduler.classify(served.name, questions)
    answers = [_answered(served, one) for one in predictions]
    return ClassifyResponse(
        id=call.id, model=served.name, model_sha256=served.sha256, verdict=served.decision, answers=answers
    )


def _rows(request: ClassifyRequest) -> list[dict[str, Any]]:
    if (request.texts is None) == (request.rows is None):
        raise invalid("Send either `texts` or `rows`.", "texts")
    return [{"text": text} for text in request.texts] if request.texts is not None else list(request.rows or ())


def _question(served: Served, row: dict[str, Any], number: int) -> Question:
    if served.kind == "read":
        raise invalid(f"'{served.name}' gives no answers: its benchmark only reads texts.", "model")
    try:
        return question_of(served.benchmark, row, str(number))
    except UserError as error:
        raise invalid(str(error), f"rows.{number}") from error


def _answered(served: Served, prediction: Prediction) -> Answered:
    sure: Verdicts | None = served.review.of(prediction) if served.review else None
    if sure is None:
        return Answered(answer=prediction.answer, completion=prediction.completion)
    assert served.review is not None
    return Answered(
        answer=prediction.answer,
        certainty=sure.certainty,
        second=sure.second,
        second_certainty=sure.second_certainty,
        probabilities=served.review.probabilities(prediction),
        review=sure.review if served.review.cut_off else None,
    )


OPERATIONS = [
    Operation(
        "/v1/classify",
        "POST",
        "Answer texts or rows, with probabilities.",
        classify,
        request=ClassifyRequest,
        response=ClassifyResponse,
        example={"texts": ["chest pain at night"]},
    )
]
