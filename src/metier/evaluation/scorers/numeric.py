"""The answer is a number."""

import math
import re
from dataclasses import dataclass

from metier.data.records import Question
from metier.evaluation.scorers.generate import Scorer as Generate
from metier.evaluation.scoring import UNSCORED, Score
from metier.recipes.settings import Share

PERCENT = ("%", "percent")
SCALES = {"": 1.0, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "k": 1e3, "m": 1e6, "bn": 1e9}
# White space before a currency sign is read from its beginning on only: from each of its places, a text of nothing else
# would take the square of its length.
NUMBER = re.compile(
    r"(?P<open>\()?(?:(?<![\w%])(?P<sign>[-−+]))?(?:(?<!\s)\s*[$€£]\s*)?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<close>\))?\s*(?P<unit>%|percent\b|thousand\b|million\b|billion\b|trillion\b|bn\b|k\b|m\b)?"
    r"(?P<late>\))?",
    re.IGNORECASE,
)


@dataclass
class Scorer(Generate):
    """Right within a relative tolerance. How numbers are read:

    - commas part thousands; a currency sign is passed over; an accountant's (1,234) and (12.5%) are negative;
    - a hyphen right behind a number or a word, or with a space behind it, is no sign: 2019-2020 and 2019 - 2020 end
      with 2020, 5-10% with 10 %;
    - `thousand`, `million`, `billion` (k, m, bn) behind a number multiply it;
    - 12 % is 12 percent: right where 12 is asked for with the scale `percent`, and where 0.12 is asked for without;
    - the last number of the text counts, or the first behind `marker` where the text has it.
    """

    tolerance: Share = 1e-4
    """Largest relative error that is still right; below 1 it is absolute (percents are compared as percents)."""
    marker: str = "####"
    """The text before the final answer, if the completion has it."""

    version = 3

    def problems(self) -> list[str]:
        problems = super().problems()
        return problems if self.marker else [*problems, "marker: an empty text stands everywhere. Give a text."]

    def read(self, completion: str, question: Question) -> str | None:
        number = self._number(completion, question.fields.get("scale", ""))
        return None if number is None else f"{number:g}"

    def judge(self, completion: str, question: Question) -> Score:
        """`question.fields["scale"]`, where there is one, says in what the right answer is counted."""
        scale = question.fields.get("scale", "")
        wanted, given = read_number(question.answer, scale), self._number(completion, scale)
        if wanted is None:
            raise ValueError(f"question {question.id}: the right answer '{question.answer}' is no number")
        if given is None:
            return UNSCORED
        # As the fractions that they are, 2.33 % and 2.34 % would be within the absolute tolerance.
        size = 100.0 if _unit(_numbers(question.answer)[-1], scale) in PERCENT else 1.0
        close = math.isclose(size * given, size * wanted, rel_tol=self.tolerance, abs_tol=self.tolerance)
        return Score(float(close), f"{given:g}")

    def _number(self, completion: str, scale: str) -> float | None:
        _, marked, behind = completion.rpartition(self.marker)
        numbers = _numbers(behind if marked else completion)
        return _value(numbers[0 if marked else -1], scale) if numbers else None


def read_number(text: str, scale: str = "") -> float | None:
    """The last number of a text, in units; a bare number is counted in `scale` (thousand, million, percent)."""
    numbers = _numbers(text)
    return _value(numbers[-1], scale) if numbers else None


def _numbers(text: str) -> list[re.Match[str]]:
    return list(NUMBER.finditer(text))


def _value(match: re.Match[str], scale: str) -> float:
    value = float(match["digits"].replace(",", ""))
    negative = match["sign"] in ("-", "−") or (match["open"] and (match["close"] or match["late"]))
    unit = _unit(match, scale)
    factor = 0.01 if unit in PERCENT else SCALES.get(unit, 1.0)
    return (-value if negative else value) * factor


def _unit(match: re.Match[str], scale: str) -> str:
    return (match["unit"] or scale or "").lower()
