"""The numba kernels against the same things said in plain Python."""

import numpy as np
import pyarrow as pa
import pytest

from metier.data.kernels import minhash
from metier.data.kernels.folding import foldable
from metier.data.kernels.overlap import index, occurrences, run_hashes
from metier.data.kernels.words import sequence_hashes, word_hashes
from metier.data.records import canonical

SIGNS = list("abcxyzABC   \n\t..,;:!?'\"()[]-/+<>%0159_") + [
    "\u00e9",
    "\u00c9",
    "\ufb01",
    "\u3000",
    "\u00df",
    "\u2019",
    "\U0001f600",
]


def made_up(rows, seed=0):
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(SIGNS, generator.integers(0, 40))) for _ in range(rows)]


def folded(texts):
    return foldable(pa.array(texts, pa.large_string()))


def parted(text):
    """`canonical`, but that the kernels let a - or / part words beside any sign that is not ASCII."""
    text = canonical(text)
    word = [c.isalnum() or c == "_" or ord(c) > 127 for c in text]
    inside = [0 < i < len(text) - 1 and word[i - 1] and word[i + 1] for i in range(len(text))]
    return "".join(" " if c in "-/" and within else c for c, within in zip(text, inside, strict=True)).split()


def shingles(text):
    words = parted(text)
    return {tuple(words[at : at + 5]) for at in range(max(len(words) - 4, 1))}


def test_rows_have_one_sequence_hash_where_their_canonical_words_are_the_same():
    texts = made_up(3000) + ["Rh+ type", "rh+  TYPE.", "Rh- type", "T < 38", "T > 38", "\ufb01ne", "fine", "", " . "]
    known = {}
    for text, hashed in zip(texts, sequence_hashes(folded(texts)).tolist(), strict=True):
        assert known.setdefault(hashed, parted(text)) == parted(text)
    assert len(known) == len({tuple(parted(text)) for text in texts})


@pytest.mark.parametrize(
    "text", ["e\u0301tude", "\u1112\u1161\u11ab", "\U0001d400 bold", "\u00bd cup", "\ufdfa", "a\u00a0b"]
)
def test_letters_that_hang_on_their_neighbors_are_folded_as_canonical_does(text):
    assert folded(["plain", text, text.upper()])[1].as_py().split() == canonical(text).split()


def test_texts_in_ascii_are_not_copied():
    texts = pa.array(["one", "two three"], pa.large_string())
    assert foldable(texts).buffers()[2].address == texts.buffers()[2].address


def test_word_hashes_tell_words_apart_and_count_them():
    words, begins = word_hashes(folded(["One two", "", "two; one-two"]))
    assert begins.tolist() == [0, 2, 2, 5]
    assert words[0] == words[3] != words[1] and words[1] == words[2] == words[4]


def test_minhash_estimates_the_jaccard_similarity():
    base = [f"w{n}" for n in range(400)]
    texts = [" ".join(base), " ".join(base[:-40] + [f"v{n}" for n in range(40)])]
    values, _, words = minhash.signatures(folded(texts))
    true = len(shingles(texts[0]) & shingles(texts[1])) / len(shingles(texts[0]) | shingles(texts[1]))
    assert words.tolist() == [400, 400]
    assert abs((values[0] == values[1]).mean() - true) < 4 * np.sqrt(true * (1 - true) / values.shape[1])


def near(texts, threshold=0.85, apart=None, order=None):
    apart = np.zeros(len(texts), np.int64) if apart is None else np.array(apart)
    return minhash.near_duplicates(folded(texts), threshold, apart, np.arange(len(texts)) if order is None else order)


def texts_with_near_copies(rows=300, seed=1):
    generator = np.random.default_rng(seed)
    words = np.array([f"w{n}" for n in range(500)])
    texts = [" ".join(generator.choice(words, generator.integers(3, 160))) for _ in range(rows)]
    for text in list(texts):
        parts = np.array(text.split())
        parts[generator.random(len(parts)) < generator.choice([0, 0.005, 0.01, 0.03])] = "other"
        texts.append(" ".join(parts))
    return texts


def test_near_duplicates_are_those_of_brute_force():
    texts = texts_with_near_copies()
    sets, stars = [shingles(text) for text in texts], near(texts)
    pairs = [
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if len(sets[i] & sets[j]) >= 0.85 * len(sets[i] | sets[j])
    ]
    gone = stars.center >= 0
    assert len(pairs) > 100 and np.mean([gone[i] or gone[j] for i, j in pairs]) >= 0.98
    for row in np.flatnonzero(gone):
        one, other = sets[row], sets[stars.center[row]]
        assert (
            stars.similarity[row] == pytest.approx(len(one & other) / len(one | other))
            and stars.similarity[row] >= 0.85
        )
        assert stars.center[stars.center[row]] == -1  # for the sake of a row that stays


def test_what_is_verified_does_not_hang_on_how_much_is_remembered(monkeypatch):
    texts = texts_with_near_copies()
    whole = near(texts)
    monkeypatch.setattr(minhash, "REMEMBERED", 1)
    assert np.array_equal(near(texts).similarity, whole.similarity)


def test_rows_that_are_kept_apart_are_never_joined_and_the_order_says_who_stays():
    text = "one two three four five six seven"
    assert near([text, text], apart=[0, 1]).center.tolist() == [-1, -1]
    assert near([text, text, text], order=np.array([2, 0, 1])).center.tolist() == [2, 2, -1]


def test_a_chain_of_small_steps_does_not_swallow_its_far_end():
    words = [f"w{n}" for n in range(100)]
    chain = [" ".join([f"x{k}" for k in range(5 * step)] + words[5 * step :]) for step in range(5)]
    center = near(chain, threshold=0.8).center
    sets = [shingles(text) for text in chain]
    assert all(len(sets[i] & sets[c]) >= 0.8 * len(sets[i] | sets[c]) for i, c in enumerate(center) if c >= 0)
    assert (center == -1).sum() > 1


def test_runs_of_words_are_found_where_they_stand():
    items, texts = folded(["a b c d e", "x y z"]), folded(["q a B, c\nd e a b c d e", "x y", "z x y z", ""])
    words, begins = word_hashes(items)
    runs = index(np.concatenate([run_hashes(words[:5], 5), run_hashes(words[5:], 3)]), [3, 5])
    found, whole = occurrences(texts, runs)
    assert sorted(map(tuple, found[:, :3].tolist())) == [(0, 1, 5), (0, 6, 5), (2, 1, 3)]
    assert np.array_equal(whole, sequence_hashes(texts))


def test_more_occurrences_than_there_was_room_for_are_all_found(monkeypatch):
    monkeypatch.setattr("metier.data.kernels.overlap.FIRST_ROOM", 2)
    words, _ = word_hashes(folded(["a b c"]))
    found, _ = occurrences(folded(["a b c " * 50]), index(run_hashes(words, 3), [3]))
    assert len(found) == 50


def test_large_texts_and_rows_are_mapped_and_stay_the_same(monkeypatch):
    from metier.data import arrow_store

    texts = made_up(500) + ["e\u0301", "plain"]
    chunks = pa.chunked_array([texts[:200], texts[200:200], texts[200:]], pa.string())
    rows = pa.table({"text": chunks})
    keep = pa.array([n % 3 == 0 for n in range(len(texts))])
    small, few = foldable(chunks), arrow_store.filtered(rows, keep)
    monkeypatch.setattr(arrow_store, "LARGE_BYTES", 1)
    before = pa.total_allocated_bytes()
    large, left = foldable(chunks), arrow_store.filtered(rows, keep)
    assert large.equals(small) and left.equals(few)
    assert pa.total_allocated_bytes() - before < 20 * len(texts)  # offsets and little else
    assert arrow_store.strings([]).to_pylist() == []
