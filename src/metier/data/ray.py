"""Row-wise steps over a Ray cluster: the same step classes on blocks of the same rows, so the same rows are kept.

Steps that need all rows at once (dedup, split, select) run where the command runs, on the table that Ray gives back.
"""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa

from metier.data.pipeline import BATCH_ROWS, DROPPED
from metier.data.step import StepContext, StepLike, StepResult
from metier.errors import UserError


def mapper(step: StepLike, rows: pa.Table, context: StepContext) -> Iterator[StepResult]:
    """A `sifting.Mapper`. Raises `UserError` where Ray is not installed."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UserError(
            "Ray is not installed. Run `pip install 'metier[ray]'`, or leave out `--executor ray`."
        ) from error
    if not ray.is_initialized():
        # A cluster that RAY_ADDRESS names, else workers on this machine; Ray's usage reports stay off.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    given = ray.put((step, context))
    blocks = [_numbered(rows.slice(at, BATCH_ROWS), at) for at in range(0, max(len(rows), 1), BATCH_ROWS)]

    def filter_rows(block: pa.Table) -> pa.Table:
        its_step, its_surroundings = _fetched(given)
        return marked(its_step.apply(block.drop_columns(["position"]), its_surroundings), block["position"][0].as_py())

    data = ray.data.from_arrow(blocks).map_batches(
        filter_rows, batch_format="pyarrow", batch_size=None, zero_copy_batch=True
    )
    done: dict[int, list[pa.Table]] = defaultdict(list)  # Ray parts a block of long texts into several
    for block in ray.get(data.to_arrow_refs()):
        for at in pa.compute.unique(block["position"]).to_pylist() if len(block) else ():
            done[at].append(block.filter(pa.compute.equal(block["position"], at)))
    for at in sorted(done):
        yield unmarked(pa.concat_tables(done[at]))


@cache
def _fetched(given: Any) -> tuple[Any, StepContext]:
    """Step and context, once per worker: what a step makes from the benchmarks is made once too."""
    import ray

    step: tuple[Any, StepContext] = ray.get(given)
    return step


def _numbered(block: pa.Table, at: int) -> pa.Table:
    return block.append_column("position", pa.array([at] * len(block), pa.int64()))


def marked(sifted: StepResult, at: int) -> pa.Table:
    """Kept and dropped rows of one block as one table: kept ones have no reason."""
    kept = sifted.kept.append_column("reason", pa.nulls(len(sifted.kept), pa.string()))
    whole = pa.concat_tables([kept.cast(DROPPED), sifted.dropped.cast(DROPPED)])
    notes = pa.array([json.dumps(sifted.notes)] * len(whole), pa.string())
    return _numbered(whole, at).append_column("notes", notes)


def unmarked(block: pa.Table) -> StepResult:
    notes = json.loads(block["notes"][0].as_py())
    rows = block.select(DROPPED.names).cast(DROPPED)
    gone = rows["reason"].is_valid()
    return StepResult(rows.filter(pa.compute.invert(gone)).drop_columns(["reason"]), rows.filter(gone), notes)
