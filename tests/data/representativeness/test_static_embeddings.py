"""Static embeddings from a folder, made here: against a second way of averaging, and against model2vec where it is."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from metier.data.representativeness import neighbors
from metier.data.representativeness.passages import side
from metier.data.representativeness.static_embeddings import vectors
from metier.errors import UserError

# Two trades with two words for each thing. No word is shared between the two ways of saying the same.
MEANING = {"heart": 0, "cardiac": 0, "pain": 1, "ache": 1, "fever": 2, "pyrexia": 2, "loan": 3, "bank": 4, "rate": 5}
TEXTS = ["heart pain", "Cardiac ache ache", "loan bank unheard", "nothing known", "pyrexia"]


def saved(folder, extra=None, name="embeddings"):
    """A folder with a vector for each word and the unknown one, and a tokenizer of whole words."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, **{word: n for n, word in enumerate(MEANING, 1)}}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(2)
    noise = np.random.default_rng(0).normal(0, 0.1, (1 + len(MEANING), 6))
    table = noise + np.vstack([np.full(6, 9.0), np.eye(6)[list(MEANING.values())]])
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: table.astype(np.float32), **(extra or {})}, folder / "model.safetensors")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"normalize": True}))
    return table.astype(np.float32)


def by_hand(text, table, weights=None, place=None):
    known = list(MEANING)
    ids = [1 + known.index(word) for word in text.lower().split() if word in known]
    if not ids:
        return np.zeros(6)
    total = sum(table[i if place is None else place[i]] * (1 if weights is None else weights[i]) for i in ids)
    return total / np.sqrt((total**2).sum())


def test_a_text_is_the_mean_of_its_known_tokens(tmp_path):
    table = saved(tmp_path / "m")
    found = vectors(TEXTS, tmp_path / "m")
    assert found.dtype == np.float32 and found == pytest.approx(np.stack([by_hand(text, table) for text in TEXTS]))
    assert not found[3].any()


def test_weights_and_shared_vectors_of_a_reduced_vocabulary_are_used(tmp_path):
    weights = np.linspace(0.5, 2, 1 + len(MEANING), dtype=np.float32)
    place = np.arange(1 + len(MEANING)) // 2
    table = saved(tmp_path, {"weights": weights, "mapping": place})
    expected = np.stack([by_hand(text, table, weights, place) for text in TEXTS])
    assert vectors(TEXTS, tmp_path) == pytest.approx(expected)


def test_a_model_as_sentence_transformers_saves_it_is_read(tmp_path):
    table = saved(tmp_path, name="embedding.weight")
    assert vectors(TEXTS[:1], tmp_path)[0] == pytest.approx(by_hand(TEXTS[0], table))


@pytest.mark.parametrize("reduced", [False, True])
def test_vectors_are_those_of_model2vec(tmp_path, reduced):
    model2vec = pytest.importorskip("model2vec", reason="model2vec is not installed: pip install model2vec")
    size = 1 + len(MEANING)
    extra = {"weights": np.linspace(0.5, 2, size, dtype=np.float32), "mapping": np.arange(size) // 2}
    saved(tmp_path, extra if reduced else None)
    theirs = model2vec.StaticModel.from_pretrained(tmp_path).encode(TEXTS)
    assert vectors(TEXTS, tmp_path) == pytest.approx(theirs, abs=1e-6)


def test_neighbors_see_what_is_said_in_other_words_only_with_an_embedding(tmp_path):
    saved(tmp_path)
    generator = np.random.default_rng(1)

    def texts(words, count):
        return side([" ".join(generator.choice(words, 12)) + f" x{n % 9}" for n in range(count)], 20, generator)

    target, same = texts(["heart", "pain", "fever"], 90), texts(["cardiac", "ache", "pyrexia"], 90)
    other = texts(["loan", "bank", "rate"], 90)
    plain = neighbors.embed(target, same, other, 0)
    embedded = neighbors.embed(target, same, other, 0, str(tmp_path))
    assert (plain.candidate - plain.baseline).mean() < 0.2
    assert (embedded.candidate - embedded.baseline).mean() > 0.5
    named = {term for topic in neighbors.topics(target, embedded, 0) for term in topic.terms}
    assert named & {"heart", "pain", "fever"}  # by words, whatever the vectors


def test_what_is_no_static_model_is_said(tmp_path):
    with pytest.raises(UserError, match="model.safetensors and tokenizer.json not found.*nothing is downloaded"):
        vectors(TEXTS, tmp_path / "minishlab")
    saved(tmp_path / "other", name="encoder.layer.0.weight")
    with pytest.raises(UserError, match="holds encoder.layer.0.weight and no table"):
        vectors(TEXTS, tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="cannot be read"):
        vectors(TEXTS, tmp_path / "other")
