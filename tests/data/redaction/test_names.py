"""Names of persons: every rule of the table decides its own case."""

import pytest

from metier.data.redaction import names
from metier.data.redaction.name_rules import RULES, deciding

CASES = {
    "field: organization": ("Provider: Mercy Hospital", "Mercy Hospital"),
    "field: thing": ("Mother: Parkinson disease", "Parkinson"),
    "field: unusual_in_sure_field": ("Name: Xqzt", "Xqzt"),
    "field: full_name_in_field": ("Patient: Drew Bell", "Drew Bell"),
    "field: given_name_in_field": ("Mother: Mary", "Mary"),
    "title: anything": ("Dr. Young came.", "Young"),
    "run: organization_uncut": ("Mary Imogene Bassett Hospital is near.", "Mary Imogene Bassett Hospital"),
    "run: title_within": ("Nurse Kovacs came.", "Kovacs"),
    "run: degree": ("Reviewed with Anna Kovacs, MD today.", "Anna Kovacs"),
    "sign: no_sign_word": ("Then Xqzt came.", "Xqzt"),
    "sign: no_part": ("Talked to Al.", "Al"),
    "sign: common_first": ("Dear Drew Denise", "Drew Denise"),
    "sign: thing": ("with Alzheimer disease", "Alzheimer"),
    "sign: state": ("from Arkansas", "Arkansas"),
    "sign: behind_strong_phrase": ("Dear Xiomara, we called.", "Xiomara"),
    "sign: capitals_behind_strong_phrase": ("It is named XQZT.", "XQZT"),
    "sign: full_name_behind_faint_word": ("from Denise Xqzt", "Denise Xqzt"),
    "sign: rest_behind_faint_word": ("from Xqzt", "Xqzt"),
    "sign: thanks_at_end_of_message": ("Thanks, Xqzt.", "Xqzt"),
    "sign: listed_behind_phrase": ("His wife, Mary, was there.", "Mary"),
    "sign: full_name_behind_person": ("Her neighbor Xqzt Vrbl", "Xqzt Vrbl"),
    "sign: listed_family_behind_phrase": ("payment to Xqzt Garcia", "Xqzt Garcia"),
    "list: cut_to_one_word": ("Yesterday Kovacs came", "Kovacs"),
    "list: no_part": ("She saw Al.", "Al"),
    "list: thing": ("Mary Wilson disease", "Mary Wilson"),
    "list: joined": ("pre-Mary", "Mary"),
    "list: organization": ("She saw Inc again.", "Inc"),
    "list: common_part": ("Mary Goes Kovacs", "Mary Goes Kovacs"),
    "list: ambiguous_before_family_name": ("Drew Wilson came.", "Drew Wilson"),
    "list: common_first": ("Then Drew Denise came.", "Drew Denise"),
    "list: eponym": ("Then Todd Kovacs.", "Todd Kovacs"),
    "list: mixed_capitals": ("Then Mary XQZT.", "Mary XQZT"),
    "list: given_name_alone": ("She saw Mary again.", "Mary"),
    "list: given_and_family_name": ("Then Mary Xqzt.", "Mary Xqzt"),
    "list: two_listed": ("Then Garcia Nguyen.", "Garcia Nguyen"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_decides_its_own_case(rule):
    text, run = CASES[rule.name]
    [candidate] = [one for one, _ in names.decisions(text, from_lists=True) if one.run == run][:1]
    assert deciding(candidate, rule.group) is rule
    found = [text[span.start : span.end] for span in names.find(text, from_lists=True)]
    assert (run in found) == rule.is_name


def test_no_two_rules_have_one_name_and_each_gives_its_reason():
    assert sorted(CASES) == sorted(rule.name for rule in RULES)
    assert all(rule.why for rule in RULES)


def test_without_lists_a_name_needs_a_sign():
    assert not names.find("Then Mary Kovacs.", from_lists=False)
    assert names.find("His wife, Mary, was there.", from_lists=False)
