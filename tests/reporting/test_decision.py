"""Page one: what a head of data reads, for each face, on a desk, on a phone and on paper."""

import base64
import re
from html import unescape

import pypdfium2
import pytest
from markupsafe import Markup

from metier.evaluation.answers import Answers
from metier.evaluation.faces import Judged, conclude
from metier.evaluation.next_steps import RunFacts
from metier.evaluation.predictions import as_predictions
from metier.evaluation.results import Gain, RetentionResult
from metier.evaluation.scoring import Prediction
from metier.evaluation.stats import Interval
from metier.evaluation.verdict import decide
from metier.reporting import decision
from metier.reporting.decision_chart import Interval as Drawn
from metier.reporting.decision_chart import worse_or_better
from metier.reporting.filters import plain
from metier.reporting.pages import template
from metier.reporting.verdict_page import content
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.stages.report import judge

AHEAD = {"gain": Interval(0.3, 0.2, 0.4), "p": 0.0001}
LOST = RetentionResult(
    name="general",
    metric="loss",
    unit="nats a token",
    n=80,
    clusters=80,
    base=3.0,
    tuned=3.21,
    change=Interval(0.21, 0.19, 0.23),
    margin=0.02,
    state="lost",
    n_required=None,
)
KEPT = LOST.model_copy(update={"state": "kept", "tuned": 2.9, "change": Interval(-0.1, -0.11, -0.09)})
FACES = {
    "clean": ({**AHEAD, "gain_over_baseline": Gain(value=0.1, low=0.05, high=0.15, p=0.0001)}, KEPT),
    "provisional": ({**AHEAD, "gain_over_baseline": Gain(value=0.1, low=0.01, high=0.19, p=0.03)}, KEPT),
    "worse": ({"gain": Interval(-0.2, -0.3, -0.1), "p": 0.001}, KEPT),
    "forgotten": ({**AHEAD, "gain_over_baseline": Gain(value=0.1, low=0.05, high=0.15, p=0.0001)}, LOST),
    "baseline_better": ({**AHEAD, "gain_over_baseline": Gain(value=-0.2, low=-0.3, high=-0.1, p=0.001)}, KEPT),
    "not_shown": ({**AHEAD, "gain_over_baseline": Gain(value=0.01, low=-0.05, high=0.07, p=0.6)}, KEPT),
    "smoke": ({}, KEPT),
}
TONES = {"clean": "good", "provisional": "amber", "smoke": "grey"}
STATISTICS = re.compile(
    r"nats|Holm|McNemar|bootstrap|minimum detectable|fixed|broken|worsening \(|interval of the|before tuning|p [<=]"
    r"|significan|\bnull\b|None"
)
"""What page one leaves to the level below."""


def page(run_folder, face, exploratory=(), more=()):
    """(the report of a run with other figures, which have this face; its verdict)."""
    run = saved_run(run_folder, Progress())
    answers = Answers(run)
    verdict = judge(run, answers)
    changed, kept = FACES[face]
    entries = [verdict.benchmarks[0].model_copy(update=changed), *more]
    found, reasons, benchmarks = decide(entries, [kept], 0.02, 0.05, face == "smoke")
    judged = Judged(found, reasons, benchmarks, [kept], 0.02, 0.05, 1)
    told = conclude(judged, exploratory, RunFacts.of(run, answers))
    verdict = verdict.model_copy(update={**dict(told), "benchmarks": tuple(benchmarks), "retention": (kept,)})
    known = content(run, answers, verdict.model_copy(update={"benchmarks": verdict.benchmarks[:1]}), "run")
    known["decision"] = decision.decision_of_run(run, answers, verdict)
    return template("report.html").render(known), verdict


def first(html):
    """The text of page one, without tags."""
    section = html[html.index('<section class="decision"') : html.index("</section>")]
    text = re.sub(r"<code.*?</code>", lambda code: code[0].replace("</span> <span>", " "), section, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", re.sub(r"</(?:p|h2|dd|li|dt)>", " ", text))).split())


@pytest.mark.parametrize("face", FACES)
def test_page_one_says_the_face_its_reason_and_what_to_do_without_statistics(finished_run, face):
    html, verdict = page(finished_run[1], face)
    text = first(html)
    assert verdict.face == face and decision.WORDS[face][0] in text and f"({verdict.shown})" in text
    assert f'class="box {TONES.get(face, "bad")}"' in html
    assert verdict.headline in text.replace("\u00a0", " ") and verdict.reason.replace("`", "") in text
    for step in verdict.next_steps:
        assert step.text.replace("`", "") in text and (step.command is None or step.command in text)
    assert not STATISTICS.search(text), STATISTICS.search(text)
    assert all(reason in unescape(html[html.index('class="statistics"') :]) for reason in verdict.reasons)


def test_a_provisional_ship_is_amber_in_title_and_box_and_a_clean_one_is_not(finished_run):
    html, verdict = page(finished_run[1], "provisional")
    assert "<title>SHIP, provisional: run</title>" in html and "--seeds 3" in first(html)
    assert 'class="box amber"' not in page(finished_run[1], "clean")[0]


def test_an_exploratory_ship_is_neither_green_nor_amber_and_says_so_first(finished_run):
    for face in ("clean", "provisional"):
        html, _ = page(finished_run[1], face, ("ship.alpha was changed.", "There is no plan."))
        text = first(html)
        assert 'class="box bad"' in html and "NO VERDICT TO RELY ON" in text and "There is no plan." in text
        assert not re.search(r"Use this model|USE ON TRIAL", text)


def test_with_several_benchmarks_the_others_have_a_line_each(finished_run):
    run = saved_run(finished_run[1], Progress())
    other = judge(run, Answers(run)).benchmarks[0]
    other = other.model_copy(update={"name": "other", **FACES["not_shown"][0]})
    text = first(page(finished_run[1], "clean", more=[other])[0])
    assert "Use this model for triage" in text and "other: no gain shown; it answers" in text


def answers(given, gold="a", sure=None):
    """Predictions of two labels, with the certainty of each."""
    sure = sure or [0.99] * len(given)
    rows = [
        Prediction(
            str(at), "", "", one, gold, float(one == gold), probabilities=(p, 1 - p) if one == "a" else (1 - p, p)
        )
        for at, (one, p) in enumerate(zip(given, sure, strict=True))
    ]
    return as_predictions(rows, ["a", "b"])


class Saved:
    """The answers of a run, as far as a tile reads them."""

    def __init__(self, base):
        self.base = base

    def table(self, *_):
        return self.base

    def labels(self, _):
        return list(self.base.labels)


def test_an_untuned_model_that_says_one_label_is_told_by_that(finished_run):
    run = saved_run(finished_run[1], Progress())
    entry = judge(run, Answers(run)).benchmarks[0].model_copy(update={"n": 10})
    [tile] = decision._base_tile(Saved(answers(["b"] * 8 + ["a"] * 2)), entry)
    assert tile.rows == (("errors per 1,000", "800"),) and tile.note == "it answers “b” in 8 of 10"
    [tile] = decision._base_tile(Saved(answers(["b"] * 4 + ["a"] * 3 + [None] * 3)), entry)
    assert tile.note == ""


def test_automation_is_told_at_a_cut_off_that_the_test_did_not_choose():
    tuned = answers(["a"] * 6 + ["b"] * 4, sure=[0.95] * 5 + [0.6] + [0.95] + [0.6] * 3)
    [tile] = decision._automation(tuned, None)
    assert tile.rows == (("without a person", "60 %"), ("right of those", "83.3 %")) and "set in advance" in tile.note
    held_out = answers(["a"] * 390 + ["b"] * 10, sure=[0.9] * 390 + [0.55] * 10)
    [tile] = decision._automation(tuned, held_out)
    assert "chosen on 400 held-out rows" in tile.note
    assert list(decision._automation(as_predictions([Prediction("1", "", "", "x", "x", 1.0)], []), None)) == []


@pytest.mark.parametrize("state", ["kept", "lost", "inconclusive", "monitored", "forgotten"])
def test_what_became_of_general_text_is_said_in_plain_words(state):
    tile = decision._general([LOST.model_copy(update={"state": state})])
    assert ("weak check" in tile.note) == (state not in ("lost", "forgotten")) and not STATISTICS.search(
        tile.rows[0][1] + tile.note
    )
    assert ("no loss" in tile.rows[0][1]) == (state in ("kept", "monitored"))
    assert decision._general([]).rows == (("", "not checked"),)


def test_a_sentence_keeps_numbers_and_short_words_together_and_escapes_the_rest():
    assert plain("TF-IDF: 5 % of `a<b`") == Markup(
        '<span class="nowrap">TF-IDF</span>: 5\u00a0% of <code>a&lt;b</code>'
    )
    assert plain("<script>a-b</script>") == Markup('&lt;script&gt;<span class="nowrap">a-b</span>&lt;/script&gt;')


@pytest.mark.parametrize("value", [(-0.2, -9, 4, 2), (50, 40, 60, 2), (1, 0.9, 1.1, 0), (0, 0, 0, 0), (-5, -6, -4, -2)])
def test_the_chart_holds_its_figures_in_order_and_inside(value):
    drawn = worse_or_better(Drawn(*value, asked="asked <b>", shown="shown"), "a & b")
    places = [float(place) for place in re.findall(r'x\d?="([-\d.]+)%', drawn)]
    assert all(0 <= place <= 100 for place in places)
    [low, high] = map(float, re.search(r'x1="([\d.]+)%" x2="([\d.]+)%" y1="58"', drawn).groups())
    [dot] = map(float, re.findall(r'cx="([\d.]+)%', drawn))
    assert low <= dot <= high and "asked &lt;b&gt;" in drawn and 'aria-label="a &amp; b"' in drawn


CONTRAST = """
(() => {
  const part = color => color.match(/[\\d.]+/g).map(Number)
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4
  const light = color => part(color).slice(0, 3).map(v => linear(v / 255))
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0)
  const back = element => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor
      if (part(color)[3] !== 0) return color
    }
    return 'rgb(255, 255, 255)'
  }
  const own = element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
  return [...document.querySelectorAll('h1, .decision *, .statistics *')].filter(own).map(element => {
    const style = getComputedStyle(element), color = element.tagName === 'text' ? style.fill : style.color
    const [a, b] = [light(color), light(back(element))]
    return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), element.textContent.slice(0, 30)]
  }).filter(([ratio]) => ratio < 4.5)
})()
"""
"""Texts of less contrast than WCAG AA asks for."""
SPLIT = """
(() => {
  const found = []
  const walk = document.createTreeWalker(document.querySelector('.decision'), NodeFilter.SHOW_TEXT)
  const words = /[A-Za-z]{2,}(-[A-Za-z]+)*|[\\d.,]+ %/g
  while (walk.nextNode()) for (const word of walk.currentNode.textContent.matchAll(words)) {
    if (walk.currentNode.parentElement.closest('code')) continue
    const range = document.createRange()
    range.setStart(walk.currentNode, word.index)
    range.setEnd(walk.currentNode, word.index + word[0].length)
    if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) found.push(word[0])
  }
  return found
})()
"""


@pytest.mark.browser
def test_every_face_fits_a_phone_can_be_read_and_prints_on_two_pages(finished_run, browser, tmp_path):
    for face in FACES:
        path = tmp_path / f"{face}.html"
        path.write_text(page(finished_run[1], face)[0])
        for width in (1280, 390):
            browser.open(path, width)
            assert browser.complaints(path) == [] and browser.ask("innerWidth") == width, face
            assert browser.ask(CONTRAST) == [] and browser.ask(SPLIT) == [], face
        levels = browser.ask("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
        assert levels[0] == 1 and all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
        assert browser.ask("document.documentElement.lang") == "en" and browser.ask("!!document.querySelector('main')")
        browser.ask("document.querySelectorAll('.decision ~ *').forEach(one => one.remove())")
        printed = base64.b64decode(browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.7)["data"])
        assert len(pypdfium2.PdfDocument(printed)) <= 2, face
