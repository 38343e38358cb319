"""A team's own files: every problem with file and line, nothing dropped."""

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.data import reading
from metier.data.reading import FileSource
from metier.data.records import SCHEMA
from metier.errors import Problems, UserError
from metier.recipes import plugins
from tests.tiny import write_lines

GOOD = {"text": "a note", "label": "x"}


def source(path, **settings):
    return FileSource(str(path), **{"label": "label", "license": "mit", **settings})


def test_rows_carry_license_and_origin(tmp_path):
    rows = source(write_lines(tmp_path / "a.jsonl", [GOOD, {**GOOD, "ward": 7}])).rows().to_pylist()
    assert [row["origin"] for row in rows] == ["a.jsonl:1", "a.jsonl:2"]
    assert {row["license"] for row in rows} == {"mit"}
    assert dict(rows[1]["fields"]) == {"ward": "7"}


def test_gzip_and_patterns_are_read(tmp_path):
    write_lines(tmp_path / "a.jsonl", [GOOD])
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as stream:
        stream.write(json.dumps(GOOD) + "\n")
    assert len(source(tmp_path / "*.jsonl*").rows()) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "x", "label": ', "a.jsonl:2 is no valid JSON"),
        (b'["text"]', "a.jsonl:2 is no JSON object but a list"),
        (b'{"text": "\xff\xfe", "label": "x"}', "a.jsonl:2 is not UTF-8 (byte 10)"),
        (b'{"text": "  ", "label": "x"}', "a.jsonl:2 has an empty text"),
        (b'{"text": 7, "label": "x"}', "a.jsonl:2 has no text"),
        (b'{"text": "x", "label": ""}', "a.jsonl:2 has no label"),
        (b'{"text": "x"}', "a.jsonl:2 has no label"),
        (b'{"text": "x", "label": NaN}', "a.jsonl:2 is no valid JSON: it holds NaN"),
        (b'{"text": "x", "label": ["y"]}', "a.jsonl:2 has a list in 'label'. Give one text or number."),
        (b'{"text": "x", "label": {"y": 1}}', "a.jsonl:2 has a dict in 'label'"),
        (b'{"text": "x", "label": "\\ud800"}', "a.jsonl:2 has half of a character pair in 'label'"),
        (b'{"text": "x", "label": "y", "further": ["\\ud800"]}', "a.jsonl:2 has half of a character pair in 'further'"),
    ],
)
def test_a_broken_line_is_said_with_file_and_line(tmp_path, line, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + line + b"\n")
    with pytest.raises(Problems) as caught:
        source(path).rows()
    assert message in str(caught.value)


def test_broken_lines_are_listed_together_and_the_list_ends(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{\n" * 25)
    with pytest.raises(Problems) as caught:
        source(path).rows()
    assert len(caught.value.problems) == 11
    assert "and 15 more" in caught.value.problems[-1]


def test_an_empty_file_is_said(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(UserError, match="is empty"):
        source(tmp_path / "a.jsonl").rows()


def test_a_missing_column_is_said_with_the_nearest_one(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"text": "x", "labels": "y"}])
    assert "no column 'label'. Did you mean 'labels'" in source(path).problems()[0]


def test_a_source_without_a_license_is_refused(tmp_path):
    assert "has no license" in source(write_lines(tmp_path / "a.jsonl", [GOOD]), license="").problems()[0]


def test_a_truncated_gzip_is_said(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode() * 50)[:40])
    with pytest.raises(UserError, match="cannot be read"):
        source(path).rows()


def test_a_file_torn_in_the_middle_stops_the_reading_however_much_may_be_broken(tmp_path):
    article = "<PubmedArticle><Abstract><AbstractText>Words.</AbstractText></Abstract></PubmedArticle>"
    article = article.replace("<Abstract>", "<MedlineCitation><Article><Abstract>")
    article = article.replace("</Abstract>", "</Abstract></Article></MedlineCitation>")
    (tmp_path / "a.nxml").write_text(f"<PubmedArticleSet>{article * 500}{article[:40]}")
    with pytest.raises(UserError, match=f"{tmp_path}/a.nxml breaks off at line 1"):
        FileSource(str(tmp_path), license="mit", max_error_rate=1).rows()


def deep(lists):
    """A line whose column `further` has so many lists within each other."""
    return '{"text": "x", "label": "y", "further": ' + "[" * lists + "]" * lists + "}\n"


@pytest.mark.parametrize("nested", [deep(900), deep(300).replace("[", '{"a":[').replace("]", "]}")])
def test_a_row_nested_too_deep_is_rejected_rows(tmp_path, nested):
    (tmp_path / "a.jsonl").write_text((json.dumps(GOOD) + "\n") * 200 + nested + deep(199))
    mine = source(tmp_path / "a.jsonl")
    assert len(mine.rows()) == 201
    (aside,) = mine.rejected_rows
    assert aside["origin"] == "a.jsonl:201" and aside["reason"].startswith("nests lists and objects more than 200 deep")


def test_the_fingerprint_follows_the_content(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [GOOD])
    before = source(path).fingerprint()
    write_lines(path, [GOOD, GOOD])
    assert source(path).fingerprint() != before


def test_files_of_one_name_in_two_folders_keep_their_rows_apart(tmp_path):
    for ward in ("a", "b"):
        (tmp_path / ward).mkdir()
        write_lines(tmp_path / ward / "notes.jsonl", [GOOD])
    ids = source(tmp_path / "*" / "notes.jsonl").rows()["id"].to_pylist()
    assert len(set(ids)) == 2


def test_a_file_with_brackets_in_its_name_is_a_file_and_no_pattern(tmp_path):
    assert len(source(write_lines(tmp_path / "a[1].jsonl", [GOOD])).rows()) == 1


def test_numbers_and_truth_values_are_labels_as_they_are_written(tmp_path):
    rows = [
        {"text": "a", "label": 1},
        {"text": "b", "label": 0},
        {"text": "c", "label": True},
        {"text": "d", "label": 0.5},
    ]
    assert source(write_lines(tmp_path / "a.jsonl", rows)).rows()["label"].to_pylist() == ["1", "0", "True", "0.5"]


# Rows rejected


def write_with_broken(path, good, broken):
    path.write_text((json.dumps(GOOD) + "\n") * good + "{\n" * broken)
    return path


def test_few_broken_rows_are_rejected_rows_with_place_reason_and_beginning(tmp_path):
    mine = source(write_with_broken(tmp_path / "a.jsonl", 198, 2))
    for _ in range(2):  # read again, they are not counted twice
        assert len(mine.rows()) == 198
        assert [piece["origin"] for piece in mine.rejected_rows] == ["a.jsonl:199", "a.jsonl:200"]
    assert mine.rejected_rows[0]["reason"].startswith("is no valid JSON") and mine.rejected_rows[0]["raw"] == "{\n"


def test_more_broken_rows_than_allowed_stop_the_reading(tmp_path):
    path = write_with_broken(tmp_path / "a.jsonl", 197, 3)
    with pytest.raises(Problems, match="a.jsonl:198 is no valid JSON"):
        source(path).rows()
    assert len(source(path, max_error_rate=0.02).rows()) == 197
    with pytest.raises(Problems):
        source(write_with_broken(path, 10_000, 1), max_error_rate=0).rows()
    with pytest.raises(Problems, match="cannot take max_error_rate: 2. Use a number at least 0 and at most 1"):
        plugins.construct(FileSource, "dataset", {"path": str(path), "license": "mit", "max_error_rate": 2})


def test_what_is_rejected_rows_can_be_written_down(tmp_path):
    rows = [GOOD] * 200 + [{"text": "x", "label": "\ud800", "\udfff": 1}]
    mine = source(write_lines(tmp_path / "a.jsonl", rows))
    mine.rows()
    assert len(mine.rejected_rows) == 1 and json.dumps(mine.rejected_rows, ensure_ascii=False).encode()


def test_a_first_row_that_is_broken_does_not_hide_the_columns(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{\n" + (json.dumps(GOOD) + "\n") * 200)
    assert source(path).problems() == [] and source(path).prompt_columns() == {"text"}
    assert "no column 'ward'" in source(path, group="ward").problems()[0]
    path.write_text("{\n")
    assert "a.jsonl:1 is no valid JSON" in source(path).problems()[0]


def test_rows_come_in_batches_of_one_schema(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BATCH_ROWS", 4)
    mine = source(write_lines(tmp_path / "a.jsonl", [{**GOOD, "n": n} for n in range(10)]))
    assert [len(batch) for batch in mine.batches()] == [4, 4, 2]
    assert mine.rows().schema == SCHEMA and len(mine.rows()) == 10
    monkeypatch.setattr(reading, "BATCH_CHARACTERS", 10)
    assert [len(batch) for batch in mine.batches()] == [2] * 5


# Ids


def test_a_row_may_bring_its_own_id_and_no_two_the_same(tmp_path):
    rows = [{**GOOD, "key": n} for n in range(300)]
    path = write_lines(tmp_path / "a.jsonl", [*rows, {**GOOD, "key": 7}, {**GOOD, "key": None}])
    mine = source(path, id="key")
    assert mine.rows()["id"].to_pylist() == [str(n) for n in range(300)]
    assert [piece["reason"] for piece in mine.rejected_rows] == [
        "has the id '7', which a.jsonl:8 has already. Give each its own.",
        "has no id in 'key'. Fill it in or remove the line.",
    ]
    assert mine.rows()["origin"][7].as_py() == "a.jsonl:8"
    assert not any(dict(fields) for fields in mine.rows()["fields"].to_pylist())


# Formats


def test_a_format_is_known_by_its_suffix_or_named(tmp_path):
    (tmp_path / "a.CSV").write_text("text,label\na note,x\n")
    (tmp_path / "b.data").write_text("text;label\na note;x\n")
    assert source(tmp_path / "a.CSV").rows()["label"].to_pylist() == ["x"]
    assert source(tmp_path / "b.data", format={"csv": {"separator": ";"}}).rows()["origin"].to_pylist() == ["b.data:2"]
    assert "b.data ends in nothing that a format reads" in source(tmp_path / "b.data").problems()[0]
    assert "no format 'cvs'. Did you mean 'csv'" in source(tmp_path / "b.data", format="cvs").problems()[0]
    wrong = source(tmp_path / "b.data", format={"csv": {"seperator": ";"}}).problems()
    assert "has no setting 'seperator'. Did you mean 'separator'" in wrong[0]


def test_gaps_in_a_table_are_no_groups_and_no_splits(tmp_path):
    (tmp_path / "a.csv").write_text("text,label,ward,part\nx,y,,\nx,y,w,valid\n")
    mine = source(tmp_path / "a.csv", group="ward", split="part")
    assert mine.rows()["group"].to_pylist() == [None, "w"] and mine.rows()["split"].to_pylist() == [None, "valid"]
    table = pa.table({"text": ["x", "x"], "label": ["y", "y"], "ward": [float("nan"), 3.0]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert source(tmp_path / "a.parquet", group="ward").rows()["group"].to_pylist() == [None, "3.0"]


def test_a_row_whose_text_is_a_number_is_broken(tmp_path):
    rows = [*[GOOD] * 200, {**GOOD, "text": 7}]
    mine = source(write_lines(tmp_path / "a.jsonl", rows))
    assert len(mine.rows()) == 200 and mine.rejected_rows[0]["reason"].startswith("has no text in 'text'")


# Folders


def test_a_folder_gives_all_files_below_it_by_their_path(tmp_path):
    for ward in ("a", "b", ".hidden"):
        (tmp_path / ward).mkdir()
        write_lines(tmp_path / ward / "notes.jsonl", [GOOD])
    (tmp_path / "c.txt").write_text("plain words")
    (tmp_path / ".gitignore").write_text("x")
    mine = FileSource(str(tmp_path), license="mit")
    assert mine.rows()["id"].to_pylist() == ["a/notes.jsonl:1", "b/notes.jsonl:1", "c.txt"]
    assert mine.problems() == [] and len(mine.fingerprint()) == 32
    before = mine.fingerprint()
    (tmp_path / "c.txt").rename(tmp_path / "d.txt")
    assert mine.fingerprint() != before


def test_a_file_that_no_format_reads_and_a_link_out_of_the_folder_are_rejected_rows(tmp_path):
    outside, folder = write_lines(tmp_path / "outside.jsonl", [GOOD]), tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    write_lines(folder / "a.jsonl", [GOOD])
    (folder / "notes.xyz").write_text("?")
    os.symlink(outside, folder / "b.jsonl")
    os.symlink(tmp_path, folder / "c")
    os.symlink(folder / "a.jsonl", folder / "d.jsonl")
    os.symlink(folder, folder / "below" / "loop")
    os.symlink(folder / "gone.jsonl", folder / "dangling.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    mine = FileSource(str(folder), license="mit", max_error_rate=0.9)
    assert mine.rows()["id"].to_pylist() == ["a.jsonl:1", "d.jsonl:1"]
    assert {piece["origin"]: piece["reason"].split(".")[0].split(" (")[0] for piece in mine.rejected_rows} == {
        "b.jsonl": "is a link that leads out of the folder",
        "below/loop": "is a link to a folder, which is not followed",
        "c": "is a link that leads out of the folder",
        "dangling.jsonl": "is a link to nothing",
        "pipe.jsonl": "is neither a file nor a folder",
        "notes.xyz": "ends in nothing that a format reads",
    }
    assert mine.fingerprint()
    with pytest.raises(Problems, match="notes.xyz ends in nothing that a format reads"):
        FileSource(str(folder), license="mit").rows()


@pytest.mark.parametrize(("owner", "function"), [(os, "scandir"), (Path, "is_symlink")], ids=["read", "entered"])
def test_a_subfolder_that_may_not_be_read_or_entered_is_said(tmp_path, monkeypatch, owner, function):
    (tmp_path / "a" / "b").mkdir(parents=True)
    write_lines(tmp_path / "notes.jsonl", [GOOD])
    write_lines(tmp_path / "a" / "b" / "notes.jsonl", [GOOD])
    allowed = getattr(owner, function)

    def refused(path):
        if "b" in os.fspath(path).removeprefix(str(tmp_path)).split("/"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return allowed(path)

    monkeypatch.setattr(owner, function, refused)  # root, who runs tests in containers, may read everything
    mine = source(tmp_path)
    for read in (mine.rows, mine.fingerprint):
        with pytest.raises(UserError, match=f"/a/b.* in the folder {tmp_path} cannot be read: Permission denied. Fix"):
            read()


def test_an_empty_folder_is_said(tmp_path):
    (tmp_path / ".hidden").write_text("x")
    assert "holds no file" in FileSource(str(tmp_path), license="mit").problems()[0]


# Shapes

CHAT = {"messages": [{"role": "user", "content": "Fever?"}, {"role": "assistant", "content": "Rest."}], "ward": "x"}


def test_a_shape_gives_text_label_and_turns(tmp_path):
    mine = FileSource(str(write_lines(tmp_path / "a.jsonl", [CHAT])), license="mit", converter="messages", group="ward")
    (row,) = mine.rows().to_pylist()
    assert (row["text"], row["label"], row["group"], row["fields"]) == ("Fever?", "Rest.", "x", [])
    assert row["messages"] == CHAT["messages"]
    assert mine.problems() == [] and mine.labeled and mine.prompt_columns() == {"text"}


def test_what_a_shape_made_the_answer_of_is_no_further_column(tmp_path):
    rows = [{"instruction": "Add", "input": "1 and 2", "output": "3", "label": "no label of ours", "ward": 7}]
    mine = FileSource(str(write_lines(tmp_path / "a.jsonl", rows)), license="mit", converter="alpaca")
    (row,) = mine.rows().to_pylist()
    assert row["label"] == "3" and dict(row["fields"]) == {"instruction": "Add", "input": "1 and 2", "ward": "7"}
    assert mine.prompt_columns() == {"text", "instruction", "input", "ward"}


def test_preferences_have_a_better_and_a_worse_answer_and_no_label(tmp_path):
    rows = [{"prompt": "Fever?", "chosen": "Rest.", "rejected": "Run.", "label": "x"}]
    mine = FileSource(str(write_lines(tmp_path / "a.jsonl", rows)), license="mit", converter="preference")
    (row,) = mine.rows().to_pylist()
    assert (row["text"], row["chosen"], row["rejected"], row["label"]) == ("Fever?", "Rest.", "Run.", None)
    assert not mine.labeled


def test_a_row_without_the_shape_is_broken_and_a_wrong_shape_is_said_before_reading(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [*[CHAT] * 200, {"messages": []}])
    mine = FileSource(str(path), license="mit", converter="messages")
    assert len(mine.rows()) == 200
    assert mine.rejected_rows[0]["origin"] == "a.jsonl:201" and "no list of turns" in mine.rejected_rows[0]["reason"]
    assert "has no text in 'instruction'" in FileSource(str(path), license="mit", converter="alpaca").problems()[0]
    assert "no converter 'mesages'" in FileSource(str(path), license="mit", converter="mesages").problems()[0]
    assert "Leave `text` and `label` out" in source(path, converter="messages").problems()[0]


def test_what_a_format_does_not_read_by_design_is_told_and_is_no_fault(tmp_path):
    kinds = [{"resourceType": kind, "id": "1"} for kind in ("Organization", "Practitioner", "Location")]
    note = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/1"}, "code": {"text": "Asthma"}}
    patient = {"resourceType": "Patient", "id": "1"}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": r} for r in (patient, note, *kinds)],
    }
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    source = FileSource(str(tmp_path / "b.json"), license="proprietary", format="fhir")
    assert len(source.rows()) == 1 and len(source.rejected_rows) == 3
    bundle["entry"].append({"resource": {"resourceType": "Condition", "id": "d"}})
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    with pytest.raises(Problems) as caught:
        source.rows()
    assert len(caught.value.problems) == 1 and "Organization" not in str(caught.value)
