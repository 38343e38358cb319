"""Chats as most tools write them: {"messages": [{"role": "user", "content": "..."}, ...]}."""

from dataclasses import dataclass
from typing import Any

from metier.data.converter import ConversionError

# Left out on purpose: tool calls. A turn that calls a tool has no text, and the tool's answer is no one's speech.
ROLES = ("system", "user", "assistant")


@dataclass
class Converter:
    """A list of turns with `role` and `content`; the last answer is the label, what stands before it the text."""

    def columns(self, row: dict[str, Any]) -> dict[str, Any]:
        chat = turns(row.get("messages"), "messages")
        return {**answered(chat), "messages": chat}


def turns(value: Any, column: str) -> list[dict[str, str]]:
    """The turns with their role and content only. Raises `ConversionError` for what is no list of turns."""
    if not isinstance(value, list) or not value:
        raise ConversionError(
            f"has no list of turns in '{column}'. Give a list such as [{{'role': 'user', 'content': '...'}}]."
        )
    for number, turn in enumerate(value, start=1):
        if not isinstance(turn, dict):
            raise ConversionError(f"has in turn {number} of '{column}' no object. Give each turn a role and a content.")
        role, content = turn.get("role"), turn.get("content")
        if role not in ROLES:
            raise ConversionError(
                f"has in turn {number} of '{column}' the role {role!r}. There are: {', '.join(ROLES)}."
            )
        if not isinstance(content, str):
            raise ConversionError(
                f"has in turn {number} of '{column}' no text. Give 'content' as text; tool calls are not read."
            )
    return [{"role": turn["role"], "content": turn["content"]} for turn in value]


def answered(chat: list[dict[str, str]], start: int = 0) -> dict[str, str]:
    """`text` and `label`: the last answer at or behind turn `start`, and all that stands before it."""
    answers = [n for n, turn in enumerate(chat) if n >= start and turn["role"] == "assistant"]
    if not answers:
        raise ConversionError("has no answer: no turn has the role 'assistant'. Add the answer or remove the row.")
    before, answer = chat[: answers[-1]], chat[answers[-1]]["content"]
    if not before:
        raise ConversionError("has nothing before its answer. Add the question or remove the row.")
    if not answer.strip():
        raise ConversionError("has an empty answer. Fill it in or remove the row.")
    return {"text": as_text(before), "label": answer}


def as_text(chat: list[dict[str, str]]) -> str:
    """The turns as lines "User: ..."; a question that stands alone is just itself."""
    if len(chat) == 1 and chat[0]["role"] == "user":
        return chat[0]["content"]
    return "\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in chat)
