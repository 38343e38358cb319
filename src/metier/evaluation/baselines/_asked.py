"""What is sent of a question to an address: the prompt, the answers to choose from, and no identifiers of persons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from metier.data.records import Question
from metier.data.redaction import Redactor
from metier.evaluation.baselines import _words
from metier.evaluation.benchmark import Benchmark


@dataclass(frozen=True)
class Asked:
    """What is sent of a question."""

    messages: list[dict[str, Any]]
    options: list[str]
    """The answers to choose from, as they are called there."""
    prompt: str


@dataclass
class Asking:
    """How questions of a benchmark are put to an address."""

    benchmark: Benchmark
    labels: Sequence[str]
    instruction: str
    redactor: Redactor | None
    """None: everything is sent as it is."""

    def asked(self, question: Question) -> Asked:
        """What is sent of a question."""
        options, benchmark = list(_words.offered(question, self.labels)), self.benchmark
        if self.redactor:
            question, options = self._redacted(question, options)
            benchmark = self._redacted_benchmark
        prompt = benchmark.render(question)
        if self.redactor:
            prompt, options = self._redacted_prompt(prompt, options, question)
        choose = f"Answer with exactly one of these, and nothing else: {'; '.join(options)}." if options else ""
        said = "\n".join(part for part in (self.instruction, choose) if part)
        messages = [{"role": "system", "content": said}] if said else []
        return Asked([*messages, {"role": "user", "content": prompt}], options, prompt)

    @cached_property
    def _redacted_benchmark(self) -> Benchmark:
        """With solved examples without identifiers: they are training rows, and leave the machine too."""
        solved = {
            kind: [self._redacted_example(example) for example in examples]
            for kind, examples in self.benchmark.solved.items()
        }
        return self.benchmark.with_solved(solved)

    def _redacted_example(self, example: Question) -> Question:
        """An example with its answer, which is sent too; a label stays, being the name of a class."""
        cleaned, [answer] = self._redacted_with(example, [example.answer])
        return cleaned if self.labels else replace(cleaned, answer=answer)

    def _redacted(self, question: Question, options: list[str]) -> tuple[Question, list[str]]:
        """A question with its own options; its right answer has no part in it."""
        cleaned, own = self._redacted_with(question, [] if self.labels else options)
        return cleaned, own or options

    def _redacted_with(self, question: Question, more: list[str]) -> tuple[Question, list[str]]:
        """A question by its columns, whose names tell what they hold, and further texts of the same document."""
        texts = [question.text, *question.fields.values(), *more]
        after = self._clean(texts, question, ["", *question.fields, *("" for _ in more)])
        behind = 1 + len(question.fields)
        fields = dict(zip(question.fields, after[1:behind], strict=True))
        return replace(question, text=after[0], fields=fields), after[behind:]

    def _redacted_prompt(self, prompt: str, options: list[str], question: Question) -> tuple[str, list[str]]:
        """The whole prompt once more: the words around a text can tell what is in it."""
        own = [] if self.labels else options
        after = self._clean([prompt, *own], question)
        return after[0], after[1:] or options

    def _clean(self, texts: list[str], question: Question, columns: Sequence[str] = ()) -> list[str]:
        assert self.redactor is not None
        return self.redactor.redact(texts, question.group or question.id, (), columns)[0]
