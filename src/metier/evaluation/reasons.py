"""The sentences that a verdict is explained by."""

from collections.abc import Sequence

from metier.evaluation import stats
from metier.evaluation.results import Comparison, RetentionResult, SeedsResult
from metier.evaluation.retention import FORGOTTEN, MONITORED, worse_by

SMOKE = "This was a smoke run on few rows and few questions: it shows that the path works, no more."


def say_p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def of_benchmark(entry: Comparison, min_gain: float, alpha: float) -> str:
    """Why a judged benchmark has the state that it has."""
    assert entry.p_holm is not None, "adjusted by `decide`"
    seen, gain = _seen(entry), entry.gain
    if entry.state == "worse":
        return f"{seen}: worse than before."
    if not entry.p_holm < alpha:
        return f"{seen}: no gain beyond chance; {_detectable(entry)}."
    if not (gain.value >= min_gain and gain.low > 0):
        return f"{seen}: less than the {min_gain:g} that the recipe asks for."
    if entry.gain_over_baseline is None:
        return _without_baseline(entry, seen)
    return _against_baseline(entry, seen, alpha)


def _seen(entry: Comparison) -> str:
    assert entry.p_holm is not None, "adjusted by `decide`"
    gain, values = entry.gain, entry.values if isinstance(entry, SeedsResult) else ()
    spread = f"{min(values):.3f} to {max(values):.3f} over {len(values)} seeds; " if values else ""
    return (
        f"On {entry.name} {entry.metric} went from {entry.base.value:.3f} to {entry.tuned.value:.3f} "
        f"({spread}gain {gain.value:+.3f}, 95 % interval {gain.low:+.3f} to {gain.high:+.3f}, {say_p(entry.p_holm)})"
    )


def _detectable(entry: Comparison) -> str:
    if entry.clusters < stats.FEWEST_CLUSTERS:
        return f"{entry.clusters} groups of questions are too few to test (fewer than {stats.FEWEST_CLUSTERS})"
    if not entry.minimum_detectable_effect:
        return "no draw of questions tells the two apart"
    return f"the test could have shown {entry.minimum_detectable_effect:.3f}"


def _without_baseline(entry: Comparison, seen: str) -> str:
    assert entry.p_ship is not None, "adjusted by `decide`"
    if entry.state == "gain":
        return f"{seen}. There is no baseline for it."
    return f"{seen}: among all comparisons made here no gain beyond chance, over all benchmarks {say_p(entry.p_ship)}."


def _against_baseline(entry: Comparison, seen: str, alpha: float) -> str:
    over = entry.gain_over_baseline
    assert over is not None and entry.baseline is not None and entry.p_ship is not None, "adjusted by `decide`"
    adjusted = f", over all benchmarks {say_p(entry.p_ship)}" if entry.p_ship > max(over.p, 0.001) else ""
    against = (
        f"over {entry.baseline_name} ({entry.baseline.value:.3f}) {over.value:+.3f}, "
        f"95 % interval {over.low:+.3f} to {over.high:+.3f}, {say_p(over.p)}{adjusted}"
    )
    if entry.state == "gain":
        return f"{seen}; {against}."
    better = over.p < alpha and over.value < 0
    rival = "the baseline is better" if better else "nothing shows that it beats the baseline"
    return f"{seen}, but {rival}: {against}."


def of_close_tests(names: Sequence[str], trainings: int) -> str:
    """What would settle tests that luck in training may have decided."""
    what = (
        "more seeds, or more questions, would settle it."
        if trainings > 1
        else "another seed may end on the other side, and --seeds 3 tests the mean of three."
    )
    return f"The test of {', '.join(names)} is close: {what}"


def of_retention(entry: RetentionResult) -> str:
    """Whether something was forgotten."""
    change, unit = entry.change, "" if entry.unit == "share" else f" {entry.unit}"
    margin = "no margin" if entry.margin is None else f"margin {entry.margin:g}"
    seen = (
        f"{entry.name}: {entry.metric} went from {entry.base:.3f} to {entry.tuned:.3f}{unit} "
        f"({worse_by(change.value)}, 95 % interval of the worsening {change.low:+.3f} to {change.high:+.3f}, {margin})"
    )
    needed = f"about {entry.n_required:,} items, not {entry.n:,}" if entry.n_required else "other text"
    open_yet = f"the interval holds the margin, and it would take {needed} to show that it is kept"
    if entry.clusters < stats.FEWEST_CLUSTERS:
        open_yet = f"its items stand in {entry.clusters} groups, and fewer than {stats.FEWEST_CLUSTERS} show nothing"
    return {
        "kept": f"Kept {seen}.",
        "lost": f"Lost {seen}: the model forgot more than the recipe tolerates.",
        "inconclusive": f"Not sure about {seen}: {open_yet}.",
        MONITORED: f"Monitored {seen}: it decides nothing.",
        FORGOTTEN: f"Forgotten {seen}: it decides nothing here, but use this model for what it was tuned for, no more.",
    }[entry.state]
