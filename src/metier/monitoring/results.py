"""What monitoring finds, as frozen values; monitor.json holds them as they stand here."""

from typing import Literal

from metier.evaluation.results import Figure, Result

SCHEMA_VERSION = 1
"""Raised when a key of monitor.json changes its name or meaning."""

AlarmState = Literal["on", "off", "not judged"]


class DriftMeasure(Result):
    """How far new rows differ from the test in one respect."""

    name: str
    title: str
    test: float | None
    """The test's own figure; null where the measure is one number for both."""
    new: float
    difference: Figure
    """With its 95 % interval; `no_change` says which value means that nothing changed."""
    no_change: float
    p: float
    p_adjusted: float
    """Over all measures (Holm)."""


class LabelShare(Result):
    """How often an answer is given."""

    label: str
    test: Figure
    new: Figure


class AlarmResult(Result):
    """An alarm that may be looked at every day."""

    name: str
    title: str
    state: AlarmState
    p: float | None
    """Valid at every look; null where nothing could be judged."""
    alpha: float
    """On while p is at most this."""
    first: str | None
    """The day on which it rang."""
    note: str
    """What it rests on, or why it was not judged."""


class AccuracyResult(Result):
    """How many answers people found right."""

    of: Literal["sent to review", "others", "all rows"]
    rows: int
    """Answered rows of this kind."""
    looked_at: int
    """Of them, with a correction or a confirmation."""
    counted: int
    """Of them, drawn at random or complete, so that they stand for all rows of this kind."""
    accuracy: Figure | None
    test: Figure | None
    """Of test questions of the same kind."""
    note: str


class DayResult(Result):
    """One day, or one block of rows where they have no time."""

    day: str
    rows: int
    certainty: float | None
    sent: float | None
    """Share sent to review."""
    looked_at: int
    right: int


class Rejected(Result):
    """A row that could not be used."""

    place: str
    why: str


class DatasetResult(Result):
    """Reviewed rows as a dataset for the next run."""

    folder: str
    rows: int
    corrected: int
    """The other rows were confirmed."""
    in_test: int
    """Left out: the test has the same text."""
    duplicates: int
    """Left out: the same text was there before."""
    contradicting: int
    """Of the duplicates, those with another label than the first row with their text, which is kept."""
    recipe: str
    """What to add to the recipe."""
    command: str


class Monitoring(Result):
    """A run's answers at work, held against its test: monitor.json."""

    schema_version: int = SCHEMA_VERSION
    run: str
    benchmark: str
    who: str
    model_sha256: str
    rows: int
    """Rows of this model and benchmark."""
    answered: int
    first_day: str | None
    last_day: str | None
    other_models: int
    """Rows left out: another model answered them."""
    other_benchmarks: int
    rejected: int
    rejected_examples: tuple[Rejected, ...]
    missing: tuple[str, ...]
    """What the rows do not say, and what cannot be told without it."""
    sampled: int
    """Rows, drawn at random, on which the drift is measured."""
    promised_review: float | None
    review: Figure | None
    """Share sent to review."""
    drift: tuple[DriftMeasure, ...]
    label_shares: tuple[LabelShare, ...]
    accuracy: tuple[AccuracyResult, ...]
    accuracy_of_all: Figure | None
    """Each kind weighted by its share of rows; null where those of a kind were neither complete nor drawn at random."""
    alarms: tuple[AlarmResult, ...]
    days: tuple[DayResult, ...]
    queued: int
    dataset: DatasetResult | None = None

    @property
    def ringing(self) -> list[AlarmResult]:
        return [alarm for alarm in self.alarms if alarm.state == "on"]
