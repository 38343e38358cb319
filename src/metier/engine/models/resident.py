"""A model that answers small batches again and again: what it has read and checked once is kept."""

from collections.abc import Sequence
from functools import lru_cache

from metier.engine.models.model import TREE_TOKENS, LanguageModel
from metier.engine.scoring.likelihood import OptionScorer, Prefix
from metier.engine.trees.token_trees import Options

SETS = 64
"""Label sets whose trees are kept."""
ANSWERS = 8192
"""Answers whose tokens are kept."""
Key = tuple[tuple[int, ...], ...]


class ResidentModel(LanguageModel):
    """The same model with a memory: the keys and values of what prompts begin with, and the way of scoring that passed
    the gate. Both cost more than the answer to a single question."""

    def __init__(self, model: LanguageModel, beginning: Sequence[int]) -> None:
        """`beginning`: tokens that the prompts of a benchmark begin with."""
        super().__init__(model.folder, model.network, model.tokenizer, model.warn, model.config)
        self.beginning = Prefix(list(beginning))
        self._way: type[OptionScorer] | None = None
        self._checked: dict[Key, int] = {}  # label set -> longest prompt that the gate has seen with it
        self._trees = lru_cache(SETS)(Options.of)
        self._tokens_of = lru_cache(ANSWERS)(super().answer)

    def answer(self, answer: str, chat_template: bool = False) -> list[int]:
        return list(self._tokens_of(answer, chat_template))

    def _options(self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]) -> OptionScorer:
        keys = {id(offered): tuple(map(tuple, offered)) for offered in options}
        # Options of each row's own count as one set: the gate looks at masks, and not at words.
        key = next(iter(keys.values())) if len(keys) == 1 else ()
        longest = max(map(len, prompts))
        # A mask can be wrong from some length on (a window), so much longer prompts are checked again.
        if self._way is None or longest > min(2 * self._checked.get(key, 0), TREE_TOKENS):
            scorer = super()._options(prompts, options)
            if longest <= TREE_TOKENS:
                self._way = type(scorer)
                self._checked = {**dict(list(self._checked.items())[-SETS:]), key: longest}
            return scorer
        trees = {one: self._trees(own) for one, own in keys.items()}
        return self._way(self.network, prompts, [trees[id(own)] for own in options], self.beginning)
