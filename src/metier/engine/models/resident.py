"""A model that answers small batches again and again: what it has read and checked once is kept."""

from collections.abc import Sequence
from functools import lru_cache

from metier.engine.models.model import TREE_TOKENS, LanguageModel
from metier.engine.scoring.likelihood import CopyScorer, OptionScorer, PlainScorer, Prefix, TreeScorer
from metier.engine.trees.token_trees import Options

SETS = 64
"""Label sets whose trees are kept."""
ANSWERS = 8192
"""Answers whose tokens are kept."""
SLOWER = [TreeScorer, CopyScorer, PlainScorer]
"""Ways of scoring. One that failed the gate is not taken again."""


class ResidentModel(LanguageModel):
    """The same model with a memory: the keys and values of what prompts begin with, and the way of scoring that passed
    the gate. Both cost more than the answer to a single question."""

    def __init__(self, model: LanguageModel, beginning: Sequence[int]) -> None:
        """`beginning`: tokens that the prompts of a benchmark begin with."""
        super().__init__(model.folder, model.network, model.tokenizer, model.warn, model.config)
        self.beginning = Prefix(list(beginning))
        self._scorer: type[OptionScorer] | None = None
        self._longest = 0  # prompt that the gate has seen
        self._trees = lru_cache(SETS)(Options.of)
        self._tokens_of = lru_cache(ANSWERS)(super().answer)

    def answer(self, answer: str, chat_template: bool = False) -> list[int]:
        return list(self._tokens_of(answer, chat_template))

    def _options(self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]) -> OptionScorer:
        longest = max(map(len, prompts))
        # The gate looks at masks, and not at words. A mask can be wrong from some length on (a window), so much longer
        # prompts are checked again.
        if self._scorer is None or longest > min(2 * self._longest, TREE_TOKENS):
            scorer = super()._options(prompts, options)
            if longest > TREE_TOKENS:
                return scorer
            self._longest = longest
            self._scorer = max(self._scorer or TreeScorer, type(scorer), key=SLOWER.index)
        keys = {id(offered): tuple(map(tuple, offered)) for offered in options}
        trees = {one: self._trees(own) for one, own in keys.items()}
        return self._scorer(self.network, prompts, [trees[id(own)] for own in options], self.beginning)
