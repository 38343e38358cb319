"""One document: all its texts are read first, then every value found in one is taken out of all."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from metier.data.redaction import ages, dates, legal, names, numbers, places, presidio, words
from metier.data.redaction.spans import PROFILES, Span, merged
from metier.data.redaction.surrogates import Surrogates, tag

# Kinds whose values are found everywhere by their form, or mean nothing elsewhere.
_NOT_CARRIED = frozenset({"AGE", "DATE"})
# Words say what stands behind them over 64 signs at most. An abstract in a column is not read twice.
_REACH, _READ_AGAIN = 64, 400


@dataclass
class Redactor:
    """Takes the identifiers of a profile out of documents."""

    profile: str = "healthcare"
    replace: str = "tag"
    dates: str = "shift"
    parties: bool = True
    dockets: bool = False
    seed: int = 0
    presidio: str | None = None
    kinds: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        out = {"DATE"} if self.dates == "keep" else set()
        out |= set() if self.parties else {"PARTY"}
        out |= set() if self.dockets else {"DOCKET"}
        self.kinds = PROFILES[self.profile] - out
        self._context = numbers.compile_context(self.kinds)

    def detectors(self) -> list[str]:
        """What runs, in words for the notes."""
        named = [
            "numbers by form and check digit",
            "numbers by the words before them",
            "names by title, field and context",
        ]
        named += ["carried lists of names"] if self.profile == "healthcare" else []
        named += ["addresses and places by form and context"] if "ADDRESS" in self.kinds else []
        named += [f"dates ({self.dates})"] if "DATE" in self.kinds else []
        named += ["parties"] if "PARTY" in self.kinds else []
        named += ["dockets"] if "DOCKET" in self.kinds else []
        return named + ([f"presidio with {self.presidio}"] if self.presidio else []) + ["propagation within a document"]

    def find(self, text: str) -> list[Span]:
        """The identifiers in one text, in order and without overlap."""
        spans = names.find(text, from_lists=self.profile == "healthcare")
        spans += numbers.find(text, self.kinds, self._context)
        spans += [span for span in places.find(text) if span.kind in self.kinds]
        if "DATE" in self.kinds:
            spans += dates.find(text, births_only=self.profile != "healthcare")
        if "AGE" in self.kinds:
            spans += ages.find(text)
        if "PARTY" in self.kinds:
            spans += legal.parties(text)
        if "DOCKET" in self.kinds:
            spans += legal.dockets(text)
        if self.presidio:
            spans += presidio.find(text, self.presidio, self.kinds)
        return merged(spans)

    def find_in_column(self, text: str, column: str) -> list[Span]:
        """The identifiers in a value, with the name of its column read before it: "customer name: Anil Deshpande".

        Only what lies in the value comes back, so the column keeps its name, whatever is found there.
        """
        spans, spoken = self.find(text), _spoken(column)
        sign = f"{spoken}: "
        if not spoken or numbers.amount(sign, text, self._context):
            return spans
        shift = len(sign)
        behind = [
            Span(max(span.start - shift, 0), span.end - shift, span.kind)
            for span in self.find(sign + text[:_READ_AGAIN])
            if span.end > shift and span.start - shift < _REACH
        ]
        return merged(behind + spans)  # of two that are as long the first gives the kind

    def redact(
        self, texts: Sequence[str], group: str, carried_only: Sequence[bool] = (), columns: Sequence[str] = ()
    ) -> tuple[list[str], Counter[str]]:
        """The texts of one document without its identifiers, and how many of each kind went.

        A text marked in `carried_only` loses only what was found in the others. `columns` names the columns that texts
        are values of; those of none have an empty name.
        """
        only, named = carried_only or [False] * len(texts), columns or [""] * len(texts)
        own_spans = [
            [] if skip else self.find_in_column(text, column) if column else self.find(text)
            for text, skip, column in zip(texts, only, named, strict=True)
        ]
        if not any(own_spans):
            return list(texts), Counter()
        carried = _carried(texts, own_spans)
        spans = [merged(_everywhere(text, carried) + own) for text, own in zip(texts, own_spans, strict=True)]
        counts = Counter(span.kind for own in spans for span in own)
        surrogates = Surrogates(self.seed, group) if self.replace == "surrogate" else None
        days = dates.offset(self.seed, group) if self.dates == "shift" else None
        return [self._replaced(text, own, surrogates, days) for text, own in zip(texts, spans, strict=True)], counts

    def _replaced(self, text: str, spans: list[Span], surrogates: Surrogates | None, days: int | None) -> str:
        out, place = [], 0
        for span in spans:
            value = text[span.start : span.end]
            new = dates.shifted(value, days) if span.kind == "DATE" and days is not None else None
            if new is None:
                plain = surrogates is None or span.kind in ("AGE", "DATE")
                new = tag(span) if plain or surrogates is None else surrogates.of(span.kind, value)
            out += [text[place : span.start], new]
            place = span.end
        return "".join(out) + text[place:]


def _spoken(column: str) -> str:
    """The name of a column in words: customer_name, customerName and IPAddress as one would say them."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z\d])|(?<=[A-Z])(?=[A-Z][a-z])", " ", column)
    return re.sub(r"[\W_]+", " ", apart).strip()


@dataclass
class _Carried:
    """What was found in a document, as patterns that find it again."""

    exact: re.Pattern[str] | None
    """Whole values, as they are written."""
    parts: re.Pattern[str] | None
    """Parts of names that are no ordinary word, in any case."""
    ordinary: re.Pattern[str] | None
    """Parts of names that are one: taken only where capitalized within a sentence."""
    kind: dict[str, str]


def _carried(texts: Sequence[str], spans_of_texts: list[list[Span]]) -> _Carried:
    kind: dict[str, str] = {}
    parts: set[str] = set()
    for text, spans in zip(texts, spans_of_texts, strict=True):
        for span in spans:
            value = text[span.start : span.end].strip()
            if span.kind in _NOT_CARRIED or len(value) < 3:
                continue
            kind.setdefault(value, span.kind)
            if span.kind == "NAME":
                parts.update(names.parts(value))
    common = words.common()
    ordinary = {part for part in parts if part.lower() in common}
    return _Carried(
        _pattern(kind), _pattern(parts - ordinary, re.IGNORECASE), _pattern({part.title() for part in ordinary}), kind
    )


def _pattern(values: set[str] | dict[str, str], flags: int = 0) -> re.Pattern[str] | None:
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", flags) if values else None


def _everywhere(text: str, carried: _Carried) -> list[Span]:
    """Where the document's values stand in this text, with a sign or without."""
    spans = []
    if carried.exact:
        spans += [Span(*match.span(), carried.kind[match[0]]) for match in carried.exact.finditer(text)]
    if carried.parts:
        spans += [Span(*match.span(), "NAME") for match in carried.parts.finditer(text)]
    if carried.ordinary:
        within = re.compile(r"[\w,;)] $")
        spans += [
            Span(*match.span(), "NAME")
            for match in carried.ordinary.finditer(text)
            if within.search(text[max(0, match.start() - 2) : match.start()])
        ]
    return spans
