"""The rules that say whether a run of capitalized words is the name of a person: all of them, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from metier.data.redaction import places, words
from metier.data.redaction.name_words import (
    DEGREE,
    DEGREES,
    ENDS,
    EPONYMS,
    FAINT,
    LETTER_END,
    ORGANIZATION,
    PERSONS,
    STRONG_BEFORE,
    THING,
    WEAK_BEFORE,
    is_common,
    is_given,
    is_listed,
    parts,
)

Group = Literal["field", "title", "run", "sign", "list"]
"""`field`: the value of a field. `title`: behind a short title. Every other run: first `run`, which ends the matter,
then `sign` (words before it), then `list` (without any sign; only where the carried lists are asked)."""


@dataclass
class Candidate:
    """A run of capitalized words that may be a name."""

    text: str
    start: int
    run: str
    uncut: str = ""
    """The run with the degrees and common words at its end."""
    several: bool = True
    """Whether it was written as several words, of which some may be cut."""
    titled: bool = False
    """Whether a title stands before it within the run."""
    field: str = ""
    """The name of the field whose value it is, in small letters."""
    sure: bool = False
    """Whether the value of that field is always a name."""

    @property
    def end(self) -> int:
        return self.start + len(self.run)

    @cached_property
    def own(self) -> list[str]:
        """Its words that are a name each."""
        return parts(self.run)

    @cached_property
    def unusual(self) -> list[str]:
        return [part for part in self.own if not is_common(part)]

    @cached_property
    def before(self) -> str:
        return self.text[max(0, self.start - 32) : self.start]

    @cached_property
    def behind_strong(self) -> bool:
        """Whether words stand before it behind which a run is a name."""
        return bool(STRONG_BEFORE.search(self.before) or LETTER_END.search(self.before))

    @cached_property
    def phrase(self) -> str:
        """The words before it behind which a listed name is one; empty where there are none."""
        weak = WEAK_BEFORE.search(self.before)
        return weak[0].strip(" ,").lower() if weak else ""


@dataclass(frozen=True)
class Rule:
    """The first rule of a group that applies decides for the group. Where none applies, the run is no name."""

    group: Group
    is_name: bool
    applies: Callable[[Candidate], bool]
    why: str

    @property
    def name(self) -> str:
        return f"{self.group}: {self.applies.__name__}"


def anything(_: Candidate) -> bool:
    return True


def no_part(candidate: Candidate) -> bool:
    return not candidate.own


def thing(candidate: Candidate) -> bool:
    return bool(THING.match(candidate.text, candidate.end))


def organization(candidate: Candidate) -> bool:
    return not ORGANIZATION.isdisjoint(candidate.own)


# The value of a field.


def unusual_in_sure_field(candidate: Candidate) -> bool:
    return candidate.sure and bool(candidate.unusual) and not _one_in_capitals(candidate)


def _one_in_capitals(candidate: Candidate) -> bool:
    one = len(candidate.own) == 1 and candidate.own[0].isupper()
    return one and "name" not in candidate.field and not is_listed(candidate.own[0])


def full_name_in_field(candidate: Candidate) -> bool:
    if len(candidate.own) < 2 or any(
        is_common(part) and part.lower() not in words.ambiguous() for part in candidate.own
    ):
        return False
    trusted = "name" in candidate.field or candidate.field in (
        "patient",
        "pt",
        "physician",
        "provider",
        "doctor",
        "surgeon",
    )
    return trusted or any(map(is_listed, candidate.unusual))


def given_name_in_field(candidate: Candidate) -> bool:
    return len(candidate.own) == 1 and is_given(candidate.own[0])


# A run, by itself and what stands behind it.


def organization_uncut(candidate: Candidate) -> bool:
    return candidate.several and not ORGANIZATION.isdisjoint(candidate.uncut.split())


def title_within(candidate: Candidate) -> bool:
    return candidate.titled


def degree(candidate: Candidate) -> bool:
    if not candidate.several or len(candidate.own) < 2 or not candidate.unusual:
        return False
    return (
        bool(DEGREE.match(candidate.text, candidate.end))
        or candidate.text[candidate.end + 1 : candidate.end + 4].rstrip(" ,.;\n") in DEGREES
    )


# The words before a run.


def no_sign_word(candidate: Candidate) -> bool:
    before = candidate.text[max(0, candidate.start - 18) : candidate.start]
    end = before.rstrip(" ,")
    last = end[end.rfind(" ") + 1 :].lstrip('("“').lower()
    return last not in ENDS and "\n" not in before[-3:]


def common_first(candidate: Candidate) -> bool:
    return is_common(candidate.own[0])


def state(candidate: Candidate) -> bool:
    return candidate.run in places.STATES


def behind_strong_phrase(candidate: Candidate) -> bool:
    return candidate.behind_strong and (not candidate.run.isupper() or is_listed(candidate.own[0]))


def capitals_behind_strong_phrase(candidate: Candidate) -> bool:
    return candidate.behind_strong


def full_name_behind_faint_word(candidate: Candidate) -> bool:
    full = candidate.phrase in FAINT and len(candidate.own) > 1 and not candidate.run.isupper()
    return full and any(map(is_listed, candidate.unusual))


def rest_behind_faint_word(candidate: Candidate) -> bool:
    return candidate.phrase in FAINT


def thanks_at_end_of_message(candidate: Candidate) -> bool:
    return candidate.phrase in ("thanks", "thank you") and candidate.text[candidate.end :].lstrip(" .")[:1] in (
        "",
        "\n",
    )


def listed_behind_phrase(candidate: Candidate) -> bool:
    return bool(candidate.phrase) and is_listed(candidate.own[0])


def full_name_behind_person(candidate: Candidate) -> bool:
    return candidate.phrase in PERSONS and len(candidate.own) > 1 and not candidate.run.isupper()


def listed_family_behind_phrase(candidate: Candidate) -> bool:
    return (
        bool(candidate.phrase)
        and len(candidate.own) > 1
        and not candidate.run.isupper()
        and any(map(is_listed, candidate.own))
    )


# A run without any sign.


def cut_to_one_word(candidate: Candidate) -> bool:
    return candidate.several and " " not in candidate.run


def joined(candidate: Candidate) -> bool:
    return (
        bool(candidate.start and candidate.text[candidate.start - 1] in "-'’/@")
        or candidate.text[candidate.end : candidate.end + 1] == "-"
    )


def common_part(candidate: Candidate) -> bool:
    return any(is_common(part) and part.lower() not in words.ambiguous() for part in candidate.own)


def ambiguous_before_family_name(candidate: Candidate) -> bool:
    if len(candidate.own) < 2 or not is_common(candidate.own[0]):
        return False
    return candidate.own[1].lower() in words.last_names() and not candidate.own[0].isupper()


def eponym(candidate: Candidate) -> bool:
    return not EPONYMS.isdisjoint(candidate.own)


def mixed_capitals(candidate: Candidate) -> bool:
    return len({part.isupper() for part in candidate.own}) > 1


def given_name_alone(candidate: Candidate) -> bool:
    return len(candidate.own) == 1 and is_given(candidate.own[0]) and not candidate.own[0].isupper()


def given_and_family_name(candidate: Candidate) -> bool:
    return (
        len(candidate.own) > 1
        and is_given(candidate.own[0])
        and (is_listed(candidate.own[1]) or not candidate.own[0].isupper())
    )


def two_listed(candidate: Candidate) -> bool:
    return len(candidate.own) > 1 and all(map(is_listed, candidate.own[:2])) and not candidate.own[0].isupper()


RULES = (
    Rule("field", False, organization, "Provider: Mercy Hospital"),
    Rule("field", False, thing, "Mother: Parkinson disease"),
    Rule("field", True, unusual_in_sure_field, "in a field for a name, one word that is not common is enough"),
    Rule("field", True, full_name_in_field, "two names and no other word, in a field that may hold anything"),
    Rule("field", True, given_name_in_field, "Mother: Mary"),
    Rule("title", True, anything, "behind Dr. or Mrs. whatever is capitalized is a name"),
    Rule("run", False, organization_uncut, "Mary Imogene Bassett Hospital is named after a person and is none"),
    Rule("run", True, title_within, "Nurse Kovacs"),
    Rule("run", True, degree, "Anna Kovacs, MD"),
    Rule("sign", False, no_sign_word, "spares nearly all of the searches that follow"),
    Rule("sign", False, no_part, "initials, degrees and words of two letters"),
    Rule("sign", False, common_first, "from Monday"),
    Rule("sign", False, thing, "with Parkinson disease"),
    Rule("sign", False, state, "from Arkansas"),
    Rule("sign", True, behind_strong_phrase, "Dear Xiomara: whatever is capitalized is a name"),
    Rule("sign", False, capitals_behind_strong_phrase, "capitals throughout may be an abbreviation"),
    Rule("sign", True, full_name_behind_faint_word, "from Denzel Washington"),
    Rule("sign", False, rest_behind_faint_word, "from Washington, with Parkinson: the word is too frequent"),
    Rule("sign", True, thanks_at_end_of_message, "whoever writes signs behind the thanks"),
    Rule("sign", True, listed_behind_phrase, "his wife, Mary"),
    Rule("sign", True, full_name_behind_person, "her neighbor Xqz Vrbl: of two words no list need know one"),
    Rule("sign", True, listed_family_behind_phrase, "behind a word for no person, a list must know one of the two"),
    Rule("list", False, cut_to_one_word, "what is left of several words is seldom a name"),
    Rule("list", False, no_part, "initials, degrees and words of two letters"),
    Rule("list", False, thing, "Wilson disease"),
    Rule("list", False, joined, "part of a longer word, a path or an address"),
    Rule("list", False, organization, "an organization is no person"),
    Rule("list", False, common_part, "a word that is no name stands within"),
    Rule("list", True, ambiguous_before_family_name, "Drew Wilson, Chad Davis: before a family name that is no word"),
    Rule("list", False, common_first, "Drew, Chad: a word before anything else"),
    Rule("list", False, eponym, "texts on health use these given names more often for a thing"),
    Rule("list", False, mixed_capitals, "John ABC: a name and an abbreviation"),
    Rule("list", True, given_name_alone, "a listed given name that is no common word"),
    Rule("list", True, given_and_family_name, "a given name; in capitals, only with a listed family name"),
    Rule("list", True, two_listed, "two family names"),
)
_BY_GROUP = {
    group: [rule for rule in RULES if rule.group == group] for group in ("field", "title", "run", "sign", "list")
}


def deciding(candidate: Candidate, group: Group) -> Rule | None:
    """The first rule of a group that applies."""
    for rule in _BY_GROUP[group]:  # half the time of next() over a generator
        if rule.applies(candidate):
            return rule
    return None


def deciding_for_run(candidate: Candidate, from_lists: bool) -> Rule | None:
    """The rule that decides on a run outside of fields; None where none applies to it."""
    rule = deciding(candidate, "run") or deciding(candidate, "sign")
    if rule and (rule.is_name or rule.group == "run") or not from_lists:
        return rule
    return deciding(candidate, "list") or rule
