"""A run whose model is judged with its baseline mixed in: the choice, the plan, the verdict, and who answers after."""

import json
import re

import pytest

from metier.errors import UserError
from metier.evaluation.answers import BLEND, HELD_OUT, JUDGED, TUNED, read_answers
from metier.evaluation.plan import candidate_of, read_plan
from metier.evaluation.results import read_verdict
from metier.runs.integrity import verify
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.serving.predictor import load_predictor
from metier.stages import evaluate as evaluating
from metier.stages.evaluate import evaluate
from metier.stages.report import report
from tests.recorded import Recorded, go
from tests.tiny import write_triage


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return Recorded(tmp_path_factory.mktemp("mixed") / "triage")


@pytest.fixture
def mixed(recorded):
    """The folder of a finished run that mixes; a test may do with it what it likes."""

    def record():
        recorded.home.mkdir()
        go(write_triage(recorded.home, train=300), recorded.home / "run", "candidate=blend")

    return recorded.at("mixed", record) / "run"


def test_the_mixture_is_what_the_verdict_is_about(mixed):
    run, verdict = saved_run(mixed, Progress()), read_verdict(mixed)
    [entry] = verdict.benchmarks
    blend, alone = (read_answers(run, who, "triage") for who in (JUDGED, TUNED))

    assert entry.mixed_with == "TF-IDF with logistic regression" and entry.candidate == candidate_of(run, "triage")
    assert entry.candidate.baseline == "tfidf" and 0 < entry.candidate.weight < 1
    assert entry.candidate.rows == len(read_answers(run, HELD_OUT, "triage"))
    assert entry.tuned.value == pytest.approx(sum(one.value for one in blend) / 24)
    assert entry.alone.value == pytest.approx(sum(one.value for one in alone) / 24)
    assert entry.alone.value != entry.tuned.value, "else the test cannot tell them apart"


def test_the_plan_names_the_candidate_and_a_changed_choice_makes_the_verdict_exploratory(mixed):
    run = saved_run(mixed, Progress())
    [planned] = read_plan(run).benchmarks
    assert planned.candidate == candidate_of(run, "triage").sealed()
    stage = "evaluate/triage/candidate"
    run.mark_done(stage, "another", {"chosen": {"baseline": None}}, f"{stage}.jsonl")
    with pytest.raises(UserError, match="candidate"):
        report(run)
    run.mark_done("evaluate", "", run.result("evaluate"), *evaluating._written(run))
    assert "the candidate of triage was changed from tuned + tfidf" in report(run).exploratory[0]


def test_the_choice_is_made_before_the_first_test_question(mixed, monkeypatch):
    run, ask = saved_run(mixed, Progress()), evaluating.ask
    for file in (mixed / "evaluate" / "triage").glob("*.json*"):
        file.unlink()
    (mixed / "plan.json").unlink()

    def refuse(run, who, *arguments):
        if who == HELD_OUT:
            return ask(run, who, *arguments)
        assert candidate_of(run, "triage").baseline == "tfidf"
        raise InterruptedError

    monkeypatch.setattr(evaluating, "ask", refuse)
    with pytest.raises(InterruptedError):
        evaluate(run)


def test_the_predictor_gives_the_judged_answers_and_the_models_own_on_request(mixed):
    run = saved_run(mixed, Progress())
    predictor = load_predictor(run)
    rows = [{"text": question.text, **question.fields} for question in predictor.benchmark.questions()]

    for who in (JUDGED, TUNED):
        given, saved = load_predictor(run, who=who).predict(rows), read_answers(run, who, "triage")
        assert [one.answer for one in given] == [one.answer for one in saved]
        assert [one.probabilities for one in given] == [one.probabilities for one in saved]


def test_page_card_and_reasons_say_what_was_mixed(mixed):
    page, card = ((mixed / name).read_text() for name in ("report.html", "model_card.md"))

    for text in (page, card):
        assert "probabilities mixed, with a weight of" in text
        assert "TF-IDF" in text
    assert "this model with TF-IDF" in re.sub(r"<[^>]*>", "", page)


def test_a_changed_mixture_is_named(mixed):
    file = mixed / "evaluate" / "triage" / f"{BLEND}.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({**row, "value": 0.0}) + "\n" for row in rows))

    assert "evaluate/triage/blend.jsonl" in {finding.file for finding in verify(mixed).findings}


def test_what_is_sealed_is_not_chosen_again(mixed, monkeypatch):
    run = saved_run(mixed, Progress())
    before = candidate_of(run, "triage")
    monkeypatch.setattr("metier.stages.candidates.VERSION", 99)  # another version of Metier would choose otherwise
    monkeypatch.setattr("metier.stages.candidates.choose", lambda *_: pytest.fail("a second look"))
    evaluate(run)
    assert candidate_of(run, "triage") == before
    assert report(run).exploratory == ()


def test_a_run_of_before_is_judged_as_its_plan_says(mixed, monkeypatch):
    run = saved_run(mixed, Progress())
    for who in ("candidate", "blend"):
        (mixed / "evaluate" / "triage" / f"{who}.done.json").unlink()
    monkeypatch.setattr("metier.stages.candidates.choose", lambda *_: pytest.fail("a second look"))
    evaluate(run)
    assert candidate_of(run, "triage").baseline is None


def test_the_mixture_of_a_model_that_was_trained_again_answers_nothing(mixed):
    run = saved_run(mixed, Progress())
    stage = "evaluate/triage/candidate"
    run.mark_done(stage, "", {**run.result(stage), "adapter_sha256": "another"}, f"{stage}.jsonl")
    with pytest.raises(UserError, match="trained again.*metier evaluate"):
        load_predictor(run)


def test_without_its_mixed_answers_nothing_is_judged(mixed):
    (mixed / "evaluate" / "triage" / "blend.done.json").unlink()
    assert read_answers(saved_run(mixed, Progress()), JUDGED, "triage") == []
