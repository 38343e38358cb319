"""A served run of the fake model: in this process, and as a process of its own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from metier.serving.served import ServeOptions, check, load
from metier.serving.server.metrics import Metrics
from metier.serving.server.operations import Service
from metier.serving.server.scheduler import Scheduler
from metier.serving.server.serve import guarded
from metier.serving.server.settings import ServerSettings
from metier.serving.server.traces import Traces

TOKEN = "a-token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def served(folders, settings=None, **wishes):
    """(client, service) of a server in this process."""
    asked = ServeOptions(anyway=True, **wishes)
    settings, metrics = settings or ServerSettings(), Metrics()
    traces = Traces(settings.trace, metrics, settings.redact) if settings.trace else None
    service = Service(settings, Scheduler(metrics, settings.queue_rows), metrics, traces)
    checked = check(folders, asked)
    with TestClient(guarded(service, TOKEN), base_url="http://127.0.0.1", headers=HEADERS) as client:

        async def start():
            await service.scheduler.start(lambda: load(checked, asked))

        client.portal.call(start)
        yield client, service
        client.portal.call(service.scheduler.end)


@pytest.fixture(scope="module")
def run_folder(recorded_run):
    return recorded_run.after("finished")[1]


@pytest.fixture(scope="module")
def server(run_folder):
    with served([run_folder]) as pair:
        yield pair


@pytest.fixture(scope="module")
def client(server):
    return server[0]


class Process:
    """`metier serve` as a process of its own."""

    def __init__(self, run, *options, limit=None, token=TOKEN):
        words = [sys.executable, "-m", "metier", "serve", str(run), "--port", "0", "--anyway", *options]
        env = {**os.environ, "OMP_NUM_THREADS": "1", **({"METIER_TOKEN": token} if token else {})}
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=env, preexec_fn=limit)
        self.errors = ""
        while "Ready on" not in self.errors:
            line = self.process.stderr.readline()
            assert line, self.errors
            self.errors += line
        self.token = token or re.search(r"Token, shown only now: (\S+)", self.errors)[1]
        self.port = int(re.search(r"Ready on http://127.0.0.1:(\d+)", self.errors)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def client(self, **how):
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, **{"timeout": 30, **how}
        )

    def raw(self, sent, wait=30.0):
        """All that comes back for these bytes; empty where the server hung up."""
        found = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(sent)
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    found += piece
        return found

    def stop(self, number=signal.SIGTERM, wait=20):
        """(exit code, seconds until it had ended)."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.errors += self.process.communicate(timeout=wait)[1]
        return self.process.returncode, time.monotonic() - began

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start(run_folder):
    """Start servers, which end with the test."""
    begun = []

    def begin(*options, **how):
        begun.append(Process(run_folder, *options, **how))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()
