"""What a verdict means for the person who decides: each face from figures, with its sentences and commands."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from metier.cli.output import finish
from metier.evaluation.faces import Judged, conclude, deciding_entry, face_of
from metier.evaluation.next_steps import RunFacts
from metier.evaluation.stats import Interval
from metier.evaluation.verdict import decide
from tests.evaluation.test_verdict import KEPT, but, entry, over_baseline, within

FACTS = RunFacts(
    folder=Path("runs/my desk"),
    recipe=Path("runs/my desk/recipe.yaml"),
    trainings=1,
    baselines={"triage": "tfidf"},
    benchmarks=1,
    learning={"methods.sft.lr": 1e-3, "methods.sft.epochs": 2},
    full=False,
    replays=True,
    suspects=None,
)
LOST = but(KEPT, state="lost", tuned=3.21, change=Interval(0.21, 0.19, 0.23))
UNCLEAR = but(KEPT, state="inconclusive", tuned=3.05, change=Interval(0.05, -0.03, 0.13))
CLEAN = entry(60, 160, 110)
CLOSE = over_baseline(entry(60, 160, 140), p=0.03)
BEATEN = entry(60, 160, 190)
EVEN = entry(60, 160, 159)
WORSE = entry(160, 60, 110)
NAMED = {"baseline_name": "TF-IDF with logistic regression"}


def judged(*benchmarks, retention=(), quick=False, trainings=1):
    entries = [but(one, **NAMED) for one in benchmarks]
    decision, reasons, found = decide(entries, retention, 0.02, 0.05, quick, trainings)
    return Judged(decision, reasons, found, retention, 0.02, 0.05, trainings)


def told(*benchmarks, exploratory=(), facts=FACTS, **more):
    return conclude(judged(*benchmarks, **more), exploratory, facts)


def commands(found):
    return [step.command for step in found.next_steps if step.command]


FACES = {
    "clean": ((CLEAN,), [KEPT], "SHIP"),
    "provisional": ((CLOSE,), [KEPT], "SHIP"),
    "worse": ((WORSE,), [KEPT], "HOLD"),
    "forgotten": ((CLEAN,), [LOST], "HOLD"),
    "baseline_better": ((BEATEN,), [KEPT], "HOLD"),
    "not_shown": ((EVEN,), [KEPT], "HOLD"),
}


@pytest.mark.parametrize("face", FACES)
def test_each_face_follows_from_the_figures(face):
    benchmarks, retention, decision = FACES[face]
    found = told(*benchmarks, retention=retention)
    assert (found.face, found.decision) == (face, decision)
    assert found.next_steps and "_" not in found.headline and found.headline.endswith(".")
    assert len({told(*one, retention=kept).headline for one, kept, _ in FACES.values()}) == len(FACES)
    assert len({told(*one, retention=kept).next_steps for one, kept, _ in FACES.values()}) == len(FACES)


def test_a_smoke_run_has_a_face_of_its_own():
    found = told(WORSE, quick=True)
    assert (found.face, found.decision) == ("smoke", "SMOKE") and "No verdict" in found.headline
    assert "--set quick=false" in commands(found)[0]


def test_the_first_face_that_applies_is_said():
    assert face_of(judged(WORSE, BEATEN, retention=[LOST])) == "worse"
    assert face_of(judged(BEATEN, EVEN, retention=[LOST])) == "forgotten"
    assert face_of(judged(EVEN, BEATEN, retention=[UNCLEAR])) == "baseline_better"
    assert face_of(judged(CLEAN, BEATEN, retention=[UNCLEAR])) == "not_shown", "a gain is shown; what is kept is not"
    assert face_of(judged(CLEAN, BEATEN, retention=[KEPT])) == "clean"


def test_a_baseline_is_better_only_where_its_whole_interval_is_and_the_groups_suffice():
    for changed in ({"high": 0.001}, {}):
        found = judged(over_baseline(EVEN, value=-0.03, low=-0.06, **({"high": -0.001} | changed)))
        assert face_of(found) == ("not_shown" if changed else "baseline_better")
    assert face_of(judged(but(BEATEN, clusters=9))) == "not_shown"


def test_a_close_ship_is_provisional_only_for_a_single_training():
    assert face_of(judged(CLOSE, trainings=3)) == "clean"
    assert face_of(judged(CLEAN, CLOSE)) == "provisional", "what it says of the second benchmark may be luck"
    assert face_of(judged(CLEAN, over_baseline(EVEN, p=0.08))) == "clean", "it says nothing of the second"
    found = told(CLOSE)
    assert found.ships and found.shown == "SHIP, provisional" and "trial only" in found.headline
    assert commands(found)[0] == "metier run 'runs/my desk/recipe.yaml' --seeds 3 --out 'runs/my desk-seeds'"


def test_the_headline_and_the_reason_of_a_better_baseline():
    found = told(BEATEN)
    assert found.headline == "Do not use this model: TF-IDF is more accurate on the same 200 questions."
    assert found.reason.startswith("It answers 80.0 % of 200 questions right, TF-IDF 95.0 %: -15.0 points (95 % CI -")
    assert commands(found)[0] == "metier predict 'runs/my desk' FILE --with tfidf --out answers.csv"
    assert commands(found)[1].endswith("--set methods.sft.epochs=4 --out 'runs/my desk-more-epochs'")


def test_a_search_is_given_more_time():
    found = told(BEATEN, facts=replace(FACTS, learning={"methods.auto.minutes": 25.0}))
    assert commands(found)[1].endswith("--set methods.auto.minutes=50 --out 'runs/my desk-more-time'")


def test_a_better_baseline_is_told_even_where_the_base_model_is_the_nearer_opponent():
    found = told(entry(100, 100, 160))
    assert found.face == "baseline_better" and "TF-IDF 80.0 %: -30.0 points" in found.reason


def test_suspect_labels_are_reviewed_where_there_are_some():
    assert not any("relabel" in command for command in commands(told(BEATEN)))
    found = commands(told(BEATEN, facts=replace(FACTS, suspects=Path("runs/my desk"))))
    assert "metier relabel 'runs/my desk'" in found


def test_a_gain_that_is_not_shown_says_how_many_more_questions_would_decide():
    unsure = over_baseline(EVEN, value=0.02, low=-0.01, high=0.05, p=0.2)
    unsure = but(unsure, variation_over_baseline=replace(EVEN.variation_over_baseline, discordant=0.2))
    found, [decider] = told(unsure), judged(unsure).benchmarks
    needed = decider.deciding.n_required
    assert needed > 200 and found.next_steps[0].text.startswith("About ")
    [more, total] = [
        int(word.strip(".").replace(",", "")) for word in found.next_steps[0].text.split() if word[0].isdigit()
    ][:2]
    assert total == 200 + more >= needed and more < 1.1 * (needed - 200) + 1
    assert "chance alone can explain it" in found.reason and "--seeds 3" in commands(found)[0]


def test_a_gain_below_what_the_recipe_asks_for_needs_no_more_questions():
    small = over_baseline(CLEAN, value=0.015, low=0.01, high=0.02, p=0.001)
    found = told(small)
    assert found.face == "not_shown" and "less than the 2 points that the recipe requires" in found.reason
    assert found.headline.endswith("it is more accurate than TF-IDF, but by less than the recipe requires.")
    assert not any("not shown to be worse" in step.text for step in found.next_steps)


def test_the_gain_that_is_too_small_is_told_even_where_the_other_one_is_less_sure():
    small = but(CLEAN, gain=Interval(0.015, 0.01, 0.02), p=0.001)
    found = told(over_baseline(small, value=0.03, low=0.005, high=0.055, p=0.02))
    assert found.headline.endswith("it is more accurate than the base model, but by less than the recipe requires.")
    assert "+1.5 points" in found.reason and "less than the 2 points that the recipe requires" in found.reason


def test_one_benchmark_is_not_told_to_be_one_of_many_comparisons():
    found = told(over_baseline(CLEAN, value=0.05, low=0.001, high=0.1, p=0.06))
    assert found.reason.endswith("By the deciding test chance alone can still explain it.")
    behind = told(but(EVEN, gain=Interval(-0.05, -0.099, -0.001), p=0.06, gain_over_baseline=None, baseline=None))
    assert "The interval includes 0" not in behind.reason and "It is behind" in behind.reason


def test_a_benchmark_on_which_the_baseline_is_better_is_not_told_to_be_unclear():
    found = told(but(CLEAN, name="a"), but(BEATEN, name="b"))
    assert found.headline.endswith("than both the base model and TF-IDF. On b the baseline is better.")


def test_of_several_trainings_the_sheets_of_one_are_named():
    facts = replace(FACTS, folder=Path("runs/seeds"), suspects=Path("runs/seeds/seed-0"), trainings=3)
    [step] = [one for one in told(BEATEN, facts=facts).next_steps if "suspect" in one.text]
    assert "runs/seeds/seed-0/suspects*.csv" in step.text and step.command == "metier relabel runs/seeds/seed-0"


def test_too_few_groups_are_said():
    found = told(but(EVEN, clusters=3, p=1.0))
    assert "3 groups of questions, too few to test" in found.reason
    assert found.next_steps[0].text == "Test on more groups of questions: at least 10."


def test_what_was_forgotten_is_said_with_what_was_allowed_and_which_setting_changes_it():
    found = told(CLEAN, retention=[LOST])
    assert found.headline == "Do not use this model: by the check 'general', it forgot more than the recipe allows."
    assert found.reason == (
        "Loss on general rose from 3.000 to 3.210, by 0.210 (95 % CI 0.190 to 0.230); a worsening of up to 0.1 was "
        "allowed."
    )
    assert "nats" not in found.reason and "methods.sft.lr=0.0005" in commands(found)[0]
    without = told(CLEAN, retention=[LOST], facts=replace(FACTS, replays=False, full=True))
    assert "Add the dataset `general`" in without.next_steps[0].text and "tune: lora" in without.next_steps[1].text


def test_a_check_that_cannot_tell_is_not_called_forgotten():
    found = told(CLEAN, retention=[UNCLEAR])
    assert found.face == "not_shown" and "cannot show how much it forgot" in found.headline
    assert found.next_steps[0].text == "About 820 more questions of general would decide whether it is kept."


def test_worse_is_held_against_the_base_model_whoever_decides():
    found = told(WORSE)
    assert found.headline == "Do not use this model: on triage it is less accurate than the base model."
    assert "the base model 80.0 %: -50.0 points" in found.reason


def test_other_metrics_are_told_in_their_own_words():
    found = told(but(BEATEN, metric="macro_f1"))
    assert "TF-IDF is better on" in found.headline and "its macro f1 is 80.0 %, that of TF-IDF 95.0 %" in found.reason
    loss = told(but(CLEAN, metric="loss", unit="nats a token", gain_over_baseline=None, baseline=None))
    assert "nats" not in loss.headline + loss.reason and "a gain of +0.500 (95 % CI" in loss.reason


def test_with_several_benchmarks_sentences_and_commands_say_which():
    a, b = but(CLEAN, name="a"), but(EVEN, name="b")
    found = told(a, b, facts=replace(FACTS, benchmarks=2))
    assert found.headline == (
        "Use this model for a: it is more accurate than both the base model and TF-IDF. On b this is not shown."
    )
    assert found.reason.startswith("On a it answers") and "--benchmark a" in commands(found)[0]


def test_an_exploratory_verdict_is_never_told_to_be_used():
    found = told(CLEAN, exploratory=("ship.alpha was changed.",))
    assert found.face == "clean" and not found.ships and found.shown == "exploratory SHIP"
    assert found.headline == "No verdict to rely on. ship.alpha was changed."
    assert "it would be SHIP" in found.reason and "new test questions" in found.next_steps[0].text


def test_one_of_several_trainings_sends_to_the_page_of_all():
    found = told(CLOSE, facts=replace(FACTS, overview=Path("runs/seeds/report.html")))
    assert len(found.next_steps) == 1 and "runs/seeds/report.html" in found.next_steps[0].text


def test_several_trainings_are_run_again_as_several():
    found = told(BEATEN, facts=replace(FACTS, trainings=3), trainings=3)
    assert shlex.split(commands(found)[1])[-4:] == ["--seeds", "3", "--out", "runs/my desk-more-epochs"]


def test_the_benchmark_that_decides_is_the_nearest_to_a_gain_or_the_closest_gain():
    near = over_baseline(EVEN, p=0.06)
    found = judged(but(EVEN, name="far"), but(near, name="near"))
    assert deciding_entry("not_shown", found.benchmarks, []).name == "near"
    found = judged(but(CLEAN, name="clear"), but(CLOSE, name="close"))
    assert deciding_entry("provisional", found.benchmarks, []).name == "close"


@pytest.mark.parametrize("face", [*FACES, "exploratory"])
def test_the_exit_code_is_that_of_the_decision_and_provisional_is_a_ship(face, capsys):
    benchmarks, retention, decision = FACES.get(face, FACES["clean"])
    late = ("ship.alpha was changed.", "There is no plan.") if face == "exploratory" else ()
    found = told(*benchmarks, retention=retention, exploratory=late)
    if decision == "SHIP" and not late:
        finish((Path("runs/desk"), found), False)
    else:
        with pytest.raises(typer.Exit) as stop:
            finish((Path("runs/desk"), found), False)
        assert stop.value.exit_code == 2
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == f"{found.shown}: {found.headline}" and lines[1] == found.reason
    assert sum(line.startswith("Next: ") for line in lines) == len(found.next_steps)
    assert all(any(command == line.strip() for line in lines) for command in commands(found))
    assert ("Exploratory: There is no plan." in lines) == bool(late) and lines[-1].endswith("runs/desk/report.html")


def test_a_margin_is_said_in_plain_words():
    def against(tuned, baseline, margin):
        return within(60, tuned, baseline, margin)

    shipped = conclude(*concluded(against(158, 160, 0.1)))
    assert shipped.face == "clean" and shipped.headline == (
        "Use this model for triage: it is more accurate than the base model, and not worse than large at example.org "
        "by more than 10 points."
    )
    unclear = conclude(*concluded(against(150, 158, 0.04)))
    assert unclear.face == "not_shown" and unclear.headline == (
        "Do not use this model yet: it is not shown that it is not worse than large at example.org by more than 4 "
        "points."
    )
    assert "The interval reaches below the -4.0 that is allowed" in unclear.reason
    beaten = conclude(*concluded(against(120, 170, 0.1)))
    assert beaten.face == "baseline_better" and "is more accurate by more than 10 points on" in beaten.headline
    assert beaten.next_steps[0].command is None, "what stands in a file of answers cannot answer new rows"


def test_the_questions_that_would_show_a_margin_are_no_gain_to_find():
    found = conclude(*concluded(within(60, 157, 160, 0.03)))
    [said] = [step.text for step in found.next_steps if "more questions would decide" in step.text]
    assert "show that the model is not worse than large at example.org by more than 3 points" in said
    assert "true gain" not in said


def concluded(entry):
    decision, reasons, found = decide([entry], (), 0.02, 0.05, False, 1)
    return Judged(decision, reasons, found, (), 0.02, 0.05, 1), (), replace(FACTS, baselines={})
