"""Whether the server lives, whether it takes requests, and what it counted."""

from typing import Literal

from metier.serving.server.operations import Body, Call, Operation, Plain


class Health(Body):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Ready(Body):
    """Whether requests are taken."""

    status: Literal["ready", "loading", "failed"]
    models: list[str]
    """What is served."""


async def health(call: Call) -> Health:
    """Always ok."""
    return Health()


async def ready(call: Call) -> Ready | Plain:
    """503 while the models are loaded, and where their thread has ended. While the server stops, the guard answers."""
    models = list(call.service.served)
    if not models:
        return Plain(Ready(status="loading", models=[]), status=503)
    if not call.service.scheduler.alive:
        return Plain(Ready(status="failed", models=models), status=503)
    return Ready(status="ready", models=models)


async def metrics(call: Call) -> Plain:
    """In Prometheus' text format."""
    return Plain(call.service.metrics.text(), "text/plain; version=0.0.4")


OPERATIONS = [
    Operation("/health", "GET", "Whether the process lives.", health, response=Health, token=False),
    Operation("/ready", "GET", "Whether requests are taken.", ready, response=Ready, token=False, other={503: Ready}),
    Operation("/metrics", "GET", "Counters for Prometheus.", metrics, media_type="text/plain"),
]
