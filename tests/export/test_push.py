"""Push: the hub's client against a stand-in of its interface, MLflow against a real server with its registry."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from metier.cli import app
from metier.errors import UserError
from metier.export.push.hub import send_to_hub
from metier.export.push.mlflow import send_to_mlflow
from metier.export.push.push import push


class Hub(ThreadingHTTPServer):
    """What huggingface_hub asks for: a repository, how each file is sent, a commit."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.private, self.files, self.tokens, self.refuses = [], None, {}, set(), False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer(404, {"error": "not found"})

    do_HEAD = do_GET

    def do_POST(self):
        hub, body = self.server, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub.asked.append(self.path.split("?")[0])
        hub.tokens.add(self.headers.get("Authorization"))
        if hub.refuses:
            return self.answer(403, {"error": "You may not write here."})
        if self.path == "/api/repos/create":
            hub.private = json.loads(body).get("private") or json.loads(body).get("visibility") == "private"
            return self.answer(200, {"url": f"{hub.address}/team/desk", "name": "team/desk", "id": "team/desk"})
        if "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": files})
        if self.path == "/api/validate-yaml":  # the card's front matter
            return self.answer(200, {"errors": [], "warnings": []})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        return self.answer(
            200,
            {"commitUrl": f"{hub.address}/team/desk/commit/1", "commitOid": "1", "commitMessage": "m", "success": True},
        )

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import constants

    server = Hub()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    yield server
    server.shutdown()


def test_an_adapter_goes_to_a_private_repository_with_card_verdict_and_hashes(run, hub):
    done = push(run, "hub", "team/desk", anyway=True)
    assert done.form == "adapter" and done.address.endswith("team/desk")
    assert hub.private is True and hub.tokens == {"Bearer hf_test"}
    assert hub.asked[0] == "/api/repos/create" and hub.asked[-1].endswith("/commit/main")
    assert {"adapter_model.safetensors", "adapter_config.json", "README.md", "metier.json", "verdict.json"} <= set(
        hub.files
    )
    record = json.loads(hub.files["metier.json"])
    assert record["hashes"]["base"] == run.locked()["model"]["sha256"]
    assert (
        hub.files["adapter_model.safetensors"]
        == (run.folder / run.result("train")["adapter"] / "adapter_model.safetensors").read_bytes()
    )


def test_what_the_hub_refuses_is_one_message(run, hub):
    hub.refuses = True
    with pytest.raises(UserError, match="The hub did not take 'team/desk'.*what the token may do"):
        push(run, "hub", "team/desk", anyway=True)


def test_without_a_token_nothing_is_sent(run, hub, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match="no token for the hub"):
        send_to_hub(tmp_path, None, "team/desk")
    assert not hub.asked


def test_an_unknown_target_and_an_unknown_form_are_refused(run):
    with pytest.raises(UserError, match="Did you mean 'hub'"):
        push(run, "hubb", "x")
    with pytest.raises(UserError, match="not as 'gguf'"):
        push(run, "hub", "x", form="gguf")


def test_without_mlflow_one_message_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match=r"pip install 'metier\[mlflow\]'"):
        send_to_mlflow(tmp_path, None, "desk")


def test_the_verb_is_known():
    assert "push" in {command.callback.__name__ for command in app.app.registered_commands}


@pytest.fixture
def registry(tmp_path):
    """The address of a real MLflow server with its registry."""
    pytest.importorskip("mlflow.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/m.db", "--artifacts-destination", str(tmp_path / "store")]
    with open(tmp_path / "server.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ), start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


@pytest.mark.slow
def test_a_run_becomes_a_version_of_a_registered_model(run, registry, monkeypatch, tmp_path):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    for number in ("1", "2"):
        assert push(run, "mlflow", "desk", anyway=True).address == f"models:/desk/{number}"
    version = MlflowClient(registry).get_model_version("desk", "2")
    assert version.tags["metier.base_sha256"] == run.locked()["model"]["sha256"]
    assert version.tags["metier.verdict"] in ("SHIP", "HOLD") and version.tags["metier.form"] == "adapter"
    assert len(version.tags["metier.run_sha256"]) == 64
    got = MlflowClient(registry).download_artifacts(version.run_id, "model", str(tmp_path))
    assert {"adapter_model.safetensors", "README.md", "metier.json", "verdict.json"} <= set(os.listdir(got))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match="MLflow did not take 'desk'"):
        push(run, "mlflow", "desk", anyway=True)
