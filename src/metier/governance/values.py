"""What a dossier holds, as frozen values: dossier.json has them as they stand here, and index.html shows them."""

from metier.evaluation.results import Face, Result

SCHEMA_VERSION = 1
"""Raised when a key of dossier.json changes its name or meaning."""
TO_ADD = "To be added by a person: "


class Heading(Result):
    """What a section is about, whatever the run."""

    key: str
    title: str
    annex_iv: tuple[str, ...]
    """Points of the EU AI Act's Annex IV that it belongs to."""
    sr_11_7: tuple[str, ...]
    """Parts of SR 11-7 that it belongs to."""


class Fact(Result):
    """One thing that the run's files say."""

    name: str
    value: str
    source: str
    """The file that says it, by its path in the run's folder."""


class Table(Result):
    """Several things of one kind."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: str
    """The file that says it, by its path in the run's folder."""


class Filled(Result):
    """What a section says of one run."""

    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    """How to read it."""
    to_add: tuple[str, ...] = ()
    """What no file of the run says and a person has to add."""
    missing: str | None = None
    """Why there is nothing: a file was changed or removed since it was written."""


class Section(Heading, Filled):
    """A part of the dossier."""


class Evidence(Result):
    """A file of the run that lies beside the page."""

    file: str
    """Its path in the run's folder."""
    sha256: str
    """Of the run's own file."""
    bytes: int
    copy_of_it: str | None
    """Its path in the dossier's folder; null where it is not copied."""
    copy_sha256: str | None
    note: str
    """How the copy differs, or why there is none."""


class Finding(Result):
    """A file that is not as Metier wrote it."""

    file: str
    what: str


class Dossier(Result):
    """What a run shows to those who answer for the model: dossier.json."""

    schema_version: int = SCHEMA_VERSION
    run: str
    """The name of the run's folder."""
    made: str
    """When the dossier was made, in UTC."""
    version: str
    """Of the Metier that made it."""
    decision: str
    """The verdict, as people see it."""
    face: Face | None
    """Which of the verdict's faces it is; null where there is no verdict to believe."""
    headline: str
    """What the verdict says, in a sentence or two."""
    reasons: tuple[str, ...]
    exploratory: tuple[str, ...]
    """Why the verdict is none to rely on."""
    files_verified: int
    findings: tuple[Finding, ...]
    """Files that are not as they were written."""
    history_sha256: str
    """Of the newest line of history.jsonl, which carries the hash of the line before: it pins the whole history."""
    sections: tuple[Section, ...]
    evidence: tuple[Evidence, ...]

    @property
    def to_add(self) -> int:
        """So many items wait for a person."""
        return sum(len(section.to_add) for section in self.sections)
