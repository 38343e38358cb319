"""Transcripts of earnings calls in plain text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from metier.data.format import Pieces, RejectedRow

WORD = r"[A-Z][\w.'\u2019-]*"
NAME = rf"{WORD}(?: {WORD}){{1,4}}"
ROLE = r"Operator|Moderator|Speaker \d+|Unidentified (?:Analyst|Participant|Company Representative|Speaker)"
TITLED = re.compile(rf"({NAME})(?:,? \(([^)]+)\)| (?:--?|\u2013|\u2014) ([A-Z][^\d:]{{0,80}}))")
"""A name with a title, alone on its line: `Jane Roe -- Chief Financial Officer`."""
SPOKEN = re.compile(rf"((?i:{ROLE})|{NAME})(?: \(([^)]+)\)| (?:--?|\u2013|\u2014) ([A-Z][^:]{{0,80}}))?:\s*(.*)")
"""A name with a colon, and what is said behind it."""
ALONE = re.compile(rf"(?i:{ROLE})")
ANSWERS = re.compile(r"(?i)(?:(?:questions?[- ](?:and|&)[- ]answers?|q ?& ?a)(?: sessions?| section)?)[:.]?")
REMARKS = re.compile(r"(?i)(?:prepared remarks|(?:management discussion|presentation)(?: section)?)[:.]?")
HOSTS = ("Operator", "Moderator")
"""Who opens the call and says whose turn it is."""
FIRST_QUESTION = re.compile(r"(?i)\bfirst question\b")


@dataclass
class Turn:
    """What one person says until the next one speaks, and in which part of the call."""

    line: int
    speaker: str
    part: str
    text: str = ""


@dataclass
class Format:
    """Calls, a row for each turn of a speaker, or for each question of the second part with its answer."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    by: Literal["turn", "pair"] = "turn"
    """`turn` for all that is said; `pair` for the analysts' questions (`speaker` asks) with management's `answer`."""

    def read(self, file: Path) -> Pieces:
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            yield "line 1", RejectedRow(f"is not UTF-8 (byte {error.start}). Convert it.")
            return
        # What stands before the first speaker gives no row on purpose: the title and the list of who takes part.
        turns = [turn for turn in _turns(text.splitlines()) if turn.text]
        if not turns:
            why = "shows no speaker. Each turn begins with a line 'Name - Title', 'Name:' or 'Operator'."
            yield "line 1", RejectedRow(why, text[:200])
        elif self.by == "turn":
            for turn in turns:
                yield f"line {turn.line}", {"text": turn.text, "speaker": turn.speaker, "part": turn.part}
        else:
            yield from _pairs([turn for turn in turns if turn.part == "questions and answers"])


def _turns(lines: list[str]) -> Iterator[Turn]:
    """The turns in order; those without text are entries of the list of who takes part."""
    part, known = "prepared remarks", {match[1] for line in lines if (match := TITLED.fullmatch(line.strip()))}
    turn = None
    for number, line in enumerate(map(str.strip, lines), start=1):
        head = _head(line, known)
        if head or REMARKS.fullmatch(line) or ANSWERS.fullmatch(line):
            if turn:
                yield turn
                part = "questions and answers" if _opens_questions(turn) else part
            if head:
                turn = Turn(number, head[0], part, head[1])
            else:
                part, turn = "questions and answers" if ANSWERS.fullmatch(line) else "prepared remarks", None
        elif turn and line:
            turn.text = f"{turn.text}\n{line}" if turn.text else line
    if turn:
        yield turn


def _head(line: str, known: set[str]) -> tuple[str, str] | None:
    """(speaker, what is said on the same line) where a line begins a turn."""
    if line in known or ALONE.fullmatch(line):
        return _name(line), ""
    if match := TITLED.fullmatch(line):
        return match[1], ""
    if match := SPOKEN.fullmatch(line):
        return _name(match[1]), match[4]
    return None


def _name(speaker: str) -> str:
    return speaker.title() if ALONE.fullmatch(speaker) else speaker


def _opens_questions(turn: Turn) -> bool:
    # Many transcripts have no headline there. "A question-and-answer session will follow" is said at the start
    # as well, so only the announcement of the first question counts.
    return turn.speaker in HOSTS and FIRST_QUESTION.search(turn.text) is not None


def _pairs(turns: list[Turn]) -> Pieces:
    """Behind each turn of a host the first to speak asks; what others say until that one speaks again answers."""
    question: Turn | None = None
    answers: list[str] = []
    pairs = 0
    for turn in [*turns, Turn(0, "Operator", "")]:
        if question and turn.speaker not in (*HOSTS, question.speaker):
            answers.append(turn.text)
            continue
        if question and answers:
            pairs += 1
            yield (
                f"line {question.line}",
                {"text": question.text, "answer": "\n".join(answers), "speaker": question.speaker},
            )
        elif question and "?" in question.text:  # without one it is a word of thanks at the end
            yield f"line {question.line}", RejectedRow("is a question that nobody answers.", question.text[:200])
        question, answers = (None if turn.speaker in HOSTS else turn), []
    if not pairs:
        yield "line 1", RejectedRow("shows no part with questions and answers. Read it with `by: turn`.")
