"""SHIP only where a statistician would sign."""

from dataclasses import replace

import numpy as np
import pytest

from metier.errors import UserError
from metier.evaluation import stats
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.comparison import compare
from metier.evaluation.metrics.accuracy import Metric
from metier.evaluation.predictions import as_predictions
from metier.evaluation.reasons import of_retention
from metier.evaluation.results import Decided, RetentionResult, SeedsResult
from metier.evaluation.scoring import Prediction
from metier.evaluation.stats import Interval
from metier.evaluation.verdict import decide, judge_benchmark, judge_retention

BENCHMARK = Benchmark("triage", path="unused.jsonl", metrics=["accuracy", "macro_f1"])


def answers(right, n=200, value=None, weight=1.0):
    """n answers of which the given positions are right."""
    return [
        Prediction(
            str(i), "p", "h", "a" if i in right else "b", "a", (i in right) * 1.0 if value is None else value[i], weight
        )
        for i in range(n)
    ]


def entry(base, tuned, baseline):
    given = {"base": answers(range(base)), "tuned": answers(range(tuned)), "baseline": answers(range(baseline))}
    return judge_benchmark(BENCHMARK, given, ["a", "b"], "a", seed=0, alpha=0.05)


def verdict(*entries, retention=(), quick=False, trainings=1):
    decision, reasons, _ = decide(entries, retention, min_gain=0.02, alpha=0.05, quick=quick, trainings=trainings)
    return decision, reasons


def but(result, **changed):
    """A result with other values."""
    return result.model_copy(update=changed)


def over_baseline(result, **changed):
    """A result with another gain over the baseline."""
    return but(result, gain_over_baseline=but(result.gain_over_baseline, **changed))


KEPT = RetentionResult(
    name="general",
    metric="loss",
    unit="nats",
    base=3.0,
    tuned=3.0,
    change=Interval(0, 0, 0),
    margin=0.1,
    state="kept",
    n=80,
    clusters=80,
    n_required=900,
)


def test_a_clear_gain_over_base_and_baseline_ships():
    decision, reasons = verdict(entry(60, 160, 110), retention=[KEPT])
    assert decision == "SHIP"
    assert "0.300 to 0.800" in reasons[0]


def test_a_close_test_asks_for_more_trainings_on_both_sides_of_alpha():
    for baseline, decision in ((140, "SHIP"), (145, "HOLD")):
        found = entry(60, 160, baseline)
        found = over_baseline(found, p=0.03 if decision == "SHIP" else 0.08)
        assert verdict(found)[0] == decision and "--seeds 3" in verdict(found)[1][-1]
    own = {key: value for key, value in dict(found).items() if key in SeedsResult.model_fields}
    mean_of_three = SeedsResult(**own, values=(0.7, 0.8, 0.9), spread=0.1)
    assert "0.700 to 0.900 over 3 seeds" in verdict(mean_of_three)[1][0]
    for several in (mean_of_three, found):  # the mean of their figures, or of their weights
        assert "Use more seeds or more questions" in verdict(several, trainings=3)[1][-1]
    for p in (0.001, 0.5):
        assert not any("--seeds" in reason for reason in verdict(over_baseline(found, p=p))[1])
    found = over_baseline(found, p=0.03, value=-0.02)  # behind: more trainings would not turn that round
    assert not any("--seeds" in reason for reason in verdict(found)[1])


def test_a_gain_below_what_the_recipe_asks_for_is_held():
    found = entry(60, 160, 110)
    assert decide([found], [KEPT], 0.2, 0.05, False, 1)[0] == "SHIP"
    decision, reasons, _ = decide([found], [KEPT], 0.6, 0.05, False, 1)
    assert decision == "HOLD" and "less than the gain of 0.6 that the recipe requires" in reasons[0]


def test_a_gain_over_the_baseline_below_what_the_recipe_asks_for_is_held():
    found = over_baseline(entry(60, 160, 110), value=0.015, low=0.01, high=0.02, p=0.001)
    decision, reasons, judged = decide([found], [KEPT], 0.02, 0.05, False)
    assert decision == "HOLD" and judged[0].state == "none"
    assert "the gain over the baseline is less than the 0.02 that the recipe requires" in reasons[0]
    assert decide([found], [KEPT], 0.015, 0.05, False)[0] == "SHIP"
    unsure = over_baseline(found, value=0.03, low=-0.001)
    assert decide([unsure], [KEPT], 0.02, 0.05, False)[0] == "HOLD"


def test_power_is_that_of_the_comparison_that_decides_at_its_adjusted_level():
    close, clear = entry(60, 110, 108), entry(60, 160, 110)
    _, reasons, (one, other) = decide([close, clear], [], 0.02, 0.05, False)
    assert (one.deciding.against, other.deciding.against) == ("baseline", "baseline")
    assert one.deciding.alpha == 0.05, "the other one has shown its gain: Holm tests the last at alpha"
    discordant = 2 / 200
    assert one.deciding.minimum_detectable_effect == pytest.approx(stats.minimum_detectable_share(200, discordant))
    assert one.minimum_detectable_effect_over_base > one.deciding.minimum_detectable_effect
    assert "against the baseline the minimum detectable effect is" in reasons[0]
    _, reasons, judged = decide([close, close, close], [], 0.02, 0.06, False)
    assert [one.deciding.alpha for one in judged] == pytest.approx([0.02] * 3)
    needed = judged[0].deciding
    assert needed.gain_sought == 0.02, "the measured gain is smaller than what is worth shipping"
    assert f"about {needed.n_required:,} questions instead of 200 would show a gain of 0.020" in reasons[0]
    _, _, (alone,) = decide([entry(100, 103, 20)], [], 0.02, 0.05, False)
    assert alone.deciding.against == "base"


def test_an_exploratory_ship_is_none():
    ship = Decided(decision="SHIP", face="clean", headline="", reason="", next_steps=(), reasons=())
    assert ship.ships and ship.shown == "SHIP"
    late = but(ship, exploratory=("ship.alpha was changed.",))
    assert not late.ships and late.shown == "exploratory SHIP"
    assert not but(ship, decision="HOLD").ships


def test_the_majority_answer_has_a_figure_for_every_metric():
    given = [replace(one, gold="b" if n % 4 == 0 else "a") for n, one in enumerate(answers(range(60)))]
    found = judge_benchmark(BENCHMARK, dict.fromkeys(("base", "tuned", "baseline"), given), ["a", "b"], "a", 0, 0.05)
    accuracy, macro = found.metrics
    assert found.majority == accuracy.majority == 0.75
    assert macro.majority == pytest.approx((2 * 0.75 / 1.75) / 2)  # F1 of "a", and 0 of "b"


def test_answers_that_nobody_could_judge_are_counted_for_each_model():
    given = {"base": answers(range(9)), "tuned": answers(range(9)), "baseline": answers(range(9))}
    for who, count in (("base", 3), ("tuned", 1)):
        given[who][:count] = [replace(one, answer=None, value=None) for one in given[who][:count]]
    found = judge_benchmark(BENCHMARK, given, ["a", "b"], "a", 0, 0.05)
    assert found.unscored == {"base": 3, "tuned": 1, "baseline": 0}


def test_a_metric_that_the_baseline_answers_have_no_ground_for_is_told_without_them():
    sure = [replace(answer, probabilities=(0.8, 0.2)) for answer in answers(range(60))]
    benchmark = Benchmark("exam", path="unused.jsonl", metrics=["accuracy", "brier"])
    given = {"base": sure, "tuned": sure, "baseline": answers(range(30))}
    accuracy, brier = judge_benchmark(benchmark, given, ["a", "b"], "a", seed=0, alpha=0.05).metrics
    assert accuracy.baseline and brier.baseline is None and brier.tuned.value > 0


def test_not_sure_says_how_many_items_would_decide():
    _, reasons = verdict(entry(60, 160, 110), retention=[but(KEPT, state="inconclusive")])
    assert "about 900 questions instead of 80" in reasons[-1]


def test_a_gain_that_chance_explains_is_held():
    decision, reasons = verdict(entry(100, 103, 20))
    assert decision == "HOLD"
    assert "no significant gain" in reasons[0]


def test_a_baseline_classifier_that_is_as_good_holds():
    decision, reasons = verdict(entry(60, 160, 159))
    assert decision == "HOLD"
    assert "it is not shown to beat the baseline" in reasons[0]


def test_a_baseline_classifier_that_is_better_is_called_so():
    decision, reasons = verdict(entry(60, 160, 190))
    assert decision == "HOLD" and "the baseline is better" in reasons[0]


@pytest.mark.parametrize("state", ["lost", "inconclusive"])
def test_what_is_not_surely_kept_holds(state):
    assert verdict(entry(60, 160, 110), retention=[but(KEPT, state=state)])[0] == "HOLD"


def test_what_is_only_monitored_ships_and_says_what_was_forgotten():
    school = Benchmark("school", dataset="arc_easy", scorer="choice", metrics=["accuracy"])
    before, few = answers(range(160)), [replace(a, group="one") for a in answers(range(160))]
    for after, state in ((answers(range(60)), "forgotten"), (answers(range(161)), "monitored")):
        found = judge_retention(school, None, before, after, ["a", "b"], seed=0)
        assert (found.state, found.margin, found.n_required) == (state, None, None)
        decision, reasons = verdict(entry(60, 160, 110), retention=[KEPT, found])
        assert decision == "SHIP" and reasons[-1].startswith(f"{state.capitalize()} school: accuracy")
        assert ("fell from 0.800 to 0.300, by 0.500 (95 % CI" in reasons[-1]) == (state == "forgotten")
        assert "does not affect the decision" in reasons[-1] and "allowed" not in reasons[-1]
    # One cluster shows nothing, however much was lost in it.
    lost = [replace(a, group="one") for a in answers(range(60))]
    assert judge_retention(school, None, few, lost, ["a", "b"], seed=0).state == "monitored"


def test_one_benchmark_that_gets_worse_holds_though_another_gains():
    assert verdict(entry(60, 160, 110), entry(160, 60, 110))[0] == "HOLD"


def test_a_smoke_run_never_ships():
    decision, reasons = verdict(entry(60, 160, 110), quick=True)
    assert decision == "SMOKE"
    assert "smoke run" in reasons[0]


def test_holm_makes_a_thin_gain_among_many_benchmarks_a_hold():
    # 9 fixed and 1 broken: mid-p 0.0117 alone, times eight benchmarks 0.09.
    def thin():
        given = {"base": answers([0]), "tuned": answers(range(1, 10)), "baseline": answers([])}
        return judge_benchmark(BENCHMARK, given, ["a", "b"], "a", seed=0, alpha=0.05)

    none = [entry(100, 100, 20) for _ in range(7)]
    assert verdict(thin())[0] == "SHIP"
    assert verdict(thin(), *none)[0] == "HOLD"


def test_one_lucky_win_over_the_baseline_classifier_among_four_benchmarks_is_a_hold():
    def found(p):
        return over_baseline(entry(60, 160, 140), p=p)

    assert verdict(found(0.02))[0] == "SHIP"
    several = [found(p) for p in (0.02, 0.3, 0.4, 0.9)]
    decision, reasons, judged = decide(several, [], 0.02, 0.05, False)
    assert decision == "HOLD" and "p = 0.020, adjusted over all benchmarks p = 0.080" in reasons[0]
    assert [one.p_ship for one in judged] == pytest.approx([0.08, 0.9, 0.9, 0.9])


def test_without_a_baseline_classifier_the_gain_is_adjusted_with_the_others():
    alone = but(entry(60, 160, 140), p=0.02, gain_over_baseline=None, baseline=None)
    assert verdict(alone)[0] == "SHIP"
    even = [over_baseline(entry(60, 160, 140), p=0.6) for _ in "ab"]
    decision, reasons, judged = decide([alone, *even], [], 0.02, 0.05, False)
    assert decision == "HOLD" and judged[0].state == "none"
    assert "no significant gain after adjusting for all benchmarks (p = 0.060)" in reasons[0]


def test_a_ship_rests_on_the_benchmarks_that_gained():
    entries = [but(entry(60, 160, baseline), name=name) for name, baseline in (("a", 110), ("b", 159), ("c", 159))]
    _, _, judged = decide(entries, [], 0.02, 0.05, False)
    assert [one.state for one in judged] == ["gain", "none", "none"]


def test_counts_and_intervals_are_those_of_the_answers():
    found = entry(60, 160, 110)
    assert (found.fixed, found.broken) == (100, 0)
    assert found.gain.value == pytest.approx(0.5)
    assert found.gain.low < 0.5 < found.gain.high
    assert found.test == "mid-p McNemar"


def test_clusters_change_the_test():
    def grouped(right):
        return [Prediction(**{**a.to_json(), "group": str(int(a.id) // 20)}) for a in answers(right)]

    given = {"base": grouped(range(60)), "tuned": grouped(range(160)), "baseline": []}
    found = judge_benchmark(BENCHMARK, given, ["a", "b"], None, seed=0, alpha=0.05)
    assert found.test == "paired cluster bootstrap"
    assert found.gain.high - found.gain.low > 0.3  # ten clusters, not 200 answers


def test_forgetting_is_judged_in_the_metrics_own_direction():
    losses = np.random.default_rng(0).uniform(250, 350, size=60)
    general = Benchmark("general", dataset="general", scorer="loss", metrics=["loss"])
    before = answers(range(60), 60, losses, 100)
    for added, state in ((0.01, "kept"), (0.5, "lost")):
        after = answers(range(60), 60, losses + 100 * added, 100)
        found = judge_retention(general, 0.1, before, after, ["a"], seed=0)
        assert found.state == state
        assert found.change.value == pytest.approx(added, abs=1e-9)


def test_a_right_answer_outside_the_label_set_is_the_benchmarks_fault():
    with pytest.raises(UserError, match="'a' is not among the benchmark's labels"):
        judge_benchmark(BENCHMARK, {"base": answers([1]), "tuned": answers([1])}, ["b", "c"], None, 0, 0.05)


def test_a_handful_of_clusters_is_not_tested():
    def grouped(right):
        return [Prediction(**{**a.to_json(), "group": str(int(a.id) // 70)}) for a in answers(right)]

    given = {"base": grouped(range(60)), "tuned": grouped(range(160)), "baseline": grouped(range(30))}
    found = judge_benchmark(BENCHMARK, given, ["a", "b"], None, seed=0, alpha=0.05)
    assert found.p == 1.0 and "too few groups" in found.test
    assert verdict(found)[0] == "HOLD"
    assert "3 groups of questions are too few to test" in verdict(found)[1][0]
    kept = judge_retention(BENCHMARK, 0.1, given["base"], given["base"], ["a", "b"], seed=0)
    assert kept.state == "inconclusive" and "3 groups of questions are too few" in of_retention(kept)


def test_harm_is_not_hidden_by_many_benchmarks():
    harmed = {
        "base": answers(range(1, 10)),
        "tuned": answers([0]),
        "baseline": answers([]),
    }  # 1 fixed, 9 broken: p 0.012
    worse = judge_benchmark(BENCHMARK, harmed, ["a", "b"], "a", seed=0, alpha=0.05)
    others = [entry(100, 100, 20) for _ in range(7)]
    decision, reasons = verdict(entry(60, 160, 110), worse, *others)
    assert decision == "HOLD"
    assert "worse than the base model" in reasons[1]


EXAM = Benchmark("exam", path="unused.jsonl", scorer="generate", metrics=["exact_match"])


def test_a_few_answers_that_did_not_change_do_not_show_that_a_skill_is_kept():
    few, many = (answers(range(n), n) for n in (12, 1000))
    found = judge_retention(EXAM, 0.02, few, few, [], seed=0)
    assert found.state == "inconclusive" and found.n_required > 100
    assert found.change.low < 0 < found.change.high
    assert judge_retention(EXAM, 0.02, many, many, [], seed=0).state == "kept"


def test_a_loss_as_large_as_the_margin_is_seldom_called_kept():
    """50 questions, of which the model loses 2 in 100: draws of answers that did not change called it kept in 37 %."""
    generator, kept = np.random.default_rng(0), 0
    before = answers(range(50), 50)
    for _ in range(40):
        after = answers(set(np.flatnonzero(generator.random(50) >= 0.02)), 50)
        kept += judge_retention(EXAM, 0.02, before, after, [], seed=0).state == "kept"
    assert kept <= 2


def test_models_that_were_held_against_other_right_answers_are_not_paired():
    after = [replace(answer, gold="b") for answer in answers(range(20))]
    with pytest.raises(UserError, match="different questions"):
        judge_benchmark(BENCHMARK, {"base": answers(range(10)), "tuned": after}, ["a", "b"], None, 0, 0.05)


def test_ties_of_draws_are_no_matter_of_rounding():
    """4 of 150 questions fixed, in 75 pairs: p does not depend on how many others both models have right."""
    found = []
    for right in (60, 90, 120):
        before = [Prediction(str(n), "", "", "", "", float(n >= 150 - right), group=str(n // 2)) for n in range(150)]
        after = [replace(one, value=1.0) if n in (0, 4, 8, 12) else one for n, one in enumerate(before)]
        found.append(compare(Metric(), as_predictions(before, []), as_predictions(after, []), 0, 0.05).p)
    assert found[0] == found[1] == found[2] == pytest.approx(0.071, abs=0.001)


def within(base, tuned, baseline, margin):
    given = {"base": answers(range(base)), "tuned": answers(range(tuned)), "baseline": answers(range(baseline))}
    named = {"baseline_name": "large at example.org", "margin": margin}
    return judge_benchmark(BENCHMARK, given, ["a", "b"], "a", seed=0, alpha=0.05, **named)


def test_with_a_margin_a_model_ships_that_is_not_worse_by_more():
    entries = {margin: within(60, 158, 160, margin) for margin in (None, 0.005, 0.1)}
    assert {margin: verdict(one)[0] for margin, one in entries.items()} == {None: "HOLD", 0.005: "HOLD", 0.1: "SHIP"}
    assert entries[0.1].gain_over_baseline.p < 0.05 < entries[0.005].gain_over_baseline.p
    _, [said] = verdict(entries[0.1])
    assert "it is not worse than large at example.org by more than 10 points: gain over" in said
    _, [said] = verdict(entries[0.005])
    assert "it is not shown that it is not worse than large at example.org by more than 0.5 points" in said
    assert verdict(within(157, 158, 160, 0.1))[0] == "HOLD", "the gain over the base model is asked for as always"
    decision, [said] = verdict(within(60, 120, 170, 0.1))
    assert decision == "HOLD" and "but it is worse than large at example.org by more than 10 points" in said


def test_the_questions_that_would_show_a_margin_are_told():
    _, _, [judged] = decide([within(60, 157, 160, 0.03)], (), 0.02, 0.05, False)
    deciding = judged.deciding
    assert deciding.against == "baseline" and deciding.gain_sought == pytest.approx(0.03 - 3 / 200)
    assert deciding.n_required > 200
    shown, sure = (
        within(60, 157, 160, 0.03),
        stats.detectable(judged.variation_over_baseline, 0.05, deciding.n_required),
    )
    assert sure <= deciding.gain_sought and f"{deciding.n_required:,} questions" in verdict(shown)[1][0]
