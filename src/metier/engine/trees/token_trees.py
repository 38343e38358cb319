"""Token trees: what several sequences share stands in a batch once, and every token sees its own ancestors only.

A tree is written in preorder, so one number a node says all: node `i` stands behind node `j` exactly where
`j <= i < end[j]`. Attention masks, positions and the rows for the LM head follow from that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SHARED_AT_LEAST = 16
"""Tokens that prompts must begin with together to be read together: an instruction, a sentence, solved examples."""
WIDE = 512
"""Tokens of a tree of several prompts: wider ones cost more attention than they save, and make batches of one text."""


@dataclass
class TokenTree:
    """A forest of tokens in preorder; grown at its right edge."""

    tokens: list[int] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    """-1 for a root, else the position of the token before."""

    def __len__(self) -> int:
        return len(self.tokens)

    def grow(self, tokens: Sequence[int], below: int = -1) -> list[int]:
        """Positions of a chain of new tokens below a node that is still open (on the right edge)."""
        positions = []
        for token in tokens:
            self.tokens.append(token)
            self.parent.append(below)
            self.depth.append(self.depth[below] + 1 if below >= 0 else 0)
            below = len(self.tokens) - 1
            positions.append(below)
        return positions

    def graft(self, tree: "TokenTree", below: int) -> int:
        """Hang a whole tree below a node; returns the offset of its positions."""
        offset, base = len(self.tokens), (self.depth[below] + 1 if below >= 0 else 0)
        self.tokens += tree.tokens
        self.depth += [base + depth for depth in tree.depth]
        self.parent += [below if parent < 0 else offset + parent for parent in tree.parent]
        return offset

    def ends(self) -> NDArray[np.int64]:
        """(n,) the position behind the last token of each node's subtree."""
        ends = list(range(1, len(self.tokens) + 1))
        for position in range(len(ends) - 1, -1, -1):
            above = self.parent[position]
            if above >= 0 and ends[position] > ends[above]:
                ends[above] = ends[position]
        return np.array(ends, dtype=np.int64)


@dataclass(frozen=True)
class Options:
    """Answers as a tree behind a question. Their last tokens are scored and never fed, so only inner nodes cost."""

    options: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, options: Sequence[Sequence[int]]) -> "Options":
        if any(not option for option in options):
            raise ValueError("an option without tokens has no likelihood")
        return cls(tuple(tuple(option) for option in options))

    @cached_property
    def _grown(self) -> tuple[TokenTree, list[tuple[int, int, int]]]:
        tree, steps = TokenTree(), []
        path: list[int] = []
        before: tuple[int, ...] = ()
        # Sorted, so that each option leaves the one before it at some node and never comes back: preorder.
        for number in sorted(range(len(self.options)), key=lambda n: self.options[n]):
            option = self.options[number]
            shared = common_length(before[:-1], option[:-1])
            path = path[:shared]
            path += tree.grow(option[shared:-1], path[-1] if path else -1)
            steps += [(number, -1 if end == 0 else path[end - 1], token) for end, token in enumerate(option)]
            before = option
        return tree, steps

    @property
    def tree(self) -> TokenTree:
        """Inner nodes only."""
        return self._grown[0]

    @property
    def steps(self) -> list[tuple[int, int, int]]:
        """(option, node that predicts, predicted token); node -1 is the question's last token."""
        return self._grown[1]


@dataclass(frozen=True)
class Step:
    """One prediction to read off: `node` of a row predicts `token` of one option of one question."""

    question: int
    option: int
    node: int
    token: int


def row_of(questions: Sequence[tuple[Sequence[int], Options]]) -> tuple[TokenTree, list[Step]]:
    """One tree with all questions of a row, and what to read off it.

    `questions` are (tokens, options); what two neighbors share stands once.
    """
    tree, steps = TokenTree(), []
    path: list[int] = []
    before: Sequence[int] = ()
    for number, (tokens, options) in enumerate(questions):
        shared = common_length(before, tokens)
        path = path[:shared]
        path += tree.grow(tokens[shared:], path[-1] if path else -1)
        offset = tree.graft(options.tree, path[-1])
        steps += [
            Step(number, option, path[-1] if node < 0 else offset + node, token)
            for option, node, token in options.steps
        ]
        before = tokens
    return tree, steps


def sees(trees: Sequence[TokenTree], width: int) -> NDArray[np.bool_]:
    """(rows, width, width): whether a token (second axis) sees another (third axis); padding sees itself only."""
    ends = np.arange(1, width + 1)[None].repeat(len(trees), 0)
    for row, tree in enumerate(trees):
        ends[row, : len(tree)] = tree.ends()
    position = np.arange(width)
    behind = position[:, None] >= position[None, :]
    mask: NDArray[np.bool_] = behind[None] & (position[None, :, None] < ends[:, None, :])
    return mask


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences begin with together."""
    for position, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return position
    return min(len(first), len(second))


def common_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with; at least one token of each is left, to have something to ask behind."""
    first, last = min(map(list, prompts)), max(map(list, prompts))
    return min(common_length(first, last), min(len(prompt) for prompt in prompts) - 1)


@dataclass(frozen=True)
class Bundle:
    """Prompts that stand in one tree, by their places, and the tokens they put into a batch."""

    members: list[int]
    tokens: int


def bundles(
    prompts: Sequence[Sequence[int]], answers: Sequence[int], share: float, most: float = math.inf
) -> list[Bundle]:
    """Neighbors whose prompts begin alike: a sentence, a table, a product asked about several times.

    A prompt joins the tree of the one before where that has `share` of its tokens already, and `SHARED_AT_LEAST`: less
    saves less than attention over the longer tree costs. `answers`: tokens behind each prompt. A tree stays within
    `WIDE` tokens, or twice its first prompt with the answers, and within `most` in any case.
    """
    bundled: list[list[int]] = []
    sizes: list[int] = []
    before: Sequence[int] = ()
    limit = 0.0
    for place, prompt in enumerate(prompts):
        shared = common_length(before, prompt)
        more = len(prompt) - shared + answers[place]
        if shared >= max(SHARED_AT_LEAST, share * len(prompt)) and sizes[-1] + more <= limit:
            bundled[-1].append(place)
            sizes[-1] += more
        else:
            bundled.append([place])
            sizes.append(len(prompt) + answers[place])
            limit = min(most, max(WIDE, 2 * sizes[-1]))
        before = prompt
    return [Bundle(members, tokens) for members, tokens in zip(bundled, sizes, strict=True)]


def input_tokens(prompt: Sequence[int], answers: Sequence[Sequence[int]]) -> int:
    """Tokens that a prompt and the tree of its answers put into a batch."""
    return len(prompt) + (len(answers[0]) - 1 if len(answers) == 1 else len(Options.of(answers).tree))
