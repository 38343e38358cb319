"""Whether an instruction was followed, by a pattern that the question has."""

from dataclasses import dataclass, field

from metier.data.records import Question
from metier.evaluation import patterns
from metier.evaluation.scorers.generate import Scorer as Generate
from metier.evaluation.scoring import Score
from metier.recipes.settings import AnswerTokens


@dataclass
class Scorer(Generate):
    """Right where the whole answer matches the regular expression in the question's field `must`; else wrong.

    Unscored is only an answer on which the pattern takes too long (half a second). An answer of another form is wrong:
    the form is what is tested (after the verifiable instructions of IFEval; Zhou et al. 2023).
    """

    max_new_tokens: AnswerTokens = 48
    """Longest answer, in tokens."""
    stop: list[str] = field(default_factory=list)
    """Where an answer ends."""

    version = 1

    def read(self, completion: str, question: Question) -> str | None:
        return completion.strip()

    def judge(self, completion: str, question: Question) -> Score:
        text = completion.strip()
        return Score(float(patterns.matches_whole(question.fields["must"], text, dot_all=True)), text)
