"""The answer is the option that the model finds likeliest, out of those that stand with the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metier.data.records import Question
from metier.evaluation.scorers._room import fitted
from metier.evaluation.scoring import BenchmarkLike, ModelLike, Prediction, Score, ScorerLike, answered, same


@dataclass
class Scorer(ScorerLike):
    """Log-likelihood of every option after the question. There is no free text, so a chatty model loses nothing.

    Options are compared by the sum of their tokens' log-probabilities, as lm-evaluation-harness does for `acc`, or as
    `length` says. Where one option begins with another, the end token belongs to the answer, else the shorter one
    could not lose.
    """

    length: Literal["none", "byte", "pmi"] = "none"
    """How the length of options is corrected for: `none`, `byte` (per byte, lm-evaluation-harness's `acc_norm`) or
    `pmi` (minus the likelihood behind `unconditional`; Holtzman et al. 2021, EMNLP)."""
    unconditional: str = "Answer:"
    """With `pmi`: the text before an option in place of the question."""

    version = 3
    gives = ("probabilities",)

    def problems(self) -> list[str]:
        if self.length == "pmi" and not self.unconditional.strip():
            return ["unconditional: with `pmi` it is what the model reads, and it is empty."]
        return []

    def ask(
        self, model: ModelLike, benchmark: BenchmarkLike, questions: Sequence[Question], labels: Sequence[str]
    ) -> "ChoiceSession":
        return ChoiceSession(self, model, benchmark, questions, [list(question.options) for question in questions])

    def judge(self, completion: str, question: Question) -> Score:
        return same(completion, question.answer)

    def ends(self, options: list[list[int]]) -> bool:
        """Whether the end token belongs to these options, given in tokens: one of them begins with another."""
        ordered = sorted(options)
        return any(longer[: len(shorter)] == shorter for shorter, longer in zip(ordered, ordered[1:], strict=False))

    def length_adjustment(self) -> str:
        return self.length

    def misfit(self, question: Question) -> str | None:
        if len(question.options) > 1 and question.answer in question.options:
            return None
        return f"its right answer '{question.answer}' has to be one of two or more `options`: {list(question.options)}"


class ChoiceSession:
    """All questions of one benchmark before one model; `options` stand beside each."""

    def __init__(
        self,
        scorer: Scorer,
        model: ModelLike,
        benchmark: BenchmarkLike,
        questions: Sequence[Question],
        options: Sequence[Sequence[str]],
    ) -> None:
        self.questions, self.options = questions, options
        chat_template = benchmark.chat_template
        read = [model.read(benchmark.render(question), chat_template) for question in questions]
        self.prompts = [text for text, _ in read]
        # The same list of options is one tree: benchmarks with a label set have a single one for all questions.
        sets = {tuple(offered): number for number, offered in enumerate(options)}
        encoded = {offered: [model.answer(o, chat_template) for o in offered] for offered in sets}
        for offered, pieces in encoded.items():
            if scorer.ends(pieces):
                encoded[offered] = [[*option, model.end_token] for option in pieces]
        behind = [encoded[tuple(offered)] for offered in options]
        longest = {id(own): max(map(len, own), default=0) for own in encoded.values()}
        room = [longest[id(own)] for own in behind]
        ids = [question.id for question in questions]
        prompts, self.truncated = fitted(model, benchmark, ids, [tokens for _, tokens in read], room)
        self.scores = model.options(prompts, behind)
        self.batches: list[list[int]] = self.scores.batches
        self.offset = {offered: np.zeros(len(offered)) for offered in sets}
        self.scale = {offered: np.ones(len(offered)) for offered in sets}
        if scorer.length == "byte":
            self.scale = {offered: np.array([len(o.encode()) for o in offered], float) for offered in sets}
        if scorer.length == "pmi":
            _, tokens = model.read(scorer.unconditional, chat_template)
            behind_nothing = model.options([tokens] * len(sets), [encoded[offered] for offered in sets])
            for batch in behind_nothing.batches:
                for position, scores in zip(batch, behind_nothing.score(batch), strict=True):
                    self.offset[list(sets)[position]] = scores

    def answer(self, batch: list[int]) -> list[Prediction]:
        return [self._judge(position, scores) for position, scores in zip(batch, self.scores.score(batch), strict=True)]

    def _judge(self, position: int, log_likelihoods: np.ndarray) -> Prediction:
        question, offered = self.questions[position], tuple(self.options[position])
        if not np.isfinite(log_likelihoods).all():
            # A model that gives no numbers is broken, and must not look like one that answers wrong.
            raise FloatingPointError(f"question {question.id}: log-likelihoods {log_likelihoods}")
        fair = (log_likelihoods - self.offset[offered]) / self.scale[offered]
        chosen = offered[int(fair.argmax())]
        shifted = np.exp(fair - fair.max())
        return answered(
            question,
            self.prompts[position],
            # Of a new row nobody knows the right answer.
            Score(float(chosen == question.answer) if question.answer else None, chosen),
            probabilities=tuple(round(float(p), 6) for p in shifted / shifted.sum()),
            log_likelihoods=tuple(round(float(nats), 5) for nats in log_likelihoods),
            options=offered if offered == tuple(question.options) else None,  # else they are the label set's
        )
