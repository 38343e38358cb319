"""What is drawn is what was measured, and it can be read on a phone."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from metier.evaluation.automation import Automation, CutOffOnTest, reliability
from metier.evaluation.certainty import Temperature
from metier.evaluation.results import Figure
from metier.evaluation.stats import Interval
from metier.reporting.figures import _drawing, intervals, loss
from metier.reporting.figures import automation as pictures
from metier.reporting.figures.confusion import confusion
from metier.reporting.links import answers_link
from metier.reporting.training_section import LogLine, curve_lines

NATS = "nats a token"


@pytest.fixture
def drawn(monkeypatch):
    """The axes of what is drawn next, in the order in which they were made."""
    axes, add = [], _drawing.plt.Figure.add_axes
    monkeypatch.setattr(_drawing.plt.Figure, "add_axes", lambda self, box: axes.append(add(self, box)) or axes[-1])
    return axes


def letters(svg):
    """The size of each text in CSS pixels where the figure is 360 pixels wide."""
    (width,) = re.findall(r'viewBox="0 0 ([\d.]+)', svg[:500])
    return [360 / float(width) * float(size) for size in re.findall(r"font(?:-size)?: (?:bold )?([\d.]+)px", svg)]


def automated():
    certainty = np.linspace(0.3, 1, 60)
    right = np.arange(60) % 5 > 0
    cut = CutOffOnTest(SimpleNamespace(threshold=0.8), "--review 0.2", 0.8, Interval(0.85, 0.7, 0.95))
    bins = reliability(certainty, right, [str(n) for n in range(60)])
    coverage = np.arange(1, 61) / 60
    return Automation(coverage, np.cumsum(right[::-1]) / np.arange(1, 61), cut, "", Temperature(1.0, 0), bins, 0.1, 0.1)


def all_figures():
    rows = [
        ("most common label", Figure(value=0.1, low=0.1, high=0.1)),
        ("TF-IDF with logistic regression", Figure(value=0.9, low=0.88, high=0.92)),
        ("tuned model", Figure(value=0.85, low=0.83, high=0.87)),
    ]
    deciding = intervals.Difference(rows[1][0], Interval(-0.05, -0.08, -0.02), 0.02)
    kinds = {"raw text": {"loss": 3.0, "tokens": 9}, "task rows": {"loss": 0.5, "tokens": 4}}
    lines = curve_lines([LogLine(step=n, loss=1.0, kinds=kinds) for n in range(20)])
    return {
        "intervals": intervals.intervals(rows, "t", True, deciding),
        "automation": pictures.automation_curve(automated(), 60, "t"),
        "reliability": pictures.reliability_diagram(automated().bins, "t"),
        "loss": loss.loss_curve(lines, f"loss ({NATS})", "t"),
    }


def test_letters_are_12_pixels_high_on_a_phone():
    for name, svg in all_figures().items():
        assert letters(svg) and min(letters(svg)) >= 12, name


def test_models_are_named_and_the_comparison_that_decides_is_said():
    text = re.sub(r"<[^>]+>", " ", all_figures()["intervals"])
    for said in ("TF-IDF with logistic regression", "tuned model", "90.0 %", "85.0 %"):
        assert said in text
    assert "The comparison that decides: gain over" in text and "worse | better" in text
    assert "-5.0 points (95 % CI -8.0 to -2.0)" in text


def test_the_automation_curve_has_the_measured_points_and_the_cut_off(drawn):
    found = automated()
    pictures.automation_curve(found, 60, "t")
    line, _, _, dot = drawn[0].lines
    x, y = line.get_data()
    assert list(zip(x, y, strict=True)) == list(zip(found.coverage, found.accuracy, strict=True))[9:]
    assert [float(value[0]) for value in dot.get_data()] == [0.8, 0.85]
    drawn.clear()
    pictures.reliability_diagram(found.bins, "t")
    x, y = drawn[0].lines[-1].get_data()
    assert list(x) == [one.certainty for one in found.bins] and list(y) == [one.right.value for one in found.bins]


def test_few_certain_answers_among_many_questions_are_drawn():
    found = replace(automated(), coverage=np.array([0.02, 0.04]), accuracy=np.array([1.0, 0.5]))
    assert "<svg" in pictures.automation_curve(found, 50, "t")


def test_a_long_test_gives_a_short_line():
    n = 10_000
    one = SimpleNamespace(coverage=np.arange(1, n + 1) / n, accuracy=np.full(n, 0.9), cut=None)
    assert len(pictures.automation_curve(one, n, "t")) < 30_000


CURVES = {
    "sft": ([{"loss": 3.0, "unit": NATS}, {"loss": 2.0, "unit": NATS}], "loss", [3, 2]),
    "dpo": ([{"loss": 0.7}, {"loss": 0.5}], "loss", [0.7, 0.5]),
    "loss below zero": ([{"loss": -1.0}, {"loss": -3.0}], "loss", [-1, -3]),
    "grpo": ([{"loss": -0.1, "reward": 0.2}, {"loss": 0.0, "reward": 0.8}], "reward", [0.2, 0.8]),
    "grpo with costs": ([{"loss": 0.0, "reward": -1.0}, {"loss": 0.0, "reward": -1.0}], "reward", [-1, -1]),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_says_what_it_shows_and_rises_upwards(name, drawn):
    rows, what, values = CURVES[name]
    (line,) = curve_lines([LogLine.model_validate({"step": number, **row}) for number, row in enumerate(rows)])
    assert (line.name, list(line.values)) == (what, values)
    loss.loss_curve([line], what, "curve")
    bottom, top = drawn[0].get_ylim()
    assert drawn[0].get_ylabel() == what and bottom == min(0, *values) and max(values) < top
    assert list(drawn[0].lines[0].get_ydata()) == values, "raw, then smoothed"


def test_each_kind_of_row_has_a_line_of_its_own():
    seen = [(2, "task rows", 0.5, 10), (4, "raw text", 3.0, 90), (6, "task rows", 0.4, 30)]
    log = [
        LogLine.model_validate({"step": step, "loss": 1.0, "kinds": {kind: {"loss": loss, "tokens": tokens}}})
        for step, kind, loss, tokens in seen
    ]
    raw, task = curve_lines(log)
    assert (raw.name, task.name) == ("raw text", "task rows")
    assert (list(task.steps), list(task.values), list(task.weights)) == ([2, 6], [0.5, 0.4], [10, 30])
    assert (list(raw.steps), list(raw.values)) == ([4], [3.0])


def test_a_smoothed_line_is_the_mean_over_tokens_near_by():
    steps = np.arange(0.0, 100, 5)
    values, weights = np.random.default_rng(0).random((2, 20))
    smoothed = loss.Line("x", steps, values, weights).smoothed()
    for at in range(20):
        near = [n for n in range(20) if abs(steps[n] - steps[at]) <= 95 * 0.1 / 2]
        assert smoothed[at] == pytest.approx(np.average(values[near], weights=weights[near]))
    assert list(loss.Line("x", np.array([1.0]), np.array([2.0]), np.array([3.0])).smoothed()) == [2.0]


HOSTILE = ["a b&c=d#e", "50 %", "<b>\"'</b>", "+", "a/b?c", "Ärger → 🙂", "\u202eabc", "x\0y", "{{7*7}}"]


@pytest.mark.parametrize("label", HOSTILE)
def test_a_link_brings_hostile_labels_back_as_they_are(label):
    from urllib.parse import parse_qsl, urlsplit

    link = answers_link(label, label, "other")
    parts = urlsplit(link)
    assert parts.path == "answers.html" and re.fullmatch(r"[\w.~%=&#-]+", link, flags=re.ASCII)
    assert parse_qsl(parts.fragment) == [("benchmark", label), ("right", label), ("given", "other")]


def test_a_cell_of_the_matrix_leads_to_its_questions():
    labels = ["a b", "<c>&"]
    svg = confusion(np.array([[3, 1], [0, 2]]), labels, "t", lambda right, given: answers_link("desk", right, given))
    links = set(re.findall(r'href="(answers[^"]*)"', svg))
    assert links == {
        "answers.html#benchmark=desk&amp;right=a%20b&amp;given=a%20b",
        "answers.html#benchmark=desk&amp;right=a%20b&amp;given=%3Cc%3E%26",
        "answers.html#benchmark=desk&amp;right=%3Cc%3E%26&amp;given=%3Cc%3E%26",
    }
    assert 'xlink:href="answers' not in svg
