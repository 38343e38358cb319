"""`metier serve`: runs behind HTTP, from the check of their verdicts to the last answer after SIGTERM."""

import asyncio
import importlib.util
import json
import logging
import os
import resource
import secrets
import shlex
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metier.errors import UserError, shown
from metier.runs import terminal
from metier.serving.served import Checked, Served, ServeOptions, check, load
from metier.serving.server.guard import Guard
from metier.serving.server.metrics import Metrics
from metier.serving.server.operations import Operation, Service
from metier.serving.server.scheduler import Scheduler
from metier.serving.server.settings import ServerSettings
from metier.serving.server.traces import Traces, check_redaction

LOGGER = logging.getLogger("metier")
TOKEN = "METIER_TOKEN"
MIN_TOKEN_CHARACTERS = 16
"""Characters of a token of one's own."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
HEAD_BYTES = 32_768
KEEP_ALIVE_S = 30
BACKLOG = 2048
STOPPED, CUT_OFF = 0, 3
"""Exit codes: all that was accepted is answered, or some of it is not."""
LAST_S = 0.5
"""So long clients that keep their connection still get a 503, before the door is shut."""
SPARE_FILES = 64
"""Open files that are no connections."""
NEEDED = ("starlette", "uvicorn", "prometheus_client", "llguidance")


def serve(folders: Sequence[Path], options: ServeOptions, settings: ServerSettings) -> int:
    """Answer requests until SIGTERM or SIGINT; returns the exit code.

    Raises `UserError` where the extra is missing, a run may not be served, or the port is taken.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise UserError(f"`metier serve` needs {missing[0]}, which is not installed: pip install 'metier[serve]'.")
    checked = check(folders, options)
    if settings.redact:
        for one in checked:
            check_redaction(one.run)
    token, made = _token()
    metrics = Metrics()
    traces = Traces(settings.trace, metrics, settings.redact) if settings.trace else None
    with _bound(settings.host, settings.port) as listening:
        if made:
            terminal.complain(f"Token, shown only now: {token}")
        service = Service(settings, Scheduler(metrics, settings.queue_rows), metrics, traces)
        try:
            return asyncio.run(_Server(service, token, listening).run(checked, options))
        finally:
            if traces:
                traces.close()


def operations() -> list[Operation]:
    """All that the server can do."""
    from metier.serving.server import chat, classify, completions, extract, health, models
    from metier.serving.server.openapi import described

    every = (classify, extract, chat, completions, models, health)
    return described([operation for one in every for operation in one.OPERATIONS])


def guarded(service: Service, token: str) -> Guard:
    """The application with its guard."""
    from metier.serving.server.app import build_app

    offered = operations()
    paths = {one.path for one in offered}
    without_token = {one.path for one in offered if not one.token}
    return Guard(build_app(service, offered), service.settings, token, service.metrics, paths, without_token)


class _Server:
    """One server at work, in an event loop."""

    def __init__(self, service: Service, token: str, listening: socket.socket) -> None:
        self.service, self.listening = service, listening
        self.guard = guarded(service, token)
        self.http = _http(self.guard, service.settings)
        self.stopping = asyncio.Event()
        self.at_once = False

    async def run(self, checked: Sequence[Checked], options: ServeOptions) -> int:
        with self._signals():
            serving = asyncio.ensure_future(self.http.serve(sockets=[self.listening]))
            loading = self.service.scheduler.start(lambda: load(checked, options))
            stopping = asyncio.ensure_future(self.stopping.wait())
            try:
                await asyncio.wait({serving, loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if loading.done():
                    loading.result()  # raises where a run could not be loaded
                    self._announce()
                    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
                return await self._drained()
            finally:
                stopping.cancel()
                await asyncio.to_thread(self.service.scheduler.end, 2.0)
                self.http.should_exit = True
                await serving

    def _announce(self) -> None:
        address, port = self.listening.getsockname()[:2]
        host = f"[{address}]" if ":" in address else address
        for one in self.service.served.values():
            LOGGER.info("%s: %s, %s", one.name, one.decision, one.sha256)
        LOGGER.info("Ready on http://%s:%s (/docs says what can be asked)", host, port)
        LOGGER.info("%s", example(next(iter(self.service.served.values())), f"http://{host}:{port}"))

    async def _drained(self) -> int:
        """Refuse what is new, and wait for what was accepted; the exit code."""
        settings = self.service.settings
        self.guard.draining = True
        end = asyncio.get_running_loop().time() + settings.drain_s
        if self.guard.active:
            LOGGER.info(
                "Stopping: %s requests are still answered, for at most %g s.", self.guard.active, settings.drain_s
            )
        while self.guard.active and not self.at_once and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)
        cut_off = self.guard.active
        await asyncio.sleep(0 if self.at_once else LAST_S)
        if cut_off:
            LOGGER.warning("%s accepted requests were not answered in time. Raise --drain.", cut_off)
        return CUT_OFF if cut_off else STOPPED

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first signal stops gracefully, the second at once."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _stop(self) -> None:
        self.at_once = self.stopping.is_set()
        self.stopping.set()


def example(served: Served, address: str) -> str:
    """A command that asks a served model something."""
    path, asked = "/v1/classify", '"texts": ["TEXT"]'
    if served.kind == "read":
        path, asked = "/v1/completions", '"prompt": "TEXT", "max_tokens": 8'
    elif served.benchmark.chooses_among_own_options:
        asked = '"rows": [{"text": "TEXT", "options": ["ONE", "OTHER"]}]'
    body = shlex.quote(f'{{"model": {json.dumps(served.name)}, {asked}}}')
    return f'curl {address}{path} -H "Authorization: Bearer ${TOKEN}" -H "Content-Type: application/json" -d {body}'


def _http(app: Any, settings: ServerSettings) -> Any:
    import uvicorn

    from metier.serving.server.protocol import bounded

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    class Quiet(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # they are ours: uvicorn would close the door before it says 503

    config = uvicorn.Config(
        app,
        http=bounded(settings.read_s),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=2,
        limit_concurrency=min(settings.most_connections, max(1, files - SPARE_FILES)),
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    return Quiet(config)


def _token() -> tuple[str, bool]:
    """(the token, whether it was made now)."""
    own = os.environ.get(TOKEN)
    if own is None:
        return secrets.token_urlsafe(32), True
    if len(own) < MIN_TOKEN_CHARACTERS or not own.isascii() or not own.isprintable() or " " in own:
        raise UserError(
            f"{TOKEN} is too short or has spaces. Set it to {MIN_TOKEN_CHARACTERS} or more letters and digits, or "
            "leave it out: one is made."
        )
    return own, False


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket. Raises `UserError` where the address cannot be used."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UserError(f"The host {shown(host)} is not known: {error.strerror}. Name another one: --host.") from error
    try:
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise UserError(
            f"Port {port} of {host} cannot be used: {error.strerror}. Name another one, or a free one is taken: "
            "--port 0."
        ) from error
    with listening:
        yield listening
