"""GO, CAUTION or NO-GO from what was measured: five rules, each with its figure."""

from dataclasses import dataclass

from metier.data.representativeness.comparison import ENOUGH, Representation
from metier.data.representativeness.neighbors import Topic

# Chosen on training rows of four industries (bench/represent.py, docs/representativeness.md). Of the terms that general
# text lacks, an industry's own raw text had 69 to 98 %, another industry's at most 33 %; on eight further benchmarks
# (seen too while this was built) another industry's had 44 % once and 38 % at most else. Between the two stands a band
# of doubt.
TERMS_GO, TERMS_NO_GO = 0.5, 0.4
ENOUGH_WORDS = 30_000
"""Below that a term is missing for want of text: 15,600 words of the right industry had 39 % where 198,000 had 69 %."""
MOST_IN_GAPS = 0.5
"""Share of target texts in uncovered topics: an industry's own raw text left 0 to 38 %, another's 62 % and more."""
STATES = ("GO", "CAUTION", "NO-GO")


@dataclass(frozen=True)
class Decision:
    """The worst state that a rule gives, and a sentence for each rule."""

    state: str
    reasons: list[str]
    """The reasons for the state first."""


def decide(representation: Representation) -> Decision:
    """Every rule is applied; the worst answer is the state."""
    rules = (_words, _terms, _topics, _examples, _labels)
    answers = [answer for rule in rules if (answer := rule(representation))]
    answers.sort(key=lambda answer: -STATES.index(answer[0]))  # stable: rules of one state keep their order
    return Decision(answers[0][0], [sentence for _, sentence in answers])


def _words(it: Representation) -> tuple[str, str]:
    measure = it.measures["cross_entropy"]
    figures = (
        f"{measure.candidate:.2f} bits a word from your data and {measure.baseline:.2f} from as much general text "
        f"(difference {measure.difference.low:+.2f} to {measure.difference.high:+.2f})"
    )
    if measure.surely_better:
        return "GO", f"Your data predicts the domain's words better than general text does: {figures}."
    return "NO-GO", f"Your data does not predict the domain's words better than general text does: {figures}."


def _terms(it: Representation) -> tuple[str, str]:
    measure, words = it.measures["terms"], it.sizes["candidate"]["words"]
    share, missing = measure.further["of_lacking"], measure.further["missing"]
    figures = (
        f"Your data has {100 * share:.0f} % of the {measure.further['lacking']} domain terms that as much "
        f"general text lacks (asked for: {100 * TERMS_GO:.0f} %)"
    )
    named = f"; it lacks {', '.join(missing[:6])}" if missing else ""
    if share >= TERMS_GO:
        return "GO", f"{figures}."
    if words < ENOUGH_WORDS:
        return "CAUTION", f"{figures}, but {words:,} words a side are too few to judge by{named}."
    return ("NO-GO" if share < TERMS_NO_GO else "CAUTION"), f"{figures}{named}."


def _topics(it: Representation) -> tuple[str, str]:
    share = sum(topic.share for topic in it.gaps)
    figures = f"{len(it.gaps)} of {len(it.topics)} topics, with {100 * share:.0f} % of the target's texts,"
    named = f": {'; '.join(name(topic) for topic in it.gaps[:3])}" if it.gaps else ""
    sentence = f"{figures} are no nearer to your data than to general text{named}."
    return ("CAUTION" if share > MOST_IN_GAPS else "GO"), sentence


def name(topic: Topic) -> str:
    """A topic by its first terms."""
    return ", ".join(topic.terms[:3])


def _examples(it: Representation) -> tuple[str, str] | None:
    given = it.sizes["target"]["given"]
    if given >= ENOUGH:
        return None
    return "CAUTION", f"The target has {given} texts; its figures settle from {ENOUGH} on."


def _labels(it: Representation) -> tuple[str, str] | None:
    measure = it.measures.get("labels")
    missing = measure.further["missing"] if measure else []
    if not missing:
        return None
    return "CAUTION", f"{len(missing)} of the target's labels never occur in your data: {', '.join(missing[:6])}."
