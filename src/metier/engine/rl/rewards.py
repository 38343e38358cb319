"""The reward of a free-text answer: any scorer's score, or what a mistake costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import failing, plain, scored
from metier.recipes import plugins

Scored = Callable[[str, str, Question], float | None]
"""(task, free-text answer, question) -> its score; None: unscored."""


@dataclass(frozen=True)
class Reward:
    """One of the things that a model is rewarded for."""

    name: str
    score: Scored
    weight: float = 1.0

    def checked(self, questions: Sequence[tuple[str, Question]]) -> "Reward":
        """Itself. Raises `UserError` where it cannot score the right answer of a row."""
        for task, question in questions:
            if why := failing(partial(self.score, task, question.answer, question)):
                raise UserError(
                    f"The reward '{self.name}' cannot score row {question.id} of {task}: {why}. Use it on other rows "
                    "(`datasets`), or use another reward."
                )
        return self


def of_benchmarks(benchmarks: Mapping[str, Benchmark], weight: float = 1.0) -> Reward:
    """The scorer that judges the row's own benchmark, with the benchmark's settings."""
    scorers = {name: benchmark.build_scorer() for name, benchmark in benchmarks.items()}
    return Reward("benchmark", lambda task, answer, question: scored(scorers[task], answer, question).value, weight)


def of_scorer(use: Any, weight: float = 1.0) -> Reward:
    """A scorer by name, or with settings: {name: {key: value}}."""
    name, settings = plugins.named(use)
    scorer = plugins.build("scorers", name, settings)
    return Reward(name, lambda task, answer, question: scored(scorer, answer, question).value, weight)


def of_costs(benchmarks: Mapping[str, Benchmark], prices: np.ndarray, labels: Sequence[str]) -> Reward:
    """Minus what a mistake costs: `prices` is (labels, labels), right label and given label.

    An answer that is no label costs as much as the dearest mistake with that right label.
    """
    places = {plain(label): place for place, label in enumerate(labels)}
    scorers = {name: benchmark.build_scorer() for name, benchmark in benchmarks.items()}

    def score(task: str, text: str, question: Question) -> float:
        if plain(question.answer) not in places:
            raise ValueError(f"'{question.answer}' is none of the labels {', '.join(labels)}")
        answer = scored(scorers[task], text, question).answer
        row = prices[places[plain(question.answer)]]
        place = places.get(plain(answer or ""))
        return -float(row.max() if place is None else row[place])

    return Reward("costs", score)
