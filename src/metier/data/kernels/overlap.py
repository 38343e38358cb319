"""Where runs of words of a few known items occur in many texts, at any position.

Rolling polynomial hash over word hashes (Karp and Rabin 1987), one a run length; a bit array says "surely not" for
nearly every run, a sorted table knows the rest.
"""

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa

from metier.data.kernels.words import FOLD, GOLD, JOINT, PRIME, SEED, WORD, U, buffers, joint, mixed

BASE = U(0xD1342543DE82EF95)  # a multiplier of Steele and Vigna 2022, for a modulus of 2^64
LONGEST = 16
"""The longest run of words, a power of two: the ring of the last words has this length."""
BITS = 22
"""4 million bits, 512 kB: stays in the second-level cache."""
SHELVES = 16
"""Hashes are looked up by their first 16 bits, then one after the other."""
FIRST_ROOM = 1 << 16


def run_hashes(words: np.ndarray, length: int) -> np.ndarray:
    """Hashes of all runs of `length` words, in order, as the kernel makes them."""
    if len(words) < length:
        return np.zeros(0, np.uint64)
    powers = np.array([pow(int(BASE), length - 1 - place, 1 << 64) for place in range(length)], np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(words, length)
    named = np.uint64(length * int(GOLD) % (1 << 64))  # runs of other lengths are other runs
    return (windows * powers).sum(axis=1, dtype=np.uint64) + named


@dataclass(frozen=True)
class Runs:
    """Sorted hashes of the items' runs, where those with the same first bits begin (`shelves`), the bit array before
    them; `lengths` are the run lengths that occur."""

    hashes: np.ndarray
    shelves: np.ndarray
    lengths: np.ndarray
    bits: np.ndarray


def index(hashes: np.ndarray, lengths: list[int]) -> Runs:
    """Raises `ValueError` for a run longer than `LONGEST` words."""
    if lengths and max(lengths) > LONGEST:
        raise ValueError(f"Runs have at most {LONGEST} words, not {max(lengths)}.")
    known = np.unique(hashes)
    bits = np.zeros(1 << (BITS - 6), np.uint64)
    places = known >> U(64 - BITS)
    np.bitwise_or.at(bits, (places >> U(6)).astype(np.int64), U(1) << (places & U(63)))
    shelves = np.searchsorted(known >> U(64 - SHELVES), np.arange((1 << SHELVES) + 1, dtype=np.uint64))
    return Runs(known, shelves, np.array(sorted(lengths), np.int64), bits)


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _find(
    buffer: Any, offsets: Any, fold: Any, word: Any, lengths: Any, powers: Any, bits: Any, hashes: Any, shelves: Any,
    out: Any, whole: Any,
) -> Any:  # fmt: skip
    """Write (row, word, run length, number of the hash) of every run found; returns how many there are in all."""
    ring, rolled = np.zeros(LONGEST, np.uint64), np.zeros(lengths.shape[0], np.uint64)
    runs = 0
    for row in range(offsets.shape[0] - 1):
        start, end = offsets[row], offsets[row + 1]
        count, h, inside, sequence = 0, SEED, False, SEED
        ring[:], rolled[:] = U(0), U(0)
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
                latest = mixed(h)
                sequence = mixed(sequence * GOLD + latest)
                h, inside = SEED, False
                for which in range(lengths.shape[0]):
                    length = lengths[which]
                    gone = ring[(count - length) & (LONGEST - 1)] if count >= length else U(0)
                    rolled[which] = (rolled[which] - gone * powers[which]) * BASE + latest
                    if count + 1 < length:
                        continue
                    key = rolled[which] + U(length) * GOLD
                    bit = key >> U(64 - BITS)
                    if bits[bit >> U(6)] >> (bit & U(63)) & U(1):
                        shelf = np.int64(key >> U(64 - SHELVES))
                        at = shelves[shelf]
                        while at < shelves[shelf + 1] and hashes[at] != key:
                            at += 1
                        if at < shelves[shelf + 1]:
                            if runs < out.shape[0]:
                                out[runs, 0], out[runs, 1] = row, count + 1 - length
                                out[runs, 2], out[runs, 3] = length, at
                            runs += 1
                ring[count & (LONGEST - 1)] = latest
                count += 1
        whole[row] = sequence
    return runs


def occurrences(texts: pa.Array, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """((found, 4) int64, (rows,) uint64): where runs stand, and the rows' `sequence_hashes`.

    The four: row of `foldable` texts, word at which the run begins, its length, its place in `runs.hashes`.
    """
    buffer, offsets = buffers(texts)
    powers = np.array([pow(int(BASE), int(length) - 1, 1 << 64) for length in runs.lengths], np.uint64)
    out, whole = np.empty((FIRST_ROOM, 4), np.int64), np.empty(len(texts), np.uint64)
    table = (runs.lengths, powers, runs.bits, runs.hashes, runs.shelves)
    for _ in range(2):
        count = _find(buffer, offsets, FOLD, WORD, *table, out, whole)
        if count <= len(out):
            break
        out = np.empty((count, 4), np.int64)
    return out[:count], whole
