"""Broken, hostile and half-written model folders: refused by the name of what is wrong, never used."""

import json
import pickle
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from metier.engine.models import weights
from metier.engine.models.model import load
from metier.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """A whole model of one's own, to be broken."""
    return Path(shutil.copytree(weights.folder("fake"), tmp_path / "model"))


@pytest.fixture(scope="module")
def adapters(tmp_path_factory):
    """An untrained adapter of the fake model."""
    from peft import LoraConfig, get_peft_model

    made = tmp_path_factory.mktemp("adapter") / "adapter"
    network = load("fake", dtype=torch.float32).network
    get_peft_model(network, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")).save_pretrained(made)
    return made


@pytest.fixture
def adapter(adapters, tmp_path):
    return Path(shutil.copytree(adapters, tmp_path / "adapter"))


def change(folder, file="model.safetensors", drop="", **more):
    """The weights without those that begin with `drop`, and with some more."""
    tensors = {name: t for name, t in load_file(folder / file).items() if not drop or not name.startswith(drop)}
    save_file({**tensors, **more}, folder / file, metadata={"format": "pt"})


def configure(file, **more):
    file.write_text(json.dumps({**json.loads(file.read_text()), **more}))


class Bomb:
    """What a hostile pickle does when it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_whole_folder_is_loaded(folder, adapter):
    assert load(str(folder), adapter).encode("a")


def test_missing_weights_are_refused_by_name(folder):
    change(folder, drop="model.layers.1.")
    with pytest.raises(UserError, match=r"missing, and would be drawn at random: model\.layers\.1\.\S+, .* and 6 more"):
        load(str(folder))


def test_weights_that_the_model_has_no_place_for_are_refused_by_name(folder):
    change(folder, of_another=torch.ones(2))
    with pytest.raises(UserError, match="without a place in the model: of_another"):
        load(str(folder))


def test_buffers_that_transformers_itself_ignores_are_no_fault(folder):
    change(folder, **{"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})
    assert load(str(folder))


def test_tied_weights_are_not_missing(folder):
    configure(folder / "config.json", tie_word_embeddings=True)
    change(folder, drop="lm_head.")
    assert load(str(folder))


def test_a_weight_of_another_shape_is_refused_by_name(folder):
    change(folder, **{"model.norm.weight": torch.ones(7)})
    with pytest.raises(UserError, match=r"in other shapes than config\.json asks for: model\.norm\.weight"):
        load(str(folder))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_refused_by_name(folder, value):
    norm = torch.ones(32)
    norm[3] = value
    change(folder, **{"model.norm.weight": norm})
    with pytest.raises(UserError, match=r"NaN or infinity: model\.norm\.weight"):
        load(str(folder))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "../other/model.safetensors", "/etc/model.safetensors", 7, None])
def test_an_index_that_names_anything_but_safetensors_beside_it_is_refused_and_nothing_is_run(folder, name, tmp_path):
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    (folder / "model.safetensors").rename(folder / "spare.safetensors")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "no .safetensors file beside it" in weights.problems(str(folder))[0]
    with pytest.raises(UserError, match=r"no \.safetensors file beside it"):
        load(str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_model_in_several_files_is_loaded_by_its_index_and_not_where_one_is_gone(folder):
    tensors = load_file(folder / "model.safetensors")
    parts = {"a.safetensors": sorted(tensors)[:9], "b.safetensors": sorted(tensors)[9:]}
    for file, names in parts.items():
        save_file({name: tensors[name] for name in names}, folder / file, metadata={"format": "pt"})
    (folder / "model.safetensors").unlink()
    places = {name: file for file, names in parts.items() for name in names}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert load(str(folder))
    (folder / "b.safetensors").unlink()
    assert "names b.safetensors, which is not there" in weights.problems(str(folder))[0]


def test_pickled_weights_are_refused_before_anything_opens_them(folder, tmp_path):
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    (folder / "model.safetensors").rename(folder / "spare.safetensors")
    assert "pickle (pytorch_model.bin)" in weights.problems(str(folder))[0]
    assert not (tmp_path / "ran").exists()


def test_code_in_a_model_folder_is_not_run(folder, tmp_path):
    (folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    configure(folder / "config.json", auto_map={"AutoModelForCausalLM": "modeling_evil.Evil"}, model_type="evil")
    with pytest.raises(UserError, match="cannot be used"):
        load(str(folder))
    configure(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["modeling_evil.Evil", None]})
    configure(folder / "config.json", model_type="llama")
    assert load(str(folder))  # by transformers' own code
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", ["attn_implementation", "transformers_weights"])
def test_a_config_that_names_code_or_weights_elsewhere_is_refused(folder, key):
    configure(folder / "config.json", **{key: "kernels-community/attention"})
    assert f"sets `{key}`" in weights.problems(str(folder))[0]


def test_an_adapter_named_as_the_model_is_refused(folder):
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "somebody/else"}))
    assert "holds an adapter" in weights.problems(str(folder))[0]


CONFIGS = {
    "not JSON": "{",
    "a list": "[]",
    "nested": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "empty": "",
    "wrong type": {"hidden_size": "wide"},
    "absurd width": {"hidden_size": 10**9, "intermediate_size": 10**12},
    "absurd depth": {"num_hidden_layers": 10**9},
    "absurd vocabulary": {"vocab_size": 10**13},
    "no type": {"model_type": None},
    "unknown type": {"model_type": "nothing-of-the-kind"},
    "no layers": {"num_hidden_layers": 0},
    "negative": {"hidden_size": -32},
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_that_is_none_or_asks_for_another_model_is_refused(folder, kind):
    if isinstance(CONFIGS[kind], str):
        (folder / "config.json").write_text(CONFIGS[kind])
    else:
        configure(folder / "config.json", **CONFIGS[kind])
    with pytest.raises(UserError, match=r"config\.json|do not fit the model"):
        load(str(folder))


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not safetensors", b"\xff" * 8, "half"])
@pytest.mark.parametrize("file", ["model.safetensors", "adapter_model.safetensors"])
def test_torn_weights_are_refused_by_their_file(folder, adapter, file, content):
    broken = (folder if file.startswith("model") else adapter) / file
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(UserError, match=f"{file} is no whole safetensors file"):
        load(str(folder), adapter)


@pytest.mark.parametrize("content", ["", "{}", "garbage", "[" * 5000, '{"version": "1.0", "model": {"type": "BPE"}}'])
def test_a_garbage_tokenizer_is_refused(folder, content):
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="tokenizer"):
        load(str(folder))


def test_files_that_are_folders_or_links_to_nowhere_are_refused(folder):
    (folder / "merges.txt").symlink_to("nowhere")
    assert "a link that leads nowhere" in weights.problems(str(folder))[0]
    (folder / "merges.txt").unlink()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    assert "is a folder" in weights.problems(str(folder))[0]


def test_a_device_and_odd_names_are_no_models():
    for name in (
        "/dev/null",
        "-x/y",
        "a/b/c",
        "~nobody-here/x",
        "a\0b",
        "x" * 5000,
        "\ud800/x",
        "a/..",
        "x/y.git/",
        "",
    ):
        assert weights.problems(name), name


@pytest.mark.parametrize("content", [b"", b"GGUF", b"garbage" * 100, b"GGUF\x03\0\0\0" + b"\xff" * 64])
def test_a_garbage_gguf_is_refused_and_not_kept(tmp_path, content, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(UserError, match=r"GGUF file .*m\.gguf cannot be read"):
        load(str(tmp_path / "m.gguf"))
    assert list((tmp_path / "cache" / "models").iterdir()) == []


TEMPLATES = {
    "raises": "{{ raise_exception('no system role') }}",
    "no template": "{% for %}",
    "unknown": "{{ messages.nothing.at.all }}",
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "says nothing": "Hello",
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_chat_template_that_raises_loops_or_leaves_the_question_out_is_refused(folder, kind, monkeypatch):
    monkeypatch.setattr("metier.engine.models.chat.SECONDS", 0.3)
    (folder / "chat_template.jinja").write_text(TEMPLATES[kind])
    model = load(str(folder))
    with pytest.raises(UserError, match="chat template"):
        model.read("How much?", "chat")


def test_a_token_that_the_model_has_no_row_for_is_refused(folder):
    model = load(str(folder))
    model.tokenizer.add_tokens(["<new>"])
    with pytest.raises(UserError, match=r"'<new>'.*257"):
        model.encode("<new>")


@pytest.mark.parametrize(
    ("name", "content"),
    [("adapter_config.json", "{"), ("adapter_config.json", "[]"), ("adapter_config.json", "{}")],
)
def test_a_torn_adapter_config_is_refused(adapter, name, content):
    (adapter / name).write_text(content)
    with pytest.raises(UserError, match=r"adapter_config\.json"):
        load("fake", adapter)


@pytest.mark.parametrize(
    "more",
    [{"r": 10**12}, {"rank_pattern": {"q_proj": 10**12}}, {"megatron_config": {}}, {"peft_type": "IA3"}],
)
def test_an_adapter_config_that_does_not_belong_to_the_weights_is_refused(adapter, more):
    configure(adapter / "adapter_config.json", **more)
    with pytest.raises(UserError, match="not the config that was written with these weights"):
        load("fake", adapter)


def test_an_adapter_with_other_targets_or_weights_than_its_config_says_is_refused(adapter):
    configure(adapter / "adapter_config.json", target_modules=["q_proj", "v_proj"])
    with pytest.raises(UserError, match="Weights missing: .*v_proj"):
        load("fake", adapter)
    configure(adapter / "adapter_config.json", target_modules=["q_proj"])
    change(adapter, "adapter_model.safetensors", of_another=torch.ones(2))
    with pytest.raises(UserError, match="without a place in the model: of_another"):
        load("fake", adapter)


def test_an_adapter_that_is_no_number_is_refused(adapter):
    file = adapter / "adapter_model.safetensors"
    save_file({name: t * float("nan") for name, t in load_file(file).items()}, file)
    with pytest.raises(UserError, match="NaN or infinity"):
        load("fake", adapter)


def test_a_pickled_or_missing_adapter_is_refused_in_our_own_words(adapter, tmp_path):
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match="There is no adapter in"):
        load("fake", adapter)
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(UserError, match=r"pickle \(adapter_model.bin\)"):
        load("fake", adapter)
    with pytest.raises(UserError, match="There is no adapter in"):
        load("fake", tmp_path / "nowhere")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors.index.json",
        "generation_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "merges.txt",
        "spiece.model",
        "chat_templates/tool.jinja",
        "additional_chat_templates/tool.jinja",
    ],
)
def test_whatever_is_loaded_changes_the_hash(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("a")
    before = weights.sha256(tmp_path)
    (tmp_path / name).write_text("b")
    assert weights.sha256(tmp_path) != before


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A cache of one's own with the fake model in it; what is said about it."""
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    said = []
    place = weights.folder("fake", said.append)
    assert not said
    return place, said


def flip(place):
    content = bytearray((place / "model.safetensors").read_bytes())
    content[-5] ^= 0x40
    (place / "model.safetensors").write_bytes(content)


BREAKS = {
    "a flipped byte": flip,
    "cut off": lambda place: (place / "model.safetensors").write_bytes(b"12"),
    "no config": lambda place: (place / "config.json").unlink(),
    "one file more": lambda place: (place / "added_tokens.json").write_text('{"x": 1}'),
    "a torn record": lambda place: (place / "metier.json").write_text("{"),
    "an empty folder": lambda place: [file.unlink() for file in place.iterdir()],
    "a file": lambda place: (shutil.rmtree(place), place.write_text("")),
    "a link to nowhere": lambda place: (shutil.rmtree(place), place.symlink_to("nowhere")),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_cached_model_that_changed_is_made_again_with_a_warning(cached, kind):
    place, said = cached
    before = weights.sha256(place)
    BREAKS[kind](place)
    assert weights.folder("fake", said.append) == place and weights.sha256(place) == before
    assert len(said) == 1 and "is not used" in said[0]
    assert weights.folder("fake", said.append) and len(said) == 1
    assert sorted(path.name for path in place.parent.iterdir()) == ["fake"]


def test_a_cached_model_of_an_earlier_version_gets_its_hashes(cached):
    place, said = cached
    (place / "metier.json").unlink()
    weights.folder("fake", said.append)
    flip(place)
    weights.folder("fake", said.append)
    assert "has no hashes" in said[0] and "model.safetensors is not as it was" in said[1]


def test_a_failed_move_into_the_cache_is_told_unless_another_process_was_faster(tmp_path, monkeypatch):
    from metier.engine.models import cache
    from metier.engine.models.fake import make

    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    real = cache.os.replace

    def refused(source, target):
        if Path(target).name == "mine":
            raise OSError(5, "Input/output error", str(target))
        real(source, target)

    monkeypatch.setattr(cache.os, "replace", refused)
    with pytest.raises(OSError, match="Input/output"):
        cache.once("mine", make)

    def faster(folder):
        make(folder)
        shutil.copytree(folder, tmp_path / "models" / "mine")

    assert (cache.once("mine", faster) / "config.json").is_file()


def test_a_static_embedding_with_broken_parts_is_refused(tmp_path):
    from metier.data.representativeness import static_embeddings

    shutil.copy(weights.folder("fake") / "tokenizer.json", tmp_path)
    for tensors in (
        {"embeddings": torch.full((257, 4), float("nan"))},
        {"embeddings": torch.ones(9, 4)},
        {"embeddings": torch.ones(257)},
        {"embeddings": torch.ones(257, 4), "weights": torch.ones(3)},
        {"embeddings": torch.ones(257, 4), "mapping": torch.full((257,), 900)},
    ):
        save_file(tensors, tmp_path / "model.safetensors")
        assert static_embeddings.problems(tmp_path), tensors


def test_an_unreadable_file_is_named(folder):
    if subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip() == "0":
        pytest.skip("root reads everything")
    (folder / "tokenizer.json").chmod(0)
    with pytest.raises(UserError, match=r"tokenizer\.json cannot be read"):
        weights.sha256(folder)
