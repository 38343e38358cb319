"""The sections of a dossier, in their order: one file each, with its heading and what fills it from a run."""

from collections.abc import Callable

from metier.governance.material import Material
from metier.governance.sections import (
    changes,
    data,
    decision,
    environment,
    monitoring,
    oversight,
    power,
    purpose,
    remaining,
    robustness,
    signature,
    subgroups,
    testing,
    training,
)
from metier.governance.values import Filled, Heading

Part = tuple[Heading, Callable[[Material], Filled]]
PARTS: tuple[Part, ...] = tuple(
    (part.HEADING, part.fill)
    for part in (
        purpose,
        data,
        training,
        decision,
        power,
        testing,
        subgroups,
        robustness,
        oversight,
        monitoring,
        changes,
        environment,
        remaining,
        signature,
    )
)
