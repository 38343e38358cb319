"""GGUF: each architecture written, read back by transformers, and run by llama.cpp itself."""

import json

import pytest
import torch
from tokenizers import Tokenizer, normalizers
from transformers import Gemma3TextConfig, GPT2Config, LlamaConfig, MistralConfig, PreTrainedTokenizerFast

from metier.engine.models import loading
from metier.engine.models.gguf import architecture, writer
from metier.engine.models.gguf.llamacpp import LlamaCpp
from metier.engine.models.gguf.reader import differences, read_back, stored_values
from metier.engine.models.gguf.vocabulary import vocabulary
from metier.engine.models.model import LanguageModel
from metier.errors import UserError
from tests.engine.models.gguf_models import PROMPTS, byte_level, make, sentencepiece

KINDS = ["llama", "mistral", "qwen2", "qwen3", "gemma3"]
ABOUT = {"general.name": "tiny"}


@pytest.fixture(scope="module", params=KINDS)
def base(request, tmp_path_factory):
    return make(request.param, tmp_path_factory.mktemp(request.param) / "base")


@pytest.fixture(scope="module")
def model(base):
    return LanguageModel(base, loading.network(base, dtype=torch.float32).eval(), loading.tokenizer(base))


@pytest.fixture(scope="module")
def file(base, model):
    written = base.parent / "f16.gguf"
    writer.write_gguf(model.network, model.tokenizer, written, "f16", ABOUT)
    return written


def logits(network, model):
    with torch.no_grad():
        return [network(torch.tensor([model.encode(prompt * 3)])).logits for prompt in PROMPTS]


def far(network, back, model):
    """The root mean square difference of two networks' logits, in their standard deviations."""
    pairs = list(zip(logits(network, model), logits(back, model), strict=True))
    return max(float((one - other).pow(2).mean().sqrt() / one.std()) for one, other in pairs)


# Rounding to float16 is 2^-11 of a number, to bfloat16 2^-8, to blocks of 8, 5 and 4 bits about 1/256, 1/32 and 1/16
# of the largest of 32 numbers.
@pytest.mark.parametrize(
    ("quantization", "most"),
    [
        ("f16", 0.005),
        pytest.param("q8_0", 0.1, marks=pytest.mark.slow),
        pytest.param("bf16", 0.04, marks=pytest.mark.slow),
        pytest.param("q5_1", 0.7, marks=pytest.mark.slow),
    ],
)
def test_a_file_read_back_by_transformers_computes_the_same(model, base, tmp_path, quantization, most):
    written, back = tmp_path / "model.gguf", tmp_path / "back"
    writer.write_gguf(model.network, model.tokenizer, written, quantization, ABOUT)
    back.mkdir()
    assert read_back(written, base, back) == []
    assert far(model.network, loading.network(back, dtype=torch.float32).eval(), model) < most


def test_llama_cpp_splits_texts_as_we_do_and_writes_the_same(model, file):
    pytest.importorskip("xllamacpp")
    theirs = LlamaCpp(file, 512)
    prompts = [model.encode(prompt) for prompt in PROMPTS]
    assert [theirs.tokens(prompt) for prompt in PROMPTS] == prompts
    texts = model.texts(prompts, 8)
    ours = {p: text for batch in texts.batches for p, (text, _, _) in zip(batch, texts.score(batch), strict=True)}
    same = [theirs.write(prompt, 8).strip() == ours[p].strip() for p, prompt in enumerate(prompts)]
    assert sum(same) >= len(PROMPTS) - 1  # float16 may turn an answer that was a near tie
    assert len(set(ours.values())) > 1


def test_a_file_says_where_it_differs_from_its_base(model, base, file, tmp_path):
    assert differences(file, base) == []
    model.network.config.max_position_embeddings += 1
    try:
        writer.write_gguf(model.network, model.tokenizer, tmp_path / "other.gguf", "f16", ABOUT)
    finally:
        model.network.config.max_position_embeddings -= 1
    found = differences(tmp_path / "other.gguf", base)
    assert [key.split(".", 1)[1] for key in found] == ["context_length"]
    (tmp_path / "back").mkdir()
    assert read_back(tmp_path / "other.gguf", base, tmp_path / "back") == found
    back = loading.config(tmp_path / "back")
    assert back.max_position_embeddings == model.network.config.max_position_embeddings + 1  # as the file says
    assert loading.tokenizer(tmp_path / "back").eos_token_id == model.end_token


def test_a_file_holds_the_chat_template_and_the_end_token(model, file):
    values = stored_values(file)
    assert values["tokenizer.chat_template"] == model.tokenizer.chat_template
    assert values["tokenizer.ggml.eos_token_id"] == model.end_token
    assert len(values["tokenizer.ggml.tokens"]) == model.network.config.vocab_size


def test_a_write_that_fails_leaves_no_file(model, tmp_path, monkeypatch):
    def fails(name, weight, quantization):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_stored", fails)
    with pytest.raises(OSError, match="No space"):
        writer.write_gguf(model.network, model.tokenizer, tmp_path / "m.gguf", "f16", ABOUT)
    assert not (tmp_path / "m.gguf").exists()


def test_what_llama_cpp_would_compute_otherwise_is_refused():
    with pytest.raises(UserError, match="kind 'gpt2' cannot be written"):
        architecture.settings(GPT2Config())
    config = Gemma3TextConfig(query_pre_attn_scalar=100)
    with pytest.raises(UserError, match="query_pre_attn_scalar"):
        architecture.settings(config)
    config = Gemma3TextConfig(final_logit_softcapping=30.0)
    with pytest.raises(UserError, match="final_logit_softcapping"):
        architecture.settings(config)


def test_a_model_that_sees_a_window_is_told_to_read_no_more_than_that():
    config = MistralConfig(sliding_window=4096, max_position_embeddings=32768)
    assert architecture.settings(config)["llama.context_length"] == 4096


def test_rules_of_splitting_without_a_name_are_refused():
    from tokenizers import pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = byte_level(None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("x", "isolated"), pre_tokenizers.ByteLevel(use_regex=False, add_prefix_space=False)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
    with pytest.raises(UserError, match="no name for how this tokenizer splits"):
        vocabulary(fast, 500)


def fast(tokenizer):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")


def test_texts_that_would_be_changed_otherwise_are_refused():
    tokenizer = byte_level("qwen2")
    tokenizer.normalizer = normalizers.NFC()
    vocabulary(fast(tokenizer), 500)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    with pytest.raises(UserError, match="changes texts by Lowercase"):
        vocabulary(fast(tokenizer), 500)
    tokenizer = sentencepiece()
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    assert vocabulary(fast(tokenizer), 900)["tokenizer.ggml.add_space_prefix"]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("x", "y"), normalizers.Replace(" ", "▁")])
    with pytest.raises(UserError, match="changes texts by Replace"):
        vocabulary(fast(tokenizer), 900)


@pytest.mark.parametrize(("split", "ignores"), [("llama-bpe", False), ("qwen2", True)])
def test_merges_that_llama_cpp_would_use_otherwise_are_refused(split, ignores):
    state = json.loads(byte_level(split).to_str())
    assert state["model"]["ignore_merges"] is not ignores
    state["model"]["ignore_merges"] = ignores
    with pytest.raises(UserError, match=f"the merges of words that are tokens.*'{split}'"):
        vocabulary(fast(Tokenizer.from_str(json.dumps(state))), 500)


@pytest.mark.parametrize(("key", "value"), [("attention_factor", 1.5), ("beta_fast", 16), ("mscale", 0.7)])
def test_rotary_parameters_that_the_file_does_not_hold_are_refused(key, value):
    yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 512}
    config = LlamaConfig(max_position_embeddings=2048, rope_parameters={**yarn, "beta_fast": 32, "mscale": None})
    assert architecture.settings(config)["llama.rope.scaling.type"] == "yarn"
    config = LlamaConfig(max_position_embeddings=2048, rope_parameters={**yarn, key: value})
    with pytest.raises(UserError, match=f"rotary parameter `{key}: {value}`"):
        architecture.settings(config)


def test_an_unknown_quantization_is_refused(tmp_path):
    with pytest.raises(UserError, match="no quantization 'q4_k'"):
        writer.write_gguf(None, None, tmp_path / "x.gguf", "q4_k", ABOUT)
