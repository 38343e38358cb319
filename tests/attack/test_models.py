"""Model folders, adapters and the cache that somebody damaged or made to run code: refused, and the file is named."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from metier.engine import weights
from metier.engine.loading import load_adapter
from metier.engine.model import load
from metier.errors import UserError
from metier.runs import file_sha256

WEIGHTS = "model.safetensors"


@pytest.fixture
def model(cache, tmp_path):
    """A copy of the model `fake`, as a folder of the user's own."""
    return shutil.copytree(weights.folder("fake", lambda _: None), tmp_path / "model")


@pytest.fixture(scope="module")
def adapter(cache, tmp_path_factory):
    """An adapter for the model `fake`."""
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("adapter")
    network = get_peft_model(load("fake").network, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    network.save_pretrained(folder, safe_serialization=True)
    return folder


def change_weights(file: Path, change) -> None:
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


def set_config(folder: Path, **settings) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def test_missing_weights_are_refused_by_name(model):
    change_weights(model / WEIGHTS, lambda w: {name: t for name, t in w.items() if "layers.1." not in name})
    with pytest.raises(UserError, match=r"missing 'model.layers.1.input_layernorm.weight'.* and 6 more"):
        load(str(model))


def test_weights_that_belong_to_no_layer_are_refused_by_name(model):
    change_weights(model / WEIGHTS, lambda w: {**w, "model.layers.7.foo": torch.zeros(2)})
    with pytest.raises(UserError, match="unexpected 'model.layers.7.foo'"):
        load(str(model))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(model, value):
    change_weights(model / WEIGHTS, lambda w: {**w, "model.norm.weight": torch.full((32,), value)})
    with pytest.raises(UserError, match="'model.norm.weight'.*NaN or infinity"):
        load(str(model))


def test_tied_weights_may_stand_once(model):
    set_config(model, tie_word_embeddings=True)
    change_weights(model / WEIGHTS, lambda w: {name: t for name, t in w.items() if name != "lm_head.weight"})
    network = load(str(model)).network
    assert network.lm_head.weight.data_ptr() == network.model.embed_tokens.weight.data_ptr()


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize(
    "named", ["pytorch_model.bin", "../secret.safetensors", "/etc/a.safetensors", "absent.safetensors"]
)
def test_an_index_may_name_safetensors_beside_it_only(model, tmp_path, named):
    found = load_file(model / WEIGHTS)
    (model / WEIGHTS).rename(model / "part.safetensors")
    torch.save({"a": Bomb(tmp_path / "ran")}, model / "pytorch_model.bin")
    save_file(found, tmp_path / "secret.safetensors", metadata={"format": "pt"})
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict.fromkeys(found, named)}))
    with pytest.raises(UserError, match=r"model.safetensors.index.json names"):
        weights.folder(str(model))
    assert not (tmp_path / "ran").exists()


def test_a_configuration_that_names_its_own_weights_is_refused(model):
    set_config(model, transformers_weights="adapter_model.bin")
    with pytest.raises(UserError, match="transformers_weights"):
        weights.folder(str(model))


def test_an_adapter_beside_a_model_is_refused(model):
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/other"}')
    with pytest.raises(UserError, match="adapter would be loaded too"):
        weights.folder(str(model))


def test_code_beside_a_model_is_not_run(model, tmp_path):
    (model / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    set_config(model, auto_map={"AutoModelForCausalLM": "own.Model", "AutoConfig": "own.Config"})
    load(str(model))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": 64},
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": 3},
        {"num_hidden_layers": -1},
        {"vocab_size": 10**12},
        {"vocab_size": 100},
        {"intermediate_size": 10**13},
        {"model_type": "unheard of"},
        {"hidden_size": "wide"},
        {"num_attention_heads": 0},
        {"rope_parameters": "x"},
        {"dtype": "foo"},
        {"quantization_config": {"quant_method": "gptq"}},
    ],
    ids=str,
)
def test_a_configuration_that_is_not_that_of_the_weights_is_refused(model, settings):
    set_config(model, **settings)
    with pytest.raises(UserError, match=str(model)):
        load(str(model))


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS])
@pytest.mark.parametrize(
    "content", [b"", b"garbage" * 50, b"[]", b"[" * 3000, b"\xff\xfe\x00"], ids=lambda c: str(c[:9])
)
def test_garbage_in_a_model_folder_is_refused_with_its_place(model, file, content):
    (model / file).write_bytes(content)
    with pytest.raises(UserError, match=str(model)):
        load(str(model))


@pytest.mark.parametrize("kept", [7, 1000, -8])
def test_a_truncated_model_is_refused(model, kept):
    (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:kept])
    with pytest.raises(UserError, match=f"{WEIGHTS} is damaged"):
        load(str(model))


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(model):
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"word{number}": 257 + number for number in range(9)}
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(UserError, match="266 tokens, and the model knows 257"):
        load(str(model))


@pytest.mark.parametrize("template", ["{{ raise_exception('no') }}", "{{ 1 / 0 }}", "{% for"])
def test_a_chat_template_that_fails_is_the_users_to_fix(model, template):
    (model / "chat_template.jinja").write_text(template)
    with pytest.raises(UserError, match="chat template"):
        load(str(model)).read("a", "chat")


def test_garbage_gguf_is_refused(tmp_path):
    file = tmp_path / "a.gguf"
    for content in (b"", b"GGUF", b"GGUF" + b"\xff" * 200, b"garbage"):
        file.write_bytes(content)
        with pytest.raises(UserError, match="no GGUF file that can be read"):
            weights.folder(str(file), lambda _: None)


@pytest.mark.parametrize("file", ["generation_config.json", "tokenizer.json", "chat_template.jinja", "merges.txt"])
def test_the_hash_of_a_model_covers_every_file_that_is_loaded(model, file):
    before = weights.sha256(model)
    (model / file).write_text("{}")
    assert weights.sha256(model) != before


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_model_of_the_cache_is_made_again(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    heard = []
    file = weights.folder("fake", heard.append) / WEIGHTS
    before = file.read_bytes()
    damage(file)
    assert weights.folder("fake", heard.append) / WEIGHTS == file and file.read_bytes() == before
    assert len(heard) == 1 and "is not as it was made" in heard[0]


def test_a_file_in_the_place_of_a_cached_model_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "fake").write_text("x")
    assert (weights.folder("fake", lambda _: None) / WEIGHTS).is_file()


def test_a_model_that_cannot_be_put_into_the_cache_is_an_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    monkeypatch.setattr(weights.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        weights.folder("fake", lambda _: None)


def test_an_adapter_that_is_a_pickle_is_not_opened(adapter, tmp_path):
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    (folder / "adapter_model.safetensors").unlink()
    torch.save({"a": Bomb(tmp_path / "ran")}, folder / "adapter_model.bin")
    with pytest.raises(UserError, match="are a pickle"):
        load("fake", folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda w: dict(list(w.items())[1:]), "missing"),
        (lambda w: {**w, "base_model.model.model.layers.9.q_proj.lora_A.weight": torch.zeros(2, 2)}, "unexpected"),
        (lambda w: {name: t[:1] for name, t in w.items()}, "does not fit"),
        (lambda w: {name: t * float("nan") for name, t in w.items()}, "NaN"),
    ],
)
def test_an_adapter_of_other_weights_is_refused(adapter, tmp_path, change, why):
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    change_weights(folder / "adapter_model.safetensors", change)
    with pytest.raises(UserError, match=why):
        load_adapter(load("fake").network, folder)


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "adapter_config.json"])
@pytest.mark.parametrize("content", [b"", b"garbage" * 9, b"[]", b"{}", None], ids=str)
def test_a_damaged_adapter_is_refused_with_its_place(adapter, tmp_path, file, content):
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=str(folder)):
        load("fake", folder)


def test_the_fake_model_is_the_same_each_time(tmp_path, monkeypatch):
    hashes = set()
    for number in range(2):
        monkeypatch.setenv("METIER_CACHE", str(tmp_path / str(number)))
        hashes.add(file_sha256(weights.folder("fake", lambda _: None) / WEIGHTS))
    assert len(hashes) == 1
