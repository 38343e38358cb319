"""Each prompt's options are scored once, and every question gets what it would have got alone."""

import random

import numpy as np
import pytest

from metier.engine.models.model import load
from metier.engine.scoring import deduplicated, likelihood
from metier.engine.scoring.deduplicated import AskedOnce

PROMPTS = [[5, 6, 7], [8, 9], [5, 6, 7], [5, 6, 7], [8, 9, 10], [5, 6, 7]]
OPTIONS = [[[1, 2], [3, 4, 2]], [[1, 2], [3, 2]], [[3, 4, 2], [9, 2]], [[9, 2], [1, 2]], [[3, 2], [7]], [[4], [9, 2]]]


@pytest.fixture(scope="module")
def model():
    return load("fake")


@pytest.mark.parametrize("wide", [512, 5, 1])
def test_every_question_gets_its_own_scores_in_any_order(model, wide, monkeypatch):
    monkeypatch.setattr(deduplicated, "WIDE", wide)
    alone = [model._options([p], [o]).score([0])[0] for p, o in zip(PROMPTS, OPTIONS, strict=True)]
    scorer = model.options(PROMPTS, OPTIONS)
    assert isinstance(scorer, AskedOnce)
    assert sorted(position for batch in scorer.batches for position in batch) == list(range(6))
    for batch in scorer.batches:
        for position, scores in zip(batch, scorer.score(batch), strict=True):
            assert np.allclose(scores, alone[position], atol=1e-4)
    # A killed evaluation that goes on asks for some of the questions first.
    again = model.options(PROMPTS, OPTIONS)
    for position in random.Random(0).sample(range(6), 6):
        assert np.allclose(again.score([position])[0], alone[position], atol=1e-4)


def test_whatever_is_asked_first_is_read_in_batches_of_one_shape(model, monkeypatch):
    """So that an evaluation that goes on after a kill gives the same answers, byte for byte."""
    monkeypatch.setattr(deduplicated, "WIDE", 5)
    monkeypatch.setattr(likelihood, "TOKENS_A_BATCH", 16)
    scorer, read = model.options(PROMPTS, OPTIONS), []
    whole = scorer.scorer.batches
    assert 1 < len(whole) < len(scorer.scorer.suffixes), "several batches, some of several entries"
    score = scorer.scorer.score
    monkeypatch.setattr(scorer.scorer, "score", lambda entries: read.append(entries) or score(entries))
    found = {}
    for position in random.Random(1).sample(range(6), 6):
        found[position] = scorer.score([position])[0]
    assert sorted(read) == sorted(whole)
    again = model.options(PROMPTS, OPTIONS)
    for batch in again.batches:
        for position, scores in zip(batch, again.score(batch), strict=True):
            assert (scores == found[position]).all()


def test_no_option_is_read_twice_behind_one_prompt(model):
    scorer = model.options(PROMPTS, OPTIONS)
    offered = [len(options.options) for options in scorer.scorer.options]
    assert sorted(offered) == [2, 2, 4], "of twelve options eight are different ones of their prompt"


def test_prompts_that_all_differ_are_asked_as_they_are(model):
    assert not isinstance(model.options(PROMPTS[:2], OPTIONS[:2]), AskedOnce)
