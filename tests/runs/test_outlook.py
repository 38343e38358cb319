"""The time left for a whole run, and signs of life."""

import time

import pytest

from metier.evaluation.samples import open_samples
from metier.experiments.expected_work import expected_work
from metier.runs import progress
from metier.runs.outlook import Outlook, Piece, coarse
from metier.runs.progress import Progress
from metier.runs.run import saved_run

PIECES = [
    Piece("train", "training", "train", 6000),
    Piece("evaluate", "evaluate: base, desk", "ask", 9000),
    Piece("evaluate", "evaluate: tuned, desk", "ask", 9000),
]


def begun(*names, pieces=PIECES):
    outlook = Outlook()
    outlook.expect(pieces)
    for name in names:
        outlook.begin(name)
    return outlook


def test_nothing_is_promised_before_something_is_measured():
    assert begun("training").left() == ""


def test_what_is_to_come_is_told_by_the_speed_of_training_until_it_is_measured_itself():
    outlook = begun("training")
    outlook.measure(0.5, 300)  # 10 characters a second; asking is taken to be three times as fast: 2 x 300 s
    assert outlook.left(300) == "about 15 min left for the whole run"
    outlook.begin("evaluate: base, desk")
    outlook.measure(0.1, 90)  # in truth as slow
    assert outlook.left(810) == f"about {(810 + 900) / 60:.0f} min left for the whole run"


def test_answers_that_are_written_are_no_part_of_a_promise_that_nobody_can_make():
    outlook = begun("training", pieces=[PIECES[0], Piece("evaluate", "evaluate: base, desk", "write", 9000)])
    outlook.measure(0.5, 300)
    assert outlook.left(300) == "over 5 min left for the whole run"


def test_a_stage_that_was_done_before_is_not_waited_for():
    outlook = begun()
    outlook.speeds["ask"] = 10
    outlook.reach("curate")
    assert len(outlook.pieces) == 3
    outlook.reach("evaluate")
    assert outlook.left() == "about 30 min left for the whole run"
    outlook.begin("evaluate: tuned, desk")
    assert outlook.left() == "" and outlook.left(9) == "about 1 min left for the whole run"


@pytest.mark.parametrize(("seconds", "words"), [(5, "1 min"), (150, "2 min"), (5999, "100 min"), (9000, "2.5 h")])
def test_no_promise_is_to_the_second(seconds, words):
    assert coarse(seconds) == words


def test_the_work_of_a_run_is_its_trainings_and_both_models_on_every_benchmark(curated_run):
    run = saved_run(curated_run[1], Progress())
    pieces = expected_work(run)
    assert [piece.name for piece in pieces] == ["training", "evaluate: base, triage", "evaluate: tuned, triage"]
    rows, [benchmark] = run.table("curate", "train.parquet"), open_samples(run).everything
    assert pieces[0].work == sum(map(len, rows["text"].to_pylist()))
    labels = sum(map(len, benchmark.label_set()))
    assert pieces[1].work == sum(len(one.text) + labels for one in benchmark.questions())
    further = [piece.name for piece in expected_work(run, 2)][3:]
    assert further == 2 * ["training", "evaluate: tuned, triage"]


def test_long_work_gives_a_sign_of_life(monkeypatch, capsys):
    monkeypatch.setattr(progress, "HEARTBEAT_S", 0.02)
    with Progress().working("check: timing"):
        time.sleep(0.3)
    time.sleep(0.1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "check: timing" and len(lines) > 2
    assert all(line.startswith("  check: timing: ") and line.endswith(" so far") for line in lines[1:])
    time.sleep(0.1)
    assert capsys.readouterr().err == ""  # and no more once it is done


def test_lines_of_long_work_tell_the_rate_and_the_time_left_for_the_whole(monkeypatch, capsys):
    now = iter(range(0, 10_000, 20))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))
    work = Progress()
    work.outlook.expect(PIECES)
    work.stage(2, 4, "train")
    work.begin("training", 10, "steps")
    for _ in range(3):
        work.advance()
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "stage 2 of 4: train"
    assert said[-1] == (
        "  training: 3 of 10 steps, 0.05/s, 2:20 min left; about 6 min left for the whole run"
    )  # 600 characters in 20 s, so both benchmarks in 2 x 100 s
