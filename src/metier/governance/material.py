"""The run that a dossier is made of. Each file is read when a section asks for it; raises `UserError` where it was
changed since."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.errors import UserError
from metier.evaluation.answers import Answers
from metier.evaluation.plan import Plan, read_plan
from metier.evaluation.results import SeedsVerdict, Verdict, read_verdict
from metier.recipes.texts import Texts, texts_of
from metier.runs.history import History, read_history
from metier.runs.marks import read_hashed
from metier.runs.run import Run, trainings

SEEDS = "seeds.json"


class Material:
    """A finished run, and of several trainings the folder above it."""

    def __init__(self, run: Run, given: Path) -> None:
        self.run, self.given = run, given

    @cached_property
    def verdict(self) -> Verdict:
        if (verdict := read_verdict(self.run.folder)) is None:
            raise UserError(f"There is no verdict yet. Run `metier report {self.run.folder}` first.")
        return verdict

    @cached_property
    def plan(self) -> Plan | None:
        return read_plan(self.run)

    @cached_property
    def history(self) -> History:
        return read_history(self.run.folder)

    @cached_property
    def texts(self) -> Texts:
        return texts_of(self.run.recipe)

    @cached_property
    def lock(self) -> Mapping[str, Any]:
        return self.run.locked()

    @cached_property
    def answers(self) -> Answers:
        return Answers(self.run)

    @cached_property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """The steps that curated the rows, each with its counts and notes."""
        text = self.run.output("curate", "curate/steps.json").read_text(encoding="utf-8")
        entries: list[Mapping[str, Any]] = json.loads(text)
        return entries

    def step(self, name: str) -> Mapping[str, Any] | None:
        """The first step of a name; None where the rows went through none."""
        return next((entry for entry in self.steps if entry["step"] == name), None)

    @cached_property
    def rows(self) -> Mapping[str, pa.Table]:
        """Rows of the sides train, valid and dropped."""
        return {side: self.run.table("curate", f"{side}.parquet") for side in ("train", "valid", "dropped")}

    @cached_property
    def seeds(self) -> SeedsVerdict | None:
        """The decision by the mean, where the run is one of several trainings or their average."""
        folder = next((one for one in (self.given, self.run.folder.resolve().parent) if trainings(one)), None)
        return None if folder is None else SeedsVerdict.model_validate(read_hashed(folder / SEEDS, "Run it again."))

    @cached_property
    def places(self) -> dict[str, str]:
        """Places of this machine that the recipe and the history name -> what a dossier says instead: the name alone.
        A relative folder is no place of a machine, and `.` stands in every sentence."""
        texts = [*_texts(self.run.recipe.model_dump()), *(str(entry.get("log", "")) for entry in self.history.entries)]
        found = {text: Path(text).name for text in texts if _is_place(text)}
        named = (self.run.folder.resolve(), self.run.folder, self.given.resolve(), self.given)
        folders = [folder for folder in named if folder.is_absolute()]
        return {**{f"{folder}/": "" for folder in folders}, **{str(folder): folder.name for folder in folders}, **found}

    def plain(self, text: str) -> str:
        """A text without the places of this machine."""
        for place in sorted(self.places, key=len, reverse=True):
            text = text.replace(place, self.places[place])
        return text

    def shown(self, value: Any) -> str:
        """A setting as people read it."""
        if isinstance(value, Mapping):
            return ", ".join(f"{key}: {self.shown(inner)}" for key, inner in value.items()) or "none"
        if isinstance(value, list | tuple):
            return ", ".join(map(self.shown, value)) or "none"
        if isinstance(value, bool) or value is None:
            return {True: "yes", False: "no", None: "none"}[value]
        return self.plain(str(value)) or "none"


def _is_place(text: str) -> bool:
    """Whether a text is a path of this machine; `/` alone, or a prompt that begins with `/no_think`, is none."""
    return Path(text).is_absolute() and len(Path(text).parts) > 2


def _texts(value: Any) -> list[str]:
    """All texts in plain values, keys included."""
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []
