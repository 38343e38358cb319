"""Memory that a long training must not keep."""

import os
import subprocess
import sys

import pytest

from metier.engine.models import memory

LEAVE = """
import os
import torch
from pathlib import Path
from metier.engine.models.model import load


class Knot:
    pass


def resident():
    statm = Path("/proc/self/statm")  # on Linux alone
    return int(statm.read_text().split()[1]) * 4096 if statm.is_file() else 0


load("fake")
knot = Knot()
knot.itself, knot.tensors = knot, [torch.ones(1 << 20) for _ in range(64)]
pins = [torch.ones(8) for _ in range(8)]
del knot
held = resident()
load("fake")
print((held - resident()) >> 20)
print(os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"])
"""


@pytest.fixture(scope="module")
def left():
    """What a process says that loads two models: MB given back, and oneDNN's capacity."""
    told = {key: value for key, value in os.environ.items() if key != memory.CACHE}
    done = subprocess.run([sys.executable, "-c", LEAVE], capture_output=True, text=True, env=told, check=True)
    return done.stdout.split()


def test_few_compiled_products_are_kept_and_a_users_own_number_stands(left, monkeypatch):
    assert left[1] == "512"
    monkeypatch.setenv(memory.CACHE, "7")
    memory.keep_few_kernels()
    assert os.environ[memory.CACHE] == "7"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_a_new_model_begins_by_giving_back_what_the_last_one_left(left):
    assert int(left[0]) > 200  # of 256 MB


KEPT = """
import torch
from pathlib import Path
from metier.engine.models import memory


def freed():
    large = torch.ones(16 << 20)
    pin, held = torch.ones(8), resident()
    del large
    return (held - resident()) >> 20


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


for mode in (memory.for_answering, memory.for_training, memory.for_answering):
    mode()
    print(freed())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_a_large_tensor_is_given_back_when_answering_and_kept_when_training():
    said = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True).stdout
    answering, training, again = map(int, said.split())
    assert min(answering, again) > 60 and training < 4  # of 64 MB
