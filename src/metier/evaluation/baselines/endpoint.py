"""The baseline that somebody else runs: a model behind an OpenAI-compatible address."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from annotated_types import Interval

from metier.data.records import Question
from metier.data.redaction import Redactor
from metier.errors import UserError, shown
from metier.evaluation.baseline import BaselineContext, BaselineLike, FittedBaseline, LoadModel, Spent, no_model
from metier.evaluation.baseline_state import BaselineState, read_state, refuse_another, write_state
from metier.evaluation.baselines import _words
from metier.evaluation.baselines._asked import Asked, Asking
from metier.evaluation.baselines._chat import (
    Address,
    Completion,
    guessed_tokens,
    is_loopback,
    most_prompt_tokens,
    sent_texts,
)
from metier.evaluation.baselines._paid import Paid, PaidAnswers
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Prediction, plain
from metier.recipes.settings import AnswerTokens
from metier.runs.files import fingerprint
from metier.runs.progress import Progress

NO_KEY = "none"
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
NO_VARIABLE = (
    "it is no name of an environment variable in capitals (A-Z, 0-9, _), and is not shown, for it may be the key. "
    "Write the variable's name, and never the key."
)
TRIED = 20
"""So many answers without a single one that can be understood stop a run before it pays for more."""
Price = Annotated[float, Interval(ge=0, le=1_000_000)]


@dataclass
class Baseline(BaselineLike):
    """A model behind an OpenAI-compatible address, asked once for each test question.

    The test questions leave this machine. Nothing is sent before the variable `key_env` holds a key; `key_env: none` is
    for an address on this machine.
    """

    url: str
    """The address, such as https://HOST/v1."""
    model: str
    """The model's name there."""
    key_env: str
    """The environment variable that holds the key, or `none` for an address on this machine."""
    price_in: Price = 0.0
    """Price of a million tokens of prompts."""
    price_out: Price = 0.0
    """Price of a million tokens of answers."""
    max_cost: Price | None = None
    """All answers of a run, over all benchmarks, cost at most so much; needs prices."""
    requests_per_minute: Annotated[float, Interval(gt=0, le=100_000)] = 60.0
    """At most so many."""
    retries: Annotated[int, Interval(ge=0, le=20)] = 5
    """How often a question is asked again after 429, 5xx or silence, each time later."""
    timeout_s: Annotated[float, Interval(gt=0, le=3_600)] = 60.0
    """How long an answer may take."""
    max_tokens: AnswerTokens = 256
    """Longest answer, in tokens."""
    instruction: str = ""
    """What is said before the question, besides the labels to choose from."""
    redact: bool = False
    """Take identifiers of persons out of the whole prompt before it is sent, as the step `redact` does."""
    profile: Literal["healthcare", "finance", "legal", "retail"] = "healthcare"
    """With `redact`: which identifiers."""

    version = 1
    learns = False
    fast = False
    on_this_machine = False
    operational_settings = frozenset(
        ("key_env", "price_in", "price_out", "max_cost", "requests_per_minute", "retries", "timeout_s")
    )

    def problems(self) -> list[str]:
        parts, problems = urlsplit(self.url), []
        if parts.scheme not in ("http", "https") or not parts.hostname:
            problems.append(f"url: {shown(self.url)} is no address. Write https://HOST/v1.")
        elif parts.username or parts.password:
            problems.append("url: it contains a name or password. Take it out; a key belongs in a variable.")
        elif parts.query or parts.fragment:
            problems.append("url: it ends in a query. Leave that out; a key belongs into a variable.")
        elif parts.scheme == "http" and not is_loopback(self.url):
            problems.append("url: without https the key and the questions could be read on the way. Write https.")
        if self.key_env == NO_KEY and not is_loopback(self.url):
            problems.append(f"key_env: `{NO_KEY}` is for an address on this machine only. Name the key's variable.")
        if self.key_env != NO_KEY and not VARIABLE.fullmatch(self.key_env):
            problems.append(f"key_env: {NO_VARIABLE}")
        if self.max_cost is not None and not (self.price_in or self.price_out):
            problems.append("max_cost: without `price_in` and `price_out` nobody knows what an answer costs.")
        return problems

    def misfit(self, benchmark: Benchmark) -> str | None:
        return _words.misfit(benchmark)

    def ready(self) -> list[str]:
        try:
            self.key()
        except UserError as error:
            return [str(error)]
        return []

    def key(self) -> str | None:
        """The key; None where the address asks for none. Raises `UserError` where the variable is not set."""
        if self.key_env == NO_KEY:
            return None
        if not VARIABLE.fullmatch(self.key_env):
            raise UserError(f"`key_env`: {NO_VARIABLE}")
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise UserError(
                f"The environment variable {self.key_env} is not set, so nothing is sent to {self.url}. Put the key "
                "into it, or take the baseline out."
            )
        if not key.isascii() or not key.isprintable():
            raise UserError(f"What {self.key_env} holds is no key: it has line ends or signs that no key has.")
        return key

    def fit(self, context: BaselineContext) -> "FittedEndpoint":
        return FittedEndpoint(self, context.benchmark, context.labels, context.paid, context.progress)

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> "FittedEndpoint":
        state = read_state(folder, EndpointState, self.version)
        refuse_another(folder, "address", [state.url, state.model], [self.url, self.model])
        return FittedEndpoint(self, benchmark, labels, None, Progress())


class EndpointState(BaselineState):
    """What was asked. The key stands nowhere."""

    url: str
    model: str


@dataclass(eq=False)
class FittedEndpoint(FittedBaseline):
    """A model that is asked over the network."""

    setting: Baseline
    benchmark: Benchmark
    labels: Sequence[str]
    paid: Path | None
    progress: Progress
    used: list[Paid] = field(default_factory=list)
    """The answers that were given, in the order of the questions."""
    requests: int = 0
    _sent: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.setting.model} at {urlsplit(self.setting.url).hostname}"

    def certain(self) -> bool:
        return False

    def spent(self) -> Spent:
        once = {one.asked: one for one in self.used}.values()
        return Spent(
            seconds=round(sum(one.seconds for one in once), 3),
            cost=round(sum(one.cost for one in once), 8),
            prompt_tokens=sum(one.prompt_tokens for one in once),
            completion_tokens=sum(one.completion_tokens for one in once),
            requests=self.requests,
        )

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        """Raises `UserError` where an answer is missing and cannot be had; all that was answered is kept."""
        asked, answers = [self._asking.asked(question) for question in questions], list[Prediction]()
        self.used = []
        self.progress.begin(f"evaluate: {self.name}, {self.benchmark.name}", len(questions), "questions")
        for question, sent in zip(questions, asked, strict=True):
            self.used.append(self._one(sent))
            answers.append(self._understood(question, sent, self.used[-1]))
            self.progress.advance(1)
            if len(answers) == min(TRIED, len(questions)):
                self._refuse_nonsense(answers)
        self.progress.end()
        return answers

    def _refuse_nonsense(self, answers: Sequence[Prediction]) -> None:
        if any(one.answer is not None for one in answers):
            return
        said = next((one.content for one in self.used if one.content), None)
        raise UserError(
            f"None of the first {len(answers):,} answers of {self.name} can be understood; one is {shown(said)}. "
            "Nothing more is asked. Check `url`, `model`, `max_tokens` and `instruction`."
        )

    def save(self, folder: Path) -> list[str]:
        state = EndpointState(version=self.setting.version, url=self.setting.url, model=self.setting.model)
        return write_state(folder, state, {})

    def _one(self, sent: Asked) -> Paid:
        """A question's answer: as it was kept, or from the address."""
        body = {"model": self.setting.model, "messages": sent.messages, "max_tokens": self.setting.max_tokens}
        body["temperature"] = 0
        asked = fingerprint(self.setting.url, body)
        if (known := self._kept.known.get(asked)) is not None:
            return known
        self._stop_at_cost(body)
        address = self._address
        self._pace()
        self.requests += 1
        came = address.ask(body)
        content = came.content.replace(address.key, "***") if came.content and address.key else came.content
        tokens = came.prompt_tokens, came.completion_tokens
        one = Paid(asked, content, *tokens, self._price(*tokens), round(came.seconds, 4), self._least_price(body, came))
        self._kept.add(one)
        return one

    def _price(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.setting.price_in + completion_tokens * self.setting.price_out) / 1_000_000

    def _least_price(self, body: Mapping[str, Any], came: Completion) -> float:
        """What the limit counts: an address that counts no tokens, or few, does not switch it off."""
        # What cannot be read may have cost all that an answer can.
        written = guessed_tokens([came.content]) if came.content else self.setting.max_tokens
        return self._price(
            max(came.prompt_tokens, guessed_tokens(sent_texts(body))), max(came.completion_tokens, written)
        )

    def _stop_at_cost(self, body: Mapping[str, Any]) -> None:
        """Raises `UserError` where the next answer could cost more than is left."""
        most, so_far = self.setting.max_cost, self._kept.counted
        following = self._price(most_prompt_tokens(sent_texts(body)), self.setting.max_tokens)
        if most is not None and so_far + following > most:
            raise UserError(
                f"{self.name} has cost {so_far:.6g} in this run, the next answer may cost up to {following:.6g}, and "
                f"`max_cost` is {most:g}. All answers so far are kept. Raise `max_cost` to go on, or take the baseline "
                "out."
            )

    def _pace(self) -> None:
        """Wait until the next request may be sent."""
        wait = self._sent + 60 / self.setting.requests_per_minute - time.monotonic()
        if self._sent and wait > 0:
            time.sleep(wait)
        self._sent = time.monotonic()

    @cached_property
    def _kept(self) -> PaidAnswers:
        return PaidAnswers(self.paid)

    @cached_property
    def _address(self) -> Address:
        it = self.setting
        return Address(it.url, it.key(), it.timeout_s, it.retries)

    @cached_property
    def _asking(self) -> Asking:
        it = self.setting
        redactor = Redactor(it.profile, "tag", "tag") if it.redact else None
        return Asking(self.benchmark, self.labels, it.instruction, redactor)

    def _understood(self, question: Question, sent: Asked, paid: Paid) -> Prediction:
        words, real = paid.content, list(_words.offered(question, self.labels))
        if words is not None and sent.options != real:  # the options were redacted: back to their own words
            own = {plain(redacted): option for redacted, option in zip(sent.options, real, strict=True)}
            words = own.get(plain(_words.stripped(words)), words)
        return _words.understood(self.benchmark, self.labels, question, words, sent.prompt)
