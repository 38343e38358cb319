"""SHA-256 of many short byte strings, many side by side, as the number of a bucket (FIPS 180-4)."""

from typing import Any

import numba as nb
import numpy as np

LANES = 64
"""Four AVX-512 registers of 32-bit words, which share the checks before each loop. 0.13 microseconds a string, where
`int(hashlib.sha256(string).hexdigest(), 16)` takes 1."""


def _roots(power: int, count: int) -> np.ndarray:
    """First 32 bits behind the point of the square or cube roots of the first primes, which are SHA-256's constants."""
    primes = [n for n in range(2, 320) if all(n % d for d in range(2, int(n**0.5) + 1))][:count]
    # In integers: the 64 constants need more bits than a float of 64 bits surely has.
    return np.array([_integer_root(prime << 32 * power, power) & 0xFFFFFFFF for prime in primes], np.uint32)


def _integer_root(n: int, power: int) -> int:
    low, high = 0, 1 << (n.bit_length() // power + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**power <= n else (low, middle - 1)
    return low


START, ROUNDS = _roots(2, 8), _roots(3, 64)


@nb.njit(inline="always")
def _turned(x: Any, by: Any) -> Any:
    return (x >> np.uint32(by)) | (x << np.uint32(32 - by))


@nb.njit(inline="always")
def _blocks(size: Any) -> Any:
    """Blocks of 64 bytes: the string, a byte 0x80 and its length in 8 bytes."""
    return (size + 72) // 64


@nb.njit(boundscheck=False, cache=True, nogil=True)
def _load(arena: Any, begins: Any, first: Any, block: Any, w: Any) -> None:
    """The sixteen words of a block of each string, padded, and the 48 that follow from them."""
    for lane in range(LANES):
        string = min(first + lane, begins.shape[0] - 2)
        begin, size = begins[string], begins[string + 1] - begins[string]
        w[:16, lane] = 0
        for place in range(block * 64, min(size, block * 64 + 64)):
            w[place >> 2 & 15, lane] |= np.uint32(arena[begin + place]) << np.uint32(24 - 8 * (place & 3))
        if block * 64 <= size < block * 64 + 64:
            w[size >> 2 & 15, lane] |= np.uint32(0x80) << np.uint32(24 - 8 * (size & 3))
        if block == _blocks(size) - 1:
            w[14, lane], w[15, lane] = np.uint32(size >> 29), np.uint32(size << 3)  # the length in bits, 8 bytes
    for t in range(16, 64):
        for lane in range(LANES):
            x, y = w[t - 15, lane], w[t - 2, lane]
            small = _turned(x, 7) ^ _turned(x, 18) ^ (x >> np.uint32(3))
            large = _turned(y, 17) ^ _turned(y, 19) ^ (y >> np.uint32(10))
            w[t, lane] = w[t - 16, lane] + small + w[t - 7, lane] + large


@nb.njit(boundscheck=False, cache=True, nogil=True)
def _compress(w: Any, rounds: Any, v: Any) -> None:
    """64 rounds. The eight registers do not move: their names do, by one a round."""
    for t in range(64):
        for lane in range(LANES):
            a, b, c = v[-t & 7, lane], v[(1 - t) & 7, lane], v[(2 - t) & 7, lane]
            e, f, g = v[(4 - t) & 7, lane], v[(5 - t) & 7, lane], v[(6 - t) & 7, lane]
            x = v[(7 - t) & 7, lane] + (_turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25))
            x += ((e & f) ^ (~e & g)) + rounds[t] + w[t, lane]
            v[(3 - t) & 7, lane] += x
            v[(7 - t) & 7, lane] = x + (_turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))


@nb.njit(boundscheck=False, cache=True, nogil=True)
def _buckets(arena: Any, begins: Any, start: Any, rounds: Any, buckets: Any, out: Any) -> None:
    n = begins.shape[0] - 1
    w = np.empty((64, LANES), np.uint32)
    state, v = np.empty((8, LANES), np.uint32), np.empty((8, LANES), np.uint32)
    for first in range(0, n, LANES):
        most = 0
        for string in range(first, min(first + LANES, n)):
            most = max(most, _blocks(begins[string + 1] - begins[string]))
        for j in range(8):
            state[j, :] = start[j]
        for block in range(most):
            _load(arena, begins, first, block, w)
            v[:, :] = state
            _compress(w, rounds, v)
            for lane in range(min(LANES, n - first)):
                if block < _blocks(begins[first + lane + 1] - begins[first + lane]):
                    state[:, lane] += v[:, lane]
        for lane in range(min(LANES, n - first)):
            rest = np.uint64(0)
            for j in range(8):
                rest = ((rest << np.uint64(32)) | np.uint64(state[j, lane])) % buckets
            out[first + lane] = rest


def sha256_buckets(arena: np.ndarray, begins: np.ndarray, buckets: int) -> np.ndarray:
    """`int(sha256(string).hexdigest(), 16) % buckets` of the strings arena[begins[i]:begins[i + 1]]."""
    assert 0 < buckets < 1 << 31
    out = np.empty(len(begins) - 1, np.int32)
    _buckets(arena, begins, START, ROUNDS, np.uint64(buckets), out)
    return out
