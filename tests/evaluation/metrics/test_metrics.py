"""Every metric against scikit-learn or a second, slower way; a weight of two against the row twice."""

import json
import math
import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sklearn import metrics as sklearn

from metier.data.records import Question
from metier.errors import Problems, UserError
from metier.evaluation.metrics import rouge_l
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scorers import fields
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins

LABELS = ("a", "b", "c")


def value(name, answers, labels=LABELS, **settings):
    metric = plugins.build("metrics", name, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return float(metric.value(metric.statistics(as_predictions(answers, labels)).sum(0)))


def chosen(gold, given, probabilities=None):
    """Answers out of a label set; None among the given ones is unscored."""
    return [
        Prediction(
            id=str(n),
            prompt="p",
            prompt_hash="h",
            answer=answer,
            gold=right,
            value=None if answer is None else float(answer == right),
            probabilities=None if probabilities is None else tuple(probabilities[n]),
        )
        for n, (right, answer) in enumerate(zip(gold, given, strict=True))
    ]


def drawn(seed, n=80, labels=LABELS):
    """Gold and given labels; some labels are rare, so that small draws lack them."""
    generator = np.random.default_rng(seed)
    shares = np.array([0.6, 0.3, 0.1])
    return generator.choice(labels, n, p=shares).tolist(), generator.choice(labels, n, p=shares).tolist()


def unsure(seed, n=150):
    """Answers with probabilities that know something, rounded as they are saved."""
    generator = np.random.default_rng(seed)
    gold = generator.integers(3, size=n)
    logits = generator.normal(size=(n, 3)) + 1.2 * np.eye(3)[gold]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p = np.round(p, 6)
    return chosen([LABELS[g] for g in gold], [LABELS[c] for c in p.argmax(1)], p), p, gold


THEIRS = {
    "accuracy": sklearn.accuracy_score,
    "exact_match": sklearn.accuracy_score,
    "balanced_accuracy": sklearn.balanced_accuracy_score,
    "macro_f1": lambda gold, given: sklearn.f1_score(gold, given, average="macro"),
    "weighted_f1": lambda gold, given: sklearn.f1_score(gold, given, average="weighted"),
    "mcc": sklearn.matthews_corrcoef,
}


@pytest.mark.filterwarnings("ignore:y_pred contains classes:UserWarning")  # scikit-learn's, where n is 7
@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("n", [7, 80])
def test_metrics_of_labels_equal_scikit_learn(name, n):
    for seed in range(10):
        gold, given = drawn(seed, n)
        assert value(name, chosen(gold, given)) == pytest.approx(THEIRS[name](gold, given))


@pytest.mark.parametrize("name", ["mcc", "macro_f1", "weighted_f1", "balanced_accuracy"])
def test_an_unscored_answer_counts_as_a_wrong_label_of_its_own(name):
    gold, given = drawn(3)
    given[:9] = [None] * 9
    theirs = given[9:]
    if name in ("macro_f1", "weighted_f1"):  # scikit-learn averages over the strange label too unless told not to
        expected = sklearn.f1_score(
            gold, ["none"] * 9 + theirs, average=name.removesuffix("_f1"), labels=list(LABELS), zero_division=0
        )
    elif name == "mcc":
        expected = sklearn.matthews_corrcoef(gold, ["none"] * 9 + theirs)
    else:
        expected = sklearn.recall_score(gold, ["none"] * 9 + theirs, average="macro", labels=list(LABELS))
    assert value(name, chosen(gold, given)) == pytest.approx(expected)


@pytest.mark.parametrize("positive", [["a"], ["b", "c"], ["c"]])
def test_f1_of_named_labels_equals_scikit_learn(positive):
    for seed in range(10):
        gold, given = drawn(seed)
        expected = sklearn.f1_score(gold, given, labels=positive, average="micro")
        assert value("f1", chosen(gold, given), positive=positive) == pytest.approx(expected)


def test_f1_asks_for_labels_and_knows_them():
    with pytest.raises(Problems, match="lacks the setting 'positive'"):
        plugins.build("metrics", "f1", {})
    with pytest.raises(Problems, match="name at least one label"):
        plugins.build("metrics", "f1", {"positive": []})
    with pytest.raises(UserError, match="'fraud'"):
        value("f1", chosen(["a"], ["a"]), positive=["fraud"])
    assert math.isnan(value("f1", chosen(["a"], ["a"]), positive=["b"]))


def test_mcc_of_a_single_label_is_zero():
    assert value("mcc", chosen(list("abc"), list("aaa"))) == 0.0
    assert value("mcc", chosen(list("aaa"), list("aaa"))) == 0.0


def test_rouge_l_equals_a_published_example():
    # Lin 2004, section 3.1: S1 "police killed the gunman"; S2 shares police, the, gunman; S3 the, gunman.
    gold = "police killed the gunman"
    answers = chosen([gold] * 3, ["Police kill the gunman.", "the gunman kill police", None])
    assert [value("rouge_l", [answer], ()) for answer in answers] == [0.75, 0.5, 0.0]
    assert value("rouge_l", answers, ()) == pytest.approx(1.25 / 3)


def test_the_longest_common_run_equals_the_plain_table():
    generator = np.random.default_rng(0)
    for _ in range(50):
        first, second = ("".join(generator.choice(list("abcd"), generator.integers(0, 90))) for _ in range(2))
        table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
        for i, j in product(range(len(first)), range(len(second))):
            same = table[i, j] + 1
            table[i + 1, j + 1] = same if first[i] == second[j] else max(table[i, j + 1], table[i + 1, j])
        assert rouge_l.longest_common(first, second) == table[-1, -1]
    assert rouge_l.words("Größe: 12,5 µg/l (straße)") == ["grösse", "12", "5", "μg", "l", "strasse"]


def texts(losses, tokens, sizes):
    return [
        Prediction(str(n), "p", "h", None, "", loss, float(weight), parts={"bytes": float(size)})
        for n, (loss, weight, size) in enumerate(zip(losses, tokens, sizes, strict=True))
    ]


def test_perplexity_and_bits_per_byte_weigh_texts_by_their_length():
    answers = texts([10.0, 200.0], [5, 50], [20, 260])
    assert value("loss", answers, ()) == pytest.approx(210 / 55)
    assert value("perplexity", answers, ()) == pytest.approx(math.exp(210 / 55))
    assert value("bits_per_byte", answers, ()) == pytest.approx(210 / math.log(2) / 280)


def test_an_unscored_text_leaves_no_figure():
    answers = texts([10.0, None], [5, 50], [20, 260])
    assert math.isnan(value("perplexity", answers, ())) and math.isnan(value("bits_per_byte", answers, ()))


def test_brier_and_nll_equal_scikit_learn():
    answers, p, gold = unsure(0)
    assert value("brier", answers) == pytest.approx(((p - np.eye(3)[gold]) ** 2).sum(1).mean())
    assert value("nll", answers) == pytest.approx(-np.log(p[np.arange(len(gold)), gold]).mean())
    normal = p / p.sum(1, keepdims=True)
    assert value("nll", answers) == pytest.approx(sklearn.log_loss(gold, normal), abs=1e-5)
    two = np.column_stack([p[:, 0], 1 - p[:, 0]])
    right = ["a" if g == 0 else "b" for g in gold]
    answers = chosen(right, ["a" if x > 0.5 else "b" for x in p[:, 0]], two)
    assert value("brier", answers, ("a", "b")) == pytest.approx(2 * sklearn.brier_score_loss(gold == 0, p[:, 0]))


def test_a_probability_of_zero_for_the_right_answer_is_clipped():
    assert value("nll", chosen(["a"], ["b"], [(0.0, 1.0, 0.0)])) == pytest.approx(-math.log(1e-6))


def test_ece_equals_a_slow_way_and_shares_bins_between_equals():
    answers, p, gold = unsure(1, n=100)
    sure, right = p.max(1), p.argmax(1) == gold
    order = np.argsort(sure)
    bins = [order[10 * k : 10 * (k + 1)] for k in range(10)]
    slow = sum(len(rows) / 100 * abs(sure[rows].mean() - right[rows].mean()) for rows in bins)
    assert value("ece", answers) == pytest.approx(slow)
    assert value("ece", answers, bins=1) == pytest.approx(abs(sure.mean() - right.mean()))
    same = chosen(list("abab"), list("aaaa"), [(0.7, 0.2, 0.1)] * 4)
    assert value("ece", same) == pytest.approx(0.2)


@pytest.mark.parametrize("coverage", [0.1, 0.5, 0.8, 1.0])
def test_accuracy_at_coverage_is_the_accuracy_of_the_surest(coverage):
    for seed, n in ((2, 150), (3, 2000)):
        answers, p, gold = unsure(seed, n)
        right = (p.argmax(1) == gold)[np.argsort(-p.max(1), kind="stable")]
        expected = right[: round(coverage * n)].mean()
        # Up to 200 answers exact; beyond, a step holds ten answers and the last one is cut in proportion.
        assert value("accuracy_at_coverage", answers, coverage=coverage) == pytest.approx(
            expected, abs=1e-12 if n <= 200 else 0.005
        )


def test_accuracy_at_coverage_takes_a_part_of_those_that_are_equally_sure():
    answers = chosen(list("aaaa"), list("abab"), [(0.9, 0.1, 0)] * 2 + [(0.6, 0.4, 0)] * 2)
    assert value("accuracy_at_coverage", answers, coverage=0.75) == pytest.approx((1 + 0.5) / 3)


@pytest.mark.parametrize("k", [1, 2])
def test_top_k_is_scikit_learns(k):
    for seed in range(5):
        answers, p, gold = unsure(seed)
        expected = sklearn.top_k_accuracy_score(gold, p, k=k, labels=range(3))
        assert value("top_k", answers, k=k) == pytest.approx(expected)
        if k == 1:
            assert value("top_k", answers, k=k) == value("accuracy", answers)


def test_an_answer_as_likely_as_the_right_one_stands_before_it():
    alike = chosen(list("ab"), list("aa"), [(0.5, 0.5, 0), (0.4, 0.4, 0.2)])
    assert [value("top_k", alike, k=k) for k in (1, 2, 3)] == [0, 1, 1]
    assert value("top_k", [*alike, *chosen(["a"], [None])], k=3) == pytest.approx(2 / 3)


def test_top_k_goes_by_the_options_of_each_question():
    one = Prediction("1", "p", "h", "no", "yes", 0.0, probabilities=(0.5, 0.3, 0.2), options=("no", "yes", "maybe"))
    other = replace(one, options=("no", "maybe", "yes"))
    assert value("top_k", [one, other], (), k=2) == 0.5


def test_answers_without_probabilities_are_the_worst_there_are():
    answers, _, _ = unsure(4, n=99)
    lost = [*answers, *chosen(["a"], [None])]
    for name, worst in (("brier", 2.0), ("nll", -math.log(1e-6))):
        assert value(name, lost) == pytest.approx((99 * value(name, answers) + worst) / 100)
    right, sure = (np.mean([find(a) for a in answers]) for find in (lambda a: a.value, lambda a: max(a.probabilities)))
    assert value("ece", lost, bins=1) == pytest.approx(abs(0.99 * right - (0.99 * sure + 0.01)))  # wrong, and certain
    # The last to be kept: half of the answers are taken without it, all of them with it.
    for coverage in (0.5, 1.0):
        surest = sorted(answers, key=lambda a: -max(a.probabilities))[: round(100 * coverage)]
        assert value("accuracy_at_coverage", lost, coverage=coverage) == pytest.approx(
            sum(a.value for a in surest) / round(100 * coverage)
        )


@pytest.mark.parametrize("name", ["brier", "nll", "ece", "accuracy_at_coverage", "top_k"])
def test_without_any_probabilities_there_is_no_figure(name):
    assert math.isnan(value(name, chosen(["a", "b"], ["a", "a"])))


def test_probabilities_follow_the_options_of_each_question():
    answers = [
        Prediction("1", "p", "h", "no", "yes", 0.0, probabilities=(0.75, 0.25), options=("no", "yes")),
        Prediction("2", "p", "h", "yes", "yes", 1.0, probabilities=(0.5, 0.2, 0.3), options=("yes", "no", "maybe")),
    ]
    assert value("nll", answers, ()) == pytest.approx(-(math.log(0.25) + math.log(0.5)) / 2)
    with pytest.raises(UserError, match="Question 1 has 2 probabilities for 3"):
        value("nll", [replace(answer, options=None) for answer in answers], ("yes", "no", "maybe"))


def test_metrics_of_fields_add_up_what_the_scorer_counts():
    wanted = {"name": "Ann", "drugs": ["aspirin", "insulin"]}
    said = ['{"name": "ann", "drugs": ["insulin", "aspirin"]}', '{"name": "Ann", "drugs": ["aspirin", "x"]}', "Ann"]
    answers = []
    for n, text in enumerate(said):
        found = fields.Scorer().judge(text, Question(str(n), "", json.dumps(wanted)))
        answers.append(Prediction(str(n), "p", "h", found.answer, json.dumps(wanted), found.value, parts=found.parts))
    assert value("span_f1", answers, ()) == pytest.approx(2 * 5 / (9 + 6))
    assert value("valid_json", answers, ()) == pytest.approx(2 / 3)
    assert value("all_fields", answers, ()) == pytest.approx(1 / 3)
    lost = Prediction("3", "p", "h", None, "{}", None)
    assert value("valid_json", [*answers, lost], ()) == pytest.approx(2 / 4)
    assert value("all_fields", [*answers, lost], ()) == pytest.approx(1 / 4)
    with pytest.raises(UserError, match="needs the count 'hits'"):
        value("span_f1", [*answers, lost], ())


@pytest.mark.parametrize("name", ["balanced_accuracy", "weighted_f1", "f1", "mcc", "brier", "nll", "top_k"])
def test_a_weighted_count_equals_the_row_so_many_times(name):
    answers, _, _ = unsure(5, n=40)
    settings = {"positive": ["a"]} if name == "f1" else {}
    metric = plugins.build("metrics", name, settings)
    statistics = metric.statistics(as_predictions(answers, LABELS))
    weights = np.random.default_rng(0).multinomial(40, [1 / 40] * 40, size=20)
    quick = metric.value(weights @ statistics)
    slow = [value(name, np.repeat(np.array(answers, object), row).tolist(), **settings) for row in weights]
    assert quick == pytest.approx(slow)


@pytest.mark.parametrize("name", ["ece", "accuracy_at_coverage"])
def test_a_weighted_count_of_sorted_answers_equals_the_row_so_many_times(name):
    # Here the bins are those of the sample, so that the slow way has to be told them: one bin for each answer.
    answers, p, gold = unsure(6, n=40)
    settings = {"bins": 4} if name == "ece" else {"coverage": 0.5}
    metric = plugins.build("metrics", name, settings)
    statistics = metric.statistics(as_predictions(answers, LABELS))
    order = np.argsort(p.max(1))
    for row in np.random.default_rng(0).multinomial(40, [1 / 40] * 40, size=20):
        rows = np.repeat(order, row[order])
        sure, right = p.max(1)[rows], (p.argmax(1) == gold)[rows]
        if name == "ece":
            quarter = np.argsort(order)[rows] // 10
            slow = sum(abs((sure - right)[quarter == k].sum()) for k in range(4)) / 40
        else:
            slow = _surest_half(sure, right)
        assert float(metric.value(row @ statistics)) == pytest.approx(slow)


def _surest_half(sure, right):
    """The mean over what is right among the surest half, equals cut in proportion."""
    kept, total = len(sure) / 2, 0.0
    for level in sorted(set(sure), reverse=True):
        here = sure == level
        part = min(1.0, kept / here.sum())
        total, kept = total + part * right[here].sum(), kept - part * here.sum()
        if kept <= 0:
            break
    return total / (len(sure) / 2)


def test_settings_out_of_range_are_refused():
    for name, settings in (("ece", {"bins": 0}), ("accuracy_at_coverage", {"coverage": 0.0}), ("top_k", {"k": 0})):
        with pytest.raises(Problems):
            plugins.build("metrics", name, settings)


def test_metrics_that_perfect_answers_leave_nothing_to_are_found():
    from metier.data.records import Question
    from metier.evaluation.predictions import perfect, unfit

    table = perfect([Question(id=str(n), text="", answer="a") for n in range(5)], ["a", "b"])
    metrics = {name: plugins.build("metrics", name, {}) for name in ("accuracy", "macro_f1", "mcc", "nll", "brier")}
    assert unfit(metrics, table) == []
    asked = {"f1 (b)": plugins.build("metrics", "f1", {"positive": ["b"]})}
    assert "none of its 5 questions has a label that f1 (b) counts" in unfit(asked, table)[0]
    asked = {"f1 (ab)": plugins.build("metrics", "f1", {"positive": ["ab"]})}
    assert "the label 'ab', which no answer has" in unfit(asked, table)[0]


def test_free_text_is_a_label_whatever_its_case_but_where_labels_differ_in_nothing_else():
    said = chosen(["yes", "no", "no"], ["Yes", " NO ", "maybe"])
    assert as_predictions(said, ["no", "yes"]).predicted.tolist() == [1, 0, -1]
    assert as_predictions(chosen(["us", "US"], ["US", "Us"]), ["US", "us"]).predicted.tolist() == [0, -1]
    with pytest.raises(UserError, match="'Yes' is not among"):  # the test's own answers are to be spelled alike
        as_predictions(chosen(["Yes"], ["yes"]), ["no", "yes"])
