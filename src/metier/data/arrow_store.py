"""Rows and texts that are too many to stand in memory: written to a nameless file and mapped.

The file lies where temporary files lie (TMPDIR) and is gone when nobody looks at it any more, also after a kill.
"""

import mmap
import tempfile
from collections.abc import Iterable
from typing import IO, Any

import numpy as np
import pyarrow as pa

LARGE_BYTES = 256 << 20
"""Less than this stands in memory: no file is as fast."""


def table(parts: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """The parts one behind the other, mapped."""
    with tempfile.TemporaryFile() as file:
        with pa.ipc.new_file(pa.PythonFile(file, "w"), schema) as writer:
            for part in parts:
                writer.write_table(part.cast(schema))
        return pa.ipc.open_file(pa.py_buffer(_map(file))).read_all()


def filtered(rows: pa.Table, keep: pa.Array) -> pa.Table:
    """The rows where `keep` is true; mapped where the rows are large."""
    if rows.nbytes < LARGE_BYTES:
        return rows.filter(keep)
    begins = np.cumsum([0, *(batch.num_rows for batch in rows.to_batches())])
    parts = (
        pa.Table.from_batches([batch.filter(keep[begin : begin + batch.num_rows])], rows.schema)
        for begin, batch in zip(begins, rows.to_batches(), strict=False)
    )
    return table(parts, rows.schema)


def strings(parts: Iterable[pa.Array]) -> pa.Array:
    """Large strings one behind the other as one array whose bytes are mapped; its offsets stand in memory."""
    lengths = [np.zeros(1, np.int64)]
    with tempfile.TemporaryFile() as file:
        for part in parts:
            _, offsets, data = part.buffers()
            places = np.frombuffer(offsets, np.int64, len(part) + 1, part.offset * 8)
            if data is not None:
                file.write(memoryview(data)[places[0] : places[-1]])
            lengths.append(np.diff(places))
        ends = np.cumsum(np.concatenate(lengths))
        data = pa.py_buffer(_map(file)) if ends[-1] else pa.py_buffer(b"")
        return pa.LargeStringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), data)


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array to be filled; in a nameless file where it is large."""
    if np.prod(shape) * np.dtype(dtype).itemsize < LARGE_BYTES // 4:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape).view(np.ndarray)


def _map(file: IO[bytes]) -> Any:
    file.flush()
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
