"""Share of the answers in which every field is right and nothing was made up."""

from dataclasses import dataclass

from metier.evaluation.metrics.valid_json import Metric as ValidJson


@dataclass
class Metric(ValidJson):
    """Mean of `exact`, which the scorer `fields` counts; an unscored answer is not exact."""

    part = "exact"
