"""Findings of Microsoft's presidio-analyzer, for those who have it: a statistical model beside our patterns."""

import functools
import importlib
from typing import Any

from metier.errors import UserError
from metier.redaction.spans import Span

KIND = {
    "PERSON": "NAME",
    "LOCATION": "PLACE",
    "DATE_TIME": "DATE",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "US_SSN": "SSN",
    "US_ITIN": "TAX_ID",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_BANK_NUMBER": "ACCOUNT",
    "US_DRIVER_LICENSE": "LICENCE",
    "US_PASSPORT": "LICENCE",
    "MEDICAL_LICENSE": "LICENCE",
    "IP_ADDRESS": "IP",
    "URL": "URL",
}


MISSING = "presidio is not installed. Install it: pip install 'metier[privacy]'."


def installed() -> bool:
    try:
        importlib.import_module("presidio_analyzer")
    except ImportError:
        return False
    return True


def find(text: str, model: str, kinds: frozenset[str]) -> list[Span]:
    """What presidio finds with this spaCy model, of these kinds. Dates are left to our own reading, which keeps "
    "years."""
    found = analyzer(model).analyze(text=text, language="en")
    spans = [Span(one.start, one.end, KIND[one.entity_type]) for one in found if one.entity_type in KIND]
    return [span for span in spans if span.kind in kinds and span.kind != "DATE"]


@functools.cache
def analyzer(model: str) -> Any:
    """The analyzer with this model; `UserError` where either is not installed."""
    if not installed():
        raise UserError(MISSING)
    import spacy.util
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    if not spacy.util.is_package(model):  # presidio would download it by itself
        raise UserError(f"There is no spaCy model '{model}' here. Install it: python -m spacy download {model}.")
    settings = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    return AnalyzerEngine(
        nlp_engine=NlpEngineProvider(nlp_configuration=settings).create_engine(), supported_languages=["en"]
    )
