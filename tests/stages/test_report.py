"""Figures on the pages are those of verdict.json, each in its own place."""

import json
import re
from collections import Counter
from html import unescape

import pyarrow as pa
import pytest

from metier.evaluation.answers import Answers
from metier.evaluation.results import InsightResult
from metier.evaluation.scoring import Prediction
from metier.recipes.schema import load
from metier.reporting.examples import Example, draw_examples
from metier.reporting.pages import template
from metier.reporting.verdict_page import by_benchmark, content
from metier.runs.progress import Progress
from metier.runs.run import Run, saved_run
from metier.stages import report as reporting
from metier.stages.report import judge
from tests.runs.test_runs import go
from tests.tiny import remark, write_triage


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    home = tmp_path_factory.mktemp("report")
    go(write_triage(home), home / "run", "retention={general: 0.5}")
    path = home / "run/evaluate/triage/base.jsonl"  # worse than the tuned model, so that a mix-up shows
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[:20]:
        line |= {"value": 0.0, "answer": "dermatology" if line["gold"] == "cardiology" else "cardiology"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for stage in ("evaluate/triage/base", "evaluate"):
        remark(home / "run", stage)
    reporting.report(saved_run(home / "run", Progress()))
    return home / "run"


def cells(page, heading):
    """The rows of the first table behind a heading, tags taken off."""
    table = page[page.index(heading) :]
    table = table[: table.index("</table>")]
    rows = re.findall(r"<tr>(.*?)</tr>", table, flags=re.S)
    return [
        [
            unescape(re.sub(r"<[^>]*>", " ", cell)).split()
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)
        ]
        for row in rows
    ]


def lines_of(run, who):
    return (run / f"evaluate/triage/{who}.jsonl").read_text().splitlines()


def shown(interval):
    return [f"{interval['value']:.3f}", f"{interval['low']:.3f}", "to", f"{interval['high']:.3f}"]


def test_every_figure_stands_under_its_own_heading(finished):
    verdict, page = json.loads((finished / "verdict.json").read_text()), (finished / "report.html").read_text()
    (entry,) = verdict["benchmarks"]
    head, *rows = cells(page, "All figures and tests")
    assert [" ".join(cell) for cell in head] == [
        "metric", "majority", "TF-IDF with logistic regression", "base", "tuned", "gain (95 % CI)", "p"
    ]  # fmt: skip
    assert len(rows) == len(entry["metrics"]) == 2
    for row, metric in zip(rows, entry["metrics"], strict=True):
        assert row[0] == [metric["metric"]] and row[1] == [f"{metric['majority']:.3f}"]
        assert row[2:5] == [shown(metric[who]) for who in ("baseline", "base", "tuned")]
        assert row[5][0] == f"{metric['gain']['value']:+.3f}"
    assert entry["base"]["value"] < entry["tuned"]["value"]
    [one], [alone] = entry["baselines"], cells(page, "<h4>Baselines</h4>")[1:]
    assert alone[0] == ["TF-IDF", "with", "logistic", "regression", "(decides)"] and alone[1] == shown(one["figure"])
    assert alone[2][0] == f"{one['gain']['value']:+.3f}" and alone[6] == ["0"] and one["p_holm"] == one["gain"]["p"]
    assert alone[4] == [f"{one['business']['answers_per_hour']:,.0f}"]
    kept = cells(page, "Retention")[1]
    (general,) = verdict["retention"]
    assert kept[1:3] == [[f"{general['base']:.3f}"], [f"{general['tuned']:.3f}"]] and kept[-1] == [general["state"]]


def test_labels_stand_by_recall_and_mistakes_by_number_with_their_links(finished):
    page = (finished / "report.html").read_text()
    answers = [Prediction.from_json(json.loads(line)) for line in lines_of(finished, "tuned")]
    recall = {
        label: sum(one.value for one in answers if one.gold == label) / sum(one.gold == label for one in answers)
        for label in ("cardiology", "dermatology")
    }
    rows = cells(page, "Labels, lowest recall first")[1:]
    assert [" ".join(row[0]) for row in rows] == sorted(recall, key=lambda label: (recall[label], label))
    assert [row[3] for row in rows] == [f"{100 * recall[row[0][0]]:.0f} %".split() for row in rows]
    wrong = Counter((one.gold, one.answer) for one in answers if one.gold != one.answer)
    listed = re.findall(r'<li><span><a href="([^"]*)">(\S+) → (\S+)</a></span>\s*<b>(\d+)</b>', page)
    assert wrong and [int(count) for *_, count in listed] == sorted(wrong.values(), reverse=True)
    for link, right, given, count in listed:
        assert wrong[right, given] == int(count)
        assert unescape(link) == f"answers.html#benchmark=triage&right={right}&given={given}"


def test_errors_that_are_left_are_shown_beside_fixed_and_broken(finished):
    page = (finished / "report.html").read_text()
    base, tuned = ([json.loads(line)["value"] >= 1 for line in lines_of(finished, who)] for who in ("base", "tuned"))
    counts = Counter(zip(base, tuned, strict=True))
    shown = dict(re.findall(r"<h5>(.*?) <small>\(.*?\): (.*?)</small>", page))
    for title, kind in (("Fixed", (False, True)), ("Broken", (True, False)), ("Still wrong", (False, False))):
        n = counts[kind]
        said = "none" if not n else f"3 of {n}, drawn at random" if n > 3 else "all " * (n > 1) + str(n)
        assert shown[title] == said
    assert counts[False, False], "some errors are left"


def test_the_words_of_the_statistics_are_explained_where_they_stand(finished):
    page = (finished / "report.html").read_text()
    _, details = re.findall(r'<details class="statistics">(.*?)</details>', page, flags=re.S)
    for word in ("95 % CI", "p", "Holm", "minimum detectable effect", "group"):
        assert f"<dt>{word}</dt>" in details
    assert "Nats a token" in page[page.index("<h2>Retention") : page.index("<h2>Training")]


def test_a_key_figure_has_its_value_and_its_note(finished):
    verdict, page = json.loads((finished / "verdict.json").read_text()), (finished / "report.html").read_text()
    rows = [row for row in cells(page, "Key figures for healthcare")[2:] if len(row) == 3]
    assert len(rows) == len(verdict["insights"])
    for row, ask in zip(rows, verdict["insights"], strict=True):
        figure = by_benchmark([InsightResult(**ask)])[ask["benchmark"]][0]["shown"]
        assert [" ".join(cell) for cell in row] == [ask["what"], figure, ask["note"]]


def test_the_model_card_has_base_before_tuned(finished):
    (entry,) = json.loads((finished / "verdict.json").read_text())["benchmarks"]
    (line,) = [line for line in (finished / "model_card.md").read_text().splitlines() if line.startswith("| triage")]
    found = [cell.strip() for cell in line.strip("|").split("|")]
    assert found[5:7] == [f"{entry['base']['value']:.3f}", f"{entry['tuned']['value']:.3f}"]


def test_a_pack_of_ones_own_is_called_by_its_name_and_not_by_its_path(finished, tmp_path):

    own = tmp_path / "mine" / "own.py"
    own.parent.mkdir()
    own.write_text(
        "from metier.industries.healthcare import Industry as Healthcare\n\n\n"
        "class Industry(Healthcare):\n    name = 'dentists'\n\n    def __init__(self):\n"
        "        super().__init__(name='dentists')\n"
    )
    recipe = load(finished / "recipe.yaml", str(own))
    run = Run(finished, recipe, Progress())
    page = template("report.html").render(content(run, Answers(run), judge(run, Answers(run)), "run"))
    assert "Key figures for dentists" in page and str(own) not in page


def test_dates_of_training_rows_are_those_of_the_benchmarks_own_task(finished, monkeypatch):

    run = saved_run(finished, Progress())
    table = pa.table({"task": ["triage", "another", None], "time": ["2020-01-01", "2021-01-01", None]})
    monkeypatch.setattr(type(run), "table", lambda *_: table)
    assert reporting._learned_times(run, "triage") == ["2020-01-01"]


def test_an_answer_that_nobody_could_judge_is_no_word_of_the_models():

    right, none = Prediction("1", "q", "", "a", "a", 1.0), Prediction("1", "q", "", None, "a", None)
    fixed, broken, still_wrong = draw_examples([none], [right], [none], 0)
    assert fixed.rows == (Example("q", "a", "(unscored)", "a", "(unscored)"),)
    assert (broken.count, still_wrong.count) == (0, 0)
