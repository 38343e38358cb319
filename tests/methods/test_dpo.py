"""Preferences: pairs become tokens, losses and verdicts, and nothing tells which answer was chosen."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from metier.data.dataset import MIRROR
from metier.data.records import Question, questions, rows_to_table
from metier.data.step import StepContext
from metier.engine.models.model import load
from metier.engine.training import adapters, answers, trainer
from metier.engine.training.context import TrainingContext
from metier.errors import Problems, UserError
from metier.evaluation.baseline import BaselineContext
from metier.evaluation.baselines.longer_answer import Baseline
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.metrics.accuracy import Metric as Accuracy
from metier.evaluation.scorers.preference import Scorer
from metier.methods.dpo import Method
from metier.recipes import plugins
from metier.runs.progress import Progress
from tests.tiny import write_lines

BENCHMARK = Benchmark("choose", path="unused.jsonl", prompt="{text}\nAnswer:", scorer="preference")
PAIR = {"text": "White?", "chosen": "Yes, it is.", "rejected": "Great!", "task": "choose"}


class Heard:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def table(rows):
    base = {"source": "shop", "license": "mit"}
    return rows_to_table({"id": str(n), "origin": str(n), **base, **row} for n, row in enumerate(rows))


def context(rows, folder="."):
    found = table(rows)
    return TrainingContext(found, found.slice(0, 0), {"choose": BENCHMARK}, "fake", None, folder, 0, Heard())


def losses(method, policy, reference, lengths):
    tensors = [torch.tensor(values, dtype=torch.float64) for values in (policy, reference, lengths)]
    return method.losses(*tensors).tolist()


def test_the_loss_is_the_papers_formula():
    policy, reference = [[-12.0, -30.0], [-50.0, -20.0]], [[-14.0, -25.0], [-40.0, -22.0]]
    lengths = [[6, 10], [25, 8]]
    for normalize in (False, True):
        for n, found in enumerate(losses(Method(beta=0.3, length_normalize=normalize), policy, reference, lengths)):
            c, r = lengths[n] if normalize else (1, 1)
            (won, lost), (won_before, lost_before) = policy[n], reference[n]
            # -log of the probability that Bradley and Terry's model gives the chosen one.
            better, worse = math.exp(0.3 * (won - won_before) / c), math.exp(0.3 * (lost - lost_before) / r)
            assert found == pytest.approx(-math.log(better / (better + worse)))


def test_ipo_pulls_a_margin_to_half_of_one_over_beta_and_no_further():
    ipo = Method(loss="ipo", beta=0.1)
    assert losses(ipo, [[-10.0, -17.0]], [[-12.0, -14.0]], [[5, 5]]) == pytest.approx([0.0])  # margin 2 - -3 = 5
    assert losses(ipo, [[-10.0, -19.0]], [[-12.0, -14.0]], [[5, 5]]) == pytest.approx([4.0])


def test_the_anchor_adds_the_chosen_answers_own_loss_a_token():
    plain, anchored = (
        losses(Method(rpo_alpha=weight), [[-12.0, -30.0]], [[0.0, 0.0]], [[6, 10]])[0] for weight in (0, 2)
    )
    assert anchored - plain == pytest.approx(2 * 12 / 6)


def test_the_objective_takes_each_pair_with_its_own_reference_and_length():
    model = load("fake")
    examples = Method().examples(model, context([PAIR, {**PAIR, "chosen": "No."}, {**PAIR, "rejected": "12 inches"}]))
    reference = np.array([[-1.0, -2.0], [-30.0, -4.0], [-5.0, -60.0]])
    method = Method(length_normalize=True, beta=2.0)
    said = [torch.tensor([-3.0, -9.0]), torch.tensor([-7.0, -8.0])]
    slow = []
    for position, scores in zip([2, 0], said, strict=True):
        a, b = ((scores[i] - reference[position][i]) / len(examples[position].answers[i]) for i in (0, 1))
        slow.append(math.log1p(math.exp(-2.0 * (a - b))))
    assert float(method.objective(examples, reference)([2, 0], said)) == pytest.approx(np.mean(slow), rel=1e-6)


def test_a_pair_is_one_prompt_with_the_chosen_answer_first():
    model = load("fake")
    (example,) = Method().examples(model, context([PAIR]))
    read = [model.tokenizer.decode(example.prompt + answer) for answer in example.answers]
    assert read == ["White?\nAnswer: Yes, it is.<end>", "White?\nAnswer: Great!<end>"]


def test_rows_without_two_different_answers_are_left_out_with_a_warning_and_not_enough_alone():
    model = load("fake")
    rest = [{"text": "raw"}, {**PAIR, "rejected": PAIR["chosen"]}, {**PAIR, "rejected": None}]
    given = context([*rest, PAIR])
    assert len(Method().examples(model, given)) == 1
    assert given.progress.lines == ["  3 of 4 rows have no two different answers: left out"]
    with pytest.raises(UserError, match="no pairs to learn from"):
        Method().examples(model, context(rest))
    with pytest.raises(UserError, match="No benchmark says how the pairs of 'shop' are asked"):
        Method().examples(model, context([{**PAIR, "task": None}]))


def test_a_long_prompt_is_truncated_on_the_left_with_a_warning_and_both_answers_stay_whole():
    model, given = load("fake"), context([{**PAIR, "text": "x" * 200}])
    (example,) = Method(max_length=40).examples(model, given)
    assert len(example.prompt) + max(map(len, example.answers)) == 40
    assert model.tokenizer.decode(example.answers[0]) == " Yes, it is.<end>"
    assert "1 of 1 prompts were truncated on the left" in given.progress.lines[0]


def test_the_reference_is_asked_once_for_the_same_pairs(tmp_path, monkeypatch):
    model, asked = load("fake"), []

    def log_probabilities(model, examples, start, batch_tokens, progress, whole):
        asked.append((len(examples), whole))
        with torch.no_grad():
            return [scores.double().cpu().numpy() for scores in answers.by_rows(model.network, examples)]

    monkeypatch.setattr(trainer, "log_probabilities", log_probabilities, raising=False)
    method, given = Method(), context([PAIR, {**PAIR, "chosen": "No."}], tmp_path)
    examples = method.examples(model, given)
    first = np.stack(method.start_scores(model, examples, given))
    assert first.shape == (2, 2) and (first < 0).all()
    assert (np.stack(method.start_scores(model, examples, given)) == first).all() and asked == [(2, False)]
    method.start_scores(model, examples[:1], given)
    assert asked == [(2, False), (1, False)]
    # All weights are trained in another number format, and what was worked out for an adapter does not serve.
    Method(tune="full").start_scores(model, examples[:1], given)
    assert asked[2:] == [(1, True)]


def test_all_weights_start_exactly_at_their_reference_where_the_hardware_multiplies_bfloat16(tmp_path, monkeypatch):
    monkeypatch.setattr(adapters, "default_dtype", lambda: torch.bfloat16)
    method, margins = Method(tune="full", batch_tokens=4096, lr=1e-4), []
    losses = method.losses

    def noted(policy, reference, lengths):
        margins.append((policy - reference).detach().abs().max().item())
        return losses(policy, reference, lengths)

    monkeypatch.setattr(method, "losses", noted)
    method.train(replace(context([PAIR, {**PAIR, "chosen": "No."}], tmp_path), progress=Progress()))
    assert margins == [0.0]


@pytest.mark.parametrize(
    "settings", [{}, {"reference": "none", "length_normalize": True, "beta": 5.0}, {"loss": "ipo"}]
)
def test_what_was_chosen_becomes_the_likelier_answer(settings, tmp_path):
    rows = [{**PAIR, "text": f"Case {n}", "chosen": "good thing", "rejected": "bad"} for n in range(16)]
    method = Method(lr=0.02, r=4, epochs=6, batch_tokens=256, **settings)
    heard = Progress()
    given = replace(context(rows, tmp_path), progress=heard)
    cost = method.train(given)
    assert cost["pairs"] == 16
    asked = [replace(question, text=f"Case {100 + n}") for n, question in enumerate(questions(given.rows))]
    values = []
    for adapter in (None, tmp_path / "adapter"):
        model = load("fake", adapter)
        asking = Scorer().ask(model, BENCHMARK, asked, [])
        found = [answer for batch in asking.batches for answer in asking.answer(batch)]
        index = found[0].options.index("good thing")
        values.append(np.mean([answer.probabilities[index] for answer in found]))
    assert values[1] > values[0] + 0.05


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"beta": 0}, "beta"), ({"loss": "kto"}, "There are: ipo, sigmoid"),
     ({"reference": "base"}, "There are: none, start"),
     ({"rpo_alpha": -1}, "rpo_alpha"), ({"warmup_ratio": -0.1}, "warmup_ratio: .*Use a number at least 0 and below 1"),
     ({"warmup_ratio": 1.0}, "warmup_ratio: .*Use a number at least 0 and below 1"),
     ({"weight_decay": -1.0}, "weight_decay: -1.0. Use a number at least 0")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(Problems, match=said):
        plugins.build("methods", "dpo", wrong)


class Weighing:
    """A model that says how likely an answer is by a table of its words."""

    end_token = 0
    context = 1_000

    def __init__(self, nats):
        self.nats = nats

    def read(self, prompt, chat_template=False):
        return prompt, list(prompt.encode())

    def answer(self, answer, chat_template=False):
        return list(answer.encode())

    def options(self, prompts, options):
        words = [[bytes(option[:-1]).decode() for option in pair] for pair in options]
        batches = [[n] for n in range(len(prompts))]
        return SimpleNamespace(
            batches=batches, score=lambda batch: [np.array([self.nats[word] for word in words[n]]) for n in batch]
        )


def value(nats, options, chosen, length="token"):
    asking = Scorer(length).ask(Weighing(nats), BENCHMARK, [Question("q", "White?", chosen, options)], [])
    (answer,) = asking.answer([0])
    return answer.value


def test_the_answer_that_is_likelier_a_token_wins_wherever_it_stands():
    nats = {"yes": -8.0, "no, rather not": -15.0}  # 2 a token with the end token, and 1
    for options in (("yes", "no, rather not"), ("no, rather not", "yes")):
        assert value(nats, options, "no, rather not") == 1.0 and value(nats, options, "yes") == 0.0
        assert value(nats, options, "no, rather not", "none") == 0.0 and value(nats, options, "yes", "none") == 1.0


def test_a_tie_is_unscored_and_a_broken_model_stops():
    assert value({"ab": -3.0, "cd": -3.0}, ("ab", "cd"), "ab") is None
    assert value({"ab": -3.0, "cd": -3.0}, ("ab", "cd"), "cd") is None
    with pytest.raises(FloatingPointError):
        value({"ab": float("nan"), "cd": -3.0}, ("ab", "cd"), "cd")


@pytest.mark.parametrize("options", [(), ("a",), ("a", "a"), ("b", "c"), ("a", "b", "c")])
def test_only_pairs_are_asked(options):
    with pytest.raises(UserError, match="no pair of two different answers"):
        Scorer().ask(Weighing({}), BENCHMARK, [Question("q", "White?", "a", options)], [])


def baseline_of(asked, learned):
    """What the longer answer is called, and its answers."""
    fitted = Baseline().fit(BaselineContext(BENCHMARK, learned, [], Accuracy(), 0))
    return fitted.name, fitted.answer(asked)


def test_the_baseline_answer_is_the_longer_one_or_the_shorter_where_that_was_preferred():
    asked = [Question(str(n), "?", *pair) for n, pair in enumerate([("long", ("a", "long")), ("b", ("b", "other")),
                                                                   ("ab", ("ab", "cd"))])]  # fmt: skip
    longer, shorter = [Question("l", "?", "longer", ("longer", "short"))], [Question("s", "?", "x", ("longer", "x"))]
    name, found = baseline_of(asked, longer)
    assert (name, [answer.value for answer in found]) == ("the longer answer", [1.0, 0.0, None])
    assert [answer.answer for answer in found] == ["long", "other", None]
    name, found = baseline_of(asked, shorter)
    assert (name, [answer.value for answer in found]) == ("the shorter answer", [0.0, 1.0, None])


def test_a_pair_becomes_a_question_whose_options_do_not_tell():
    rows = [PAIR, {**PAIR, "chosen": PAIR["rejected"], "rejected": PAIR["chosen"]}, {"text": "raw"}]
    first, second = questions(table(rows))
    assert first.options == second.options == ("Great!", "Yes, it is.")
    assert (first.answer, second.answer) == ("Yes, it is.", "Great!")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """ePQA's pairs on a tiny mirror; in the test the preferred snippet is the longer one in two of three."""
    folder = tmp_path / "mirror" / "retail/epqa_product_qa"
    folder.mkdir(parents=True)
    good = ["in white", "twelve inches wide", "only of steel"]
    rows = {"train": [], "dev": [], "test": []}
    for n in range(24):
        side = "test" if n % 3 == 0 else "train"
        prompt = f"{side} question {n}: what does item {n} of this shop look like today?"
        pair = {"qid": str(n), "title": f"Item {n}", "prompt": prompt, "chosen": f"{good[n % 2]} {n}",
                "rejected": "nice" if n % 9 else "a very nice thing to have indeed"}  # fmt: skip
        rows[side].append({**pair, "chosen_label": "answers", "rejected_label": "irrelevant"})
    rows["dev"] = [{**rows["train"][0], "qid": "d", "rejected": " "}]
    for side, pairs in rows.items():
        write_lines(folder / f"pairs_{side}.jsonl", pairs)
    write_lines(folder / "train.jsonl", [{"label": "no pair"}])
    general = tmp_path / "mirror" / "general/wikitext2"  # `curate` holds the rows against general text
    general.mkdir(parents=True)
    write_lines(general / "valid.jsonl", [{"id": "1", "text": "An article.", "title": "T"}])
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    return tmp_path


def test_the_source_reads_the_files_of_pairs_and_leaves_an_empty_answer_out(shop):
    rows = plugins.build("datasets", "epqa_pairs", {}).rows().to_pylist()
    assert [row["split"] for row in rows] == ["train"] * 16 + ["test"] * 8
    assert rows[0]["chosen"] and rows[0]["rejected"] and rows[0]["label"] is None and rows[0]["group"] == "1"


def test_a_test_prompt_is_taken_out_of_the_pairs_whatever_answers_stand_behind_it(shop):
    benchmark = plugins.build("benchmarks", "epqa_preference", {})
    asked = benchmark.all_questions()[0]
    row = {"text": asked.text, "fields": list(asked.fields.items()), "task": "epqa_preference"}
    short = {**row, "chosen": "it is " * 40, "rejected": "no"}
    other = {**row, "text": "Is it waterproof?", "fields": [("title", "Lamp")], "chosen": "Yes.", "rejected": "Hm."}
    step = plugins.build("steps", "decontaminate", {})
    sifted = step.apply(table([short, other]), StepContext(0, [benchmark]))
    assert sifted.kept["id"].to_pylist() == ["1"] and asked.id in sifted.dropped["reason"][0].as_py()


def test_two_pairs_of_one_prompt_are_no_duplicates_and_their_answers_are_fixed():
    rows = table([PAIR, {**PAIR, "chosen": "Yes,  cafÃ©  white."}, PAIR])
    context = StepContext(0, [])
    fixed = plugins.build("steps", "normalize", {}).apply(rows, context).kept
    assert fixed["chosen"].to_pylist()[1] == "Yes, café white."
    assert plugins.build("steps", "dedup", {}).apply(fixed, context).kept["id"].to_pylist() == ["0", "1"]


def test_a_license_that_is_not_named_stops_the_run_until_it_is_allowed():
    dataset = plugins.find("datasets", "mediqa2019_pairs")
    rows = table([{**PAIR, "license": dataset.license, "source": dataset.name}])
    with pytest.raises(Problems, match="mediqa2019_pairs"):
        plugins.build("steps", "license", {}).apply(rows, StepContext(0, []))
    allowed = plugins.build("steps", "license", {"allow": [dataset.license]}).apply(rows, StepContext(0, []))
    assert len(allowed.kept) == 1


@pytest.mark.slow
def test_a_whole_run_is_held_against_the_longer_answer(shop):
    from metier.experiments.dry_run import check
    from metier.recipes.schema import load as recipe
    from metier.runs import run as runs
    from metier.stages.curate import curate
    from metier.stages.evaluate import evaluate
    from metier.stages.report import report
    from metier.stages.train import train

    write_lines(shop / "recipe.yaml", [{
        "industry": "retail", "model": "fake", "datasets": ["epqa_pairs"], "benchmarks": ["epqa_preference"],
        "steps": ["license", "normalize", "dedup", "decontaminate", "split"], "retention": {},
        "methods": [{"dpo": {"r": 4, "batch_tokens": 256}}],
    }])  # fmt: skip
    checked = check(recipe(shop / "recipe.yaml"))
    assert (checked["train"], checked["questions"]) == (16, 8) and checked["examples"][0]["target"].endswith("<end>")
    run = runs.open_run(shop / "run", recipe(shop / "recipe.yaml"), Progress())
    for stage in (curate, train, evaluate):
        stage(run)
    (entry,) = report(run).benchmarks
    assert (entry.baseline_name, entry.n) == ("the longer answer", 8)
    lines = (shop / "mirror/retail/epqa_product_qa/pairs_test.jsonl").read_text().splitlines()
    pairs = [json.loads(line) for line in lines]
    longer = sum(len(pair["chosen"]) > len(pair["rejected"]) for pair in pairs) / len(pairs)
    assert entry.baseline.value == pytest.approx(longer) and 0 < longer < 1
    assert "the longer answer" in (run.folder / "report.html").read_text()
    assert "the longer answer" in (run.folder / "model_card.md").read_text()
