"""Our loss and gradients against TRL's own on the same batch."""

import copy

import datasets
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from metier.engine import batches, weights
from metier.engine.trainer import IGNORED, Example, TargetOnlyTrainer, collate

EXAMPLES = [Example([5, 6, 7], [8, 0]), Example([9, 10, 11, 12, 13], [14, 15, 0]), Example([16], [17, 0])]


def rows(examples):
    return {
        "input_ids": [e.prompt + e.target for e in examples],
        "labels": [[IGNORED] * len(e.prompt) + e.target for e in examples],
    }


def trainers(tmp_path):
    folder = weights.folder("fake")
    torch.manual_seed(0)
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    ours = get_peft_model(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), lora)
    for name, parameter in ours.named_parameters():
        if "lora_B" in name:  # zero at the start, which would hide half of the gradients
            torch.nn.init.normal_(parameter, std=0.1)
    theirs = copy.deepcopy(ours)
    config = SFTConfig(
        output_dir=str(tmp_path),
        use_cpu=True,
        bf16=False,
        report_to="none",
        gradient_checkpointing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        max_length=None,
    )
    shared = {
        "args": config,
        "train_dataset": datasets.Dataset.from_dict(rows(EXAMPLES)),
        "data_collator": collate,
        "processing_class": AutoTokenizer.from_pretrained(folder),
    }
    return TargetOnlyTrainer(model=ours, plan=[[0, 1, 2]], **shared), SFTTrainer(model=theirs, **shared)


def test_loss_and_gradients_equal_those_of_trl(tmp_path):
    ours, theirs = trainers(tmp_path)
    batch = next(iter(ours.get_train_dataloader()))
    losses = []
    for trainer in (ours, theirs):
        loss = trainer.compute_loss(trainer.model, dict(batch))
        loss.backward()
        losses.append(float(loss))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    pairs = zip(ours.model.named_parameters(), theirs.model.named_parameters(), strict=True)
    compared = 0
    for (name, mine), (_, other) in pairs:
        if mine.requires_grad:
            assert torch.allclose(mine.grad, other.grad, rtol=1e-4, atol=1e-7), name
            compared += 1
    assert compared == 2 * 2 * 7  # two layers, seven linear layers each, A and B


def test_the_loss_stands_on_the_answer_and_the_end_token_only():
    batch = collate(
        [{"input_ids": e.prompt + e.target, "labels": [IGNORED] * len(e.prompt) + e.target} for e in EXAMPLES]
    )
    assert (batch["labels"] != IGNORED).sum() == sum(len(e.target) for e in EXAMPLES)
    assert batch["attention_mask"].sum() == sum(map(len, EXAMPLES))


def test_batches_keep_to_the_budget_and_hold_every_row_once():
    lengths = [3, 50, 7, 7, 12, 100, 1, 40]
    for plan in (batches.by_length(lengths, 60), batches.shuffled(lengths, 60, seed=1, epoch=0, pool=4)):
        assert sorted(position for batch in plan for position in batch) == list(range(8))
        for batch in plan:
            assert len(batch) == 1 or len(batch) * max(lengths[p] for p in batch) <= 60


def test_batches_are_the_same_for_a_seed_and_others_for_another():
    lengths = list(range(1, 60))
    first = batches.shuffled(lengths, 64, seed=1, epoch=0)
    assert first == batches.shuffled(lengths, 64, seed=1, epoch=0)
    assert first != batches.shuffled(lengths, 64, seed=2, epoch=0)
    assert first != batches.shuffled(lengths, 64, seed=1, epoch=1)
