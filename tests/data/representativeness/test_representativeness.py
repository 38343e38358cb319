"""Representativeness: formulas against a second way, and texts whose right answer is known: they were planted."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from metier.data.representativeness import language
from metier.data.representativeness.classifier import auc
from metier.data.representativeness.comparison import compare
from metier.data.representativeness.decision import decide
from metier.data.representativeness.distributions import compared, jensen_shannon, labels, text_format
from metier.data.representativeness.measure import Draws
from metier.data.representativeness.page import section
from metier.data.representativeness.passages import WORD, count_words, passages, side
from metier.data.representativeness.reference import general_text
from metier.errors import UserError
from metier.reporting.pages import section_page


def vocabulary(seed, size=400):
    """Made-up words, the same for one seed."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return sorted({"".join(generator.choice(letters, size=6)) for _ in range(size)})


COMMON = vocabulary(99, 100)
TOPICS = {name: vocabulary(seed, 60) for seed, name in enumerate(("loans", "cards", "tax"), start=1)}
GENERAL, OTHER = vocabulary(10, 600), vocabulary(20, 200)


def texts(words, n, seed, length=40):
    """n texts, half of whose words are everybody's."""
    generator = np.random.default_rng(seed)
    half = length // 2
    drawn = np.column_stack([generator.choice(words, (n, half)), generator.choice(COMMON, (n, length - half))])
    return [" ".join(row) for row in drawn]


def mixed(names, n, seed):
    return [text for number, name in enumerate(names) for text in texts(TOPICS[name], n, seed + number)]


@pytest.fixture(scope="module")
def reference():
    return texts(GENERAL, 1500, 7)


@pytest.fixture(scope="module")
def target():
    return mixed(TOPICS, 80, 100)


@pytest.fixture(scope="module")
def own(target, reference):
    return compare(mixed(TOPICS, 500, 200), target, reference)


@pytest.fixture(scope="module")
def with_a_gap(target, reference):
    return compare(mixed(["loans", "cards"], 750, 200), target, reference)


def test_the_targets_own_language_is_go(own):
    decision = decide(own)
    assert decision.state == "GO", decision.reasons
    assert not own.gaps and own.measures["neighbors"].candidate > 0.9
    assert own.measures["auc"].candidate < 0.6 < own.measures["auc"].baseline
    assert own.measures["terms"].candidate > 0.9 > own.measures["terms"].baseline


def test_a_mirror_without_articles_leaves_the_projects_own_text(tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_DATA", str(tmp_path))
    found, said = general_text()
    assert len(found) == 160 and "no articles of Wikipedia: " in said and "wikitext2 is not here" in said


def test_another_language_is_no_go(target, reference):
    decision = decide(compare(texts(OTHER, 1500, 300), target, reference))
    assert decision.state == "NO-GO"
    assert "does not predict" in decision.reasons[0] and "%" in decision.reasons[1]


def test_general_text_itself_is_no_go(target, reference):
    assert decide(compare(texts(GENERAL, 1500, 8), target, reference)).state == "NO-GO"


def test_a_planted_gap_is_named_with_two_examples(with_a_gap):
    named = {term for topic in with_a_gap.gaps for term in topic.terms}
    assert named and named <= set(TOPICS["tax"])
    assert all(set(WORD.findall(text)) & set(TOPICS["tax"]) for topic in with_a_gap.gaps for text in topic.examples)
    assert all(len(topic.examples) == 2 for topic in with_a_gap.gaps)
    assert set(with_a_gap.measures["terms"].further["missing"]) <= set(TOPICS["tax"]) | set(COMMON)


def test_a_gap_that_holds_much_of_the_work_is_a_caution(target, reference):
    most = texts(TOPICS["tax"], 120, 1) + texts(TOPICS["loans"], 100, 2)
    found = compare(texts(TOPICS["loans"], 1500, 3), most, reference, terms=TOPICS["loans"])
    decision = decide(found)
    assert decision.state == "CAUTION" and "no nearer" in decision.reasons[0]


def test_few_target_texts_are_an_error_and_some_more_a_caution(reference):
    candidate = mixed(TOPICS, 500, 200)
    with pytest.raises(UserError, match="49 different texts"):
        compare(candidate, texts(TOPICS["loans"], 49, 1) * 5, reference)
    decision = decide(compare(candidate, mixed(TOPICS, 33, 1), reference))
    assert decision.state == "CAUTION" and "99 texts" in decision.reasons[0]


def test_missing_terms_in_little_text_are_a_caution_and_not_a_no_go(target):
    few = texts(GENERAL, 200, 7)
    found = compare(texts(TOPICS["loans"], 60, 1), target, few)
    assert found.measures["cross_entropy"].surely_better
    reason = next(reason for reason in decide(found).reasons if "terms" in reason)
    assert decide(found).state == "CAUTION" and "too few to judge" in reason


def test_the_same_seed_gives_the_same_figures_and_plain_json(with_a_gap, target, reference):
    again = compare(mixed(["loans", "cards"], 750, 200), target, reference)
    assert json.dumps(again.to_json()) == json.dumps(with_a_gap.to_json())


def test_both_sides_have_the_same_number_of_words(target, reference):
    sizes = compare(mixed(TOPICS, 100, 2), target, reference).sizes
    assert abs(sizes["candidate"]["words"] - sizes["baseline"]["words"]) < sizes["passage_words"]


def test_cross_entropy_and_divergence_equal_brute_force():
    generator = np.random.default_rng(0)
    one, two, three = (
        side(texts(words, 30, seed), 20, generator)
        for seed, words in enumerate((TOPICS["loans"], TOPICS["loans"], GENERAL))
    )
    found = language.cross_entropy(one, two, three, Draws.of(one.document, 0))
    words = [Counter(w for text in part.texts for w in WORD.findall(text)) for part in (one, two, three)]
    size, n = len(words[0] | words[1] | words[2]), words[0].total()
    for value, model in ((found.candidate, words[1]), (found.baseline, words[2])):
        bits = sum(
            -count * math.log2((model[word] + 0.5) / (model.total() + 0.5 * size)) for word, count in words[0].items()
        )
        assert value == pytest.approx(bits / n)
    assert found.difference.low < found.difference.value < found.difference.high
    divergence = language.divergence(one, two, three, Draws.of(one.document, 0))
    assert divergence.surely_better and 0 < divergence.candidate < divergence.baseline


def test_keyness_is_the_log_likelihood_ratio_of_scipy():
    target, reference = np.array([30.0, 5.0, 965.0]), np.array([10.0, 40.0, 4950.0])
    n, m = target.sum(), reference.sum()
    found = language.keyness(target[None], reference, np.array([[n]]), m)[0]
    # Dunning's ratio has two more terms, for all other words; corpus linguists leave them out (Rayson & Garside 2000).
    expected = 30 * math.log(30 / (n * 40 / (n + m))) + 10 * math.log(10 / (m * 40 / (n + m)))
    assert found[0] == pytest.approx(2 * expected) and found[1] == 0
    full = chi2_contingency([[30, n - 30], [10, m - 10]], correction=False, lambda_="log-likelihood").statistic
    assert found[0] == pytest.approx(full, rel=0.05)


def test_jensen_shannon_equals_scipy():
    generator = np.random.default_rng(0)
    for _ in range(20):
        p, q = generator.integers(0, 9, 6).astype(float) + [1, 0, 0, 0, 0, 0], generator.integers(1, 9, 6).astype(float)
        assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)


def test_auc_with_weights_and_ties_equals_scikit_learn():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 12, 60).astype(float)
    right = np.repeat([1, 0], [25, 35])
    weights = generator.integers(0, 4, (5, 60)).astype(float)
    found = auc(scores, weights[:, :25], weights[:, 25:])
    for draw in range(5):
        assert found[draw] == pytest.approx(roc_auc_score(right, scores, sample_weight=weights[draw]))


def test_given_terms_are_counted_phrases_too(target, reference):
    candidate = mixed(TOPICS, 200, 2) + [f"{number} interest rate" for number in range(3)]
    phrase = ["Interest rate", TOPICS["loans"][0], OTHER[0]]
    found = compare(candidate, target, reference, terms=phrase)
    measure = found.measures["terms"]
    assert measure.further["missing"] == [OTHER[0]] and measure.candidate == pytest.approx(2 / 3)


def test_a_target_without_terms_of_its_own_is_an_error(reference):
    with pytest.raises(UserError, match="stands out"):
        compare(mixed(TOPICS, 100, 2), reference[:200], reference)


def test_labels_that_never_occur_are_said(target, reference):
    candidate = mixed(TOPICS, 500, 200)
    given = {"labels": ["a"] * len(candidate), "target_labels": ["a", "b"] * (len(target) // 2)}
    decision = decide(compare(candidate, target, reference, **given))
    assert decision.state == "CAUTION" and decision.reasons[0].startswith("1 of the target's labels")
    with pytest.raises(UserError, match="both sides"):
        compare(candidate, target, reference, labels=["a"])
    same = labels(["a", "b"] * 100, ["b", "a"] * 100, 0)
    assert same.candidate == 0 and same.further["missing"] == []


def test_tokens_a_word_are_counted_with_the_given_tokenizer(target, reference):
    class Letters:
        def tokenize(self, text):
            return list(text.replace(" ", ""))

    found = compare(mixed(TOPICS, 100, 2), target, reference, tokenizer=Letters()).measures["fertility"]
    assert found.candidate == found.baseline == found.further["target"] == 6


def test_passages_have_one_length_and_lose_only_short_rests():
    text = "One two, three. Four five six seven"
    assert passages(text, 3) == ["One two, three", "Four five six"]
    assert passages(text, 2)[-1] == "seven" and passages("one", 5) == ["one"] and passages("...", 5) == []
    assert count_words("don't re-use 3") == 3


def test_formats_are_told_apart():
    assert text_format("Doctor: Where?\nPatient: Here.") == "dialogue"
    assert text_format("a | b\n1 | 2") == "table" and text_format("- a\n- b") == "list"
    assert text_format("Does it fit?") == "question" and text_format("It fits.") == "sentence"
    assert text_format("It fits. It works.") == "paragraph" and text_format("It fits.\nIt works.") == "lines"
    found = compared("formats", "", ["a", "b"], ["a", "b"], ["b", "b"], 0)
    assert found.candidate == 0 and found.baseline > 0


def test_the_page_escapes_what_comes_from_data_and_shows_every_part(target, reference):
    nasty = [f"{text} <script>alert(1)</script>" for text in target]
    steps = [{"step": "dedup", "settings": {}, "rows": 10, "kept": 8, "dropped": 2, "seconds": 0.1}]
    found = compare(
        mixed(["loans", "cards"], 750, 200), nasty, reference, steps=steps, licenses={"CC-BY <4.0>": 8}, seed=1
    )
    html = section_page({"benchmark": "b", "state": "", "reasons": [], "section": section(found, decide(found))})
    assert "<script>" not in html and "&lt;script&gt;" in html and "CC-BY &lt;4.0&gt;" in html
    assert decide(found).state in html and "dedup" in html and "<svg" in html
    json.dumps(section(found, decide(found)))


def test_of_work_that_was_not_judged_the_page_says_why_and_no_figures():
    html = section_page({"benchmark": "exam <b>", "state": "NOT JUDGED", "reasons": ["12 are no picture."]})
    assert "represent exam &lt;b&gt;?" in html and "NOT JUDGED" in html and "12 are no picture." in html
    assert "measure" not in html.split("</style>")[1]


def test_one_long_document_beside_short_rows_is_told_apart_by_no_fold(target, reference):
    handbook = " ".join(texts(TOPICS["loans"], 4000, 5))
    found = compare([*texts(TOPICS["loans"], 60, 1, length=12), handbook], target, reference)
    assert "auc" not in found.measures and decide(found).state


def test_general_text_is_there_without_a_mirror(monkeypatch):
    monkeypatch.delenv("METIER_DATA", raising=False)
    found, said = general_text()
    assert len(found) >= 160 and "not set" in said
