"""A checkpoint is whole or it does not count."""

import json
import tracemalloc
from types import SimpleNamespace

import pytest

from metier.engine.training import checkpoints


def checkpoint(folder, step, after=0):
    """As a training that went on at step `after` writes it."""
    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    (made / "weights").write_bytes(b"w" * step)
    args, mark_done = SimpleNamespace(output_dir=str(folder)), checkpoints.Seal()
    mark_done.on_train_begin(args, SimpleNamespace(global_step=after), None)
    mark_done.on_save(args, SimpleNamespace(global_step=step), None)
    return made


def test_the_seconds_of_killed_attempts_are_kept(tmp_path):
    first = checkpoint(tmp_path, 4)
    is_done = json.loads((first / checkpoints.SEAL).read_text())
    (first / checkpoints.SEAL).write_text(json.dumps(is_done | {"seconds": 60}))
    assert 60 <= checkpoints.seconds(checkpoint(tmp_path, 8, after=4)) < 70
    assert checkpoints.seconds(tmp_path / "absent") == 0


def test_the_newest_whole_checkpoint_is_found_by_number(tmp_path):
    for step in (90, 100, 20):
        checkpoint(tmp_path, step)
    assert checkpoints.newest(tmp_path).name == "checkpoint-100"
    assert checkpoints.newest(tmp_path / "absent") is None


def test_hashes_do_not_hold_whole_files_in_memory(tmp_path):
    made = checkpoint(tmp_path, 4)
    with open(made / "optimizer.pt", "wb") as stream:
        stream.truncate(64 << 20)
    tracemalloc.start()
    try:
        checkpoints.newest(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("file", "content"), [("weights", b"torn"), ("seal.json", b""), ("seal.json", None), ("weights", None)]
)
def test_a_broken_checkpoint_is_removed_and_the_one_before_it_is_used(tmp_path, file, content):
    checkpoint(tmp_path, 4)
    broken = checkpoint(tmp_path, 8) / file
    if content is None:
        broken.unlink()
    else:
        broken.write_bytes(content)
    assert checkpoints.newest(tmp_path).name == "checkpoint-4"
    assert not broken.parent.exists()
