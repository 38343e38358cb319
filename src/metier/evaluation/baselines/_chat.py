"""One question to a model behind an OpenAI-compatible address: sent, tried again where that helps, and read."""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from metier.errors import UserError, shown

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATH = "/chat/completions"
LONGEST_WAIT_S = 120.0
"""Between two tries, whatever an address asks for: one that wants more is asked again in another call."""
MOST_BYTES = 4_000_000
"""Of an answer. What is longer is no answer to a question."""
AROUND_A_MESSAGE = 64
"""Tokens at most: a role and the signs of a chat template."""
MOST_TOKENS = 10_000_000
"""More than any model reads or writes: an address that counts more is not believed."""
AGAIN = (408, 409, 425, 429)
"""Besides all of 500 and above: what may be answered if it is asked again."""


@dataclass(frozen=True)
class Completion:
    """What came back."""

    content: str | None
    """None: nothing that could be read."""
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class _NoRedirect(HTTPRedirectHandler):
    """urllib would send the key on to wherever an address points."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@dataclass
class Address:
    """An address with all that a question to it needs."""

    url: str
    key: str | None
    """None: the address asks for none."""
    timeout_s: float
    retries: int

    def __post_init__(self) -> None:
        # Nothing on this machine is reached through a proxy.
        proxies = [ProxyHandler({})] if is_loopback(self.url) else []
        self._opener = build_opener(_NoRedirect, *proxies)

    def ask(self, body: Mapping[str, Any]) -> Completion:
        """The answer. Raises `UserError` where the address refuses, or gives none after all tries."""
        request = Request(full(self.url), json.dumps(body).encode(), self._headers(), method="POST")
        for number in range(self.retries + 1):
            began = time.monotonic()
            try:
                with self._opener.open(request, timeout=self.timeout_s) as response:
                    content = response.read(MOST_BYTES + 1)
                return _read(content, body, time.monotonic() - began)
            except HTTPError as error:
                with error:
                    why, pause = f"HTTP {error.code}", _retry_after(error.headers.get("Retry-After"))
                    if error.code not in AGAIN and error.code < 500:
                        raise UserError(self._refused(error)) from None
            except (URLError, TimeoutError, ConnectionError, http.client.HTTPException, OSError) as error:
                why, pause = type(getattr(error, "reason", error)).__name__, None
            if number < self.retries:
                wait(min(LONGEST_WAIT_S, max(pause or 0.0, 0.5 * 2**number)))
        raise UserError(
            f"{self.url} gave no answer in {self.retries + 1} tries ({self._hidden(why)}). All answers so far are "
            "kept: run the same command again, and it goes on from there."
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return headers | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    def _refused(self, error: HTTPError) -> str:
        said = self._hidden(error.read(2_000).decode(errors="replace"))
        hint = "Check the key and its variable (`key_env`)." if error.code in (401, 403) else "Check `url` and `model`."
        return f"{self.url} refuses: HTTP {error.code}, {shown(said, 200)}. {hint}"

    def _hidden(self, text: str) -> str:
        """A text of the other side, in which the key does not stand."""
        return text.replace(self.key, "***") if self.key else text


def wait(seconds: float) -> None:
    """Let an address rest."""
    time.sleep(seconds)


def full(url: str) -> str:
    """The address that questions are sent to: the API's own, or the whole one."""
    return url if url.rstrip("/").endswith(PATH) else url.rstrip("/") + PATH


def is_loopback(url: str) -> bool:
    """Whether it is this very machine."""
    return urlsplit(url).hostname in LOOPBACK


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number or a date; None where it is neither."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _read(content: bytes, body: Mapping[str, Any], seconds: float) -> Completion:
    """The content of a response; whatever it holds, no error: it may have cost money."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    said = _at(found, "choices", 0, "message", "content")
    # A half of a surrogate pair is valid JSON and no text: no file takes it.
    text = said.encode("utf-8", "replace").decode() if isinstance(said, str) else None
    return Completion(
        text,
        _tokens(_at(found, "usage", "prompt_tokens"), guessed_tokens(sent_texts(body))),
        _tokens(_at(found, "usage", "completion_tokens"), guessed_tokens([text or ""])),
        seconds,
    )


def sent_texts(body: Mapping[str, Any]) -> list[str]:
    """The texts of all messages."""
    return [message["content"] for message in body["messages"]]


def guessed_tokens(texts: Sequence[str]) -> int:
    """One for four letters."""
    return -(-sum(map(len, texts)) // 4)


def most_prompt_tokens(texts: Sequence[str]) -> int:
    """No tokenizer makes more tokens than bytes, besides those around a message."""
    return sum(len(text.encode("utf-8", "replace")) + AROUND_A_MESSAGE for text in texts)


def _at(found: Any, *path: str | int) -> Any:
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _tokens(said: Any, guessed: int) -> int:
    """Tokens as the address counts them; a guess where it says none."""
    if isinstance(said, int) and not isinstance(said, bool) and said > 0:
        return min(said, MOST_TOKENS)
    return guessed
