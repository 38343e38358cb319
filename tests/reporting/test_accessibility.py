"""What axe-core finds on the pages of a run, and what a keyboard reaches."""

import tempfile
from pathlib import Path

import pytest

from tests import axe

PAGES = ("report.html", "answers.html")


@pytest.fixture(scope="module")
def script():
    return axe.source(Path(tempfile.gettempdir()) / "axe-core-for-tests")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_breaks_no_rule_of_wcag(name, width, browser, script, finished_run):
    page = finished_run[1] / name
    browser.open(page, width)
    assert axe.violations(browser, script) == []


@pytest.mark.slow
@pytest.mark.browser
def test_axe_finds_what_is_wrong(browser, script, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><title>t</title><p style='color:#bbb'>faint</p><img src='data:,'>")
    browser.open(page, 390)
    found = " ".join(axe.violations(browser, script))
    assert all(rule in found for rule in ("color-contrast", "html-has-lang", "image-alt"))


@pytest.mark.browser
def test_the_summary_prints_on_two_sheets_and_every_detail_opens_by_keyboard(browser, finished_run):
    browser.open(finished_run[1] / "report.html", 1280)
    closed = "[...document.querySelectorAll('details')].filter(one => !one.querySelector('summary'))"
    assert browser.ask(f"{closed}.length") == 0 and browser.ask("document.querySelectorAll('details').length") > 1
    browser.ask("document.querySelectorAll('main > .decision ~ *').forEach(below => below.remove())")
    assert browser.sheets() <= 2
