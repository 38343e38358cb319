"""One thread a test, a cache of its own, and no network: what passes here passes on a train."""

import gc
import os
import signal
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest  # noqa: E402
import torch  # noqa: E402

from metier.cli.progress_bar import TerminalHandler, listen  # noqa: E402
from metier.runs.progress import LOGGER  # noqa: E402

torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """The longest test first: last, it would be waited for by idle processes."""
    items.sort(key=lambda item: item.get_closest_marker("real_model") is None)


def pytest_collection_finish(session):
    """What the imports made stays: the collections that a run asks for need not walk through it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """The fake model is made once for all tests; the real one comes from the user's cache where it is there."""
    os.environ["METIER_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield


@pytest.fixture(autouse=True)
def listening():
    """What the library logs is shown as the command line shows it, on the standard error of the test."""
    handlers = list(LOGGER.handlers)
    LOGGER.handlers = [handler for handler in handlers if not isinstance(handler, TerminalHandler)]
    listen()
    yield
    LOGGER.handlers = handlers


@pytest.fixture(autouse=True)
def signals():
    """The command line listens to signals as long as its process lives; here the next test gets pytest's own back."""
    before, hook = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}, sys.unraisablehook
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.unraisablehook = hook


@pytest.fixture
def triage(tmp_path):
    """A folder with a team's own data (two departments, told apart by a word) and a recipe for it."""
    from tests.tiny import write_triage

    return write_triage(tmp_path)


@pytest.fixture
def data(tmp_path):
    """A folder with a triage desk's table as a CSV and nothing else."""
    from tests.tiny import desk_rows, write_csv

    return write_csv(tmp_path / "data" / "notes.csv", desk_rows()).parent


@pytest.fixture
def small_smoke(monkeypatch):
    """Smoke runs (`--quick`) of fewer rows and questions than a user's: the path is the same."""
    from metier.evaluation import held_out, samples
    from metier.experiments import dry_run
    from metier.stages import curate

    for stage in (dry_run, curate):
        monkeypatch.setattr(stage, "QUICK_ROWS", 64)
    for stage in (dry_run, curate, samples, held_out):
        monkeypatch.setattr(stage, "QUICK_QUESTIONS", 30)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium; the test is skipped where there is none."""
    from tests.browser import CHROMIUM, Browser

    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH: the page is not looked at")
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def recorded_run(tmp_path_factory):
    from tests.recorded import RecordedRun

    return RecordedRun(tmp_path_factory.mktemp("recorded") / "triage")


@pytest.fixture(scope="session")
def recorded_seeds(tmp_path_factory):
    from tests.recorded import RecordedSeeds

    return RecordedSeeds(tmp_path_factory.mktemp("recorded") / "wards")


@pytest.fixture
def curated_run(recorded_run):
    """(recipe, run folder) of a triage desk whose rows are curated; a test may do with them what it likes."""
    return recorded_run.after("curated")


@pytest.fixture
def trained_run(recorded_run):
    """The same, trained."""
    return recorded_run.after("trained")


@pytest.fixture
def finished_run(recorded_run):
    """The same, with its verdict and report."""
    return recorded_run.after("finished")


@pytest.fixture
def two_seed_run(recorded_seeds):
    """(recipe, folder) of two trainings of one recipe and their mean, reported."""
    return recorded_seeds.after()
