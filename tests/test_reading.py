"""A team's own files: every problem with file and line, nothing dropped."""

import gzip
import json

import pytest

from metier.errors import Problems, UserError
from metier.reading import FileSource
from tests.tiny import write_lines

GOOD = {"text": "a note", "label": "x"}


def source(path, **settings):
    return FileSource(str(path), **{"label": "label", "licence": "mit", **settings})


def test_rows_carry_licence_and_origin(tmp_path):
    rows = source(write_lines(tmp_path / "a.jsonl", [GOOD, {**GOOD, "ward": 7}])).rows().to_pylist()
    assert [row["origin"] for row in rows] == ["a.jsonl:1", "a.jsonl:2"]
    assert {row["licence"] for row in rows} == {"mit"}
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


def test_a_source_without_a_licence_is_refused(tmp_path):
    assert "has no licence" in source(write_lines(tmp_path / "a.jsonl", [GOOD]), licence="").problems()[0]


def test_a_truncated_gzip_is_said(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode() * 50)[:40])
    with pytest.raises(UserError, match="cannot be read"):
        source(path).rows()


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
