"""The report of each industry as a reader sees it: in Chromium, on a desk and on a phone."""

import random

import pytest

from metier.data.dataset import MIRROR
from metier.recipes import plugins
from tests.cli.test_cli import inside
from tests.datasets.test_datasets import RAW, write_mirror
from tests.tiny import write_lines

WIDTHS = {"desk": 1280, "phone": 390}
# Where time counts one is looked at: the others differ in rows, not in how the page is laid out.
INDUSTRIES = [
    name if name == "healthcare" else pytest.param(name, marks=pytest.mark.slow) for name in plugins.names("industries")
]
LABELS = {
    "ddi2013": ["mechanism", "effect", "advise", "int"],
    "mts_dialog": ["GENHX", "ALLERGY", "PLAN"],
    "ddxplus_diagnosis": ["Croup", "Anemia", "Guillain-Barré syndrome", "Bronchospasm / acute asthma exacerbation"],
    "banking77": ["card_arrival", "age_limit", "lost_or_stolen_card"],
    "fomc_stance": ["hawkish", "dovish", "neutral"],
    "fin_num_claim": ["in-claim", "out-of-claim"],
    "fed_rate_moves": ["up", "down"],
    "cuad_clause_type": ["cap_on_liability", "audit_rights", "renewal_term"],
    "legalbench_cuad_yesno": ["Yes", "No"],
    "unfair_tos": ["fair", "unfair"],
    "contract_nli": ["Entailment", "Contradiction"],
    "product_matching": ["match", "no match"],
    "epqa_product_qa": ["answers", "partial", "irrelevant"],
    "amazon_counterfactual": ["counterfactual", "not-counterfactual"],
}
WORDS = [
    "<b>bold</b>",
    "&",
    "late",
    "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenfabrik",
    "card",
    "clause",
    "may",
]


def fill(home):
    """A mirror whose datasets have some dozens of made-up rows, with words that break lines and pages."""
    write_mirror(home)
    generator = random.Random(0)
    for name, labels in LABELS.items():
        folder = home / plugins.find("datasets", name).folder
        for split, count in (("train", 60), ("dev", 12), ("test", 30)):
            rows = []
            for number in range(count):
                label = "section_header" if name == "mts_dialog" else "label"
                raw = {**RAW[name], "id": f"{split}-{number}", label: labels[number % len(labels)]}
                raw |= {"pair_id": f"{split}.d{number // 3}.s1.p{number}"} if "pair_id" in raw else {}
                for key in {"text", "sentence", "question", "evidence", "dialogue"} & raw.keys():
                    said = " ".join(generator.choices(WORDS, k=12)) + f" {split} {number}"
                    raw[key] = [said] if isinstance(raw[key], list) else said
                for side in {"left", "right"} & raw.keys():
                    raw[side] = {"title": " ".join(generator.choices(WORDS, k=5)) + f" {side} {split} {number}"}
                raw |= {key: f"{split}{number // 3}" for key in ("service", "doc_id", "asin") if key in raw}
                raw |= {"qa_pair_id": f"{split}-{number}"} if "qa_pair_id" in raw else {}
                rows.append(raw)
            write_lines(folder / f"{split}.jsonl", rows)


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Industry -> the report of a smoke run; each is made when it is first asked for."""
    home = tmp_path_factory.mktemp("reports")
    fill(home / "mirror")

    def made(name, monkeypatch, capsys, *more):
        out = home / "-".join([name, *more])
        if not (out / "report.html").is_file():
            monkeypatch.setenv(MIRROR, str(home / "mirror"))
            words = ("run", "--industry", name, "--set", "model=fake", "--quick", *more, "--out", out)
            code, printed, said = inside(monkeypatch, capsys, *words)
            assert code == 0 and "SMOKE" in printed and str(out / "report.html") in printed, said
        return out / "report.html"

    return made


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("industry", INDUSTRIES)
def test_a_report_fits_asks_nobody_and_logs_nothing(
    industry, width, browser, reports, small_smoke, monkeypatch, capsys
):
    page = reports(industry, monkeypatch, capsys)
    browser.open(page, width)
    assert browser.complaints(page) == []
    insights = browser.ask("[...document.querySelectorAll('.insights tr')].map(row => row.innerText)")
    assert len(insights) > 3 and browser.ask("innerWidth") == width
    assert browser.ask("document.querySelectorAll('svg').length") > 0
    assert browser.ask("document.body.innerText").count("SMOKE") > 0


# Words that stand on more than one line though they are no longer than a label's longest.
SPLIT = """
[...document.querySelectorAll('.cards td, .classes td, .pairs span, dd')].flatMap(cell => {
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), split = []
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/\\S+/g)) {
    const range = document.createRange()
    range.setStart(texts.currentNode, word.index)
    range.setEnd(texts.currentNode, word.index + word[0].length)
    const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)))
    if (word[0].length <= 24 && lines.size > 1) split.push(word[0])
  }
  return split
})
"""


@pytest.mark.browser
def test_on_a_phone_figures_can_be_read_words_are_whole_and_the_matrix_is_a_list(
    browser, reports, small_smoke, monkeypatch, capsys
):
    page = reports("healthcare", monkeypatch, capsys)
    for width, matrices in ((1280, True), (390, False)):
        browser.open(page, width)
        browser.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert browser.complaints(page) == []
        assert browser.ask("document.querySelectorAll('.pairs li').length") > 0
        assert browser.ask("[...document.querySelectorAll('.matrix')].some(one => one.offsetHeight)") is matrices
    assert browser.ask(SPLIT) == []
    sizes = """[...document.querySelectorAll('.single > svg, .figure-row svg')].map(
        svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"""
    assert len(browser.ask(sizes)) >= 4 and min(browser.ask(sizes)) >= 11.5


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.slow
def test_the_page_of_several_trainings_fits_as_well(width, browser, reports, small_smoke, monkeypatch, capsys):
    page = reports("retail", monkeypatch, capsys, "--seeds", "2")
    browser.open(page, width)
    assert browser.complaints(page) == []
    assert browser.ask("document.body.innerText").count("SMOKE") > 0


BAD = {
    "wide": ("<table><tr><td style='min-width: 2000px'>wide</td></tr></table>", "wider than the window"),
    "sideways": ("<div style='position: absolute; left: 3000px'>far</div>", "scrolls sideways"),
    "console": ("<script>console.error('no')</script>", "console error"),
    "thrown": ("<script>throw new Error('no')</script>", "exceptionThrown"),
    "request": ("<img src='http://127.0.0.1:9/x.png'>", "request: http://127.0.0.1:9/x.png"),
}


@pytest.mark.browser
@pytest.mark.parametrize("name", BAD)
def test_a_bad_page_is_complained_of(name, browser, tmp_path):
    body, complaint = BAD[name]
    page = tmp_path / "bad.html"
    page.write_text(f"<!doctype html><meta name=viewport content='width=device-width'><body>{body}</body>")
    browser.open(page, 390)
    assert any(complaint in said for said in browser.complaints(page))
