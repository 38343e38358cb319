"""`metier relabel`: corrected sheets in; a new version of the data files, a log and a recipe for them out."""

import json
import os
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from getpass import getuser
from pathlib import Path
from typing import Any

from metier.data.files import found
from metier.errors import UserError
from metier.recipes.schema import Recipe
from metier.relabeling.decisions import Decision, decisions
from metier.relabeling.originals import places_of, write_originals
from metier.relabeling.rewriting import Change, rewrite
from metier.relabeling.rows import Origin, check_unchanged, rows_of
from metier.relabeling.versions import next_number, root_of, versioned
from metier.reporting.suspect_sheets import TEST, TRAINING
from metier.runs import history
from metier.runs.files import file_sha256, write_text
from metier.runs.integrity import SHEETS
from metier.runs.run import Run

PART = ".part-"


@dataclass(frozen=True)
class Relabeled:
    """What a call of `metier relabel` did."""

    changed: int
    confirmed: int
    """Looked at and found right."""
    unclear: int
    """Looked at; the label stays."""
    changed_in_test: int
    files: tuple[str, ...]
    """The new versions; empty where no label changed."""
    tables: tuple[str, ...]
    """New versions of the tables that `metier new` copied the rows from."""
    notes: tuple[str, ...]
    """Why such a table has none."""
    log: str
    recipe: str | None
    command: str | None
    """What gives the verdict on the new labels."""

    @property
    def text(self) -> str:
        """For people."""
        looked = self.changed + self.confirmed + self.unclear
        lines = [
            f"{looked:,} rows looked at: {self.changed:,} labels changed ({self.changed_in_test:,} of the test), "
            f"{self.confirmed:,} confirmed, {self.unclear:,} unclear and left as they are."
        ]
        lines += [f"  new version: {file}" for file in self.files]
        lines += [f"  your table: {file}" for file in self.tables]
        lines += [f"  log: {self.log}", *(f"  {note}" for note in self.notes)]
        if self.command is None:
            return "\n".join([*lines, "No label changed, so the verdict stands."])
        why = "The verdict is about the old labels. Nothing of the run was changed. Run it again:"
        return "\n".join([*lines, f"  recipe: {self.recipe}", why, f"  {self.command}"])


def relabel(run: Run, sheets: Sequence[Path], by: str | None = None, out: Path | None = None) -> Relabeled:
    """Write the new version of every file in which people corrected a label.

    `sheets`: none: those in the run's folder. Raises `Problems` with all that is wrong in the sheets, and `UserError`
    where nothing is filled in or the data files were changed since the run. All is written, or nothing.
    """
    unread = "" if sheets else _unread(run.folder)
    sheets = sheets or [path for name in (TRAINING, TEST) if (path := run.folder / name).is_file()]
    if not sheets:
        raise UserError(f"{run.folder} has no {TRAINING} and no {TEST}. {unread or 'Name the sheet to read.'}")
    given = decisions(sheets, rows_of(run), run.folder)
    if not given:
        names = ", ".join(map(str, sheets))
        raise UserError(f"Nothing is filled in: write right labels into the column `corrected` of {names}. {unread}")
    if unread:
        run.progress.warn(unread)
    by_origin: dict[Origin, list[Decision]] = {}
    for decision in given:
        assert isinstance(decision.row.origin, Origin)
        by_origin.setdefault(decision.row.origin, []).append(decision)
    for origin in by_origin:
        check_unchanged(run, origin)
    return _write(run, by_origin, by or _user(), out)


def _unread(folder: Path) -> str:
    """Which other sheets a run's folder has, and how they are read; empty where there are none."""
    others = sorted({*folder.glob(f"{SHEETS}*.csv")} - {folder / TRAINING, folder / TEST})
    if not others:
        return ""
    command = shlex.join(["metier", "relabel", str(folder), *map(str, others)])
    return f"Not read: {', '.join(one.name for one in others)}. Sheets with other names are read by name: {command}"


@dataclass(frozen=True)
class _Target:
    """The files of one entry of the recipe, and where their new version goes."""

    origin: Origin
    given: tuple[Decision, ...]
    root: Path
    """The file, or the folder that holds all files of a pattern."""
    path: Path
    files: Mapping[str, Path]
    """Name in the places of rows -> file."""

    @property
    def scratch(self) -> Path:
        return self.path.with_name(f"{PART}{self.path.name}")

    @property
    def changed(self) -> bool:
        return any(one.kind == "changed" for one in self.given)

    def within(self, folder: Path, file: Path) -> Path:
        """What becomes of a file in the new version that `folder` is."""
        return folder if self.root.is_file() else folder / file.relative_to(self.root)


def _write(run: Run, by_origin: Mapping[Origin, list[Decision]], who: str, out: Path | None) -> Relabeled:
    roots = {origin: root_of(origin.source) for origin in by_origin}
    home = out or next(iter(roots.values())).parent
    log, recipe = home / "log.jsonl", home / "recipe.yaml"
    number = next_number([*roots.values(), log, recipe], out)
    log, recipe = versioned(log, number, out), versioned(recipe, number, out)
    targets = _targets(by_origin, roots, number, out)
    new = [target for target in targets if target.changed]
    try:
        home.mkdir(parents=True, exist_ok=True)
        _fill(new)
        entries = [entry for target in targets for entry in _entries(run, who, target)]
        write_text(log, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))
        if new:
            write_text(recipe, _head(run, who) + _pointed(run.recipe, new).as_yaml())
        copies = {target.root: _changes(target).get(target.root.name, {}) for target in new if target.root.is_file()}
        originals = write_originals(copies, number, log.parent)
    except OSError as error:
        raise UserError(
            f"{error.filename or home} cannot be written: {error.strerror}. Name a folder by --out."
        ) from error
    given = [one for target in targets for one in target.given]
    kinds = Counter(one.kind for one in given)
    history.append(run.folder, history.RELABEL, who=who, **kinds, log=str(log.resolve()), log_sha256=file_sha256(log))
    return Relabeled(
        changed=kinds["changed"],
        confirmed=kinds["confirmed"],
        unclear=kinds["unclear"],
        changed_in_test=sum(one.kind == "changed" and one.row.part == "test" for one in given),
        files=tuple(str(target.path) for target in new),
        tables=tuple(map(str, originals.files)),
        notes=originals.notes,
        log=str(log),
        recipe=str(recipe) if new else None,
        command=_command(run, recipe, number) if new else None,
    )


def _command(run: Run, recipe: Path, number: int) -> str:
    """What runs the new recipe as the run was run, in a folder beside it."""
    trainings = len(run.locked()["seeds"])
    folder = run.folder.parent if trainings > 1 else run.folder  # an average stands in the folder of its trainings
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    words = ["metier", "run", str(recipe), *(["--seeds", str(trainings)] if trainings > 1 else [])]
    return shlex.join([*words, "--out", f"{re.sub('-relabeled-[0-9]+$', '', str(folder))}-relabeled-{number}"])


def _targets(
    by_origin: Mapping[Origin, list[Decision]], roots: Mapping[Origin, Path], number: int, out: Path | None
) -> list[_Target]:
    targets: list[_Target] = []
    for origin, given in by_origin.items():
        path = versioned(roots[origin], number, out)
        if path in [target.path for target in targets]:
            # Two patterns in one folder, each of which reads its own files only, or files of one name with --out. The
            # ending stays the last: by that the format is chosen.
            version = f".relabeled-{number}"
            path = path.with_name(path.name.replace(version, f"-{origin.key}-{origin.number}{version}"))
        files = {one.name: one.file for one in found(origin.source.path) if not one.wrong}
        targets.append(_Target(origin, tuple(given), roots[origin], path, files))
    return targets


def _fill(targets: Sequence[_Target]) -> None:
    """Write all new versions, or none."""
    try:
        for target in targets:
            _remove(target.scratch)
            changes = _changes(target)
            for name, file in target.files.items():
                into = target.within(target.scratch, file)
                into.parent.mkdir(parents=True, exist_ok=True)
                if name in changes:
                    rewrite(file, target.origin.source.format, target.origin.column, changes[name], into)
                else:
                    shutil.copyfile(file, into)
        for target in targets:
            os.rename(target.scratch, target.path)
    except BaseException:
        for target in targets:
            _remove(target.scratch)
        raise


def _changes(target: _Target) -> dict[str, dict[str, Change]]:
    """Name of a file -> place -> what becomes of the label."""
    changes: dict[str, dict[str, Change]] = {}
    for one in target.given:
        if one.label is not None and one.kind == "changed":
            name, _, place = one.row.place.rpartition(":")
            changes.setdefault(name, {})[place] = Change(one.row.label, one.label)
    return changes


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _entries(run: Run, who: str, target: _Target) -> Iterator[dict[str, Any]]:
    """Lines of the log."""
    sha256, copied_from = cache(file_sha256), cache(places_of)
    for one in target.given:
        name, _, place = one.row.place.rpartition(":")
        file = target.files[name]
        after = target.within(target.path, file) if target.changed else None
        yield {
            "who": who,
            "when": history.now(),
            "run": str(run.folder.resolve()),
            "part": one.row.part,
            "id": one.row.id,
            "file": str(file),
            "place": place,
            "copied_from": copied_from(file)[int(place) - 1] if copied_from(file) else None,
            "old": one.row.label,
            "new": one.label,
            "decision": one.kind,
            "sheet": one.place,
            "new_file": None if after is None else str(after),
            "sha256_before": sha256(file),
            "sha256_after": None if after is None else sha256(after),
        }


def _pointed(recipe: Recipe, new: Sequence[_Target]) -> Recipe:
    """The recipe with the new versions in place of the old ones."""
    uses: dict[str, list[Any]] = {"datasets": list(recipe.datasets), "benchmarks": list(recipe.benchmarks)}
    for target in new:
        mine = uses[target.origin.key]
        mine[target.origin.number] = {**mine[target.origin.number], "path": str(target.path.resolve())}
    return recipe.model_copy(update=uses)


def _head(run: Run, who: str) -> str:
    whom = " ".join(who.split())
    return f"# The recipe of {run.folder.resolve()} with labels corrected by {whom!r} (`metier relabel`).\n"


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError) as error:  # a container whose user has no name
        raise UserError("Who corrected the labels is not known: this user has no name. Give --by NAME.") from error
