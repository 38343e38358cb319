"""Who may ask: token, Host and Origin, and how large and slow a body may be."""

import asyncio
import socket

import pytest

from metier.errors import UserError
from metier.serving.served import ServeOptions
from metier.serving.server.guard import Guard, hosts
from metier.serving.server.metrics import Metrics
from metier.serving.server.serve import serve
from metier.serving.server.settings import ServerSettings

TOKEN = "0123456789abcdef"


async def echo(scope, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asked(guard, headers=(), path="/v1/classify", pieces=(b"hello",), pause=0.0):
    """(status, headers, body, bytes that were read)."""
    sent, read = [], 0
    left = list(pieces)
    pairs = [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {TOKEN}".encode())]
    pairs = [pair for pair in pairs if pair[0] not in dict(headers)] + [pair for pair in headers if pair[1] is not None]

    async def receive():
        nonlocal read
        await asyncio.sleep(pause)
        if not left:
            return {"type": "http.disconnect"}
        read += len(left[0])
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    asyncio.run(guard({"type": "http", "path": path, "headers": pairs, "method": "POST"}, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(one.get("body", b"") for one in sent[1:]), read


def guard(**settings):
    paths = {"/v1/classify", "/health", "/ready", "/metrics"}
    return Guard(echo, ServerSettings(**settings), TOKEN, Metrics(), paths, {"/health", "/ready"})


def test_a_good_request_is_handed_on_with_its_body():
    one = guard()
    assert asked(one, pieces=[b"he", b"llo"])[::2] == (200, b"hello")
    assert one.active == 0 and b'path="/v1/classify",status="200"} 1.0' in one.metrics.text()


@pytest.mark.parametrize(
    "authorization",
    [None, b"", b"Bearer", b"Bearer ", b"Bearer wrong", b"Basic 0123456789abcdef", b"Bearer 0123456789abcde\xe9",
     b"0123456789abcdef"],
)  # fmt: skip
def test_without_the_token_nothing_is_answered(authorization):
    status, headers, body, read = asked(guard(), [(b"authorization", authorization)])
    assert (status, read) == (401, 0) and headers[b"www-authenticate"] == b"Bearer" and TOKEN.encode() not in body
    assert headers[b"connection"] == b"close", "the body is not read"
    assert asked(guard(), [(b"authorization", authorization)], path="/health")[0] == 200


def test_two_tokens_are_no_token():
    twice = [(b"authorization", f"Bearer {TOKEN}".encode())] * 2
    assert asked(guard(), twice)[0] == 401


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000", "10.0.0.7:8000", "models.lan"])
def test_the_server_is_known_by_its_own_names(host):
    one = guard(host="10.0.0.7", allowed_hosts=("models.lan",))
    assert asked(one, [(b"host", host.encode())])[0] == 200


@pytest.mark.parametrize("host", [b"evil.example", b"", None, b"localhost.evil.example", b"[::1", b"evil@127.0.0.1"])
def test_other_hosts_are_refused_but_for_probes(host):
    for path, status in (("/v1/classify", 403), ("/nope", 403), ("/health", 200), ("/ready", 200)):
        found, headers, _, _ = asked(guard(), [(b"host", host)], path=path)
        assert found == status and (status == 200 or headers[b"connection"] == b"close")


def test_an_address_for_all_is_no_name():
    assert "0.0.0.0" not in hosts(ServerSettings(host="0.0.0.0")) and "[::2]" in hosts(ServerSettings(host="::2"))


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (b"http://127.0.0.1:8000", 200),
        (b"http://127.0.0.1:9000", 403),
        (b"http://evil.example", 403),
        (b"null", 403),
        (b"file://", 403),
        (b"http://[", 403),
        (b"https://desk.lan", 403),
    ],
)
def test_pages_of_other_origins_may_not_ask(origin, status):
    found, headers, _, read = asked(guard(allowed_hosts=("desk.lan",)), [(b"origin", origin)])
    assert found == status and (status == 200 or (read == 0 and headers[b"connection"] == b"close"))


def test_a_large_body_is_refused_before_it_is_read():
    one = guard(most_body_bytes=100)
    for length in (b"101", b"9" * 30, b"-1", b"1e3"):
        status, headers, _, read = asked(one, [(b"content-length", length)])
        assert (status, read) == (413, 0) and headers[b"connection"] == b"close"
    assert asked(one, pieces=[b"x" * 60] * 1000)[::3] == (413, 120), "without a length, as soon as it is too large"
    assert asked(one, pieces=[b"x" * 50] * 2)[0] == 200


def test_a_slow_body_is_a_408():
    one = guard(read_s=0.1)
    assert asked(one, pieces=[b"x"] * 100, pause=0.03)[0] == 408
    assert one.active == 0


def test_a_slow_answer_is_a_504():
    async def slow(scope, receive, send):
        await asyncio.sleep(10)

    one = Guard(slow, ServerSettings(request_s=0.1), TOKEN, Metrics(), set(), set())
    assert asked(one)[0] == 504 and one.active == 0


def test_while_draining_only_probes_are_answered():
    one = guard()
    one.draining = True
    status, headers, _, _ = asked(one)
    assert status == 503 and headers[b"retry-after"] and headers[b"connection"] == b"close"
    assert asked(one, path="/health")[0] == 200 and asked(one, path="/metrics")[0] == 200
    status, _, body, _ = asked(one, path="/ready")
    assert status == 503 and b"draining" in body


def test_a_path_that_does_not_exist_is_no_name_in_the_metrics():
    one = guard()
    asked(one, path="/made-up-by-a-client")
    assert b"made-up" not in one.metrics.text() and b'path="other"' in one.metrics.text()


def test_a_token_of_ones_own_that_is_too_short_is_refused(monkeypatch):
    for own in ("", "short", "with a space in it", "ümlaute-ümlaute-ümlaute"):
        monkeypatch.setenv("METIER_TOKEN", own)
        with pytest.raises(UserError, match="METIER_TOKEN is too short or has spaces.*16 or more"):
            serve([], ServeOptions(), ServerSettings())


def test_a_missing_extra_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'metier\[serve\]'"):
        serve([], ServeOptions(), ServerSettings())


def test_a_host_that_nobody_knows_is_no_fault_of_the_port(monkeypatch):
    monkeypatch.setenv("METIER_TOKEN", TOKEN)
    with pytest.raises(UserError, match="The host 'no.such.invalid' is not known.*--host"):
        serve([], ServeOptions(), ServerSettings(host="no.such.invalid"))


def test_a_port_that_is_taken_is_told(monkeypatch):
    monkeypatch.setenv("METIER_TOKEN", TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} of 127.0.0.1 cannot be used.*--port 0"):
            serve([], ServeOptions(), ServerSettings(port=port))
