"""`metier push`: a run's adapter or merged model, with its card, verdict and hashes, to a hub or a registry."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from metier.engine.models import weights
from metier.errors import UserError, nearest, shown
from metier.export.export import export
from metier.export.push.hub import Hub
from metier.export.push.mlflow import Registry
from metier.export.record import Record
from metier.runs.run import Run
from metier.stages.train import trained_model


class Target(Protocol):
    """Where a run is sent. Made with a name before the export, it raises `UserError` for what is missing."""

    def __init__(self, name: str, public: bool = False) -> None: ...

    def send(self, folder: Path, record: Record) -> str:
        """Send the artifact's folder; returns where it is now."""


TARGETS: dict[str, type[Target]] = {"hub": Hub, "mlflow": Registry}
FORMS = ("adapter", "merged")


@dataclass(frozen=True)
class Pushed:
    """What was sent, and where it is."""

    to: str
    name: str
    form: str
    verdict: str
    address: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def push(run: Run, to: str, name: str, form: str | None = None, anyway: bool = False, public: bool = False) -> Pushed:
    """Export a run into a folder of its own, send that, and remove it.

    `form`: adapter or merged; None: the adapter where the run has one. `public`: also into a repository of the hub that
    everybody can read. Raises `UserError` where the target or form is
    unknown, the verdict is not SHIP (`anyway`: all the same), or the target does not take it.
    """
    if to not in TARGETS:
        raise UserError(f"There is no target {shown(to)} to push to.{nearest(to, TARGETS)}")
    if form is None:
        form = "merged" if weights.is_whole(trained_model(run)) else "adapter"
    if form not in FORMS:
        raise UserError(f"A run is pushed as adapter or merged, not as {shown(form)}.{nearest(form, FORMS)}")
    target = TARGETS[to](name, public)
    with tempfile.TemporaryDirectory(prefix="metier-push-") as scratch:
        folder = Path(scratch) / "model"
        done = export(run, form, folder, anyway)
        run.progress.say(f"push: {form} of {done.record.run} to {to}")
        address = target.send(folder, done.record)
    return Pushed(to, name, form, done.record.decision, address)
