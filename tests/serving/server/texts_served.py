"""A server on loopback for the tests of texts: small runs of each scorer, answered by the fake model untuned."""

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from metier.evaluation.answers import BASE, read_answers
from metier.evaluation.asking import ask
from metier.recipes.schema import load
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving.predictor import Predictor, benchmark_of
from metier.serving.served import Served
from metier.serving.server.metrics import Metrics
from metier.serving.server.operations import Service
from metier.serving.server.scheduler import Scheduler
from metier.serving.server.serve import guarded
from metier.serving.server.settings import ServerSettings
from metier.stages.curate import curate
from metier.stages.evaluate import base_model
from tests.tiny import write_lines, write_triage

TOKEN = "a token for the tests of texts"
TEMPLATE = "{% for one in messages %}<{{ one.role }}>{{ one.content }}{% endfor %}<assistant>"
SIZES = {"size": ["8", "9"], "count": [1, 2.5], "tags": [["x", "y"], []]}
BENCHMARKS = {
    "writes": {"scorer": {"generate": {"max_new_tokens": 12, "stop": ["\n", "\u00e4"]}}},
    "counts": {"scorer": {"numeric": {"max_new_tokens": 6, "pattern": "(?s)(.*)"}}},
    "fields": {"scorer": {"fields": {"max_new_tokens": 60}}},
    "chats": {"scorer": {"generate": {"max_new_tokens": 10}}, "chat_template": True},
    "triage": {"metrics": ["accuracy"], "label": "department", "path": "test.jsonl", "text": "note"},
}


@dataclass(frozen=True)
class Made:
    """A served run and the answers that were saved when it was measured."""

    served: Served
    saved: list


def _items(name):
    for n in range(10):
        answer = {key: values[n % 2] for key, values in SIZES.items()} if name == "fields" else str(n)
        yield {"text": f"{name} {n * n}", "answer": json.dumps(answer) if name == "fields" else answer}


def made(folder: Path, name: str) -> Made:
    """One run, as `metier run` makes it up to the base model's answers."""
    home = folder / name
    home.mkdir()
    write_triage(home)
    write_lines(home / "items.jsonl", list(_items(name)))
    benchmark = {"name": name, "path": "items.jsonl", "label": "answer", "metrics": ["exact_match"]} | BENCHMARKS[name]
    chat = benchmark.pop("chat_template", False)
    keys = {"industry": "healthcare", "model": "fake", "methods": ["dapt"], "steps": ["normalize"], "retention": {}}
    keys["datasets"] = [{"path": "train.jsonl", "text": "note", "license": "proprietary"}]
    run = runs.open_run(
        home / "run", load(write_lines(home / "recipe.yaml", [keys | {"benchmarks": [benchmark]}])), Progress()
    )
    curate(run)
    own, model = benchmark_of(run, None), base_model(run)
    predictor = Predictor(own, model.load(), own.label_set())
    if chat:  # the fake model has no template of its own
        own.chat_template, predictor.model.tokenizer.chat_template = True, TEMPLATE
        saved = predictor.answer(own.questions())
    else:
        ask(run, BASE, own, own.questions(), model)
        saved = read_answers(run, BASE, name)
    served = Served(
        name, run, own, predictor.answer, predictor, tuple(predictor.labels), "SHIP", f"sha of {name}", None, 0
    )
    return Made(served, saved)


@contextmanager
def serving(served: list[Served]):
    """The address of a server, which ends with the block."""
    address: list[str] = []
    ready, stop = threading.Event(), threading.Event()

    async def main():
        metrics = Metrics()
        service = Service(ServerSettings(), Scheduler(metrics, 1_000), metrics, None)
        await service.scheduler.start(lambda: {one.name: one for one in served})
        server = uvicorn.Server(uvicorn.Config(guarded(service, TOKEN), port=0, log_level="warning", lifespan="off"))
        working = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        address.append(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.02)
        server.should_exit = True
        await working
        service.scheduler.end()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield address[0]
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
