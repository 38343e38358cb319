"""Settings chosen on held-out rows, within a budget of time or tokens."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
from annotated_types import Interval

from metier.engine.training.context import TrainingContext
from metier.engine.training.evaluator import held_out
from metier.errors import UserError
from metier.methods._base_share import chosen, largest_harmless, mix_in
from metier.methods._search import Candidate, search, whole_cost
from metier.methods._tuning import NO_LABELS
from metier.methods.sft import Method as Sft
from metier.recipes.settings import PositiveCount, TrainTokens

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel
    from metier.engine.trees.examples import Example

RARE = 4.0
"""From how many times as many rows of the commonest label as of the middle one on, rare labels are repeated in some of
the candidates."""
EVALUATED = 0.1
"""Share of the budget that evaluations on held-out rows take."""
FEWEST_HELD_OUT = 50
"""Held-out questions below which only `FEW` are tried. With 50, the standard error of an accuracy of 50 % is 7 points:
more than most candidates differ by (docs/log.md), so the best of several would be the luckiest."""
FEW = ("all-weights", "adapter")
"""The two most unlike candidates; without any held-out question the first alone."""


@dataclass
class Method:
    """Try a few settings of `sft` on the same rows, go on with the better ones, and end within a budget.

    Successive halving on held-out rows (Jamieson and Talwalkar 2016). With fewer than 50 held-out questions only two
    candidates are tried, and with none only one. recipe.chosen.yaml has the settings that won.
    """

    datasets: list[str] = field(default_factory=list)
    """Names of the datasets whose rows are learned from. Default: all."""
    minutes: Annotated[float, Interval(gt=0, le=10_000)] = 25.0
    """Minutes that the search and the training together may take on this machine, as its speed is measured at the
    start."""
    max_train_tokens: TrainTokens = 0
    """Tokens of the training that is carried to its end, in place of `minutes` (0: `minutes` decides). The same tokens
    give the same model; minutes do only with the budget.json of the first call."""
    max_epochs: Annotated[int, Interval(ge=1, le=100)] = 8
    """Most passes over the rows, however long the budget."""
    max_length: PositiveCount = 1024
    """Most tokens of one row, prompt and answer. Longer prompts are truncated on the left, with a warning."""
    eval_questions: PositiveCount = 400
    """Most held-out questions of each benchmark that candidates are compared by."""

    @property
    def reads(self) -> list[str]:
        """Names of all datasets whose rows the method wants; none: all."""
        return self.datasets

    def longest_row(self) -> int:
        """Most tokens of one row that is learned."""
        return self.max_length

    def problems(self) -> list[str]:
        return []

    def seconds(self, model: "LanguageModel", context: TrainingContext, rows: int) -> float:
        """The budget, or less where `max_epochs` or `max_train_tokens` ends the training before."""
        methods, longest = named(context.rows, self.max_length, self.datasets), 0.0
        for method in _unlike(methods):
            passes = float(self.max_epochs)
            if self.max_train_tokens:
                tokens = sum(map(len, method.examples(model, context))) * rows / len(context.rows)
                passes = min(passes, self.max_train_tokens / tokens)
            longest = max(longest, passes * method.seconds(model, context, rows))
        whole = longest * whole_cost(len(methods)) / (1 - EVALUATED)
        return whole if self.max_train_tokens else min(whole, self.minutes * 60)

    def train(self, context: TrainingContext) -> dict[str, Any]:
        if context.rows["label"].null_count == len(context.rows):
            raise UserError(NO_LABELS)
        candidates = self._candidates(context)
        found = search(context, candidates, self.eval_questions)
        shutil.rmtree(context.folder / "adapter", ignore_errors=True)
        shutil.copytree(found.folder / "adapter", context.folder / "adapter")
        for file in ("log.jsonl", "evaluations.jsonl"):
            if (found.folder / file).is_file():
                shutil.copyfile(found.folder / file, context.folder / file)
        by_share = largest_harmless(context, context.folder / "adapter", self.eval_questions)
        settings = found.best.method.changed()
        if share := chosen(by_share):
            mix_in(context, context.folder / "adapter", share)
            settings["base_share"] = share
        shutil.rmtree(context.folder / "search", ignore_errors=True)
        tried = [asdict(one) for one in found.tried]
        shares = [list(one) for one in by_share.items()]
        return {**found.cost, "chosen": {"sft": settings}, "tried": tried, "base_shares": shares}

    def _candidates(self, context: TrainingContext) -> list[Candidate]:
        """The settings to try, each with the steps that the budget gives it. Raises `UserError` where a budget of an
        earlier call was changed."""
        from metier.engine.training import trainer

        methods = self._comparable(context)
        path = context.folder / "budget.json"
        measure = not path.is_file() and not self.max_train_tokens
        passes = _passes(context, methods, measure)
        budget = self._budget(context, path, methods, passes)
        candidates = []
        for name, method in methods.items():
            method.max_train_tokens, one = budget[name], passes[_kind(method)]
            steps = trainer.steps(one.examples, {**vars(method), "seed": context.seed}, one.shared)
            candidates.append(Candidate(name, method, steps, one.examples))
        return candidates

    def _comparable(self, context: TrainingContext) -> dict[str, Sft]:
        """As many of the candidates as the held-out rows can tell apart."""
        methods = named(context.rows, self.max_length, self.datasets)
        held = sum(map(len, held_out(context, self.eval_questions).values()))
        if held >= FEWEST_HELD_OUT:
            return methods
        left = FEW[: 2 if held else 1]
        chosen = "they are compared, and the better one may be luck" if held else "nothing is compared"
        context.progress.warn(
            f"  {held} held-out questions, fewer than {FEWEST_HELD_OUT}: {' and '.join(left)} of {len(methods)} "
            f"candidates; {chosen}. Hold out more rows (`split: {{valid: 0.2}}`), or use `sft` with your own settings."
        )
        return {name: methods[name] for name in left}

    def _budget(
        self, context: TrainingContext, path: Path, methods: dict[str, Sft], passes: "dict[Kind, Pass]"
    ) -> dict[str, int]:
        """Candidate -> tokens of its whole training. Measured once: what a run goes on with must not depend on how busy
        the machine is when it goes on."""
        from metier.runs.files import write_json
        from metier.runs.marks import hashed, read_hashed

        if path.is_file():
            known: dict[str, int] = read_hashed(path, "Remove the run's folder `train`, and it is trained again.")[
                "tokens"
            ]
            return known
        tokens, whole = {}, self.minutes * 60 * (1 - EVALUATED) / whole_cost(len(methods))
        for name, method in methods.items():
            one = passes[_kind(method)]
            epoch = sum(map(len, one.examples))
            affordable = self.max_train_tokens or round(epoch * whole / one.seconds)
            tokens[name] = max(1, min(affordable, self.max_epochs * epoch))
            context.progress.say(f"  {name}: {tokens[name]:,} tokens, {tokens[name] / epoch:.1f} passes over the rows")
        write_json(path, hashed({"tokens": tokens}))
        return tokens


Kind = tuple[str, float]
"""What is trained, and how far rare labels are repeated: candidates that differ in neither do the same work."""


@dataclass(frozen=True)
class Pass:
    """One pass over the rows by candidates of a kind."""

    examples: "Sequence[Example]"
    shared: bool
    """Whether token trees fit the model."""
    seconds: float
    """0 where it is not measured."""


def _kind(method: Sft) -> Kind:
    return method.tune, method.class_balance


def _unlike(methods: dict[str, Sft]) -> list[Sft]:
    """The first candidate of each kind."""
    kinds: dict[Kind, Sft] = {}
    for method in methods.values():
        kinds.setdefault(_kind(method), method)
    return list(kinds.values())


def _passes(context: TrainingContext, methods: dict[str, Sft], measure: bool) -> dict[Kind, Pass]:
    """A pass of each kind: the model is loaded once for it, and rows are encoded once for all that read the same."""
    from metier.engine.training import trainer
    from metier.engine.training.estimate import training_seconds

    passes: dict[Kind, Pass] = {}
    encoded: dict[float, Sequence[Example]] = {}
    for method in _unlike(methods):
        model = method.load(context)
        if method.class_balance not in encoded:
            encoded[method.class_balance] = method.examples(model, context)
        examples = encoded[method.class_balance]
        shared = trainer.is_shared(model, examples)  # before its weights are trained a little, to measure them
        seconds = training_seconds(model, examples, method.lora(), method, 1.0) if measure else 0.0
        passes[_kind(method)] = Pass(examples, shared, seconds)
    return passes


def named(rows: pa.Table, max_length: int, datasets: list[str]) -> dict[str, Sft]:
    """Candidate -> its settings: few, and what won on one dataset or another (docs/log.md)."""
    common: dict[str, Any] = {
        "datasets": datasets,
        "max_length": max_length,
        "batch_tokens": 512,
        "lr_scheduler": "warmup_stable_decay",
        "warmup_ratio": 0.05,
        "average_ratio": 0.05,
    }
    four = "q_proj,v_proj,o_proj,down_proj"
    found = {
        "all-weights": Sft(tune="full", lr=2e-4, **common),
        "all-weights-slow": Sft(tune="full", lr=7e-5, **common),
        "adapter": Sft(lr=1.5e-3, target_modules=four, **common),
    }
    if _uneven(rows) >= RARE:
        found["all-weights-balanced"] = Sft(tune="full", lr=2e-4, class_balance=0.4, **common)
    return found


def _uneven(rows: pa.Table) -> float:
    """How many times as many rows the commonest label of a task has as its middle one; the largest of all tasks."""
    tasks: dict[str, Counter[str]] = {}
    for task, label in zip(rows["task"].to_pylist(), rows["label"].to_pylist(), strict=True):
        if label is not None:
            tasks.setdefault(task, Counter())[label] += 1
    shares = []
    for counts in tasks.values():
        ordered = sorted(counts.values())
        shares.append(ordered[-1] / ordered[len(ordered) // 2 if len(ordered) > 2 else 0])
    return max(shares, default=1.0)
