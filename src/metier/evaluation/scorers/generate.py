"""The answer is what an extractor reads out of the model's free text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from metier.data.records import Question
from metier.errors import shown
from metier.evaluation import patterns
from metier.evaluation.scorers._room import fitted
from metier.evaluation.scoring import (
    UNSCORED,
    BenchmarkLike,
    FreeText,
    ModelLike,
    Prediction,
    Score,
    ScorerLike,
    answered,
    same,
)
from metier.recipes.settings import AnswerTokens


@dataclass
class Scorer(ScorerLike):
    """Greedy text, then a pattern; text in which the pattern finds nothing is unscored, not wrong.

    So is text on which the pattern takes too long (half a second).
    """

    max_new_tokens: AnswerTokens = 64
    """Longest answer, in tokens."""
    stop: list[str] = field(default_factory=lambda: ["\n"])
    """Where an answer ends."""
    pattern: str = r"(?s)\s*(.*\S)\s*"
    """Regular expression whose first group is the answer; the last match counts. Default: all of the text."""

    version = 1

    def problems(self) -> list[str]:
        problems = []
        if "" in self.stop:
            problems.append("stop: it contains an empty text, and every answer would end before its first letter.")
        try:
            groups = patterns.compiled(self.pattern).groups
        except ValueError as error:
            return [*problems, f"pattern: {error}."]
        if not groups:
            problems.append(f"pattern: {shown(self.pattern)} has no group. Put ( ) around the answer.")
        return problems

    def ask(
        self, model: ModelLike, benchmark: BenchmarkLike, questions: Sequence[Question], labels: Sequence[str]
    ) -> "TextSession":
        return TextSession(self, model, benchmark, questions)

    def free_text(self) -> FreeText:
        return FreeText(self.max_new_tokens, tuple(self.stop))

    def read(self, completion: str, question: Question) -> str | None:
        """Raises `TooSlow`."""
        answer = self.extract(completion)
        return None if answer is None else " ".join(answer.split()) or None

    def extract(self, completion: str) -> str | None:
        """What the pattern finds in a text; None where it finds nothing. Raises `TooSlow`."""
        return patterns.last_group(self.pattern, completion)

    def judge(self, completion: str, question: Question) -> Score:
        answer = self.extract(completion)
        return UNSCORED if answer is None else same(answer, question.answer)


class TextSession:
    """All questions of one benchmark before one model; used by every scorer that reads free text."""

    def __init__(
        self, scorer: Scorer, model: ModelLike, benchmark: BenchmarkLike, questions: Sequence[Question]
    ) -> None:
        self.scorer, self.questions = scorer, questions
        read = [model.read(benchmark.render(question), benchmark.chat_template) for question in questions]
        self.prompts = [text for text, _ in read]
        ids, room = [question.id for question in questions], [scorer.max_new_tokens] * len(read)
        prompts, self.truncated = fitted(model, benchmark, ids, [tokens for _, tokens in read], room)
        self.texts = model.texts(prompts, scorer.max_new_tokens, scorer.stop)
        self.batches: list[list[int]] = self.texts.batches

    def answer(self, batch: list[int]) -> list[Prediction]:
        return [
            answered(
                self.questions[p], self.prompts[p], self._judge(completion, self.questions[p]), completion=completion
            )
            for p, (completion, _, _) in zip(batch, self.texts.score(batch), strict=True)
        ]

    def _judge(self, completion: str, question: Question) -> Score:
        try:
            if not question.answer:  # a new row, whose right answer nobody knows
                return Score(None, self.scorer.read(completion, question))
            score: Score = self.scorer.judge(completion, question)
        except patterns.TooSlow:
            return UNSCORED
        except Exception as error:  # of all the questions in a batch, say which
            raise RuntimeError(f"question {question.id}: {error}") from error
        return score
