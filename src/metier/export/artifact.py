"""An artifact of a run, opened by our own loader."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.engine.models import model_files, weights
from metier.errors import UserError
from metier.runs.run import Run


@dataclass(frozen=True)
class Artifact:
    """What lies in a folder, or a single GGUF file."""

    kind: str
    """adapter, gguf or merged."""
    path: Path
    """The file, or the folder."""

    @property
    def folder(self) -> Path:
        """Where its card and its metier.json are."""
        return self.path.parent if self.kind == "gguf" else self.path


def find_artifact(path: Path) -> Artifact:
    """What is at a path. Raises `UserError` where it is nothing that a run is exported as."""
    if path.is_file() and path.suffix == ".gguf":
        return Artifact("gguf", path)
    if not path.is_dir():
        raise UserError(f"There is no artifact {path}. Name a folder that `metier export` wrote, or a .gguf file.")
    files = sorted(path.glob("*.gguf"))
    if len(files) == 1:
        return Artifact("gguf", files[0])
    if files:
        raise UserError(f"{path} holds {len(files)} GGUF files: {files[0].name}, {files[1].name} ... Name one of them.")
    if (path / model_files.TUNED_CONFIG).is_file():
        return Artifact("adapter", path)
    if (path / "config.json").is_file():
        return Artifact("merged", path)
    raise UserError(f"{path} holds no adapter, no model and no GGUF file. Name a folder that `metier export` wrote.")


@dataclass(frozen=True)
class LoadedArtifact:
    """An artifact that our loader reads."""

    run: Run
    model: str
    """The model's name or folder."""
    adapter: Path | None
    differences: tuple[str, ...] = ()
    """Of a GGUF file: keys that are not as this run's base model has them."""

    def load(self, exact: bool = False) -> Any:
        """The model, in the type in which a run is evaluated; `exact`: in float32."""
        import torch

        from metier.engine.models.model import load

        return load(self.model, self.adapter, self.run.progress.warn, dtype=torch.float32 if exact else None)


@contextmanager
def open_artifact(run: Run, artifact: Artifact) -> Iterator[LoadedArtifact]:
    """The artifact as long as it is asked. A GGUF file is read into a folder of its own, which is removed again."""
    if artifact.kind == "adapter":
        yield LoadedArtifact(run, run.recipe.model, artifact.path)
    elif artifact.kind == "merged":
        yield LoadedArtifact(run, str(artifact.path), None)
    else:
        from metier.engine.models.gguf.reader import read_back

        with tempfile.TemporaryDirectory(prefix="metier-gguf-") as scratch:
            base = weights.folder(run.recipe.model, run.progress.warn)
            found = read_back(artifact.path, base, Path(scratch))
            yield LoadedArtifact(run, scratch, None, tuple(found))
