"""Supervised fine-tuning of a LoRA adapter: read the prompt, learn the answer."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Interval

from metier.data.records import Document, documents, questions
from metier.engine.training.context import TrainingContext
from metier.engine.training.evaluator import HeldOutEvaluator
from metier.errors import UserError, nearest
from metier.methods._base_share import mix_in
from metier.methods._tuning import NO_LABELS, Tuning
from metier.recipes.settings import Count, PositiveCount, PositiveShare, Share, ShareBelowOne, TrainTokens, Weight

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel
    from metier.engine.training.distillation import Distillation
    from metier.engine.training.trainer import Leg
    from metier.engine.trees.examples import Example

TASK, RAW_TEXT = "task rows", "raw text"
"""What the two kinds of rows are called in the log."""


@dataclass
class Method(Tuning):
    """LoRA (Hu et al. 2021) on prompt and answer; the loss is on the answer's tokens and the end token only.

    Rows without a label are raw text and learned whole: a few beside the questions are replay, against forgetting.
    """

    max_train_tokens: TrainTokens = 0
    """Stop after so many tokens, prompts included, however many epochs that takes (0: `epochs` decides)."""
    class_balance: Share = 0.0
    """Repeat rows of rare labels: 0 leaves each label its share, 1 makes all as frequent as their task's commonest."""
    upsample: dict[str, Annotated[int, Interval(ge=1, le=1_000)]] = field(default_factory=dict)
    """Dataset -> how often an epoch sees its rows: a small task beside a large one needs several times."""
    distill: Weight = 0.0
    """Weight of staying with the base model on raw text: its next-token distribution is the target there, in place of
    the text itself (0: raw text is learned as it stands)."""
    distill_share: PositiveShare = 0.25
    """Tokens of raw text in a step with `distill`, as a share of `batch_tokens`."""
    base_share: ShareBelowOne = 0.0
    """Share of the base model's weights in the final ones (WiSE-FT, Wortsman et al. 2022, CVPR): keeps more of what it
    knew, and costs little on the task up to about 0.3. Not with `use_dora`."""
    eval_steps: Count = 0
    """Steps between evaluations on held-out rows; the best adapter is kept (0: none, the last is kept)."""
    eval_questions: PositiveCount = 200
    """Most held-out questions of each benchmark that an evaluation asks."""
    patience: Count = 0
    """Evaluations in a row without an improvement after which training ends (0: no early stopping)."""

    def train(self, context: TrainingContext) -> dict[str, Any]:
        model = self.load(context)
        evaluator = (
            HeldOutEvaluator.of(model, context, self.eval_steps, self.patience, self.eval_questions)
            if self.eval_steps
            else None
        )
        result = self.fit(context, model, evaluator)
        if self.base_share:
            mix_in(context, context.folder / "adapter", self.base_share)
        return result

    def problems(self) -> list[str]:
        problems = super().problems()
        if self.base_share and self.use_dora:
            problems.append("base_share: an adapter of `use_dora` cannot be mixed with the base model. Leave out one.")
        return problems

    def fit(
        self,
        context: TrainingContext,
        model: "LanguageModel",
        evaluator: HeldOutEvaluator | None,
        leg: "Leg | None" = None,
        examples: "Sequence[Example] | None" = None,
    ) -> dict[str, Any]:
        """Train into `context.folder`: all of it, or the part `leg`, after which a later call goes on. `examples`: the
        rows, where the caller has encoded them."""
        from metier.engine.training import trainer

        return trainer.train(
            model,
            self.examples(model, context) if examples is None else examples,
            self.lora(),
            {**vars(self), "seed": context.seed},
            context.folder,
            context.progress,
            context.adapter,
            evaluator=evaluator,
            leg=leg,
            distillation=self._distillation(model, context),
        )

    def _distillation(self, model: "LanguageModel", context: TrainingContext) -> "Distillation | None":
        """The raw text of the rows, in blocks that fit a step; None where nothing is asked for.

        Raises `UserError` where there is no raw text.
        """
        from metier.engine.training.distillation import Distillation

        if not self.distill:
            return None
        tokens = max(2, round(self.distill_share * self.batch_tokens))
        texts = [block for one in documents(_raw(context.rows)) for block in self._read(model, one, tokens)]
        if not texts:
            raise UserError(
                "`distill` keeps what the base model says on raw text, and no dataset of the recipe has any. Add the "
                "dataset `general`, or your own text."
            )
        return Distillation(texts, self.distill, tokens)

    def changed(self) -> dict[str, Any]:
        """The settings that are not the default: how a recipe names this training."""
        default = vars(type(self)())
        return {name: value for name, value in vars(self).items() if value != default[name]}

    def examples(self, model: "LanguageModel", context: TrainingContext) -> list[Any]:
        """The rows as token lists, in the rows' order: questions with their answer, then raw text, learned whole.

        Raises `UserError` where an answer alone is too long.
        """
        labeled = context.rows.filter(context.rows["label"].is_valid())
        raw = _raw(context.rows)
        if pairs := len(context.rows) - len(labeled) - len(raw):
            context.progress.say(f"  {pairs:,} preference pairs have no label and are not read here: they are for dpo")
        examples, cut = [], 0
        for task, question in zip(labeled["task"].to_pylist(), questions(labeled), strict=True):
            example, was_cut = self.fitted(model, question, context.benchmarks[task], [question.answer])
            examples.append(example)
            cut += was_cut
        if cut:
            context.progress.say(
                f"  {cut:,} of {len(examples):,} prompts were truncated on the left at {self.max_length} tokens"
            )
        if not examples:
            raise UserError(NO_LABELS)
        examples = [replace(examples[at], kind=TASK) for at in self._order(labeled, context)]
        if self.distill:
            return examples
        return examples + [block for one in documents(raw) for block in self._read(model, one, self.max_length)]

    def _order(self, labeled: Any, context: TrainingContext) -> list[int]:
        """Positions of the labeled rows, some of them again."""
        self.check_rows(context.rows)
        datasets, tasks = labeled["source"].to_pylist(), labeled["task"].to_pylist()
        known = set(datasets)
        for name in sorted(set(self.upsample) - known):  # no error: a pack's method may meet the user's own datasets
            context.progress.say(f"  upsample: no labeled rows come from a dataset '{name}'.{nearest(name, known)}")
        labels = list(zip(tasks, labeled["label"].to_pylist(), strict=True))
        order = balanced(labels, self.class_balance, context.seed)
        return [at for at in order for _ in range(self.upsample.get(datasets[at], 1))]

    def rows_seen(self, rows: pa.Table) -> int:
        """As `_order` makes them, on average over the draw of `class_balance`, without making them."""
        labeled = rows.filter(rows["label"].is_valid())
        kinds = Counter(zip(*(labeled[name].to_pylist() for name in ("task", "label", "source")), strict=True))
        labels: Counter[tuple[str, str]] = Counter()
        for (task, label, _), count in kinds.items():
            labels[task, label] += count
        times = repeats(labels, self.class_balance)
        made = sum(
            times[task, label] * n * self.upsample.get(dataset, 1) for (task, label, dataset), n in kinds.items()
        )
        return (round(made) + len(rows) - len(labeled)) * self.epochs

    def _read(self, model: "LanguageModel", document: Document, length: int) -> list[Any]:
        """Raw text in blocks of `length` tokens; the first token of a block is only read."""
        from metier.engine.trees.examples import Example

        tokens = model.encode(document.text)
        blocks = [tokens[start : start + length] for start in range(0, len(tokens), length)]
        return [Example(block[:1], (block[1:],), RAW_TEXT) for block in blocks if len(block) > 1]


def _raw(rows: pa.Table) -> pa.Table:
    """Rows that are text alone: neither labeled nor pairs."""
    return rows.filter(pc.and_(rows["label"].is_null(), rows["chosen"].is_null()))


def balanced(labels: Sequence[tuple[str, str]], balance: float, seed: int) -> list[int]:
    """Positions of all rows, those of a rare label again: (most / its own number) to the power `class_balance` times.

    `labels`: (task, label) of each row; `most` is counted within the task. The part of a time is drawn with the seed.
    At 1 all labels of a task stand equally often; a half is the square root that long-tailed classification commonly
    takes (Mahajan et al. 2018, ECCV).
    """
    if not balance:
        return list(range(len(labels)))
    times, generator = repeats(Counter(labels), balance), random.Random(f"balance:{seed}")
    positions: list[int] = []
    for position, label in enumerate(labels):
        positions += [position] * (int(times[label]) + (generator.random() < times[label] % 1))
    return positions


def repeats(counts: Counter[tuple[str, str]], balance: float) -> dict[tuple[str, str], float]:
    """How often the rows of each (task, label) are read in an epoch."""
    most: Counter[str] = Counter()
    for (task, _), count in counts.items():
        most[task] = max(most[task], count)
    return {(task, label): (most[task] / count) ** balance for (task, label), count in counts.items()}
