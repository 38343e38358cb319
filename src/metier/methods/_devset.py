"""Looks at how well held-out questions are answered while a model is tuned."""

from dataclasses import dataclass
from typing import Any

from metier.benchmarks import draw
from metier.methods import Lesson
from metier.records import Question, questions


@dataclass
class DevSet:
    """The first metric of each benchmark on its held-out rows, by the benchmark's own scorer; their mean decides."""

    every: int
    patience: int
    model: Any
    lesson: Lesson
    asked: dict[str, list[Question]]
    """Benchmark -> held-out questions."""

    @classmethod
    def of(cls, model: Any, lesson: Lesson, every: int, patience: int, rows: int) -> "DevSet | None":
        """At most `rows` questions of each benchmark, the same for every look; None, aloud, where none is held out."""
        asked = {}
        for name, benchmark in lesson.benchmarks.items():
            tasks = lesson.valid["task"].to_pylist()
            mine = lesson.valid.take([at for at, task in enumerate(tasks) if task == name]) if name in tasks else None
            held = questions(mine, unlabelled=not benchmark.data().labelled) if mine is not None else []
            if held:
                asked[name] = draw(held, rows, f"{name}:looks")
        if not asked:
            lesson.progress.say("  no rows are held out to look at (`split`): the last adapter is kept")
            return None
        return cls(every, patience, model, lesson, asked)

    def __call__(self, step: int, network: Any, before: list[dict[str, Any]]) -> Any:
        from metier.engine.looks import Seen
        from metier.engine.model import LanguageModel

        model = LanguageModel(self.model.folder, network, self.model.tokenizer, self.lesson.progress.say)
        figures, signed = {}, []
        for name, held in self.asked.items():
            metric, value = self._value(model, self.lesson.benchmarks[name], held)
            figures[name] = value
            signed.append(value if metric.higher_is_better else -value)
        said = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        self.lesson.progress.say(f"  step {step:,}, held-out rows: {said}")
        score = sum(signed) / len(signed)
        scores = [row["score"] for row in before] + [score]
        stop = self.patience > 0 and len(scores) - scores.index(max(scores)) > self.patience
        return Seen(score, stop, figures)

    def _value(self, model: Any, benchmark: Any, held: list[Question]) -> tuple[Any, float]:
        from metier.metrics import outcomes

        labels = benchmark.label_set(self.lesson.rows)
        asking = benchmark.build_scorer().ask(model, benchmark, held, labels)
        answers = [answer for batch in asking.batches for answer in asking.answer(batch)]
        metric = next(iter(benchmark.build_metrics().values()))
        return metric, float(metric.value(metric.statistics(outcomes(answers, labels)).sum(0)))
