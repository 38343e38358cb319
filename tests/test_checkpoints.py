"""A checkpoint is whole or it does not count."""

import json

import pytest

from metier.engine import checkpoints


def checkpoint(folder, step):
    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    (made / "weights").write_bytes(b"w" * step)
    (made / checkpoints.SEAL).write_text(json.dumps(checkpoints._hashes(made)))
    return made


def test_the_newest_whole_checkpoint_is_found_by_number(tmp_path):
    for step in (90, 100, 20):
        checkpoint(tmp_path, step)
    assert checkpoints.newest(tmp_path).name == "checkpoint-100"
    assert checkpoints.newest(tmp_path / "absent") is None


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
