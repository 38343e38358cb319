"""The last lines of a verb, for people or as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from metier.runs.terminal import out, out_json

if TYPE_CHECKING:  # numpy and pydantic would be loaded before `--help` answers
    from metier.evaluation.results import SeedsVerdict, Verdict
    from metier.runs.integrity import Verified

HOLD = 2
"""The exit code of a verdict that is not SHIP."""
FIX = 3
"""The exit code of what the user can fix, and of files that are not as they were written. Others: 0 done, or SHIP; 1
our bug, with its traceback."""


def finish(done: tuple[Path, "Verdict | SeedsVerdict"], as_json: bool) -> None:
    """The last lines: the verdict, why, what to do next, and where the report is. HOLD is exit code 2, and so is what
    is exploratory."""
    folder, verdict = done
    if as_json:
        out_json(verdict.to_json())
    else:
        out("\n" + "\n".join([f"{verdict.shown}: {verdict.headline}", verdict.reason, *_next_lines(verdict)]))
        if one := getattr(verdict, "averaged", None):  # of several trainings only
            page = (folder / "averaged" / "report.html").resolve()
            out(f"\nThe {len(verdict.seeds)} trainings averaged into one model: {one.shown}   {page}")
        out(f"\nReport: {(folder / 'report.html').resolve()}")
    if verdict.decision == "HOLD" or verdict.exploratory:
        raise typer.Exit(HOLD)


def _next_lines(verdict: "Verdict | SeedsVerdict") -> list[str]:
    """Further reasons why it is exploratory, then what to do, numbered, each command on a line of its own."""
    lines = [f"Exploratory: {sentence}" for sentence in verdict.exploratory[1:]]
    for number, step in enumerate(verdict.next_steps, start=1):
        lines.append(f"Next: {number}. {step.text}")
        lines += [f"         {step.command}"] if step.command else []
    return lines


def say(result: Any, as_json: bool, next_step: str = "") -> None:
    """A result, key by key, and what to call next."""
    lines = [f"{key}: {value}" for key, value in result.items()]
    tell(result, "\n".join([*lines, *(["", next_step] if next_step else [])]), as_json)


def tell(result: Any, text: str, as_json: bool) -> None:
    """A result, in words or as JSON."""
    if as_json:
        out_json(result)
    else:
        out(text)


def verified_text(folder: Path, verified: "Verified") -> str:
    """What `metier verify` found, for people."""
    if not verified.findings:
        return f"{folder}: {verified.files:,} files are as they were written."
    lines = [f"{one.file}: {one.what}" for one in verified.findings]
    return "\n".join([*lines, f"{folder}: {len(lines):,} of {verified.files:,} files are not as they were written."])
