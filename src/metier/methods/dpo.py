"""Direct preference optimization of a LoRA adapter: of two answers to a prompt, make the better one likelier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.records import questions
from metier.engine.training.context import TrainingContext
from metier.errors import UserError
from metier.methods._tuning import LearningRate, Tuning
from metier.recipes.settings import PositiveWeight, Weight

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel


@dataclass
class Method(Tuning):
    """Learns from rows with a chosen and a rejected answer; their prompt is read once for both.

    `sigmoid` is DPO (Rafailov et al. 2023, NeurIPS), `ipo` its squared form that stops at a margin (Azar et al. 2024,
    AISTATS). Without a reference and with `length_normalize` the first is SimPO without its margin (Meng et al. 2024,
    NeurIPS). DPO stays near the reference and may leave the wrong answer the likelier one (Chen et al. 2024, NeurIPS);
    where answers will be ranked by their likelihood, as the scorer `preference` does, leave the reference out.
    """

    lr: LearningRate = 2e-4
    """Peak learning rate, reached after the warm-up; how it falls then: `lr_scheduler`."""
    beta: PositiveWeight = 0.1
    """How fast a pair counts as learned: a margin of 1 / beta nats is enough. Per token take about 5."""
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    """`sigmoid` (DPO), or `ipo`, which stops increasing the margin of pairs that are already separated."""
    reference: Literal["start", "none"] = "start"
    """What log-probabilities are compared with: `start`, the model before this method, or `none`."""
    # Off: the ratio to the reference takes a sum's liking for short answers out, and recipes of others mean sums.
    length_normalize: bool = False
    """Log-probabilities per token, the end token counted. Needed without a reference: a sum favors short answers."""
    rpo_alpha: Weight = 0.0
    """Weight of the chosen answer's own loss per token beside the pair's: keeps it from becoming unlikely too (RPO,
    Pang et al. 2024)."""

    def train(self, context: TrainingContext) -> dict[str, Any]:
        from metier.engine.training import trainer

        model = self.load(context)
        examples = self.examples(model, context)
        before = self.start_scores(model, examples, context) if self.reference == "start" else None
        objective = self.objective(examples, before)
        settings = {**vars(self), "seed": context.seed}
        cost: dict[str, Any] = trainer.train(
            model, examples, self.lora(), settings, context.folder, context.progress, context.adapter, objective
        )
        return {**cost, "pairs": len(examples)}

    def seconds(self, model: "LanguageModel", context: TrainingContext, rows: int) -> float:
        """Estimated time of training on `rows` rows like the training rows, the reference included."""
        seconds = super().seconds(model, context, rows)
        # The reference reads every pair once, and a forward pass is a third of a step.
        return seconds * (1 + 1 / (3 * self.epochs)) if self.reference == "start" else seconds

    def examples(self, model: "LanguageModel", context: TrainingContext) -> list[Any]:
        """The pairs as token lists, the chosen answer first, in the rows' order.

        Raises `UserError` where no row has two different answers, where no benchmark asks a row, and where an answer
        alone is too long.
        """
        pairs = _pairs(context.rows)
        if left_out := len(context.rows) - len(pairs):
            context.progress.say(
                f"  {left_out:,} of {len(context.rows):,} rows have no two different answers: left out"
            )
        if not len(pairs):
            raise UserError(
                "There are no pairs to learn from. Name a dataset whose rows have a `chosen` and a `rejected` answer, "
                "or write `converter: preference` at one of your own."
            )
        columns = [pairs[name].to_pylist() for name in ("task", "source", "chosen", "rejected")]
        examples, cut = [], 0
        for question, task, dataset, chosen, rejected in zip(questions(pairs, unlabeled=True), *columns, strict=True):
            if task not in context.benchmarks:
                raise UserError(
                    f"No benchmark says how the pairs of '{dataset}' are asked. Add `task:` to the dataset with one "
                    f"of: {', '.join(context.benchmarks)}."
                )
            example, was_cut = self.fitted(model, question, context.benchmarks[task], [chosen, rejected])
            examples.append(example)
            cut += was_cut
        if cut:
            context.progress.say(
                f"  {cut:,} of {len(examples):,} prompts were truncated on the left at {self.max_length} tokens"
            )
        return examples

    def objective(
        self, examples: Sequence[Any], reference: Sequence[np.ndarray] | None
    ) -> Callable[[list[int], list[Any]], Any]:
        """What training makes small: (positions, for each (2,) summed log-probabilities) -> the pairs' mean loss."""
        import torch

        lengths = torch.tensor([[len(answer) for answer in example.answers] for example in examples])
        before = torch.from_numpy(np.zeros((len(examples), 2)) if reference is None else np.stack(reference))

        def loss(positions: list[int], scores: list[Any]) -> Any:
            policy = torch.stack(scores).double()
            known, long = before[positions].to(policy.device), lengths[positions].to(policy.device)
            return self.losses(policy, known, long).mean()

        return loss

    def losses(self, policy: Any, reference: Any, lengths: Any) -> Any:
        """(pairs,) the loss of each pair, of (pairs, 2) summed log-probabilities in nats and tokens, chosen first."""
        from torch.nn.functional import logsigmoid

        ratio = (policy - reference) / lengths if self.length_normalize else policy - reference
        margin = ratio[:, 0] - ratio[:, 1]
        losses = -logsigmoid(self.beta * margin) if self.loss == "sigmoid" else (margin - 1 / (2 * self.beta)) ** 2
        return losses - self.rpo_alpha * policy[:, 0] / lengths[:, 0]


def _pairs(rows: pa.Table) -> pa.Table:
    """The rows that have two answers which are not the same."""
    return rows.filter(pc.fill_null(pc.not_equal(rows["chosen"], rows["rejected"]), False))
