"""What is measured and decided, as frozen values; verdict.json and seeds.json hold them as they stand here."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from metier.errors import UserError
from metier.evaluation.stats import Interval, Variation
from metier.runs.files import file_sha256
from metier.runs.history import REPORT, read_history

SCHEMA_VERSION = 5
"""Raised when a key of verdict.json or seeds.json changes its name or meaning."""

RULE = 2
"""Raised when the same figures could be decided otherwise: 2 holds `min_gain` against the baseline too."""

State = Literal["gain", "none", "worse"]
RetentionState = Literal["kept", "lost", "inconclusive", "monitored", "forgotten"]
Decision = Literal["SHIP", "HOLD", "SMOKE"]
Face = Literal["clean", "provisional", "worse", "forgotten", "baseline_better", "not_shown", "smoke"]


class Result(BaseModel):
    """A value that nobody changes; a changed one is a copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the JSON files hold them."""
        return self.model_dump(mode="json")


class Figure(Result):
    """A metric's value with its 95 % interval; the mean of several trainings has no interval."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, interval: Interval) -> "Figure":
        return cls(value=interval.value, low=interval.low, high=interval.high)


class Gain(Result):
    """A gain with its 95 % interval and the p of its test; above zero is better, whatever the metric."""

    value: float
    low: float
    high: float
    p: float


class Candidate(Result):
    """What is judged on a benchmark: the tuned model alone, or its probabilities mixed with the baseline's.

    A mixture's probabilities are proportional to the model's to the power `model_power`, times the baseline's to the
    power `baseline_power` (log-linear pooling).
    """

    baseline: str | None = None
    """The baseline that is mixed in (its name in the recipe); null: the model is judged alone."""
    baseline_name: str = ""
    """What a report calls it."""
    model_power: float = 1.0
    baseline_power: float = 0.0
    rows: int = 0
    """Held-out rows that decided; 0: none were asked."""
    held_out: dict[str, float] = {}
    """The deciding metric on them: of `model`, of `baseline`, and cross-fitted of `blend`."""

    @property
    def weight(self) -> float:
        """The baseline's share of the powers: 0 is the model alone, 1 the baseline alone."""
        powers = self.model_power + self.baseline_power
        return self.baseline_power / powers if powers else 0.0

    def named(self) -> str:
        """As people say it: tuned; tuned + tfidf, weight 0.45."""
        return f"tuned + {self.baseline}, weight {self.weight:.2f}" if self.baseline else "tuned"

    def sealed(self) -> str:
        """As the plan holds it: certainties and prices go by the powers too, not only by their ratio."""
        powers = f" (powers {self.model_power:g} and {self.baseline_power:g})" if self.baseline else ""
        return self.named() + powers


class Slice(Result):
    """One kind of question. Always exploratory: there are many slices and nothing is adjusted for their number."""

    column: str
    value: str
    n: int
    exploratory: bool = True
    base: float | None = None
    """This and the next two: only from 20 questions in ten groups on."""
    tuned: float | None = None
    gain: Interval | None = None


class MetricResult(Result):
    """All models under one metric."""

    metric: str
    unit: str
    """`share` for figures between 0 and 1, else a word."""
    majority: float | None
    """The figure of always giving the most common training label; null where a metric needs more than a label."""
    baseline: Figure | None
    base: Figure
    tuned: Figure
    gain: Interval
    test: str
    p: float
    minimum_detectable_effect_over_base: float
    """The smallest true gain over the base model that the test finds with 80 % power, at `ship.alpha`."""


class Deciding(Result):
    """The comparison that SHIP hinges on, and what it could find."""

    against: Literal["base", "baseline"]
    """What the tuned model was compared with: the one over which its gain is less sure."""
    alpha: float
    """The level at which this comparison is tested: `ship.alpha`, adjusted over all benchmarks (Holm)."""
    minimum_detectable_effect: float
    """The smallest true gain that the test finds with 80 % power."""
    gain_sought: float
    """The gain that was measured, at least `ship.min_gain`; with a margin over the baseline, how far it is above minus
    the margin."""
    n_required: int | None
    """Questions that would find a true gain of `gain_sought` with 80 % power; null where no number would."""


class Comparison(Result):
    """The base model, the tuned model and the baseline on the questions of one benchmark, under its first metric."""

    name: str
    metric: str
    """The one that decides."""
    unit: str
    """`share` for figures between 0 and 1, else a word."""
    n: int
    """Questions."""
    clusters: int
    """Groups of questions that belong together; as many as questions where each stands alone."""
    base: Figure
    tuned: Figure
    gain: Interval
    """Tuned model over base model; above zero is better, whatever the metric."""
    p: float
    """Of the gain over the base model, not adjusted."""
    minimum_detectable_effect_over_base: float
    """The smallest true gain over the base model that the test finds with 80 % power, at `ship.alpha`."""
    variation_over_base: Variation
    """How much the gain over the base model varies by chance."""
    variation_over_baseline: Variation | None = None
    """How much the gain over the baseline varies by chance."""
    deciding: Deciding | None = None
    """Against what SHIP hinges, and the power of that comparison."""
    baseline: Figure | None = None
    baseline_name: str | None = None
    """What the baseline is: TF-IDF, or the longer answer."""
    mixed_with: str | None = None
    """The baseline that `tuned` has mixed in, in some of the trainings at least; null: it is the model alone."""
    gain_over_baseline: Gain | None = None
    """With `margin_over_baseline` its p is that of a gain of minus the margin."""
    margin_over_baseline: float | None = None
    """How much worse than the baseline the model may be (`ship.mode: not_worse`); null: it has to be better."""
    p_holm: float | None = None
    """Of the gain over the base model, adjusted over all benchmarks (Holm)."""
    p_ship: float | None = None
    """The larger of the p's over base model and baseline, adjusted over all benchmarks."""
    state: State | None = None
    """gain: SHIP may rest on it; none: no gain is shown; worse: worse than the base model."""


class Business(Result):
    """What answers take: of a model on this machine, or of an address that is paid."""

    answers_per_hour: float | None
    """On this machine in batches, or one after the other from an address; null: not known."""
    cost_per_1000: float | None
    """By the pack's `cost_per_hour`, or by an address's prices; null: not known."""
    paid: float | None = None
    """What an address was paid for the answers of this run."""


class BaselineResult(Result):
    """One baseline on a benchmark, under its first metric: an entry of a benchmark's `baselines`."""

    name: str
    """As in the recipe; its answers are in evaluate/BENCHMARK/NAME.jsonl."""
    title: str
    """What it is."""
    decides: bool
    """Whether SHIP is decided against it."""
    figure: Figure
    gain: Gain
    """Of the tuned model over it; p of no difference, not adjusted."""
    p_holm: float | None = None
    """Adjusted over all baselines of all benchmarks (Holm)."""
    unscored: int
    """Of its answers; they count as wrong."""
    business: Business


class BenchmarkResult(Comparison):
    """One training on one benchmark: an entry of verdict.json's `benchmarks`."""

    candidate: Candidate = Candidate()
    """What `tuned` is: the model alone, or mixed with the baseline."""
    alone: Figure | None = None
    """The tuned model alone, where a mixture was judged."""
    majority: float | None
    """The figure of always giving the most common training label."""
    test: str
    fixed: int
    """Questions that the base model answers wrong and the tuned model right."""
    broken: int
    """Questions that the base model answers right and the tuned model wrong."""
    unscored: dict[str, int]
    """Unscored answers: model -> count."""
    baselines: tuple[BaselineResult, ...] = ()
    """Every baseline that answered, in the order of the recipe."""
    business: dict[str, Business] = {}
    """For base and tuned: answers an hour and cost."""
    p_mcnemar: float | None = None
    """Accuracy only: the mid-p McNemar test, clusters ignored."""
    p_sign_flip: float | None = None
    """Accuracy only: by exchanging the answers of whole clusters."""
    metrics: tuple[MetricResult, ...]
    slices: tuple[Slice, ...] = ()
    truncated: int = 0
    """Prompts longer than the model's context, which were truncated on the left."""


class SeedsResult(Comparison):
    """Several trainings on one benchmark, by their mean: an entry of seeds.json's `benchmarks`."""

    values: tuple[float, ...]
    """The deciding metric of each training."""
    spread: float | None
    """Standard deviation of `values`; null with one training."""


class RetentionResult(Result):
    """What must not be forgotten: an entry of `retention`."""

    name: str
    metric: str
    unit: str
    n: int
    clusters: int
    base: float
    tuned: float
    change: Interval
    """Above zero is worse, in the unit of the metric."""
    margin: float | None
    """The worsening that is allowed; null: the change is monitored and does not affect the decision."""
    state: RetentionState
    n_required: int | None
    """Questions needed to show that it is kept, at this change and spread; null where no number would do."""
    truncated: int = 0
    """Prompts longer than the model's context, which were truncated on the left."""


class InsightResult(Result):
    """A key figure of the recipe's industry for one benchmark."""

    benchmark: str
    what: str
    value: float | None
    """Null where it cannot be worked out; `note` says why."""
    note: str
    unit: str = ""
    """`share` for figures between 0 and 1, else a word, or nothing."""


class NextStep(Result):
    """Something to do after a verdict."""

    text: str
    command: str | None = None
    """Exactly as a shell takes it, but for FILE: a file of new rows. Null where no command does it."""


class Decided(Result):
    """What a verdict on one training and one on several have in common."""

    schema_version: int = SCHEMA_VERSION
    decision: Decision
    """SMOKE: a smoke run, which gives no verdict."""
    exploratory: tuple[str, ...] = ()
    """Why it is no verdict to rely on, in sentences: something was changed after the answers were known, or there is no
    sealed plan. Empty where all is as plan.json says."""
    face: Face
    """SHIP is clean or provisional (one training, and a close test). HOLD: worse than the base model; forgotten, more
    than was allowed; baseline_better; not_shown. SMOKE: smoke."""
    headline: str
    """A sentence to decide by."""
    reason: str
    """A sentence with the figures that decide."""
    next_steps: tuple[NextStep, ...]
    """What to do now, the most important first."""
    reasons: tuple[str, ...]
    """The statistics of every benchmark and check, in sentences."""

    @property
    def ships(self) -> bool:
        """Whether it is a SHIP to rely on: an exploratory one is none."""
        return self.decision == "SHIP" and not self.exploratory

    @property
    def shown(self) -> str:
        """The decision as people see it."""
        if self.exploratory:
            return f"exploratory {self.decision}"
        return "SHIP, provisional" if self.face == "provisional" else self.decision


class Verdict(Decided):
    """SHIP or HOLD, and what it rests on: verdict.json."""

    benchmarks: tuple[BenchmarkResult, ...]
    retention: tuple[RetentionResult, ...]
    insights: tuple[InsightResult, ...] = ()
    """Key figures for the recipe's industry."""
    seconds: dict[str, float]
    """For curate, train and evaluate."""
    seconds_a_question: dict[str, dict[str, float | None]]
    """For each benchmark, base and tuned: the mean, asked in batches, without loading the model."""
    peak_memory_mb: int
    """Of the process, the highest of all stages."""
    seeds: tuple[int, ...]
    """Of the training runs."""
    adapter_sha256: str
    """Of adapter_model.safetensors, or of model.safetensors with `tune: full`."""


class SeedsVerdict(Decided):
    """SHIP or HOLD by the mean of several trainings: seeds.json."""

    seeds: tuple[int, ...]
    benchmarks: tuple[SeedsResult, ...]
    retention: tuple[RetentionResult, ...]
    averaged: Verdict | None = None
    """The verdict on the trainings averaged into one model; null where they cannot be averaged."""


def read_verdict(folder: Path) -> Verdict | None:
    """What verdict.json of a run's folder holds; None where there is none. Raises `UserError` where it cannot be read:
    it was changed, or is of another version."""
    path = folder / "verdict.json"
    if not path.is_file():
        return None
    again = f"Make it again: `metier report {folder}`."
    try:
        verdict = Verdict.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} is no verdict of this version. {again}") from error
    reported = read_history(folder).last(REPORT)
    if reported is None or reported["files"].get(path.name) != file_sha256(path):
        raise UserError(f"{path} was changed after it was written: it is not the verdict of history.jsonl. {again}")
    return verdict
