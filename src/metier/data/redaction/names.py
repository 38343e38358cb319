"""Names of persons: after a title, in a header field, before a degree, after words that introduce one, from the lists.

A name is read as a run of capitalized words. What such a run may be made of depends on how strong the sign is: after
"Dr." anything, after "wife" a word that is on a list of names, and without any sign a listed given name. The rules are
in name_rules.py.
"""

from collections.abc import Iterator

from metier.data.redaction import words
from metier.data.redaction.name_rules import Candidate, Rule, deciding, deciding_for_run
from metier.data.redaction.name_words import (
    COLON,
    COUPLE,
    HEADER,
    NAME_AT,
    RUN,
    SHORT_TITLES,
    TITLES,
    VALUE,
    is_common,
    parts,
    without_end,
    without_lead,
)
from metier.data.redaction.spans import Span

__all__ = ["decisions", "find", "parts"]


def find(text: str, from_lists: bool) -> list[Span]:
    """Names with a sign before or behind them; `from_lists` also those without one that a carried list knows."""
    return [
        Span(candidate.start, candidate.end, "NAME")
        for candidate, rule in decisions(text, from_lists)
        if rule and rule.is_name
    ]


def decisions(text: str, from_lists: bool) -> Iterator[tuple[Candidate, Rule | None]]:
    """Every run that may be a name, and the rule that decided; without a rule it is none."""
    for candidate in _in_fields(text):
        yield candidate, deciding(candidate, "field")
    common = words.common()
    for match in RUN.finditer(text):
        run, (start, end) = match[0], match.span()
        if run in SHORT_TITLES or run.rpartition(" ")[2] in SHORT_TITLES:
            yield from ((candidate, deciding(candidate, "title")) for candidate in _behind_short_title(text, end))
        elif " " in run:
            yield from (
                (candidate, deciding_for_run(candidate, from_lists)) for candidate in _several_words(text, end, run)
            )
        elif run.lower() not in common:  # as nearly every word is that begins a sentence
            candidate = Candidate(text, start, run, several=False)
            yield candidate, deciding_for_run(candidate, from_lists)


def _in_fields(text: str) -> Iterator[Candidate]:
    for match in COLON.finditer(text):
        header = HEADER.search(text[max(0, match.start() - 44) : match.start()])
        value = VALUE.match(text, match.end()) if header else None
        if not header or not value or value[0].split()[0].rstrip(".") in SHORT_TITLES:
            continue  # a short title is read where the other runs are
        name = without_lead(value[0]) if header["unsure"] else value[0]
        field = header[0].strip(" \t\n;|,.(*").lower()
        yield Candidate(text, value.end() - len(name), without_end(name), field=field, sure=bool(header["sure"]))


def _behind_short_title(text: str, end: int) -> Iterator[Candidate]:
    """What is capitalized behind a short title that ends here."""
    couple = COUPLE.match(text, end)
    start = couple.end() if couple else end + 1 + (text[end : end + 1] == ".")
    name = NAME_AT.match(text, start) if text[start - 1 : start].isspace() else None
    if name:
        yield Candidate(text, start, without_end(name[0]))


def _several_words(text: str, end: int, run: str) -> Iterator[Candidate]:
    """What is left of a run of several words without a title and the common words at its ends, if anything is."""
    behind_title = _behind_title(run)
    uncut = behind_title or without_lead(run)
    if uncut:
        yield Candidate(text, end - len(uncut), without_end(uncut), uncut, titled=bool(behind_title))


def _behind_title(run: str) -> str:
    """What stands behind a title within this run; empty where there is none, or no name: "Nurse Practitioner"."""
    titles = [title for title in run.split(" ")[:-1] if title in TITLES or (title in SHORT_TITLES and title != "MR")]
    rest = run.rpartition(f"{titles[-1]} ")[2] if titles else ""
    return rest if titles and (titles[-1] in SHORT_TITLES or not all(map(is_common, parts(rest)))) else ""
