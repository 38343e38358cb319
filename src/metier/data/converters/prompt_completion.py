"""Prompts with their completion, as text or as lists of turns: {"prompt": "...", "completion": "..."}."""

from dataclasses import dataclass
from typing import Any

from metier.data.converter import ConversionError
from metier.data.converters.messages import answered, turns


@dataclass
class Converter:
    """`prompt` is the text, `completion` the label; both may be lists of turns, as TRL writes them."""

    def columns(self, row: dict[str, Any]) -> dict[str, Any]:
        prompt, completion = row.get("prompt"), row.get("completion")
        if isinstance(prompt, list) and isinstance(completion, list):
            before = turns(prompt, "prompt")
            chat = before + turns(completion, "completion")
            return {**answered(chat, start=len(before)), "messages": chat}
        for column, value in (("prompt", prompt), ("completion", completion)):
            if not isinstance(value, str) or not value.strip():
                raise ConversionError(
                    f"has no text in '{column}'. Give prompt and completion as texts, or both as lists of turns."
                )
        # As written: TRL's own examples begin the completion with the space that parts it from the prompt.
        return {"text": prompt, "label": completion}
