"""`metier dossier`: one folder that a team of model risk or an auditor takes as it is."""

import json
import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from metier.errors import UserError
from metier.evaluation.results import Verdict
from metier.governance.evidence import copy_evidence
from metier.governance.material import SEEDS, Material
from metier.governance.references import ANNEX_IV, SR_11_7
from metier.governance.sections import PARTS
from metier.governance.values import TO_ADD, Dossier, Evidence, Filled, Finding, Heading, Section
from metier.reporting.decision import WORDS
from metier.reporting.pages import template
from metier.runs import history
from metier.runs.files import write_json, write_text
from metier.runs.integrity import verify
from metier.runs.lock import run_lock
from metier.runs.progress import Progress
from metier.runs.run import model_folder, record_description, saved_run, trainings

PAGE, VALUES = "index.html", "dossier.json"


def dossier(folder: Path, out: Path | None = None) -> tuple[Dossier, Path]:
    """Write the dossier of a finished run into a folder of its own, RUN/dossier where `out` is None; returns both.

    Of several trainings it is that of their average. The files are verified first. An earlier dossier is replaced.
    Raises `UserError` where there is no verdict, or the folder has other content.
    """
    own, place = _model_of(folder), out or folder / "dossier"
    _check_place(place)
    with run_lock(own):
        run = saved_run(own, Progress())
        if not (own / "verdict.json").is_file():
            raise UserError(f"{own} has no verdict yet. Run `metier report {own}` first.")
        record_description(run)
        whole = Path(os.path.abspath(place))
        scratch = whole.with_name(f".{whole.name}.part")
        shutil.rmtree(scratch, ignore_errors=True)  # what a killed call left
        scratch.mkdir(parents=True)
        try:
            made = _written(Material(run, folder), scratch)
            if place.exists():
                shutil.rmtree(place)
            scratch.replace(whole)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return made, place


def _model_of(folder: Path) -> Path:
    """The run whose model the dossier is about."""
    own = model_folder(folder)
    if not own.is_dir() and (parts := trainings(folder)):
        raise UserError(
            f"{folder} holds several trainings without an average, and a dossier is about one model. "
            f"Name one of them: {folder / parts[0]}."
        )
    return own


def _check_place(place: Path) -> None:
    """Raises `UserError` where something else than an earlier dossier would be written over."""
    if not place.exists():
        return
    if not place.is_dir():
        raise UserError(f"{place} is a file. Name a new folder: nothing is written over.")
    others = {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()} - _earlier(place)
    if others:
        raise UserError(
            f"{place} holds other files ({', '.join(sorted(others)[:3])}). Name a new folder with --out: nothing is "
            "written over."
        )


def _earlier(place: Path) -> set[str]:
    """The files of the dossier that a folder holds; none where it holds none."""
    try:
        known = json.loads((place / VALUES).read_text(encoding="utf-8"))
        return {PAGE, VALUES, *(one["copy_of_it"] for one in known["evidence"] if one["copy_of_it"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _written(material: Material, folder: Path) -> Dossier:
    """Fill the folder."""
    made = made_of(material, copy_evidence(material, folder))
    write_json(folder / VALUES, made.to_json())
    write_text(folder / PAGE, page(made))
    return made


def made_of(material: Material, evidence: tuple[Evidence, ...]) -> Dossier:
    """The dossier as values."""
    verified = verify(material.given)
    verdict, why = _verdict(material)
    return Dossier(
        run=_name(material),
        made=history.now(),
        version=version("metier"),
        decision=verdict.shown if verdict else "NO VERDICT",
        face=verdict.face if verdict else None,
        headline=verdict.headline if verdict else why,
        reasons=verdict.reasons if verdict else (),
        exploratory=verdict.exploratory if verdict else (),
        files_verified=verified.files,
        findings=tuple(Finding(file=one.file, what=material.plain(one.what)) for one in verified.findings),
        history_sha256=material.history.head,
        sections=tuple(_section(material, heading, fill) for heading, fill in PARTS),
        evidence=evidence,
    )


def _name(material: Material) -> str:
    """The run's folder; of one of several trainings or their average, with the folder above it."""
    folder = material.run.folder.resolve()
    return "/".join(folder.parts[-2 if (folder.parent / SEEDS).is_file() else -1 :])


def _verdict(material: Material) -> tuple[Verdict | None, str]:
    """(the verdict, why there is none). One that was edited is not believed."""
    try:
        return material.verdict, ""
    except UserError as error:
        return None, material.plain(str(error))


def _section(material: Material, heading: Heading, fill: Callable[[Material], Filled]) -> Section:
    """A section, or why it cannot be made: one edited file must not keep the others from being shown."""
    try:
        filled = fill(material)
    except UserError as error:
        filled = Filled(missing=material.plain(str(error)))
    return Section(**dict(heading), **dict(filled))


def page(made: Dossier) -> str:
    """The dossier as a page that prints."""
    points = {point: [one for one in made.sections if point in one.annex_iv] for point in ANNEX_IV}
    parts = {part: [one for one in made.sections if part in one.sr_11_7] for part in SR_11_7}
    tone = "bad" if made.face is None or made.exploratory else WORDS[made.face][1]
    text: str = template("dossier.html").render(
        dossier=made, tone=tone, to_add=TO_ADD, points=points, annex_iv=ANNEX_IV, parts=parts
    )
    return text
