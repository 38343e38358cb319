"""What is wrong with the declaration of a benchmark, found without running anything."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.errors import Problems, UserError, nearest, shown
from metier.recipes import plugins
from metier.recipes.names import file_name

if TYPE_CHECKING:
    from metier.evaluation.benchmark import Benchmark


@dataclass(frozen=True)
class Inspection:
    """What can be wrong with a declaration."""

    benchmark: "Benchmark"

    def problems(self) -> list[str]:
        it = self.benchmark
        problems = []
        try:
            file_name(it.name, "benchmark name")
        except UserError as error:
            problems.append(str(error))
        if bool(it.dataset) == bool(it.path):
            problems.append(f"The benchmark '{it.name}' needs either `dataset` or `path`, and not both.")
        if not it.metrics:
            problems.append(f"The benchmark '{it.name}' names no metric. Add `metrics: [accuracy]`.")
        if it.num_fewshot and it.path:
            problems.append(
                f"The benchmark '{it.name}' has `num_fewshot` but a test file only. Solved examples need a dataset."
            )
        if twice := sorted(label for label, count in Counter(it.labels).items() if count > 1):
            problems.append(
                f"The benchmark '{it.name}' names the label {shown(twice[0])} twice. Leave one of them out."
            )
        if blank := [label for label in it.labels if not label.strip()]:
            problems.append(
                f"The benchmark '{it.name}' has the label {shown(blank[0])}, which is no word. Leave it out."
            )
        problems += self._columns_beside_a_dataset() if it.dataset else []
        problems += self._plug_ins()
        named = it.prompt_columns()
        if not named:
            problems.append(f"The prompt of benchmark '{it.name}' has no {{text}}: every question would read the same.")
        if it.path and not problems:
            problems += it.data().problems()
        if it.path and not problems:
            columns = it.data().prompt_columns() or set()
            problems += [
                f"The prompt of benchmark '{it.name}' names '{name}', which no column holds.{nearest(name, columns)}"
                for name in sorted(named - columns)
            ]
        return problems

    def _columns_beside_a_dataset(self) -> list[str]:
        given = {"text": self.benchmark.text != "text", "label": self.benchmark.label not in ("label", None)}
        given |= {"options": self.benchmark.options is not None}
        return [
            f"The benchmark '{self.benchmark.name}' names a column `{key}`, which its dataset knows. Leave it out."
            for key, differs in given.items()
            if differs
        ]

    def _plug_ins(self) -> list[str]:
        problems: list[str] = []
        for build in (self.benchmark.build_scorer, self.benchmark.build_metrics):
            try:
                build()
            except Problems as error:
                problems += [f"The benchmark '{self.benchmark.name}': {problem}" for problem in error.problems]
            except UserError as error:
                problems.append(f"The benchmark '{self.benchmark.name}': {error}")
        return problems or self._metrics_without_a_ground()

    def _metrics_without_a_ground(self) -> list[str]:
        """Metrics that the scorer's answers are no ground for; otherwise it would be found out after training."""
        it, scorer = self.benchmark, self.benchmark.build_scorer()
        name, reasons = plugins.named(it.scorer)[0], []
        given = {*scorer.gives, *(["labels"] if scorer.chooses or it.labels else [])}
        for number, (title, metric) in enumerate(it.build_metrics().items()):
            reads = metric.reads
            if reads == "labels" and reads not in given:
                reasons.append(f"{title} counts labels, and the scorer {name} has no label set")
            elif reads and reads not in given:
                reasons.append(f"{title} reads {reads}, which the scorer {name} does not give")
            elif "losses" in given and reads != "losses":
                reasons.append(f"{title} counts right answers, and a loss is neither right nor wrong")
            elif reads == "probabilities" and number == 0 and scorer.baseline == "longer_answer":
                reasons.append(f"{title} decides, and the baseline has no probabilities to be held against")
        return [
            f"The benchmark '{it.name}': {why}. Name other `metrics`; see `metier list metrics`." for why in reasons
        ]
