"""One thread answers: requests are gathered, bounded, dropped when nobody waits, and outlive a crash."""

import asyncio
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from metier.data.records import Question
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Prediction, TooLong
from metier.serving.server.errors import ApiError
from metier.serving.server.metrics import Metrics
from metier.serving.server.scheduler import BATCH_ROWS, Scheduler


class Model:
    """Answers with the text itself; `batches` are the texts that it was asked together."""

    def __init__(self):
        self.batches, self.go, self.begun = [], threading.Event(), 0
        self.go.set()
        self.fails = None
        self.served = SimpleNamespace(name="run", benchmark=Benchmark("desk", path="unused"), answer=self.answer)

    async def is_busy(self):
        """Until it was asked something that it has not answered."""
        while self.begun == len(self.batches):
            await asyncio.sleep(0.005)

    def answer(self, questions):
        self.begun += 1
        self.go.wait(10)
        texts = [question.text for question in questions]
        self.batches.append(texts)
        if "long" in texts:
            raise TooLong("too long")
        if self.fails:
            raise self.fails
        return [Prediction(q.id, q.text, "", f"{q.text}!", "", None) for q in questions]


def run(test, model=None, queue_rows=1000):
    """Run a coroutine with a scheduler over a model."""
    model = model or Model()

    async def go():
        scheduler = Scheduler(Metrics(), queue_rows)
        await scheduler.start(lambda: {"run": model.served})
        try:
            return await asyncio.wait_for(test(scheduler, model), 20)
        finally:
            model.go.set()
            scheduler.end()

    return asyncio.run(go())


def questions(*texts):
    return [Question(str(number), text, "") for number, text in enumerate(texts)]


def answers(predictions):
    return [(one.id, one.answer) for one in predictions]


def test_requests_that_wait_are_one_batch_and_equal_questions_are_asked_once():
    async def test(scheduler, model):
        model.go.clear()
        first = asyncio.create_task(scheduler.classify("run", questions("busy")))
        await model.is_busy()
        others = [asyncio.create_task(scheduler.classify("run", questions("a", f"b{n}", "a"))) for n in range(20)]
        await asyncio.sleep(0.05)
        assert scheduler.rows == 61
        model.go.set()
        assert answers(await first) == [("0", "busy!")]
        for n, one in enumerate(others):
            assert answers(await one) == [("0", "a!"), ("1", f"b{n}!"), ("2", "a!")]
        assert [len(batch) for batch in model.batches] == [1, 21] and scheduler.rows == 0

    run(test)


def test_a_large_request_does_not_keep_a_small_one_waiting():
    async def test(scheduler, model):
        model.go.clear()
        busy = asyncio.create_task(scheduler.classify("run", questions("busy")))
        await model.is_busy()
        large = asyncio.create_task(scheduler.classify("run", questions(*map(str, range(3 * BATCH_ROWS)))))
        small = asyncio.create_task(scheduler.classify("run", questions("small")))
        await asyncio.sleep(0.05)
        model.go.set()
        await asyncio.gather(busy, small)
        assert "small" in model.batches[1]
        assert len(await large) == 3 * BATCH_ROWS
        assert max(map(len, model.batches)) <= BATCH_ROWS

    run(test, queue_rows=10_000)


def test_a_question_that_is_too_long_fails_alone():
    async def test(scheduler, model):
        model.go.clear()
        asked = [questions("busy"), questions("a", "long"), questions("b"), questions("c")]
        tasks = [asyncio.create_task(scheduler.classify("run", one)) for one in asked]
        await model.is_busy()
        model.go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[1], ApiError) and found[1].status == 422
        assert [one[0].answer for n, one in enumerate(found) if n != 1] == ["busy!", "b!", "c!"]

    run(test)


def test_a_crash_is_a_500_for_its_batch_and_the_thread_goes_on(caplog):
    async def test(scheduler, model):
        for crash in (RuntimeError("secret"), MemoryError(), ZeroDivisionError()):
            model.fails = crash
            with pytest.raises(ApiError) as failed:
                await scheduler.classify("run", questions("a"))
            assert failed.value.status == 500 and "secret" not in failed.value.message
        model.fails = None
        assert answers(await scheduler.classify("run", questions("b"))) == [("0", "b!")]
        assert scheduler.rows == 0

    run(test)
    assert "secret" in caplog.text


def test_a_model_that_leaves_out_an_answer_fails_its_batch_alone():
    class Short(Model):
        def answer(self, questions):
            return super().answer(questions)[1:]

    async def test(scheduler, model):
        with pytest.raises(ApiError) as failed:
            await scheduler.classify("run", questions("a", "b"))
        assert failed.value.status == 500

    run(test, Short())


def test_a_full_queue_is_a_429_that_says_when_to_come_back():
    async def test(scheduler, model):
        await scheduler.classify("run", questions("warm"))
        model.go.clear()
        waiting = asyncio.create_task(scheduler.classify("run", questions(*"abcdefgh")))
        await model.is_busy()
        with pytest.raises(ApiError) as full:
            await scheduler.classify("run", questions(*"abc"))
        assert full.value.status == 429 and 1 <= int(full.value.headers["Retry-After"]) <= 60
        more = asyncio.create_task(scheduler.classify("run", questions(*"ab")))
        await asyncio.sleep(0.05)
        model.go.set()
        assert len(await waiting) == 8 and len(await more) == 2

    run(test, queue_rows=10)


def test_what_nobody_waits_for_is_not_asked():
    async def test(scheduler, model):
        model.go.clear()
        busy = asyncio.create_task(scheduler.classify("run", questions("busy")))
        await model.is_busy()
        gone = asyncio.create_task(scheduler.classify("run", questions("gone")))
        stays = asyncio.create_task(scheduler.classify("run", questions("stays")))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.sleep(0.05)
        assert scheduler.rows == 2
        model.go.set()
        await asyncio.gather(busy, stays)
        assert model.batches == [["busy"], ["stays"]]

    run(test)


def test_the_end_fails_what_is_still_open():
    async def test(scheduler, model):
        model.go.clear()
        tasks = [asyncio.create_task(scheduler.classify("run", questions(text))) for text in ("busy", "open")]
        await model.is_busy()
        await asyncio.to_thread(scheduler.end, 0.05)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one.status for one in found] == [503, 503]
        with pytest.raises(ApiError) as refused:
            await scheduler.classify("run", questions("late"))
        assert refused.value.status == 503

    run(test)


def test_the_batches_of_two_runs_are_their_own():
    model, other = Model(), Model()
    other.served.name = "other"

    async def go():
        scheduler = Scheduler(Metrics(), 100)
        await scheduler.start(lambda: {"run": model.served, "other": other.served})
        names = ["run", "other"] * 5
        await asyncio.gather(*(scheduler.classify(name, questions(f"{name}{n}")) for n, name in enumerate(names)))
        scheduler.end()

    asyncio.run(go())
    assert {text[:3] for batch in model.batches for text in batch} == {"run"}
    assert {text[:5] for batch in other.batches for text in batch} == {"other"}


def test_a_run_that_cannot_be_loaded_is_told():
    async def go():
        scheduler = Scheduler(Metrics(), 100)
        with pytest.raises(ValueError, match="torn"):
            await scheduler.start(lambda: (_ for _ in ()).throw(ValueError("torn")))
        scheduler.end()

    asyncio.run(go())


def test_answers_keep_the_ids_of_their_own_questions():
    async def test(scheduler, model):
        asked = [replace(one, id=f"q{one.id}") for one in questions("a", "a", "b")]
        assert [one.id for one in await scheduler.classify("run", asked)] == ["q0", "q1", "q2"]
        assert await scheduler.classify("run", []) == []

    run(test)


def test_a_request_that_comes_while_a_batch_is_made_is_not_lost():
    model = Model()

    class Slow(Scheduler):
        """The third request waits with the queue in its hand until the batch of the second is made."""

        puts = 0

        def _put(self, queue, item):
            self.puts += 1
            if self.puts == 3:
                model.go.set()
                time.sleep(0.2)
            super()._put(queue, item)

    async def go():
        scheduler = Slow(Metrics(), 100)
        await scheduler.start(lambda: {"run": model.served})
        model.go.clear()
        tasks = []
        for text in "abc":
            tasks.append(asyncio.create_task(scheduler.classify("run", questions(text))))
            await (model.is_busy() if text == "a" else asyncio.sleep(0.05))
        found = await asyncio.wait_for(asyncio.gather(*tasks), 5)
        scheduler.end()
        return [one[0].answer for one in found]

    assert asyncio.run(go()) == ["a!", "b!", "c!"]


def test_a_panic_of_a_library_does_not_end_the_thread():
    class Panic(BaseException):
        """As pyo3's PanicException, which is no Exception."""

    async def test(scheduler, model):
        model.fails = Panic("index out of bounds")
        with pytest.raises(ApiError) as failed:
            await asyncio.wait_for(scheduler.classify("run", questions("a")), 5)
        model.fails = None
        assert failed.value.status == 500 and scheduler.alive
        assert answers(await scheduler.classify("run", questions("b"))) == [("0", "b!")]

    run(test)
