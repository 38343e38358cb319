"""Repair broken encoding, compose accents, fold white space."""

# Labels and options stay as they are: they must go on being the same words in all rows.

import re
from dataclasses import dataclass

import ftfy
import pyarrow as pa
import xxhash

from metier.data.step import StepContext, StepLike, StepResult, filter_rows


@dataclass
class Step(StepLike):
    """Fix mojibake (ftfy), compose characters (NFC) and fold runs of spaces, in texts and in chosen and rejected
    answers; rows left without text are dropped."""

    keep_lines: bool = True
    """Keep line breaks; off folds each text into one line."""

    rowwise = True
    because = {"": "have no text left"}
    noted = {"changed": "texts repaired"}
    version = 3

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        before, hashes = rows["text"].to_pylist(), rows["raw_hash"].to_pylist()
        after = [self._fix(text) for text in before]
        hashes = [
            known or (xxhash.xxh3_64_hexdigest(old.encode()) if old != new else None)
            for known, old, new in zip(hashes, before, after, strict=True)
        ]
        pair = {name: [text and self._fix(text) for text in rows[name].to_pylist()] for name in ("chosen", "rejected")}
        for name, values in (("text", after), ("raw_hash", hashes), *pair.items()):
            column = rows.schema.get_field_index(name)
            rows = rows.set_column(column, rows.schema.field(column), pa.array(values, pa.string()))
        changed = sum(old != new for old, new in zip(before, after, strict=True))
        return filter_rows(rows, [None if text else "no text left" for text in after], changed=changed)

    def _fix(self, text: str) -> str:
        text = ftfy.fix_text(text, normalization="NFC")
        space = r"[^\S\n]+" if self.keep_lines else r"\s+"
        return re.sub(r" ?\n ?", "\n", re.sub(space, " ", text)).strip()
