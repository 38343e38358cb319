"""What went wrong with a request, as OpenAI's error object."""

import logging
from collections.abc import Mapping
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

from metier.errors import UserError

LOGGER = logging.getLogger("metier")


class ErrorDetail(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    message: str
    """What was asked, what is wrong, what to do."""
    type: str
    """invalid_request_error, authentication_error, permission_error, rate_limit_error or server_error."""
    param: str | None = None
    """The part of the request that it is about."""
    code: str | None = None
    """A word for programs."""


class ErrorBody(BaseModel):
    """An error, as OpenAI's clients read it."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorDetail = Field()


class ApiError(Exception):
    """A request that is not answered: the status and why. Raised by handlers and by the scheduler."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.type, self.code, self.param = status, message, type, code, param
        self.headers = dict(headers or {})

    def body(self) -> ErrorBody:
        """The error as it is sent."""
        return ErrorBody(error=ErrorDetail(message=self.message, type=self.type, param=self.param, code=self.code))


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    """422: the request was read, and something in it cannot be answered."""
    return ApiError(422, message, code=code, param=param)


def busy(wait_s: float) -> ApiError:
    """429: the queue is full; `wait_s` is the estimate until there is room."""
    seconds = max(1, min(60, ceil(wait_s)))
    message = f"Too many rows are waiting. Try again in {seconds} s."
    return ApiError(429, message, "rate_limit_error", "queue_full", headers={"Retry-After": str(seconds)})


def draining() -> ApiError:
    """503: the server answers what it accepted and then stops."""
    message = "The server is about to stop and takes no new requests. Send it to another server."
    return ApiError(503, message, "server_error", "draining", headers={"Retry-After": "5"})


def loading() -> ApiError:
    """503: the models are not loaded yet."""
    message = "The models are being loaded. Ask GET /ready when they are."
    return ApiError(503, message, "server_error", "loading", headers={"Retry-After": "5"})


def crashed() -> ApiError:
    """500: our bug, or a broken model. What it was stands in the server's log, not in the answer."""
    return ApiError(500, "The model failed on this request. The server's log says why.", "server_error", "model_failed")


def as_api_error(error: BaseException) -> ApiError:
    """What a client is told of an error in the model's thread; our own bugs are logged with their traceback."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, UserError) and not isinstance(error.__cause__, FloatingPointError):
        return invalid(str(error))
    LOGGER.error("The model failed on a batch.", exc_info=error)
    return crashed()
