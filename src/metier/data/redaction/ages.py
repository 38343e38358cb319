"""Ages over 89, which Safe Harbor folds into one group."""

import re

from metier.data.redaction.spans import Span

OVER = "90+"
_UNIT = r"(?:years?|yrs?)"
_OLD = rf"(?=[ -]{_UNIT}[ -](?:old|of age)| ?y/?o\b| ?y\.o\.|[ -]?yrs?\.? old)"
DIGITS = re.compile(r"[19](?<![\w.,/]\d)(?:(?<=9)\d|(?<=1)[012]\d)" + _OLD)
WORDS = re.compile(
    r"[Nn]inety(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?(?=[ -]years?[ -](?:old|of age))"
)
AGED = re.compile(
    r"(?i:\b(?:aged?(?: of| is|:)?|turn(?:ed|s|ing)|age at \w+:?)) (9\d|1[0-2]\d)(?![\d.,%/-]\d|\d|%|\+| ?(?:mg|days|"
    r"months|weeks))"
)


def find(text: str) -> list[Span]:
    """Ages of 90 and more that a word says to be one."""
    ages = [match.span() for match in DIGITS.finditer(text)]
    ages += [match.span(1) for match in AGED.finditer(text)] if "9" in text or "1" in text else []
    ages += [match.span() for match in WORDS.finditer(text)]
    return [Span(*span, "AGE") for span in ages]
