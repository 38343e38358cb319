"""Words in Arrow string buffers, folded as `records.canonical` folds them, hashed one after the other."""

from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa

U = np.uint64
# The loop over bytes stands in each kernel that needs words, here and in minhash.py and overlap.py: shared as an
# inlined function it cost up to five times the time (docs/log.md).
PRIME, SEED = U(0x100000001B3), U(0xCBF29CE484222325)  # FNV-1a, 64 bits
GOLD = U(0x9E3779B97F4A7C15)
MIX, HALF = U(0xD6E8FEB86659FD93), U(32)

BETWEEN_WORDS, JOINT = 0, 1
"""Classes in the fold table: a byte that parts words; - and /, which part them between two word bytes only."""


def _fold_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint8)
    table[ord("A") : ord("Z") + 1] += 32
    parting = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f.,;:!?\"'()[]"
    table[[ord(character) for character in parting]] = BETWEEN_WORDS
    table[[0]] = 2  # a NUL byte is a sign like others, and 0 and 1 are taken
    table[[1]] = 2
    table[[ord("-"), ord("/")]] = JOINT
    return table


FOLD = _fold_table()
WORD = np.array([chr(b).isalnum() and b < 128 or b == ord("_") or b >= 128 for b in range(256)])


@nb.njit(inline="always")
def mixed(x: Any) -> Any:
    """A 64-bit hash of a 64-bit number in which every bit depends on every other (xor-shift-multiply, twice)."""
    x ^= x >> HALF
    x *= MIX
    x ^= x >> HALF
    x *= MIX
    x ^= x >> HALF
    return x


@nb.njit(nogil=True, cache=True, boundscheck=False)
def joint(buffer: Any, place: Any, start: Any, end: Any, word: Any) -> Any:
    """What a - or / is: 0 between two word bytes, else itself.

    A call for the few such bytes only: the same lines inlined for every byte made the MinHash kernel five times slower.
    """
    if place > start and place + 1 < end and word[buffer[place - 1]] and word[buffer[place + 1]]:
        return np.uint8(0)
    return buffer[place]


def buffers(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(bytes, offsets) of a large_string array without a copy; offsets has one more entry than there are rows."""
    assert texts.type == pa.large_string() and not texts.null_count
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int64, len(texts) + 1, texts.offset * 8)
    return np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), places


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _word_hashes(buffer: Any, offsets: Any, fold: Any, word: Any, out: Any, ends: Any) -> Any:
    filled = 0
    for row in range(offsets.shape[0] - 1):
        start, end = offsets[row], offsets[row + 1]
        h, inside = SEED, False
        for place in range(start, end + 1):
            c = np.uint8(0)
            if place < end:
                c = fold[buffer[place]]
                if c == JOINT:
                    c = joint(buffer, place, start, end, word)
            if c != 0:
                h = (h ^ U(c)) * PRIME
                inside = True
            elif inside:
                out[filled] = mixed(h)
                filled += 1
                h, inside = SEED, False
        ends[row] = filled
    return filled


def word_hashes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(hashes of all words, where each row's words begin: one entry more than rows). For few texts: 8 bytes a word."""
    buffer, offsets = buffers(texts)
    out = np.zeros((int(offsets[-1] - offsets[0]) + len(texts)) // 2 + len(texts) + 1, np.uint64)
    begins = np.zeros(len(texts) + 1, np.int64)
    filled = _word_hashes(buffer, offsets, FOLD, WORD, out, begins[1:])
    return out[:filled], begins


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _sequence_hashes(buffer: Any, offsets: Any, fold: Any, word: Any, out: Any) -> None:
    for row in range(offsets.shape[0] - 1):
        start, end = offsets[row], offsets[row + 1]
        h, inside, whole = SEED, False, SEED
        for place in range(start, end + 1):
            c = np.uint8(0)
            if place < end:
                c = fold[buffer[place]]
                if c == JOINT:
                    c = joint(buffer, place, start, end, word)
            if c != 0:
                h = (h ^ U(c)) * PRIME
                inside = True
            elif inside:
                whole = mixed(whole * GOLD + mixed(h))
                h, inside = SEED, False
        out[row] = whole


def sequence_hashes(texts: pa.Array) -> np.ndarray:
    """(rows,) uint64: equal where `canonical` gives the same text (but for collisions of 64 bits)."""
    out = np.empty(len(texts), np.uint64)
    _sequence_hashes(*buffers(texts), FOLD, WORD, out)
    return out
