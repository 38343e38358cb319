"""The real presidio-analyzer behind `redact`. It is an extra (metier[privacy]): without it these tests are skipped."""

import socket

import pytest

from metier.data.redaction import Redactor, presidio
from metier.errors import UserError

spacy = pytest.importorskip("spacy", reason="presidio is not installed: pip install 'metier[privacy]'")
tldextract = pytest.importorskip("tldextract", reason="presidio is not installed: pip install 'metier[privacy]'")
pytest.importorskip("presidio_analyzer", reason="presidio is not installed: pip install 'metier[privacy]'")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A spaCy model in a folder that knows one name and one town, as no model can be fetched here."""
    language = spacy.blank("en")
    language.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": "Zyxwa Qrst"}, {"label": "GPE", "pattern": "Vuttown"}]
        + [{"label": "PERSON", "pattern": word} for word in ("Aplasia", "iris nodules", "SOX9")]
        + [{"label": "GPE", "pattern": word} for word in ("Ohio",)]
    )
    # A number is weighed by the lemmas beside it.
    language.add_pipe("attribute_ruler").add([[{"LOWER": "account"}]], {"LEMMA": "account"})
    folder = tmp_path_factory.mktemp("model") / "known"
    language.to_disk(folder)
    return str(folder)


@pytest.fixture(autouse=True)
def unplugged(monkeypatch):
    def refuse(*asked, **settings):
        raise AssertionError(f"the net was asked for {asked[0]}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    # The list of domains may stand in a cache on this machine.
    monkeypatch.setattr(tldextract.tldextract, "TLD_EXTRACTOR", tldextract.TLDExtract(cache_dir=None))


def cleaned(text, model, profile="healthcare"):
    return Redactor(profile, dates="tag", presidio=model).redact([text], "patient 1")[0][0]


def test_what_only_the_model_knows_leaves_the_whole_document(model):
    text = "Then Zyxwa Qrst came by Vuttown. Qrst was well."
    assert cleaned(text, None) == text
    assert cleaned(text, model) == "Then [NAME] came by [PLACE]. [NAME] was well."


def test_kinds_that_the_profile_does_not_take_stay(model):
    assert "Vuttown" in cleaned("By Vuttown.", model, "retail")


def test_ordinary_words_and_states_that_a_model_takes_for_names_stay(model):
    text = "Aplasia, SOX9 and iris nodules are known in Ohio."
    assert cleaned(text, model) == text


def test_numbers_count_only_where_words_beside_them_say_what_they_are(model):
    kinds = frozenset(presidio.KIND.values())

    def found(text):
        return {(span.kind, text[span.start : span.end]) for span in presidio.find(text, model, kinds)}

    assert found("Reference 12345678, dose 900123456.") == set()
    assert ("ACCOUNT", "945456787") in found("Their bank account is 945456787.")


def test_mail_and_web_addresses_are_judged_without_the_net(model):
    assert cleaned("Write to a.b@example.org or see www.example.org.", model) == "Write to [EMAIL] or see [URL]."


def test_a_model_that_is_not_here_is_not_fetched():
    with pytest.raises(UserError, match="There is no spaCy model 'en_core_web_zz' here"):
        presidio.analyzer("en_core_web_zz")
