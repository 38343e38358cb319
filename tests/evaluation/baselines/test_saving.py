"""A saved baseline answers bit by bit as it did when it was measured, and a damaged one answers nothing."""

import json
import random

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.baseline import BaselineContext
from metier.evaluation.baseline_state import STATE, TENSORS
from metier.evaluation.baselines import longer_answer, tfidf
from metier.evaluation.benchmark import Benchmark
from tests.evaluation.baselines.test_tfidf import PROMPT, clauses, offers

TWO, MANY = ["No", "Yes"], [f"ward {n}" for n in range(12)]
PAIR = "First: {left}\nSecond: {right}\nSame:"
COST = {"expected_cost": {"costs": {"miss_Yes": 20.0}}}


def letters(n, seed):
    """Short notes with one of many labels, the last two of which no row has."""
    generator = random.Random(seed)
    words = ["".join(generator.sample("abcdefghij\u00e9\u00df\u4e2d", 5)) for _ in range(30)]
    return [
        Question(f"{seed}-{n}", " ".join([*generator.sample(words, 6), f"sign{n % 10}"]), MANY[n % 10])
        for n in range(n)
    ]


def single(n, seed):
    return [Question(q.id, q.text, "Yes", fields=q.fields) for q in clauses(n, seed)]


CASES = {
    "two labels": (clauses, "{text}", TWO, "accuracy"),
    "many labels": (letters, "{text}", MANY, "accuracy"),
    "a setting column": (clauses, PROMPT, TWO, "accuracy"),
    "a pair of texts": (offers, PAIR, ["match", "no match"], "accuracy"),
    "balanced": (clauses, PROMPT, TWO, "macro_f1"),
    "prices": (clauses, "{text}", TWO, COST),
    "one training label": (single, PROMPT, TWO, "accuracy"),
}


def fitted_on(rows, prompt, labels, metric, baseline=tfidf):
    benchmark = Benchmark("desk", prompt=prompt, metrics=[metric])
    context = BaselineContext(benchmark, rows, labels, next(iter(benchmark.build_metrics().values())), 0)
    return benchmark, baseline.Baseline().fit(context)


@pytest.mark.parametrize("case", CASES)
def test_a_loaded_baseline_answers_as_the_fitted_one_bit_by_bit(case, tmp_path):
    make, prompt, labels, metric = CASES[case]
    asked = make(60, 2) + [Question("new", "", labels[0], fields={"category": "new", "left": "a", "right": ""})]
    benchmark, fitted = fitted_on(make(240, 1), prompt, labels, metric)
    files = fitted.save(tmp_path)
    loaded = tfidf.Baseline().load(tmp_path, benchmark, labels)
    assert files == ([STATE] if case == "one training label" else [STATE, TENSORS])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    assert (loaded.name, loaded.majority) == (fitted.name, fitted.majority)
    assert loaded.probabilities(asked).tobytes() == fitted.probabilities(asked).tobytes()
    assert loaded.answer(asked) == fitted.answer(asked)
    assert loaded.answer([]) == []
    again = tmp_path / "again"
    loaded.save(again)
    assert all((again / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)


def test_the_cases_differ_in_what_is_saved(tmp_path):
    state = {case: fitted_on(make(240, 1), *rest)[1].state for case, (make, *rest) in CASES.items()}
    assert state["a setting column"].columns == ("category",) and not state["two labels"].columns
    assert state["a pair of texts"].pairs == (("left", "right"),) and not state["two labels"].pairs
    assert [case for case in CASES if state[case].balanced] == ["balanced"]
    assert [case for case in CASES if state[case].metric] == ["prices"]
    assert len(state["many labels"].classes) == 10 and len(state["many labels"].labels) == 12


def test_prices_decide_after_loading_too(tmp_path):
    make, prompt, labels, metric = CASES["prices"]
    benchmark, fitted = fitted_on(make(240, 1), prompt, labels, metric)
    fitted.save(tmp_path)
    said = [a.answer for a in tfidf.Baseline().load(tmp_path, benchmark, labels).answer(make(60, 2))]
    _, plain = fitted_on(make(240, 1), prompt, labels, "accuracy")
    assert said != [a.answer for a in plain.answer(make(60, 2))]
    assert said.count("Yes") > 55


def test_one_question_is_answered_as_among_many(tmp_path):
    make, prompt, labels, metric = CASES["many labels"]
    _, fitted = fitted_on(make(240, 1), prompt, labels, metric)
    asked = make(20, 2)
    np.testing.assert_array_equal(
        np.concatenate([fitted.probabilities([q]) for q in asked]), fitted.probabilities(asked)
    )


@pytest.fixture
def saved(tmp_path):
    make, prompt, labels, metric = CASES["a setting column"]
    benchmark, fitted = fitted_on(make(120, 1), prompt, labels, metric)
    fitted.save(tmp_path)
    return tmp_path, benchmark


def load(saved):
    return tfidf.Baseline().load(*saved, TWO)


def test_a_baseline_for_another_prompt_or_label_set_is_refused(saved):
    folder, benchmark = saved
    with pytest.raises(UserError, match="made for the label set"):
        tfidf.Baseline().load(folder, benchmark, ["Yes", "No"])
    with pytest.raises(UserError, match="made for the prompt"):
        tfidf.Baseline().load(folder, Benchmark("desk", prompt="{text}"), TWO)


@pytest.mark.parametrize("file", [STATE, TENSORS])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe", b"[" * 5000, b'{"version": 5, "version": 5}'])
def test_files_that_are_missing_or_no_json_and_tensors_are_refused(saved, file, content):
    (saved[0] / file).unlink() if content is None else (saved[0] / file).write_bytes(content)
    with pytest.raises(UserError, match="is damaged.*metier evaluate"):
        load(saved)


@pytest.mark.parametrize(
    "key, value",
    [
        ("version", 4),
        ("version", None),
        ("classes", []),
        ("classes", ["No"]),
        ("classes", ["No", "No"]),
        ("classes", ["A", "B", "C"]),
        ("columns", []),
        ("pairs", [["text", "category"]]),
        ("pairs", [["text"]]),
        ("vocabularies", {}),
        ("vocabularies", {"words": ["a"], "characters": ["b"], "words_by_value": ["c"]}),
        ("vocabularies", {"words": ["a", "a"], "characters": ["b"], "words_by_value": ["c"]}),
        ("vocabularies", {"words": 5, "characters": ["b"], "words_by_value": ["c"]}),
        ("metric", "no_such_metric"),
        ("balanced", "perhaps"),
        ("unknown", 1),
    ],
)
def test_a_state_that_was_edited_is_refused(saved, key, value):
    path = saved[0] / STATE
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UserError):
        load(saved)


@pytest.mark.parametrize(
    "name, change",
    [
        ("coefficients", lambda it: it[:, :-1].copy()),
        ("coefficients", lambda it: it.T.copy()),
        ("coefficients", lambda it: it.astype(np.float32)),
        ("coefficients", lambda it: np.full_like(it, np.nan)),
        ("intercept", lambda it: np.append(it, 0.0)),
        ("words.idf", lambda it: it[1:].copy()),
        ("words_by_value.idf", lambda it: None),
        ("more", lambda it: np.zeros(1)),
    ],
)
def test_tensors_of_another_shape_or_type_are_refused(saved, name, change):
    tensors = load_file(saved[0] / TENSORS)
    tensors[name] = change(tensors.get(name))
    save_file({key: it for key, it in tensors.items() if it is not None}, saved[0] / TENSORS)
    with pytest.raises(UserError, match="is damaged.*metier evaluate"):
        load(saved)


@pytest.mark.parametrize("preferred, sign", [("longer", 1), ("x", -1)])
def test_the_longer_answer_is_saved_as_its_sign(tmp_path, preferred, sign):
    rows = [Question("1", "?", preferred, ("longer", "x"))]
    asked = [Question("2", "?", "long", ("a", "long")), Question("3", "?", "ab", ("ab", "cd"))]
    benchmark, fitted = fitted_on(rows, "{text}", [], "accuracy", longer_answer)
    assert fitted.save(tmp_path) == [STATE]
    assert json.loads((tmp_path / STATE).read_text()) == {"version": 1, "sign": sign}
    loaded = longer_answer.Baseline().load(tmp_path, benchmark, [])
    assert loaded.name == fitted.name and loaded.answer(asked) == fitted.answer(asked)
    (tmp_path / STATE).write_text('{"version": 1, "sign": 0}')
    with pytest.raises(UserError, match="is damaged"):
        longer_answer.Baseline().load(tmp_path, benchmark, [])
