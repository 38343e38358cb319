"""A training in parts, its averaged weights, and staying with the base model."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

from metier.engine.models.model import load
from metier.engine.training import answers, trainer
from metier.engine.training.adapters import set_attention
from metier.engine.training.distillation import Distillation, Teacher
from metier.engine.training.eval_callback import EvalResult
from metier.engine.training.trainer import Leg
from metier.engine.trees.examples import Example
from metier.runs.progress import Progress
from tests.engine.training.test_trainer import SETTINGS, SHARED

TEXTS = [Example([n], ([n + 1, n + 2, n + 3, n + 4],)) for n in range(100, 130, 5)]
LONG = {
    **SETTINGS,
    "epochs": 12,
    "batch_tokens": 60,
    "lr_scheduler": "warmup_stable_decay",
    "decay_ratio": 0.3,
    "average_ratio": 0.2,
}


class ByStep:
    """An evaluator that only notes when it was asked, and of which weights."""

    every = 1

    def __init__(self):
        self.asked = {}

    def __call__(self, step, network, before):
        self.asked[step] = {name: weight.clone() for name, weight in network.named_parameters() if "lora" in name}
        return EvalResult(float(step), False, {})


def trained(folder, leg=None, evaluator=None, settings=LONG, **more):
    lora = LoraConfig(r=2, task_type="CAUSAL_LM")
    cost = trainer.train(load("fake"), SHARED, lora, settings, folder, Progress(), evaluator=evaluator, leg=leg, **more)
    return cost["steps"], load_file(folder / "adapter/adapter_model.safetensors")


def test_a_training_in_three_legs_ends_with_the_weights_of_one(tmp_path):
    steps, whole = trained(tmp_path / "whole")
    looks = frozenset({2, 5})
    for stop in (2, 5, steps):
        evaluator = ByStep()
        reached, parts = trained(tmp_path / "parts", Leg(stop, looks), evaluator)
        assert reached == stop and set(evaluator.asked) == {stop}
    assert whole.keys() == parts.keys() and all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_average_is_evaluated_and_saved_and_the_training_goes_on_from_its_own_weights(tmp_path):
    plain = {**LONG, "average_ratio": 0.0, "save_steps": 1}
    single, averaged = ByStep(), ByStep()
    steps, _ = trained(tmp_path / "plain", evaluator=single, settings=plain)
    _, saved = trained(tmp_path / "average", evaluator=averaged)
    window = round(LONG["average_ratio"] * steps)
    mean = dict(single.asked[0])
    for step in range(1, steps + 1):
        for name in mean:
            mean[name] = mean[name] + (single.asked[step][name] - mean[name]) / min(step, window)
        for name, value in averaged.asked[step].items():
            assert torch.allclose(value, mean[name], atol=1e-6), (step, name)
    assert any(not torch.equal(single.asked[steps][name], mean[name]) for name in mean)
    for name, value in saved.items():
        assert torch.allclose(value, mean[name.replace(".weight", ".default.weight")], atol=1e-6)


def test_the_learning_rate_stays_and_falls_over_the_last_part(tmp_path):
    found = trainer.scheduler_settings(LONG, 100)
    assert found == {"num_decay_steps": 30, "decay_type": "linear"}
    assert trainer.scheduler_settings(SETTINGS, 100) == {}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("trees", [False, True])
def test_the_divergence_is_that_of_plain_softmaxes_and_nothing_before_the_first_step(whole, trees):
    network = load("fake", dtype=torch.float32).network
    read = answers.by_trees if trees else answers.by_rows
    set_attention(network, read)
    if not whole:
        network = get_peft_model(network, LoraConfig(r=2, task_type="CAUSAL_LM"))
    teacher = Teacher(Distillation(TEXTS, 2.0, 10), network, trees, seed=0)
    assert float(teacher.loss(network, 0).detach()) == pytest.approx(0, abs=1e-3)
    texts = [TEXTS[at] for at in teacher.order[2:4]]  # two of five tokens fit into the ten of a step
    logits = answers.tree_logits if trees else answers.row_logits
    before = torch.log_softmax(logits(network, texts).detach().float(), -1)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.requires_grad and (whole or "lora_B" in name):
                weight.add_(torch.randn_like(weight), alpha=0.3 if not whole else 0.05)
    after = torch.log_softmax(logits(network, texts).float(), -1)
    expected = 2.0 * float((before.exp() * (before - after.detach())).sum(-1).mean())
    found = teacher.loss(network, 1)
    assert expected > 0.01 and float(found.detach()) == pytest.approx(expected, rel=0.05)
    found.backward()
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_distillation_keeps_what_the_model_said_on_the_texts(tmp_path):
    def moved(folder, **more):
        model = load("fake", dtype=torch.float32)
        before = answers.row_logits(model.network, TEXTS).detach().log_softmax(-1)
        settings = {**LONG, "epochs": 10, "average_ratio": 0.0, "lr": 3e-3}
        trainer.train(model, SHARED, None, settings, folder, Progress(), **more)
        network = model.network
        network.set_attn_implementation("eager")
        after = answers.row_logits(network, TEXTS).detach().log_softmax(-1)
        return float((before.exp() * (before - after)).sum(-1).mean())

    kept = moved(tmp_path / "kept", distillation=Distillation(TEXTS, 5.0, 20))
    assert kept < 0.5 * moved(tmp_path / "forgotten")
