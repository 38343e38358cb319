"""Supervised fine-tuning of a LoRA adapter: read the prompt, learn the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from metier.errors import UserError
from metier.methods import Lesson
from metier.records import Document, Question, documents, questions


@dataclass
class Method:
    """LoRA (Hu et al. 2021) on prompt and answer; the loss is on the answer's tokens and the end token only.

    Rows without a label are raw text and learned whole: a few beside the questions are replay, against forgetting.
    """

    sources: list[str] = field(default_factory=list)
    """Names of the sources whose rows are learned from; left out: all."""
    epochs: int = 1
    """How often each row is seen."""
    tokens: int = 0
    """Stop after so many tokens, prompts included, however many epochs that takes (0: `epochs` decides)."""
    lr: float = 1e-3
    """Highest learning rate; reached after the warm-up, then down to zero in a straight line."""
    r: int = 16
    """Rank of the adapter. Higher can learn more, and costs memory and time."""
    alpha: int = 32
    """Scale of the adapter: what it adds is multiplied by alpha / r."""
    targets: str = "all-linear"
    """Which layers get an adapter: `all-linear`, or names divided by commas (q_proj,v_proj)."""
    batch_tokens: int = 512
    """Tokens a step, padding included. Rows of like length share a step."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises."""
    schedule: str = "linear"
    """How the learning rate falls: linear, cosine or constant_with_warmup."""
    weight_decay: float = 0.0
    """Pull of the adapter's weights towards zero."""
    max_grad_norm: float = 1.0
    """Gradients longer than this are shortened."""
    max_length: int = 1024
    """Most tokens of one row, prompt and answer. Longer prompts lose their beginning, aloud; an answer is never cut."""
    checkpoint_every: int = 100
    """Steps between checkpoints, at which a killed run goes on."""

    def train(self, lesson: Lesson) -> dict[str, Any]:
        from metier.engine import trainer
        from metier.engine.model import load

        model = load(lesson.model, warn=lesson.progress.say)
        examples = self.examples(model, lesson)
        settings = {**vars(self), "seed": lesson.seed}
        return trainer.train(model, examples, self._lora(), settings, lesson.folder, lesson.progress, lesson.adapter)

    def seconds(self, model: Any, lengths: Sequence[tuple[int, int]], rows: int) -> float:
        """Estimated training time; `lengths`: (prompt tokens, answer tokens) of sampled rows."""
        from metier.engine.estimate import step_seconds

        answers, tokens = sum(target for _, target in lengths), sum(map(sum, lengths))
        step = step_seconds(model, self._lora(), self.batch_tokens, answers / tokens)
        learned = self.tokens or self.epochs * rows * tokens / len(lengths)
        return step * learned / (0.9 * self.batch_tokens)  # a tenth of a batch is padding

    def _lora(self) -> Any:
        from peft import LoraConfig

        names = [name.strip() for name in self.targets.split(",")]
        targets = self.targets if self.targets == "all-linear" else names
        return LoraConfig(r=self.r, lora_alpha=self.alpha, target_modules=targets, task_type="CAUSAL_LM")

    def examples(self, model: Any, lesson: Lesson) -> list[Any]:
        """The rows as token lists, in the rows' order: questions with their answer, then raw text, learned whole.

        Raises `UserError` where an answer alone is too long.
        """
        labelled = lesson.rows.filter(lesson.rows["label"].is_valid())
        raw = lesson.rows.filter(lesson.rows["label"].is_null())
        found, cut = [], 0
        for task, question in zip(labelled["task"].to_pylist(), questions(labelled), strict=True):
            example, was_cut = self._answered(model, question, lesson.benchmarks[task])
            found.append(example)
            cut += was_cut
        if cut:
            lesson.progress.say(f"  {cut:,} of {len(found):,} prompts lost their beginning at {self.max_length} tokens")
        if not found:
            raise UserError("There are no labelled rows to learn from. Name a source with a `label` column.")
        return found + [block for document in documents(raw) for block in self._read(model, document)]

    def _answered(self, model: Any, question: Question, benchmark: Any) -> tuple[Any, bool]:
        """A question with its answer, and whether the prompt had to lose its beginning."""
        from metier.engine.trainer import Example

        _, asked = model.read(benchmark.render(question), benchmark.template)
        target = [*model.answer(question.answer, benchmark.template), model.end_token]
        room = self.max_length - len(target)
        if room < 1:
            raise UserError(
                f"The answer of row {question.id} has {len(target)} tokens, more than max_length {self.max_length}. "
                "Raise `max_length`; an answer is never cut."
            )
        return Example(asked[-room:], target), len(asked) > room

    def _read(self, model: Any, document: Document) -> list[Any]:
        """Raw text in blocks of `max_length`; the first token of a block is only read."""
        from metier.engine.trainer import Example

        tokens = model.encode(document.text)
        blocks = [tokens[start : start + self.max_length] for start in range(0, len(tokens), self.max_length)]
        return [Example(block[:1], block[1:]) for block in blocks if len(block) > 1]

    def problems(self) -> list[str]:
        found = [
            f"{name}: use a number above 0, not {getattr(self, name)}."
            for name in (
                "epochs",
                "lr",
                "r",
                "alpha",
                "batch_tokens",
                "max_length",
                "checkpoint_every",
                "max_grad_norm",
            )
            if getattr(self, name) <= 0
        ]
        if self.tokens < 0:
            found.append(f"tokens: use 0 or a number above it, not {self.tokens}.")
        if self.schedule not in ("linear", "cosine", "constant_with_warmup"):
            found.append(f"schedule: use linear, cosine or constant_with_warmup, not {self.schedule}.")
        return found
