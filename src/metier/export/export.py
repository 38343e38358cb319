"""A finished run for other programs: an artifact with its card, its hashes and the command that uses it."""

import os
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metier.engine.models import weights
from metier.engine.models.origin import origin_of
from metier.errors import UserError, nearest, shown
from metier.evaluation.results import Verdict, read_verdict
from metier.evaluation.samples import open_samples
from metier.export.card import write_record
from metier.export.forms import ExportLike, ExportRequest, filled, run_name
from metier.export.prompting import prompting_of
from metier.export.record import Record
from metier.recipes import plugins
from metier.runs.files import file_sha256, write_json
from metier.runs.run import Run
from metier.stages.evaluate import check_model, check_rows
from metier.stages.train import trained_model


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: str
    record: Record
    command: str
    """What to type to use it, on this machine."""
    details: dict[str, Any] = field(default_factory=dict)
    """The form's own, with the places on this machine."""

    def to_json(self) -> dict[str, Any]:
        said = {"folder": self.folder, "form": self.record.form, "verdict": self.record.decision}
        return {**said, **self.details, "command": self.command}


def export(run: Run, to: str, out: Path, anyway: bool = False, quantization: str | None = None) -> Exported:
    """Write the run in one of the forms of `forms/` into the folder `out`, which is there completely or not at all.

    `anyway`: also a model whose verdict is not SHIP. Raises `UserError` where the form or quantization is unknown, the
    folder is not empty, the run is not finished or its base model is no longer the one that was trained on.
    """
    name = to.replace("-", "_")
    form: ExportLike = plugins.build("exports", name, {})
    how = _quantization(form, to, quantization)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty. Name a new folder: nothing is written over.")
    adapter = trained_model(run)
    check_rows(run)
    verdict = read_verdict(run.folder)
    if form.holds_model:
        _check_verdict(run, verdict, anyway)
    base_sha256 = check_model(run)
    whole = Path(os.path.abspath(out))
    scratch = whole.with_name(f".{whole.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)  # what a killed call left
    scratch.mkdir(parents=True)
    try:
        request = _request(run, adapter, scratch, out, how)
        done = _write(request, form, name, verdict, base_sha256)
        out.mkdir(parents=True, exist_ok=True)
        scratch.replace(out)  # onto an empty folder
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return done


def _quantization(form: ExportLike, to: str, wanted: str | None) -> str:
    if wanted is None:
        return form.quantizations[0] if form.quantizations else ""
    if wanted not in form.quantizations:
        if not form.quantizations:
            raise UserError(f"'{to}' has one type of weights. Leave out --quantization, or use `--to gguf`.")
        raise UserError(f"There is no quantization {shown(wanted)} for '{to}'.{nearest(wanted, form.quantizations)}")
    return wanted


def _check_verdict(run: Run, verdict: Verdict | None, anyway: bool) -> None:
    """Raises `UserError` where nothing says that the model should be used."""
    if verdict is None:
        raise UserError(f"{run.folder} has no verdict yet. Run `metier report {run.folder}` first.")
    if not verdict.ships and not anyway:
        raise UserError(
            f"The verdict on {run.folder} is {verdict.shown}, not SHIP: its model is not exported. `--anyway` "
            "exports it, and its card says so first."
        )


def _request(run: Run, adapter: Path, scratch: Path, out: Path, quantization: str) -> ExportRequest:
    from metier.engine.models.model import tokens_only

    benchmarks, name = open_samples(run).benchmarks, run.recipe.model
    model = tokens_only(name, run.progress.warn)
    prompting = [prompting_of(benchmark, model) for benchmark in benchmarks]
    origin = origin_of(name, weights.folder(name, run.progress.warn))
    return ExportRequest(run, adapter, scratch, out, quantization, origin, prompting, benchmarks)


def _write(request: ExportRequest, form: ExportLike, name: str, verdict: Verdict | None, base_sha256: str) -> Exported:
    """Fill the folder and write its record and card."""
    run = request.run
    written = form.write(request)
    if verdict:
        # Without next steps: their commands name the run's folder on this machine.
        write_json(request.folder / "verdict.json", verdict.model_copy(update={"next_steps": ()}).to_json())
    record = Record(
        form=name,
        quantization=request.quantization or None,
        run=run_name(run),
        base_model=request.origin,
        hashes=_hashes(run, base_sha256, verdict),
        verdict={"decision": verdict.shown, "reasons": list(verdict.reasons)} if verdict else {},
        prompting=request.prompting,
        written=written,
    ).with_files(request.folder)
    write_record(run, verdict, record, request.folder)
    places = {"folder": request.out, "base": weights.folder(run.recipe.model), "run": run.folder}
    here = {place: shlex.quote(os.path.abspath(path)) for place, path in places.items()}
    return Exported(str(request.out), record, filled(written.command, here), filled(written.details, here))


def _hashes(run: Run, base_sha256: str, verdict: Verdict | None) -> dict[str, str]:
    hashes = {
        "base": base_sha256,
        "adapter": str(run.result("train")["adapter_sha256"]),
        "run": file_sha256(run.folder / "lock.json"),
    }
    return {**hashes, "verdict": file_sha256(run.folder / "verdict.json")} if verdict else hashes
