"""Findings of Microsoft's presidio-analyzer, for those who have it: a statistical model beside our patterns."""

import functools
import importlib
import re
from pathlib import Path
from typing import Any

from metier.data.redaction import places, words
from metier.data.redaction.spans import Span
from metier.errors import UserError

KIND = {
    "PERSON": "NAME",
    "LOCATION": "PLACE",
    "PHONE_NUMBER": "PHONE",
    "US_SSN": "SSN",
    "US_ITIN": "TAX_ID",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_BANK_NUMBER": "ACCOUNT",
    "US_DRIVER_LICENSE": "LICENSE",
    "US_PASSPORT": "LICENSE",
    "MEDICAL_LICENSE": "LICENSE",
    "IP_ADDRESS": "IP",
    "URL": "URL",
}
"""Dates are left to our own reading, which keeps years, and e-mail addresses too: presidio checks each against a list
of domains that it fetches from the net."""
SURE = 0.4
"""Least score of a finding. Below stand patterns such as any eight digits (a bank account, .05); words beside them
("account") lift them to .4. What the model itself finds has .85."""
WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")
"""A run of letters; the gene SOX9 holds none."""

MISSING = "presidio is not installed. Install it: pip install 'metier[privacy]'."


def installed() -> bool:
    try:
        importlib.import_module("presidio_analyzer")
    except ImportError:
        return False
    return True


def find(text: str, model: str, kinds: frozenset[str]) -> list[Span]:
    """What presidio finds with this spaCy model (a package or a folder), of these kinds."""
    wanted = [entity for entity, kind in KIND.items() if kind in kinds]
    if not wanted:  # presidio would take an empty list for all
        return []
    entities = analyzer(model).analyze(text=text, language="en", entities=wanted, score_threshold=SURE)
    spans = [Span(one.start, one.end, KIND[one.entity_type]) for one in entities]
    return [span for span in spans if span.kind not in ("NAME", "PLACE") or _named(text[span.start : span.end])]


def _named(name: str) -> bool:
    """Whether what the model takes for a person or place has a capitalized word that is no ordinary one, and is no
    state. Models trained on news take "Aplasia" and "iris nodules" for persons."""
    if name.removeprefix("the ") in places.STATES:
        return False
    return any(word[0].isupper() and word.lower() not in words.common() for word in WORD.findall(name))


@functools.cache
def analyzer(model: str) -> Any:
    """The analyzer with this model; `UserError` where either is not installed. Nothing is fetched."""
    if not installed():
        raise UserError(MISSING)
    import spacy.util
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    if not spacy.util.is_package(model) and not Path(model).is_dir():  # presidio would download it by itself
        raise UserError(
            f"There is no spaCy model '{model}' here. Install it (python -m spacy download {model}), or name the "
            "folder of one."
        )
    settings = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    engine = AnalyzerEngine(
        nlp_engine=NlpEngineProvider(nlp_configuration=settings).create_engine(), supported_languages=["en"]
    )
    engine.registry.remove_recognizer("EmailRecognizer")
    return engine
