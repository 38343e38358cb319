"""Preferences, as text or as lists of turns: {"prompt": "...", "chosen": "...", "rejected": "..."}."""

from dataclasses import dataclass
from typing import Any

from metier.data.converter import ConversionError
from metier.data.converters.messages import answered, turns


@dataclass
class Converter:
    """A prompt with a better and a worse answer; lists of turns may hold the prompt themselves, as in TRL."""

    def columns(self, row: dict[str, Any]) -> dict[str, Any]:
        if isinstance(row.get("chosen"), list) and isinstance(row.get("rejected"), list):
            return _from_turns(row)
        # Two texts without a prompt are refused: where they part is no place where a prompt ends
        # ("The sky is bl|ue", "The sky is bl|ack").
        for column in ("prompt", "chosen", "rejected"):
            if not isinstance(row.get(column), str) or not row[column].strip():
                raise ConversionError(
                    f"has no text in '{column}'. Give prompt, chosen and rejected as texts, or as lists of turns."
                )
        return _different({"text": row["prompt"], "chosen": row["chosen"], "rejected": row["rejected"]})


def _from_turns(row: dict[str, Any]) -> dict[str, str]:
    # A prompt in plain text beside lists (UltraFeedback) repeats their first turn: the lists are enough.
    before = turns(row["prompt"], "prompt") if isinstance(row.get("prompt"), list) else []
    chosen, rejected = (answered(before + turns(row[side], side), start=len(before)) for side in ("chosen", "rejected"))
    if chosen["text"] != rejected["text"]:
        raise ConversionError(
            "has answers to two different prompts: 'chosen' and 'rejected' differ before the last answer."
        )
    return _different({"text": chosen["text"], "chosen": chosen["label"], "rejected": rejected["label"]})


def _different(pair: dict[str, str]) -> dict[str, str]:
    """The pair itself. Raises `ConversionError` where its answers are the same: nobody preferred anything."""
    if pair["chosen"].split() == pair["rejected"].split():
        raise ConversionError(
            "has the same answer in 'chosen' and 'rejected'. Remove the row, or give the answer that lost."
        )
    return pair
