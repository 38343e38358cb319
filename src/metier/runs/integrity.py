"""Is a run's folder as Metier wrote it? Every file has its hash in a mark, in the history, or in itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.recipes.schema import load
from metier.runs import history
from metier.runs.begun import PLAN, difference, locked_recipe, told
from metier.runs.files import file_sha256
from metier.runs.history import read_history
from metier.runs.lock import BUSY
from metier.runs.marks import read_hashed, read_mark
from metier.runs.run import Run, trainings

MARK = ".done.json"
FOR_PEOPLE = {"checkpoints", "monitor", "dossier"}
"""Folders of a run that are no part of its verdict: they pass, or people write in them."""
PASSING = (".part", ".part.jsonl", BUSY, history.FILE)
"""Endings of files that are no part of a finished run, and of the history, which no entry of its own can cover."""
OVERVIEW = ("seeds.json", "report.html")
"""What stands above the folders of several trainings."""
SHEETS = "suspects"
"""How the sheets of suspect labels begin, which people fill in: what they write is held against the rows by
`metier relabel`, and no hash covers it."""


@dataclass(frozen=True)
class Finding:
    """A file that is not as it was written."""

    file: str
    """Its path in the folder."""
    what: str
    """What happened to it."""


@dataclass(frozen=True)
class Verified:
    """What `metier verify` found in a folder."""

    files: int
    """So many files were held against their hashes."""
    findings: tuple[Finding, ...]


def record_report(run: Run, **facts: Any) -> None:
    """Add a verdict to the history, with the hash of every file that no mark covers: the marks, the pages, the lock."""
    covered = {file for mark in _marks(run.folder) for file in _mark(run.folder, mark).files}
    files = {
        name: file_sha256(path)
        for path in sorted(run.folder.rglob("*"))
        if path.is_file()
        and not path.name.endswith(PASSING)
        and FOR_PEOPLE.isdisjoint(path.relative_to(run.folder).parts)
        and not (path.parent == run.folder and path.name.startswith(SHEETS))
        for name in [path.relative_to(run.folder).as_posix()]
        if name not in covered
    }
    history.append(run.folder, history.REPORT, **facts, files=files)


def record_overview(folder: Path, **facts: Any) -> None:
    """Add the verdict on several trainings to the history of the folder above them, with the hashes of its files."""
    history.append(folder, history.REPORT, **facts, files={name: file_sha256(folder / name) for name in OVERVIEW})


def verify(folder: Path) -> Verified:
    """Hold every file of a run, or of several trainings, against its hash. Raises `UserError` where there is none."""
    parts = trainings(folder)
    if not parts:
        return _verified(folder)
    names = [*parts, *(["averaged"] if (folder / "averaged").is_dir() else [])]
    found = {name: _verified(folder / name) for name in names}
    findings = [
        Finding(f"{name}/{one.file}", one.what) for name, verified in found.items() for one in verified.findings
    ]
    above = _overview(folder)
    return Verified(above.files + sum(one.files for one in found.values()), (*findings, *above.findings))


def _overview(folder: Path) -> Verified:
    """The verdict and the page on several trainings, as the history beside them has them."""
    known = read_history(folder)
    report = known.last(history.REPORT)
    found = {history.FILE: "; ".join(known.broken)} if known.broken else {}
    if report is None:
        found[history.FILE] = "is missing, or has no verdict: run `metier run` with `--seeds` again"
    for name, sha256 in (report or {"files": {}})["files"].items():
        if (what := _changed(folder / name, [sha256])) is not None:
            found[name] = what
    for what in _own_hash(folder / "seeds.json"):
        found["seeds.json"] = what
    return Verified(len(OVERVIEW) + 1, tuple(Finding(name, what) for name, what in found.items()))


def _verified(folder: Path) -> Verified:
    if not any((folder / name).exists() for name in ("recipe.yaml", "lock.json", history.FILE)):
        raise UserError(f"There is no run in {folder}. Name the folder of a run, or of several trainings.")
    known = read_history(folder)
    recorded: dict[str, list[str]] = {}
    for file, sha256 in _recorded(folder, known):
        recorded.setdefault(file, []).append(sha256)
    found: dict[str, str] = {}
    for file, hashes in recorded.items():
        if (what := _changed(folder / file, hashes)) is not None:
            found[file] = what
    for file, what in _by_content(folder, known):
        found.setdefault(file, what)
    return Verified(len(recorded) + 1, tuple(Finding(file, what) for file, what in sorted(found.items())))


def _recorded(folder: Path, known: history.History) -> Iterator[tuple[str, str]]:
    """(file, hash) as every mark and the newest report say, and what the recipe was edited to since."""
    files: dict[str, str] = {}
    for entry in known.entries:
        if entry.get("event") == history.REPORT:
            files = dict(entry["files"])
        elif entry.get("event") == history.EDIT and files:
            files |= entry.get("files", {})
    yield from files.items()
    for mark in _marks(folder):
        try:
            yield from _mark(folder, mark).files.items()
        except UserError:  # named by `_by_content`
            continue


def _by_content(folder: Path, known: history.History) -> Iterator[tuple[str, str]]:
    """(file, what is wrong) where a file carries its own hash, or has to agree with another one."""
    for sentence in known.broken:
        yield history.FILE, sentence
    for name in ("lock.json", PLAN, *_marks(folder)):
        for what in _own_hash(folder / name):
            yield name, what
    if not known.entries:
        yield history.FILE, "is missing, or holds nothing"
    if known.last(history.REPORT) is None:
        yield "verdict.json", "is not in the history: run `metier report`"
    sealed = known.first(history.PLAN)
    if sealed is None:
        yield PLAN, "is not in the history"
    elif (folder / PLAN).is_file() and file_sha256(folder / PLAN) != sealed["plan_sha256"]:
        yield PLAN, "is not the plan that was sealed"
    yield from _recipe(folder)


def _recipe(folder: Path) -> Iterator[tuple[str, str]]:
    """Whether recipe.yaml says what the run was begun with."""
    path = folder / "recipe.yaml"
    try:
        begun = locked_recipe(folder)[1]
        if changed := difference(load(path), begun):
            yield path.name, f"was edited after the run was begun ({told(changed)})"
    except (UserError, OSError) as error:
        if path.is_file():
            yield path.name, f"cannot be held against lock.json: {error}"


def _own_hash(path: Path) -> list[str]:
    """What is wrong with a file that carries its own hash."""
    if not path.is_file():
        return ["is missing"]
    try:
        read_hashed(path, "")
    except UserError:
        return ["was changed after Metier wrote it: its hash does not match its content"]
    return []


def _changed(path: Path, hashes: Sequence[str]) -> str | None:
    if not path.is_file():
        return "is missing"
    return None if file_sha256(path) in hashes else "was changed after it was written: its hash is another one"


def _marks(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{MARK}"))


def _mark(folder: Path, name: str) -> Any:
    return read_mark(folder / name, f"Remove it and run `metier {name.split('/')[0].removesuffix(MARK)} {folder}`.")
