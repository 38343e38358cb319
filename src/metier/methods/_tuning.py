"""What every method that tunes an adapter has in common: its settings, and how a question becomes tokens to learn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from annotated_types import Interval
from numpy.typing import NDArray

from metier.data.records import Question
from metier.engine.training.context import TrainingContext
from metier.errors import UserError
from metier.evaluation.benchmark import Benchmark
from metier.recipes.settings import PositiveCount, Share, ShareBelowOne
from metier.runs import distributed

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel

LearningRate = Annotated[float, Interval(gt=0, le=10)]
NO_LABELS = (
    "There are no labeled rows to learn from. Name a dataset with a `label` column; where there is one, "
    "curate/dropped.parquet in the run says why its rows went."
)
MOST_SEEN = 100_000_000
"""Rows of all epochs: the order of a training stands in memory as one list."""


@dataclass
class Tuning:
    """Settings of the adapter and of its optimizer."""

    LENGTH: ClassVar[str] = "max_length"
    """The setting that bounds the tokens of one row."""

    datasets: list[str] = field(default_factory=list)
    """Names of the datasets whose rows are learned from. Default: all."""
    epochs: Annotated[int, Interval(ge=1, le=1_000)] = 1
    """Passes over the rows."""
    lr: LearningRate = 1e-3
    """Peak learning rate, reached after the warm-up; how it falls then: `lr_scheduler`."""
    tune: Literal["lora", "full", "qlora"] = "lora"
    """What is trained: `lora`, an adapter; `full`, all weights (start at an lr of 1e-4 for a small model, 2e-5
    for a large one); `qlora`, an adapter over weights in 4 bit (Dettmers et al. 2023, NeurIPS), which needs a GPU and
    bitsandbytes."""
    r: Annotated[int, Interval(ge=1, le=65_536)] = 16
    """Rank of the adapter. Higher can learn more, and costs memory and time."""
    lora_alpha: Annotated[int, Interval(ge=1, le=1_000_000)] = 32
    """Scale of the adapter: what it adds is multiplied by lora_alpha / r."""
    target_modules: str = "all-linear"
    """Which layers get an adapter: `all-linear`, or names separated by commas (q_proj,v_proj)."""
    use_dora: bool = False
    """Learn each weight's length beside its direction (DoRA, Liu et al. 2024, ICML): slower, sometimes better."""
    batch_tokens: PositiveCount = 512
    """Tokens per step. Rows of similar length share a step; a common prefix counts once."""
    warmup_ratio: ShareBelowOne = 0.1
    """Share of the steps in which the learning rate rises, below 1."""
    lr_scheduler: Literal["linear", "cosine", "constant_with_warmup", "warmup_stable_decay"] = "linear"
    """How the learning rate falls: linear, cosine, constant_with_warmup, or warmup_stable_decay (constant, and linear
    over the last `decay_ratio`)."""
    decay_ratio: Share = 0.3
    """Share of the steps in which the learning rate falls, with `lr_scheduler: warmup_stable_decay`."""
    average_ratio: ShareBelowOne = 0.0
    """Share of the steps over which the weights are averaged (an exponential moving average; 0: the last weights)."""
    weight_decay: Annotated[float, Interval(ge=0, le=10)] = 0.0
    """Weight decay of the trained weights (AdamW)."""
    max_grad_norm: Annotated[float, Interval(gt=0, le=1_000_000)] = 1.0
    """Gradients with a larger norm are clipped to it."""
    max_length: PositiveCount = 1024
    """Most tokens of one row, prompt and answer. Longer prompts are truncated on the left, with a warning; an answer is
    never cut."""
    save_steps: PositiveCount = 100
    """Steps between checkpoints, from which a killed run continues."""
    report_to: Literal["", "mlflow", "tensorboard", "trackio", "wandb"] = ""
    """A tracker that transformers knows and that is installed (mlflow, trackio, tensorboard, wandb). Default: none."""

    @property
    def reads(self) -> list[str]:
        """Names of all datasets whose rows the method wants; none: all."""
        return self.datasets

    def load(self, context: TrainingContext) -> Any:
        """The model that training starts from. All weights are trained in float32: in bfloat16, with three digits, most
        of AdamW's small steps would be rounded away."""
        import torch

        from metier.engine.models.model import load

        dtype = torch.float32 if self.tune == "full" else None
        return load(context.model, warn=context.progress.warn, dtype=dtype, in_4_bit=self.tune == "qlora")

    def lora(self) -> Any:
        """peft's configuration of the adapter; None where all weights are trained."""
        from peft import LoraConfig

        if self.tune == "full":
            return None
        names = [name.strip() for name in self.target_modules.split(",")]
        targets = self.target_modules if self.target_modules == "all-linear" else names
        return LoraConfig(
            r=self.r, lora_alpha=self.lora_alpha, use_dora=self.use_dora, target_modules=targets, task_type="CAUSAL_LM"
        )

    def start_scores(
        self, model: "LanguageModel", examples: Sequence[Any], context: TrainingContext
    ) -> list[NDArray[np.float64]]:
        """For each example (answers,) log-probabilities, in nats, under the model that training starts from.

        Worked out once: a run that goes on reads them from `lesson.folder`/start.json.
        """
        from metier.engine.models.weights import adapter_file
        from metier.engine.training import trainer
        from metier.runs.files import file_sha256, fingerprint, write_json
        from metier.runs.marks import hashed, read_hashed

        start, whole = context.adapter and file_sha256(adapter_file(context.adapter)), self.tune == "full"
        pairs = [(example.prompt, example.answers) for example in examples]
        key = fingerprint(context.model, str(model.network.dtype), start, pairs, whole)
        path = context.folder / "start.json"
        if path.is_file() and (known := read_hashed(path, "Remove it, and it is worked out again."))["key"] == key:
            return [np.array(scores) for scores in known["scores"]]
        log_probabilities = trainer.log_probabilities(
            model, examples, context.adapter, self.batch_tokens, context.progress, whole=whole
        )
        if distributed.first():
            write_json(path, hashed({"key": key, "scores": [scores.tolist() for scores in log_probabilities]}))
        return log_probabilities

    def longest_row(self) -> int:
        """Most tokens of one row that is learned."""
        return self.max_length

    def seconds(self, model: "LanguageModel", context: TrainingContext, rows: int) -> float:
        """Estimated time of training on `rows` rows like the training rows."""
        from metier.engine.training.estimate import training_seconds

        model = model if self.tune == "lora" else self.load(context)
        return training_seconds(model, self.examples(model, context), self.lora(), self, rows / len(context.rows))

    def examples(self, model: "LanguageModel", context: TrainingContext) -> list[Any]:
        """The training rows as `Example`s."""
        raise NotImplementedError

    def rows_seen(self, rows: pa.Table) -> int:
        """How many rows all epochs together read, those that come again counted each time."""
        return len(rows) * self.epochs

    def check_rows(self, rows: pa.Table) -> int:
        """The same. Raises `UserError` where they are more than can stand in memory."""
        if (seen := self.rows_seen(rows)) > MOST_SEEN:
            raise UserError(
                f"The method's settings make {seen:,} rows to read of {len(rows):,}; at most {MOST_SEEN:,} stand in "
                "memory. Lower `epochs`, `upsample` or `class_balance`."
            )
        return seen

    def problems(self) -> list[str]:
        problems = []
        if self.tune == "full" and self.use_dora:
            problems.append("use_dora: it shapes an adapter, and `tune: full` has none. Leave one of them out.")
        if self.tune == "qlora" and (missing := _missing_for_4_bit()):
            problems.append(f"tune: qlora needs {missing}. Use lora: here the weights stay as they are.")
        if self.report_to and not find_spec(self.report_to):
            problems.append(
                f"report_to: {self.report_to} is not installed. Try pip install {self.report_to}, or leave `report_to` "
                "out."
            )
        return problems

    def fitted(
        self, model: "LanguageModel", question: Question, benchmark: Benchmark, answers: list[str]
    ) -> tuple[Any, bool]:
        """A question with these answers as an `Example`, and whether the prompt had to lose its beginning.

        Raises `UserError` where an answer alone is too long.
        """
        from metier.engine.trees.examples import Example

        _, prompt = model.read(benchmark.render(question), benchmark.chat_template)
        learned = tuple([*model.answer(answer, benchmark.chat_template), model.end_token] for answer in answers)
        longest = max(map(len, learned))
        room = self.max_length - longest
        if room < 1:
            raise UserError(
                f"An answer to row {question.id} has {longest} tokens, more than max_length {self.max_length}. "
                "Raise `max_length`; an answer is never cut."
            )
        return Example(prompt[-room:], learned), len(prompt) > room


def _missing_for_4_bit() -> str:
    """What weights in 4 bit need and this machine lacks; nothing where all is there."""
    if not find_spec("bitsandbytes"):
        return "bitsandbytes (pip install bitsandbytes) and a GPU"
    import torch

    return "" if torch.cuda.is_available() else "a GPU"
