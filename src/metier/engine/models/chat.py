"""A question as a user's turn in the model's own chat template."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from metier.errors import UserError

SECONDS = 10.0
"""Longest time that a template may take over one question: loops in it have no other bound."""
PROBE = "How many are 4711?"


def rendered(tokenizer: Any, folder: Path, prompt: str) -> str:
    """The turn as text. Raises `UserError` where there is no template, or it raises or does not come to an end."""
    if not tokenizer.chat_template:
        raise UserError(
            f"The tokenizer in {folder} has no chat template. Write `chat_template: false` in the benchmark, or "
            "add a chat_template to tokenizer_config.json."
        )
    try:
        return conversation(tokenizer, [{"role": "user", "content": prompt}])
    except TemplateError as error:
        raise UserError(
            f"The chat template in {folder} fails ({error}). Correct it, or write `chat_template: false` in the "
            "benchmark."
        ) from error


class TemplateError(Exception):
    """A chat template refuses messages, or does not come to an end."""


def conversation(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> str:
    """Messages (role, content) as text, up to where the model answers. Raises `TemplateError`."""
    try:
        with _within(SECONDS):
            text: str = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
    except Exception as error:  # jinja's, and whatever Python raises inside a template
        raise TemplateError(f"{type(error).__name__}: {error}".splitlines()[0][:300]) from error
    return text


def check(tokenizer: Any, folder: Path) -> None:
    """Raises `UserError` where the template leaves the question out: the model would read the same every time."""
    if PROBE not in rendered(tokenizer, folder, PROBE):
        raise UserError(
            f"The chat template in {folder} leaves the question out. Correct it, or use `chat_template: false`."
        )


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """A bound in time, on the main thread, which is the one that signals reach; elsewhere there is none."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no end after {seconds:g} seconds")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, late)
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds)  # whoever else waits goes on waiting
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left, every)
