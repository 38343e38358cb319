"""A small OpenAI-compatible server on this machine, which answers as a test tells it to."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Told:
    """What the server says, and what it was asked."""

    answer: callable
    """The user's message -> the words of the answer."""
    failures: list = field(default_factory=list)
    """What the next requests get in place of an answer: a status, (status, headers), or the bytes of a body."""
    requests: list = field(default_factory=list)
    """(headers, body) of every request."""
    usage: dict | None = field(default_factory=lambda: {"prompt_tokens": 10, "completion_tokens": 2})
    """How it counts tokens; None: not at all."""
    url: str = ""

    @property
    def asked(self):
        """The prompts that got an answer or a failure."""
        return [body["messages"][-1]["content"] for _, body in self.requests]


@contextmanager
def chat_server(answer):
    """The server, for as long as a test needs it: ten tokens a prompt and two an answer."""
    told = Told(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.requests.append((dict(self.headers), body))
            failure = told.failures.pop(0) if told.failures else None
            if isinstance(failure, int | tuple):
                status, headers = failure if isinstance(failure, tuple) else (failure, {})
                return self.reply(status, b'{"error": "no"}', headers)
            if failure is not None:
                return self.reply(200, failure, {})
            words = told.answer(body["messages"][-1]["content"])
            found = {"choices": [{"message": {"role": "assistant", "content": words}}]}
            found |= {"usage": told.usage} if told.usage else {}
            return self.reply(200, json.dumps(found).encode(), {})

        def reply(self, status, content, headers):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
