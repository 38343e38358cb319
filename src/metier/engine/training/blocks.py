"""Raw text as blocks to learn whole: no token twice, none lost, and no text sees another."""

from collections.abc import Sequence

from metier.engine.trees.examples import Example


def blocks(text: Sequence[int], size: int, end: int) -> list[Example]:
    """One text's tokens in blocks of at most `size`, the end token behind the last.

    The first token of a block is only read: it is the last of the block before, so each token but the text's first is
    learned once. Short blocks stand together in a batch, each with its own positions and its own sight.
    """
    tokens = [*text, end]
    starts = range(0, len(tokens) - 1, size - 1)
    return [Example(tokens[start : start + 1], (list(tokens[start + 1 : start + size]),)) for start in starts]
