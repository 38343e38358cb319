"""Texts in which a byte table is enough to fold: what is not ASCII is put into canonical form first.

A table of 256 cannot say that full-width letters, ligatures or other scripts' capitals and spaces are the same. One of
65,536 can, character by character, and is what this kernel uses. Where a character's form depends on its neighbors
(combining accents that were not composed, Korean letters, rare planes), the row goes through `records.canonical`.
"""

import unicodedata
from functools import cache
from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data import arrow_store
from metier.data.kernels.words import buffers
from metier.data.records import canonical

PLANE = 1 << 16
GROWTH = 32
"""Bytes that a character can gain: the longest form, of U+FDFA, has 33 bytes."""


@cache
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(folded bytes, where each character's begin: one entry more, awkward characters)."""
    folded, begins, awkward = bytearray(), np.zeros(PLANE + 1, np.int32), np.zeros(PLANE, np.bool_)
    for point in range(PLANE):
        character = chr(point)
        if 0xD800 <= point < 0xE000:
            awkward[point] = True
        else:
            form = unicodedata.normalize("NFKC", character).casefold()
            awkward[point] = unicodedata.combining(character) != 0 or 0x1100 <= point < 0x1200
            folded += b" " if form.isspace() else form.encode()
        begins[point + 1] = len(folded)
    return np.frombuffer(bytes(folded), np.uint8), begins, awkward


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _fold(
    buffer: Any, offsets: Any, rows: Any, table: Any, begins: Any, awkward: Any, out: Any, sizes: Any, odd: Any
) -> None:
    """Fold the given rows into `out`, one behind the other."""
    filled = 0
    for number in range(rows.shape[0]):
        place, end, before = offsets[rows[number]], offsets[rows[number] + 1], filled
        while place < end:
            lead = buffer[place]
            if lead < 0x80:
                out[filled] = lead
                filled += 1
                place += 1
                continue
            width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            if width == 4:
                point = np.int64(lead & 7) << 18 | np.int64(buffer[place + 1] & 63) << 12
                point |= np.int64(buffer[place + 2] & 63) << 6 | np.int64(buffer[place + 3] & 63)
                if point < 0x1F300 or point >= 0x1FB00:  # but for emoji, which stand for themselves
                    odd[number] = True
                for step in range(4):
                    out[filled] = buffer[place + step]
                    filled += 1
            else:
                point = np.int64(lead & (31 if width == 2 else 15))
                for step in range(1, width):
                    point = point << 6 | np.int64(buffer[place + step] & 63)
                if awkward[point]:
                    odd[number] = True
                for at in range(begins[point], begins[point + 1]):
                    out[filled] = table[at]
                    filled += 1
            place += width
        sizes[number] = filled - before


@nb.njit(nogil=True, cache=True, boundscheck=False)
def _room(buffer: Any, offsets: Any, rows: Any) -> Any:
    """Bytes that the folded rows need at most."""
    needed = 0
    for row in rows:
        foreign = 0
        for place in range(offsets[row], offsets[row + 1]):
            foreign += buffer[place] >= 0xC0
        needed += offsets[row + 1] - offsets[row] + GROWTH * foreign
    return needed


def foldable(texts: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The texts as one large_string array in which the byte table of `words` folds as `canonical` does.

    One difference is left: a - or / beside a sign that is not ASCII parts words.
    """
    if isinstance(texts, pa.ChunkedArray):
        parts = (_folded(chunk.cast(pa.large_string())) for chunk in texts.chunks)
        if texts.nbytes >= arrow_store.LARGE_BYTES:
            return arrow_store.strings(parts)
        return pa.concat_arrays([pa.array([], pa.large_string()), *parts]) if texts.num_chunks != 1 else next(parts)
    return _folded(texts.cast(pa.large_string()))


def _folded(array: pa.Array) -> pa.Array:
    mask = pc.invert(pc.string_is_ascii(array))
    rows = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
    if not len(rows):
        return array
    buffer, offsets = buffers(array)
    table, begins, awkward = _table()
    sizes, odd = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
    out = np.empty(_room(buffer, offsets, rows), np.uint8)
    _fold(buffer, offsets, rows, table, begins, awkward, out, sizes, odd)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    folded = pa.LargeStringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(out))
    if odd.any():
        strange = array.take(pa.array(rows[odd])).to_pylist()
        replaced = pa.array([canonical(text) for text in strange], pa.large_string())
        folded = pc.replace_with_mask(folded, pa.array(odd), replaced)
    return pc.replace_with_mask(array, mask, folded)
