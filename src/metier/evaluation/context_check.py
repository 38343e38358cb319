"""What does not fit into the model's context, said before anything is trained."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Labels, ModelLike, Questions


class Bounded(Protocol):
    """What is asked of a method here."""

    LENGTH: ClassVar[str]
    """The setting that bounds the tokens of one row."""

    def longest_row(self) -> int:
        """Most tokens of one row that is learned."""


def check_context(
    model: ModelLike,
    methods: Sequence[tuple[str, Bounded]],
    benchmarks: Sequence[tuple[Benchmark, Questions, Labels]],
) -> dict[str, int]:
    """How many questions of each benchmark will be truncated on the left, by its `too_long: truncate`.

    Raises `Problems` where questions or rows may be longer than the model's context.
    """
    problems = [
        f"The method '{name}' learns from rows of up to {method.longest_row():,} tokens, and the model's context has "
        f"{model.context:,}. Write `{method.LENGTH}: {model.context}` or less."
        for name, method in methods
        if method.longest_row() > model.context
    ]
    truncated: dict[str, int] = {}
    for benchmark, questions, labels in benchmarks:
        try:
            asking = benchmark.build_scorer().ask(model, benchmark, questions, labels)
        except UserError as error:
            problems.append(str(error))
        else:
            truncated[benchmark.name] = asking.truncated
    if problems:
        raise Problems(problems)
    return {name: count for name, count in truncated.items() if count}
