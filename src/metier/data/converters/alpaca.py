"""Instructions as Stanford Alpaca wrote them: {"instruction": "...", "input": "...", "output": "..."}."""

from dataclasses import dataclass
from typing import Any

from metier.data.converter import ConversionError


@dataclass
class Converter:
    """`instruction` and, below it, `input` are the text, `output` the label; `input` may be empty or absent."""

    def columns(self, row: dict[str, Any]) -> dict[str, Any]:
        for column in ("instruction", "output"):
            if not isinstance(row.get(column), str) or not row[column].strip():
                raise ConversionError(f"has no text in '{column}'. Fill it in or remove the row.")
        further = row.get("input")
        if not isinstance(further, str | None):
            raise ConversionError("has something other than text in 'input'. Give a text, or leave it out.")
        text = f"{row['instruction']}\n\n{further}" if further and further.strip() else row["instruction"]
        return {"text": text, "label": row["output"]}
