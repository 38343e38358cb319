"""How likely a test ends in SHIP: what is known of both models' figures, and chance in the test's own questions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

from metier.evaluation import stats
from metier.evaluation.results import Result
from metier.evaluation.stats import FEWEST_CLUSTERS, POWER
from metier.experiments.known_gains import GainOverBaseline
from metier.experiments.learning_curves import FittedCurve, Floats
from metier.experiments.power import LEAST_SHARED, MOST_SHARED, SHARED, Design, Spread

DRAWS = 4_000
LEAST_GAIN = 0.0005
"""Smaller gains are shown as 0.000."""
LEVEL = 0.8
"""Of all intervals here."""
SHARED_BY_CHANCE = ((LEAST_SHARED, 0.25), (SHARED, 0.5), (MOST_SHARED, 0.25))
"""How many errors both models will share is not known: each with its probability."""


class Expected(Result):
    """A figure as the test would show it, with an 80 % interval."""

    value: float
    low: float
    high: float


class AtRows(Result):
    """What a run on so many labels would find."""

    times: float
    """So many times the labels that there are now."""
    rows: int
    baseline: Expected
    model: Expected
    gain: Expected
    """Of the model over the baseline; above zero is better, whatever the metric."""
    p_ship: float
    """Probability that the test shows the gain that the rule asks for."""
    questions: int | None
    """Test questions that would show a true gain of the expected size with 80 % power; null where no number would."""


@dataclass(frozen=True)
class Rule:
    """What SHIP asks of the gain over the baseline."""

    alpha: float
    min_gain: float
    margin: float | None
    """With `not_worse`: how much worse the model may be."""

    @property
    def ahead(self) -> float:
        return self.margin or 0.0

    @property
    def least(self) -> float:
        """The smallest measured gain, however sure."""
        return self.min_gain if self.margin is None else -self.margin


@dataclass(frozen=True, eq=False)
class PlannedTest:
    """The test that will decide."""

    design: Design
    spread: Spread
    rule: Rule

    def critical(self, gain: float, shared: float) -> float:
        """The smallest measured gain, over minus the margin, that is significant."""
        level = distributions.norm.ppf(1 - self.rule.alpha / 2)
        detectable = stats.detectable(self.spread.variation(self.design, gain, shared), self.rule.alpha)
        return float(detectable * level / (level + distributions.norm.ppf(POWER)))

    def questions_for(self, gain: float) -> int | None:
        ahead = gain + self.rule.ahead
        if ahead < LEAST_GAIN:
            return None
        return stats.n_to_detect(self.spread.variation(self.design, max(gain, 0.0), SHARED), ahead, self.rule.alpha)

    def error(self, figures: Floats) -> Floats:
        """Standard error of a model's figure on the test's questions."""
        inflation = self.design.inflation(self.spread.within if self.design.grouped else 0.0)
        one = np.full(figures.shape, self.spread.variance)
        if self.spread.is_share_of_right:
            right = np.clip(figures, 0.0, 1.0)
            one = right * (1 - right)
        return np.asarray(np.sqrt(one / self.design.n * inflation))


def outlook(
    times: Sequence[float],
    now: int,
    baseline: FittedCurve,
    model: FittedCurve | GainOverBaseline,
    test: PlannedTest,
    seed: int,
) -> tuple[AtRows, ...]:
    """Both models and the decision with so many times the labels. `model`: its own curve, or what models gained on
    other data."""
    rows, generator = [one * now for one in times], np.random.default_rng(seed)
    best = baseline.curve.best
    sign = 1.0 if best else -1.0
    before = baseline.draws_at(rows, DRAWS, generator)
    if isinstance(model, FittedCurve):
        after = model.draws_at(rows, DRAWS, generator)
        gains = sign * (model.at(rows) - baseline.at(rows))
    else:
        room = np.abs(best - before)
        share = model.draw(DRAWS, generator) + model.seeds * generator.standard_normal(DRAWS)
        after = before + sign * np.minimum(share, 1)[:, None] * room
        gains = model.mean * np.abs(best - baseline.at(rows))
    shares, chances = zip(*SHARED_BY_CHANCE, strict=True)
    which = generator.choice(len(shares), size=DRAWS, p=chances)
    shared = np.array(shares)[which][:, None]
    luck, other = generator.standard_normal((2, DRAWS, 1))
    shown_before = before + test.error(before) * luck
    shown_after = after + test.error(after) * (shared * luck + np.sqrt(1 - shared**2) * other)
    shown_gain = sign * (shown_after - shown_before)
    found = []
    for at, factor in enumerate(times):
        gain, figure = float(gains[at]), float(baseline.at(rows)[at])
        critical = np.array([test.critical(max(gain, 0.0), one) for one in shares])[which]
        ships = (shown_gain[:, at] + test.rule.ahead > critical) & (shown_gain[:, at] >= test.rule.least)
        found.append(
            AtRows(
                times=factor,
                rows=round(rows[at]),
                baseline=_expected(figure, shown_before[:, at], test),
                model=_expected(figure + sign * gain, shown_after[:, at], test),
                gain=_expected(gain, shown_gain[:, at]),
                p_ship=float(ships.mean()) if test.design.groups >= FEWEST_CLUSTERS else 0.0,
                questions=test.questions_for(gain),
            )
        )
    return tuple(found)


def _expected(value: float, draws: Floats, bounded_by: PlannedTest | None = None) -> Expected:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if bounded_by and np.isfinite(bounded_by.spread.room):
        high = min(high, 1.0)
    return Expected(value=value, low=float(low), high=float(high))
