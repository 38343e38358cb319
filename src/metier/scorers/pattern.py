"""Was an instruction followed? A pattern that stands with the question decides."""

import re
from dataclasses import dataclass, field

from metier.records import Question
from metier.scorers import Judgement
from metier.scorers.generate import Scorer as Generate


@dataclass
class Scorer(Generate):
    """Right where the whole answer matches the regular expression in the question's field `must`; else wrong.

    Never "could not be judged": an answer in another shape is just what is being looked for (after the verifiable
    instructions of IFEval; Zhou et al. 2023).
    """

    max_tokens: int = 48
    """Longest answer, in tokens."""
    stop: list[str] = field(default_factory=list)
    """Where an answer ends."""

    version = 1

    def judge(self, said: str, question: Question) -> Judgement:
        text = said.strip()
        return Judgement(float(re.fullmatch(question.fields["must"], text, re.DOTALL) is not None), text)
