"""A finished run that has been at work."""

import pytest

from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving import job


@pytest.fixture
def run(finished_run):
    run = runs.saved_run(finished_run[1], Progress())
    job.predict(run, str(finished_run[0].with_name("test.jsonl")), finished_run[0].with_name("out.csv"), job.Wishes())
    return run
