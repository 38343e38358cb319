"""Files that are damaged, hostile or say the same thing twice: a broken row with its place, or one clear message."""

import io
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.data.files import pieces
from metier.data.format import RejectedRow
from metier.data.formats._charsets import read_as
from metier.data.kernels import sha256
from metier.data.reading import FileSource
from metier.errors import Problems, UserError
from metier.experiments.dry_run import _tests
from metier.recipes import strict_json
from metier.recipes.checks import label_problems
from metier.recipes.scaffold.new import new
from metier.recipes.schema import build_one, load
from metier.runs.progress import Progress
from metier.runs.run import open_run
from metier.stages.curate import curate, for_learning
from tests.tiny import desk_rows, notes, write_lines


def broken(tmp_path, name: str, content: bytes, use=None) -> list[str]:
    (tmp_path / name).write_bytes(content)
    return [piece.reason for _, piece in pieces(str(tmp_path / name), use) if isinstance(piece, RejectedRow)]


@pytest.mark.parametrize(
    "charset",
    ["rot13", "zlib", "hex", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "mbcs"]
    + ["x-user-defined", "aliases", "..", "a" * 4_000, "utf-16"],
)
def test_a_charset_that_is_none_of_the_web_is_told(tmp_path, charset):
    page = f'<meta charset="{charset}"><p>Some words \\ud800 +2AA- and more of them'.encode() + b" \xe9</p>"
    [said] = broken(tmp_path, "a.html", page)
    assert "that it declares" in said and len(said) < 300


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "latin1", "ISO_8859-15", "cp1252"])
def test_charsets_of_the_web_are_read(charset):
    assert read_as("café".encode("cp1252"), charset) == "café"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": "x", "text": "y"}', "the key 'text' occurs twice"),
        (b'{"text": "x", "a": {"b": 1, "b": 2}}', "the key 'b' occurs twice"),
        (b'{"text": "x", "a": NaN}', "it holds NaN, which is no JSON"),
        (b'{"text": "x", "a": [-Infinity]}', "it holds -Infinity"),
        (b'{"text": "x", "a": 1e999}', "the number '1e999' is too large"),
        (b'{"text": "x", "a": ' + b"9" * 5_000 + b"}", "is no valid JSON"),
        (b'{"text": "x", "a": ' + b"[" * 300 + b"]" * 300 + b"}", "more than 200 deep"),
        (b'{"text": "x", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is no valid JSON"),
    ],
)
def test_a_row_that_is_no_json_is_broken_at_its_place(tmp_path, line, said):
    [why] = broken(tmp_path, "a.jsonl", b'{"text": "fine"}\n' + line + b"\n")
    assert said in why


@pytest.mark.parametrize("use", ["fhir", "catalog"])
def test_other_json_is_read_as_strictly(tmp_path, use):
    [said] = broken(tmp_path, "a.json", b'{"resourceType": "Patient", "id": "1", "id": "2"}', use)
    assert "the key 'id' occurs twice" in said


def test_an_object_of_many_keys_is_searched_in_no_time():
    many = {str(number): 1 for number in range(100_000)}
    with pytest.raises(ValueError, match="the key '99999' occurs twice"):
        strict_json.loads(json.dumps(many)[:-1] + ', "99999": 2}')
    with pytest.raises(ValueError):
        strict_json.dumps({"a": float("nan")})


def test_a_table_whose_names_are_damaged_is_told(tmp_path):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"], "numbername": [1]}), buffer)
    raw = buffer.getvalue().replace(b"numbername", b"number\xff\xfe\xfd\xfc")
    try:
        [said] = broken(tmp_path, "a.parquet", raw)
    except UserError as error:
        said = str(error)
    assert "is no valid Parquet file" in said


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_give_rows_or_a_message(tmp_path, seed):
    buffer, generator = io.BytesIO(), np.random.default_rng(seed)
    pq.write_table(pa.table({"text": ["a" * 20, "b" * 30] * 50}), buffer)
    raw = np.frombuffer(buffer.getvalue(), np.uint8).copy()
    raw[generator.integers(4, len(raw) - 4, 3)] ^= 0xFF
    try:
        broken(tmp_path, "a.parquet", raw.tobytes())
    except UserError as error:
        assert "a.parquet" in str(error)


@pytest.mark.parametrize("depth", [200, 5_000])
def test_a_deep_document_is_read_or_told(tmp_path, depth):
    words = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
    words += "<w:sdt>" * depth + "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>" + "</w:sdt>" * depth
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", words + "</w:body></w:document>")
    [(_, piece)] = pieces(str(tmp_path / "a.docx"))
    assert "no Word document" in piece.reason if isinstance(piece, RejectedRow) else piece["text"] == "Hello"


TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/word/document.xml"
 ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
RELATIONS = """<?xml version="1.0"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
 Target="word/document.xml"/></Relationships>"""


@pytest.mark.parametrize("path", ["x" * 5_000, "x" * 5_000 + ".jsonl", "**/" * 300 + "x"])
def test_a_path_that_no_file_can_have_is_told(path):
    with pytest.raises(UserError):
        build_one("datasets", {"path": f"/tmp/{path}", "license": "MIT"})


def test_a_blank_label_is_none(tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"text": "x", "label": "  "}, {"text": "y", "label": "b"}])
    with pytest.raises(Problems, match="a.jsonl:1 has no label in 'label'"):
        FileSource(str(tmp_path / "a.jsonl"), label="label", license="MIT").rows()


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "chosen": "the same ", "rejected": "the same"},
        {"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
    ],
)
def test_a_preference_between_two_answers_that_are_the_same_is_none(tmp_path, row):
    row = {**row, "rejected": row.get("rejected", row["chosen"])}
    write_lines(tmp_path / "a.jsonl", [row])
    with pytest.raises(UserError, match="has the same answer in 'chosen' and 'rejected'"):
        build_one("datasets", {"path": str(tmp_path / "a.jsonl"), "license": "MIT", "converter": "preference"})


@pytest.mark.parametrize("other", ["Cardiology", "cardiology ", "cardiology\u200b", "\uff43ardiology"])
def test_labels_that_look_alike_are_refused_with_both_spellings(triage, other):
    rows = notes(60, 1, "a")
    rows += [{**row, "department": other} for row in notes(8, 3, "c")[::2]]
    write_lines(triage.parent / "train.jsonl", rows)
    recipe = load(triage)
    benchmarks = recipe.build_benchmarks()
    table = pa.concat_tables(for_learning(recipe.build_datasets(), benchmarks))
    [said] = label_problems(table, benchmarks)
    assert "'cardiology'" in said and "differ only in case, white space or the form of a letter" in said
    both = load(triage, changes=[f"benchmarks.triage.labels={json.dumps(['cardiology', 'dermatology', other])}"])
    assert not label_problems(table, both.build_benchmarks())


def test_check_and_curate_look_for_labels_that_look_alike(triage, tmp_path):
    odd = {**notes(1, 3, "c")[0], "department": "Cardiology"}
    write_lines(triage.parent / "train.jsonl", [*notes(60, 1, "a"), odd])
    run = open_run(tmp_path / "run", load(triage), Progress())
    with pytest.raises(Problems, match="differ only in case"):
        curate(run)
    benchmarks = run.recipe.build_benchmarks()
    rows = pa.concat_tables(for_learning(run.recipe.build_datasets(), benchmarks))
    with pytest.raises(Problems, match="differ only in case"):
        _tests(run.recipe, benchmarks, [], rows)


def words_of_last_block(size: int, rest: bytes) -> np.ndarray:
    """The padded last block of a string of `size` bytes that ends in `rest`, of which nothing else is in memory."""
    w, begins = np.empty((64, sha256.LANES), np.uint32), np.array([len(rest) - size, len(rest)])
    sha256._load(np.frombuffer(rest, np.uint8), begins, 0, size // 64, w)
    return w[:16, 0]


def test_the_length_of_a_string_of_512_mb_stands_in_both_words():
    words = words_of_last_block((1 << 29) + 3, b"abc")
    assert words[0] == 0x61626380 and not words[1:14].any() and list(words[14:]) == [1, 24]
    assert list(words_of_last_block(3, b"abc")[14:]) == [0, 24]


@pytest.mark.slow
def test_a_string_of_512_mb_has_its_bucket():
    import hashlib

    arena = np.zeros((1 << 29) + 3, np.uint8)
    [found] = sha256.sha256_buckets(arena, np.array([0, len(arena)]), 10_000)
    assert found == int(hashlib.sha256(arena).hexdigest(), 16) % 10_000


def test_a_table_with_gaps_becomes_rows_that_are_read_again(tmp_path):
    columns = {name: [row[name] for row in desk_rows()] for name in ("note", "department")}
    columns["dose"] = [float("nan") if number % 3 else 1.5 for number in range(len(columns["note"]))]
    columns["series"] = [[float("inf"), float("nan")] for _ in columns["note"]]
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "data" / "notes.parquet")
    new("desk", tmp_path / "data", into=tmp_path)
    text = (tmp_path / "desk" / "train.jsonl").read_text()
    assert "NaN" not in text and '"dose": null' in text and '["inf", null]' in text
    assert not [piece for _, piece in pieces(str(tmp_path / "desk" / "train.jsonl")) if isinstance(piece, RejectedRow)]
