"""Days, blocks of rows, and what is ranked in them."""

from types import SimpleNamespace

import numpy as np

from metier.monitoring.looks import BLOCK, Looks
from metier.monitoring.traces import Trace


def row(certainty=None):
    return Trace("", "r", None, {}, "a", certainty, None, None, None, None, None)


def looks(certainty, clustered=False):
    table = SimpleNamespace(groups=[str(n) for n in range(len(certainty))], answers=[])
    run = SimpleNamespace(recipe=SimpleNamespace(seed=0))
    return Looks(
        SimpleNamespace(
            run=run, labels=(), table=table, certainty=np.array(certainty), no_certainty="", clustered=clustered
        )
    )


def test_certainty_of_four_digits_is_ranked_like_that_of_the_test():
    held = looks([0.99984] * 50)
    look = held.of(row(), 0)
    for number in range(400):
        held.watch(row(0.9998), f"g{number}")
    held.end()
    assert look.certainty_cells.sum() == 400 and look.certainty_cells.max() < 50, "all are tied"


def test_blocks_grow_with_the_rows_and_earlier_ones_never_change():
    held = looks([0.5])
    for number in range(600_000):
        held.of(ROW, number).rows += 1
        if number == 300_000:
            before = [(look.name, look.rows) for look in held.all[:-1]]
    assert len(held.all) < 1000 and held.all[0].rows == BLOCK < held.all[-2].rows
    assert [(look.name, look.rows) for look in held.all[: len(before)]] == before


ROW = row()


def test_groups_with_long_names_are_told_apart():
    held = looks([0.5] * 5, clustered=True)
    look = held.of(row(), 0)
    for group in ("g" * 300 + "1", "g" * 300 + "2", "g" * 300 + "1"):
        held.watch(row(0.5), group)
    held.end()
    assert look.certainty_cells.sum() == 2
