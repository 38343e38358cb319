"""One thread owns all model work: classify requests are gathered into batches, and texts grow by a token in between."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.scoring import Prediction
from metier.serving.served import Served
from metier.serving.server.errors import ApiError, as_api_error, busy, draining, invalid
from metier.serving.server.metrics import Metrics
from metier.serving.server.writing import Pieces, Writer

if TYPE_CHECKING:
    from metier.engine.decoding.prompt_scores import PromptScores
    from metier.engine.decoding.sampling import Sampling

LOGGER = logging.getLogger("metier")
BATCH_ROWS = 256
BATCH_CHARACTERS = 400_000
"""Most that is answered in one go, so that nobody waits long behind it: about 100,000 tokens."""
GATHER_S = 0.002
"""An idle thread waits so long for requests that come together with the first one."""
BATCH_TARGET_S = 0.25
"""While texts are written, a batch of questions is so large that it takes about so long: each text waits for it."""
FEWEST_ROWS = 8
"""Questions of a batch while texts are written."""
RATE_SMOOTHING = 0.3
"""Of the newest batch in the rate, which is a moving average."""


@dataclass(eq=False)
class _Rows:
    """The questions of one request, some of them answered."""

    served: Served
    questions: Sequence[Question]
    future: "asyncio.Future[list[Prediction]]"
    open: "deque[int]"
    answers: dict[int, Prediction] = field(default_factory=dict)
    gone: bool = False
    """Cancelled, or failed: nobody waits for the rest."""


@dataclass(eq=False)
class _Task:
    """A call of a function in the thread, between two batches."""

    work: Callable[[], Any]
    future: "asyncio.Future[Any]"
    rows: int


class Scheduler:
    """Takes requests from the event loop in which it was started; its thread answers them."""

    def __init__(self, metrics: Metrics, queue_rows: int) -> None:
        self.served: Mapping[str, Served] = {}
        self._metrics, self._most = metrics, queue_rows
        self._changed = threading.Condition()
        self._waiting: deque[_Rows] = deque()
        self._tasks: deque[_Task] = deque()
        self._writer = Writer(metrics)
        self._texts: set[Pieces] = set()
        self._arrived: deque[Pieces] = deque()
        self._left: deque[Pieces] = deque()
        self._open: set[asyncio.Future[Any]] = set()
        """Of all requests whose answer is not there yet."""
        self._rows = 0
        self._rate = 0.0
        """Rows a second, while there are any; 0: none was answered yet."""
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="metier-model", daemon=True)

    def start(self, load: Callable[[], Mapping[str, Served]]) -> "asyncio.Future[None]":
        """Start the thread, in which `load` is called first; done once it has returned."""
        self._loop = asyncio.get_running_loop()
        loaded: asyncio.Future[None] = self._loop.create_future()

        def begin() -> None:
            self.served = load()

        self._tasks.append(_Task(begin, loaded, 0))
        self._thread.start()
        return loaded

    @property
    def alive(self) -> bool:
        """Whether anybody answers."""
        return self._thread.is_alive()

    @property
    def rows(self) -> int:
        """Rows and texts that are not answered yet."""
        return self._rows

    def end(self, wait_s: float = 10.0) -> None:
        """Fail what is still open, and end the thread behind its current batch, for which `wait_s` is waited."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        for future in list(self._open):
            self._deliver(future, draining())
        for text in list(self._texts):
            text.put(draining())
        if self._thread.is_alive():
            self._thread.join(wait_s)

    async def classify(self, name: str, questions: Sequence[Question]) -> list[Prediction]:
        """The answers in the order of the questions. Raises `ApiError`: 429 where too many rows wait, 503 at
        the end, 422 for a question that the model cannot read, 500 where the model failed."""
        self._accept(len(questions))
        rows = _Rows(self.served[name], questions, self._future(), deque(range(len(questions))))
        try:
            if questions:
                self._put(self._waiting, rows)
                return await rows.future
            return []
        finally:
            rows.gone = True
            self._release(len(questions))

    def generate(self, name: str, prompt: Sequence[int], sampling: "Sampling") -> Pieces:
        """A text in pieces; closing the iterator ends its work. Raises `ApiError` as `classify`, at once for 429 and
        503, and with the first piece for the others."""
        model = self.served[name].model
        self._accept(1)
        pieces = Pieces(name, model, prompt, sampling, self.call_in_loop, self._leave)
        self._texts.add(pieces)
        self._put(self._arrived, pieces)
        return pieces

    async def prompt_scores(self, name: str, prompts: Sequence[Sequence[int]], top: int) -> "list[PromptScores]":
        """How likely each token of the prompts is behind those before it; raises as `classify`."""
        from metier.engine.decoding.prompt_scores import groups, prompt_scores

        model = self.served[name].model
        self._accept(len(prompts))
        scores: dict[tuple[int, ...], PromptScores] = {}
        try:
            # A task for each group, so that other requests come in between, and the rest is dropped with its request.
            for group in await asyncio.to_thread(lambda: list(groups(prompts))):
                task = _Task(partial(prompt_scores, model, group, top), self._future(), len(group))
                self._put(self._tasks, task)
                scores |= dict(zip(group, await task.future, strict=True))
            return [scores[tuple(prompt)] for prompt in prompts]
        finally:
            self._release(len(prompts))

    # From here to `_work`: in the event loop.

    def _accept(self, rows: int) -> None:
        if self._ended:
            raise draining()
        if self._rows and self._rows + rows > self._most:
            raise busy(self._rows / (self._rate or self._rows))
        self._rows += rows
        self._metrics.queue.set(self._rows)

    def _release(self, rows: int) -> None:
        self._rows -= rows
        self._metrics.queue.set(self._rows)

    def _future(self) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def _put(self, queue: "deque[Any]", item: Any) -> None:
        with self._changed:
            queue.append(item)
            self._changed.notify()

    def _leave(self, pieces: Pieces) -> None:
        """A text that nobody reads any further."""
        if pieces in self._texts:
            self._texts.remove(pieces)
            self._release(1)
            self._put(self._left, pieces)

    # From here on: in the thread.

    def _work(self) -> None:
        while True:
            with self._changed:
                idle = False
                while not (
                    self._ended or self._waiting or self._tasks or self._arrived or self._left or self._writer.is_busy
                ):
                    idle = True
                    self._changed.wait()
                if self._ended:
                    return
            if idle:
                time.sleep(GATHER_S)
            for work in (self._run_task, self._classify, self._write):
                try:
                    work()
                except BaseException:  # a panic of a Rust library too: everybody else still gets an answer
                    LOGGER.exception("The model's thread goes on after an error.")

    def _run_task(self) -> None:
        with self._changed:
            task = self._tasks.popleft() if self._tasks else None
        if task is None or task.future.cancelled():
            return
        try:
            self._deliver(task.future, task.work())
        except BaseException as error:
            self._deliver(task.future, as_api_error(error) if task.rows else error)

    def _batch(self) -> list[tuple[_Rows, int]]:
        """Open questions of the run that waits longest: of each request the same number, where not all fit."""
        with self._changed:
            while self._waiting and (self._waiting[0].gone or not self._waiting[0].open):
                self._waiting.popleft()
            if not self._waiting:
                return []
            served = self._waiting[0].served
            mine = deque(one for one in self._waiting if one.served is served and not one.gone and one.open)
        batch: list[tuple[_Rows, int]] = []
        characters = 0
        most = BATCH_ROWS
        if self._writer.is_busy:
            most = min(most, max(FEWEST_ROWS, int(self._rate * BATCH_TARGET_S)))
        while mine and len(batch) < most and characters < BATCH_CHARACTERS:
            rows = mine.popleft()
            position = rows.open.popleft()
            batch.append((rows, position))
            characters += len(rows.questions[position].text)
            if rows.open:
                mine.append(rows)
        with self._changed:
            # In place: `_put` may already hold this very queue, and wait for the lock.
            still = [one for one in self._waiting if one.open and not one.gone]
            self._waiting.clear()
            self._waiting.extend(still)
        return batch

    def _classify(self) -> None:
        """Answer the next batch, if there is one."""
        if not (batch := self._batch()):
            return
        began = time.monotonic()
        try:
            answers = self._once(batch)
        except BaseException as error:
            answers = [as_api_error(error)] * len(batch)
        newest = len(batch) / max(time.monotonic() - began, 1e-6)
        self._rate = RATE_SMOOTHING * newest + (1 - RATE_SMOOTHING) * self._rate if self._rate else newest
        for answer, (rows, position) in zip(answers, batch, strict=True):
            if isinstance(answer, ApiError):
                rows.gone = True
                self._deliver(rows.future, answer)
                continue
            rows.answers[position] = replace(answer, id=rows.questions[position].id)
            if len(rows.answers) == len(rows.questions):
                self._deliver(rows.future, [rows.answers[n] for n in range(len(rows.questions))])

    def _once(self, batch: Sequence[tuple[_Rows, int]]) -> list[Prediction | ApiError]:
        """The answers of a batch, in its order; equal questions are asked once."""
        served = batch[0][0].served
        different: dict[tuple[Any, ...], Question] = {}
        keys = []
        for rows, position in batch:
            question = rows.questions[position]
            keys.append((served.benchmark.render(question), question.options, tuple(sorted(question.fields.items()))))
            different.setdefault(keys[-1], question)
        given = dict(zip(different, _answered(served, list(different.values())), strict=True))
        self._metrics.batches.observe(len(different))
        self._metrics.rows.labels(served.name).inc(len(batch))
        return [given[key] for key in keys]

    def _write(self) -> None:
        """One token more for every text that is written."""
        with self._changed:
            arrived, left = list(self._arrived), list(self._left)
            self._arrived.clear()
            self._left.clear()
        self._writer.write(arrived, left)

    def _deliver(self, future: "asyncio.Future[Any]", result: Any) -> None:
        def done() -> None:
            if future.done():
                return
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

        self.call_in_loop(done)

    def call_in_loop(self, call: Callable[[], None]) -> None:
        """Call something in the event loop; nothing where that has ended."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            LOGGER.debug("An answer came after the server had stopped.")


def _answered(served: Served, questions: Sequence[Question]) -> list[Prediction | ApiError]:
    """An answer to each question, or why it has none. A question that the model cannot read does not stop the others;
    a model that fails stops them all."""
    try:
        return list(served.answer(questions))
    except UserError as error:
        if isinstance(error.__cause__, FloatingPointError):
            return [as_api_error(error)] * len(questions)
        if len(questions) == 1:
            return [invalid(str(error), code="unreadable_text")]
        middle = len(questions) // 2
        return [*_answered(served, questions[:middle]), *_answered(served, questions[middle:])]
    except BaseException as error:
        return [as_api_error(error)] * len(questions)
