"""GRPO: rewards rise, groups without a difference give a warning, and a prompt read once changes no number."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from metier.data.records import Question, rows_to_table
from metier.engine.models import fake
from metier.engine.models.model import load
from metier.engine.rl import rollouts
from metier.engine.rl.rewards import of_benchmarks, of_costs, of_scorer
from metier.engine.rl.sampling import Sampler, alike
from metier.engine.training.adapters import tuned
from metier.engine.training.context import TrainingContext
from metier.engine.trees import attention as tree_attention
from metier.engine.trees.examples import Example
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.methods.grpo import Method, common_stops, longest_answer
from metier.recipes import plugins

LETTERS = {"must": "[A-Za-z].*"}
FREE = Benchmark("free", path="unused.jsonl", prompt="{text}:", scorer={"pattern": {"max_new_tokens": 1}})
TRIAGE = Benchmark("triage", path="unused.jsonl", prompt="{text}:", labels=["heart", "skin"])
QUICK = {"num_generations": 8, "prompts_per_step": 4, "lr": 0.01, "r": 4, "lora_alpha": 8, "warmup_ratio": 0.0}


class Heard:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)

    warn = say

    def begin(self, *args, **kwargs):
        pass

    advance = end = begin


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The fake model, wider: its usual 32 units cannot make any byte much likelier than another."""
    fake.make(folder := tmp_path_factory.mktemp("model"), hidden=512)
    return str(folder)


def context(folder, model, benchmark=FREE, label="yes", fields=LETTERS, adapter=None):
    rows = rows_to_table(
        {
            "id": str(n),
            "text": f"Case {n}" + "." * (n % 3),
            "label": label,
            "fields": list(fields.items()),
            "source": "s",
            "license": "mit",
            "origin": str(n),
            "task": benchmark.name,
        }
        for n in range(6)
    )
    return TrainingContext(
        rows, rows.slice(0, 0), {benchmark.name: benchmark}, model, adapter, Path(folder), 0, Heard()
    )


def weights(folder):
    from safetensors.torch import load_file

    return load_file(Path(folder) / "adapter" / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def trained(model, tmp_path_factory):
    """A whole run of 20 steps."""
    home = tmp_path_factory.mktemp("grpo")
    task = context(home / "whole", model)
    result = Method(steps=20, save_steps=10, **QUICK).train(task)
    return home, result, task.progress.lines


def test_the_reward_rises_and_the_result_says_so(trained):
    _, result, _ = trained
    assert result["reward_first_fifth"] < 0.5 < 0.8 < result["reward_last_fifth"]
    assert result["answers"] == 20 * 4 * 8
    assert result["answer_tokens"] == result["answers"]  # one token each


def test_a_killed_run_goes_on_to_the_same_weights(trained, model, tmp_path):
    home, result, _ = trained
    (tmp_path / "checkpoints").mkdir()
    shutil.copytree(home / "whole/checkpoints/checkpoint-10", tmp_path / "checkpoints/checkpoint-10")
    resumed = Method(steps=20, save_steps=10, **QUICK).train(context(tmp_path, model))
    assert resumed["resumed_at_step"] == 10
    assert resumed["reward_first_fifth"] == result["reward_first_fifth"]  # it remembers the steps before the kill
    for name, value in weights(home / "whole").items():
        assert torch.equal(value, weights(tmp_path)[name]), name


def trainer_of(model, folder, temperature=1.0, beta=0.0):
    """A trainer whose adapter is not zero, and a batch of answers that it sampled."""
    loaded = load(model, dtype=torch.float32)
    settings = {
        **vars(Method(**{**QUICK, "beta": beta, "temperature": temperature})),
        "max_new_tokens": 5,
        "scale_rewards": "group",
    }
    examples = [Example(loaded.encode(text), ([5, 0],)) for text in ("Case 1:", "Case 22:")]
    sampler = Sampler(loaded, [example.prompt for example in examples], 5, [])
    torch.manual_seed(0)
    network = tuned(loaded, Method(r=4).lora(), None, examples).network
    for name, parameter in network.named_parameters():
        if "lora_B" in name:  # zero at the start, which would hide half of the gradients
            torch.nn.init.normal_(parameter, std=0.05)
    if beta:
        fused_lora_off(network)
    trainer = rollouts.GroupTrainer(
        model=network,
        reward_funcs=[rollouts.rewarding("toy", lambda position, said: float(len(said) % 3))],
        args=rollouts.config({**settings, "seed": 0}, [1.0], 9, True, folder, False),
        train_dataset=rollouts.datasets.Dataset.from_dict({"prompt": ["0", "1", "0", "1"]}),
        processing_class=loaded.tokenizer,
        rollout_func=sampler,
        trees=True,
        budget=4096,
    )
    trainer.current_gradient_accumulation_steps = 1
    return trainer, trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))


def fused_lora_off(network):
    for module in network.modules():
        module.__dict__.pop("forward", None) if hasattr(module, "lora_A") else None


@pytest.mark.parametrize(("temperature", "beta"), [(1.0, 0.0), (0.7, 0.1)])
@pytest.mark.filterwarnings("ignore:You are using 'rollout_func'")
def test_a_prompt_read_once_gives_the_loss_gradients_and_entropy_of_trl(model, tmp_path, temperature, beta):
    trainer, batch = trainer_of(model, tmp_path, temperature, beta)
    found = []
    for trees, attention in ((True, tree_attention.NAME), (False, "eager")):
        trainer.trees = trees
        trainer.model.get_base_model().set_attn_implementation(attention)
        trainer.model.zero_grad()
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        grads = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.requires_grad}
        found.append((float(loss.detach()), trainer._metrics["train"]["entropy"][-1], grads))
    ours, theirs = found
    assert ours[0] == pytest.approx(theirs[0], abs=1e-6) and ours[1] == pytest.approx(theirs[1], rel=1e-5)
    assert len(ours[2]) == 2 * 2 * 7  # two layers, seven linear layers each, A and B
    for name, grad in theirs[2].items():
        assert grad.abs().max() > 0 and torch.allclose(ours[2][name], grad, rtol=1e-3, atol=1e-6), name


def test_a_copied_reading_of_the_prompt_samples_what_reading_it_again_does(model):
    loaded = load(model, dtype=torch.float32)
    prompts = [loaded.encode(text) for text in ("Case 1:", "Case 1:", "A longer case 22:", "x")]
    quick = Sampler(loaded, [], 6, []).sample(loaded.network, prompts, 1e-4)  # so cold that chance is out
    for prompt, answer in zip(prompts, quick, strict=True):
        slow = loaded.network.generate(input_ids=torch.tensor([prompt]), max_new_tokens=6, do_sample=False)
        assert slow[0, len(prompt) :].tolist() == answer


def test_prompts_of_like_length_are_sampled_together():
    batches = alike([30, 100, 40, 133, 41, 134])
    assert batches == [[0, 2], [4], [1, 3], [5]]


def test_an_answer_ends_where_a_stop_string_or_the_end_token_does(model):
    loaded = load(model)
    sampler = Sampler(loaded, [], 9, ["\n"])
    line, end = loaded.encode("ab\ncd"), loaded.end_token
    assert sampler._ended([*line, end]) == line[:3]
    assert sampler._ended([*line[:2], end, *line]) == [*line[:2], end]
    assert sampler._ended(line[3:]) == line[3:]


def test_groups_without_a_difference_give_one_warning_and_are_in_the_result(model, tmp_path):
    task = context(tmp_path, model, fields={"must": ".*"})
    result = Method(steps=7, max_new_tokens=1, **QUICK).train(task)
    assert result["groups_without_signal"] == 1 and "No step carried a signal" in result["warning"]
    said = [line for line in task.progress.lines if "nothing to learn from" in line]
    assert len(said) == 2 and said[0].startswith("  After 5 steps") and "`sft`" in said[0]


def test_a_run_with_a_signal_has_no_warning(trained):
    _, result, said = trained
    assert "warning" not in result and not any("nothing to learn" in line for line in said)


def test_unscored_answers_have_no_reward_and_are_counted(model, tmp_path):
    benchmark = dataclasses.replace(FREE, scorer={"numeric": {"max_new_tokens": 1}})
    task = context(tmp_path, model, benchmark, label="7")
    result = Method(steps=2, **QUICK).train(task)
    assert 0.8 * result["answers"] < result["unscored_benchmark"] < result["answers"]  # ten digits of 257 bytes
    assert any("left unscored by 'benchmark' and earned 0" in line for line in task.progress.lines)


@pytest.mark.slow
def test_a_pull_towards_the_model_before_is_resumed_as_well(model, tmp_path):
    """With `beta` TRL keeps a frozen adapter beside ours, which must not end up in the result."""
    settings = {**QUICK, "beta": 0.5, "steps": 4, "save_steps": 2, "max_new_tokens": 1}
    Method(**{**settings, "steps": 2}).train(context(tmp_path / "before", model))
    start = tmp_path / "before" / "adapter"
    Method(**settings).train(context(tmp_path / "whole", model, adapter=start))
    (tmp_path / "killed/checkpoints").mkdir(parents=True)
    shutil.copytree(tmp_path / "whole/checkpoints/checkpoint-2", tmp_path / "killed/checkpoints/checkpoint-2")
    assert Method(**settings).train(context(tmp_path / "killed", model, adapter=start))["resumed_at_step"] == 2
    whole, killed, before = (weights(tmp_path / name) for name in ("whole", "killed", "before"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert any(not torch.equal(whole[name], before[name]) for name in whole)
    assert sorted(path.name for path in (tmp_path / "whole/adapter").iterdir() if path.is_dir()) == []


def test_rewards_are_weighted_and_added(model, tmp_path):
    task = context(tmp_path, model, fields={"must": ".*"})
    both = Method(rewards=["pattern", {"generate": {"pattern": "(nothing)"}}], weights=[3.0, 1.0], steps=1, **QUICK)
    result = both.train(task)
    assert result["reward_first_fifth"] == 3 and result["unscored_generate"] == result["answers"]


def question(answer, **fields):
    return Question("q", "text", answer, fields=fields)


def test_a_reward_is_what_the_scorer_says_behind_its_own_stop():
    benchmark = dataclasses.replace(FREE, scorer="numeric")
    assert of_benchmarks({"free": benchmark}).score("free", " 12\nor 13", question("12")) == 1
    assert of_scorer({"numeric": {"stop": []}}).score("free", " 12\nor 13", question("12")) == 0
    assert of_scorer("numeric").score("free", "none", question("12")) is None


def test_a_mistake_earns_minus_its_cost_and_no_label_the_dearest():
    prices = np.array([[0.0, 1.0, 4.0], [20.0, 0.0, 2.0], [1.0, 1.0, 0.0]])
    reward = of_costs({"triage": TRIAGE}, prices, ["heart", "skin", "none"])
    said = {" heart": -20, " skin": 0, "None": -2, " skin and heart": -20, "": -20}
    assert {text: reward.score("triage", text, question("skin")) for text in said} == said
    with pytest.raises(UserError, match="'liver' is none of the labels"):
        reward.checked([("triage", question("liver"))])


def test_costs_of_a_recipe_are_the_reward(model, tmp_path):
    pytest.importorskip("metier.evaluation.costs")
    task = context(tmp_path, model, TRIAGE, label="skin")
    result = Method(steps=1, costs={"skin -> heart": 5.0, "heart -> skin": 2.0}, **QUICK).train(task)
    # Random bytes are no label, which costs as much as the dearest mistake with that right label; in shares of all.
    assert result["reward_first_fifth"] == -1 and not any("scale_rewards" in line for line in task.progress.lines)
    baseline = Method(costs={"skin -> heart": 2.0, "heart -> skin": 8.0})
    (reward,) = baseline.earned(baseline.questions(task), {"triage": TRIAGE})
    assert reward.score("triage", "heart", question("skin")) == -0.25


def test_advantages_of_prices_are_not_scaled_so_that_dear_mistakes_weigh_more(model, tmp_path, monkeypatch):
    chosen = []

    def train(model, examples, rewards, plan, lora, settings, *others):
        chosen.append(settings["scale_rewards"])
        raise UserError("seen")

    monkeypatch.setattr(rollouts, "train", train)
    for settings in (
        {"costs": {"skin -> heart": 5.0}},
        {},
        {"costs": {"skin -> heart": 5.0}, "scale_rewards": "batch"},
    ):
        with pytest.raises(UserError, match="seen"):
            Method(**QUICK, **settings).train(context(tmp_path, model, TRIAGE, label="skin"))
    assert chosen == ["none", "group", "batch"]


def test_a_batch_that_is_less_than_a_step_gives_a_warning(model, tmp_path):
    heard = []
    for tokens in (4096, 64):
        task = context(tmp_path / str(tokens), model)
        Method(steps=1, scale_rewards="batch", batch_tokens=tokens, **QUICK).train(task)
        heard.append([line for line in task.progress.lines if "scale_rewards" in line])
    assert heard[0] == [] and "`batch` is a pass here, 2 of a step's 4 questions" in heard[1][0]


def test_a_reward_that_cannot_judge_the_rows_is_refused_before_training(model, tmp_path):
    with pytest.raises(UserError, match="The reward 'numeric' cannot score row 0 of free"):
        Method(rewards=["numeric"]).train(context(tmp_path, model))
    with pytest.raises(UserError, match="cannot score row 0 of free: it lacks the column 'must'"):
        Method().train(context(tmp_path, model, fields={}))


def test_where_answers_can_be_listed_min_risk_is_named(model, tmp_path):
    heard = []
    for settings in ({}, {"rewards": ["label"]}):
        task = context(tmp_path / str(len(heard)), model, TRIAGE, label="skin")
        Method(steps=1, **QUICK, **settings).train(task)
        heard.append(any("min_risk computes" in line for line in task.progress.lines))
    assert heard == [True, False]


def test_answers_are_sampled_as_long_as_the_scorers_say_or_the_labels_are(model):
    loaded = load(model)
    asked = [("triage", question("skin")), ("triage", question("heart")), ("free", question("yes"))]
    kinds = {"triage": TRIAGE, "free": dataclasses.replace(FREE, scorer={"numeric": {"max_new_tokens": 3}})}
    assert longest_answer(loaded, asked, kinds) == len(" heart") + 1  # the fake model has a token a byte
    assert longest_answer(loaded, asked[2:], kinds) == 3
    assert common_stops({"free": kinds["free"]}) == ["\n"] and common_stops(kinds) == []


def test_the_plan_is_whole_epochs_in_an_order_of_the_seed():
    plan = Method(steps=5, prompts_per_step=4).plan(10, seed=1)
    assert len(plan) == 20 and sorted(plan[:10]) == sorted(plan[10:]) == list(range(10)) and plan[:10] != plan[10:]
    assert (
        plan
        == Method(steps=5, prompts_per_step=4).plan(10, seed=1)
        != Method(steps=5, prompts_per_step=4).plan(10, seed=2)
    )
    assert len(Method(steps=0, epochs=2, prompts_per_step=4).plan(10, seed=1)) == 20


@pytest.mark.parametrize(("trees", "tokens", "rows"), [(True, 4096, 4 * 8), (True, 400, 2 * 8), (False, 400, 8)])
def test_a_pass_holds_whole_groups_and_keeps_to_the_budget(tmp_path, trees, tokens, rows):
    settings = {**vars(Method(batch_tokens=tokens)), "max_new_tokens": 10, "scale_rewards": "group", "seed": 0}
    found = rollouts.config(settings, [1.0], 100, trees, tmp_path, False)
    assert found.per_device_train_batch_size == found.generation_batch_size == rows
    assert rows * found.gradient_accumulation_steps == 4 * 8


def test_all_that_is_wrong_with_the_settings_is_said_at_once():
    wrong = {
        "num_generations": 1,
        "temperature": 0.0,
        "rewards": ["numerc"],
        "weights": [1.0, 2.0],
        "scale_rewards": "all",
        "beta": -1.0,
    }
    with pytest.raises(Problems) as caught:
        plugins.build("methods", "grpo", wrong)
    said = str(caught.value)
    assert (
        len(caught.value.problems) == 6
        and "Did you mean 'numeric'" in said
        and "num_generations: 1. Use a number at least 2" in said
    )


def test_several_processes_are_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr("metier.runs.distributed.count", lambda: 2)
    with pytest.raises(UserError, match="one process"):
        Method(**QUICK).train(context(tmp_path, model))


def test_check_finds_a_misspelled_price(model, tmp_path):
    with pytest.raises(UserError, match="Did you mean 'heart'"):
        Method(**QUICK, costs={"miss_haert": 3}).seconds(load(model), context(tmp_path, model, TRIAGE, "heart"), 2)
