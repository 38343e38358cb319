"""Importance of texts for a target by hashed word pairs: DSIR (Xie et al. 2023, NeurIPS), from Arrow buffers.

The definition is that of the authors' package `data-selection`: words are nltk's wordpunct of the lower-cased text
(runs of letters, digits and _, or runs of other signs); words and pairs of words are counted in buckets by SHA-256; a
text weighs the sum of log p_target - log p_candidates. A quicker hash is no way out: much of a weight depends on
which words share a bucket (rank correlation with the package .988 on MedQuAD, and .80 a character). So each different
word or pair is hashed once.
"""

from functools import cache
from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa

from metier.data.kernels.sha256 import sha256_buckets
from metier.data.kernels.words import PRIME, SEED, U, buffers, mixed

SMOOTHING = 1e-8
"""Added to each bucket's share, as in the package."""
GOLD = U(0x9E3779B97F4A7C15)
SPACE, WORD, SIGN = 0, 1, 2
TABLED = 0x20000
"""Characters from here on have no case: rare Chinese ones (words) up to 0xE0000, and tags (signs) above."""
CONTEXTUAL = (0x130, 0x3A3)
"""I with a dot, capital sigma: their lower case is two characters or depends on the next one, so Python does it."""


@cache
def _characters() -> tuple[np.ndarray, np.ndarray]:
    """(class, lower case) of each code point below TABLED, as Python's `re` and `str.lower` see them."""
    texts = [chr(code) for code in range(TABLED)]
    kinds = [WORD if t.isalnum() or t == "_" else SPACE if t.isspace() else SIGN for t in texts]
    return np.array(kinds, np.uint8), np.array([ord(text.lower()[0]) for text in texts], np.uint32)


@nb.njit(inline="always")
def _code_point(buffer: Any, place: Any, first: Any) -> Any:
    """(code point, bytes) of the UTF-8 sequence at `place`, which is not ASCII."""
    if first < 0xE0:
        return (first & 0x1F) << 6 | (buffer[place + 1] & 0x3F), 2
    if first < 0xF0:
        return (first & 0x0F) << 12 | (buffer[place + 1] & 0x3F) << 6 | (buffer[place + 2] & 0x3F), 3
    high = (first & 0x07) << 18 | (buffer[place + 1] & 0x3F) << 12
    return high | (buffer[place + 2] & 0x3F) << 6 | (buffer[place + 3] & 0x3F), 4


@nb.njit(inline="always")
def _encode(code: Any, into: Any, at: Any) -> Any:
    """Write a code point as UTF-8; returns the place behind it."""
    if code < 0x80:
        into[at] = code
        return at + 1
    if code < 0x800:
        into[at] = 0xC0 | code >> 6
        into[at + 1] = 0x80 | code & 0x3F
        return at + 2
    if code < 0x10000:
        into[at] = 0xE0 | code >> 12
        into[at + 1] = 0x80 | code >> 6 & 0x3F
        into[at + 2] = 0x80 | code & 0x3F
        return at + 3
    into[at] = 0xF0 | code >> 18
    into[at + 1] = 0x80 | code >> 12 & 0x3F
    into[at + 2] = 0x80 | code >> 6 & 0x3F
    into[at + 3] = 0x80 | code & 0x3F
    return at + 4


@nb.njit(inline="always")
def _place(hashed: Any, slots: Any) -> Any:
    """Where a hash stands in the table, or the free place where it would."""
    mask = slots.shape[0] // 2 - 1
    at = np.int64(hashed) & mask
    while slots[2 * at + 1] != 0 and slots[2 * at] != hashed:
        at = (at + 1) & mask
    return 2 * at


@nb.njit(nogil=True, cache=True)
def _grown(slots: Any) -> Any:
    """The table of (hash, number + 1) pairs with four times the room."""
    out = np.zeros(slots.shape[0] * 4, np.uint64)
    for old in range(0, slots.shape[0], 2):
        if slots[old + 1] != 0:
            at = _place(slots[old], out)
            out[at], out[at + 1] = slots[old], slots[old + 1]
    return out


@nb.njit(nogil=True, cache=True)
def _room(size: Any, known: Any, slots: Any, arena: Any, begins: Any) -> Any:
    """Whether the tables surely hold what a text of so many bytes may bring: the hashes half full, each word in itself
    and in two pairs, and letters that take three bytes for one."""
    return (
        4 * (known + 2 * size) <= slots.shape[0]
        and begins[known] + 9 * size + 64 <= arena.shape[0]
        and known + 2 * size + 2 <= begins.shape[0]
    )


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _split(
    buffer: Any, place: Any, end: Any, kinds: Any, lower: Any, words: Any, hashes: Any, begins: Any
) -> Any:  # fmt: skip
    """One text's words: in lower case with a space behind each, their hashes and places; returns how many.

    -1 where a character's lower case stands in no table.
    """
    h, last, count, at = SEED, SPACE, 0, 0
    begins[0] = 0
    while place <= end:
        code: Any = np.int64(0)
        width: Any = 1
        kind: Any = SPACE
        if place < end:
            code = np.int64(buffer[place])
            if code < 0x80:
                kind = np.int64(kinds[code])
                code = np.int64(lower[code])
            else:
                code, width = _code_point(buffer, place, code)
                if code in CONTEXTUAL:
                    return -1
                if code < TABLED:
                    kind = np.int64(kinds[code])
                    code = np.int64(lower[code])
                else:
                    kind = WORD if code < 0xE0000 else SIGN
        if kind != last:
            if last != SPACE:
                hashes[count] = mixed(h)
                words[at] = 32
                at += 1
                count += 1
                begins[count] = at
                h = SEED
            last = kind
        if kind != SPACE:
            h = (h ^ U(code)) * PRIME
            at = _encode(code, words, at)
        place += width
    return count


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _grams(
    buffer: Any, offsets: Any, kinds: Any, lower: Any, words: Any, hashes: Any, places: Any,
    slots: Any, arena: Any, begins: Any, row: Any, known: Any, out: Any, ends: Any,
) -> Any:  # fmt: skip
    """Fill `out` with the numbers of all words and pairs from `row` on, `ends` with where each row's end.

    Returns (row, grams known) when all is read, at a row for which the tables might be too small, or at one that
    `_split` cannot read. Tables are not enlarged here: numba counts references to arrays that change in a loop, at each
    turn, which took ten times as long. A row is split before any of its words is looked up, so that the processor waits
    for many places in the table at once.
    """
    filled = ends[row - 1] if row > 0 else 0
    while row < offsets.shape[0] - 1 and _room(offsets[row + 1] - offsets[row], known, slots, arena, begins):
        count = _split(buffer, offsets[row], offsets[row + 1], kinds, lower, words, hashes, places)
        if count < 0:
            break
        for i in range(count):
            for pair in range(1 + (i > 0)):
                gram = mixed(hashes[i - 1] * GOLD + hashes[i]) if pair else hashes[i]
                slot = _place(gram, slots)
                if slots[slot + 1] == 0:
                    first, size = places[i - pair], places[i + 1] - 1 - places[i - pair]
                    for j in range(size):
                        arena[begins[known] + j] = words[first + j]
                    begins[known + 1] = begins[known] + size
                    known += 1
                    slots[slot], slots[slot + 1] = gram, U(known)
                out[filled] = np.int32(slots[slot + 1]) - 1
                filled += 1
        ends[row] = filled
        row += 1
    return row, known


class Grams:
    """All different words and pairs met so far: a table of their hashes, and their bytes one behind the other."""

    def __init__(self) -> None:
        self.slots, self.arena = np.zeros(1 << 17, np.uint64), np.empty(1 << 20, np.uint8)
        self.begins, self.known = np.zeros(1 << 16, np.int64), 0

    def read(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """(numbers of all words and pairs, where each row's end)."""
        buffer, offsets = buffers(texts)
        longest = int(np.diff(offsets).max(initial=0))
        # A row's words in lower case with one space between, so that a pair is one piece of it.
        words = np.empty(4 * longest + 8, np.uint8)
        hashes, places = np.empty(longest + 1, np.uint64), np.empty(longest + 2, np.int64)
        # Not filled, so what no word comes to takes no memory. A text has at most as many words as bytes.
        numbers, ends = np.empty(2 * int(offsets[-1] - offsets[0]), np.int32), np.zeros(len(texts), np.int64)
        row = 0
        while row < len(texts):
            row, self.known = _grams(
                buffer, offsets, *_characters(), words, hashes, places,
                self.slots, self.arena, self.begins, row, self.known, numbers, ends,
            )  # fmt: skip
            if row < len(texts) and not self._enlarged(int(offsets[row + 1] - offsets[row])):
                buffer, offsets = buffers(_lowered(texts))
        return numbers[: ends[-1] if len(ends) else 0], ends

    def _enlarged(self, size: int) -> bool:
        """Whether the tables were too small for a row of so many bytes; now they are not."""
        enlarged = False
        while not _room(size, self.known, self.slots, self.arena, self.begins):
            self.slots, enlarged = _grown(self.slots), True
            for name in ("arena", "begins"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.empty(3 * len(old), old.dtype)]))
        return enlarged

    def buckets(self, buckets: int) -> np.ndarray:
        """The bucket of each."""
        return sha256_buckets(self.arena, self.begins[: self.known + 1], buckets)


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _counts(numbers: Any, bucket: Any, counts: Any) -> None:
    for i in range(numbers.shape[0]):
        counts[bucket[numbers[i]]] += 1


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _sums(numbers: Any, ends: Any, gain: Any, sums: Any) -> None:
    i = 0
    for row in range(ends.shape[0]):
        total = 0.0
        while i < ends[row]:
            total += gain[numbers[i]]
            i += 1
        sums[row] = total


def importance(candidates: pa.Array, target: pa.Array, buckets: int = 10_000) -> np.ndarray:
    """Log importance weight of each text of a large_string array: how much likelier its words are in the target.

    Not divided by length, as in the paper: a long text gathers more for it and more against it. Memory: about 1.5 bytes
    a byte of text, and 100 a different word or pair.
    """
    grams = Grams()
    read = [grams.read(texts) for texts in (target, candidates)]
    bucket = grams.buckets(buckets)
    shares = []
    for numbers, _ in read:
        counts = np.zeros(buckets, np.int64)
        _counts(numbers, bucket, counts)
        shares.append(counts / max(counts.sum(), 1) + SMOOTHING)
    gain = np.log(shares[0]) - np.log(shares[1])
    numbers, ends = read[1]
    sums = np.zeros(len(candidates))
    _sums(numbers, ends, gain[bucket], sums)
    return sums


def _lowered(texts: pa.Array) -> pa.Array:
    special = set(map(chr, CONTEXTUAL))
    lower = [text.lower() if special & set(text) else text for text in texts.to_pylist()]
    return pa.array(lower, pa.large_string())
