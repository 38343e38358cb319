"""Each step: what it keeps, what it drops, and the reason it gives."""

import pyarrow as pa
import pytest

from metier.data.records import canonical, rows_to_table
from metier.data.step import StepContext
from metier.data.steps import decontaminate, dedup, normalize, select, split
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.recipes import plugins
from tests.tiny import write_lines

CONTEXT = StepContext(seed=0, benchmarks=[])


def table(rows):
    base = {"source": "s", "license": "mit"}
    return rows_to_table({"id": str(n), "origin": str(n), **base, **row} for n, row in enumerate(rows))


def reasons(sifted):
    return dict(zip(sifted.dropped["id"].to_pylist(), sifted.dropped["reason"].to_pylist(), strict=True))


def test_normalize_fixes_encoding_and_spaces():
    sifted = normalize.Step().apply(
        table([{"text": "caf\u00c3\u00a9  au \t lait \n now"}, {"text": "e\u0301"}]), CONTEXT
    )
    assert sifted.kept["text"].to_pylist() == ["caf\u00e9 au lait\nnow", "\u00e9"]
    assert sifted.notes == {"changed": 2}


def test_normalize_drops_what_is_only_space():
    assert reasons(normalize.Step().apply(table([{"text": " \u00a0\n"}, {"text": "x"}]), CONTEXT)) == {
        "0": "no text left"
    }


def test_duplicates_differ_in_case_and_punctuation_only():
    sifted = dedup.Step().apply(
        table([{"text": "Heart failure."}, {"text": "heart  FAILURE"}, {"text": "heart"}]), CONTEXT
    )
    assert reasons(sifted) == {"1": "same text as 0"}


def test_contradictory_labels_are_dropped_with_both_names():
    rows = [{"text": "a", "label": "x"}, {"text": "A", "label": "y"}, {"text": "b", "label": "x"}]
    assert reasons(dedup.Step().apply(table(rows), CONTEXT)) == {
        "0": "same text with 2 labels: x, y",
        "1": "same text with 2 labels: x, y",
    }


def test_a_held_out_row_wins_over_its_copy_in_training():
    rows = [{"text": "a", "split": "train"}, {"text": "a", "split": "valid"}]
    assert reasons(dedup.Step().apply(table(rows), CONTEXT)) == {"0": "same text as 1"}


def test_no_group_stands_on_both_sides_and_every_label_stays_in_training():
    rows = [{"text": str(n), "label": "xyz"[n % 3], "group": f"g{n // 4}"} for n in range(120)]
    kept = split.Step(valid=0.25).apply(table(rows), CONTEXT).kept.to_pylist()
    sides = {}
    for row in kept:
        sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert {row["label"] for row in kept if row["split"] == "train"} == set("xyz")
    assert 0.15 < sum(row["split"] == "valid" for row in kept) / 120 < 0.35


def test_sides_that_a_source_fixed_stay():
    rows = [{"text": "a", "split": "train"}, {"text": "b", "split": "valid"}]
    assert split.Step().apply(table(rows), CONTEXT).kept["split"].to_pylist() == ["train", "valid"]


def held_out_by_time(rows, **settings):
    """Ids on the valid side, and the notes."""
    sifted = split.Step(by="time", **settings).apply(table(rows), CONTEXT)
    return {row["id"] for row in sifted.kept.to_pylist() if row["split"] == "valid"}, sifted.notes


def test_further_rows_of_a_group_follow_those_whose_side_is_fixed():
    rows = [{"text": f"{n}", "group": f"p{n % 20}", "source": "two", "split": None} for n in range(200)]
    rows += [{"text": f"held out {n}", "group": f"p{n}", "split": "valid"} for n in range(5)]
    rows += [{"text": f"learned {n}", "group": f"p{n + 5}", "split": "train"} for n in range(5)]
    sides: dict = {}
    for row in split.Step().apply(table(rows), CONTEXT).kept.to_pylist():
        sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(found) == 1 for found in sides.values())
    assert sides["p3"] == {"valid"} and sides["p7"] == {"train"} and len(sides) == 20


def test_by_time_the_latest_rows_are_held_out_whatever_their_labels():
    # In no order, in several forms of one calendar; 2024-03-01T01:00+02:00 is still February in UTC.
    times = ["2024-03-02", "20240101", "2024-03-01T01:00:00+02:00", "2023-12-31 23:59", "2024-03-01", "2022-05", "2021"]
    rows = [{"text": str(n), "time": when, "label": "a" if n in (0, 4) else "b"} for n, when in enumerate(times)]
    assert held_out_by_time(rows, valid=0.29)[0] == {"0", "4"}
    held_out, notes = held_out_by_time(rows, valid=0.43)
    assert held_out == {"0", "4", "2"} and notes["held_out_from"] == "2024-02-29T23:00:00+00:00"
    assert notes["without_time"] == 0 and "alarms" not in notes


def test_by_time_no_row_trains_that_may_be_later_than_a_held_out_one():
    # A month or a year alone may mean its last day.
    rows = [{"text": str(n), "time": f"2024-{n + 1:02}-15"} for n in range(12)]
    rows += [{"text": "x", "time": "2024"}, {"text": "y", "time": "2024-10"}, {"text": "z", "time": "2023"}]
    held_out, _ = held_out_by_time(rows, valid=0.34)
    assert held_out == {"9", "10", "11", "12", "13"}  # from October the 15th on


def test_by_time_rows_of_one_time_are_not_parted_and_some_train():
    rows = [{"text": str(n), "time": "2021" if n < 4 else "2022"} for n in range(10)]
    assert held_out_by_time(rows, valid=0.1)[0] == {str(n) for n in range(4, 10)}
    assert held_out_by_time(rows[2:5], valid=0.1)[0] == {"2"}


def test_by_time_a_group_that_straddles_the_boundary_is_held_out_whole():
    rows = [{"text": str(n), "time": f"2024-01-{n + 1:02}", "group": f"g{n % 2}" if n < 4 else None} for n in range(20)]
    rows += [{"text": "late", "time": "2024-02-01", "group": "g1"}, {"text": "undated", "group": "g1"}]
    rows += [{"text": "alone"}]
    held_out, notes = held_out_by_time(rows, valid=0.2)
    assert held_out == {"1", "3", "20", "21", "19"}
    assert notes["earlier_rows_of_held_out_groups"] == 2 and notes["without_time"] == 2
    assert notes["alarms"] == ["2 rows have no time: they train, but for those of a held-out group."]


def test_by_time_a_cluster_of_duplicates_counts_as_a_group():
    rows = [{"text": f"note {n} of another day", "time": f"2024-01-{n + 1:02}"} for n in range(9)]
    rows += [{"text": "The same words!", "time": "2024-01-01"}, {"text": "the same words", "time": "2024-03-01"}]
    marked = dedup.Step(drop=False).apply(table(rows), CONTEXT).kept
    kept = split.Step(by="time", valid=0.2).apply(marked, CONTEXT).kept.to_pylist()
    assert {row["id"] for row in kept if row["split"] == "valid"} == {"9", "10"}


def test_by_time_unreadable_times_stop_the_run_and_are_named():
    rows = [{"text": "a", "time": "2024-01-01"}, {"text": "b", "time": "3rd of May"}, {"text": "c", "time": "2024-13"}]
    with pytest.raises(UserError, match=r"2 rows.*row 1 \(1\): '3rd of May'; row 2 \(2\): '2024-13'"):
        held_out_by_time(rows)
    # A row whose side the dataset fixed is not asked for its time.
    fixed = [{"text": "a", "source": "t", "split": "valid", "time": "soon"}]
    assert held_out_by_time([rows[0], {"text": "b", "time": "2025-01-01"}, *fixed])[0] == {"1", "2"}


@pytest.mark.parametrize(("times", "said"), [([None, " "], "no row has a time"), (["2024", "2024"], "none is earlier")])
def test_by_time_it_is_said_where_nothing_can_be_held_out(times, said):
    with pytest.raises(UserError, match=said):
        held_out_by_time([{"text": str(n), "time": when} for n, when in enumerate(times)])
    # Where another dataset brought held-out rows, those that cannot be parted train, and it is said.
    rows = [
        {"text": "v", "source": "t", "split": "valid"},
        *({"text": str(n), "time": when} for n, when in enumerate(times)),
    ]
    held_out, notes = held_out_by_time(rows)
    assert held_out == {"0"} and said in notes["alarms"][0]


def test_the_split_knows_three_ways():
    assert [plugins.build("steps", "split", {"by": way}).by for way in ("group", "row", "time")]
    with pytest.raises(Problems, match="cannot take by: 'day'. There are: group, row, time."):
        plugins.build("steps", "split", {"by": "day"})


def test_written_answers_are_no_classes_to_hold_out_by():
    rows = [{"text": str(n), "label": f"{n // 2} days", "task": "desk", "group": str(n // 3)} for n in range(120)]
    written = Benchmark("desk", path="-", scorer="generate")
    for context, wanted in ((StepContext(0, [written]), 12), (StepContext(0, [Benchmark("desk", path="-")]), 0)):
        kept = split.Step().apply(table(rows), context).kept.to_pylist()
        sides = {(row["group"], row["split"]) for row in kept}
        assert [row["split"] for row in kept].count("valid") == wanted and len(sides) == 40


def test_test_questions_leave_the_training_rows(tmp_path):
    path = write_lines(tmp_path / "t.jsonl", [{"text": "Chest pain!", "label": "x"}])
    context = StepContext(0, [Benchmark("mine", path=str(path))])
    sifted = decontaminate.Step().apply(table([{"text": "chest  pain"}, {"text": "chest"}]), context)
    assert reasons(sifted) == {"0": "is a question of 'mine' (t.jsonl:1)"}


def test_select_keeps_to_its_budget_and_the_labels_shares():
    rows = [{"text": str(n), "label": "a" if n % 4 else "b", "split": "train"} for n in range(100)]
    rows += [{"text": "v", "label": "a", "split": "valid"}]
    kept = select.Step(rows=20).apply(table(rows), CONTEXT).kept.to_pylist()
    labels = [row["label"] for row in kept if row["split"] == "train"]
    assert (labels.count("a"), labels.count("b")) == (15, 5)
    assert kept[-1]["split"] == "valid"


def test_select_draws_the_same_for_a_seed():
    rows = table([{"text": str(n), "label": "a", "split": "train"} for n in range(50)])
    one, two, other = (select.Step(rows=10).apply(rows, StepContext(seed, [])).kept["id"] for seed in (0, 0, 1))
    assert one == two != other


def test_canonical_text_ignores_form_and_keeps_words():
    assert canonical("\uff21-b,  C\u0327!") == canonical("a B \u00c7")
    assert canonical("non-specific") == canonical("non specific")
    for one, other in (("type 1", "type 2"), ("Rh+", "Rh-"), ("T < 38", "T > 38"), ("\U0001f600", "\U0001f622")):
        assert canonical(one) != canonical(other)
    assert isinstance(table([{"text": "x"}]), pa.Table)
