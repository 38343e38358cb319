"""The fake model, loaded once for the tests of decoding."""

import pytest
import torch

from metier.engine.models.model import load


@pytest.fixture(scope="module")
def fake(cache):
    return load("fake", dtype=torch.float32)
