"""Tokens as text that can be shown: whole characters, and nothing of a stop string."""

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any, Literal

BROKEN = "\ufffd"
"""What a character is decoded to that is not complete."""


@dataclass(frozen=True)
class TokenScore:
    """A token and how likely it was, in nats."""

    token: int
    text: str
    log_probability: float
    """NaN for the first token of a prompt, which nothing predicts."""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens there and their log-probabilities, the likeliest first."""


@dataclass(frozen=True)
class Piece:
    """What a step adds to a text."""

    text: str
    """Empty where it is held back: a character that is not complete, or what may begin a stop string."""
    tokens: tuple[TokenScore, ...]
    """Those whose text is shown with this piece, and the end token; none of a stop string."""
    finish: Literal["stop", "length"] | None
    """Why the text ends here; None: it goes on."""
    new_tokens: int = 1
    """How many tokens were made, shown or not."""
    error: str | None = None
    """Why the text could not be finished: its grammar became too complex. It ends with this piece."""


class Written:
    """A text that grows by tokens. All pieces together are the tokenizer's text of all tokens, up to the first stop
    string."""

    def __init__(self, tokenizer: Any, stop: Sequence[str]) -> None:
        self.tokenizer, self.stop = tokenizer, [one for one in stop if one]
        self.tokens: list[int] = []
        self.start = self.read = 0
        self.shown = 0
        self.held = ""
        self.begins: list[int] = []
        """Where the text of each token begins, in characters."""
        self.unread: list[TokenScore] = []
        """Of a character that is not complete."""
        self.waiting: list[tuple[int, TokenScore]] = []
        """(where its text begins, the token) of those with text that is not shown yet."""

    def add(self, score: TokenScore) -> tuple[str, tuple[TokenScore, ...], bool]:
        """(what can be shown now, its tokens, whether a stop string ended the text)."""
        self.tokens.append(score.token)
        self.unread.append(score)
        # Decoded together with the tokens before, since some tokenizers put spaces between tokens but not first.
        before = self._text(self.tokens[self.start : self.read])
        now = self._text(self.tokens[self.start :])
        if not now.endswith(BROKEN) and len(now) > len(before):
            self._take(now[len(before) :], len(before))
            self.start, self.read = self.read, len(self.tokens)
        return self._released(self._maybe_stop())

    def end(self) -> tuple[str, tuple[TokenScore, ...]]:
        """What was held back, where no more tokens come."""
        whole = self._text(self.tokens)
        before = self._text(self.tokens[self.start : self.read])
        self._take(whole[self.shown + len(self.held) :], len(before))
        text, tokens, stopped = self._released(0)
        return text, tokens if stopped else tokens + tuple(score for _, score in self.waiting)

    def _take(self, text: str, before: int) -> None:
        """`text` is that of the unread tokens. Each token is noted with the place where its own text begins: behind
        what the tokens before it already have of the text, since a character may be made of several tokens."""
        place = self.shown + len(self.held)
        for number, score in enumerate(self.unread):
            own = self._text(self.tokens[self.start : self.read + number])[before:] if number else ""
            self.begins.append(place + len(commonprefix([own, text])))
            self.waiting.append((self.begins[-1], score))
        self.unread = []
        self.held += text

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _maybe_stop(self) -> int:
        """How many of the last characters may begin a stop string."""
        longest = 0
        for stop in self.stop:
            for length in range(min(len(stop) - 1, len(self.held)), longest, -1):
                if self.held.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def _released(self, keep: int) -> tuple[str, tuple[TokenScore, ...], bool]:
        cuts = [self.held.find(stop) for stop in self.stop if stop in self.held]
        end = min(cuts) if cuts else len(self.held) - keep
        text, self.held = self.held[:end], self.held[end:]
        self.shown += len(text)
        tokens = tuple(score for begin, score in self.waiting if begin < self.shown)
        self.waiting = [] if cuts else self.waiting[len(tokens) :]
        return text, tokens, bool(cuts)


def offsets(tokenizer: Any, tokens: Sequence[TokenScore]) -> list[int]:
    """Where each token begins in their text, in characters."""
    written = Written(tokenizer, ())
    for token in tokens:
        written.add(token)
    written.end()
    return written.begins
