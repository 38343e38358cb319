"""What TF-IDF reads of a question: the prompt, the values that set the question, and how alike its texts are."""

import itertools
import re
from collections.abc import Sequence

import numpy as np

from metier.data.records import Question

WORD = r"(?u)\b\w+\b"
ROWS_A_VALUE = 20
"""Training rows that a value of a column must have on average, or words by value are as rare as the rows."""
WORDS_TO_COMPARE = 4
"""Words that a column must have on average to be held against another: a name is too short for that."""
Read = tuple[str, str, list[tuple[str, str]]]
LIKENESSES = 9
"""Figures of a pair of texts."""


def setting_columns(rows: Sequence[Question], prompt: str) -> list[str]:
    """The prompt's columns that have few values with many rows each."""
    found = []
    for name in columns(prompt):
        values = {question.fields.get(name) for question in rows}
        if name != "text" and None not in values and 1 < len(values) <= len(rows) / ROWS_A_VALUE:
            found.append(name)
    return found


def text_pairs(rows: Sequence[Question], prompt: str) -> list[tuple[str, str]]:
    """The prompt's texts of some length that differ from row to row, two by two."""
    setting = setting_columns(rows, prompt)
    texts = []
    for name in columns(prompt):
        lengths = [len(_value(question, name).split()) for question in rows]
        if name not in setting and np.mean(lengths) >= WORDS_TO_COMPARE:
            texts.append(name)
    return list(itertools.combinations(texts, 2))


def columns(prompt: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"\{(\w+)\}", prompt)))


def _value(question: Question, name: str) -> str:
    return question.text if name == "text" else question.fields.get(name, "")


def read(question: Question, prompt: str, columns: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Read:
    """(the rendered prompt and, where that leaves it out, the row's text; the values that set the question; the texts
    to hold against each other)

    The text may say more than the prompt, for a reader that has no word order: ddi2013 marks the two drugs in it.
    """
    text = question.render(prompt) + ("" if "{text}" in prompt else f"\n{question.text}")
    both = [(_value(question, one).lower(), _value(question, other).lower()) for one, other in pairs]
    return text.lower(), " | ".join(question.fields.get(name, "") for name in columns), both


def prompt_of(row: Read) -> str:
    """The text whose words and characters are counted."""
    return row[0]


def words_by_value(row: Read) -> list[str]:
    """Each word behind the values that set the question."""
    return [f"{row[1]} | {word}" for word in re.findall(WORD, row[0])]


def likenesses(rows: Sequence[Read]) -> np.ndarray:
    """(rows, pairs x 9): of the words, the words with a digit in them and the 3-grams of characters, the share of each
    text that the other has too, and what both have of what either has (Jaccard)."""
    return np.array([[share for one, other in row[2] for share in _shares(one, other)] for row in rows])


def _shares(one: str, other: str) -> list[float]:
    found = []
    for parts in (_words, _numbers, _trigrams):
        first, second = parts(one), parts(other)
        both = len(first & second)
        found += [both / max(1, len(part)) for part in (first, second, first | second)]
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(WORD, text))


def _numbers(text: str) -> set[str]:
    return {word for word in _words(text) if any(map(str.isdigit, word))}


def _trigrams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}
