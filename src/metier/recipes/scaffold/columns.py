"""Which column of a team's table is what: the text, the answer, what belongs together, dates, ids, and the split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

ANSWERS = "label category class intent department topic tag target outcome code stance decision status queue reason"
GROUPS = (
    "patient customer client contract user account policyholder case member person document dialogue conversation "
    "thread author company issuer product household employee device asin order claim"
)
DATES = "date day time year created updated timestamp received opened"
QUESTION, ANSWER = "question", "answer"
ASKING = f"{QUESTION} instruction prompt query"
WRITTEN = (ANSWER, "output")
REPLIES = f"{ANSWER} response reply output completion summary"
"""Columns of written answers, which are learned as texts and not as names of classes; `WRITTEN` also of one word."""
SPLITS = "split fold partition subset set"
SIDES = {"train": "train", "training": "train", "dev": "valid", "val": "valid", "valid": "valid", "validation": "valid"}
SIDES |= {"test": "test", "testing": "test", "holdout": "test", "eval": "test"}

FEWEST_GROUPS = 10
"""With fewer groups there is no parting by them, and no interval over them."""
MOST_ANSWERS = 300
LONGEST_ANSWER = 60
"""Characters, on average: what is longer is a text and not the name of a class."""


@dataclass
class Columns:
    """What was found; `doubts` are questions for the person who knows the table."""

    text: str | None = None
    label: str | None = None
    group: str | None = None
    time: str | None = None
    id: str | None = None
    split: str | None = None
    told: bool = False
    """The rows had a shape that says what is asked and answered."""
    written: float = 0
    """Characters of an answer, on average, where answers are texts of their own; 0 where they are names of classes."""
    doubts: list[str] = field(default_factory=list)
    slices: list[str] = field(default_factory=list)
    """Further columns of a few values: results by them may be worth a look."""


@dataclass(frozen=True)
class Profile:
    """A column in figures."""

    name: str
    rows: int
    """Rows that have a value."""
    distinct: int
    length: float
    """Characters of a value, on average."""
    text: bool
    spaced: bool
    """Values of several words, as texts have and keys have not."""
    dated: bool
    values: frozenset[str]

    @property
    def repeats(self) -> bool:
        return 1 < self.distinct <= 0.7 * self.rows

    @property
    def classes(self) -> bool:
        """Few short values that come again."""
        few = self.repeats and self.distinct <= min(MOST_ANSWERS, self.rows / 3)
        return few and 0 < self.length <= LONGEST_ANSWER

    def called(self, words: str) -> bool:
        """Whether the name has one of these words, alone or in the plural: `Customer ID`, `patientId`, `labels`."""
        parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", self.name)
        return any(
            part.lower().removesuffix("s") in {word.removesuffix("s") for word in words.split()} for part in parts
        )


def absent(value: Any) -> bool:
    """Nothing, an empty or blank cell, or the NaN with which tables fill a gap."""
    return value is None or (isinstance(value, str) and not value.strip()) or value != value


def columns_of(rows: Sequence[dict[str, Any]], told: bool = False) -> Columns:
    """What each column seems to be, by its name and its values; text and label are None where nothing fits.

    `told`: the rows had a shape that says which is which, and are asked and answered in `question` and `answer`.
    """
    known = [_profile(name, rows) for name in dict.fromkeys(name for row in rows for name in row)]
    columns = Columns(told=told)
    texts = [it for it in known if it.text and not it.dated and it.length >= 10 and it.distinct > 2]
    replies = [it for it in known if it.name == ANSWER] if told else _replies(known, texts, len(rows))
    if not (texts or told):
        return columns
    text = _read(known, texts, replies, told)
    columns.text = text.name
    left = [it for it in known if it is not text and it not in replies]
    left = _known_by_name(left, columns, len(rows))
    _groups(left, columns)
    named = any(it.classes and it.called(ANSWERS) for it in left if it.name != columns.group)
    if told:
        _answers(replies, columns)
    elif named or not (replies and text.called(ASKING)):
        _answers([it for it in left if it.name != columns.group], columns)
        if columns.label is None and columns.group and not replies:
            # Complaints with `product` alone: what is called like a group is the answer where nothing else is.
            columns.group = None
            _answers(left, columns)
    if columns.label is None and replies:
        _written(replies, left, columns)
    _doubt_text(text, texts, columns)
    return columns


def _known_by_name(left: list[Profile], columns: Columns, rows: int) -> list[Profile]:
    """Split, id and time, by name and values; returns the columns that are none of them."""
    if split := next((it for it in left if it.called(SPLITS) and _says_sides(it)), None):
        columns.split = split.name
    if own := next((it for it in left if it.called("id key uuid number") and it.distinct == it.rows == rows), None):
        columns.id = own.name
    left = [it for it in left if it.name not in (columns.split, columns.id)]
    if dated := next((it for it in left if it.dated), None):
        columns.time = dated.name
    return [it for it in left if not it.dated]


def _replies(known: list[Profile], texts: list[Profile], rows: int) -> list[Profile]:
    """Columns of written answers: most rows have one, and there is a text besides that they answer."""
    replies = [
        it
        for it in known
        if (it.name.casefold() in WRITTEN or (it.text and it.spaced and it.called(REPLIES)))
        and 2 * it.rows >= rows
        and it.distinct > 2
        and not (it.classes or it.dated)
    ]
    longest = max((it.length for it in texts if it.spaced and it not in replies), default=0.0)
    # A ticket's `summary` is its title; what sums up a text is shorter than it.
    replies = [it for it in replies if not it.called("summary") or it.length < longest]
    if any(it.name.casefold() in WRITTEN for it in replies) and any(_insights(it) for it in texts if it not in replies):
        return replies
    # The questions of a survey come again and again: there the responses are what is read.
    return replies if any(it not in replies and not it.classes for it in texts) else []


def _insights(column: Profile) -> bool:
    return column.spaced and column.called(ASKING)


def _read(known: list[Profile], texts: list[Profile], replies: list[Profile], told: bool) -> Profile:
    """The column that the model reads."""
    if told:
        return next(it for it in known if it.name == QUESTION)
    read = [it for it in texts if it not in replies and (_insights(it) or not it.classes)] if replies else texts
    return max(read, key=lambda it: (it.spaced, bool(replies) and it.called(ASKING), it.length))


def _written(replies: list[Profile], left: list[Profile], columns: Columns) -> None:
    """The column whose texts the model shall write."""
    reply = max(replies, key=lambda it: (it.name.casefold() in WRITTEN, it.spaced, it.length))
    columns.label, columns.written = reply.name, reply.length
    others = [it for it in left if it.classes and it.name != columns.group]
    classes = " or ".join(f"`{it.name}` ({it.distinct} values)" for it in others)
    columns.doubts.append(
        f"Should the model write `{reply.name}` when it reads `{columns.text}`?"
        + (f" Or is {classes} the answer?" if classes else "")
    )


def _profile(name: str, rows: Sequence[dict[str, Any]]) -> Profile:
    values = [row[name] for row in rows if not absent(row.get(name))]
    flat = [value for value in values if not isinstance(value, list | dict)]
    texts = [str(value) for value in flat] if len(flat) == len(values) else []
    return Profile(
        name,
        len(texts),
        len(set(texts)),
        sum(map(len, texts)) / max(len(texts), 1),
        bool(texts) and all(isinstance(value, str) for value in flat),
        sum(" " in value.strip() for value in texts) > len(texts) / 2,
        bool(texts) and _dates(name, flat),
        frozenset(set(texts)) if len(set(texts)) <= MOST_ANSWERS else frozenset(),
    )


def _dates(name: str, values: list[Any]) -> bool:
    if all(isinstance(value, date | datetime) for value in values):
        return True
    named = Profile(name, 0, 0, 0.0, False, False, False, frozenset()).called(DATES)
    form = r"\d{4}-\d\d(-\d\d)?([T ].*)?|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d\d)" + (r"|(19|20)\d\d" if named else "")
    return all(re.fullmatch(form, str(value).strip()) for value in values)


def _says_sides(column: Profile) -> bool:
    sides = {SIDES.get(value.strip().lower()) for value in column.values}
    return None not in sides and {"train", "test"} <= sides


def _groups(left: list[Profile], columns: Columns) -> None:
    """The column of what must stay on one side: it is called so, or is an id that comes again."""
    likely = [it for it in left if it.repeats and (it.called(GROUPS) or it.called("id")) and not it.called(ANSWERS)]
    enough = [it for it in likely if it.distinct >= FEWEST_GROUPS]
    few = [it.name for it in likely if it not in enough]
    if enough:
        # The more values, the smaller the groups; a hospital's column `ward_id` beside `patient` is the coarser one.
        group = max(enough, key=lambda it: (it.called(GROUPS), it.distinct))
        columns.group = group.name
        others = "".join(f" Or is it `{it.name}`?" for it in enough if it is not group)
        columns.doubts.append(
            f"Is `{group.name}` what must stay on one side, all its rows in training or all in the test? "
            f"It has {group.distinct:,} values in {group.rows:,} rows.{others}"
        )
    else:
        columns.doubts.append(
            "Do several rows come from one patient, customer or contract? No column says so, and rows were parted one "
            "by one. If they do, name it with `group` and `cluster`, and make the test anew."
        )
    columns.doubts += [
        f"`{name}` has fewer than {FEWEST_GROUPS} values: too few to part training and test by it. Should it be so?"
        for name in few
    ]


def _answers(left: list[Profile], columns: Columns) -> None:
    """The column with the answer: few short values that come again, best with a name that says so."""
    likely = [it for it in left if it.classes]
    if not likely:
        return
    # Words before numbers, and the last column before earlier ones: tables end with what people wrote last.
    label = max(likely, key=lambda it: (it.called(ANSWERS), it.text and not _numbers(it), left.index(it)))
    columns.label = label.name
    others = [it.name for it in likely if it is not label]
    columns.slices = [it.name for it in likely if it is not label and it.distinct <= 12]
    more = f" It could also be {' or '.join(f'`{name}`' for name in others)}." if others else ""
    columns.doubts.append(f"Is `{label.name}` the answer that the model shall give ({label.distinct} values)?{more}")


def _numbers(column: Profile) -> bool:
    return all(re.fullmatch(r"-?[\d.,]+", value) for value in column.values)


def _doubt_text(text: Profile, texts: list[Profile], columns: Columns) -> None:
    taken = (columns.label, columns.group, columns.split)
    others = [it.name for it in texts if it is not text and it.name not in taken]
    more = [name for name in others if name not in (columns.id, columns.time, *columns.slices)]
    if more:
        columns.doubts.append(
            f"`{text.name}` is read. Should the model also see "
            f"{' and '.join(f'`{name}`' for name in more)}? Put it into the prompt in braces, unless it is known only "
            "after the answer."
        )
