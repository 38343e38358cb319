"""The base model's weights mixed into tuned ones: the mix itself, and how much of it is taken."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from metier.engine.models.model import load as load_model
from metier.engine.training.context import TrainingContext
from metier.methods import _base_share
from metier.methods._base_share import chosen, largest_harmless
from metier.methods.sft import Method
from metier.recipes.schema import load
from metier.runs.progress import Progress
from metier.runs.run import open_run
from metier.stages.curate import curate
from tests.tiny import write_triage


@pytest.fixture
def context(tmp_path):
    run = open_run(tmp_path / "run", load(write_triage(tmp_path)), Progress())
    curate(run)
    rows, valid = (run.table("curate", f"{name}.parquet") for name in ("train", "valid"))
    benchmarks = {one.name: one for one in run.recipe.build_benchmarks()}
    return TrainingContext(rows, valid, benchmarks, "fake", None, tmp_path / "train", 0, Progress())


@pytest.mark.parametrize("tune", ["full", "lora"])
def test_the_share_is_on_the_line_between_base_and_tuned_weights(context, tune):
    settings = {"tune": tune, "lr": 1e-3, "r": 4, "batch_tokens": 256}
    alone, mixed = replace(context, folder=context.folder / "a"), replace(context, folder=context.folder / "b")
    Method(**settings).train(alone)
    Method(**settings, base_share=0.25).train(mixed)

    weights = [load_model("fake", folder, dtype=torch.float32).network for folder in (None, *_adapters(alone, mixed))]
    name = "model.layers.0.self_attn.q_proj"
    base, tuned, between = (_weight(network, name) for network in weights)

    assert not torch.allclose(base, tuned, atol=1e-5)
    assert torch.allclose(between, 0.25 * base + 0.75 * tuned, atol=1e-5)
    assert not (mixed.folder / "base-share").exists()


def _adapters(*contexts):
    return [context.folder / "adapter" for context in contexts]


def _weight(network, name):
    if hasattr(network, "merge_and_unload"):
        network = network.merge_and_unload()
    return network.get_submodule(name).weight.detach().float()


@pytest.mark.parametrize(
    ("scores", "taken", "tried"),
    [
        ((0.8, 0.8, 0.81, 0.7), 0.3, [0.0, 0.15, 0.3, 0.5]),
        ((0.8, 0.79), 0.0, [0.0, 0.15]),  # what costs something ends it
        ((0.8, 0.8, 0.8, 0.8), 0.5, [0.0, 0.15, 0.3, 0.5]),
    ],
)
def test_the_largest_share_that_costs_nothing_is_taken(context, monkeypatch, scores, taken, tried):
    adapter, given = context.folder / "adapter", iter(scores)
    Method(lr=1e-3, r=4, batch_tokens=256).train(context)
    monkeypatch.setattr(_base_share, "held_out", lambda *_: {"triage": ["a question"] * 50})
    monkeypatch.setattr(_base_share, "scores", lambda *_: ({"triage": 0.0}, next(given)))
    before = load_file(adapter / "adapter_model.safetensors")

    by_share = largest_harmless(context, adapter, 100)

    assert list(by_share) == tried
    assert chosen(by_share) == taken
    after = load_file(adapter / "adapter_model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before), "only tried"


def test_with_few_held_out_rows_every_share_looks_harmless_and_none_is_taken(context):
    Method(lr=1e-3, r=4, batch_tokens=256).train(context)
    assert largest_harmless(context, context.folder / "adapter", 100) == {}


def test_without_held_out_rows_nothing_is_mixed(context):
    Method(lr=1e-3, r=4, batch_tokens=256).train(context)
    by_share = largest_harmless(replace(context, valid=context.valid.slice(0, 0)), context.folder / "adapter", 100)

    assert by_share == {}
    assert chosen(by_share) == 0.0


def test_dora_is_refused():
    assert "use_dora" in Method(base_share=0.3, use_dora=True).problems()[0]
