"""Near-duplicates by MinHash and LSH, every pair verified by the Jaccard similarity itself.

MinHash: Broder 1997 (SEQUENCES); banding: Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, ch. 3. A row is the
set of its runs of `SHINGLE` words; a row with fewer words is one run.
"""

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa

from metier.data import arrow_store
from metier.data.kernels.words import FOLD, GOLD, JOINT, PRIME, SEED, WORD, U, buffers, joint, mixed

SHINGLE = 5
BANDS, BAND_ROWS = 16, 8
"""128 values a row. A pair at .85 meets in a band with probability .994, one at .8 with .947, one at .5 with .06."""
DOUBT = 0.08
"""2.5 standard errors of a similarity of .85 guessed from 128 values: guessed below threshold - DOUBT, a pair is not
verified. Misses 6 in 1,000 of the pairs that lie at the very threshold, and next to none above."""
GLANCE = 16
"""Values of one cache line: a pair at .85 shares less than half of them once in 10,000 times, one at .3 mostly."""
REMEMBERED = 1 << 25
"""Shingles of rows that were verified before, kept for the next pair: 256 MB at most."""
EMPTY = np.uint32(0xFFFFFFFF)


@nb.njit(inline="always")
def _shingle(ring: Any, count: Any, words: Any) -> Any:
    """Hash of the last `words` words, in their order."""
    s = U(0)
    for back in range(words):
        s = s * GOLD + ring[(count + SHINGLE - words + back) % SHINGLE]
    return mixed(s)


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _signatures(
    buffer: Any, offsets: Any, fold: Any, word: Any, a: Any, b: Any, out: Any, exact: Any, words: Any
) -> None:
    ring = np.zeros(SHINGLE, np.uint64)
    for row in range(offsets.shape[0] - 1):
        signature, start, end = out[row], offsets[row], offsets[row + 1]
        signature[:] = EMPTY
        count, h, inside, whole = 0, SEED, False, SEED
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
                hashed = mixed(h)
                whole = mixed(whole * GOLD + hashed)
                ring[count % SHINGLE] = hashed
                count += 1
                h, inside = SEED, False
                if count >= SHINGLE:
                    x = np.uint32(_shingle(ring, count, SHINGLE) >> U(32))
                    for j in range(a.shape[0]):
                        signature[j] = min(np.uint32(a[j] * x + b[j]), signature[j])
        if 0 < count < SHINGLE:
            x = np.uint32(_shingle(ring, count, count) >> U(32))
            for j in range(a.shape[0]):
                signature[j] = np.uint32(a[j] * x + b[j])
        exact[row], words[row] = whole, count


def signatures(texts: pa.Array, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """((rows, 128) uint32 MinHash values, (rows,) uint64 hash of the whole word sequence, (rows,) words).

    Two rows have equal whole hashes where `canonical` gives the same text (but for collisions of 64 bits).
    """
    generator = np.random.default_rng(seed)
    a = generator.integers(0, 1 << 31, BANDS * BAND_ROWS, np.uint32) * np.uint32(2) + np.uint32(1)
    b = generator.integers(0, 1 << 32, BANDS * BAND_ROWS, np.uint32)
    out = arrow_store.empty((len(texts), len(a)), np.uint32)
    exact, words = np.empty(len(texts), np.uint64), np.empty(len(texts), np.int64)
    buffer, offsets = buffers(texts)
    _signatures(buffer, offsets, FOLD, WORD, a, b, out, exact, words)
    return out, exact, words


@nb.njit(nogil=True, cache=True)
def _band_keys(signature: Any, band: Any, keys: Any) -> None:
    for row in range(signature.shape[0]):
        s = U(band)
        for j in range(band * BAND_ROWS, (band + 1) * BAND_ROWS):
            s = s * GOLD + U(signature[row, j])
        keys[row] = mixed(s)


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _shingle_set(buffer: Any, start: Any, end: Any, fold: Any, word: Any, table: Any) -> Any:
    """Put a row's different shingles into `table` (open addressing, 0 is empty); returns how many."""
    ring = np.zeros(SHINGLE, np.uint64)
    count, different, h, inside, last = 0, 0, SEED, False, table.shape[0] - 1
    table[:] = U(0)
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
            ring[count % SHINGLE] = mixed(h)
            count += 1
            h, inside = SEED, False
            if count >= SHINGLE:
                different += _insert(table, _shingle(ring, count, SHINGLE) | U(1), last)
    if 0 < count < SHINGLE:
        different += _insert(table, _shingle(ring, count, count) | U(1), last)
    return different


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _insert(table: Any, key: Any, last: Any) -> Any:
    """1 where the key was not there."""
    at = np.int64(key >> U(1)) & last
    while table[at] != 0:
        if table[at] == key:
            return 0
        at = (at + 1) & last
    table[at] = key
    return 1


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _shared(one: Any, other: Any) -> Any:
    """How many keys stand in both tables."""
    common, last = 0, other.shape[0] - 1
    for place in range(one.shape[0]):
        key = one[place]
        if key == 0:
            continue
        at = np.int64(key >> U(1)) & last
        while other[at] != 0:
            if other[at] == key:
                common += 1
                break
            at = (at + 1) & last
    return common


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _remembered(
    row: Any, buffer: Any, offsets: Any, fold: Any, word: Any, store: Any, at: Any, sizes: Any, room: Any
) -> Any:
    """Put a row's shingles into the store, if they are not there; False where the store is full. `at[-1]`: its end."""
    if at[row] >= 0:
        return True
    filled = at[-1]
    if filled + room[row] > store.shape[0]:
        return False
    table = store[filled : filled + room[row]]
    sizes[row] = _shingle_set(buffer, offsets[row], offsets[row + 1], fold, word, table)
    at[row], at[-1] = filled, filled + room[row]
    return True


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _jaccard(
    row: Any, other: Any, buffer: Any, offsets: Any, fold: Any, word: Any, store: Any, at: Any, sizes: Any, room: Any
) -> Any:
    for _ in range(2):
        if _remembered(row, buffer, offsets, fold, word, store, at, sizes, room) and _remembered(
            other, buffer, offsets, fold, word, store, at, sizes, room
        ):
            break
        at[:] = -1  # full: begin anew
        at[-1] = 0
    if not sizes[row] and not sizes[other]:
        return 1.0
    small, large = (row, other) if room[row] <= room[other] else (other, row)
    shared = _shared(store[at[small] : at[small] + room[small]], store[at[large] : at[large] + room[large]])
    return shared / (sizes[row] + sizes[other] - shared)


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _stars(
    buffer: Any, offsets: Any, fold: Any, word: Any, signature: Any, apart: Any, order: Any, ranks: Any,
    by_key: Any, places: Any, begins: Any, ends: Any, threshold: Any, store: Any, room: Any, center: Any,
    similarity: Any,
) -> Any:  # fmt: skip
    """Fill `center` (-1: stays) and `similarity`; returns (pairs guessed, pairs verified).

    Rows come in keeper order; each that is still there takes in all later rows of its buckets that are verified to be
    near it. So a row is dropped for the sake of a row that stays, and never by a chain.
    """
    at, sizes = np.full(offsets.shape[0], -1, np.int64), np.zeros(offsets.shape[0], np.int64)
    at[-1] = 0
    seen = np.full(offsets.shape[0], -1, np.int64)
    guessed, verified = 0, 0
    for turn in range(order.shape[0]):
        row = order[turn]
        if center[row] >= 0:
            continue
        for band in range(by_key.shape[0]):
            place = places[band, row]
            if ends[band, place] - begins[band, place] < 2:
                continue
            for slot in range(begins[band, place], ends[band, place]):
                other = by_key[band, slot]
                if seen[other] == row or center[other] >= 0 or ranks[other] <= turn or apart[other] != apart[row]:
                    continue
                seen[other] = row
                guessed += 1
                equal = 0
                for j in range(GLANCE):
                    equal += signature[row, j] == signature[other, j]
                if equal < GLANCE // 2:
                    continue
                for j in range(GLANCE, signature.shape[1]):
                    equal += signature[row, j] == signature[other, j]
                if equal < (threshold - DOUBT) * signature.shape[1]:
                    continue
                verified += 1
                jaccard = _jaccard(row, other, buffer, offsets, fold, word, store, at, sizes, room)
                if jaccard >= threshold:
                    center[other], similarity[other] = row, jaccard
    return guessed, verified


@dataclass(frozen=True)
class Stars:
    """`center[row]` is the row for whose sake it can go, -1 where it stays; `similarity` is their Jaccard."""

    center: np.ndarray
    similarity: np.ndarray
    exact: np.ndarray
    pairs_guessed: int
    pairs_verified: int


def near_duplicates(texts: pa.Array, threshold: float, apart: np.ndarray, order: np.ndarray, seed: int = 0) -> Stars:
    """Star clusters of near-duplicates among `foldable` texts.

    `apart`: rows with different numbers are never joined. `order`: all rows, the best to keep first. Memory: 512 bytes
    of values and 256 of buckets a row, mapped where they are large; the text is read where it lies.
    """
    n = len(texts)
    signature, exact, words = signatures(texts, seed)
    buffer, offsets = buffers(texts)
    by_key, places, begins, ends = (arrow_store.empty((BANDS, n), np.int32) for _ in range(4))
    keys = np.empty(n, np.uint64)
    for band in range(BANDS):
        _band_keys(signature, band, keys)
        _buckets(keys, by_key, places, begins, ends, band)
    ranks = np.empty(n, np.int64)
    ranks[order] = np.arange(n)
    center, similarity = np.full(n, -1, np.int64), np.zeros(n)
    # Tables of a power of two, at most two thirds full.
    room = np.int64(1) << np.ceil(np.log2(np.maximum(words, 1) * 1.5 + 1)).astype(np.int64)
    store = np.empty(max(min(int(room.sum()), REMEMBERED), 2 * int(room.max(initial=0))), np.uint64)
    guessed, verified = _stars(
        buffer, offsets, FOLD, WORD, signature, apart, order, ranks,
        by_key, places, begins, ends, threshold, store, room, center, similarity,
    )  # fmt: skip
    return Stars(center, similarity, exact, guessed, verified)


def _buckets(keys: np.ndarray, by_key: Any, places: Any, begins: Any, ends: Any, band: int) -> None:
    """Rows sorted by key; for each place where its bucket begins and ends."""
    order = np.argsort(keys)
    ordered = keys[order]
    edges = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.append(edges, len(keys)))
    by_key[band], places[band, order] = order, np.arange(len(keys))
    begins[band], ends[band] = np.repeat(edges, sizes), np.repeat(edges + sizes, sizes)
