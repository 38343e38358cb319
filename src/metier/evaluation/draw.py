"""Seeded draws of questions."""

import random
from collections import defaultdict
from collections.abc import Sequence

from metier.data.records import Question


def draw(questions: list[Question], rows: int, seed: str) -> list[Question]:
    """A seeded draw in which each answer keeps its share, in the original order; all where `rows` is 0."""
    if not rows or rows >= len(questions):
        return questions
    return [questions[position] for position in drawn_positions([q.answer for q in questions], rows, seed)]


def drawn_positions(answers: Sequence[str], rows: int, seed: str) -> list[int]:
    """Positions of a seeded draw in which each answer keeps its share (largest remainders), in order."""
    if rows >= len(answers):
        return list(range(len(answers)))
    by_answer: dict[str, list[int]] = defaultdict(list)
    for position, answer in enumerate(answers):
        by_answer[answer].append(position)
    exact = {answer: rows * len(group) / len(answers) for answer, group in by_answer.items()}
    quota = {answer: int(share) for answer, share in exact.items()}
    # Where every answer differs all remainders are alike: names must not decide, or the draw is the alphabet's start.
    chance = random.Random(f"metier:{seed}:remainders")
    lots = {answer: chance.random() for answer in sorted(exact)}
    for answer in sorted(exact, key=lambda name: (quota[name] - exact[name], lots[name]))[: rows - sum(quota.values())]:
        quota[answer] += 1
    generator = random.Random(f"metier:{seed}")
    return sorted(p for answer in sorted(quota) for p in generator.sample(by_answer[answer], quota[answer]))
