"""Options that several questions of one prompt offer, each scored once: pairs of the same answers."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metier.engine.trees.token_trees import WIDE

if TYPE_CHECKING:
    from metier.engine.scoring.likelihood import OptionScorer

Floats = NDArray[np.float64]
Tokens = Sequence[int]


def deduplicated(
    prompts: Sequence[Tokens],
    options: Sequence[Sequence[Tokens]],
    scorer_of: Callable[[Sequence[Tokens], Sequence[Sequence[Tokens]]], Any],
) -> Any:
    """A scorer of each prompt's own options by `scorer_of`, which gets every prompt with every option once.

    Where no prompt comes twice that is the scorer itself. Options of a prompt stand in trees of at most `WIDE` tokens:
    wider ones would pay more for attention than they save.
    """
    positions_of: dict[Hashable, list[int]] = defaultdict(list)
    for position, prompt in enumerate(prompts):
        positions_of[tuple(prompt)].append(position)
    if len(positions_of) == len(prompts):
        return scorer_of(prompts, options)
    entries: list[tuple[Tokens, list[Tokens]]] = []  # a prompt with some of the options that its questions offer
    places: list[list[tuple[int, int]]] = [[] for _ in prompts]
    for positions in positions_of.values():
        known: dict[tuple[int, ...], tuple[int, int]] = {}
        room = 0
        for position in positions:
            for option in map(tuple, options[position]):
                if option not in known:
                    if not known or len(option) > room and len(positions) > 1:
                        entries.append((prompts[position], []))
                        room = WIDE
                    room -= len(option)
                    here = entries[-1][1]
                    known[option] = (len(entries) - 1, len(here))
                    here.append(option)
                places[position].append(known[option])
    return AskedOnce(scorer_of([prompt for prompt, _ in entries], [offered for _, offered in entries]), places)


class AskedOnce:
    """Scores of questions, read off the entries in which their options stand.

    `batches` (lists of positions) follow those of the entries' scorer: a question stands where its last entry does.
    """

    def __init__(self, scorer: "OptionScorer", places: list[list[tuple[int, int]]]) -> None:
        self.scorer, self.places = scorer, places
        self.known: dict[int, Floats] = {}
        batch_of = {entry: number for number, batch in enumerate(scorer.batches) for entry in batch}
        batches: list[list[int]] = [[] for _ in scorer.batches]
        for position, own in enumerate(places):
            batches[max(batch_of[entry] for entry, _ in own)].append(position)
        self.batches = [batch for batch in batches if batch]

    def score(self, batch: Sequence[int]) -> list[Floats]:
        """For each question of a batch (options,) summed log-probabilities, in nats."""
        needed = {entry for position in batch for entry, _ in self.places[position]} - set(self.known)
        for entries in self.scorer.batches:
            if not needed.isdisjoint(entries):
                # All of them, needed now or later: an evaluation that goes on after a kill reads the same batches, and
                # in batches of another shape the last digits differ.
                self.known.update(zip(entries, self.scorer.score(entries), strict=True))
        return [np.array([self.known[entry][place] for entry, place in self.places[position]]) for position in batch]
