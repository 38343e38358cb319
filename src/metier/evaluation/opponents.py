"""Which baselines a benchmark is held against, and which of them decides."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from metier.errors import UserError, nearest, shown
from metier.recipes import plugins
from metier.recipes.names import file_name

if TYPE_CHECKING:
    from metier.evaluation.benchmark import Benchmark

Mode = Literal["better", "not_worse"]
TAKEN = frozenset({"base", "tuned", "candidate", "blend", "judged", "judged-held-out", "held-out"})
TAKEN |= {"baseline", "review", "latency", "samples"}
"""Names that a run's folder has for others who answer."""


class Opponent(Protocol):
    """What is asked of a baseline before anything is learned."""

    operational_settings: ClassVar[frozenset[str]]
    """Settings that change no answer."""

    def misfit(self, benchmark: "Benchmark") -> str | None:
        """Why it cannot answer a benchmark; None where it can."""

    def ready(self) -> list[str]:
        """What keeps it from answering here and now."""

    def fingerprint(self) -> str:
        """A hash of the files that it reads besides the training rows; empty where there are none."""


@dataclass(frozen=True)
class BaselineUse:
    """A baseline as a recipe names it."""

    plug_in: str
    settings: Mapping[str, Any]

    def opponent(self) -> Opponent:
        """Raises `UserError` where there is no such plug-in, or it cannot take the settings."""
        opponent: Opponent = plugins.build("baselines", self.plug_in, dict(self.settings))
        return opponent


@dataclass(frozen=True)
class Opponents:
    """What a recipe says of baselines."""

    named: tuple[tuple[str, BaselineUse], ...] = ()
    """Name -> baseline; empty: what each scorer names."""
    against: str | None = None
    """The one that decides; None: the first."""
    mode: Mode = "better"
    margin: float = 0.0

    @classmethod
    def of(cls, uses: Sequence[plugins.Use], against: str | None, mode: Mode, margin: float) -> "Opponents":
        """As a recipe has them. Raises `UserError` where `against` is none of them."""
        named = named_uses(uses)
        if against is not None and named and against not in named:
            raise UserError(
                f"`ship.against` is {shown(against)}, and no baseline is called so.{nearest(against, named)}"
            )
        return cls(tuple(named.items()), against, mode, margin)

    @property
    def allowed(self) -> float | None:
        """How much worse than the baseline a model may be; None: it has to be better."""
        return self.margin if self.mode == "not_worse" else None


def named_uses(uses: Sequence[plugins.Use]) -> dict[str, BaselineUse]:
    """Name -> baseline; the second of a name is called endpoint-2. Raises `UserError` where a use is malformed."""
    found: dict[str, BaselineUse] = {}
    for use in uses:
        plug_in, settings = plugins.named(use)
        stem = file_name(Path(plug_in).stem if plug_in.endswith(".py") else plug_in, "baseline name")
        if stem in TAKEN:
            raise UserError(
                f"A baseline cannot be called {shown(stem)}: a run's folder has that name. Rename its file."
            )
        found[_free(stem, found)] = BaselineUse(plug_in, settings)
    return found


def _free(stem: str, taken: Mapping[str, BaselineUse]) -> str:
    """The first of stem, stem-2, stem-3 that no other has, also where a file system ignores capitals."""
    folded = {name.casefold() for name in taken}
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(name for name in names if name.casefold() not in folded)


def fitting(benchmark: "Benchmark", opponents: Opponents) -> dict[str, BaselineUse]:
    """The recipe's baselines that can answer a benchmark. Where none can, what its scorer names: a benchmark that had a
    baseline does not lose it because a recipe names others."""
    found = {name: use for name, use in opponents.named if use.opponent().misfit(benchmark) is None}
    default = benchmark.build_scorer().baseline
    return found or ({default: BaselineUse(default, {})} if default else {})


def deciding_one(baselines: Mapping[str, BaselineUse], opponents: Opponents) -> str | None:
    """The name of the one that decides: `ship.against` where it answers, else the first."""
    if opponents.against in baselines:
        return opponents.against
    return next(iter(baselines), None)


def sealed_uses(baselines: Mapping[str, BaselineUse]) -> tuple[str, ...]:
    """The baselines with what they read and the settings that their answers depend on, as a plan holds them."""
    return tuple(_sealed(name, use) for name, use in baselines.items())


def _sealed(name: str, use: BaselineUse) -> str:
    opponent = use.opponent()
    kept = {key: value for key, value in use.settings.items() if key not in opponent.operational_settings}
    settings = json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else ""
    return " ".join(part for part in (name, settings, opponent.fingerprint()[:12]) if part)
