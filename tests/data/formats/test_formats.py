"""The formats of a team's own files: what each reads, and what it sets aside with its place and its reason."""

import csv
import gzip
import io
import json
import struct
import sys
import time
import tracemalloc
import zipfile

import docx
import pyarrow as pa
import pyarrow.parquet as pq
import pypdfium2
import pytest

from metier.data.decoding import MB
from metier.data.format import RejectedRow
from metier.errors import UserError
from metier.recipes import plugins

GENERAL = ["csv", "docx", "html", "jsonl", "markdown", "parquet", "pdf", "text"]


def read(name, file, content=None, **settings):
    """(rows, reasons) of a file, each by its place; `content` is written into it first."""
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    pieces = list(plugins.build("formats", name, settings).read(file))
    assert len({place for place, _ in pieces}) == len(pieces), "places are unique"
    assert all(len(piece.raw) <= 200 for _, piece in pieces if isinstance(piece, RejectedRow))
    rows = {place: piece for place, piece in pieces if not isinstance(piece, RejectedRow)}
    return rows, {place: piece.reason for place, piece in pieces if isinstance(piece, RejectedRow)}


@pytest.mark.parametrize("name", GENERAL)
def test_every_setting_of_a_format_is_explained(name):
    assert all(explained for *_, explained in plugins.settings_help(plugins.find("formats", name)))


def test_no_two_formats_read_one_suffix():
    suffixes = [suffix for name in plugins.names("formats") for suffix in plugins.find("formats", name).suffixes]
    assert len(set(suffixes)) == len(suffixes) and all(s == s.lower() and s[0] == "." for s in suffixes)


@pytest.mark.parametrize(("name", "library"), [("html", "trafilatura"), ("pdf", "pypdfium2"), ("docx", "docx")])
def test_a_library_that_is_not_installed_is_named_with_its_remedy(tmp_path, monkeypatch, name, library):
    file = write_docx(tmp_path / "a.docx", "x")
    if name == "html":
        file.write_text("<p>word</p>")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=r"pip install 'metier\[docs\]'"):
        read(name, file)


# JSON lines


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "is no valid JSON"),
        (b"[1]", "is no JSON object but a list. Each line must be one object."),
        (b'{"a": "\xff"}', "is not UTF-8 (byte 7)"),
        (b"[" * 100_000, "is no valid JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "is no valid JSON"),
    ],
)
def test_a_broken_line_of_json_is_rejected_rows_and_the_next_is_read(tmp_path, line, reason):
    rows, broken = read("jsonl", tmp_path / "a.jsonl", b'{"a": 1}\n\n' + line + b'\n{"a": 2}')
    assert rows == {"1": {"a": 1}, "4": {"a": 2}}
    assert list(broken) == ["3"] and reason in broken["3"]


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path):
    assert read("jsonl", tmp_path / "a.jsonl", b'\xef\xbb\xbf{"a": 1}')[0] == {"1": {"a": 1}}
    assert read("csv", tmp_path / "a.csv", b"\xef\xbb\xbfa,b\n1,2\n")[0] == {"2": {"a": "1", "b": "2"}}
    assert read("text", tmp_path / "a.txt", b"\xef\xbb\xbfword")[0] == {"": {"text": "word"}}


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_a_line_over_the_limit_is_rejected_rows_without_standing_in_memory(tmp_path, ending):
    opened = gzip.open if ending.endswith("gz") else open
    with opened(tmp_path / f"a.{ending}", "wb") as stream:
        stream.write(b'{"a": "')
        for _ in range(24):
            stream.write(b"x" * MB)
        stream.write(b'"}\n{"a": 2}\n')
    tracemalloc.start()
    rows, broken = read("jsonl", tmp_path / f"a.{ending}", most_mb=1)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == {"2": {"a": 2}} and broken["1"].startswith("is longer than 1 MB")
    assert highest < 8 * MB


# CSV


def test_cells_are_text_whatever_they_look_like(tmp_path):
    rows, broken = read("csv", tmp_path / "a.csv", "a,b\n=cmd|' /C calc'!A0,007\n+1,\n@x,1e5\n")
    assert not broken
    assert rows == {
        "2": {"a": "=cmd|' /C calc'!A0", "b": "007"},
        "3": {"a": "+1", "b": ""},
        "4": {"a": "@x", "b": "1e5"},
    }


def test_a_cell_may_hold_line_ends_and_tabs_part_tsv(tmp_path):
    assert read("csv", tmp_path / "a.csv", 'a,b\r\n"x\r\ny",1\r\nz,2\r\n')[0] == {
        "2": {"a": "x\r\ny", "b": "1"},
        "4": {"a": "z", "b": "2"},
    }
    assert read("csv", tmp_path / "a.tsv", "a\tb\n1,5\t2\n")[0] == {"2": {"a": "1,5", "b": "2"}}
    assert read("csv", tmp_path / "b.csv", "a;b\n1,5;2\n", separator=";")[0] == {"2": {"a": "1,5", "b": "2"}}
    assert read("csv", tmp_path / "a.csv.gz", gzip.compress(b"a\n1\n"))[0] == {"2": {"a": "1"}}
    assert read("csv", tmp_path / "a.tsv.gz", gzip.compress(b"a\tb\n1\t2\n"))[0] == {"2": {"a": "1", "b": "2"}}
    with pytest.raises(UserError, match="one character"):
        plugins.build("formats", "csv", {"separator": "::"})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,2,3", "has 3 cells where the first line has 2"),
        (b"1", "has 1 cells where the first line has 2"),
        (b"1,\xff", "is not UTF-8"),
        (b"1,x\x00y", "holds a NUL byte"),
        (b'1,"x"y', "is no valid CSV"),
        (b'1,"open', "is no valid CSV: unexpected end of data"),
        (b"1," + b"x" * (MB - 1), "is longer than 1 MB"),
    ],
)
def test_a_broken_record_is_rejected_rows_and_swallows_no_other(tmp_path, line, reason):
    rows, broken = read("csv", tmp_path / "a.csv", b"a,b\n0,0\n" + line + b"\n8,8\n9,9\n", most_mb=1)
    assert [row["a"] for row in rows.values()] == ["0", "8", "9"]
    assert list(broken) == ["3"] and reason in broken["3"]


def test_the_lines_of_a_note_in_a_broken_record_are_no_rows(tmp_path):
    rows, broken = read("csv", tmp_path / "a.csv", 'a,b\n"one\nfoo, skin\nthree",heart,extra\n8,8\n')
    assert rows == {"5": {"a": "8", "b": "8"}} and "has 3 cells" in broken["2"]


def test_a_cell_over_the_limit_is_rejected_rows_and_the_limit_of_others_stays(tmp_path):
    before = csv.field_size_limit()
    rows, broken = read("csv", tmp_path / "a.csv", 'a\n"' + ("x" * 1000 + "\n") * 1100 + '"\n', most_mb=1)
    assert "field larger than field limit" in broken["2"] and csv.field_size_limit() == before
    big = "x" * 500_000  # Python's own limit is 131,072
    assert read("csv", tmp_path / "a.csv", f"a\n{big}\n")[0] == {"2": {"a": big}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"a,a\n1,2\n", "names the column 'a' twice"), ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8")],
)
def test_without_a_header_nothing_is_read(tmp_path, content, reason):
    rows, broken = read("csv", tmp_path / "a.csv", content)
    assert not rows and list(broken) == ["1"] and reason in broken["1"]


# Parquet


def test_nested_values_of_a_table_stay_what_they_are(tmp_path):
    rows = [{"text": f"t{n}", "turns": [{"role": "user", "n": n}]} for n in range(2500)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=700)
    found, broken = read("parquet", tmp_path / "a.parquet")
    assert list(found.values()) == rows and not broken
    assert list(found)[::2499] == ["row 1", "row 2500"]


def test_one_value_that_cannot_be_read_costs_one_row(tmp_path):
    bad = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.py_buffer(struct.pack("<4i", 0, 1, 2, 3)), pa.py_buffer(b"a\xffc")]
    )
    pq.write_table(pa.table({"text": bad}), tmp_path / "a.parquet")
    rows, broken = read("parquet", tmp_path / "a.parquet")
    assert rows == {"row 1": {"text": "a"}, "row 3": {"text": "c"}}
    assert list(broken) == ["row 2"] and "cannot be read" in broken["row 2"]


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_table_that_breaks_off_stops_the_reading(tmp_path, kept):
    pq.write_table(pa.table({"text": [f"t{n}" for n in range(2500)]}), tmp_path / "a.parquet", row_group_size=500)
    whole = (tmp_path / "a.parquet").read_bytes()
    with pytest.raises(UserError, match="a.parquet breaks off behind row 0: it is no valid Parquet file"):
        read("parquet", tmp_path / "a.parquet", whole[: int(kept * len(whole))])


def test_a_tear_between_the_rows_of_a_table_stops_the_reading(tmp_path, monkeypatch):
    def torn(table, batch_size):
        yield pa.record_batch({"text": ["a", "b"]})
        raise pa.ArrowInvalid("Bad page.")

    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", torn)
    with pytest.raises(UserError, match="a.parquet breaks off behind row 2: it is no valid Parquet file: Bad page."):
        read("parquet", tmp_path / "a.parquet")


@pytest.mark.parametrize("content", [b"", b"not parquet at all"])
def test_a_file_that_is_no_table_is_rejected_rows(tmp_path, content):
    rows, broken = read("parquet", tmp_path / "a.parquet", content)
    assert not rows and "is no valid Parquet file" in broken[""]


# Text and Markdown


def test_text_comes_by_file_paragraph_or_line(tmp_path):
    file, content = tmp_path / "a.txt", "\none\ntwo\r\n\n \nthree\n"
    assert read("text", file, content)[0] == {"": {"text": content}}
    assert read("text", file, by="paragraph")[0] == {"2": {"text": "one\ntwo"}, "6": {"text": "three"}}
    assert [row["text"] for row in read("text", file, by="line")[0].values()] == ["one", "two", "three"]
    with pytest.raises(UserError, match="cannot take by: 'word'"):
        plugins.build("formats", "text", {"by": "word"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"a\xe9", "is not UTF-8 (byte 1)"), ("word".encode("utf-16-le"), "NUL bytes"), (b"x" * (MB + 1), "than 1 MB")],
)
@pytest.mark.parametrize("by", ["file", "paragraph", "line"])
def test_text_that_cannot_be_read_is_rejected_rows(tmp_path, content, reason, by):
    rows, broken = read("text", tmp_path / "a.txt", content, by=by, most_mb=1)
    assert not rows and reason in "".join(broken.values())


def test_a_paragraph_over_the_limit_is_rejected_rows_and_the_next_is_read(tmp_path):
    rows, broken = read("text", tmp_path / "a.txt", ("x" * 1000 + "\n") * 1100 + "\nnext\n", by="paragraph", most_mb=1)
    assert rows == {"1102": {"text": "next"}} and list(broken) == ["1"]


def test_a_paragraph_of_very_many_lines_takes_no_square_of_time(tmp_path):
    (tmp_path / "a.txt").write_text("a line\n" * 300_000)
    began = time.process_time()
    rows, broken = read("text", tmp_path / "a.txt", by="paragraph")
    assert time.process_time() - began < 2  # 0.2 s; put together line by line it took 12 s
    assert list(rows) == ["1"] and len(rows["1"]["text"]) == 2_099_999 and not broken


MARKDOWN = """before

# Title #

## First *part*
words
```sh
# no heading
````
still code
#hashtag
    # indented code
##
more
"""


def test_markdown_comes_by_headings_and_code_is_no_heading(tmp_path):
    rows, _ = read("markdown", tmp_path / "a.md", MARKDOWN.replace("````", "# nor this\n```"))
    assert [row["heading"] for row in rows.values()] == [None, "First *part*", ""]
    assert list(rows)[:2] == ["1", "3"]
    # The title has no words of its own: it goes with the section below it.
    assert rows["3"]["text"].startswith("# Title #\n\n## First *part*\nwords\n```sh\n# no heading")
    assert rows["3"]["text"].endswith("#hashtag\n    # indented code")
    assert "\n".join(row["text"] for row in rows.values()).count("heading") == 1


def test_an_unclosed_fence_reaches_to_the_end(tmp_path):
    rows, _ = read("markdown", tmp_path / "a.md", "# a\n~~~\n# b\n```\n# c\n")
    assert list(rows.values()) == [{"text": "# a\n~~~\n# b\n```\n# c", "heading": "a"}]


# Web pages

PAGE = """<!doctype html><html><head><title>Dosing &amp; timing</title><script>evil("in head")</script>
<style>p {color: red}</style></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/x">Shop</a></li></ul></nav>
<main><h1>Dosing</h1><p>The usual dose is <b>two</b> tablets a day, taken with water after a meal.</p>
<SCRIPT>evil("in body")</SCRIPT><!-- evil comment --><svg><script>evil("in svg")</script></svg>
<img src="http://127.0.0.1:9/x.png" onerror="evil()"><link rel="stylesheet" href="http://127.0.0.1:9/x.css">
<p>Children take half of it, as their doctor says, and come back after a week to see whether it helps them at all.</p>
<table><tr><td>adult</td><td>2</td></tr></table></main><footer>evil footer</footer></body></html>"""


def test_a_page_gives_its_words_without_scripts_styles_and_menus(tmp_path):
    row = read("html", tmp_path / "a.html", PAGE)[0][""]
    assert row["title"] == "Dosing & timing"
    assert "The usual dose is two tablets a day" in row["text"] and "Children take half" in row["text"]
    for unwanted in ("evil", "color", "Shop"):
        assert unwanted not in row["text"]


def test_all_words_of_a_page_can_be_asked_for(tmp_path):
    row = read("html", tmp_path / "a.html", PAGE, part="all")[0][""]
    lines = row["text"].split("\n")
    assert lines[:3] == ["Home", "Shop", "Dosing"] and "adult 2" in lines and lines[-1] == "evil footer"
    assert "evil(" not in row["text"] and "color" not in row["text"]


@pytest.mark.parametrize("part", ["main", "all"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no text"),
        (b"<html><body><script>x</script></body></html>", "holds no text"),
        (b"<p>\xe9</p>", "is not UTF-8 (byte 3) and declares no charset"),
        (b"<meta charset=nonsense><p>\xe9</p>", "not in the charset 'nonsense'"),
        (b"<p>" + b"x" * MB, "larger than 1 MB"),
    ],
)
def test_a_page_that_cannot_be_read_is_rejected_rows(tmp_path, part, content, reason):
    rows, broken = read("html", tmp_path / "a.html", content, part=part, most_mb=1)
    assert not rows and reason in broken[""]


def test_a_page_is_read_in_the_charset_that_it_declares(tmp_path):
    content = '<meta charset="iso-8859-1"><p>It’s a café of some renown in this part of the town.</p>'.encode("cp1252")
    assert "It’s a café" in read("html", tmp_path / "a.html", content)[0][""]["text"]


def test_tags_within_tags_without_end_do_no_harm(tmp_path):
    rows, broken = read("html", tmp_path / "a.html", "<p>word</p>" + "<div>" * 50_000 + "deep", part="all")
    assert broken or "word" in rows[""]["text"]
    rows, broken = read("html", tmp_path / "a.html", "<p>word</p>" + "<div>" * 50_000 + "deep")
    assert broken or "word" in rows[""]["text"]


# PDF


def write_pdf(file, *pages):
    """A page for each content stream, written by hand; `{}` stands for text drawn in Helvetica."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, content in enumerate(pages):
        page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Resources << /Font << /F 3 0 R >> >>"
        objects += [f"{page} /Contents {5 + 2 * n} 0 R >>", f"<< /Length {len(content)} >>stream\n{content}\nendstream"]
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, content in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{content}\nendobj\n".encode())
    at = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.write("".join(f"{place:010} 00000 n \n" for place in places).encode())
    out.write(f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF".encode())
    file.write_bytes(out.getvalue())
    return file


def drawn(*words):
    return "\n".join(f"BT /F 12 Tf 20 {250 - 20 * n} Td ({line}) Tj ET" for n, line in enumerate(words))


PICTURE = "q 100 0 0 100 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x41 EI Q"


def test_a_pdf_comes_by_file_or_by_page(tmp_path):
    file = write_pdf(tmp_path / "a.pdf", drawn("First line", "second line"), "", drawn("Last"))
    rows, broken = read("pdf", file)
    assert rows == {"": {"text": "First line\nsecond line\n\nLast", "pages_without_text": 0}} and not broken
    rows, broken = read("pdf", file, by="page")
    assert rows == {"page 1": {"text": "First line\nsecond line"}, "page 3": {"text": "Last"}} and not broken


def test_pages_without_text_are_said(tmp_path):
    file = write_pdf(tmp_path / "a.pdf", PICTURE, drawn("Words"))
    assert read("pdf", file)[0][""]["pages_without_text"] == 1
    rows, broken = read("pdf", file, by="page")
    assert list(rows) == ["page 2"]
    assert broken == {"page 1": "holds no text, only pictures. Run OCR over it first."}


@pytest.mark.parametrize("page", [PICTURE, ""])
def test_a_pdf_of_pictures_asks_for_ocr(tmp_path, page):
    rows, broken = read("pdf", write_pdf(tmp_path / "a.pdf", page))
    assert not rows and broken == {"": "holds no text, only pictures. Run OCR over it first."}


# RC4 with 40 bits (PDF 1.4, 3.5): a password nobody tried fits these keys.
ENCRYPTED = b" /Encrypt << /Filter /Standard /V 1 /R 2 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> /P -4 >>"


def test_an_encrypted_pdf_and_one_that_is_none_are_rejected_rows(tmp_path):
    file = write_pdf(tmp_path / "a.pdf", drawn("secret"))
    encrypted = file.read_bytes().replace(b"/Root 1 0 R", b"/Root 1 0 R /ID [<41> <41>]" + ENCRYPTED)
    assert read("pdf", file, encrypted)[1] == {"": "is encrypted. Save it without a password."}
    for content in (b"", b"no pdf", b"%PDF-1.4\n%%EOF"):
        assert "is no PDF that can be read" in read("pdf", file, content)[1][""]


def test_a_pdf_that_pdfium_itself_wrote_is_read(tmp_path):
    document = pypdfium2.PdfDocument(write_pdf(tmp_path / "a.pdf", drawn("Words")))
    document.save(tmp_path / "b.pdf")
    assert read("pdf", tmp_path / "b.pdf")[0][""]["text"] == "Words"


# Word


def write_docx(file, *paragraphs, table=()):
    document = docx.Document()
    for words in paragraphs[:1]:
        document.add_paragraph(words)
    if table:
        grid = document.add_table(len(table), len(table[0]))
        for row, cells in zip(grid.rows, table, strict=True):
            for cell, words in zip(row.cells, cells, strict=True):
                cell.text = words
    for words in paragraphs[1:]:
        document.add_paragraph(words)
    document.save(str(file))
    return file


def rewritten(file, into, change=lambda name, content: content, further=()):
    """The archive again, with its entries changed and others added."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
        for name, content in further:
            new.writestr(name, content)
    return into


def test_paragraphs_and_tables_of_a_document_come_in_order(tmp_path):
    file = write_docx(tmp_path / "a.docx", "before\tand", "after", table=[("drug", "dose"), ("x", "two\nlines")])
    assert read("docx", file) == ({"": {"text": "before\tand\ndrug\tdose\nx\ttwo\nlines\nafter"}}, {})


def test_tracked_insertions_and_content_controls_are_read_and_deletions_are_not(tmp_path):
    def change(name, content):
        run = "<w:r><w:t>{}</w:t></w:r>"
        more = f"<w:p><w:ins>{run.format('put in')}</w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
        more += f"<w:sdt><w:sdtContent><w:p>{run.format('controlled')}</w:p></w:sdtContent></w:sdt>"
        more += f"<w:p><w:moveFrom>{run.format('old place')}</w:moveFrom></w:p>"
        return content.replace(b"<w:sectPr", more.encode() + b"<w:sectPr") if name == "word/document.xml" else content

    file = rewritten(write_docx(tmp_path / "a.docx", "first"), tmp_path / "b.docx", change)
    assert read("docx", file)[0][""]["text"].rstrip("\n") == "first\nput in\ncontrolled"


def test_a_zip_bomb_is_not_opened(tmp_path):
    file = rewritten(
        write_docx(tmp_path / "a.docx", "x"), tmp_path / "b.docx", further=[("word/x.xml", b" " * 40 * MB)]
    )
    assert file.stat().st_size < MB
    assert "is a zip bomb" in read("docx", file)[1][""]


def test_sizes_that_are_declared_too_small_are_not_believed(tmp_path):
    file = rewritten(
        write_docx(tmp_path / "a.docx", "x"),
        tmp_path / "b.docx",
        lambda name, content: content + b" " * 40 * MB if name == "word/document.xml" else content,
    )
    with zipfile.ZipFile(file) as archive:
        size = archive.getinfo("word/document.xml").file_size
    content = file.read_bytes().replace(struct.pack("<L", size), struct.pack("<L", 1000))
    rows, broken = read("docx", file, content)
    assert not rows and "is no Word document that can be read" in broken[""]


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "word/../../x", "/etc/passwd", "C:\\x", "..\\x"])
def test_entries_that_lead_out_of_a_document_are_refused(tmp_path, name):
    file = rewritten(write_docx(tmp_path / "a.docx", "x"), tmp_path / "b.docx", further=[(name, b"x")])
    assert "leads out of it" in read("docx", file)[1][""]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.docx", "b.docx"]


def test_entities_of_a_document_are_not_filled_in(tmp_path):
    (tmp_path / "secret").write_text("hidden words")
    declared = f'<!DOCTYPE w [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><w:document'.encode()

    def change(name, content):
        if name != "word/document.xml":
            return content
        return content.replace(b"<w:document", declared, 1).replace(b">word<", b">word &x;<")

    rows, _ = read("docx", rewritten(write_docx(tmp_path / "a.docx", "word"), tmp_path / "b.docx", change))
    assert "hidden" not in json.dumps(rows)


def test_what_is_no_document_is_rejected_rows(tmp_path):
    assert "is no .docx" in read("docx", tmp_path / "a.docx", b"\xd0\xcf\x11\xe0" + b"\0" * 600)[1][""]
    with zipfile.ZipFile(tmp_path / "b.docx", "w") as archive:
        archive.writestr("x.txt", "words")
    assert "is no Word document that can be read" in read("docx", tmp_path / "b.docx")[1][""]
    whole = write_docx(tmp_path / "c.docx", "word")
    torn = rewritten(whole, tmp_path / "d.docx", lambda name, content: content[: len(content) // 2])
    assert "is no Word document that can be read" in read("docx", torn)[1][""]
