"""Each step: what it keeps, what it drops, and the reason it gives."""

import pyarrow as pa

from metier.benchmarks import Declared
from metier.records import canonical, rows_to_table
from metier.steps import Surroundings, decontaminate, dedup, normalise, select, split
from tests.tiny import write_lines

AROUND = Surroundings(seed=0, benchmarks=[])


def table(rows):
    base = {"source": "s", "licence": "mit"}
    return rows_to_table({"id": str(n), "origin": str(n), **base, **row} for n, row in enumerate(rows))


def reasons(sifted):
    return dict(zip(sifted.dropped["id"].to_pylist(), sifted.dropped["reason"].to_pylist(), strict=True))


def test_normalise_mends_encoding_and_spaces():
    sifted = normalise.Step().apply(
        table([{"text": "caf\u00c3\u00a9  au \t lait \n now"}, {"text": "e\u0301"}]), AROUND
    )
    assert sifted.kept["text"].to_pylist() == ["caf\u00e9 au lait\nnow", "\u00e9"]
    assert sifted.notes == {"changed": 2}


def test_normalise_drops_what_is_only_space():
    assert reasons(normalise.Step().apply(table([{"text": " \u00a0\n"}, {"text": "x"}]), AROUND)) == {
        "0": "no text left"
    }


def test_duplicates_differ_in_case_and_punctuation_only():
    sifted = dedup.Step().apply(
        table([{"text": "Heart failure."}, {"text": "heart  FAILURE"}, {"text": "heart"}]), AROUND
    )
    assert reasons(sifted) == {"1": "same text as 0"}


def test_contradictory_labels_are_dropped_with_both_names():
    rows = [{"text": "a", "label": "x"}, {"text": "A", "label": "y"}, {"text": "b", "label": "x"}]
    assert reasons(dedup.Step().apply(table(rows), AROUND)) == {
        "0": "same text with 2 labels: x, y",
        "1": "same text with 2 labels: x, y",
    }


def test_a_held_out_row_wins_over_its_copy_in_training():
    rows = [{"text": "a", "split": "train"}, {"text": "a", "split": "valid"}]
    assert reasons(dedup.Step().apply(table(rows), AROUND)) == {"0": "same text as 1"}


def test_no_group_stands_on_both_sides_and_every_label_stays_in_training():
    rows = [{"text": str(n), "label": "xyz"[n % 3], "group": f"g{n // 4}"} for n in range(120)]
    kept = split.Step(valid=0.25).apply(table(rows), AROUND).kept.to_pylist()
    sides = {}
    for row in kept:
        sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert {row["label"] for row in kept if row["split"] == "train"} == set("xyz")
    assert 0.15 < sum(row["split"] == "valid" for row in kept) / 120 < 0.35


def test_sides_that_a_source_fixed_stay():
    rows = [{"text": "a", "split": "train"}, {"text": "b", "split": "valid"}]
    assert split.Step().apply(table(rows), AROUND).kept["split"].to_pylist() == ["train", "valid"]


def test_test_questions_leave_the_training_rows(tmp_path):
    path = write_lines(tmp_path / "t.jsonl", [{"text": "Chest pain!", "label": "x"}])
    around = Surroundings(0, [Declared("mine", path=str(path))])
    sifted = decontaminate.Step().apply(table([{"text": "chest  pain"}, {"text": "chest"}]), around)
    assert reasons(sifted) == {"0": "is a question of 'mine' (t.jsonl:1)"}


def test_select_keeps_to_its_budget_and_the_labels_shares():
    rows = [{"text": str(n), "label": "a" if n % 4 else "b", "split": "train"} for n in range(100)]
    rows += [{"text": "v", "label": "a", "split": "valid"}]
    kept = select.Step(rows=20).apply(table(rows), AROUND).kept.to_pylist()
    labels = [row["label"] for row in kept if row["split"] == "train"]
    assert (labels.count("a"), labels.count("b")) == (15, 5)
    assert kept[-1]["split"] == "valid"


def test_select_draws_the_same_for_a_seed():
    rows = table([{"text": str(n), "label": "a", "split": "train"} for n in range(50)])
    one, two, other = (select.Step(rows=10).apply(rows, Surroundings(seed, [])).kept["id"] for seed in (0, 0, 1))
    assert one == two != other


def test_canonical_text_ignores_form_and_keeps_words():
    assert canonical("\uff21-b,  C\u0327!") == canonical("a B \u00c7")
    assert canonical("non-specific") == canonical("non specific")
    for one, other in (("type 1", "type 2"), ("Rh+", "Rh-"), ("T < 38", "T > 38"), ("\U0001f600", "\U0001f622")):
        assert canonical(one) != canonical(other)
    assert isinstance(table([{"text": "x"}]), pa.Table)
