"""Datasets: what a recipe asks of one; those inside this package; published ones, from a mirror or the hub."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import xxhash

from metier.data.reading import FileSource
from metier.data.records import rows_to_table
from metier.errors import UserError
from metier.recipes.settings import NO_SETTING

MIRROR = "METIER_DATA"
NO_HUB = f"this dataset has no hub id: it comes from {MIRROR} only"
SPLITS = {"train": "train", "dev": "valid", "val": "valid", "valid": "valid", "validation": "valid", "test": "test"}

Record = dict[str, Any]
"""A row as its authors have it."""
Row = dict[str, Any]
"""A row in our columns."""


class DatasetLike(Protocol):
    """What a recipe asks of its datasets: named ones, files of the user's own, and those of other packages."""

    @property
    def name(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def license(self) -> str: ...
    @property
    def citation(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def labeled(self) -> bool: ...
    @property
    def pairs(self) -> bool: ...
    @property
    def task(self) -> str | None: ...
    @property
    def rejected_rows(self) -> list[dict[str, str]]: ...

    def rows(self) -> pa.Table: ...
    def batches(self) -> Iterator[pa.Table]: ...
    def fingerprint(self) -> str: ...
    def problems(self) -> list[str]: ...
    def prompt_columns(self) -> set[str] | None: ...


@dataclass
class BaseDataset:
    """What every named dataset says of itself. One of another kind than those below has `read` and `fingerprint`."""

    name: str
    """The name of its file."""
    license: str = ""
    """SPDX identifier, or the terms in words."""
    citation: str = ""
    url: str = ""
    """Where it is published."""
    labeled: bool = True
    """Whether its rows are questions with an answer; raw text is not."""
    pairs: bool = False
    """Whether its rows are prompts with a chosen and a rejected answer."""
    task: str | None = None
    """The benchmark whose prompt asks its rows; left out: the one that reads it."""

    @property
    def place(self) -> str:
        """Where it is, as a message names it."""
        return self.name

    @property
    def rejected_rows(self) -> list[dict[str, str]]:
        """No row is rejected: one that cannot be read stops the reading."""
        return []

    def rows(self) -> pa.Table:
        """All rows, read once."""
        return self._rows

    @cached_property
    def _rows(self) -> pa.Table:
        return self.read()

    def read(self) -> pa.Table:
        """All rows, in the one schema, with `split` filled in where the dataset has fixed splits."""
        raise NotImplementedError

    def batches(self) -> Iterator[pa.Table]:
        """All rows, at once."""
        yield self.rows()

    def fingerprint(self) -> str:
        """A hash that changes when the data change."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """What keeps this dataset from being read, said before anything is read."""
        return []

    def prompt_columns(self) -> set[str] | None:
        """What a prompt may name; None: not known before the rows are read."""
        return None


@dataclass
class PackagedDataset(BaseDataset):
    """A dataset inside this package: one JSON object a line."""

    file: str = ""
    """Its file in `metier/data/`."""
    to_row: Callable[[int, Record], Row] = field(default=lambda number, record: record, metadata=NO_SETTING)
    """Number of the line and their row -> ours, without source, license and origin."""

    def read(self) -> pa.Table:
        shared = {"source": self.name, "license": self.license}
        return rows_to_table(
            {**shared, "origin": f"{self.file}:{number}", **self.to_row(number, json.loads(line))}
            for number, line in enumerate(self._text().splitlines(), start=1)
        )

    def fingerprint(self) -> str:
        return xxhash.xxh3_128_hexdigest(self._text().encode())

    def _text(self) -> str:
        return (files("metier") / "data" / self.file).read_text(encoding="utf-8")


@dataclass
class Dataset(BaseDataset):
    """A published dataset whose rows are JSON objects.

    Looked for in this order: `METIER_DATA`/folder/{train,dev,test}.jsonl[.gz]; a saved copy of the hub's dataset
    (`save_to_disk`) in `METIER_DATA`/folder/hub; the hub, through `datasets` and its own cache. The hub's `revision`
    is what is asked for: where it says `main`, the data may change, and `fingerprint` then follows the files read.
    """

    folder: str = ""
    """Where it stands in a mirror: industry/dataset."""
    prefix: str = ""
    """What stands before train, dev and test in the names of its files there."""
    tested: str = "test"
    """Which of its files holds the rows that are asked."""
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text", "label": "label"})
    """Ours (id, text, label, chosen, rejected, group, time) -> the mirror's."""
    fields: list[str] | None = None
    """Further columns that stand beside the text, for prompts and slices; left out: all."""
    label_names: dict[str, str] = field(default_factory=dict)
    """Their label -> the words that the model reads and writes; left out: as it is, with spaces for underscores."""
    to_row: Callable[[Record, Row], Row | None] | None = field(default=None, metadata=NO_SETTING)
    """Where columns do not say enough: their row and ours so far -> ours; None leaves the row out."""
    hub: str = ""
    """owner/name on the Hugging Face hub."""
    revision: str = "main"
    hub_config: str | None = None
    hub_columns: dict[str, str] = field(default_factory=dict)
    """The mirror's column -> the hub's, where they differ."""

    def row(self, record: Record) -> Row | None:
        """One row of theirs as one of ours, without source, origin and split; None leaves it out. Its `license` is the
        dataset's where it names none of its own."""
        row = self._by_columns(record)
        return self.to_row(record, row) if self.to_row else row

    def _by_columns(self, record: Record) -> Row:
        taken = set(self.columns.values())
        row: Row = {ours: None if record.get(it) is None else str(record[it]) for ours, it in self.columns.items()}
        if row.get("label") is not None:
            row["label"] = self._named(row["label"])
        if self.fields is not None:
            return {**row, "fields": {key: str(record[key]) for key in self.fields}}
        further = {key: str(value) for key, value in record.items() if key not in taken and value is not None}
        return {**row, "fields": further}

    def _named(self, label: str) -> str:
        """The words for one of their labels. Raises `UserError` for one that the declaration does not know."""
        if not self.label_names:
            return label.replace("_", " ")
        if label not in self.label_names:
            raise UserError(
                f"The dataset {self.name} has a label '{label}' that is not declared. Is it another version?"
            )
        return self.label_names[label]

    def read(self) -> pa.Table:
        """All rows, ours, with `split`. Raises `UserError` where neither mirror nor hub can be reached."""
        rows = []
        for split, origin, record in self._records():
            try:
                row = self.row(record)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                why = f"it has no column {error}" if isinstance(error, KeyError) else str(error)
                raise UserError(
                    f"{origin}: the row is none of the dataset {self.name} as it is read here ({why}). Fix it, or "
                    "look for the version that is published."
                ) from error
            if row is not None:
                shared = {"source": self.name, "license": self.license, "origin": origin, "split": split}
                row["id"] = row.get("id") or origin
                if row.get("text") is None:
                    raise UserError(f"{origin}: the row has no '{self.columns.get('text', 'text')}'. Fix the dataset.")
                row["fields"] = list(row.get("fields", {}).items())
                rows.append({**shared, **row})
        return rows_to_table(rows)

    def fingerprint(self) -> str:
        """Of each file that is read; of the hub, what `datasets` makes of the commit that `revision` stood for."""
        if paths := self._read_files():
            return " ".join(FileSource(str(path), license=self.license).fingerprint() for path in paths)
        parts = (f"{name}={part._fingerprint}" for name, part in self._loaded.items())
        return " ".join([f"{self.hub}@{self.revision} {self.hub_config}", *parts])

    def _read_files(self) -> list[Path]:
        """Empty where the rows come from the hub."""
        saved = self._saved()
        if (paths := [path for _, path in self._files()]) or saved is None:
            return paths
        return sorted(path for path in saved.rglob("*") if path.is_file())

    def problems(self) -> list[str]:
        """Where the data would come from is looked at; nothing is downloaded."""
        if self._files() or self._saved() is not None:
            return []
        if not self.hub:
            return [self._absent(NO_HUB)]
        offline = {"1", "true", "yes", "on"} & {
            os.environ.get(name, "").lower() for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
        }
        return [self._absent("the hub is switched off (HF_HUB_OFFLINE)")] if offline else []

    def _absent(self, why: str) -> str:
        tried = (
            f"{MIRROR}={os.environ[MIRROR]} has no {self.folder}/" if os.environ.get(MIRROR) else f"{MIRROR} is not set"
        )
        published = "" if self.hub or not self.url else f" It is published at {self.url}."
        return (
            f"The dataset {self.name} is not here: {tried}, and {why}. Set {MIRROR} to a folder that holds "
            f"{self.folder}/{self.prefix}train.jsonl and so on.{published}"
        )

    def home(self) -> Path | None:
        """Its folder in the mirror, if one is named."""
        mirror = os.environ.get(MIRROR)
        return Path(mirror).expanduser() / self.folder if mirror else None

    def _files(self) -> list[tuple[str, Path]]:
        """(our split, file) of a mirror."""
        home = self.home()
        names = [
            ("test" if stem == self.tested else split, f"{self.prefix}{stem}{ending}")
            for stem, split in SPLITS.items()
            for ending in (".jsonl", ".jsonl.gz")
        ]
        there = [(split, home / name) for split, name in names if home and (home / name).is_file()]
        plain = {path for _, path in there}  # a file and its own .gz beside it (gunzip -k) are the same rows
        return [(split, path) for split, path in there if path.suffix != ".gz" or path.with_suffix("") not in plain]

    def _saved(self) -> Path | None:
        home = self.home()
        return home / "hub" if home and (home / "hub").is_dir() else None

    def _records(self) -> Iterator[tuple[str, str, Record]]:
        """(our split, where it stands, their row)."""
        paths = self._files()
        for split, path in paths:
            for origin, record in FileSource(str(path), license=self.license).lines():
                yield split, origin, record
        if not paths:
            yield from self._from_hub()

    @cached_property
    def _loaded(self) -> Any:
        """The parts of the saved copy or of the hub's dataset; once, so that rows and fingerprint are of one commit."""
        saved = self._saved()
        if saved is None and not self.hub:
            raise UserError(self._absent(NO_HUB))
        import datasets

        try:
            if saved is not None:
                loaded = datasets.load_from_disk(str(saved))
                return {"train": loaded} if isinstance(loaded, datasets.Dataset) else loaded
            # The library would ask a hub that is away six times, 23 s, before it looks into its cache.
            if not datasets.config.HF_HUB_OFFLINE and not _hub_answers():
                datasets.config.HF_HUB_OFFLINE = True
            return datasets.load_dataset(self.hub, self.hub_config, revision=self.revision)
        except Exception as error:  # the library raises many kinds for one thing: it cannot be had
            raise UserError(self._absent(f"{self.hub} cannot be had from the hub ({type(error).__name__})")) from error

    def _from_hub(self) -> Iterator[tuple[str, str, Record]]:
        from datasets import ClassLabel

        theirs = {hub: ours for ours, hub in self.hub_columns.items()}
        for name, part in self._loaded.items():
            labels = {key: of for key, of in part.features.items() if isinstance(of, ClassLabel)}
            for number, record in enumerate(part):
                plain = {key: _word(labels[key], value) if key in labels else value for key, value in record.items()}
                renamed = {theirs.get(key, key): value for key, value in plain.items()}
                yield SPLITS.get(name, "train"), f"{self.hub}/{name}:{number}", renamed


def _word(labels: Any, value: int | None) -> str | None:
    """The hub writes a label that is kept secret as -1."""
    return None if value is None or value < 0 else labels.int2str(value)


def _hub_answers() -> bool:
    """Whether the hub, or the proxy before it, says anything within five seconds."""
    from huggingface_hub.constants import ENDPOINT

    try:
        urllib.request.urlopen(urllib.request.Request(ENDPOINT, method="HEAD"), timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
