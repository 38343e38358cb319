"""The sentences that a verdict is explained by."""

from collections.abc import Sequence

from metier.evaluation import plain_words as plain
from metier.evaluation import stats
from metier.evaluation.results import Comparison, Deciding, Gain, RetentionResult, SeedsResult
from metier.evaluation.retention import FORGOTTEN, MONITORED
from metier.evaluation.stats import Interval

SMOKE = "This was a smoke run on a few rows and questions. It only shows that all stages work."


def say_p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def of_benchmark(entry: Comparison, min_gain: float, alpha: float) -> str:
    """Why a judged benchmark has the state that it has."""
    assert entry.p_holm is not None, "adjusted by `decide`"
    seen, gain = _seen(entry), entry.gain
    if entry.state == "worse":
        return f"{seen}: worse than the base model."
    if not entry.p_holm < alpha:
        return f"{seen}: no significant gain; {_detectable(entry)}."
    if not large_enough(gain, min_gain):
        return f"{seen}: less than the gain of {min_gain:g} that the recipe requires."
    if entry.gain_over_baseline is None:
        return _without_baseline(entry, seen)
    return _against_baseline(entry, seen, min_gain, alpha)


def large_enough(gain: Interval | Gain, min_gain: float) -> bool:
    """Whether a gain is as large as a recipe requires, and its interval above zero."""
    return gain.value >= min_gain and gain.low > 0


def over_enough(entry: Comparison, over: Gain, min_gain: float) -> bool:
    """The same of the gain over the baseline; with a margin its interval is above minus the margin."""
    margin = entry.margin_over_baseline
    return large_enough(over, min_gain) if margin is None else over.low > -margin


def rule(min_gain: float, alpha: float, margin: float | None = None) -> str:
    """When a gain counts, in a sentence. `margin`: how much worse than the baseline a model may be."""
    if margin is not None:
        return (
            f"A gain counts where the tuned model is at least {min_gain:g} better than the base model, with a 95 % "
            f"interval above zero, and not worse than the baseline by more than {margin:g}, with a 95 % interval above "
            f"{-margin:g}; both with p below {alpha:g}, adjusted over all benchmarks."
        )
    return (
        f"A gain counts if the tuned model is at least {min_gain:g} better than the base model and than the "
        f"baseline, each with a 95 % interval above zero and p below {alpha:g}, adjusted over all benchmarks."
    )


def _seen(entry: Comparison) -> str:
    assert entry.p_holm is not None, "adjusted by `decide`"
    gain, values = entry.gain, entry.values if isinstance(entry, SeedsResult) else ()
    spread = f"{min(values):.3f} to {max(values):.3f} over {len(values)} seeds; " if values else ""
    return (
        f"On {entry.name} {entry.metric} went from {entry.base.value:.3f} to {entry.tuned.value:.3f} "
        f"({spread}gain {gain.value:+.3f}, 95 % CI {gain.low:+.3f} to {gain.high:+.3f}, {say_p(entry.p_holm)})"
    )


def _detectable(entry: Comparison) -> str:
    if entry.clusters < stats.FEWEST_CLUSTERS:
        return f"{entry.clusters} groups of questions are too few to test (fewer than {stats.FEWEST_CLUSTERS})"
    return power(entry)


def power(entry: Comparison) -> str:
    """What the comparison that SHIP hinges on could find, and how many questions would decide."""
    deciding = entry.deciding
    assert deciding is not None, "adjusted by `decide`"
    against = "the base model" if deciding.against == "base" else entry.baseline_name or "the baseline"
    if not deciding.minimum_detectable_effect:
        return f"the tuned model and {against} give the same answers"
    if deciding.against == "baseline" and entry.margin_over_baseline is not None:
        return _power_within(entry, deciding, against)
    found = f"against {against} the minimum detectable effect is {deciding.minimum_detectable_effect:.3f} (80 % power)"
    if deciding.n_required is None or deciding.n_required <= entry.n:
        return found
    return (
        f"{found}, and about {deciding.n_required:,} questions instead of {entry.n:,} would show a gain of "
        f"{deciding.gain_sought:.3f}"
    )


def _power_within(entry: Comparison, deciding: Deciding, against: str) -> str:
    """How many questions would show that a model is within a margin."""
    found = f"that it is not {_within(entry, against)}"
    if deciding.n_required is None:
        return f"no number of questions would show {found}, if the gain stays as it is"
    return f"about {deciding.n_required:,} questions instead of {entry.n:,} would show {found}"


def _within(entry: Comparison, against: str | None) -> str:
    return f"worse than {against} by more than {plain.size(entry.margin_over_baseline or 0.0, entry.unit)}"


def _without_baseline(entry: Comparison, seen: str) -> str:
    assert entry.p_ship is not None, "adjusted by `decide`"
    if entry.state == "gain":
        return f"{seen}. There is no baseline for it."
    return f"{seen}: no significant gain after adjusting for all benchmarks ({say_p(entry.p_ship)})."


def _against_baseline(entry: Comparison, seen: str, min_gain: float, alpha: float) -> str:
    over = entry.gain_over_baseline
    assert over is not None and entry.baseline is not None and entry.p_ship is not None, "adjusted by `decide`"
    adjusted = f", adjusted over all benchmarks {say_p(entry.p_ship)}" if entry.p_ship > max(over.p, 0.001) else ""
    against = (
        f"gain over {entry.baseline_name} ({entry.baseline.value:.3f}) {over.value:+.3f}, "
        f"95 % CI {over.low:+.3f} to {over.high:+.3f}, {say_p(over.p)}{adjusted}"
    )
    if entry.margin_over_baseline is not None:
        return _against_margin(entry, over, seen, against)
    if entry.state == "gain":
        return f"{seen}; {against}."
    if over.p < alpha and over.value < 0:
        return f"{seen}, but the baseline is better: {against}."
    if entry.p_ship < alpha:
        return (
            f"{seen}, but the gain over the baseline is less than the {min_gain:g} that the recipe requires: {against}."
        )
    return f"{seen}, but it is not shown to beat the baseline: {against}; {_detectable(entry)}."


def _against_margin(entry: Comparison, over: Gain, seen: str, against: str) -> str:
    """Whether the model is within the margin; the p is that of a gain of minus the margin."""
    within = _within(entry, entry.baseline_name)
    if entry.state == "gain":
        return f"{seen}; it is not {within}: {against}."
    if over.high < -(entry.margin_over_baseline or 0.0):
        return f"{seen}, but it is {within}: {against}."
    return f"{seen}, but it is not shown that it is not {within}: {against}; {_detectable(entry)}."


def of_close_tests(names: Sequence[str], trainings: int) -> str:
    """What would settle tests that luck in training may have decided."""
    what = "Use more seeds or more questions" if trainings > 1 else "Run `--seeds 3`"
    return f"Borderline on {', '.join(names)}: another training could reverse this. {what} before deciding."


def of_retention(entry: RetentionResult) -> str:
    """Whether something was forgotten."""
    seen = f"{entry.name}: {_change(entry)}"
    needed = f"about {entry.n_required:,} questions instead of {entry.n:,}" if entry.n_required else "other text"
    missing = f"the interval includes the margin, and {needed} would be needed to show that it is kept"
    if entry.clusters < stats.FEWEST_CLUSTERS:
        missing = f"{entry.clusters} groups of questions are too few to test (fewer than {stats.FEWEST_CLUSTERS})"
    return {
        "kept": f"Kept {seen}.",
        "lost": f"Lost {seen}. The model forgot more than the recipe allows.",
        "inconclusive": f"Inconclusive {seen}; {missing}.",
        MONITORED: f"Monitored {seen}. It does not affect the decision.",
        FORGOTTEN: f"Forgotten {seen}. It does not affect the decision, but use this model only for its own task.",
    }[entry.state]


def _change(entry: RetentionResult) -> str:
    """How far a metric rose or fell, with the interval in that direction, and what was allowed."""
    change, moved = entry.change, entry.tuned - entry.base
    unit = "" if entry.unit == "share" else f" {entry.unit}"
    if not change.value or not moved:
        allowed = "" if entry.margin is None else f"; a worsening of up to {entry.margin:g} was allowed"
        return f"{entry.metric} stayed at {entry.base:.3f}{unit}{allowed}"
    size, low, high = change.value, change.low, change.high
    if size < 0:
        size, low, high = -change.value, -change.high, -change.low
    harm = "rise" if (moved > 0) == (change.value > 0) else "fall"
    allowed = "" if entry.margin is None else f"; a {harm} of up to {entry.margin:g} was allowed"
    verb = "rose" if moved > 0 else "fell"
    span = f"from {entry.base:.3f} to {entry.tuned:.3f}{unit}"
    return f"{entry.metric} {verb} {span}, by {size:.3f} (95 % CI {low:.3f} to {high:.3f}){allowed}"
