"""The answer is what an extractor reads out of the model's free text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from metier.records import Question
from metier.scorers import Answer, Judgement, answered, same
from metier.scorers._room import fitted


@dataclass
class Scorer:
    """Greedy text, then a pattern; text in which the pattern finds nothing could not be judged, which is not wrong."""

    max_tokens: int = 64
    """Longest answer, in tokens."""
    stop: list[str] = field(default_factory=lambda: ["\n"])
    """Where an answer ends."""
    pattern: str = r"(?s)\s*(.*\S)\s*"
    """Regular expression whose first group is the answer; the last match counts. As it comes: all of the text."""

    version = 1
    chooses = False

    def problems(self) -> list[str]:
        found = [] if self.max_tokens > 0 else [f"max_tokens: use a number above 0, not {self.max_tokens}."]
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            return [*found, f"pattern: {self.pattern!r} is no regular expression: {error}."]
        return found if groups else [*found, f"pattern: {self.pattern!r} has no group. Put ( ) around the answer."]

    def ask(self, model: Any, benchmark: Any, questions: Sequence[Question], labels: Sequence[str]) -> "TextAsking":
        return TextAsking(self, model, benchmark, questions)

    def extract(self, said: str) -> str | None:
        """The answer in a text, or None where the pattern finds none."""
        found = [match for match in re.finditer(self.pattern, said) if match[1]]
        return found[-1][1] if found else None

    def judge(self, said: str, question: Question) -> Judgement:
        answer = self.extract(said)
        return Judgement(None, None) if answer is None else same(answer, question.answer)


class TextAsking:
    """All questions of one benchmark before one model; used by every scorer that reads free text."""

    def __init__(self, scorer: Any, model: Any, benchmark: Any, questions: Sequence[Question]) -> None:
        self.scorer, self.questions = scorer, questions
        read = [model.read(benchmark.render(question), benchmark.template) for question in questions]
        self.prompts = [text for text, _ in read]
        ids, room = [question.id for question in questions], [scorer.max_tokens] * len(read)
        prompts, self.truncated = fitted(model, benchmark, ids, [tokens for _, tokens in read], room)
        self.texts = model.texts(prompts, scorer.max_tokens, scorer.stop)
        self.batches: list[list[int]] = self.texts.batches

    def answer(self, batch: list[int]) -> list[Answer]:
        return [
            answered(self.questions[p], self.prompts[p], self._judge(said, self.questions[p]), said=said)
            for p, (said, _, _) in zip(batch, self.texts.score(batch), strict=True)
        ]

    def _judge(self, said: str, question: Question) -> Judgement:
        try:
            judgement: Judgement = self.scorer.judge(said, question)
        except Exception as error:  # of all the questions in a batch, say which
            raise RuntimeError(f"question {question.id}: {error}") from error
        return judgement
