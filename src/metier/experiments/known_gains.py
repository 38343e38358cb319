"""What tuned models gained over their baseline on the data of the results page, as a forecast for other data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

FILE = Path(__file__).parent / "known_gains.json"
"""Written by bench/results.py, with docs/results.json."""
FEWEST = 3


@dataclass(frozen=True)
class KnownGain:
    """A row of the results page. Gains are shares of the baseline's distance from the best figure, since two points
    are much beside an accuracy of .95 and little beside .50."""

    benchmark: str
    dataset: str
    gain: float
    error: float
    """Standard error of the gain."""
    seeds: float
    """Standard deviation between trainings."""
    ships: float
    """Share of the trainings that ended in SHIP."""


@dataclass(frozen=True)
class GainOverBaseline:
    """How gains differ from dataset to dataset."""

    mean: float
    between: float
    """Standard deviation of the true gains, chance in the questions taken off."""
    seeds: float
    """Standard deviation between trainings on the same rows (median)."""
    of: tuple[str, ...]
    """The benchmarks that it was taken from."""

    def draw(self, draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """(draws,) the true gain on one more dataset, by Student's t since the datasets are few."""
        n = len(self.of)
        t = distributions.t.rvs(n - 1, size=draws, random_state=generator)
        drawn: NDArray[np.float64] = np.clip(self.mean + self.between * np.sqrt(1 + 1 / n) * t, -1, 1)
        return drawn


def known_gains() -> list[KnownGain]:
    """All of the results page."""
    return [KnownGain(**row) for row in json.loads(FILE.read_text(encoding="utf-8"))]


def gains_of(figures: Mapping[str, Any], datasets: Mapping[str, str]) -> list[dict[str, Any]]:
    """The same from docs/results.json. `datasets`: benchmark -> the dataset that it asks."""
    found = []
    for row in figures["rows"]:
        if not (over := row["gain_over_baseline"]) or row["unit"] not in ("share", "correlation"):
            continue
        room = 1 - row["baseline"]["value"]
        one = KnownGain(
            benchmark=row["name"],
            dataset=datasets[row["name"]],
            gain=round(over["value"] / room, 4),
            error=round((over["high"] - over["low"]) / (2 * distributions.norm.ppf(0.975)) / room, 4),
            seeds=round((row["spread"] or 0.0) / room, 4),
            ships=round(float(np.mean([decision == "SHIP" for decision in row["decisions"]])), 4),
        )
        found.append(asdict(one))
    return found


def gain_over_baseline(known: Sequence[KnownGain]) -> GainOverBaseline:
    """Mean and spread of the true gains: the spread that is seen, less what chance in the questions makes (DerSimonian
    & Laird 1986, unweighted: chance is small beside the differences between datasets)."""
    gains, errors = np.array([one.gain for one in known]), np.array([one.error for one in known])
    between = max(float(gains.var(ddof=1) - (errors**2).mean()), 0.0)
    seeds = float(np.median([one.seeds for one in known]))
    return GainOverBaseline(float(gains.mean()), float(np.sqrt(between)), seeds, tuple(one.benchmark for one in known))


def of_other_data(known: Sequence[KnownGain], benchmark: str, dataset: str) -> list[KnownGain]:
    """Without the rows on the same data: what was measured on them is no forecast."""
    return [one for one in known if one.benchmark != benchmark and (not dataset or one.dataset != dataset)]
