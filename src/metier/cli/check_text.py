"""What `metier check` found, for people."""

from typing import Any

from metier.data.whose import in_words
from metier.errors import shortened

BUSY = 0.25
"""Share of the cores from which on it is told that the estimate was taken on a busy machine."""


def check_text(estimate: dict[str, Any]) -> str:
    """Sizes, power, estimate and examples, in this order."""
    lines = ["The recipe is valid.", *_sizes(estimate), ""]
    lines += [f"{name}: {power['sentence']}" for name, power in estimate["power"].items()]
    lines += [
        f"{name}: {count:,} questions are longer than the model's context and will be truncated on the left"
        for name, count in estimate["truncated"].items()
    ]
    share = min(estimate["busy"], 1)
    busy = f" Its cores were {share:.0%} busy in the last minute; it is faster when idle." if share >= BUSY else ""
    lines += [f"Estimated on this machine: {estimate['minutes']:.0f} minutes, {estimate['memory_mb']:,} MB.{busy}", ""]
    if files := estimate["python_files_run"]:
        lines += ["The recipe names Python files, which were run (see SECURITY.md):", *map("  {}".format, files), ""]
    for example in estimate["examples"]:
        lines += [
            f"A row of '{example['task']}' as the model reads it; it learns only the text between [[ and ]]:",
            f"{_ends(example['prompt'])}[[{_ends(example['target'])}]]",
            "",
        ]
    return "\n".join(lines).rstrip()


def _sizes(estimate: dict[str, Any]) -> list[str]:
    """How much is learned and asked, and whose it is."""
    rows, train = sum(estimate["rows"].values()), estimate["train"]
    budget = "" if train == rows else f" out of {rows:,}"
    lines = [
        f"  {train:,} rows to train on{budget}: {in_words(estimate['rows'])}",
        f"  {estimate['questions']:,} questions to ask: {in_words(estimate['questions_of'])}",
    ]
    return lines + [f"  {name} reads {count:,} rows in all" for name, count in estimate["rows_read"].items()]


def _ends(text: str) -> str:
    return shortened(text, 800, "characters; --json shows all")
