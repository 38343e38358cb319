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
from types import SimpleNamespace

import pytest

from metier.cli import app
from metier.errors import UserError
from metier.export.push import mlflow
from metier.export.push import push as pushing
from metier.export.push.hub import Hub
from metier.export.push.push import push


class HubServer(ThreadingHTTPServer):
    """What huggingface_hub asks for: a repository, how each file is sent, a commit."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.private, self.files, self.tokens, self.refuses = [], None, {}, set(), False
        self.exists = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        hub = self.server
        if hub.refuses:
            return self.answer(403, {"error": "You may not read here."})
        if not hub.exists:
            return self.answer(404, {"error": "Repository not found"}, code="RepoNotFound")
        if "/tree/main" in self.path:
            files = [{"type": "file", "path": path, "oid": "0" * 40, "size": 1} for path in hub.files]
            return self.answer(200, files)
        return self.answer(200, {"id": "team/desk", "private": hub.private, "siblings": []})

    do_HEAD = do_GET

    def do_POST(self):
        hub, body = self.server, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub.asked.append(self.path.split("?")[0])
        hub.tokens.add(self.headers.get("Authorization"))
        if hub.refuses:
            return self.answer(403, {"error": "You may not write here."})
        if self.path == "/api/repos/create":
            if hub.exists:
                return self.answer(409, {"url": f"{hub.address}/team/desk", "error": "it is there"})
            hub.exists = True
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
            elif line["key"] == "deletedFile":
                del hub.files[line["value"]["path"]]
        return self.answer(
            200,
            {"commitUrl": f"{hub.address}/team/desk/commit/1", "commitOid": "1", "commitMessage": "m", "success": True},
        )

    def answer(self, status, content, code=None):
        body = json.dumps(content).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import constants

    server = HubServer()
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


def test_a_second_push_leaves_no_file_of_the_first(run, hub):
    push(run, "hub", "team/desk", form="merged", anyway=True)
    assert "model.safetensors" in hub.files
    push(run, "hub", "team/desk", form="adapter", anyway=True)
    assert "model.safetensors" not in hub.files and "adapter_model.safetensors" in hub.files


def test_a_repository_that_everybody_can_read_is_refused(run, hub, monkeypatch):
    hub.exists, hub.private = True, False
    with pytest.raises(UserError, match="Everybody can read 'team/desk'.*--public"):
        push(run, "hub", "team/desk", anyway=True)
    assert not hub.files
    push(run, "hub", "team/desk", anyway=True, public=True)
    assert "README.md" in hub.files
    with pytest.raises(UserError, match="`--public` is for the hub"):
        push(run, "mlflow", "desk", anyway=True, public=True)


def test_a_hub_that_is_not_there_is_one_message_and_our_own_bug_is_none(run, hub, monkeypatch):
    from huggingface_hub import HfApi

    monkeypatch.setattr(HfApi, "upload_folder", lambda *given, **more: {}["a bug"])
    with pytest.raises(KeyError):
        push(run, "hub", "team/desk", anyway=True)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UserError, match="hub cannot be reached"):
        push(run, "hub", "team/desk", anyway=True)


def test_what_is_missing_is_said_before_the_export(run, hub, monkeypatch):
    monkeypatch.setattr(pushing, "export", lambda *given: pytest.fail("exported first"))
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match="no token"):
        push(run, "hub", "team/desk", anyway=True)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match="MLflow is not installed"):
        push(run, "mlflow", "desk", anyway=True)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=None))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="Which MLflow server"):
        push(run, "mlflow", "desk", anyway=True)


def test_an_mlflow_run_whose_upload_fails_is_marked_so_and_a_refused_name_leaves_none(tmp_path):
    done = []

    class Client:
        def __getattr__(self, name):
            def call(*given, **more):
                done.append((name, *given[1:]))
                if name == self.fails:
                    raise RuntimeError(name)
                return SimpleNamespace(info=SimpleNamespace(run_id="r"), experiment_id="e")

            return call

    client, origin = Client(), SimpleNamespace(hub_id=None, name="fake")
    record = SimpleNamespace(decision="SHIP", form="adapter", base_model=origin, hashes={}, run="desk")
    client.fails = "log_artifacts"
    with pytest.raises(RuntimeError):
        mlflow._register(client, tmp_path, record, "desk")
    assert done[-1] == ("set_terminated", "FAILED")
    done.clear()
    client.fails = "search_registered_models"
    with pytest.raises(RuntimeError):
        mlflow._register(client, tmp_path, record, "desk")
    assert [name for name, *_ in done] == ["search_registered_models"]


def test_without_a_token_nothing_is_sent(hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match="no token for the hub"):
        Hub("team/desk")
    assert not hub.asked


def test_an_unknown_target_and_an_unknown_form_are_refused(run):
    with pytest.raises(UserError, match="Did you mean 'hub'"):
        push(run, "hubb", "x")
    with pytest.raises(UserError, match="not as 'gguf'"):
        push(run, "hub", "x", form="gguf")


def test_without_mlflow_one_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match=r"pip install 'metier\[mlflow\]'"):
        mlflow.Registry("desk")


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
