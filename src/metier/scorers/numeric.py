"""The answer is a number."""

import math
import re
from dataclasses import dataclass

from metier.records import Question
from metier.scorers import Judgement
from metier.scorers.generate import Scorer as Generate

SCALES = {"": 1.0, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "k": 1e3, "m": 1e6, "bn": 1e9}
NUMBER = re.compile(
    r"(?P<open>\()?(?P<sign>[-−+])?\s*[$€£]?\s*(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<close>\))?\s*(?P<unit>%|percent\b|thousand\b|million\b|billion\b|trillion\b|bn\b|k\b|m\b)?",
    re.IGNORECASE,
)


@dataclass
class Scorer(Generate):
    """Right within a relative tolerance. How numbers are read:

    - commas part thousands; a currency sign is passed over; an accountant's (1,234) is negative;
    - `thousand`, `million`, `billion` (k, m, bn) behind a number multiply it;
    - 12 % is 12 percent: right where 12 is asked for with the scale `percent`, and where 0.12 is asked for without;
    - the last number of the text counts, or the first behind `marker` where the text has it.
    """

    tolerance: float = 1e-4
    """Largest relative error that is still right; near zero it is absolute."""
    marker: str = "####"
    """Behind this the final answer stands, if the text has it."""
    stop: list[str] = None  # type: ignore[assignment]
    """Where an answer ends."""

    version = 1

    def __post_init__(self) -> None:
        if self.stop is None:
            self.stop = ["\n"]

    def judge(self, said: str, question: Question) -> Judgement:
        """`question.fields["scale"]`, where there is one, says in what the right answer is counted."""
        scale = question.fields.get("scale", "")
        wanted, given = read_number(question.answer, scale), self._number(said, scale)
        if wanted is None:
            raise ValueError(f"question {question.id}: the right answer '{question.answer}' is no number")
        if given is None:
            return Judgement(None, None)
        close = math.isclose(given, wanted, rel_tol=self.tolerance, abs_tol=self.tolerance)
        return Judgement(float(close), f"{given:g}")

    def _number(self, said: str, scale: str) -> float | None:
        _, marked, behind = said.rpartition(self.marker)
        found = list(NUMBER.finditer(behind if marked else said))
        return _value(found[0 if marked else -1], scale) if found else None


def read_number(text: str, scale: str = "") -> float | None:
    """The last number of a text, in units; a bare number is counted in `scale` (thousand, million, percent)."""
    found = list(NUMBER.finditer(text))
    return _value(found[-1], scale) if found else None


def _value(match: re.Match[str], scale: str) -> float:
    value = float(match["digits"].replace(",", ""))
    negative = match["sign"] in ("-", "−") or (match["open"] and match["close"])
    unit = (match["unit"] or scale or "").lower()
    factor = 0.01 if unit in ("%", "percent") else SCALES.get(unit, 1.0)
    return (-value if negative else value) * factor
