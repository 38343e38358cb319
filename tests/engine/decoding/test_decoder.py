"""Texts written beside each other against transformers' own, one at a time."""

import json
import random

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPTNeoXConfig,
    Lfm2Config,
    LlamaConfig,
    Qwen2Config,
)

from metier.engine.decoding.decoder import Decoder, pads_well
from metier.engine.decoding.grammar import Grammar
from metier.engine.decoding.sampling import Sampling
from metier.engine.models.model import LanguageModel
from metier.errors import UserError

SIZES = {"vocab_size": 257, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "max_position_embeddings": 512}
FEW = {**SIZES, "num_key_value_heads": 2}
CONFIGS = [
    LlamaConfig(**FEW),
    Qwen2Config(**FEW, use_sliding_window=True, sliding_window=4, max_window_layers=1),
    Gemma3TextConfig(**FEW, head_dim=8, sliding_window=4, layer_types=["sliding_attention", "full_attention"]),
    GPTNeoXConfig(**SIZES),
    Lfm2Config(**FEW, layer_types=["conv", "full_attention"]),
]
DRAWN = random.Random(0)
PROMPTS = [DRAWN.choices(range(1, 257), k=n) for n in (5, 21, 1, 12)]
SHARED = DRAWN.choices(range(1, 257), k=20)
SCHEMA = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "minimum": 0, "maximum": 99},
        "kind": {"enum": ["a", "bc"]},
        "tags": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 2},
    },
    "required": ["size", "kind", "tags"],
    "additionalProperties": False,
}


def model_of(config, fake):
    """Random weights, strong enough that the greedy text is not one token again and again."""
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for parameter in network.parameters():
        parameter.data *= 3
    return LanguageModel(fake.folder, network, fake.tokenizer, warn=lambda message: None)


def finished(decoder, begin=(), later=()):
    """key -> its pieces; `later`: (step, key, prompt, sampling) that join while others are written."""
    pieces = {}
    for key, prompt, sampling in begin:
        decoder.add(key, prompt, sampling)
    later, step = list(later), 0
    while len(decoder) or later:
        while later and later[0][0] <= step:
            decoder.add(*later.pop(0)[1:])
        for key, piece in decoder.step():
            pieces.setdefault(key, []).append(piece)
        step += 1
    return pieces


def text(pieces):
    return "".join(piece.text for piece in pieces)


def alone(model, prompt, sampling):
    return finished(Decoder(model, 4096), [("it", prompt, sampling)])["it"]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_texts_that_join_and_leave_at_any_step_equal_those_of_generate(config, fake):
    model = model_of(config, fake)
    prompts = [*PROMPTS, SHARED + [7, 8], SHARED + [9], SHARED + [7, 8, 9, 10]]
    sizes = [12, 3, 20, 9, 6, 14, 8]
    wanted = [model.texts([p], n).score([0])[0] for p, n in zip(prompts, sizes, strict=True)]
    asked = [(key, p, Sampling(n)) for key, (p, n) in enumerate(zip(prompts, sizes, strict=True))]
    pieces = finished(Decoder(model, 4096), asked[:2], [(2, *asked[2]), (4, *asked[3])] + [(5, *a) for a in asked[4:]])
    for key, (words, tokens, ended) in enumerate(wanted):
        own = pieces[key]
        assert text(own) == words
        assert own[-1].finish == ("stop" if ended else "length") and not any(piece.finish for piece in own[:-1])
        assert sum(piece.new_tokens for piece in own) == tokens + ended
    assert len({words for words, *_ in wanted}) > 3


def test_log_probabilities_are_those_of_a_plain_forward(fake):
    model = model_of(CONFIGS[0], fake)
    asked = [(key, prompt, Sampling(6, top_logprobs=3)) for key, prompt in enumerate(PROMPTS)]
    pieces = finished(Decoder(model, 4096), asked)
    for key, prompt in enumerate(PROMPTS):
        scores = [score for piece in pieces[key] for score in piece.tokens]
        ids = torch.tensor([prompt + [score.token for score in scores]])
        with torch.no_grad():
            logs = model.network(ids).logits[0].log_softmax(-1)
        for place, score in enumerate(scores, len(prompt) - 1):
            assert score.log_probability == pytest.approx(float(logs[place, score.token]), abs=1e-4)
            values, tokens = logs[place].topk(3)
            assert [value for _, value in score.top] == pytest.approx(values.tolist(), abs=1e-4)
            assert [words for words, _ in score.top] == [model.tokenizer.decode([t]) for t in tokens.tolist()]


def test_the_same_seed_gives_the_same_text_beside_any_neighbors(fake):
    model = model_of(CONFIGS[0], fake)
    for how in ({}, {"top_p": 0.7}):
        asked = Sampling(15, temperature=1.5, seed=3, **how)
        single = text(alone(model, PROMPTS[0], asked))
        beside = [
            (key, prompt, Sampling(20, temperature=0.9, seed=key, top_p=0.5)) for key, prompt in enumerate(PROMPTS)
        ]
        assert text(finished(Decoder(model, 4096), beside, [(3, "it", PROMPTS[0], asked)])["it"]) == single
        assert text(alone(model, PROMPTS[0], Sampling(15, temperature=1.5, seed=4, **how))) != single
        assert single != text(alone(model, PROMPTS[0], Sampling(15)))


def test_a_stop_string_is_never_shown_also_across_tokens(fake):
    model = model_of(CONFIGS[0], fake)
    whole = text(alone(model, PROMPTS[0], Sampling(40)))
    clean = [place for place in range(2, len(whole) - 2) if "\ufffd" not in whole[place : place + 2]]
    place = next(place for place in clean if whole.find(whole[place : place + 2]) == place)
    stop = whole[place : place + 2]
    pieces = alone(model, PROMPTS[0], Sampling(40, stop=("never", stop)))
    assert text(pieces) == whole[:place] and pieces[-1].finish == "stop"
    shown = "".join(model.tokenizer.decode([s.token for p in pieces for s in p.tokens]))
    assert shown == whole[:place], "the tokens of the stop string are not among those that are shown"
    assert sum(piece.new_tokens for piece in pieces) > sum(len(piece.tokens) for piece in pieces)
    words, _, ended = model.texts([PROMPTS[0]], 40, [stop]).score([0])[0]
    assert (words, ended) == (text(pieces), True)


def test_what_only_began_like_a_stop_string_is_shown_in_the_end(fake):
    model = model_of(CONFIGS[0], fake)
    whole = text(alone(model, PROMPTS[0], Sampling(40)))
    pieces = alone(model, PROMPTS[0], Sampling(40, stop=(whole[-3:] + "!",)))
    assert text(pieces) == whole and pieces[-1].finish == "length"


@pytest.mark.parametrize("seed", range(4))
def test_a_schema_always_gives_json_of_that_schema(fake, seed):
    grammar = Grammar.of_schema(SCHEMA)
    asked = Sampling(200, temperature=2.0, seed=seed, grammar=grammar)
    others = [(key, prompt, Sampling(5)) for key, prompt in enumerate(PROMPTS)]
    pieces = finished(Decoder(fake, 4096), [*others, ("it", PROMPTS[1], asked)])["it"]
    found = json.loads(text(pieces))
    assert pieces[-1].finish == "stop" and set(found) == {"size", "kind", "tags"}
    assert found["size"] in range(100) and found["kind"] in ("a", "bc") and set(found["tags"]) <= {"x", "y"}


def test_a_schema_that_cannot_be_used_is_told(fake):
    for schema, message in (
        ({"type": "objekt"}, "cannot be used"),
        ({"type": "string", "pattern": "("}, "cannot be used"),
        ({"enum": ["x" * 200_000]}, "at most 100,000"),
    ):
        with pytest.raises(UserError, match=message):
            Grammar.of_schema(schema)
    # llguidance 1.9.1 cuts its own message about this one in the middle of a letter, and panics.
    odd = {
        "type": ["string", "null"],
        "minLength": {"b": {"type": "string", "maximum": {"minimum": None, "required": 0}}},
    }
    odd["minLength"]["b"] |= {"required": False, "$ref": [1e30, 1e308, "\u00e9\U0001f600"]}
    with pytest.raises(UserError, match="cannot be used"):
        Grammar.of_schema({**odd, "minLength": {**odd["minLength"], "": {"type": "number"}}})
    deep = {}
    for _ in range(100_000):
        deep = {"properties": {"a": deep}}
    with pytest.raises(UserError, match="nested too deeply"):
        Grammar.of_schema(deep)
    with pytest.raises(UserError, match="cannot be used"):
        Decoder(fake, 100).add("it", [5], Sampling(5, grammar=Grammar("start: nothing")))


def test_a_cancelled_sequence_leaves_and_the_others_go_on(fake):
    model = model_of(CONFIGS[0], fake)
    decoder = Decoder(model, 60)
    for key, prompt in enumerate(PROMPTS):
        decoder.add(key, prompt, Sampling(12))
    seen = dict.fromkeys(range(4), "")
    for step in range(100):
        for key, piece in decoder.step():
            seen[key] += piece.text
        if step == 3:
            decoder.cancel(0)
            decoder.cancel(3)
            decoder.cancel("never was")
    assert not len(decoder)
    assert [seen[key] for key in (1, 2)] == [text(alone(model, PROMPTS[key], Sampling(12))) for key in (1, 2)]
    assert text(alone(model, PROMPTS[0], Sampling(12))).startswith(seen[0]) and seen[3] == ""


def test_what_is_in_the_batch_stays_within_the_bound_and_the_rest_waits_in_its_order(fake):
    decoder, largest = Decoder(fake, 60), 0
    for key, prompt in enumerate(PROMPTS * 3):
        decoder.add(key, prompt, Sampling(8))
    begun = []
    while len(decoder):
        begun += sorted(key for key, _ in decoder.step() if key not in begun)  # those of one step join together
        # Padding takes memory too: what is held is a rectangle.
        largest = max(largest, *(keys.shape[0] * keys.shape[2] for keys, _ in decoder.batch.layers), 0)
    assert begun == sorted(begun) and len(begun) == 12 and 30 < largest <= 60


def test_a_grammar_that_becomes_too_complex_ends_its_own_text_only(fake):
    hard = Grammar.of_schema({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})
    decoder = Decoder(fake, 4096)
    decoder.add("easy", PROMPTS[0], Sampling(8))
    decoder.add("hard", PROMPTS[1], Sampling(8, grammar=hard))
    decoder.step()
    hard_one = next(one for one in decoder.active if one.key == "hard")
    hard_one.constraint.matcher.consume_token(0)  # a token that the grammar does not allow: it is in error from now on
    pieces = finished(decoder)
    assert "JSON schema cannot be used" in pieces["hard"][-1].error and pieces["hard"][-1].finish
    assert len(pieces["easy"]) == 7 and pieces["easy"][-1].finish == "length"


def test_the_smallest_temperature_is_greedy(fake):
    model = model_of(CONFIGS[0], fake)
    cold = alone(model, PROMPTS[0], Sampling(9, temperature=5e-324, seed=1))
    assert text(cold) == text(alone(model, PROMPTS[0], Sampling(9)))
    nucleus = alone(model, PROMPTS[0], Sampling(9, temperature=1.0, top_p=0.0, seed=1))
    assert text(nucleus) == text(cold)


@pytest.mark.parametrize(
    ("prompt", "asked", "message"),
    [
        ([], Sampling(5), "empty"),
        ([5], Sampling(0), "at least 1"),
        ([5] * 50, Sampling(51), "at most 100 fit"),
        ([300], Sampling(5), "Tokens are 0 to 256"),
    ],
)
def test_what_can_never_be_answered_is_refused_at_once(fake, prompt, asked, message):
    decoder = Decoder(fake, 100)
    with pytest.raises(UserError, match=message):
        decoder.add("it", prompt, asked)
    assert not len(decoder)
    decoder.add("it", [5], Sampling(1))
    with pytest.raises(ValueError, match="another sequence"):
        decoder.add("it", [5], Sampling(1))


def test_what_prompts_begin_with_is_read_once(fake, monkeypatch):
    model, read = model_of(CONFIGS[0], fake), []
    forward = model.network.forward
    decoder = Decoder(model, 4096)

    def counting(input_ids, **others):
        read.append(input_ids.numel())
        return forward(input_ids=input_ids, **others)

    monkeypatch.setattr(model.network, "forward", counting)
    together = [(key, SHARED + [key + 1], Sampling(1)) for key in range(5)]
    assert finished(decoder, together).keys() == set(range(5))
    assert sum(read) == 20 + 5
    read.clear()
    finished(decoder, [("later", SHARED + [99, 98], Sampling(1))])
    assert sum(read) == 2
    assert sum(map(len, decoder.batch.prefixes.kept)) <= 4096


def test_nothing_is_read_twice_where_nothing_is_kept(fake, monkeypatch):
    model, read = model_of(CONFIGS[0], fake), []
    forward = model.network.forward
    decoder = Decoder(model, 4096, kept_tokens=0)

    def counting(input_ids, **others):
        read.append(input_ids.numel())
        return forward(input_ids=input_ids, **others)

    monkeypatch.setattr(model.network, "forward", counting)
    finished(decoder, [(key, SHARED + [key + 1], Sampling(1)) for key in range(5)])
    assert read == [5 * 21]


def test_kept_beginnings_stay_within_their_bound(fake):
    decoder = Decoder(fake, 4096, kept_tokens=50)
    for key in range(6):
        finished(decoder, [(key, [key + 1] * 20, Sampling(1))])
    assert [tokens[0] for tokens in decoder.batch.prefixes.kept] == [5, 6]


def test_characters_are_shown_whole(fake):
    """The fake model's tokens are bytes: no piece but the last may hold half a character."""
    model = model_of(CONFIGS[0], fake)
    pieces = alone(model, fake.encode("é"), Sampling(60, temperature=1.0, seed=1))
    whole = model.tokenizer.decode([s.token for p in pieces for s in p.tokens], skip_special_tokens=True)
    assert text(pieces) == whole


def test_a_model_that_passes_over_our_masks_is_not_batched(fake, monkeypatch):
    model = model_of(CONFIGS[0], fake)
    assert pads_well(model.network)
    forward = model.network.forward
    monkeypatch.setattr(
        model.network, "forward", lambda attention_mask=None, **others: forward(attention_mask=None, **others)
    )
    said = []
    decoder = Decoder(LanguageModel(fake.folder, model.network, fake.tokenizer, said.append), 100)
    assert "one by one" in said[0] and type(decoder.batch).__name__ == "SingleSequences"
