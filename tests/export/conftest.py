"""One finished run for all tests of exports; none of them changes it."""

import pytest

from metier.runs.progress import Progress
from metier.runs.run import saved_run
from tests.runs.test_runs import go
from tests.tiny import write_triage


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("export")
    go(write_triage(home), home / "run")
    return saved_run(home / "run", Progress())
