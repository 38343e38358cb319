"""The last lines of a verb, for people or as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from metier.errors import shortened
from metier.runs.terminal import out, out_json

if TYPE_CHECKING:  # numpy and pydantic would be loaded before `--help` answers
    from metier.evaluation.results import SeedsVerdict, Verdict
    from metier.runs.integrity import Verified

HOLD = 2
"""The exit code of a verdict that is not SHIP."""
FIX = 3
"""The exit code of what the user can fix, and of files that are not as they were written. Others: 0 done, or SHIP; 1
our bug, with its traceback."""
BUSY = 0.25
"""Share of the cores from which on `check` says that its estimate was taken on a busy machine."""


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


def say(result: Any, as_json: bool) -> None:
    """A result, key by key."""
    tell(result, "\n".join(f"{key}: {value}" for key, value in result.items()), as_json)


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


def _visible(groups: int, gain: float | None, alike: float | None) -> str:
    if gain is None or alike is None:
        return f"no gain can be detected: its {groups} groups of questions are too few (docs/verdict.md). Add some."
    seen = f"minimum detectable effect {100 * gain:.1f} points (80 % power)"
    clustered = f", or {100 * alike:.1f} if all answers in each of its {groups:,} groups are equal"
    return seen + (clustered if alike > gain else "")


def check_text(estimate: dict[str, Any]) -> str:
    """What `metier check` found, for people."""
    lines = [f"The recipe is good. {estimate['train']:,} rows to train on, {estimate['questions']:,} questions to ask."]
    lines += [f"  {name} reads {count:,} rows in all." for name, count in estimate["rows_read"].items()]
    lines += [f"  {name}: {_visible(**visible)}" for name, visible in estimate["minimum_detectable_effect"].items()]
    lines += [
        f"  {name}: {count:,} questions are longer than the model's context and will be truncated on the left"
        for name, count in estimate["truncated"].items()
    ]
    share = min(estimate["busy"], 1)
    busy = f" Its cores were {share:.0%} busy in the last minute; it is faster when idle." if share >= BUSY else ""
    lines += [f"Estimated on this machine: {estimate['minutes']:.0f} minutes, {estimate['memory_mb']:,} MB.{busy}", ""]
    if files := estimate["python_files_run"]:
        lines[-1:] = [
            "The recipe names Python files, which were run (see SECURITY.md):",
            *map("  {}".format, files),
            "",
        ]
    for example in estimate["examples"]:
        lines += [
            f"A row of '{example['task']}' as the model reads it; it learns only the text between [[ and ]]:",
            f"{_ends(example['prompt'])}[[{_ends(example['target'])}]]",
            "",
        ]
    return "\n".join(lines).rstrip()


def _ends(text: str) -> str:
    return shortened(text, 800, "characters; --json shows all")
