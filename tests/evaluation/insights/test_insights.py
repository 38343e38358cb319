"""Key figures of an industry: each row against a second way, and on the page of a run."""

import json
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

from metier.data.dataset import MIRROR
from metier.data.records import Question
from metier.data.representativeness import assessment
from metier.data.representativeness.assessment import _glossary
from metier.errors import UserError
from metier.evaluation import asking as asking_module
from metier.evaluation import insight, latency
from metier.evaluation.answers import read_answers
from metier.evaluation.asking import Model
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.insight import Insight, InsightContext, find, number
from metier.evaluation.predictions import as_predictions
from metier.evaluation.results import InsightResult
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.recipes.schema import load
from metier.recipes.texts import texts_of
from metier.reporting.verdict_page import by_benchmark
from metier.runs.files import write_json
from metier.runs.marks import hashed
from metier.runs.progress import Progress
from metier.runs.run import Run, saved_run
from metier.stages import evaluate as evaluating
from metier.stages import report as reporting
from tests.datasets.test_datasets import write_mirror
from tests.runs.test_runs import go
from tests.tiny import write_triage

LABELS = ["fair", "unfair", "void"]
BENCHMARK = Benchmark("terms", path="unused.jsonl", metrics=["accuracy"], labels=LABELS)


def answer(number, gold, said, p=None, **more):
    """`p`: the probability of what is said; the rest goes to the other labels alike."""
    others = (1 - p) / (len(LABELS) - 1) if p else 0
    probabilities = tuple(p if label == said else others for label in LABELS) if p else None
    return Prediction(str(number), "", "", said, gold, float(said == gold), probabilities=probabilities, **more)


def asked(answers, base=None, labels=tuple(LABELS), **more):
    return InsightContext(BENCHMARK, as_predictions(base or answers, labels), as_predictions(answers, labels), **more)


def drawn(n=200, seed=0):
    generator = np.random.default_rng(seed)
    golds, saids = generator.choice(LABELS, n), generator.choice(LABELS, n)
    saids = np.where(generator.random(n) < 0.6, golds, saids)
    return [answer(i, str(g), str(s), 0.4 + 0.5 * i / n) for i, (g, s) in enumerate(zip(golds, saids, strict=True))]


def rows(name, it):
    return find(name)(it)


def test_accuracy_of_the_most_confident_answers_is_counted_by_hand():
    given = drawn()
    surest = sorted(given, key=lambda a: -max(a.probabilities))
    kept, others = surest[:160], surest[160:]
    accuracy, person = rows("certain", asked(given))
    assert accuracy.value == pytest.approx(np.mean([a.value for a in kept])) and accuracy.unit == "share"
    assert person.value == pytest.approx(0.2)
    wrong, among = sum(a.value == 0 for a in given), sum(a.value == 0 for a in others)
    assert f"40 of 200 answers: those with a probability below {max(kept[-1].probabilities):.3f}" in person.note
    assert f"{100 * among / wrong:.0f} % of its mistakes" in person.note


def test_without_probabilities_answers_cannot_be_ranked():
    (row,) = rows("certain", asked([answer(n, "fair", "fair") for n in range(30)]))
    assert row.value is None and "no probabilities" in row.note and row.shown == "–"


def test_the_worst_subgroup_has_twenty_questions_and_a_widened_interval():
    wards = {"big": (60, 50), "bad": (30, 12), "tiny": (19, 0)}
    given = [
        answer(f"{ward}{n}", "fair", "fair" if n < right else "void", slices={"ward": ward})
        for ward, (size, right) in wards.items()
        for n in range(size)
    ]
    subgroup, by_answer = rows("worst_group", asked(given))
    assert subgroup.value == pytest.approx(12 / 30) and "ward: bad; 30 questions" in subgroup.note
    assert "lowest of 2" in subgroup.note
    # Wilson at 97.5 %, by its textbook formula.
    z, p, n = 2.241402727604947, 0.4, 30
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    assert f"{100 * low:.1f} % to {100 * high:.1f} %" in subgroup.note
    assert by_answer.value == pytest.approx(62 / 109) and "fair; 109 questions" in by_answer.note


def test_a_group_is_a_subgroup_and_none_is_said_to_be_missing():
    given = [answer(n, "fair", "fair" if n % 2 else "void", group="ABC"[n // 25]) for n in range(75)]
    subgroup, _ = rows("worst_group", asked(given))
    assert "group: A; 25 questions" in subgroup.note and subgroup.value == pytest.approx(12 / 25)
    (lone, _) = rows("worst_group", asked([answer(n, "fair", "fair") for n in range(30)]))
    assert lone.value is None and "no slices" in lone.note


def test_all_wrong_in_clusters_is_not_an_interval_of_nothing():
    given = [answer(n, "fair", "void", slices={"ward": "a"}, group=str(n // 3)) for n in range(30)]
    subgroup = rows("worst_group", asked(given))[0]
    assert "0.0 % to 27.8 %" in subgroup.note  # Wilson's for 0 of 10 clusters: z² / (n + z²)


def ranked(number, gold, order, **more):
    """Four diseases, the likeliest first."""
    labels = ["flu", "croup", "asthma", "anemia"]
    shares = dict(zip(order.split(), (0.4, 0.3, 0.2, 0.1), strict=True))
    probabilities = tuple(shares[label] for label in labels)
    said = order.split()[0]
    return Prediction(str(number), "", "", said, gold, float(said == gold), probabilities=probabilities, **more)


DISEASES = ("flu", "croup", "asthma", "anemia")


def test_the_first_three_hold_the_right_answer_or_not():
    first, third, fourth = "flu croup asthma anemia", "croup asthma flu anemia", "croup asthma anemia flu"
    given = [ranked(n, "flu", [first, third, fourth, fourth][n % 4]) for n in range(40)]
    base = [ranked(n, "flu", fourth) for n in range(40)]
    (row,) = rows("top_k", asked(given, base, DISEASES))
    assert row.value == 0.5 and row.unit == "share" and row.shown == "50.0 %"
    assert "the first alone 25.0 %; base model 0.0 %." in row.note
    (row,) = rows("top_k", asked(drawn()))
    assert row.value is None and "3 labels, so a list of 3 has them all" in row.note
    sure = [replace(one, probabilities=None) for one in given]
    assert "no probabilities" in rows("top_k", asked(sure, labels=DISEASES))[0].note


def test_a_grave_disease_that_is_missed_costs_more_than_a_mild_one():
    told = [("croup", "flu", "1"), ("croup", "croup", "1"), ("anemia", "flu", "4"), ("flu", "croup", "5")] * 10
    given = [
        ranked(n, gold, " ".join([said, *(d for d in DISEASES if d != said)]), slices={"severity": level})
        for n, (gold, said, level) in enumerate(told)
    ]
    cost, missed = rows("severity", asked(given, labels=DISEASES))
    assert cost.value == pytest.approx(1000 * (5 + 0 + 2 + 1) / 4)
    assert "costs 5 at severity 1 and one less a level, 1 at severity 5" in cost.note
    assert missed.value == 0.5 and missed.note.startswith("Of 20 with severity 1 or 2, 95 % CI")
    mild = [one for one in given if one.slices["severity"] != "1"]
    cost, missed = rows("severity", asked(mild, labels=DISEASES))
    assert cost.value == 1500 and missed.value is None and "No question has severity 1 or 2." in missed.note


def test_an_answer_that_could_not_be_read_misses_its_disease():
    lost = [
        replace(ranked(n, "flu", " ".join(DISEASES), slices={"severity": "2"}), answer=None, value=None)
        for n in range(30)
    ]
    cost, missed = rows("severity", asked(lost, labels=DISEASES))
    assert (cost.value, missed.value) == (4000, 1.0)


@pytest.mark.parametrize("level", ["0", "6", "grave", "", None, "12"])
def test_a_severity_that_is_no_level_is_not_guessed(level):
    given = [replace(one, slices={"severity": level} if level is not None else None) for one in drawn(30)]
    (row,) = rows("severity", asked(given))
    assert row.value is None and "No slice `severity` from 1 (gravest) to 5" in row.note


def test_macro_f1_and_mcc_are_scikit_learns():
    given = drawn(seed=1)
    gold, said = [a.gold for a in given], [a.answer for a in given]
    f1, mcc = rows("balanced", asked(given))
    assert f1.value == pytest.approx(f1_score(gold, said, average="macro"))
    assert mcc.value == pytest.approx(matthews_corrcoef(gold, said))


def dated(years, right_from=0):
    return [
        answer(n, "fair", "fair" if year >= right_from else "void", slices={"year": str(year)}) for n, year in years
    ]


def test_the_latest_years_hold_a_fifth_and_say_whether_they_were_learned_from():
    years = list(enumerate([*[2018] * 60, *[2019] * 60, *[2020] * 15, *[2021] * 20]))
    (row,) = rows("out_of_time", asked(dated(years, 2020), learned_times=lambda: ["2019-12-31", "2018"]))
    assert row.value == 1.0 and "2020 to 2021, 35 questions" in row.note and "earlier ones 0.0 %" in row.note
    assert "Out of time: training rows end in 2019-12-31." in row.note
    (row,) = rows("out_of_time", asked(dated(years, 2020), learned_times=lambda: ["2020-01-01"]))
    assert "Not out of time: training rows go up to 2020-01-01." in row.note
    (row,) = rows("out_of_time", asked(dated(years, 2020), learned_times=lambda: ["20190105", "", ""]))
    assert "2 of 3 training rows have no date, so they may be" in row.note and "the others end in 2019" in row.note


def test_dates_come_from_the_rows_where_no_slice_has_them():
    given, times = (
        [answer(n, "fair", "fair") for n in range(60)],
        {str(n): f"20{10 + n // 30}-05-01" for n in range(60)},
    )
    (row,) = rows("out_of_time", asked(given, times=lambda: times))
    assert row.value == 1.0 and "in 2011, 30 questions" in row.note and "no dates" in row.note
    (row,) = rows("out_of_time", asked(given))
    assert row.value is None and row.note.startswith("No dates in this benchmark")
    (row,) = rows("out_of_time", asked(given, times=lambda: {str(n): "2010" for n in range(60)}))
    assert row.value is None and "cannot be split" in row.note


def test_tests_of_one_year_are_parted_by_month_and_training_may_end_within_a_year():
    given = [answer(n, "fair", "fair" if n < 60 else "void") for n in range(90)]
    times = {str(n): f"2023-{7 + n // 30:02}-15" for n in range(90)}
    (row,) = rows("out_of_time", asked(given, times=lambda: times, learned_times=lambda: ["2023-06-30", "2023-09-14"]))
    assert row.what == "Latest dates of the test" and row.value == 0.0
    assert "in 2023-09, 30 questions" in row.note and "Out of time: training rows end in 2023-09-14." in row.note
    (row,) = rows("out_of_time", asked(given, times=lambda: times, learned_times=lambda: ["2023"]))
    assert "Not out of time: training rows go up to 2023." in row.note  # no finer than a year: it may be that day


def test_answers_that_are_all_right_have_an_interval_of_some_width():
    given = [answer(n, "fair", "fair" if n > 1 else "void", 0.9 if n > 1 else 0.5) for n in range(50)]
    accuracy, person = rows("certain", asked(given))
    # Wilson of 40 of 40: n / (n + z²)
    assert accuracy.value == 1.0 and f"{100 * 40 / (40 + 1.959964**2):.1f} % to 100.0 %" in accuracy.note
    one = [answer(n, "fair", "void" if n == 1 else "fair", 0.9) for n in range(50)]
    assert "-0 %" not in rows("certain", asked(one))[1].note


def test_a_subgroup_of_few_groups_has_no_interval():
    given = [answer(n, "fair", "fair" if n % 2 else "void", slices={"ward": "a"}, group=str(n % 3)) for n in range(60)]
    subgroup = rows("worst_group", asked(given))[0]
    assert subgroup.value == 0.5 and "60 questions of 3 groups, too few for an interval" in subgroup.note
    enough = [replace(one, group=str(n % 12)) for n, one in enumerate(given)]
    assert "95 % CI" in rows("worst_group", asked(enough))[0].note


def test_one_training_run_is_called_one():
    (row,) = rows("training_runs", asked(drawn(), seed=7))
    assert row.value == 1 and "One run, seed 7" in row.note
    (row,) = rows("training_runs", asked(drawn(), seeds=[0.7, 0.8, 0.9]))
    assert row.value == 3 and "80.0 % on average, 70.0 % to 90.0 %" in row.note


def test_misses_are_counted_by_label_and_by_type():
    given = [
        answer(n, gold, said, slices={"kind": "ab"[n % 2], "service": "S"})
        for n, (gold, said) in enumerate(
            [("unfair", "fair")] * 6 + [("unfair", "unfair")] * 14 + [("fair", "unfair")] * 2
        )
    ]
    first, label, *types = rows("missed", asked(given, costs={"unfair -> fair": 10, "Yes -> No": 10}))
    assert first.value is None and "No threshold" in first.note
    assert (label.what, label.value) == ("Miss rate: unfair", 0.3)
    assert label.note == "6 of 20; of 16 marked with it 88 % are right."
    assert [(row.what, row.value) for row in types] == [("Miss rate: a (kind)", 0.3), ("Miss rate: b (kind)", 0.3)]


def test_a_threshold_is_chosen_on_held_out_rows_and_keeps_its_precision_there():
    generator = np.random.default_rng(5)

    def drawn_answers(n):
        found = []
        for place in range(n):
            gold = "unfair" if generator.random() < 0.3 else "fair"
            p = generator.beta(5, 2) if gold == "unfair" else generator.beta(2, 5)
            said = "unfair" if p > 0.5 else "fair"
            one = answer(place, gold, said, slices={"kind": "ab"[place % 2]})
            found.append(replace(one, probabilities=(1 - p, p, 0.0)))
        return found

    held, test = drawn_answers(400), drawn_answers(300)
    it = asked(test, costs={"unfair -> fair": 10}, held_out=as_predictions(held, LABELS))
    overall, label, *types = rows("missed", it)
    # By hand: every probability tried as a threshold, the lowest that keeps nine marks in ten right and marks 20.
    known = [(a.probabilities[1], a.gold == "unfair") for a in held]
    good = [
        t
        for t, _ in known
        if sum(p >= t for p, _ in known) >= 20
        and sum(right for p, right in known if p >= t) >= 0.9 * sum(p >= t for p, _ in known)
    ]
    gold = [a for a in test if a.gold == "unfair"]
    missed = [a for a in gold if a.probabilities[1] < min(good)]
    assert overall.value == label.value == pytest.approx(len(missed) / len(gold)) and 0 < overall.value < 1
    assert f"at a probability of {min(good):.3f} or more" in overall.note and len(types) == 2
    marked = [a for a in test if a.probabilities[1] >= min(good)]
    share = 100 * sum(a.gold == "unfair" for a in marked) / len(marked)
    assert f"of the {len(marked)} marks in this test {share:.0f} % are right" in overall.note


def lowest(held, marked_as, labels):
    """By hand: each probability tried as the threshold of the marks of some labels."""
    marks = [a for a in held if marked_as(a) in labels]
    for t in sorted(max(a.probabilities) for a in marks):
        above = [a for a in marks if max(a.probabilities) >= t]
        if len(above) >= 20 and np.mean([a.gold == marked_as(a) for a in above]) >= 0.9:
            return t
    return np.inf


@pytest.mark.parametrize("rarely", [0, 15])
def test_each_label_has_its_own_threshold_and_rare_ones_share_that_of_all(rarely):
    """What is "fair" is called "unfair" where the model is not sure; "void" is marked so
    rarely (or so wrongly) that it has none of its own."""
    generator = np.random.default_rng(7)

    def some(n, voids):
        for place in range(n):
            gold = LABELS[place % 2]
            p = 0.4 + 0.6 * generator.beta(3, 2)
            said = gold if generator.random() < {"fair": p, "unfair": 0.98}[gold] else "unfair"
            yield answer(place, gold, said, p)
        for place in range(voids):
            yield answer(f"v{place}", "void" if voids == rarely else "fair", "void", 0.8)

    def marked_as(one):
        return LABELS[int(np.argmax(one.probabilities))]

    held, test = list(some(500, rarely or 40)), list(some(300, rarely or 40))
    first, *by_label = rows("missed", asked(test, held_out=as_predictions(held, LABELS)))
    thresholds = {label: lowest(held, marked_as, [label]) for label in ("fair", "unfair")}
    thresholds["void"] = lowest(held, marked_as, LABELS) if rarely else np.inf
    assert thresholds["fair"] != thresholds["unfair"] and max(thresholds["fair"], thresholds["unfair"]) < np.inf
    found = [a for a in test if a.gold == marked_as(a) and max(a.probabilities) >= thresholds[a.gold]]
    assert first.value == pytest.approx(1 - len(found) / len(test))
    assert f"Marked fair at a probability of {thresholds['fair']:.3f} or more" in first.note
    if rarely:
        assert f"; the others at a probability of {thresholds['void']:.3f} or more" in first.note
        assert 0 < lowest(held, marked_as, LABELS) < np.inf
    else:  # forty marks, all of them wrong
        assert "others" not in first.note
    assert all("no threshold" not in row.note for row in by_label)


def test_a_label_that_no_threshold_marks_says_why():
    held = [answer(n, "fair", "fair", 0.9) for n in range(40)] + [answer(n, "fair", "void", 0.9) for n in range(50, 90)]
    test = [answer(0, "fair", "fair", 0.9), answer(1, "void", "void", 0.9)]
    _, worst, _ = rows("missed", asked(test, held_out=as_predictions(held, LABELS)))
    assert (worst.what, worst.value) == ("Miss rate: void", 1.0)
    assert "never marked, as no threshold was precise enough on held-out rows" in worst.note


def test_no_threshold_is_made_up_where_none_is_precise():
    held = [answer(n, "fair", "unfair", 0.9) for n in range(50)]
    first, *_ = rows("missed", asked(drawn(), held_out=as_predictions(held, LABELS)))
    assert first.value is None and "on 50 held-out rows none marks 20 rows at that precision" in first.note


def test_without_prices_every_label_can_be_missed():
    given = drawn()
    _, *found = rows("missed", asked(given))
    missed, every = Counter(a.gold for a in given if not a.value), Counter(a.gold for a in given)
    assert {row.what: row.value for row in found} == {f"Miss rate: {w}": missed[w] / every[w] for w in LABELS}
    assert found[0].what == f"Miss rate: {missed.most_common(1)[0][0]}"


def test_a_price_on_false_alarms_does_not_make_the_other_label_one_to_be_missed():
    found = rows("missed", asked(drawn(), costs={"miss_unfair": 10, "false_unfair": 2}))
    assert [row.what for row in found[1:]] == ["Miss rate: unfair"]


def test_a_contract_counts_once_however_much_was_missed_in_it():
    told = [("c1", "unfair", "fair")] * 3 + [("c1", "fair", "fair"), ("c2", "unfair", "unfair"), ("c3", "fair", "void")]
    given = [answer(n, gold, said, group=contract) for n, (contract, gold, said) in enumerate(told)]
    (row,) = rows("contracts", asked(given, costs={"unfair -> fair": 10}))
    assert row.value == 0.5 and "1 of 2 with something to find" in row.note and "the most, 3, in c1" in row.note
    by_slice = [answer(n, g, s, slices={"service": c}) for n, (c, g, s) in enumerate(told)]
    assert rows("contracts", asked(by_slice, costs={"unfair -> fair": 10})) == [row]
    assert rows("contracts", asked(drawn()))[0].value is None


def test_what_a_threshold_misses_is_missed_in_its_contract_too():
    sure = [answer(n, "unfair", "unfair", 0.95) for n in range(30)]
    unsure = [answer(30 + n, "fair", "unfair", 0.7) for n in range(30)]
    held_out = as_predictions([*sure, *unsure], LABELS)
    given = [answer(n, "unfair", "unfair", 0.6, group=f"c{n}") for n in range(40)]
    asking = asked(given, costs={"unfair -> fair": 10}, held_out=held_out)
    missed, contracts = rows("missed", asking)[0], rows("contracts", asking)[0]
    assert (missed.value, contracts.value) == (1.0, 1.0) and "marked at 90 % precision" in contracts.note
    own = rows("contracts", asked(given, costs={"unfair -> fair": 10}))[0]
    assert own.value == 0.0 and "by the model's own decision" in own.note


def test_a_thousand_answers_cost_what_their_mistakes_do():
    given, prices = drawn(), {"unfair -> fair": 10, "fair -> void": 0.5, "Yes -> No": 99}
    (row,) = rows("cost", asked(given, costs=prices))
    paid = [0 if a.value else prices.get(f"{a.gold} -> {a.answer}", 1) for a in given]
    assert row.value == pytest.approx(1000 * np.mean(paid), abs=0.05)
    assert "unfair -> fair 10, fair -> void 0.500, any other 1" in row.note and "Yes" not in row.note
    assert "sets no cost" in rows("cost", asked(given))[0].note


def test_the_most_expensive_confusions_come_first():
    given, prices = drawn(), {"unfair -> fair": 10}
    found = rows("confusions", asked(given, costs=prices))
    made = Counter(f"Cost of {a.gold} → {a.answer}" for a in given if not a.value)
    assert found[0].what == "Cost of unfair → fair" and len(found) == min(5, len(made))
    for row in found:
        assert row.value == made[row.what] * (10 if row.what == "Cost of unfair → fair" else 1)
    assert rows("confusions", asked([answer(1, "fair", "fair")]))[0].value == 0
    unread = [replace(answer(n, "unfair", None), value=None) for n in range(3)]  # as dear as in `expected_cost`
    (row,) = rows("confusions", asked([*unread, answer(9, "fair", "fair")], costs=prices))
    assert row.value == 30 and "unfair → unscored" in row.what and "of 3 whose" in row.note


def test_latency_is_of_questions_asked_alone_and_a_thousand_have_a_cost():
    asking = {"seconds": 60.0, "batches": 20, "p95_s": 4.5}
    wait, minutes = rows("speed", asked(drawn(), timing=asking))
    assert wait.value == 4.5 and "whole batch, 10.0 questions on average" in wait.note
    assert minutes.value == pytest.approx(60 / 200 * 1000 / 60) and "batches of 10.0" in minutes.note
    alone = {"n": 50, "p50_s": 0.25, "p95_s": 0.5}
    wait, _, paid = rows("speed", asked(drawn(), timing=asking, latency=alone, cost_per_hour=1.2))
    assert wait.value == 0.5 and "50 questions asked one at a time" in wait.note and "0.250 s" in wait.note
    assert "its whole batch, p95 is 4.5" in wait.note and paid.value == pytest.approx(0.1)
    assert rows("speed", asked(drawn()))[0].value is None


LOSSES = [Prediction(str(n), "", "", None, "", 200.0 + n, weight=90.0) for n in range(30)]


@pytest.mark.parametrize("name", plugins.names("insights"))
@pytest.mark.parametrize("given", [LOSSES, drawn(3), [answer(1, "fair", None)]], ids=["losses", "three", "unjudged"])
def test_every_row_says_something_of_any_answers(name, given):
    labels = () if given is LOSSES else tuple(LABELS)
    found = rows(name, asked(given, labels=labels, costs={"unfair -> fair": 10}))
    assert found and all(row.what and row.note.endswith((".", ")")) for row in found)
    json.dumps([row.to_json() for row in found], allow_nan=False)
    assert all(isinstance(row.shown, str) for row in found)


def test_a_figure_reads_as_people_write_it():
    assert [number(v, u) for v, u in ((0.8123, "share"), (1234.5, ""), (12.34, "minutes"), (0.0259, "s"), (3, ""))] == [
        "81.2 %",
        "1,234",
        "12.3 minutes",
        "0.026 s",
        "3",
    ]
    assert Insight("w", float("nan"), "n").to_json()["value"] is None


@pytest.mark.parametrize("industry", plugins.names("industries"))
def test_every_pack_asks_for_rows_that_there_are(industry):
    pack = plugins.find("industries", industry)()
    assert pack.insights and all(callable(find(ask)) for ask in pack.insights)
    assert 20 <= len(set(pack.glossary)) <= 40


def test_a_row_that_is_not_there_is_named_with_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"no insight 'certian', which the industry names\. Did you mean 'certain'"):
        find("certian")
    own = tmp_path / "own.py"
    own.write_text(
        "from metier.evaluation.insight import Insight\n\n\ndef rows(asked):\n    return [Insight('n', 1, '')]\n"
    )
    assert find(str(own))(asked(drawn()))[0].value == 1
    own.write_text("")
    with pytest.raises(UserError, match="no function `rows`"):
        find(str(own))
    assert insight.FEWEST == 20


@pytest.fixture(scope="module")
def retail(tmp_path_factory):
    """A shop's run, whose labels are written by somebody who would like to write our page."""
    home = tmp_path_factory.mktemp("retail")
    recipe = write_triage(home)
    recipe.write_text(recipe.read_text().replace("industry: healthcare", "industry: retail"))
    for name in ("train", "test"):
        rows = (home / f"{name}.jsonl").read_text()
        (home / f"{name}.jsonl").write_text(rows.replace('"dermatology"', '"<b>dermatology"'))
    go(recipe, home / "run")
    return home / "run"


def test_the_verdict_and_the_first_page_have_the_key_figures(retail):
    insights = json.loads((retail / "verdict.json").read_text())["insights"]
    assert {row["benchmark"] for row in insights} == {"triage"}
    assert [row["what"] for row in insights][-3:] == [
        "Cost of mistakes in 1,000 answers",
        "Latency (p95)",
        "Throughput: time for 1,000 questions",
    ]
    page = (retail / "report.html").read_text()
    section = page[page.index("Key figures for retail") : page.index("Base and tuned model")]
    for row in insights:
        assert row["what"].replace("<", "&lt;").replace(">", "&gt;") in section
    rendered = by_benchmark([InsightResult(benchmark="b", **Insight("<b>w", 1, "<i>n").to_json())])
    assert rendered == {"b": [{"what": "<b>w", "value": 1, "note": "<i>n", "unit": "", "shown": "1"}]}
    assert "<b>dermatology" not in page and "&lt;b&gt;dermatology" in section


def test_held_out_rows_are_answered_and_given_to_figures_that_choose_a_threshold(retail, tmp_path):
    recipe = write_triage(tmp_path)
    recipe.write_text(recipe.read_text().replace("industry: healthcare", "industry: legal"))
    go(recipe, tmp_path / "run")
    for folder in (retail, tmp_path / "run"):
        run = saved_run(folder, Progress())
        held, answers = run.table("curate", "valid.parquet"), read_answers(run, "held-out", "triage")
        assert {a.id for a in answers} == set(held["id"].to_pylist()) and all(a.probabilities for a in answers)
    insights = json.loads((tmp_path / "run" / "verdict.json").read_text())["insights"]
    assert "held-out rows" in insights[0]["note"]


def test_latencies_are_marked_done_with_the_answers(retail):
    is_done = json.loads((retail / "evaluate" / "triage" / "tuned.done.json").read_text())["result"]
    asking = is_done["timing"]
    assert asking["batches"] >= 1 and 0 < asking["p95_s"] <= asking["seconds"] + 1e-3
    assert asking["seconds"] <= is_done["seconds"] + 0.1
    assert "position" not in (retail / "evaluate" / "triage" / "tuned.jsonl").read_text()


def test_some_questions_are_asked_alone_once_where_the_industry_wants_latency(retail):
    mark_done = retail / "evaluate" / "triage" / "latency.done.json"
    is_done, tuned = (
        json.loads(path.read_text())["result"]
        for path in (mark_done, retail / "evaluate" / "triage" / "tuned.done.json")
    )
    assert is_done["n"] == min(50, tuned["n"]) and 0 < is_done["p50_s"] <= is_done["p95_s"] < 10
    wait = next(
        row
        for row in json.loads((retail / "verdict.json").read_text())["insights"]
        if row["what"].startswith("Latency")
    )
    assert wait["value"] == is_done["p95_s"] and "one at a time" in wait["note"]
    assert is_done["p50_s"] * is_done["n"] < 2 * is_done["seconds"] + 0.1
    before = mark_done.read_bytes()
    evaluating.evaluate(Run(retail, load(retail / "recipe.yaml"), Progress()))
    assert mark_done.read_bytes() == before


def test_a_wait_is_the_answers_and_not_the_engines_check_of_itself():
    class Slow:
        def ask(self, model, benchmark, questions, labels):
            time.sleep(0.2)
            return SimpleNamespace(batches=[[0]], answer=lambda batch: time.sleep(0.01))

    benchmark = SimpleNamespace(build_scorer=Slow, label_set=list)
    assert 0.01 <= latency._ask(None, benchmark, None) < 0.1


def test_the_wait_of_95_in_100_is_the_one_that_so_many_stay_below(tmp_path, monkeypatch):
    waits = iter([9.0, *(n / 100 for n in range(1, 41))])  # the first is what a process pays for once
    monkeypatch.setattr(latency, "_ask", lambda *_: next(waits))
    benchmark, asked = (
        Benchmark("b", path="unused.jsonl", labels=["a"]),
        [Question(str(n), "t", "a") for n in range(40)],
    )
    run = Run(tmp_path, load(), Progress())
    model = Model(lambda: None, [])
    latency.measure_latency(run, benchmark, asked, model)
    is_done = run.result("evaluate/b/latency")
    assert (is_done["n"], is_done["p50_s"], is_done["p95_s"]) == (40, 0.21, 0.39)
    waits = iter([1.0] * 11)  # a smoke run asks ten
    latency.measure_latency(Run(tmp_path, load(None, None, ["quick=true"]), Progress()), benchmark, asked, model)
    assert run.result("evaluate/b/latency")["n"] == 10


def test_a_batch_keeps_its_time_over_a_kill_and_one_without_is_asked_again(tmp_path):
    part, given = tmp_path / "part.jsonl", drawn(4)
    lines = [asking_module._part_line("inputs", n, 2.5, given[n]) for n in (0, 1)]
    old = json.dumps({"position": 2, **given[2].to_json()}) + "\n"
    part.write_text("inputs\n" + "".join(lines) + old)
    asking = SimpleNamespace(batches=[[0, 1], [2], [3]])
    assert asking_module._resume(part, "inputs", asking) == ({0: given[0], 1: given[1]}, {0: 2.5, 1: 2.5})
    assert part.read_text() == "inputs\n" + "".join(lines)


def test_seeds_are_those_of_the_runs_beside_it(retail, tmp_path):
    write_json(tmp_path / "seeds.json", hashed({"benchmarks": [{"name": "triage", "values": [0.5, 0.75]}]}))
    recipe = load(retail / "recipe.yaml")
    assert reporting.values_by_seed(Run(tmp_path / "seed-0", recipe, Progress()), "triage") == [0.5, 0.75]
    assert reporting.values_by_seed(Run(tmp_path / "seed-0", recipe, Progress()), "another") == []
    assert reporting.values_by_seed(Run(tmp_path / "other", recipe, Progress()), "triage") == []


def test_dates_of_questions_are_those_of_the_test_rows(tmp_path, monkeypatch):
    write_mirror(tmp_path)
    monkeypatch.setenv(MIRROR, str(tmp_path))
    benchmark = plugins.build("benchmarks", "fomc_stance", {})
    tests = [row for row in benchmark.data().rows().to_pylist() if row["split"] == "test"]
    assert tests and benchmark.times() == {row["id"]: row["time"] for row in tests}


def test_the_glossary_stands_beside_the_state_and_does_not_make_it(retail, monkeypatch):
    run = Run(retail, load(retail / "recipe.yaml", None, ["industry=healthcare"]), Progress())
    assert _glossary(run, [f"A fracture, {n}" for n in range(60)], ["plain words"] * 60) is None, "its own rows"
    glossary = plugins.find("industries", "healthcare")().glossary
    monkeypatch.setattr(assessment, "texts_of", lambda recipe: replace(texts_of(recipe), glossary=glossary))
    texts = [f"Case {n} of the day" for n in range(60)]
    said = ["a fracture", "the fracture again", "Fracture", "sepsis", "sepsis twice"]
    found = _glossary(run, texts + said, ["plain words of nobody " * 50] * 60)
    terms = len(glossary)
    assert found["terms"] == terms and found["found"] == pytest.approx(1 / terms)
    assert found["general"] == 0 and "sepsis" in found["missing"]
    assert _glossary(run, texts[:20], texts) is None


def test_an_answer_at_the_threshold_is_not_called_less_confident():
    from metier.evaluation.insights.certain import rows
    from metier.evaluation.scoring import Prediction

    sure = [0.9] * 6 + [0.5] * 4  # eight are kept: two of the four that are equally unsure go
    given = [Prediction(str(n), "", "", "a", "a", 1.0, probabilities=(p, 1 - p)) for n, p in enumerate(sure)]
    table = as_predictions(given, ["a", "b"])
    note = rows(InsightContext(Benchmark("b", path="x"), table, table))[1].note
    assert note.startswith("2 of 10 answers: 0 with a probability below 0.500 and 2 equal to it")
