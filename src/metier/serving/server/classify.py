"""Rows in, the answers that were measured out, with probabilities and whether a person should look."""

import asyncio
import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from metier.data.records import Question
from metier.errors import UserError, shortened
from metier.evaluation.scoring import Prediction
from metier.serving.predictor import question_of
from metier.serving.review import Verdicts
from metier.serving.served import Served
from metier.serving.server.errors import invalid
from metier.serving.server.operations import Body, Call, Operation, Service

PATH = "/v1/classify"

Cell = str | int | float | bool | None


class Row(BaseModel):
    """`text`, the further columns that the prompt names, and `options`."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, use_attribute_docstrings=True)
    __pydantic_extra__: dict[str, Cell] = Field(init=False)

    options: Annotated[list[str], Field(fail_fast=True)] | None = None
    """Only where the benchmark chooses among a row's own: two or more, all different."""


class RowsRequest(Body):
    """Texts, or rows with further columns: one of the two."""

    model_config = ConfigDict(strict=True)

    model: str | None = None
    """What answers; may be left out where one model is served."""
    texts: Annotated[list[str], Field(min_length=1, fail_fast=True)] | None = None
    rows: Annotated[list[Row], Field(min_length=1, fail_fast=True)] | None = None

    def columns(self, service: Service) -> list[dict[str, Any]]:
        """The rows. Raises `ApiError` where there are none, too many, or both rows and texts."""
        if (self.texts is None) == (self.rows is None):
            raise invalid("Send either `texts` or `rows`.", "texts")
        if self.rows is None:
            texts = self.texts or []
            service.check_rows(len(texts), "texts")
            return [{"text": text} for text in texts]
        service.check_rows(len(self.rows), "rows")
        return [row.model_dump(exclude_unset=True) for row in self.rows]


class ClassifyRequest(RowsRequest):
    """Texts, or rows with further columns: one of the two."""


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
    began, rows = time.monotonic(), request.columns(call.service)
    questions = [_question(call.service, served, row, n) for n, row in enumerate(rows)]
    predictions = await call.service.scheduler.classify(served.name, questions)
    answers = [_answered(served, one) for one in predictions]
    if traces := call.service.traces:
        seconds = time.monotonic() - began
        await asyncio.to_thread(traces.add, served, PATH, call.id, rows, answers, seconds)
    return ClassifyResponse(
        id=call.id, model=served.name, model_sha256=served.sha256, verdict=served.decision, answers=answers
    )


def _question(service: Service, served: Served, row: dict[str, Any], number: int) -> Question:
    if served.kind == "read":
        raise invalid(f"'{served.name}' gives no answers: its benchmark only reads texts.", "model")
    place = f"rows.{number}"
    options = row.get("options") or []
    for text in (*row.values(), *options):
        if isinstance(text, str):
            service.check_text(text, place)
    if served.benchmark.chooses_among_own_options and len(set(options)) < len(options):
        raise invalid(f"Row {number} has the same option twice.", place)
    try:
        return question_of(served.benchmark, row, str(number))
    except UserError as error:
        raise invalid(shortened(str(error), 400), place) from error


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
        PATH,
        "POST",
        "Answer texts or rows, with probabilities.",
        classify,
        request=ClassifyRequest,
        response=ClassifyResponse,
        example={"texts": ["chest pain at night"]},
    )
]
