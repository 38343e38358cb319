"""The independent check of a GGUF file: what llama.cpp itself writes, beside what our loader writes."""

from dataclasses import dataclass
from pathlib import Path

from metier.engine.models.gguf.llamacpp import LlamaCpp
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import ModelLike
from metier.export.prompting import prompting_of

PROMPTS = 100
"""So many of the run's prompts are asked."""


@dataclass(frozen=True)
class GreedyCheck:
    """llama.cpp and our loader on the same prompts, each writing the likeliest token after token."""

    n: int
    same_tokens: float
    """Share of the prompts that llama.cpp splits into the same tokens."""
    same_texts: float
    """Share of the prompts behind which both write the same."""

    @property
    def sentence(self) -> str:
        return (
            f"llama.cpp writes the same text as our loader behind {100 * self.same_texts:.0f} % of {self.n} prompts, "
            f"and splits {100 * self.same_tokens:.0f} % of them into the same tokens."
        )


def greedy_check(benchmark: Benchmark, model: ModelLike, file: Path, most: int = PROMPTS) -> GreedyCheck | None:
    """Ask llama.cpp and `model`, the file's weights in float32, the first prompts of a benchmark.

    Prompts that leave no room for an answer in the model's context are left out; None where that is all of them.
    """
    prompting = prompting_of(benchmark, model)
    stop, longest = prompting["stop"] if prompting["stop"] is not None else ["\n"], prompting["max_new_tokens"]
    asked = (model.read(benchmark.render(one), benchmark.chat_template) for one in benchmark.questions()[:most])
    read = [(text, tokens) for text, tokens in asked if len(tokens) + longest <= model.context]
    if not read:
        return None
    prompts = [tokens for _, tokens in read]
    texts = model.texts(prompts, longest, stop)
    ours = {
        position: text
        for batch in texts.batches
        for position, (text, _, _) in zip(batch, texts.score(batch), strict=True)
    }
    theirs = LlamaCpp(file, min(model.context, max(map(len, prompts)) + longest + 8))
    split = [theirs.tokens(text, special=not benchmark.chat_template) == tokens for text, tokens in read]
    # Spaces at the ends aside: decoders of tokenizers differ in the first one.
    same = [theirs.write(tokens, longest, stop).strip() == ours[p].strip() for p, tokens in enumerate(prompts)]
    return GreedyCheck(len(prompts), sum(split) / len(split), sum(same) / len(same))
