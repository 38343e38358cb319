"""Where models come from: alias, folder, GGUF; never pickle."""

import pytest
import torch

from metier.engine.models import cache, weights
from metier.engine.models.model import load
from metier.errors import UserError


def test_the_fake_model_is_the_same_each_time(tmp_path):
    from metier.engine.models.fake import make

    hashes = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make(tmp_path / name)
        hashes.append(weights.sha256(tmp_path / name))
    assert hashes[0] == hashes[1] == weights.sha256(weights.folder("fake"))


def test_bytes_go_through_the_tokenizer_and_back():
    model = load("fake")
    text = "Caf\u00e9 \u2013 38 \u00b0C"
    assert model.tokenizer.decode(model.encode(text)) == text


def test_a_folder_without_weights_and_a_wrong_file_are_refused(tmp_path):
    assert "holds no model" in weights.problems(str(tmp_path))[0]
    (tmp_path / "x.txt").write_text("")
    assert "is no model" in weights.problems(str(tmp_path / "x.txt"))[0]


def test_a_misspelled_alias_gets_the_nearest_one():
    assert "Did you mean 'smollm2-135m'" in weights.problems("smolm2-135m")[0]


def test_a_model_made_half_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))

    def broken(folder):
        (folder / "config.json").write_text("{}")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        cache.once("half", broken)
    assert not (tmp_path / "models" / "half").exists()
    assert list((tmp_path / "models").iterdir()) == []


def test_an_adapter_of_another_model_is_refused(tmp_path):
    from peft import LoraConfig, get_peft_model

    from metier.engine.models.fake import make
    from metier.engine.models.model import LanguageModel

    (tmp_path / "wide").mkdir()
    make(tmp_path / "wide", hidden=64)
    wide: LanguageModel = load(str(tmp_path / "wide"), dtype=torch.float32)
    get_peft_model(wide.network, LoraConfig(r=2, target_modules="all-linear")).save_pretrained(tmp_path / "adapter")
    with pytest.raises(UserError, match="adapter does not fit the model"):
        load("fake", tmp_path / "adapter")


def test_a_folder_of_several_quantized_models_is_not_guessed_about_and_full_weights_come_first(tmp_path):
    for name in ("Q2_K.gguf", "Q8_0.gguf"):
        (tmp_path / name).write_bytes(b"")
    assert "Q2_K.gguf, Q8_0.gguf. Name one" in weights.problems(str(tmp_path))[0]
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((weights.folder("fake") / name).read_bytes())
    assert weights.problems(str(tmp_path)) == [] and weights.folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_whatever_changes_answers_changes_the_hash(name, tmp_path):
    (tmp_path / name).write_text("a")
    before = weights.sha256(tmp_path)
    (tmp_path / name).write_text("b")
    assert weights.sha256(tmp_path) != before
