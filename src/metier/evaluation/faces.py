"""What a verdict means for the person who decides: its face, a headline, the figures that decide, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from metier.evaluation import plain_words as plain
from metier.evaluation import reasons, stats
from metier.evaluation.next_steps import RunFacts, next_steps
from metier.evaluation.results import Comparison, Decided, Decision, Face, RetentionResult
from metier.evaluation.verdict import is_close

NOT_RELIABLE = "No verdict to rely on."


@dataclass(frozen=True)
class Judged:
    """What `decide` found, and by which rule."""

    decision: Decision
    reasons: Sequence[str]
    benchmarks: Sequence[Comparison]
    retention: Sequence[RetentionResult]
    min_gain: float
    alpha: float
    trainings: int
    """Over how many the figures, or the weights behind them, are a mean."""


def conclude(judged: Judged, exploratory: tuple[str, ...], facts: RunFacts) -> Decided:
    """The decision with its face, headline, reason and next steps."""
    face = face_of(judged)
    decider = deciding_entry(face, judged.benchmarks, judged.retention)
    headline, reason = _headline(face, judged), _reason(face, decider, judged)
    if exploratory:
        headline = f"{NOT_RELIABLE} {exploratory[0]}"
        reason = f"By the figures and thresholds as they are now it would be {judged.decision}. {reason}"
    return Decided(
        decision=judged.decision,
        exploratory=exploratory,
        face=face,
        headline=headline,
        reason=reason,
        next_steps=next_steps(face, decider, bool(exploratory), facts),
        reasons=tuple(judged.reasons),
    )


def face_of(judged: Judged) -> Face:
    """The face of a decision. Of a HOLD's, the first that applies: a harm is said before a missing gain, and a better
    baseline, which can be used at once, before a test that shows nothing."""
    if judged.decision == "SMOKE":
        return "smoke"
    gained = [entry for entry in judged.benchmarks if entry.state == "gain"]
    if judged.decision == "SHIP":
        close = judged.trainings == 1 and any(is_close(entry, judged.alpha) for entry in gained)
        return "provisional" if close else "clean"
    if any(entry.state == "worse" for entry in judged.benchmarks):
        return "worse"
    if any(entry.state == "lost" for entry in judged.retention):
        return "forgotten"
    if not gained and any(is_beaten(entry) for entry in judged.benchmarks):
        return "baseline_better"
    return "not_shown"


def is_beaten(entry: Comparison) -> bool:
    """Whether the baseline is better than the tuned model, by the interval of the gain over it; with a margin, better
    by more than that."""
    over = entry.gain_over_baseline
    return (
        over is not None
        and over.high < -(entry.margin_over_baseline or 0.0)
        and entry.clusters >= stats.FEWEST_CLUSTERS
    )


def deciding_entry(
    face: Face, benchmarks: Sequence[Comparison], retention: Sequence[RetentionResult]
) -> Comparison | RetentionResult:
    """The benchmark or the check that a face rests on."""
    gained = [entry for entry in benchmarks if entry.state == "gain"]
    if face == "worse":
        return next(entry for entry in benchmarks if entry.state == "worse")
    if face == "forgotten":
        return next(entry for entry in retention if entry.state == "lost")
    if face == "baseline_better":
        return next(entry for entry in benchmarks if is_beaten(entry))
    if face == "not_shown" and gained:
        return next(entry for entry in retention if entry.state == "inconclusive")
    if face in ("provisional", "not_shown"):  # the close one of those that gained; the nearest to a gain
        return (max if gained else min)(gained or benchmarks, key=lambda entry: entry.p_ship or 0.0)
    return (gained or list(benchmarks))[0]


def held_against(face: Face, entry: Comparison, min_gain: float) -> plain.Against:
    """With whom a face compares the model."""
    if face in ("worse", "baseline_better"):
        return "base" if face == "worse" else "baseline"
    hinge = plain.hinge(entry)
    if face != "not_shown" or entry.gain_over_baseline is None:
        return hinge
    # The less sure gain may be large enough, and the other one too small.
    enough = {
        "base": reasons.large_enough(entry.gain, min_gain),
        "baseline": reasons.over_enough(entry, entry.gain_over_baseline, min_gain),
    }
    lacking: list[plain.Against] = [who for who in ("base", "baseline") if not enough[who]]
    return lacking[0] if len(lacking) == 1 else hinge


def _headline(face: Face, judged: Judged) -> str:
    decider = deciding_entry(face, judged.benchmarks, judged.retention)
    if isinstance(decider, RetentionResult):
        return _of_retention(face, judged)
    if face in ("clean", "provisional"):
        return _use(face, judged, decider)
    against = held_against(face, decider, judged.min_gain)
    who = plain.opponent(decider, against)
    if face == "worse":
        worse = [entry.name for entry in judged.benchmarks if entry.state == "worse"]
        than = "less accurate" if plain.ahead(decider) == "more accurate" else "worse"
        return f"Do not use {plain.model(decider)}: on {plain.listed(worse)} it is {than} than the base model."
    margin = decider.margin_over_baseline if against == "baseline" else None
    if face == "baseline_better":
        by = "" if margin is None else f" by more than {plain.size(margin, decider.unit)}"
        same = f"the same {decider.n:,} questions" + (f" of {decider.name}" if len(judged.benchmarks) > 1 else "")
        return f"Do not use {plain.model(decider)}: {who} is {plain.ahead(decider)}{by} on {same}."
    if face == "not_shown" and margin is not None:
        within = plain.within(who, margin, decider.unit)
        return f"Do not use {plain.model(decider)} yet: it is not shown that it is {within}."
    if face == "not_shown" and _is_small(decider, judged):
        better = f"it is {plain.ahead(decider)} than {who}, but by less than the recipe requires"
        return f"Do not use {plain.model(decider)} yet: {better}."
    if face == "not_shown":
        return f"Do not use {plain.model(decider)} yet: it is not shown to be {plain.ahead(decider)} than {who}."
    return "No verdict: this was a smoke run, which only shows that all stages work."


def _use(face: Face, judged: Judged, decider: Comparison) -> str:
    gained = [entry for entry in judged.benchmarks if entry.state == "gain"]
    names = plain.listed([entry.name for entry in gained])
    better = f"it is {plain.ahead(decider)} than {_those_beaten(gained)}{_those_reached(gained)}"
    if face == "provisional":
        return (
            f"Use {plain.model(decider)} for {names} on trial only: {better}, but another training could reverse this."
        )
    others = [entry for entry in judged.benchmarks if entry.state != "gain"]
    beaten, unclear = ([one.name for one in others if is_beaten(one) is which] for which in (True, False))
    scope = f" On {plain.listed(unclear)} this is not shown." if unclear else ""
    scope += f" On {plain.listed(beaten)} the baseline is better." if beaten else ""
    return f"Use {plain.model(decider)} for {names}: {better}.{scope}"


def _those_beaten(gained: Sequence[Comparison]) -> str:
    """Than what the tuned model is better on the benchmarks that a SHIP rests on."""
    with_baseline = [entry for entry in gained if entry.gain_over_baseline and entry.margin_over_baseline is None]
    names = {plain.short_name(entry.baseline_name) for entry in with_baseline}
    if not names:
        return "the base model"
    baseline = names.pop() if len(names) == 1 else "the baselines"
    where = " where there is one" if len(with_baseline) < len(gained) else ""
    return f"both the base model and {baseline}{where}"


def _those_reached(gained: Sequence[Comparison]) -> str:
    """Than what it is not worse by more than a margin."""
    reached = [entry for entry in gained if entry.gain_over_baseline and entry.margin_over_baseline is not None]
    names = {plain.short_name(entry.baseline_name) for entry in reached}
    if not reached:
        return ""
    baseline = names.pop() if len(names) == 1 else "the baselines"
    return f", and {plain.within(baseline, reached[0].margin_over_baseline or 0.0, reached[0].unit)}"


def _of_retention(face: Face, judged: Judged) -> str:
    state = "lost" if face == "forgotten" else "inconclusive"
    names = plain.listed([f"'{entry.name}'" for entry in judged.retention if entry.state == state])
    if face == "forgotten":
        return f"Do not use this model: by the check {names}, it forgot more than the recipe allows."
    return f"Do not use this model yet: it is better at its task, but the check {names} cannot show how much it forgot."


def _reason(face: Face, decider: Comparison | RetentionResult, judged: Judged) -> str:
    if isinstance(decider, RetentionResult):
        if face == "forgotten" or decider.clusters >= stats.FEWEST_CLUSTERS:
            return plain.sentence(plain.change(decider))
        return plain.sentence(f"{decider.name} has {_too_few(decider)}")
    if face == "smoke":
        return reasons.SMOKE
    where = f"on {decider.name} " if len(judged.benchmarks) > 1 else ""
    figures = f"{where}{plain.compared(decider, held_against(face, decider, judged.min_gain))}"
    if face == "provisional":
        return plain.sentence(f"{figures}. That is close to the limit of what one training can show")
    if face == "not_shown":
        return plain.sentence(f"{figures}. {_missing(decider, judged)}")
    return plain.sentence(figures)


def _missing(entry: Comparison, judged: Judged) -> str:
    """What a gain lacks, as a sentence without its full stop."""
    against = held_against("not_shown", entry, judged.min_gain)
    gain, margin = plain.gain_over(entry, against), entry.margin_over_baseline
    if entry.clusters < stats.FEWEST_CLUSTERS:
        return f"There are {_too_few(entry)}"
    if against == "baseline" and margin is not None:
        return _missing_within(gain, margin, entry.unit)
    if gain.low <= 0 <= gain.high:
        return "The interval includes 0, so chance alone can explain it"
    if gain.high < 0:
        return "It is behind, but by the deciding test chance alone can explain that"
    if gain.value < judged.min_gain:
        return f"That is less than the {plain.size(judged.min_gain, entry.unit)} that the recipe requires"
    several = ", with this many comparisons," if len(judged.benchmarks) > 1 else ""
    return f"By the deciding test{several} chance alone can still explain it"


def _missing_within(gain: plain.Difference, margin: float, unit: str) -> str:
    allowed = plain.signed(-margin, unit)
    if gain.low <= -margin:
        return f"The interval reaches below the {allowed} that is allowed, so it may be worse by more than that"
    return f"By the test that decides it may still be below the {allowed} that is allowed"


def _is_small(entry: Comparison, judged: Judged) -> bool:
    """Whether a gain is shown, and all it lacks is its size."""
    assert entry.p_ship is not None, "adjusted by `decide`"
    over = entry.gain_over_baseline
    ahead = over is None or over.low > -(entry.margin_over_baseline or 0.0)
    return entry.p_ship < judged.alpha and entry.gain.low > 0 and ahead


def _too_few(entry: Comparison | RetentionResult) -> str:
    return f"{entry.clusters} groups of questions, too few to test (fewer than {stats.FEWEST_CLUSTERS})"
