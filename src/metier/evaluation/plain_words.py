"""Figures as people say them who do not read statistics: percent, points, and what is better than what."""

from typing import Literal, Protocol

from metier.evaluation.results import BenchmarkResult, Comparison, RetentionResult

Against = Literal["base", "baseline"]
RIGHT_ANSWERS = ("accuracy", "exact_match")
"""Metrics that are the share of questions answered right."""


class Difference(Protocol):
    """A gain with its 95 % interval."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def percent(share: float) -> str:
    """0.946 as 94.6 %"""
    return f"{100 * share:.1f} %"


def amount(value: float, unit: str) -> str:
    """A figure under a metric: percent for a share, else three digits. Units such as nats are left out."""
    return percent(value) if unit == "share" else f"{value:.3f}"


def signed(value: float, unit: str) -> str:
    """A gain as a plain number: points of percent for a share."""
    return f"{100 * value:+.1f}" if unit == "share" else f"{value:+.3f}"


def size(value: float, unit: str) -> str:
    """How large a change is, without its direction: 2 points, 0.02."""
    return f"{round(100 * value, 2):g} points" if unit == "share" else f"{round(value, 4):g}"


def difference(gain: Difference, unit: str) -> str:
    """+5.6 points (95 % CI +1.3 to +10.1)"""
    points = " points" if unit == "share" else ""
    low, high = signed(gain.low, unit), signed(gain.high, unit)
    return f"{signed(gain.value, unit)}{points} (95 % CI {low} to {high})"


def words(name: str) -> str:
    """macro_f1 as macro f1"""
    return name.replace("_", " ")


def short_name(baseline_name: str | None) -> str:
    """TF-IDF with logistic regression as TF-IDF."""
    return (baseline_name or "the baseline").split(" with ")[0]


def within(baseline: str, margin: float, unit: str) -> str:
    """not worse than TF-IDF by more than 2 points"""
    return f"not worse than {baseline} by more than {size(margin, unit)}"


def listed(names: list[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def model(entry: Comparison) -> str:
    """What was judged: this model, or it with a baseline mixed in."""
    return f"this model with {short_name(entry.mixed_with)}" if entry.mixed_with else "this model"


def candidate(entry: BenchmarkResult) -> str | None:
    """What was mixed, why, and what the model answers alone, in sentences; None where the model was judged alone."""
    chosen, who = entry.candidate, short_name(entry.candidate.baseline_name)
    if not chosen.baseline:
        return None
    mixed, own, other = (amount(chosen.held_out[part], entry.unit) for part in ("blend", "model", "baseline"))
    why = (
        f"chosen on {chosen.rows:,} held-out rows ({words(entry.metric)}: mixed {mixed}, model alone {own}, {who} "
        f"alone {other})"
    )
    alone = f" On the test the model alone has {amount(entry.alone.value, entry.unit)}." if entry.alone else ""
    return (
        f"On {entry.name} the answers are the model's and {who}'s probabilities mixed, with a weight of "
        f"{chosen.weight:.2f} on {who}, {why}.{alone}"
    )


def ahead(entry: Comparison) -> str:
    return "more accurate" if entry.metric in RIGHT_ANSWERS else "better"


def hinge(entry: Comparison) -> Against:
    """Against whom a benchmark is decided: where the gain is less sure."""
    return entry.deciding.against if entry.deciding else "base"


def opponent(entry: Comparison, against: Against) -> str:
    """Its short name."""
    return short_name(entry.baseline_name) if against == "baseline" else "the base model"


def gain_over(entry: Comparison, against: Against) -> Difference:
    """The tuned model's gain; above zero is better."""
    over = entry.gain_over_baseline
    return over if over and against == "baseline" else entry.gain


def compared(entry: Comparison, against: Against) -> str:
    """Both models' figures and their difference, in a sentence without its full stop."""
    who, gain = opponent(entry, against), gain_over(entry, against)
    other = entry.baseline if entry.baseline and against == "baseline" else entry.base
    mine, theirs = amount(entry.tuned.value, entry.unit), amount(other.value, entry.unit)
    if entry.metric in RIGHT_ANSWERS:
        return f"it answers {mine} of {entry.n:,} questions right, {who} {theirs}: {difference(gain, entry.unit)}"
    what = f"on {entry.n:,} questions its {words(entry.metric)} is {mine}, that of {who} {theirs}"
    return f"{what}: a gain of {difference(gain, entry.unit)}"


def change(entry: RetentionResult) -> str:
    """How far something that was to be kept got worse or better, and what was allowed, without a full stop."""
    what = f"{words(entry.metric)} on {entry.name}"
    allowed = "" if entry.margin is None else f"; a worsening of up to {size(entry.margin, entry.unit)} was allowed"
    found, moved = entry.change, entry.tuned - entry.base
    if not moved or not found.value:
        return f"{what} stayed at {amount(entry.base, entry.unit)}{allowed}"
    ends = (found.value, found.low, found.high) if found.value > 0 else (-found.value, -found.high, -found.low)
    value, low, high = (_plain(one, entry.unit) for one in ends)
    points = " points" if entry.unit == "share" else ""
    span = f"from {amount(entry.base, entry.unit)} to {amount(entry.tuned, entry.unit)}"
    verb = "rose" if moved > 0 else "fell"
    return f"{what} {verb} {span}, by {value}{points} (95 % CI {low} to {high}){allowed}"


def _plain(value: float, unit: str) -> str:
    return f"{100 * value:.1f}" if unit == "share" else f"{value:.3f}"


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def rule(min_gain: float, alpha: float, unit: str, margin: float | None = None) -> str:
    """When a model ships, in a sentence. `margin`: how much worse than the baseline it may be; None: it has to be
    better."""
    least = f" of at least {size(min_gain, unit)}" if min_gain else ""
    if margin is not None:
        return (
            f"SHIP takes a gain{least} over the base model, with the whole 95 % interval above 0, and a model that is "
            f"not worse than the baseline by more than {size(margin, unit)}, with the whole 95 % interval of the gain "
            f"over it above {signed(-margin, unit)}, and a chance of a false SHIP of at most {100 * alpha:g} % over "
            "all benchmarks; nothing may get worse, and nothing may be forgotten beyond its margin."
        )
    return (
        f"SHIP requires a gain{least} over the base model and, if there is one, over the baseline, both with the whole "
        f"95 % interval above 0 and a chance of a false SHIP of at most {100 * alpha:g} % over all benchmarks. No "
        "benchmark may get worse, and nothing may be forgotten beyond its margin."
    )
