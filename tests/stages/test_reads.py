"""What a run opens, and how often: each data file is read to its end once, each file of answers once in a report."""

from collections import Counter
from pathlib import Path

import pytest

from metier.data import reading
from metier.data.dataset import MIRROR
from metier.evaluation import answers, samples
from metier.evaluation.answers import Answers
from metier.recipes.schema import load
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.stages.curate import curate
from metier.stages.evaluate import evaluate
from metier.stages.report import report
from metier.stages.train import train
from tests.datasets.test_datasets import RAW, unchecked
from tests.tiny import write_lines, write_triage

LABELS = ("hawkish", "dovish", "neutral")


@pytest.fixture
def read(monkeypatch):
    """Path -> how often it was read to its end."""
    monkeypatch.delenv(MIRROR, raising=False)  # with a mirror, general text of it is read too
    counts, real = Counter(), reading.pieces

    def pieces(path, format):
        yield from real(path, format)
        counts[Path(path).name] += 1

    monkeypatch.setattr(reading, "pieces", pieces)
    return counts


def through(recipe, folder):
    run = runs.open_run(folder, recipe, Progress())
    for stage in (curate, train, evaluate, report):
        stage(run)
    return run


def test_a_whole_run_reads_each_data_file_once(read, tmp_path):
    through(load(write_triage(tmp_path), changes=["retention={general: 0.5}"]), tmp_path / "run")
    assert read == {"train.jsonl": 1, "test.jsonl": 1}


@pytest.fixture
def stances(tmp_path, monkeypatch):
    """A recipe that learns from a published dataset which its benchmark asks, with two solved examples."""
    monkeypatch.setenv(MIRROR, str(tmp_path))
    dataset, words = unchecked("fomc_stance"), ("raise", "lower", "keep")
    folder = tmp_path / dataset.folder
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        rows = [
            {
                **RAW["fomc_stance"],
                "id": f"{split}{n}",
                "sentence": f"{split} {n}: we {words[n % 3]} it",
                "label": LABELS[n % 3],
            }
            for n in range(12)
        ]
        write_lines(folder / f"{split}.jsonl", rows)
    keys = {"industry": "finance", "model": "fake", "datasets": ["fomc_stance"], "steps": ["normalize"]}
    keys |= {"benchmarks": [{"fomc_stance": {"num_fewshot": 2}}], "methods": ["sft"], "retention": {}}
    return write_lines(tmp_path / "recipe.yaml", [keys])


def test_a_dataset_that_is_learned_from_and_asked_is_read_once(read, stances, tmp_path):
    curate(runs.open_run(tmp_path / "run", load(stances), Progress()))
    assert read == {"train.jsonl": 1, "dev.jsonl": 1, "test.jsonl": 1}


def test_a_report_reads_each_file_of_answers_and_samples_once(trained_run, monkeypatch):
    recipe, folder = trained_run
    run = runs.saved_run(folder, Progress())
    evaluate(run)
    counts: Counter[str] = Counter()
    for module, name in ((answers, "read_answers"), (samples, "_read")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module,
            name,
            lambda *given, real=real, name=name: counts.update([f"{name} {given[1:] or given}"]) or real(*given),
        )
    report(run)
    assert counts and set(counts.values()) == {1}


def test_questions_and_labels_come_back_from_samples_as_they_were(curated_run):
    recipe, folder = curated_run
    run = runs.saved_run(folder, Progress())
    (mine,), (declared,) = samples.open_samples(run).benchmarks, load(recipe).build_benchmarks()
    rows = run.table("curate", "train.parquet")
    assert mine.questions() == declared.questions() and mine.label_set() == declared.label_set(rows)
    assert mine.times() == declared.times() and mine.labeled == declared.labeled
    assert [mine.render(one) for one in mine.questions()] == [declared.render(one) for one in declared.questions()]


def test_solved_examples_come_back_too(stances, tmp_path):
    run = runs.open_run(tmp_path / "run", load(stances), Progress())
    curate(run)
    (mine,), (declared,) = Answers(run).judging.benchmarks, load(stances).build_benchmarks()
    assert declared.solved and mine.solved == declared.solved
    assert mine.render(mine.questions()[0]) == declared.render(declared.questions()[0])
