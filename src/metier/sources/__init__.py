"""Named sources: one file each, giving rows with licence and provenance."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass
class NamedSource:
    """What every named source says about itself; `rows` gives its data."""

    name: str = ""
    licence: str = ""
    """SPDX identifier, or the terms in words."""
    citation: str = ""
    url: str = ""
    labelled: bool = True
    """Whether its rows are questions with an answer; raw text is not."""
    pairs: bool = False
    """Whether its rows are prompts with a chosen and a rejected answer."""

    def rows(self) -> pa.Table:
        """All rows, in the one schema, with `split` filled in where the source has fixed splits."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """A hash that changes when the data change."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """What keeps this source from being read, said before anything is read."""
        return []
