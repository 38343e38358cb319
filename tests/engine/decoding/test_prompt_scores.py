"""Log-probabilities of given texts against a plain forward of each."""

import math
import random

import pytest
import torch

from metier.engine.decoding import prompt_scores as module
from metier.engine.decoding.prompt_scores import prompt_scores
from metier.errors import UserError
from tests.engine.decoding.test_decoder import CONFIGS, model_of

DRAWN = random.Random(1)
CONTRACT = DRAWN.choices(range(257), k=30)
PROMPTS = [[*CONTRACT, 5, 6], [9], [*CONTRACT, 5, 7, 8, 9], DRAWN.choices(range(257), k=9), CONTRACT, [*CONTRACT, 5, 6]]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
@pytest.mark.parametrize("size", [2048, 7])
def test_each_token_has_the_log_probability_of_a_plain_forward(config, size, fake, monkeypatch):
    monkeypatch.setattr(module, "TOKENS_A_PASS", size)
    model = model_of(config, fake)
    found = prompt_scores(model, PROMPTS, 3)
    for prompt, scores in zip(PROMPTS, found, strict=True):
        with torch.no_grad():
            logs = model.network(torch.tensor([prompt])).logits[0].log_softmax(-1)
        assert [score.token for score in scores.tokens] == prompt
        assert math.isnan(scores.tokens[0].log_probability) and scores.tokens[0].top == () and not scores.greedy[0]
        for place, score in enumerate(scores.tokens[1:]):
            assert score.log_probability == pytest.approx(float(logs[place, prompt[place + 1]]), abs=1e-4)
            assert [value for _, value in score.top] == pytest.approx(logs[place].topk(3).values.tolist(), abs=1e-4)
            assert scores.greedy[place + 1] == (int(logs[place].argmax()) == prompt[place + 1])
            if scores.greedy[place + 1]:
                assert score.log_probability == score.top[0][1], "lm-evaluation-harness compares them so"
    assert found[0] == found[-1]


def test_what_prompts_share_is_computed_once(fake, monkeypatch):
    read, forward = [], fake.network.forward

    def counting(input_ids, **others):
        read.append(input_ids.numel())
        return forward(input_ids=input_ids, **others)

    monkeypatch.setattr(fake.network, "forward", counting)
    prompt_scores(fake, [[1, 2]], 0)  # it is found out whether the model reads trees
    read.clear()
    prompt_scores(fake, [[*CONTRACT, 5, last] for last in range(50)], 1)
    assert sum(read) == 31
    read.clear()
    monkeypatch.setattr(module, "TOKENS_A_TREE", 20)
    prompt_scores(fake, [[1] * 15, [2] * 15, [3] * 40], 0)
    assert read == [14, 14, 39], "texts that share nothing and do not fit together are read apart"


def test_prompts_that_cannot_be_read_are_told(fake):
    for prompt, message in (([], "empty"), ([5] * 2049, "reads 2,048"), ([257], "Tokens are 0 to 256")):
        with pytest.raises(UserError, match=message):
            prompt_scores(fake, [[5], prompt], 0)
    assert prompt_scores(fake, [], 0) == []


def test_a_model_that_passes_over_masks_is_read_one_prompt_at_a_time(fake, monkeypatch):
    model, said = model_of(CONFIGS[0], fake), []
    plain = prompt_scores(model, PROMPTS, 0)
    module.CHECKED.pop(model.network)
    forward = model.network.forward
    monkeypatch.setattr(
        model.network, "forward", lambda attention_mask=None, **others: forward(attention_mask=None, **others)
    )
    monkeypatch.setattr(model, "warn", said.append)
    found = prompt_scores(model, PROMPTS, 0)
    assert prompt_scores(model, PROMPTS, 0) == found and len(said) == 1 and "one by one" in said[0]
    for one, other in zip(plain, found, strict=True):
        mine, its = ([score.log_probability for score in scores.tokens[1:]] for scores in (one, other))
        assert mine == pytest.approx(its, abs=1e-4)
