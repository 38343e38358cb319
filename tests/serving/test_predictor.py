"""What answers new rows is what was measured: same prompt, same scorer, same figures."""

import json

import pytest

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.answers import BASE, TUNED, read_answers
from metier.evaluation.asking import ask
from metier.evaluation.benchmark import Benchmark
from metier.recipes.schema import load
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.serving.predictor import benchmark_of, load_predictor, predictor_of, question_of
from metier.stages.curate import curate
from metier.stages.evaluate import base_model
from tests.tiny import write_lines

ALIKE = ("id", "prompt", "answer", "probabilities", "log_likelihoods", "completion", "options")


def rows_of(benchmark):
    """The test questions as somebody would send them: no right answer."""
    return [
        {"text": q.text, **q.fields, **({"options": list(q.options)} if q.options else {})}
        for q in benchmark.questions()
    ]


def figures(predictions):
    return [tuple(getattr(one, key) for key in ALIKE[1:]) for one in predictions]


def test_a_finished_run_answers_its_test_rows_exactly_as_it_was_measured(finished_run):
    run = runs.saved_run(finished_run[1], Progress())
    for who in (TUNED, BASE):
        predictor = load_predictor(run, who=who)
        predictions = predictor.predict(rows_of(predictor.benchmark))
        assert figures(predictions) == figures(read_answers(run, who, "triage"))
        assert all(one.value is None for one in predictions), "nobody knows the right answer of a new row"


def items(kind):
    """Test rows of a scorer: text, answer and what else it needs."""
    for n in range(12):
        if kind == "choice":
            yield {"text": f"pick {n}", "answer": f"b{n}", "options": [f"a{n}", f"b{n}", f"b{n} c"]}
        elif kind == "fields":
            yield {"text": f"item {n}", "answer": json.dumps({"size": str(n)})}
        elif kind == "numeric":
            yield {"text": f"count {n}", "answer": str(n), "scale": "percent" if n % 2 else ""}
        else:
            yield {"text": f"say {n}", "answer": f"word {n}", "must": "a.*"}


SCORERS = {
    "choice": {"scorer": "choice"},
    "choice by bytes": {"scorer": {"choice": {"length": "byte"}}},
    "generate": {"scorer": {"generate": {"max_new_tokens": 6}}},
    "numeric": {"scorer": {"numeric": {"max_new_tokens": 6, "pattern": "(?s)(.*)"}}},
    "fields": {"scorer": {"fields": {"max_new_tokens": 6}}},
    "pattern": {"scorer": {"pattern": {"max_new_tokens": 6}}},
}


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_answers_new_rows_as_it_answered_the_test(name, triage, tmp_path):
    settings = SCORERS[name]
    write_lines(tmp_path / "items.jsonl", list(items(name.split()[0])))
    benchmark = {"name": "items", "path": "items.jsonl", "label": "answer", "metrics": ["exact_match"], **settings}
    if "choice" in name:
        benchmark |= {"options": "options", "metrics": ["accuracy"]}
    keys = {"industry": "healthcare", "model": "fake", "datasets": [{"path": "train.jsonl", "text": "note"}]}
    keys["datasets"][0]["license"] = "proprietary"
    keys |= {"benchmarks": [benchmark], "methods": ["dapt"], "steps": ["normalize"], "retention": {}}
    recipe = load(write_lines(triage.parent / "items.yaml", [keys]))
    run = runs.open_run(tmp_path / "run", recipe, Progress())
    curate(run)
    benchmark, model = benchmark_of(run, None), base_model(run)
    ask(run, BASE, benchmark, benchmark.questions(), model)
    saved = read_answers(run, BASE, "items")
    predictor = predictor_of(benchmark, model.load())
    assert figures(predictor.predict(rows_of(benchmark))) == figures(saved)
    assert saved[0].completion is not None or saved[0].probabilities is not None


def test_a_row_that_lacks_a_column_is_told(curated_run):
    benchmark = benchmark_of(runs.saved_run(curated_run[1], Progress()), None)
    assert question_of(benchmark, "itch", "0") == Question("0", "itch", "", fields={})
    with pytest.raises(UserError, match="Row 3 has no column 'text'.*Did you mean 'txt'"):
        question_of(benchmark, {"txt": "itch"}, "3")


def test_a_benchmark_is_found_by_its_name(curated_run):
    run = runs.saved_run(curated_run[1], Progress())
    assert benchmark_of(run, "triage").name == "triage"
    with pytest.raises(UserError, match="no benchmark 'triag'.*Did you mean 'triage'"):
        benchmark_of(run, "triag")


def test_the_answer_is_the_likeliest_and_probabilities_add_up(finished_run):
    run = runs.saved_run(finished_run[1], Progress())
    predictor = load_predictor(run)
    one = predictor.predict(["itching since two days"])[0]
    p, q = one.probabilities
    assert predictor.labels[0 if p >= q else 1] == one.answer and p + q == pytest.approx(1, abs=1e-5)
    assert predictor.predict([]) == []


def test_a_row_without_options_is_told_where_each_row_brings_its_own():
    benchmark = Benchmark("items", path="unused.jsonl", scorer="choice")
    assert question_of(benchmark, {"text": "pick", "options": ["a", "b"]}, "0").options == ("a", "b")
    with pytest.raises(UserError, match="Row 1 has no list of two or more options"):
        question_of(benchmark, {"text": "pick", "options": ["a"]}, "1")


def test_a_model_that_gives_no_numbers_stops_the_answers(finished_run):
    predictor = load_predictor(runs.saved_run(finished_run[1], Progress()))
    predictor.model.network.model.norm.weight.data.fill_(float("nan"))
    with pytest.raises(UserError, match="no number"):
        predictor.predict(["itching"])
