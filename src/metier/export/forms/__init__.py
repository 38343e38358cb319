"""Forms that a finished run is exported in: one file each.

A file defines `Export`, a dataclass over `ExportLike`. `write` fills a folder and says how it is used; the card and
`metier.json` are written for it. `--to lm-eval` finds `lm_eval.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from metier.engine.models.origin import Origin
from metier.evaluation.benchmark import Benchmark
from metier.runs.run import Run

FOLDER, BASE, RUN = "{folder}", "{base}", "{run}"
"""Stand in a command for the folder of the artifact, the base model and the run: an artifact names no place here."""


def filled(value: Any, places: Mapping[str, str]) -> Any:
    """Texts, also those in mappings, with what stands for a place replaced by it."""
    if isinstance(value, Mapping):
        return {key: filled(one, places) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    for name, place in places.items():
        value = value.replace(f"{{{name}}}", place)
    return value


def run_name(run: Run) -> str:
    """What a run is called: its folder, or of the average of several trainings the folder above."""
    folder = run.folder.resolve()
    return folder.parent.name if folder.name == "averaged" else folder.name


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported, and where."""

    run: Run
    tuned: Path
    """The adapter of the run, or all its weights."""
    folder: Path
    """An empty folder to write into."""
    out: Path
    """Where the folder stands once it is complete."""
    quantization: str
    """Of a form that has several, which one."""
    origin: Origin
    prompting: Sequence[dict[str, Any]]
    """How each benchmark asks, as `metier.json` has it."""
    benchmarks: Sequence[Benchmark]

    @property
    def name(self) -> str:
        """What files and servers call the model: the run's name, in letters that all of them take."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", run_name(self.run)).strip("-.") or "model"


@dataclass(frozen=True)
class Written:
    """What a form wrote."""

    what: str
    """What it is, before `of BASE`."""
    library: str
    """The library that loads it, as the hub names it."""
    command: str
    """What to type to use it, with `{folder}`, `{base}` and `{run}` for places."""
    example: str = ""
    """A program that asks it; empty where there is none."""
    note: str = ""
    """A sentence for the card: why there is no example."""
    language: str = "python"
    """Of the example."""
    details: dict[str, Any] = field(default_factory=dict)
    """Further keys of `metier.json` and of what the command prints."""


class ExportLike(Protocol):
    """What the file of a form defines as `Export`; derive it from this."""

    holds_model: ClassVar[bool] = True
    """Whether it holds a model, which nobody should use after a HOLD; else it holds questions."""
    quantizations: ClassVar[tuple[str, ...]] = ()
    """The types of weights that it offers; the first is the default."""

    def write(self, request: ExportRequest) -> Written:
        """Fill `request.folder`. Raises `UserError` where the run has nothing for this form."""
        raise NotImplementedError
