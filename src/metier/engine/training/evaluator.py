"""Evaluates a model on held-out questions while it is tuned."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from metier.data.records import Question, questions
from metier.engine.training.context import TrainingContext
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.draw import draw
from metier.evaluation.predictions import as_predictions, perfect, unfit
from metier.evaluation.scoring import ModelLike

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel


def held_out(context: TrainingContext, rows: int) -> dict[str, list[Question]]:
    """Benchmark -> at most `rows` held-out questions, the same at every call; only benchmarks that have some which
    tell models apart."""
    questions_of = {}
    tasks = context.valid["task"].to_pylist()
    for name, benchmark in context.benchmarks.items():
        mine = context.valid.take([at for at, task in enumerate(tasks) if task == name]) if name in tasks else None
        held = questions(mine, unlabeled=not benchmark.labeled) if mine is not None else []
        labels = benchmark.label_set(context.rows) if held else []
        if strange := [question for question in held if labels and question.answer not in labels]:
            context.progress.say(
                f"  {name}: {len(strange):,} held-out rows have a label that no row to learn or to test has "
                f"('{strange[0].answer}'); they are not looked at"
            )
            held = [question for question in held if question.answer in labels]
        chosen = draw(held, rows, f"{name}:looks") if held else []
        if chosen and not _tells(benchmark, chosen, labels):
            context.progress.say(
                f"  {name}: no held-out row has a label that its metric counts; they are not looked at"
            )
        elif chosen:
            questions_of[name] = chosen
    return questions_of


def _tells(benchmark: Benchmark, held: list[Question], labels: list[str]) -> bool:
    """Whether the deciding metric has a value for perfect answers: F1 of a label that no question has, has none, and
    a model that never predicts it would look as good as any."""
    title, metric = next(iter(benchmark.build_metrics().items()))
    return not labels or not unfit({title: metric}, perfect(held, labels))


def scores(
    model: ModelLike, context: TrainingContext, questions_of: dict[str, list[Question]]
) -> tuple[dict[str, float], float]:
    """The first metric of each benchmark on its held-out questions, and their mean, where higher is better."""
    figures, signed = {}, []
    for name, held in questions_of.items():
        benchmark = context.benchmarks[name]
        labels = benchmark.label_set(context.rows)
        # Held-out rows were cut in training as the method says; what the test refuses must not stop an evaluation.
        session = benchmark.build_scorer().ask(model, replace(benchmark, too_long="truncate"), held, labels)
        answers = [answer for batch in session.batches for answer in session.answer(batch)]
        metric = next(iter(benchmark.build_metrics().values()))
        figures[name] = float(metric.value(metric.statistics(as_predictions(answers, labels)).sum(0)))
        signed.append(figures[name] if metric.higher_is_better else -figures[name])
    return figures, sum(signed) / len(signed)


@dataclass
class HeldOutEvaluator:
    """The first metric of each benchmark on its held-out rows, by the benchmark's own scorer; their mean decides."""

    every: int
    patience: int
    model: "LanguageModel"
    context: TrainingContext
    asked: dict[str, list[Question]]
    """Benchmark -> held-out questions."""

    @classmethod
    def of(
        cls, model: "LanguageModel", context: TrainingContext, every: int, patience: int, rows: int
    ) -> "HeldOutEvaluator | None":
        """At most `rows` questions of each benchmark, the same each time; None, with a warning, where none is held
        out."""
        questions_of = held_out(context, rows)
        if not questions_of:
            context.progress.say("  no rows are held out to look at (`split`): the last adapter is kept")
            return None
        return cls(every, patience, model, context, questions_of)

    def __call__(self, step: int, network: Any, before: list[dict[str, Any]]) -> Any:
        from metier.engine.models.model import LanguageModel
        from metier.engine.training.eval_callback import EvalResult

        model = LanguageModel(self.model.folder, network, self.model.tokenizer, self.context.progress.warn)
        figures, score = scores(model, self.context, self.asked)
        listed = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        self.context.progress.say(f"  step {step:,}, held-out rows: {listed}")
        before_and_now = [row["score"] for row in before] + [score]
        stop = self.patience > 0 and len(before_and_now) - before_and_now.index(max(before_and_now)) > self.patience
        return EvalResult(score, stop, figures)
