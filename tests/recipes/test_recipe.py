"""What a recipe refuses, and that it says everything at once."""

import json
from types import SimpleNamespace

import pytest
import yaml

from metier.errors import Problems, UserError
from metier.evaluation.baselines.tfidf import tfidf
from metier.recipes.checks import check, order_problems, question_problems, task_problems
from metier.recipes.schema import build_one, load
from tests.tiny import write_lines, write_triage


def recipe(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_recipe_is_good_and_names_icd10cm():
    found = load()
    assert check(found) == []
    assert found.datasets == ["icd10cm", "general"]
    assert found.benchmarks == ["icd10cm_chapter"]


def test_the_old_name_of_a_key_is_answered_by_the_new_one(tmp_path):
    said = "A recipe's `sources` is now called `datasets`."
    with pytest.raises(UserError) as caught:
        load(recipe(tmp_path, "sources: [icd10cm]\n"))
    assert str(caught.value) == said
    for change in ("sources=[icd10cm]", "sources.icd10cm.description_length=3"):
        with pytest.raises(UserError, match=said):
            load(None, changes=[change])


def test_an_unknown_key_is_refused_with_the_nearest_right_one(tmp_path):
    with pytest.raises(UserError, match="no key 'datsets'. Did you mean 'datasets'"):
        load(recipe(tmp_path, "datsets: [icd10cm]"))


def test_an_unknown_key_inside_ship_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"'ship.min_gian'. Did you mean 'min_gain'"):
        load(recipe(tmp_path, "ship: {min_gian: 0.1}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("industry: helthcare", "no industry 'helthcare'. Did you mean 'healthcare'"),
        ("- a list", "is no recipe"),
        ("a: [", "is no valid YAML"),
        ("seed: many", "`seed` cannot be 'many'"),
        ("seed: 2024-02-30", "`seed` cannot be '2024-02-30'"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_message(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        load(recipe(tmp_path, text))
    assert message in str(caught.value)


def test_a_missing_recipe_is_said(tmp_path):
    with pytest.raises(UserError, match="There is no recipe"):
        load(tmp_path / "absent.yaml")


def test_check_finds_every_problem_at_once(tmp_path):
    text = """
model: ./absent
datasets: [{path: absent.jsonl, label: x, license: mit}, icd11cm]
steps: [normalise, {select: {rows: -1}}]
methods: [sfd, {sft: {epoch: 2}}]
benchmarks: [icd10cm_chapter, {name: mine, path: nowhere.jsonl, metrics: [accuracyy]}]
retention: {generall: 0.1}
"""
    problems = "\n".join(check(load(recipe(tmp_path, text))))
    for part in (
        "There is no model './absent'",
        "There is no file",
        "no dataset 'icd11cm'. Did you mean 'icd10cm'",
        "no step 'normalise'. It is called 'normalize' now",
        "cannot take rows: -1. Use a number at least 1 and at most 1,000,000,000",
        "There is no method 'sfd'. Did you mean 'sft'",
        "has no setting 'epoch'. Did you mean 'epochs'",
        "no metric 'accuracyy'. Did you mean 'accuracy'",
        "no benchmark 'generall'. Did you mean 'general'",
    ):
        assert part in problems


def test_two_bad_keys_are_said_together(tmp_path):
    with pytest.raises(Problems) as caught:
        load(recipe(tmp_path, "datsets: []\nmodle: x"))
    assert len(caught.value.problems) == 2


def test_what_a_pack_only_watches_comes_with_its_own_benchmarks(tmp_path):
    assert load(None, "legal").retention == {"general": 0.02, "arc_easy": "monitor"}
    assert [margin for _, margin in load(None, "legal", ["benchmarks=[unfair_tos]"]).build_retention()] == [0.02]
    with pytest.raises(UserError, match="`retention.general"):
        load(None, "legal", ["retention.general="])
    own = recipe(tmp_path, "industry: legal\nbenchmarks: [unfair_tos]\n")
    assert load(own).retention == {"general": 0.02}
    assert load(own, None, ["retention.arc_easy=0.05"]).retention == {"general": 0.02, "arc_easy": 0.05}
    own.write_text("industry: legal\nbenchmarks: [unfair_tos]\nretention: {arc_easy: monitor}\n")
    assert load(own).retention == {"arc_easy": "monitor"}
    saved = recipe(tmp_path, load(None, "legal").as_yaml())
    assert load(saved) == load(None, "legal")


def test_set_changes_the_recipe():
    found = load(changes=["methods.sft.epochs=3", "ship.min_gain=0.1", "model=fake", "retention={}"])
    assert found.methods[0]["sft"]["epochs"] == 3
    assert (found.ship.min_gain, found.model, found.retention) == (0.1, "fake", {})


@pytest.mark.parametrize("change", ["nonsense", "methods.dpo.epochs=1", "datasets.icd10cm=1"])
def test_a_change_that_does_not_fit_is_refused(change):
    with pytest.raises(UserError, match="--set"):
        load(changes=[change])


def test_a_setting_of_the_wrong_type_is_said_with_its_name():
    assert "cannot take epochs: 'many'" in "\n".join(check(load(changes=["methods.sft.epochs=many"])))


def test_paths_are_relative_to_the_recipe(triage, monkeypatch):
    monkeypatch.chdir("/")
    found = load(triage)
    assert check(found) == []
    assert found.datasets[0]["path"] == str(triage.parent / "train.jsonl")


def test_a_recipe_written_out_and_read_again_is_the_same(triage):
    found = load(triage)
    again = triage.parent / "again.yaml"
    again.write_text(found.as_yaml(), encoding="utf-8")
    assert load(again) == found


def test_a_file_names_its_task_where_several_benchmarks_could_ask_it(tmp_path, triage):
    text = triage.read_text().replace("benchmarks:\n", "benchmarks:\n  - icd10cm_chapter\n")
    with_icd = text.replace("datasets: [", "datasets: [icd10cm, ")
    (problem,) = check(load(recipe(tmp_path, with_icd)))
    assert "'train'" in problem and "Add `task:` with one of: icd10cm_chapter, triage" in problem
    assert (
        check(load(recipe(tmp_path, with_icd.replace("{path: train.jsonl,", "{path: train.jsonl, task: triage,"))))
        == []
    )
    (problem,) = check(
        load(recipe(tmp_path, with_icd.replace("{path: train.jsonl,", "{path: train.jsonl, task: triag,")))
    )
    assert "Did you mean 'triage'" in problem


def test_rows_of_another_published_benchmark_are_not_asked_as_the_only_one():
    def labeled(name):
        return SimpleNamespace(
            name=name, dataset_name=name, labeled=True, pairs=False, task=None, prompt_columns=lambda: None
        )

    clauses, yes_no, own = map(labeled, ("cuad_clause_type", "legalbench_cuad_yesno", "our_clauses"))
    (problem,) = task_problems([clauses, yes_no, own], [clauses])
    assert "'legalbench_cuad_yesno'" in problem and "Put legalbench_cuad_yesno under `benchmarks`, or add" in problem
    assert task_problems([clauses, yes_no], [clauses, yes_no]) == []


def test_a_prompt_that_names_no_column_is_said_and_the_label_is_no_column(triage):
    for name in ("nte", "department"):
        triage.write_text(triage.read_text().replace("{text}", f"{{{name}}}"))
        assert f"names '{name}', which no column holds" in "\n".join(check(load(triage)))
        triage.write_text(triage.read_text().replace(f"{{{name}}}", "{text}"))


@pytest.mark.parametrize(
    "declared, said",
    [
        ("scorer: choice, options: options", "macro_f1 counts labels, and the scorer choice has no label set"),
        ("scorer: loss, metrics: [loss, accuracy]", "accuracy counts right answers, and a loss is neither right"),
        ("scorer: generate, metrics: [exact_match, mcc]", "mcc counts labels, and the scorer generate"),
        ("metrics: [perplexity]", "perplexity reads losses, which the scorer label does not give"),
        ("metrics: [accuracy, span_f1]", "span_f1 reads fields, which the scorer label does not give"),
        ("scorer: generate, metrics: [exact_match, brier]", "brier reads probabilities, which the scorer generate"),
        ("scorer: preference, metrics: [nll, accuracy]", "nll decides, and the baseline has no probabilities"),
    ],
)
def test_a_metric_that_does_not_fit_the_scorer_is_said_before_training(triage, declared, said):
    triage.write_text(triage.read_text().replace("cluster: patient", declared))
    assert said in "\n".join(check(load(triage)))


def test_the_declared_text_is_what_a_prompt_reads_whatever_a_further_column_is_called():
    from metier.data.records import Question

    asked = Question(id="1", text="the note", answer="a", fields={"text": "an internal remark", "ward": "B"})
    assert asked.render("{ward}: {text}") == "B: the note"


PACK = """
from dataclasses import dataclass, field
from typing import Any
from metier.industries import BaseIndustry

@dataclass
class Industry(BaseIndustry):
    name: str = "mine"
    datasets: list[Any] = field(default_factory=lambda: ["icd10cm"])
    benchmarks: list[Any] = field(default_factory=lambda: ["icd10cm_chapter"])
    """


@pytest.mark.parametrize(
    "line, said",
    [
        (
            "insights: list[str] = field(default_factory=lambda: ['certian'])",
            "no insight 'certian', which the industry names",
        ),
        ("costs: dict = field(default_factory=lambda: {'Eye -> Ear': -5})", "prices 'Eye -> Ear' at -5"),
        ("costs: dict = field(default_factory=lambda: {'Eye -> Ear': 'x'})", "prices 'Eye -> Ear' at 'x'"),
        ("costs: dict = field(default_factory=lambda: {'Eye': 5})", "prices 'Eye', which is no kind of mistake"),
    ],
)
def test_what_a_pack_says_for_the_report_is_checked_before_training(tmp_path, line, said):
    (tmp_path / "mine.py").write_text(PACK + line)
    mine = load(recipe(tmp_path, f"industry: {tmp_path / 'mine.py'}\nmodel: fake\n"))
    assert [problem for problem in check(mine) if said in problem]


def test_what_a_benchmark_reads_is_missed_in_the_same_go_as_what_a_source_reads(monkeypatch):
    monkeypatch.delenv("METIER_DATA", raising=False)
    mine = load(None, "finance", ["retention={arc_easy: 0.05}"])
    said = "\n".join(check(mine))
    assert "fed_rate_moves is not here" in said and "arc_easy is not here" in said
    assert said.count("The dataset fed_rate_moves is not here") == 1


def test_redaction_before_the_test_questions_are_taken_out_is_refused():
    steps = "[license, normalize, {redact: {profile: healthcare}}, decontaminate, split]"
    (said,) = order_problems(load(None, changes=[f"steps={steps}"]))
    assert "Put `decontaminate` before `redact`" in said
    for pack in ("healthcare", "finance", "legal", "retail"):
        assert order_problems(load(None, pack)) == []


def test_two_files_of_one_name_are_refused_as_two_datasets(tmp_path):
    for year in ("2023", "2024"):
        (tmp_path / year).mkdir()
        write_triage(tmp_path / year)
    text = (tmp_path / "2023/recipe.yaml").read_text().replace("path: train.jsonl", "path: 2023/train.jsonl")
    twice = text.replace("datasets: [", "datasets: [{path: 2024/train.jsonl, text: note, license: proprietary}, ")
    (said,) = check(load(recipe(tmp_path, twice.replace("path: test", "path: 2023/test"))))
    assert "2 datasets are called 'train'" in said and "2024/train.jsonl" in said


def test_a_benchmark_of_a_source_names_no_columns_that_the_source_knows():
    wrong = load(None, changes=["benchmarks=[{icd10cm_chapter: {text: note, label: code, options: all}}]"])
    assert sum("names a column" in said for said in check(wrong)) == 3


def test_slices_by_a_column_that_there_is_not_are_said(triage):
    triage.write_text(triage.read_text().replace("cluster: patient", "cluster: patient, slices: [deprtment]"))
    with pytest.raises(UserError, match="goes by the column 'deprtment'"):
        load(triage).build_benchmarks()[0].questions()


def test_a_margin_is_a_number(tmp_path):
    with pytest.raises(Problems, match="`retention.general"):
        load(recipe(tmp_path, "retention: {general: true}\n"))


@pytest.mark.parametrize(
    "declared, row, said",
    [
        ("scorer: numeric, metrics: [accuracy]", {"department": "n/a"}, "'n/a' is no number"),
        ("scorer: fields, metrics: [span_f1]", {"department": "{}"}, None),
        ("scorer: fields, metrics: [span_f1]", {"department": "heart"}, "no JSON object"),
        ("scorer: pattern, metrics: [accuracy]", {"department": "a"}, "lacks the column 'must'"),
        ("scorer: pattern, metrics: [accuracy]", {"department": "a", "must": "("}, "is no regular expression"),
        ("scorer: choice, metrics: [accuracy]", {"department": "a"}, "has to be one of two or more `options`"),
        ("scorer: preference, metrics: [accuracy]", {"department": "a"}, "is no pair of two different answers"),
    ],
)
def test_questions_that_no_answer_can_be_judged_to_are_said_before_training(tmp_path, declared, row, said):
    write_lines(tmp_path / "test.jsonl", [{"note": "Case 1", **row}])
    own = {"name": "own", "path": str(tmp_path / "test.jsonl"), "text": "note", "label": "department"}
    benchmark = build_one("benchmarks", {**own, **yaml.safe_load(f"{{{declared}}}")})
    found = question_problems(benchmark, benchmark.questions(), [])
    assert (said in found[0] and "1 of the 1 questions" in found[0]) if said else not found


def test_a_change_reaches_ones_own_entries_by_name_and_margins_stay_without_what_is_monitored(triage):
    changes = ["benchmarks.triage.metrics=[mcc]", "datasets.train.group=ward", "retention.general=0.05"]
    triage.write_text(triage.read_text().replace("retention: {}", ""))
    found = load(triage, changes=changes)
    assert found.benchmarks[0]["metrics"] == ["mcc"] and found.datasets[0]["group"] == "ward"
    assert found.retention == {"general": 0.05}  # and no `arc_easy: monitor`, whose data nobody has
    with pytest.raises(UserError, match=r"'--set seed=\['"):
        load(triage, changes=["seed=["])
    both = load(None, "retail", ["industry=finance"])
    assert both.industry == "retail" and both.benchmarks == load(None, "retail").benchmarks


def test_brackets_in_the_recipes_folder_are_its_name_and_those_of_a_pattern_are_one(tmp_path):
    home = tmp_path / "[x] q"
    home.mkdir()
    path = write_triage(home)
    path.write_text(path.read_text().replace("path: train.jsonl", 'path: "tr[a]in.jsonl"'))
    (dataset,) = load(path).build_datasets()
    assert dataset.problems() == [] and len(dataset.rows()) == 60


def test_a_column_that_is_empty_in_a_row_is_an_empty_text_and_one_that_no_row_has_is_said(tmp_path):
    own = {"name": "own", "path": str(tmp_path / "test.jsonl"), "text": "note", "label": "department"}
    write_lines(
        tmp_path / "test.jsonl",
        [{"note": "a", "department": "x", "ward": "W"}, {"note": "b", "department": "x", "ward": None}],
    )
    benchmark = build_one("benchmarks", {**own, "prompt": "Ward: {ward}. {text}"})
    assert [benchmark.render(question) for question in benchmark.questions()] == ["Ward: W. a", "Ward: . b"]
    first, second = benchmark.questions()  # the baseline reads what the model reads
    assert tfidf([first], [second], benchmark.prompt, ["x"], 0)[0].prompt == "Ward: . b"
    published = build_one("benchmarks", {"icd10cm_chapter": {"prompt": "{floor} {text}"}})
    with pytest.raises(UserError, match="goes by the column 'floor', which none of its questions has"):
        published.questions()


def test_a_prompt_that_names_a_column_the_training_rows_lack_is_said(triage):
    rows = [json.loads(line) | {"ward": "W"} for line in (triage.parent / "test.jsonl").read_text().splitlines()]
    write_lines(triage.parent / "test.jsonl", rows)
    triage.write_text(triage.read_text().replace("{text}\\n", "{ward}: {text}\\n"))
    (said,) = check(load(triage))
    assert "names 'ward', which no column of train holds" in said
