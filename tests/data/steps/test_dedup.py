"""Which of several like rows stays, and which are not like."""

import pyarrow as pa
import pytest

from metier.data.step import StepContext
from metier.data.steps import dedup
from metier.errors import Problems
from metier.evaluation.benchmark import Benchmark
from metier.recipes import plugins
from tests.data.steps.test_steps import CONTEXT, reasons, table

LONG = " ".join(f"word{n}" for n in range(60))
NEAR = LONG.replace("word59", "other")


def kept(rows, context=CONTEXT, **settings):
    return dedup.Step(**settings).apply(table(rows), context).kept["id"].to_pylist()


def test_a_near_duplicate_goes_and_its_reason_says_how_near_it_is():
    sifted = dedup.Step().apply(table([{"text": LONG}, {"text": NEAR}]), CONTEXT)
    assert reasons(sifted) == {"1": "96% of its word runs are those of 0"}  # 55 of 57
    assert (sifted.notes["exact"], sifted.notes["near"]) == (0, 1)


def test_a_threshold_of_one_is_exact_only():
    assert kept([{"text": LONG}, {"text": NEAR}, {"text": LONG.upper()}], threshold=1) == ["0", "1"]


def test_near_texts_of_two_labels_or_two_tasks_are_not_duplicates():
    assert kept([{"text": LONG, "label": "a"}, {"text": NEAR, "label": "b"}]) == ["0", "1"]
    assert kept([{"text": LONG, "task": "a"}, {"text": NEAR, "task": "b"}]) == ["0", "1"]


def test_the_longest_can_be_kept():
    assert kept([{"text": LONG}, {"text": LONG + " and more"}], keeper="longest") == ["1"]


def test_a_held_out_row_stays_whatever_its_length():
    rows = [{"text": LONG + " more", "split": "train"}, {"text": LONG, "split": "valid"}]
    assert kept(rows, keeper="longest") == ["1"]


def test_what_the_prompt_names_besides_the_text_makes_another_question():
    context = StepContext(0, [Benchmark("nli", path="-", prompt="{text} {claim}")])
    rows = [{"text": LONG, "task": "nli", "label": "yes", "fields": [("claim", claim)]} for claim in ("a", "b", "a")]
    assert kept(rows, context) == ["0", "1"]


def test_one_prompt_with_two_pairs_of_answers_is_two_preferences():
    rows = [{"text": "Why?", "chosen": "Because.", "rejected": rejected} for rejected in ("No.", "Never.", "No.")]
    assert kept(rows) == ["0", "1"]


def test_with_drop_off_all_rows_stay_and_a_cluster_is_one_group():
    rows = [
        {"text": LONG, "group": "p1"},
        {"text": NEAR, "group": "p2"},
        {"text": "else", "group": "p2"},
        {"text": "x"},
    ]
    sifted = dedup.Step(drop=False).apply(table(rows), CONTEXT)
    groups = sifted.kept["group"].to_pylist()
    assert len(groups) == 4 and groups[0] == groups[1] == groups[2] and groups[3] is None
    assert len(sifted.dropped) == 0


def test_a_dataset_that_would_be_wiped_out_gives_a_warning_with_its_largest_family():
    rows = [{"text": LONG.replace("word59", f"name{n}")} for n in range(10)]
    sifted = dedup.Step().apply(table(rows), CONTEXT)
    assert "90% of the rows of 's'" in sifted.notes["alarms"][0]
    assert sifted.notes["families"][0]["rows"] == 10 and sifted.notes["families"][0]["kept"] == "0"


def test_a_dataset_that_is_lost_to_contradictions_gives_a_warning():
    clauses = ["either party may end it", "the fee is due at once", "renewed each year"]
    rows = [{"text": text, "label": label, "source": "clauses"} for text, label in zip(clauses, "abc", strict=True)]
    rows += [{"text": text, "label": "yes", "source": "asked"} for text in clauses]
    rows += [{"text": f"number {n}", "label": "no", "source": "asked"} for n in range(20)]
    sifted = dedup.Step().apply(table(rows), CONTEXT)
    (alarm,) = sifted.notes["alarms"]
    assert alarm.startswith("100% of the rows of 'clauses'") and "name the benchmark that asks them" in alarm
    kept = dedup.Step(contradictions="keep").apply(table(rows), CONTEXT)
    assert len(kept.kept) == 26 and not kept.notes["alarms"]


def test_the_reason_of_a_contradiction_shows_three_labels_and_each_only_so_far():
    rows = [{"text": "Hello", "label": f"{n:03} {'x' * 1000}"} for n in range(400)]
    said = set(reasons(dedup.Step().apply(table(rows), CONTEXT)).values())
    labels = ", ".join(f"{n:03} {'x' * 56}..." for n in range(3))
    assert said == {f"same text with 400 labels: {labels} and 397 more"}


def test_unrelated_long_documents_are_all_kept():
    import numpy as np

    generator = np.random.default_rng(0)
    words = np.array([f"w{n}" for n in range(3000)])
    rows = [{"text": " ".join(generator.choice(words, 2000))} for _ in range(60)]
    assert len(kept(rows)) == 60


@pytest.mark.parametrize("settings", [{"threshold": 0.2}, {"keeper": "best"}, {"contradictions": "ask"}])
def test_settings_that_make_no_sense_are_said(settings):
    with pytest.raises(Problems):
        plugins.build("steps", "dedup", settings)


def test_no_rows_are_no_problem():
    assert len(dedup.Step().apply(table([]), CONTEXT).kept) == 0
    assert isinstance(dedup.Step(drop=False).apply(table([]), CONTEXT).kept, pa.Table)
