"""The loss of each kind of row apart, beside a loss that stays as it is."""

import json
from dataclasses import replace

import pytest
from peft import LoraConfig

from metier.engine.models.model import load
from metier.engine.training import trainer
from metier.engine.trees.examples import Example
from metier.methods import dapt, sft
from metier.methods._tuning import Tuning
from metier.runs.files import file_sha256
from metier.runs.progress import Progress
from tests.methods.test_dapt import context

TASK = [Example([5, 6, n], ([n, 7, 0],), "task rows") for n in range(8, 20)]
TEXT = [Example([n], (list(range(n + 1, n + 12)),), "raw text") for n in (20, 40, 60)]
SETTINGS = {**vars(Tuning()), "seed": 0, "batch_tokens": 24, "save_steps": 2, "epochs": 2}


def trained(folder, examples, **changed):
    lora = LoraConfig(r=2, task_type="CAUSAL_LM")
    trainer.train(load("fake"), examples, lora, {**SETTINGS, **changed}, folder, Progress())
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_each_kinds_loss_is_the_mean_over_its_own_tokens(tmp_path):
    log = trained(tmp_path, TASK + TEXT, lr=1e-12)  # so that every step sees the model as it comes
    alone = trainer.log_probabilities(load("fake"), TASK + TEXT, None, 24, Progress())
    for kind, at in (("task rows", range(len(TASK))), ("raw text", range(len(TASK), len(TASK) + len(TEXT)))):
        lines = [line["kinds"][kind] for line in log if kind in line["kinds"]]
        tokens = sum(line["tokens"] for line in lines)
        assert tokens == 2 * sum(len((TASK + TEXT)[position].answers[0]) for position in at)
        nats = sum(line["loss"] * line["tokens"] for line in lines)
        assert nats == pytest.approx(-2 * sum(float(alone[position].sum()) for position in at), rel=1e-4)
    for line in log:  # a line of one step: its loss is the mean over all of its tokens
        tokens = sum(one["tokens"] for one in line["kinds"].values())
        nats = sum(one["loss"] * one["tokens"] for one in line["kinds"].values())
        assert line["loss"] == pytest.approx(nats / tokens, rel=1e-4)
    assert any(set(line["kinds"]) != {"task rows", "raw text"} for line in log), "some steps have one kind only"


def test_kinds_change_neither_the_loss_nor_the_adapter(tmp_path):
    plain = [replace(example, kind="") for example in TASK + TEXT]
    apart, together = trained(tmp_path / "apart", TASK + TEXT), trained(tmp_path / "together", plain)
    assert [line["loss"] for line in apart] == [line["loss"] for line in together]
    assert all("kinds" in line for line in apart) and not any("kinds" in line for line in together)
    weights = [file_sha256(tmp_path / which / "adapter/adapter_model.safetensors") for which in ("apart", "together")]
    assert weights[0] == weights[1]


def test_a_resumed_training_logs_the_same_kinds(tmp_path):
    whole = trained(tmp_path / "whole", TASK + TEXT)
    steps = len(trainer._plan(TASK + TEXT, SETTINGS, shared=True))
    assert len(whole) == steps > 4

    class Killed(Exception):
        pass

    class Kill(Progress):
        def advance(self, amount=1):
            self.seen = getattr(self, "seen", 0) + amount
            if self.seen == 3:
                raise Killed

    lora = LoraConfig(r=2, task_type="CAUSAL_LM")
    with pytest.raises(Killed):
        trainer.train(load("fake"), TASK + TEXT, lora, SETTINGS, tmp_path / "killed", Kill())
    assert trained(tmp_path / "killed", TASK + TEXT) == whole


def test_methods_say_of_which_kind_their_rows_are(tmp_path):
    found = dapt.Method(replay=0.3, block_size=16).examples(load("fake"), context(tmp_path))
    assert {example.kind for example in found} == {dapt.DOMAIN, dapt.GENERAL}
    assert {block.kind for block in sft.Method()._read(load("fake"), _document(), 1024)} == {sft.RAW_TEXT}


def _document():
    from types import SimpleNamespace

    return SimpleNamespace(text="the sun is out today")
