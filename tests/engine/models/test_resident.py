"""A model that answers again and again gives the same answers, and checks and reads the same things once."""

import numpy as np
import pytest
import torch

from metier.engine.models import model as models
from metier.engine.models import resident
from metier.engine.models.resident import ResidentModel
from metier.engine.scoring import likelihood

INSTRUCTION = list(range(20, 40))
PROMPTS = [[*INSTRUCTION, *range(50, 50 + n)] for n in (3, 9, 5)]
OPTIONS = [[30, 31], [30, 33, 35], [41]]


@pytest.fixture(scope="module")
def model():
    return models.load("fake", dtype=torch.float32)


@pytest.fixture
def gates(monkeypatch):
    """What the gate looked at: the longest prompt of each call."""
    seen, real = [], models.gate
    monkeypatch.setattr(models, "gate", lambda fast: seen.append(max(map(len, fast.suffixes))) or real(fast))
    return seen


def scores(model, prompts, options=OPTIONS):
    scorer = model.options(prompts, [options] * len(prompts))
    given = {p: s for batch in scorer.batches for p, s in zip(batch, scorer.score(batch), strict=True)}
    return [given[position] for position in range(len(prompts))]


def test_single_questions_get_the_scores_that_they_get_together(model):
    kept, together = ResidentModel(model, INSTRUCTION), scores(model, PROMPTS)
    for _ in range(2):
        for prompt, wanted in zip(PROMPTS, together, strict=True):
            assert np.abs(scores(kept, [prompt])[0] - wanted).max() < 1e-4
    for one, wanted in zip(scores(ResidentModel(model, INSTRUCTION), PROMPTS), together, strict=True):
        assert np.abs(one - wanted).max() < 1e-5  # one processor of two rounds the last bit otherwise


def test_the_gate_looks_once_and_again_at_much_longer_prompts(model, gates):
    kept = ResidentModel(model, INSTRUCTION)
    for options in (OPTIONS, OPTIONS, [[7], [8]]):
        scores(kept, PROMPTS, options)
    assert len(gates) == 1
    scores(kept, [[*INSTRUCTION, *range(50, 130)]])
    assert len(gates) == 2, "a prompt more than twice as long as those that were looked at"


def test_a_way_of_scoring_that_failed_the_gate_is_not_taken_again(model, monkeypatch):
    kept = ResidentModel(model, INSTRUCTION)
    monkeypatch.setattr(models, "gate", lambda fast: "no" if isinstance(fast, likelihood.TreeScorer) else None)
    scores(kept, PROMPTS)
    monkeypatch.setattr(models, "gate", lambda fast: None)
    assert isinstance(kept.options([[*INSTRUCTION, *range(50, 130)]], [OPTIONS]), likelihood.CopyScorer)
    assert isinstance(kept.options(PROMPTS, [OPTIONS] * 3), likelihood.CopyScorer)


def test_a_beginning_that_could_not_be_read_is_read_again(model, monkeypatch):
    kept = ResidentModel(model, INSTRUCTION)
    wanted = scores(kept, PROMPTS)
    kept.beginning.cache = None
    monkeypatch.setattr(likelihood, "attention_bias", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scores(kept, PROMPTS)
    monkeypatch.undo()
    assert [list(one) for one in scores(kept, PROMPTS)] == [list(one) for one in wanted]


def test_what_prompts_begin_with_is_read_once(model, monkeypatch):
    kept, read = ResidentModel(model, INSTRUCTION), []
    real = type(model.network).forward
    monkeypatch.setattr(
        type(model.network),
        "forward",
        lambda self, *args, **inputs: read.append(inputs["input_ids"].numel()) or real(self, *args, **inputs),
    )
    scores(kept, PROMPTS[:1])
    read.clear()
    scores(kept, PROMPTS[:1])
    assert read == [3 + 2], "the text and the inner tokens of the options; the instruction is kept"


def test_prompts_that_begin_otherwise_are_scored_too(model):
    kept = ResidentModel(model, INSTRUCTION)
    scores(kept, PROMPTS)
    assert np.abs(scores(kept, [[1, 2, 3]])[0] - scores(model, [[1, 2, 3]])[0]).max() < 1e-4


def test_a_prompt_too_long_for_trees_does_not_slow_down_the_others(model, monkeypatch):
    kept = ResidentModel(model, INSTRUCTION)
    for module in (models, resident):
        monkeypatch.setattr(module, "TREE_TOKENS", 40)
    scores(kept, PROMPTS)
    long = kept.options([[*INSTRUCTION, *range(50, 90)]], [OPTIONS])
    assert isinstance(long, likelihood.CopyScorer)
    assert isinstance(kept.options(PROMPTS, [OPTIONS] * 3), likelihood.TreeScorer)
