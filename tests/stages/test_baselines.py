"""A run with several baselines: all answer, one decides, and its page, plan and predictions know them."""

import json
import re
import shutil

import pytest

from metier.errors import Problems, UserError
from metier.evaluation.answers import Answers
from metier.evaluation.baselines import _chat
from metier.evaluation.plan import read_plan
from metier.recipes.checks import check
from metier.recipes.schema import load
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving import job
from metier.serving.job import Wishes
from metier.stages.evaluate import evaluate
from metier.stages.report import report
from tests.evaluation.baselines.chat_server import chat_server
from tests.tiny import lines, write_lines

NAMES = ["tfidf", "majority", "knn", "few_shot", "answers", "endpoint"]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(_chat, "wait", lambda seconds: None)
    skin = ("skin", "rash", "itch")
    with chat_server(lambda prompt: "dermatology" if any(word in prompt for word in skin) else "cardiology") as told:
        yield told


def opened(trained_run, server, **ship):
    """The trained run, with all baselines written into its recipe before the plan is sealed."""
    file, folder = trained_run
    asked = Answers(runs.saved_run(folder, Progress())).judging.benchmarks[0].questions()
    system = [{"id": one.id, "answer": "cardiology"} for one in asked]
    write_lines(file.parent / "system.jsonl", system)
    uses = [
        "tfidf", "majority", {"knn": {"neighbors": 3}}, {"few_shot": {"examples": 2}},
        {"answers": {"path": "system.jsonl", "name": "today's desk"}},
        {"endpoint": {"url": server.url, "model": "large", "key_env": "none", "price_in": 1.0, "price_out": 1.0,
                      "requests_per_minute": 100000.0, "retries": 1}},
    ]  # fmt: skip
    changes = [f"baselines={json.dumps(uses)}", *(f"ship.{key}={value}" for key, value in ship.items())]
    recipe = load(file, changes=changes)
    assert not check(recipe)
    return runs.open_run(folder, recipe, Progress())


def test_all_baselines_answer_and_one_decides(trained_run, server, tmp_path):
    run = opened(trained_run, server, against="majority")
    evaluate(run)
    verdict = report(run)
    [entry] = verdict.benchmarks
    assert [one.name for one in entry.baselines] == NAMES and verdict.exploratory == ()
    assert [one.name for one in entry.baselines if one.decides] == ["majority"]
    found = {one.name: one for one in entry.baselines}
    assert entry.baseline_name == "the most common label" and entry.baseline == found["majority"].figure
    assert found["endpoint"].figure.value == 1.0 and found["answers"].figure.value == 0.5
    assert all(one.p_holm >= one.gain.p for one in entry.baselines)
    assert found["endpoint"].business.paid == pytest.approx(24 * 12 / 1e6)
    assert found["endpoint"].business.cost_per_1000 == pytest.approx(12 / 1e3)
    assert found["answers"].business.answers_per_hour is None and found["tfidf"].business.answers_per_hour > 0
    assert entry.majority == 0.5
    [planned] = read_plan(run).benchmarks
    assert planned.baseline == "majority" and [one.split()[0] for one in planned.baselines] == NAMES
    page = (run.folder / "report.html").read_text()
    assert all(one.title.replace("'", "&#39;") in page for one in entry.baselines)
    assert "Answers an hour" in page and "Cost of 1,000 answers" in page
    asked = len(server.requests)
    evaluate(run)
    assert len(server.requests) == asked == 24, "what is answered is not asked again"
    rows = str(write_lines(tmp_path / "new.jsonl", [{"note": "itch since 3 days"}, {"note": "chest since 2 days"}]))
    for name in NAMES:
        out = tmp_path / f"{name}.jsonl"
        if name == "answers":
            with pytest.raises(UserError, match="cannot answer new rows"):
                job.predict(run, rows, out, Wishes(who=name))
            continue
        job.predict(run, rows, out, Wishes(who=name))
        answers = [row["answer"] for row in lines(out)]
        assert len(answers) == 2 and set(answers) <= {"cardiology", "dermatology"}
        if name in ("tfidf", "knn", "endpoint"):
            assert answers == ["dermatology", "cardiology"]
    assert len(server.requests) == asked + 2, "held-out rows are not sent, nobody allowed that"


def test_a_killed_evaluation_goes_on_without_paying_twice(trained_run, server):
    run = opened(trained_run, server)
    real, server.answer = server.answer, lambda prompt: real(prompt)
    server.failures = [None] * 10 + [500, 500]
    with pytest.raises(UserError, match="gave no answer in 2 tries"):
        evaluate(run)
    paid = run.folder / "evaluate" / "triage" / "endpoint.paid.part.jsonl"
    assert len(lines(paid)) == 10
    server.failures = []
    evaluate(run)
    prompts = server.asked
    assert len(prompts) == 24 + 2 and len(set(prompts)) == 24
    assert run.result("evaluate/triage/endpoint")["spent"]["cost"] == pytest.approx(24 * 12 / 1e6)


def test_another_training_takes_paid_answers_over(trained_run, server, tmp_path):
    run = opened(trained_run, server)
    evaluate(run)
    asked = len(server.requests)
    shutil.copytree(run.folder, tmp_path / "other")
    for path in [*(run.folder / "evaluate" / "triage").glob("*"), run.folder / "evaluate.done.json"]:
        if path.name != "samples.parquet":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    evaluate(run, runs.saved_run(tmp_path / "other", Progress()))
    assert len(server.requests) == asked and report(run).benchmarks[0].baselines[-1].business.paid > 0


def test_another_baseline_that_decides_makes_the_verdict_exploratory(trained_run, server):
    run = opened(trained_run, server, against="tfidf", mode="not_worse", margin=0.05)
    evaluate(run)
    verdict = report(run)
    assert verdict.exploratory == () and verdict.benchmarks[0].margin_over_baseline == 0.05
    assert "not worse than the baseline by more than 5 points" in (run.folder / "report.html").read_text()
    file = run.folder / "recipe.yaml"
    file.write_text(
        file.read_text().replace("against: tfidf", "against: answers").replace("margin: 0.05", "margin: 0.2")
    )
    [first, second] = report(runs.saved_run(run.folder, Progress())).exploratory
    assert "ship.mode was changed from not_worse by more than 0.05 to not_worse by more than 0.2" in first
    assert "the baseline of triage was changed from tfidf to answers" in second


def test_a_limit_that_changes_no_answer_may_be_changed_after_the_plan_is_sealed(trained_run, server):
    run = opened(trained_run, server)
    evaluate(run)
    asked, mark = len(server.requests), run.folder / "evaluate" / "triage" / "endpoint.done.json"
    before, file = mark.read_bytes(), run.folder / "recipe.yaml"
    text = file.read_text()
    file.write_text(text.replace("retries: 1", "retries: 3").replace("price_in: 1.0", "price_in: 2.0"))
    assert "retries: 3" in file.read_text() and "price_in: 2.0" in file.read_text()
    again = runs.saved_run(run.folder, Progress())
    evaluate(again)
    assert mark.read_bytes() == before and len(server.requests) == asked, "the piece of work is not done again"
    assert report(again).exploratory == ()


def test_a_baseline_that_did_not_answer_stops_the_report(finished_run):
    file = finished_run[1] / "recipe.yaml"
    text = file.read_text()
    file.write_text(re.sub(r"baselines: \[\]", "baselines: [tfidf, majority]", text))
    assert file.read_text() != text
    with pytest.raises(UserError, match="'majority' did not answer 'triage'"):
        report(runs.saved_run(finished_run[1], Progress()))


def test_what_is_wrong_with_baselines_is_said_before_anything_is_trained(triage, monkeypatch):
    def problems(*changes):
        return "\n".join(check(load(triage, changes=list(changes))))

    monkeypatch.delenv("DESK_KEY", raising=False)
    assert "no file" in problems('baselines=[{"answers": {"path": "gone.csv"}}]')
    large = '{"endpoint": {"url": "https://example.org/v1", "model": "large", "key_env": "DESK_KEY"}}'
    assert "DESK_KEY is not set" in problems(f"baselines=[{large}]")
    assert "can answer none of the benchmarks" in problems("baselines=[longer_answer]")
    assert "no baseline 'tfidff'" in problems("baselines=[tfidff]")
    assert "`ship.against` is 'knn'" in problems("ship.against=knn")
    assert not problems("ship.against=tfidf") and not problems("baselines=[tfidf, knn]", "ship.against=knn")
    with pytest.raises(Problems, match=r"ship\.mode"):
        load(triage, changes=["ship.mode=equal"])


def test_two_of_a_kind_have_names_of_their_own(triage):
    recipe = load(triage, changes=['baselines=[{"knn": {"neighbors": 1}}, {"knn": {"neighbors": 9}}]'])
    [benchmark] = recipe.build_benchmarks()
    assert list(benchmark.baselines) == ["knn", "knn-2"] and benchmark.baseline == "knn"
