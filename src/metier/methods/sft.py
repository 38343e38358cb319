"""Supervised fine-tuning of a LoRA adapter: read the prompt, learn the answer."""

from dataclasses import dataclass
from typing import Any

from metier.errors import UserError
from metier.methods import Lesson
from metier.methods._tuning import Tuning
from metier.records import Document, documents, questions


@dataclass
class Method(Tuning):
    """LoRA (Hu et al. 2021) on prompt and answer; the loss is on the answer's tokens and the end token only.

    Rows without a label are raw text and learned whole: a few beside the questions are replay, against forgetting.
    """

    tokens: int = 0
    """Stop after so many tokens, prompts included, however many epochs that takes (0: `epochs` decides)."""

    def train(self, lesson: Lesson) -> dict[str, Any]:
        from metier.engine import trainer
        from metier.engine.model import load

        model = load(lesson.model, warn=lesson.progress.say)
        examples = self.examples(model, lesson)
        settings = {**vars(self), "seed": lesson.seed}
        return trainer.train(model, examples, self.lora(), settings, lesson.folder, lesson.progress, lesson.adapter)

    def examples(self, model: Any, lesson: Lesson) -> list[Any]:
        """The rows as token lists, in the rows' order: questions with their answer, then raw text, learned whole.

        Raises `UserError` where an answer alone is too long.
        """
        labelled = lesson.rows.filter(lesson.rows["label"].is_valid())
        raw = lesson.rows.filter(lesson.rows["label"].is_null())
        found, cut = [], 0
        for task, question in zip(labelled["task"].to_pylist(), questions(labelled), strict=True):
            example, was_cut = self.fitted(model, question, lesson.benchmarks[task], [question.answer])
            found.append(example)
            cut += was_cut
        if cut:
            lesson.progress.say(f"  {cut:,} of {len(found):,} prompts lost their beginning at {self.max_length} tokens")
        if not found:
            raise UserError("There are no labelled rows to learn from. Name a source with a `label` column.")
        return found + [block for document in documents(raw) for block in self._read(model, document)]

    def _read(self, model: Any, document: Document) -> list[Any]:
        """Raw text in blocks of `max_length`; the first token of a block is only read."""
        from metier.engine.examples import Example

        tokens = model.encode(document.text)
        blocks = [tokens[start : start + self.max_length] for start in range(0, len(tokens), self.max_length)]
        return [Example(block[:1], (block[1:],)) for block in blocks if len(block) > 1]

    def problems(self) -> list[str]:
        found = super().problems()
        if self.tokens < 0:
            found.append(f"tokens: use 0 or a number above it, not {self.tokens}.")
        return found
