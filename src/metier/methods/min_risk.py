"""Minimum-risk training: make dear mistakes unlikely, by the exact gradient of what answers are expected to cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from metier.data.records import questions
from metier.engine.training.context import TrainingContext
from metier.errors import UserError
from metier.evaluation.costs import cost_problems
from metier.methods._tuning import NO_LABELS, LearningRate, Tuning
from metier.recipes.settings import PositiveWeight, Weight

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel


@dataclass
class Method(Tuning):
    """Expected cost over all labels (Shen et al. 2016, ACL, equations 6 to 8): where answers can be counted out, the
    policy gradient needs no sampling. Best behind sft, whose probabilities it starts from.

    The prompt is read once for all labels, and what labels begin with alike once as well.
    """

    lr: LearningRate = 2e-4
    """Peak learning rate, reached after the warm-up; how it falls then: `lr_scheduler`."""
    costs: dict[str, float] = field(default_factory=dict)
    """What a mistake costs: `right -> predicted`, miss_LABEL or false_LABEL; any other mistake costs 1."""
    kl: Weight = 0.05
    """Weight of the divergence from the model before this method: keeps probabilities from becoming all or nothing."""
    sharpness: PositiveWeight = 1.0
    """What log-probabilities are multiplied by before they share out the cost; below 1 unlikely labels count more."""

    def train(self, context: TrainingContext) -> dict[str, Any]:
        from metier.engine.training import trainer

        if context.adapter is None:
            context.progress.say("  min_risk starts from the bare model; it learns faster behind sft")
        prices = self.prices(context)  # a mistake in them is said before anything slow
        model = self.load(context)
        examples = self.examples(model, context)
        before = self.start_scores(model, examples, context) if self.kl else None
        objective = self.objective(prices, before)
        settings = {**vars(self), "seed": context.seed}
        return trainer.train(
            model, examples, self.lora(), settings, context.folder, context.progress, context.adapter, objective
        )

    def examples(self, model: "LanguageModel", context: TrainingContext) -> list[Any]:
        """The labeled rows, each with all labels of its benchmark behind it, in the order of the label set.

        Raises `UserError` where a benchmark has no label set, and where there are no labeled rows.
        """
        labeled = context.rows.filter(context.rows["label"].is_valid())
        if not len(labeled):
            raise UserError(NO_LABELS)
        sets = {task: self._labels(context, task) for task in set(labeled["task"].to_pylist())}
        examples, cut = [], 0
        for task, question in zip(labeled["task"].to_pylist(), questions(labeled), strict=True):
            example, was_cut = self.fitted(model, question, context.benchmarks[task], sets[task])
            examples.append(example)
            cut += was_cut
        if cut:
            context.progress.say(
                f"  {cut:,} of {len(examples):,} prompts were truncated on the left at {self.max_length} tokens"
            )
        return examples

    def seconds(self, model: "LanguageModel", context: TrainingContext, rows: int) -> float:
        if all(benchmark.labels for benchmark in context.benchmarks.values()):  # else a few rows do not have them all
            self.prices(context)
        return super().seconds(model, context, rows)

    def prices(self, context: TrainingContext) -> list[np.ndarray]:
        """For each row (labels,) what each label costs there, as a share of the most expensive mistake: the learning
        rate then means the same in any currency. Raises `UserError` on a label that the benchmark does not have."""
        from metier.evaluation import costs

        labeled = context.rows.filter(context.rows["label"].is_valid())
        tables = {}
        for task in set(labeled["task"].to_pylist()):
            labels = self._labels(context, task)
            table = costs.matrix(labels, self.costs)
            tables[task] = ({label: number for number, label in enumerate(labels)}, table / max(table.max(), 1e-12))
        pairs = list(zip(labeled["task"].to_pylist(), labeled["label"].to_pylist(), strict=True))
        if odd := sorted({f"'{label}' of {task}" for task, label in pairs if label not in tables[task][0]}):
            raise UserError(f"Training rows have labels that their benchmark does not: {', '.join(odd)}.")
        return [tables[task][1][tables[task][0][label]] for task, label in pairs]

    def objective(
        self, prices: Sequence[np.ndarray], before: Sequence[np.ndarray] | None
    ) -> Callable[[list[int], list[Any]], Any]:
        """What training makes small: (positions, for each (labels,) log-probabilities) -> mean expected cost and KL."""
        import torch

        def loss(positions: list[int], log_probabilities: list[Any]) -> Any:
            total = []
            for position, scores in zip(positions, log_probabilities, strict=True):
                log_p = torch.log_softmax(self.sharpness * scores.double(), 0)
                price = torch.from_numpy(prices[position]).to(scores.device)
                value = (log_p.exp() * price).sum()
                if before is not None:
                    start = torch.log_softmax(self.sharpness * torch.from_numpy(before[position]).to(scores.device), 0)
                    value = value + self.kl * (log_p.exp() * (log_p - start)).sum()
                total.append(value)
            return torch.stack(total).mean()

        return loss

    def problems(self) -> list[str]:
        return super().problems() + cost_problems(self.costs)

    def _labels(self, context: TrainingContext, task: str) -> list[str]:
        labels: list[str] = context.benchmarks[task].label_set(context.rows)
        if not labels:
            raise UserError(
                f"The answers to '{task}' cannot be counted out: it has no label set. Use sft, or grpo, which samples."
            )
        return labels
