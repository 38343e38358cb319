"""Published datasets: from a mirror (`METIER_DATA`) or the hub, mapped to our rows."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.errors import UserError
from metier.reading import FileSource
from metier.records import rows_to_table
from metier.sources import NamedSource

MIRROR = "METIER_DATA"
NO_HUB = f"this dataset has no hub id: it comes from {MIRROR} only"
SPLITS = {"train": "train", "dev": "valid", "val": "valid", "valid": "valid", "validation": "valid", "test": "test"}


@dataclass
class Dataset(NamedSource):
    """A dataset whose rows are JSON objects. A file of this kind declares the fields below, and `row` where a map of
    columns does not say enough.

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
    columns: dict[str, str] = field(default_factory=dict)
    """Ours (id, text, label, group, time) -> the mirror's. Other columns stay beside it, for prompts and slices."""
    label_names: dict[str, str] = field(default_factory=dict)
    """Their label -> the words that the model reads and writes; left out: as it is, with spaces for underscores."""
    hub: str = ""
    """owner/name on the Hugging Face hub."""
    revision: str = "main"
    hub_config: str | None = None
    hub_columns: dict[str, str] = field(default_factory=dict)
    """The mirror's column -> the hub's, where they differ."""

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        """One row of theirs as one of ours, without source, origin and split; None leaves it out. Its `licence` is the
        dataset's where it names none of its own."""
        taken = set(self.columns.values())
        found = {ours: None if raw.get(theirs) is None else str(raw[theirs]) for ours, theirs in self.columns.items()}
        if found.get("label") is not None:
            found["label"] = self.named(found["label"])
        further = {key: str(value) for key, value in raw.items() if key not in taken and value is not None}
        return {**found, "fields": further}

    def named(self, label: Any) -> str:
        """The words for one of their labels. Raises `UserError` for one that the declaration does not know."""
        if not self.label_names:
            return str(label).replace("_", " ")
        if str(label) not in self.label_names:
            raise UserError(
                f"The dataset {self.name} has a label '{label}' that is not declared. Is it another version?"
            )
        return self.label_names[str(label)]

    def rows(self) -> pa.Table:
        """All rows, ours, with `split`. Raises `UserError` where neither mirror nor hub can be reached."""
        found = []
        for split, origin, raw in self._raw():
            try:
                row = self.row(raw)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                said = f"it has no column {error}" if isinstance(error, KeyError) else str(error)
                raise UserError(
                    f"{origin}: the row is none of the dataset {self.name} as it is read here ({said}). Mend it, or "
                    "look for the version that is published."
                ) from error
            if row is not None:
                shared = {"source": self.name, "licence": self.licence, "origin": origin, "split": split}
                row["id"] = row.get("id") or origin
                if row.get("text") is None:
                    raise UserError(f"{origin}: the row has no '{self.columns.get('text', 'text')}'. Mend the dataset.")
                row["fields"] = list(row.get("fields", {}).items())
                found.append({**shared, **row})
        return rows_to_table(found)

    def fingerprint(self) -> str:
        """Of each file that is read; of the hub, what `datasets` makes of the commit that `revision` stood for."""
        files = self._read_files()
        if files:
            return " ".join(FileSource(str(path), licence=self.licence).fingerprint() for path in files)
        parts = (f"{name}={part._fingerprint}" for name, part in self._loaded.items())
        return " ".join([f"{self.hub}@{self.revision} {self.hub_config}", *parts])

    def _read_files(self) -> list[Path]:
        """Empty where the rows come from the hub."""
        saved = self._saved()
        if (files := [path for _, path in self._files()]) or saved is None:
            return files
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
        asked = (
            f"{MIRROR}={os.environ[MIRROR]} has no {self.folder}/" if os.environ.get(MIRROR) else f"{MIRROR} is not set"
        )
        published = "" if self.hub or not self.url else f" It is published at {self.url}."
        return (
            f"The dataset {self.name} is not here: {asked}, and {why}. Set {MIRROR} to a folder that holds "
            f"{self.folder}/{self.prefix}train.jsonl and so on.{published}"
        )

    def _home(self) -> Path | None:
        mirror = os.environ.get(MIRROR)
        return Path(mirror).expanduser() / self.folder if mirror else None

    def _files(self) -> list[tuple[str, Path]]:
        """(our split, file) of a mirror."""
        home = self._home()
        names = [
            ("test" if stem == self.tested else split, f"{self.prefix}{stem}{ending}")
            for stem, split in SPLITS.items()
            for ending in (".jsonl", ".jsonl.gz")
        ]
        found = [(split, home / name) for split, name in names if home and (home / name).is_file()]
        plain = {path for _, path in found}  # a file and its own .gz beside it (gunzip -k) are the same rows
        return [(split, path) for split, path in found if path.suffix != ".gz" or path.with_suffix("") not in plain]

    def _saved(self) -> Path | None:
        home = self._home()
        return home / "hub" if home and (home / "hub").is_dir() else None

    def _raw(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(our split, where it stands, their row)."""
        files = self._files()
        for split, path in files:
            for origin, raw in FileSource(str(path), licence=self.licence).lines():
                yield split, origin, raw
        if not files:
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
                found = datasets.load_from_disk(str(saved))
                return {"train": found} if isinstance(found, datasets.Dataset) else found
            # The library would ask a hub that is away six times, 23 s, before it looks into its cache.
            if not datasets.config.HF_HUB_OFFLINE and not _hub_answers():
                datasets.config.HF_HUB_OFFLINE = True
            return datasets.load_dataset(self.hub, self.hub_config, revision=self.revision)
        except Exception as error:  # the library raises many kinds for one thing: it cannot be had
            raise UserError(self._absent(f"{self.hub} cannot be had from the hub ({type(error).__name__})")) from error

    def _from_hub(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        theirs = {hub: ours for ours, hub in self.hub_columns.items()}
        for name, part in self._loaded.items():
            names = {key: of for key, of in part.features.items() if hasattr(of, "int2str")}
            for number, record in enumerate(part):
                plain = {key: _named(names[key], value) if key in names else value for key, value in record.items()}
                raw = {theirs.get(key, key): value for key, value in plain.items()}
                yield SPLITS.get(name, "train"), f"{self.hub}/{name}:{number}", raw


def _named(labels: Any, value: int | None) -> str | None:
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
