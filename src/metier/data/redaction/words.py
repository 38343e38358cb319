"""The carried lists: given names, family names, and common words that no name is made of without a sign of one.

What they are made from, and under which license, stands in the first line of data/redaction/redaction.jsonl, which
data/redaction/make_redaction.py makes.
"""

import functools
import json
from importlib.resources import files


@functools.cache
def _lists() -> dict[str, frozenset[str]]:
    lines = (files("metier") / "data" / "redaction" / "redaction.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["kind"]: frozenset(row["words"].split()) for row in rows if row["kind"] != "about"}


def first_names() -> frozenset[str]:
    return _lists()["first"]


def last_names() -> frozenset[str]:
    return _lists()["last"]


def common() -> frozenset[str]:
    return _lists()["common"]


def ambiguous() -> frozenset[str]:
    """Common words that are also frequent names: Bell, Brown, Young."""
    return _lists()["ambiguous"]


def row(text: str, sign: str | None = None) -> list[str]:
    """The words or phrases of a list that is written as one text, because that reads better than a hundred quotes."""
    return text.split(sign)
