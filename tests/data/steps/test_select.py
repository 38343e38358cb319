"""The step `select`: every way to choose, its formula computed a second way, and its budget."""

import gzip
import hashlib
import json
import math
import random
import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from metier.data.kernels.importance import importance
from metier.data.step import StepContext
from metier.data.steps import select
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.recipes import plugins
from tests.data.steps.test_steps import reasons, table
from tests.tiny import write_lines

CONTEXT = StepContext(seed=0, benchmarks=[])
HEART, BANK = ["heart", "pulse", "valve", "beat"], ["card", "loan", "fee", "cash"]


def written(words, n, seed=0, length=6, **columns):
    generator = random.Random(seed)
    return [{"text": " ".join(generator.choices(words, k=length)), "split": "train", **columns} for _ in range(n)]


def chosen(given, context=CONTEXT, **settings):
    return [int(row_id) for row_id in select.Step(**settings).apply(table(given), context).kept["id"].to_pylist()]


def by_dictionary(candidates, target, buckets):
    """DSIR in plain Python, from the paper's formula and the authors' definition of a bucket."""

    def counted(text):
        words = re.findall(r"\w+|[^\w\s]+", text.lower())
        grams = words + [f"{one} {other}" for one, other in zip(words, words[1:], strict=False)]
        return Counter(int(hashlib.sha256(gram.encode()).hexdigest(), 16) % buckets for gram in grams)

    shares = []
    for texts in (target, candidates):
        total = sum(map(counted, texts), Counter())
        shares.append([total[b] / max(total.total(), 1) + 1e-8 for b in range(buckets)])
    weight = [math.log(p / q) for p, q in zip(*shares, strict=True)]
    return [sum(weight[bucket] * n for bucket, n in counted(text).items()) for text in candidates]


CANDIDATES = [
    *("The heart beats; the PULSE is fast.", "a loan, a fee...", "", "   ", "x", "heart heart heart"),
    *("caf\u00e9 \u00c9COLE \u2014 na\u00efve\u2026", "\u4f60\u597d \u4e16\u754c\u3002"),
    "e\u0301 \U0001f600\U0001f600 ok \U00020000",
    *("\u0130stanbul \u03a3\u039f\u03a6\u039f\u03a3", "\u01c5 \u00df \u1e9e"),
    *("no\u00a0break\u2003space", "tab\tand\nline\x0bend\x1cx", "- " * 40, "snake_case 12.5%"),
    "a" * 200 + " " + "b" * 55 + " " + "c" * 56 + " " + "d" * 64,
]  # fmt: skip


@pytest.mark.parametrize("buckets", [7, 100, 10_000])
def test_importance_is_the_papers_formula_to_the_last_digits(buckets):
    target = ["my heart beats fast", "the pulse, the valve", "\u00e9cole \u0130"]
    found = importance(pa.array(CANDIDATES, pa.large_string()), pa.array(target, pa.large_string()), buckets)
    assert found == pytest.approx(by_dictionary(CANDIDATES, target, buckets), rel=1e-9, abs=1e-9)


def test_importance_of_many_random_texts_and_of_a_slice():
    generator = random.Random(1)
    texts = [
        "".join(generator.choices("ab\u00e9 .,_\u4f60\n\u0130\u03a3", k=generator.randint(0, 300))) for _ in range(400)
    ]
    target, rest = texts[:30], texts[30:]
    both = pa.array(texts, pa.large_string())
    assert importance(both[30:], both[:30], 500) == pytest.approx(by_dictionary(rest, target, 500), rel=1e-9, abs=1e-9)


def test_importance_of_nothing_is_nothing():
    none = pa.array([], pa.large_string())
    assert importance(none, none, 10).shape == (0,)
    assert importance(pa.array(["a"], pa.large_string()), none, 10)[0] < 0


def test_importance_finds_the_rows_like_the_target_and_says_why(tmp_path):
    path = write_lines(tmp_path / "t.jsonl", [{"text": row["text"]} for row in written(HEART, 20, seed=9)])
    rows = written(BANK, 40) + written(HEART, 20)
    settings = {"rows": 20, "by": "importance", "target": str(path)}
    assert chosen(rows, **settings) == list(range(40, 60))
    dropped = reasons(select.Step(**settings).apply(table(rows), CONTEXT))
    assert re.fullmatch(r"over the budget of 20 rows \(log importance -\d+\.\d\d\)", dropped["0"])


def test_importance_draws_by_weight_and_not_only_the_best():
    # All rows weigh the same: the Gumbel noise makes it a plain draw, another for each seed.
    rows = written(["same"], 200)
    draws = [chosen(rows, StepContext(seed, []), rows=50, by="importance") for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2] and len(draws[0]) == 50 and max(draws[0]) > 60


def test_rows_without_labels_are_held_against_the_labeled_rows_of_their_task():
    rows = written(HEART, 10, task="t", label="x") + written(BANK, 30, task="t") + written(HEART, 30, seed=3, task="t")
    assert set(range(10, 40)).isdisjoint(chosen(rows, rows=40, by="importance"))
    assert set(range(10, 40)).isdisjoint(chosen(rows, rows=40, by="similar"))


def test_similar_is_the_cosine_to_the_nearest_other_target():
    texts = ["heart pulse", "heart pulse", "heart valve", "loan fee"]
    points, _ = select.embeddings(texts, texts, 0)
    expected = [max(float(points[i] @ points[j]) for j in range(4) if j != i) for i in range(4)]
    column = pa.chunked_array([pa.array(texts)])
    found = select._similarity(column, np.arange(4), texts, np.arange(4), 0)
    assert found == pytest.approx(expected, abs=1e-5) and found[3] == pytest.approx(0, abs=1e-6)


def test_farthest_first_is_the_greedy_of_the_paper():
    points = np.random.default_rng(0).normal(size=(60, 5))
    picked = select.farthest_first(points, 12, seed=3).tolist()
    for n in range(1, 12):
        gaps = [min(np.linalg.norm(p - points[c]) for c in picked[:n]) for p in points]
        assert picked[n] == int(np.argmax(gaps))
    # Gonzalez 1985: never worse than twice the best centers, and so than twice any others.
    radius = max(min(np.linalg.norm(p - points[c]) for c in picked) for p in points)
    other = random.Random(0).sample(range(60), 12)
    assert radius <= 2 * max(min(np.linalg.norm(p - points[c]) for c in other) for p in points)


def test_diverse_takes_one_of_each_kind_before_a_second():
    rows = [{"text": word * 3, "split": "train"} for word in ["heart "] * 30 + ["loan "] * 2 + ["snow "]]
    kinds = [0 if i < 30 else 1 if i < 32 else 2 for i in chosen(rows, rows=3, by="diverse")]
    assert kinds == [0, 1, 2]


@pytest.mark.parametrize("by", ["random", "importance", "similar", "diverse"])
@pytest.mark.parametrize("length_control", [False, True])
def test_every_way_keeps_to_the_budget_and_leaves_held_out_rows(by, length_control):
    rows = [row for n in (2, 5, 9, 14) for row in written([*HEART, *BANK], 15, n, length=n, label="x")]
    rows += [{"text": "held out", "split": "valid", "label": "x"}]
    kept = chosen(rows, rows=23, by=by, length_control=length_control)
    assert len(kept) == 24 and 60 in kept and len(set(kept)) == 24
    assert len(chosen(rows, rows=60, by=by, length_control=length_control)) == 61
    assert kept == chosen(rows, rows=23, by=by, length_control=length_control)


@pytest.mark.parametrize("by", ["random", "importance", "similar", "diverse"])
def test_length_control_keeps_the_candidates_lengths(by):
    rows = [row for n in (2, 5, 9, 14) for row in written([*HEART, *BANK], 40, n, length=n, task="t", label="x")]
    lengths = Counter(len(rows[i]["text"].split()) for i in chosen(rows, rows=40, by=by, length_control=True))
    assert lengths == {2: 10, 5: 10, 9: 10, 14: 10}


def test_shares_add_up_and_follow_the_sizes():
    assert select.shares([10, 20, 70], 10) == [1, 2, 7]
    assert select.shares([1, 1, 1], 2) == [1, 1, 0]
    assert select.shares([3, 4], 100) == [3, 4]


def test_a_target_by_name_is_a_tasks_rows_and_never_a_test_question(tmp_path):
    rows = written(BANK, 40, task="bank", label="x") + written(HEART, 20, task="heart", label="x")
    assert chosen(rows, rows=20, by="similar", target="heart") == list(range(40, 60))
    path = write_lines(tmp_path / "t.jsonl", [{"text": "q", "label": "x"}])
    context = StepContext(0, [Benchmark("mine", path=str(path))])
    with pytest.raises(UserError, match="test questions only"):
        chosen(rows, context, rows=20, by="similar", target="mine")
    with pytest.raises(UserError, match="no task or benchmark 'hart'.*Did you mean 'heart'"):
        chosen(rows, context, rows=20, by="similar", target="hart")


def test_a_target_by_benchmark_is_its_sources_training_rows():
    # The packaged dataset `icd10cm` has training rows and test rows.
    context = StepContext(0, [plugins.build("benchmarks", "icd10cm_chapter", {})])
    found = select._target_texts("icd10cm_chapter", context, set())
    asked = {question.text for question in context.benchmarks[0].all_questions()}
    assert len(found) > 1000 and len(asked & set(found)) < len(asked) / 50


def test_a_broken_target_file_is_said(tmp_path):
    for text, said in (('{"note": "x"}', "needs JSON lines with `text`"), ("{", "cannot be read"), ("", "needs JSON")):
        (tmp_path / "t.jsonl").write_text(text)
        with pytest.raises(UserError, match=said):
            chosen(written(BANK, 4), rows=2, by="similar", target=str(tmp_path / "t.jsonl"))
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a"}\n' * 99)[:30])
    with pytest.raises(UserError, match="cannot be read"):
        chosen(written(BANK, 4), rows=2, by="similar", target=str(tmp_path / "t.jsonl.gz"))


def test_a_target_without_training_rows_is_said(monkeypatch):
    benchmark = plugins.build("benchmarks", "icd10cm_chapter", {})
    monkeypatch.setattr(
        benchmark, "data", lambda: SimpleNamespace(rows=lambda: table([{"text": "a", "split": "test"}]))
    )
    with pytest.raises(UserError, match="has no training rows to select by"):
        select._target_texts("icd10cm_chapter", StepContext(0, [benchmark]), set())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"by": "similr"}, "Did you mean 'similar'"),
        ({"target": "x"}, "looks for no target"),
        ({"by": "similar", "target": "absent.jsonl"}, "no file absent.jsonl"),
        ({"rows": 0}, "rows: 0. Use a number at least 1"),
    ],
)
def test_settings_that_mean_nothing_are_said(settings, said):
    with pytest.raises(Problems, match=said):
        plugins.build("steps", "select", settings)


def test_the_target_file_is_part_of_the_fingerprint(tmp_path):
    path = tmp_path / "t.jsonl"
    prints = []
    for text in ("a", "b"):
        path.write_text(json.dumps({"text": text}))
        prints.append(select.Step(by="similar", target=str(path)).fingerprint())
    assert prints[0] != prints[1]
