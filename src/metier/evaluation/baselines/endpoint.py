"""The baseline that somebody else runs: a model behind an OpenAI-compatible address."""

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from metier.evaluation.baselines._chat import Address, is_loopback
from metier.evaluation.baselines._paid import Paid, PaidAnswers
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Prediction, plain
from metier.recipes.settings import AnswerTokens
from metier.runs.files import fingerprint
from metier.runs.progress import Progress

NO_KEY = "none"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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
    """Nothing more is asked once all answers cost so much; needs prices."""
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
    """Take identifiers of persons out of the question before it is sent, as the step `redact` does."""
    profile: Literal["healthcare", "finance", "legal", "retail"] = "healthcare"
    """With `redact`: which identifiers."""

    version = 1
    learns = False
    quick = False
    here = False

    def problems(self) -> list[str]:
        parts, problems = urlsplit(self.url), []
        if parts.scheme not in ("http", "https") or not parts.hostname:
            problems.append(f"url: {shown(self.url)} is no address. Write https://HOST/v1.")
        elif parts.username or parts.password:
            problems.append("url: a name or password stands in it. Take it out; a key belongs into a variable.")
        elif parts.query or parts.fragment:
            problems.append("url: it ends in a query. Leave that out; a key belongs into a variable.")
        elif parts.scheme == "http" and not is_loopback(self.url):
            problems.append("url: without https the key and the questions could be read on the way. Write https.")
        if self.key_env == NO_KEY and not is_loopback(self.url):
            problems.append(f"key_env: `{NO_KEY}` is for an address on this machine only. Name the key's variable.")
        if not VARIABLE.fullmatch(self.key_env):  # which may be the key itself, and is not shown
            problems.append("key_env: it is no name of an environment variable. Write its name, and never the key.")
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
        asked = [self._asked(question) for question in questions]
        self.used = []
        self.progress.begin(f"evaluate: {self.name}, {self.benchmark.name}", len(questions), "questions")
        for question, sent in zip(questions, asked, strict=True):
            self.used.append(self._one(question, sent))
            self.progress.advance(1)
        self.progress.end()
        answers = [self._understood(*it) for it in zip(questions, asked, self.used, strict=True)]
        if answers and all(one.answer is None for one in answers):
            said = next((one.content for one in self.used if one.content), None)
            raise UserError(
                f"None of the {len(answers):,} answers of {self.name} can be understood; the first is {shown(said)}. "
                "Check `url`, `model`, `max_tokens` and `instruction`."
            )
        return answers

    def save(self, folder: Path) -> list[str]:
        state = EndpointState(version=self.setting.version, url=self.setting.url, model=self.setting.model)
        return write_state(folder, state, {})

    def _one(self, question: Question, sent: "Asked") -> Paid:
        """A question's answer: as it was kept, or from the address."""
        body = {"model": self.setting.model, "messages": sent.messages, "max_tokens": self.setting.max_tokens}
        body["temperature"] = 0
        asked = fingerprint(self.setting.url, body)
        if (known := self._kept.known.get(asked)) is not None:
            return known
        self._stop_at_cost()
        address = self._address
        self._pace()
        self.requests += 1
        came = address.ask(body)
        price = came.prompt_tokens * self.setting.price_in + came.completion_tokens * self.setting.price_out
        content = came.content.replace(address.key, "***") if came.content and address.key else came.content
        one = Paid(
            asked, content, came.prompt_tokens, came.completion_tokens, price / 1_000_000, round(came.seconds, 4)
        )
        self._kept.add(one)
        return one

    def _stop_at_cost(self) -> None:
        most, so_far = self.setting.max_cost, self._kept.cost
        if most is not None and so_far >= most:
            raise UserError(
                f"{self.name} has cost {so_far:.4f}, and `max_cost` is {most:g}. Its {len(self._kept.known):,} answers "
                "are kept. Raise `max_cost` to go on, or take the baseline out."
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
    def _redactor(self) -> Redactor:
        return Redactor(self.setting.profile, "tag", "tag")

    def _asked(self, question: Question) -> "Asked":
        """What is sent, and the options as they are called there."""
        options = list(_words.offered(question, self.labels))
        if self.setting.redact:
            question, options = self._redacted(question, options)
        choose = f"Answer with exactly one of these, and nothing else: {'; '.join(options)}." if options else ""
        said = "\n".join(part for part in (self.setting.instruction, choose) if part)
        messages = [{"role": "system", "content": said}] if said else []
        prompt = self.benchmark.render(question)
        return Asked(messages + [{"role": "user", "content": prompt}], options, prompt)

    def _redacted(self, question: Question, options: list[str]) -> tuple[Question, list[str]]:
        """The question without identifiers of persons; of a label set the labels stay, being names of classes."""
        own = [] if self.labels else options
        texts, columns = [question.text, *question.fields.values(), *own], ["", *question.fields, *("" for _ in own)]
        after, _ = self._redactor.redact(texts, question.group or question.id, (), columns)
        fields = dict(zip(question.fields, after[1 : 1 + len(question.fields)], strict=True))
        return replace(question, text=after[0], fields=fields), after[1 + len(question.fields) :] or options

    def _understood(self, question: Question, sent: "Asked", paid: Paid) -> Prediction:
        words, real = paid.content, list(_words.offered(question, self.labels))
        if words is not None and sent.options != real:  # the options were redacted: back to their own words
            own = {plain(redacted): option for redacted, option in zip(sent.options, real, strict=True)}
            words = own.get(plain(_words.stripped(words)), words)
        return _words.understood(self.benchmark, self.labels, question, words, sent.prompt)


@dataclass(frozen=True)
class Asked:
    """What is sent of a question."""

    messages: list[dict[str, Any]]
    options: list[str]
    prompt: str
