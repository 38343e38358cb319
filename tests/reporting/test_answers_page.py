"""answers.html: what stands in the file, and what a reader finds with its filters, links and keys in Chromium."""

import base64
import hashlib
import json
import re
import shutil

import pytest

from metier.errors import printable
from metier.evaluation.answers import Answers
from metier.evaluation.scoring import Prediction
from metier.evaluation.suspects import Suspect
from metier.reporting import answer_rows
from metier.reporting.answer_rows import CONFIDENT, answered_benchmarks
from metier.reporting.answers_page import answers_page, escaped_json, page_data
from metier.reporting.links import answers_link
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from tests.reporting.made_answers import HOSTILE, LABELS, desk, hostile, losses, written

BLOCK = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)
FILTERS = {
    "wrong": lambda row: not right(row.tuned),
    "only-baseline": lambda row: right(row.baseline) and not right(row.tuned),
    "only-model": lambda row: right(row.tuned) and not right(row.baseline),
    "confident-wrong": lambda row: not right(row.tuned) and (row.certainty or 0) >= CONFIDENT,
    "suspect": lambda row: row.suspect is not None,
    "fixed": lambda row: right(row.tuned) and not right(row.base),
    "broken": lambda row: right(row.base) and not right(row.tuned),
}


def right(given):
    return given.score is not None and given.score >= 1


def block(page):
    (text,) = BLOCK.findall(page)
    return text


# What stands in the file


def test_nothing_in_a_text_ends_the_block_of_data():
    text = escaped_json(HOSTILE)
    assert json.loads(text) == HOSTILE
    assert not re.search("[<>&\u2028\u2029\x00\u202e\ud800]", text) and text.encode()
    assert json.loads(block(answers_page("run", [hostile()])))["benchmarks"][0]["labels"] == HOSTILE


def test_the_policy_names_the_hash_of_the_only_script():
    page = answers_page("run", [desk(10)])
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    sha256 = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{sha256}'" in policy and "default-src 'none'" in policy
    assert page.count("<script") == 2 and "unsafe-eval" not in policy and policy.count("unsafe-inline") == 1
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(", script)


def test_a_text_that_occurs_often_stands_in_the_file_once():
    one = desk(100)
    assert page_data([one]).count("cash & ".replace("&", "\\u0026")) == 2, "in the label set and among the texts"


def test_long_texts_are_shortened_and_say_where_the_whole_is_and_no_row_is_left_out():
    long = written()
    for row in long.rows:
        object.__setattr__(row, "text", f"begin {row.number} " + "long " * 2_000 + f"end {row.number}")
    assert "shortened" not in page_data([long])
    data = page_data([long], most_bytes=10_000)
    assert len(data.encode()) <= 10_000
    (found,) = json.loads(data)["benchmarks"]
    texts = [found["strings"][number] for number in found["text"]]
    assert found["rows"] == 3 and found["length"] == [len(row.text) for row in long.rows]
    for number, text in enumerate(texts):
        assert text.startswith(f"begin {number}") and text.endswith(f"end {number}")
        assert "shortened, whole text in evaluate/sums/samples.parquet" in text
    assert json.loads(page_data([long], most_bytes=10))["benchmarks"][0]["rows"] == 3


def test_answers_in_words_and_losses_have_no_classes():
    sums, texts = written(), losses()
    assert [row.tuned.score for row in sums.rows] == [1.0, 0.5, None] and sums.rows[0].certainty is None
    assert sums.rows[0].tuned.completion == "Let me see: 0" and sums.labels == () and sums.baseline is None
    assert texts.losses and [row.tuned.score for row in texts.rows] == [1.0, 2.0, 3.0, 4.0], "nats a token"


def test_the_page_of_a_run_has_its_saved_answers_and_the_report_leads_to_it(finished_run, monkeypatch):
    _, folder = finished_run
    monkeypatch.setattr(answer_rows, "suspects", lambda *_: [Suspect(3, "dermatology", "cardiology", 1.0)])
    answers = Answers(saved_run(folder, Progress()))
    (one,) = answered_benchmarks(answers)
    lines = {
        who: (folder / f"evaluate/triage/{who}.jsonl").read_text().splitlines() for who in ("base", "tuned", "tfidf")
    }
    saved = {who: [Prediction.from_json(json.loads(line)) for line in found] for who, found in lines.items()}
    for number, row in enumerate(one.rows):
        given = (row.base.answer, row.tuned.answer, row.baseline.answer)
        assert given == tuple(saved[who][number].answer for who in ("base", "tuned", "tfidf"))
        assert row.right == one.labels[row.gold] == saved["tuned"][number].gold
        assert row.certainty == pytest.approx(max(saved["tuned"][number].probabilities), abs=1e-4)
        assert saved["tuned"][number].prompt == f"{row.text}\nDepartment:" and row.group == saved["tuned"][number].group
        assert row.suspect == ("cardiology" if number == 3 else None)
    assert len(one.rows) == 24 and one.baseline == "TF-IDF with logistic regression"
    assert 'href="answers.html#benchmark=triage"' in (folder / "report.html").read_text()
    assert json.loads(block((folder / "answers.html").read_text()))["benchmarks"][0]["rows"] == 24


# What a reader finds


@pytest.fixture(scope="module")
def made():
    return [desk(), hostile(), written(), losses()]


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "answers.html"
    path.write_text(answers_page("desk/<run>", made), encoding="utf-8")
    return path


class Reader:
    """What somebody does on the page and reads there."""

    def __init__(self, browser, page):
        self.browser, self.page = browser, page

    def visit(self, link="", width=1280):
        """Load the page by a link such as report.html has."""
        self.browser.open(self.page.with_name("blank.html"), width)
        self.browser.open(self.page, width, at=link.removeprefix("answers.html"))

    def count(self):
        return int(self.browser.ask("byId('count').textContent").split()[0].replace(",", ""))

    def shown(self):
        """Numbers of the questions on this page of rows, from 1."""
        return self.browser.ask("[...document.querySelectorAll('#rows .open')].map(button => +button.textContent)")

    def choose(self, select, value):
        literal = json.dumps(json.dumps(value, ensure_ascii=False))
        self.browser.ask(f"byId('{select}').value = {literal}; byId('{select}').dispatchEvent(new Event('change'))")

    def type(self, text):
        self.browser.ask(f"byId('search').value = {json.dumps(text)}; byId('search').dispatchEvent(new Event('input'))")

    def press(self, key):
        named = {"key": key, "text": "\r" if key == "Enter" else key if len(key) == 1 else ""}
        code = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38}.get(key, 0)
        self.browser.call("Input.dispatchKeyEvent", type="keyDown", windowsVirtualKeyCode=code, **named)
        self.browser.call("Input.dispatchKeyEvent", type="keyUp", windowsVirtualKeyCode=code, key=key)

    def focus(self):
        return self.browser.ask("document.activeElement.dataset.row ?? document.activeElement.id")

    def details(self):
        """Title -> text of the row that is open."""
        pairs = self.browser.ask(
            "[...document.querySelectorAll('.detail dt')].map(one => [one.textContent, one.nextSibling.textContent])"
        )
        return dict(pairs)

    def address(self):
        self.browser.ask("new Promise(done => setTimeout(done, 250))")
        return self.browser.ask("location.hash")


@pytest.fixture
def reader(browser, page):
    page.with_name("blank.html").write_text("<!doctype html><title>blank</title>")
    found = Reader(browser, page)
    found.visit()
    return found


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_texts_change_nothing_and_are_shown_as_they_stand(reader, width):
    for number, text in enumerate(HOSTILE, start=1):
        reader.visit(f"#benchmark=hostile&row={number}", width)
        found, said = reader.details(), printable(text)
        assert found["question"] == said and found["more"] == printable(f"more {text}")
        assert found["right answer"] == found["group"] == found["suggested label"] == found["id"] == said
        assert found["base, in its own words"] == printable(f"I say {text}") and found["asked as"].endswith("</script>")
        assert reader.browser.complaints(reader.page) == []
        assert not [event for event in reader.browser.events if event.get("method") == "Page.javascriptDialogOpening"]
    assert reader.browser.ask("document.scripts.length") == 2 and reader.browser.ask("document.images.length") == 0


@pytest.mark.browser
def test_no_other_script_runs_on_the_page(reader, browser, page):
    harmed = page.with_name("harmed.html")
    added = "<script>document.title = 'harmed'</script><b onclick='1' id='b'>b</b></main>"
    harmed.write_text(page.read_text().replace("</main>", added), encoding="utf-8")
    browser.open(harmed, 1280)
    assert browser.ask("document.title") == "Answers: desk/<run>"
    assert any("Content Security Policy" in said for said in browser.complaints(harmed))


@pytest.mark.browser
def test_the_page_writes_characters_out_as_python_does(reader):
    letters = [chr(number) for number in range(0x10000)] + ["\U0001f600", "\U000e0041"]
    asked = json.dumps(letters)
    assert reader.browser.ask(f"{asked}.map(visible)") == [printable(letter) for letter in letters]


@pytest.mark.browser
def test_every_filter_finds_the_rows_that_python_finds(reader, made):
    rows, counted = made[0].rows, 0
    for name, fits in FILTERS.items():
        reader.choose("filter", name)
        assert reader.count() == sum(map(fits, rows)) > 0, name
        assert reader.shown() == [row.number + 1 for row in rows if fits(row)][:50]
    for gold, label in enumerate(LABELS):
        reader.choose("filter", "wrong")
        reader.choose("right", label)
        wrong = [row for row in rows if FILTERS["wrong"](row) and row.gold == gold]
        assert reader.count() == len(wrong)
        for given, other in [(-1, ""), *enumerate(LABELS)]:
            reader.choose("given", other)
            expected = sum(row.predicted == given for row in wrong)
            counted += expected
            assert reader.count() == expected
        reader.choose("given", None)
    assert counted == sum(map(FILTERS["wrong"], rows)), "every wrong answer is in one cell"
    reader.browser.ask("byId('clear').click()")
    reader.choose("slice", "channel: mail")
    reader.type("LATE transfer")
    both = [row for row in rows if row.slices["channel"] == "mail" and "late transfer" in row.text]
    assert reader.count() == len(both) > 0
    reader.type("customer 7")
    assert reader.count() == sum(
        bool(re.search("customer.*7|7.*customer", f"{row.id} {row.text} {row.group}"))
        and row.slices["channel"] == "mail"
        for row in rows
    )


@pytest.mark.browser
def test_rows_are_sorted_by_each_column_and_what_is_missing_comes_last(reader, made):
    rows = made[0].rows
    orders = {
        "length": lambda row: len(row.text),
        "class": lambda row: row.right,
        "id": lambda row: row.id,
        "certainty": lambda row: row.certainty if row.certainty is not None else 2,
    }
    for name, key in orders.items():
        reader.choose("sort", name)
        assert reader.shown() == [row.number + 1 for row in sorted(rows, key=key)][:50], name
    reader.browser.ask("byId('down').click()")
    known = sorted((row for row in rows if row.certainty is not None), key=lambda row: -row.certainty)
    assert reader.shown() == [row.number + 1 for row in known][:50]
    reader.browser.ask("document.querySelector('#head [data-sort=class]').click()")
    assert reader.shown()[0] == sorted(rows, key=orders["class"])[0].number + 1
    assert reader.browser.ask("document.querySelector('[aria-sort]').textContent") == "right answer ▲"


@pytest.mark.browser
def test_a_link_opens_its_rows_and_what_is_shown_is_a_link(reader, made):
    rows = made[0].rows
    for gold, given in ((2, 1), (3, 4), (0, 0)):
        reader.visit(answers_link("desk", LABELS[gold], LABELS[given]))
        assert reader.shown() == [row.number + 1 for row in rows if (row.gold, row.predicted) == (gold, given)][:50]
    reader.choose("filter", "wrong")
    reader.choose("given", LABELS[3])
    reader.type("new +card")
    reader.type("card")
    reader.choose("sort", "length")
    address, before = reader.address(), reader.shown()
    assert before and "search=card" in address
    reader.visit(address)
    assert reader.shown() == before and reader.address() == address
    reader.visit("#benchmark=desk&row=120")
    assert 120 in reader.shown() and reader.details()["id"] == "q119"
    reader.visit("#benchmark=desk&right=nobody&filter=wrong")
    assert "right nobody" in reader.browser.ask("byId('problem').innerText")
    assert reader.count() == sum(map(FILTERS["wrong"], rows))
    assert reader.browser.complaints(reader.page) == []


@pytest.mark.browser
def test_the_keys_move_open_close_and_search(reader):
    for key, row in (("j", "0"), ("j", "1"), ("ArrowDown", "2"), ("k", "1"), ("ArrowUp", "0"), ("k", "0")):
        reader.press(key)
        assert reader.focus() == row, key
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert reader.browser.ask(outline) == "solid", "the focus is seen"
    reader.press("Enter")
    assert reader.details()["id"] == "q0" and reader.focus() == "0"
    reader.press("Escape")
    assert reader.details() == {} and reader.focus() == "0"
    reader.press("/")
    assert reader.focus() == "search"
    for letter in "jk /":
        reader.press(letter)
    assert reader.browser.ask("byId('search').value") == "jk /", "keys are letters where one types"
    reader.type("")
    reader.press("Escape")
    assert reader.focus() == "0"
    for _ in range(50):
        reader.press("j")
    assert reader.focus() == "50" and reader.shown()[0] == 51, "behind the last row stands the next page"
    reader.press("k")
    assert reader.focus() == "49"


@pytest.mark.browser
def test_answers_in_words_have_no_class_filter_and_losses_are_neither_right_nor_wrong(reader):
    labels = "[...document.querySelectorAll('.controls label')].filter(one => !one.hidden)"
    visible = f"{labels}.map(one => one.textContent.trim().split(' ')[0])"
    assert {"Right", "Label", "Slice"} <= set(reader.browser.ask(visible))
    reader.visit("#benchmark=sums&filter=wrong")
    assert reader.shown() == [2, 3] and not {"Right", "Label", "Slice"} & set(reader.browser.ask(visible))
    reader.visit("#benchmark=sums&row=2")
    assert reader.details()["tuned, score"] == "0.5" and reader.details()["tuned (wrong)"] == "2, I think"
    reader.visit("#benchmark=texts&row=1")
    assert reader.details()["tuned, loss (nats a token)"] == "1" and "✗" not in reader.browser.ask(
        "document.body.innerText"
    )
    reader.visit("#benchmark=texts&filter=wrong")
    assert reader.count() == 0 and reader.browser.complaints(reader.page) == []


@pytest.mark.browser
def test_a_phone_shows_cards_that_fit(reader):
    for link in ("#benchmark=desk&row=3", "#benchmark=hostile", "#benchmark=sums&row=1", "#benchmark=texts"):
        reader.visit(link, 390)
        assert reader.browser.complaints(reader.page) == [] and reader.shown()
        assert reader.browser.ask("getComputedStyle(document.querySelector('#rows tr')).display") == "block"


@pytest.mark.browser
def test_a_page_of_a_run_has_no_complaints(browser, finished_run, tmp_path):
    page = shutil.copy(finished_run[1] / "answers.html", tmp_path / "answers.html")
    browser.open(page, 390)
    assert browser.complaints(page) == [] and browser.ask("byId('count').textContent") == "24 of 24 questions"
