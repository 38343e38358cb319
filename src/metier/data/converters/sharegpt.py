"""Chats as ShareGPT exports them: {"conversations": [{"from": "human", "value": "..."}, ...]}."""

from dataclasses import dataclass
from typing import Any

from metier.data.converter import ConversionError
from metier.data.converters.messages import answered, turns

# Some exports mix both vocabularies, so ours are taken as they are.
ROLES = {"human": "user", "gpt": "assistant", "system": "system", "user": "user", "assistant": "assistant"}


@dataclass
class Converter:
    """A list of turns with `from` and `value`; the last answer is the label, what stands before it the text."""

    def columns(self, row: dict[str, Any]) -> dict[str, Any]:
        chat = turns(_renamed(row.get("conversations")), "conversations")
        return {**answered(chat), "messages": chat}


def _renamed(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        raise ConversionError(
            "has no list of turns in 'conversations'. Give a list such as [{'from': 'human', 'value': '...'}]."
        )
    for number, turn in enumerate(value, start=1):
        if not isinstance(turn.get("from"), str) or turn["from"] not in ROLES:
            who = turn.get("from")
            raise ConversionError(
                f"has in turn {number} of 'conversations' a turn from {who!r}. There are: {', '.join(ROLES)}."
            )
        if not isinstance(turn.get("value"), str):
            raise ConversionError(f"has in turn {number} of 'conversations' no text. Give 'value' as text.")
    return [{"role": ROLES[turn["from"]], "content": turn["value"]} for turn in value]
