"""How many examples the property tests try, and the finished run that they attack."""

import gc
import tempfile

import pytest
from hypothesis import HealthCheck, Phase, settings

# No shrinking: an example is one or two small changes already, and a try of it may take seconds. Without a database
# nothing is kept from one call to the next.
COMMON = settings(
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    print_blob=True,
)
settings.register_profile("suite", COMMON, max_examples=200, derandomize=True)
settings.register_profile("torture", COMMON, max_examples=10_000)
settings.load_profile("suite")  # `--hypothesis-profile=torture` comes after it


@pytest.fixture(scope="session")
def field(cache, tmp_path_factory):
    """A finished quick run, copied for every attack."""
    from tests.attack.harness import Field

    before = tempfile.tempdir
    yield Field(tmp_path_factory.mktemp("attack"))
    tempfile.tempdir = before
    gc.unfreeze()
