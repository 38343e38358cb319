"""How long a whole run will still take: what is to come, at the speed of what was measured in this call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["train", "ask", "write"]
"""Training, reading questions (answers are chosen), and writing answers in words."""
PASSES = {("ask", "train"): 3.0, ("train", "ask"): 1 / 3.0}
"""(wanted kind, measured kind) -> how much faster the wanted one goes: a training step reads a text forward and back,
which is about three times the work of reading it. Only until the kind is measured itself."""


@dataclass(frozen=True)
class Piece:
    """A piece of work of a run, in its order."""

    stage: str
    name: str
    """As `Progress.begin` names it."""
    kind: Kind
    work: float
    """Characters that the model reads (or, of `write`, also writes)."""


class Outlook:
    """The pieces that are still to come, and the speed of those that are done."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.speeds: dict[str, float] = {}
        self.current: Piece | None = None

    def expect(self, pieces: Iterable[Piece]) -> None:
        """What is to come from now on, in its order."""
        self.pieces, self.current = list(pieces), None

    def begin(self, name: str) -> None:
        """A piece begins; those before it are done."""
        at = next((at for at, piece in enumerate(self.pieces) if piece.name == name), None)
        self.current = None
        if at is not None:
            self.current, self.pieces = self.pieces[at], self.pieces[at + 1 :]

    def reach(self, stage: str) -> None:
        """A stage begins; the pieces before its own are done. One without pieces, such as curate, changes nothing."""
        at = next((at for at, piece in enumerate(self.pieces) if piece.stage == stage), 0)
        self.pieces, self.current = self.pieces[at:], None

    def measure(self, share: float, seconds: float) -> None:
        """So much of the current piece took so long."""
        if self.current and share > 0 and seconds > 0:
            self.speeds[self.current.kind] = self.current.work * share / seconds

    def left(self, of_current: float = 0.0) -> str:
        """The time left for the whole run in words, with `of_current` seconds of the current piece; empty where nothing
        is measured yet, or nothing is to come."""
        if not self.speeds or not (self.pieces or of_current):
            return ""
        seconds = [self._seconds(piece) for piece in self.pieces]
        known = of_current + sum(one for one in seconds if one is not None)
        return f"{'over' if None in seconds else 'about'} {coarse(known)} left for the whole run"

    def _seconds(self, piece: Piece) -> float | None:
        if piece.kind in self.speeds:
            return piece.work / self.speeds[piece.kind]
        for measured, speed in self.speeds.items():
            if (faster := PASSES.get((piece.kind, measured))) is not None:
                return piece.work / (speed * faster)
        return None


def coarse(seconds: float) -> str:
    """A time as it is promised: no promise is good to the second."""
    minutes = seconds / 60
    if minutes < 1:
        return "1 min"
    if minutes < 100:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
