"""The answer is a JSON object; every field of it is judged."""

import json
from dataclasses import dataclass, field
from typing import Any

from metier.data.records import Question
from metier.evaluation.scorers.generate import Scorer as Generate
from metier.evaluation.scoring import Score, plain
from metier.recipes.settings import AnswerTokens


@dataclass
class Scorer(Generate):
    """F1 of the answer's fields against the wanted ones (what is made up costs as much as what is left out); a list
    counts each of its items.

    `parts` holds hits, wanted and given items, for the whole and for each field, so that a metric can make F1 of them.
    Text without a JSON object is not valid and has no hits: broken JSON is what a user of it would be left with.
    """

    max_new_tokens: AnswerTokens = 256
    """Longest answer, in tokens."""
    stop: list[str] = field(default_factory=list)
    """Where an answer ends."""

    version = 3
    gives = ("fields",)

    def read(self, completion: str, question: Question) -> str | None:
        found = _object(completion)
        return None if found is None else json.dumps(found, sort_keys=True)

    def judge(self, completion: str, question: Question) -> Score:
        wanted, given = _items(_object(question.answer)), _items(_object(completion))
        if wanted is None:
            raise ValueError(f"question {question.id}: the right answer is no JSON object")
        parts = {"valid": float(given is not None), "exact": float(given == wanted)}
        parts |= _counts("", wanted, given or set())
        for name in sorted({key for key, _ in wanted | (given or set())}):
            of_field = {item for item in wanted if item[0] == name}, {item for item in given or () if item[0] == name}
            parts |= _counts(f"{name}.", *of_field)
        both = parts["wanted"] + parts["given"]
        value = 2 * parts["hits"] / both if both else float(given == wanted)
        return Score(value, self.read(completion, question), parts)


def _counts(name: str, wanted: set[Any], given: set[Any]) -> dict[str, float]:
    return {
        f"{name}hits": float(len(wanted & given)),
        f"{name}wanted": float(len(wanted)),
        f"{name}given": float(len(given)),
    }


def _object(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _items(answer: dict[str, Any] | None) -> set[tuple[str, str]] | None:
    """(field, value) pairs with values as plain text; an empty field says nothing and is no item."""
    if answer is None:
        return None
    pairs = (
        (key, value) for key, values in answer.items() for value in (values if isinstance(values, list) else [values])
    )
    return {(key, _plain(value)) for key, value in pairs if value not in (None, "")}


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return plain(text)
