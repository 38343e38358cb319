"""Which column of a team's table is what: the text, the answer, what belongs together, dates, ids, and the split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from metier.recipes.scaffold.profile import LONGEST_ANSWER, Profile, profile_of
from metier.recipes.scaffold.shown import ordered, shown_columns

ANSWERS = "label category class intent department topic tag target outcome code stance decision status queue reason"
FURTHER_ANSWERS = (
    "rating star score grade sentiment verdict finding relevance result diagnosis severity type kind polarity "
    "correct match gold annotation"
)
"""Names of answers too, where no column has one of the first."""
GROUPS = (
    "patient customer client contract user account policyholder case member person document doc dialogue conversation "
    "thread author company issuer product household employee device asin order claim session filing article visit "
    "encounter speaker"
)
OWN_KEYS = r"(doc|pm|q|p|u|user|case|item|prod|cust|patient|session|thread|ticket|conv|contract)id"
"""Keys whose name is one word."""
CONTEXT = "context passage document article abstract evidence paragraph section source"
"""Texts that a question is asked about, where the answer is written."""
AFTERWARDS = "conclusion explanation rationale reasoning justification resolution"
"""Texts that are written once the answer is known: not read where another text stands beside them."""
QUESTION, ANSWER = "question", "answer"
ASKING = f"{QUESTION} instruction prompt query"
WRITTEN = (ANSWER, "output")
REPLIES = f"{ANSWER} response reply output completion summary"
"""Columns of written answers, which are learned as texts and not as names of classes; `WRITTEN` also of one word."""
SPLITS = "split fold partition subset set"
SIDES = {"train": "train", "training": "train", "dev": "valid", "val": "valid", "valid": "valid", "validation": "valid"}
SIDES |= {"test": "test", "testing": "test", "holdout": "test", "eval": "test"}

NO_GROUP = "Do several rows come from one patient, customer or contract?"
MOST_DISTINCT = 0.9
"""Share of different values up to which a text of a pair counts as one that comes again."""
FEWEST_GROUPS = 10
"""With fewer groups there is no parting by them, and no interval over them."""


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
    shown: list[str] = field(default_factory=list)
    """What the prompt shows, in its order, the text among them; a single one: the text alone."""
    options: str | None = None
    """The column with the list of answers to choose from, where every question has its own."""

    @property
    def classes(self) -> bool:
        """Whether the answers are names of classes."""
        return not (self.written or self.options)


def columns_of(rows: Sequence[dict[str, Any]], told: bool = False, choice: tuple[str, str] | None = None) -> Columns:
    """What each column seems to be, by its name and its values; text and label are None where nothing fits.

    `told`: the rows had a shape that says which is which, and are asked and answered in `question` and `answer`.
    `choice`: the columns with the options and with the right one.
    """
    known = [profile_of(name, rows) for name in dict.fromkeys(name for row in rows for name in row)]
    columns = Columns(told=told)
    if choice:
        columns.options, columns.label = choice
        known = [it for it in known if it.name not in choice]
    texts = [it for it in known if it.text and not it.dated and it.length >= 10 and it.distinct > 2]
    replies = [it for it in known if it.name == ANSWER] if told else _replies(known, texts, len(rows), bool(choice))
    if not (texts or told):
        return columns
    text = _read(known, texts, replies, told, bool(choice))
    columns.text = text.name
    left = [it for it in known if it is not text and it not in replies]
    left = _known_by_name(left, columns, len(rows))
    _groups(left, columns)
    if choice:
        _show(text, texts, left, columns, [it.name for it in known])
        return columns
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
    _show(text, texts, left, columns, [it.name for it in known])
    _group_by_text(text, columns)
    return columns


def _group_by_text(text: Profile, columns: Columns) -> None:
    """Of a pair, one text may come again and again: its rows stay on one side, or the other text alone is asked."""
    several = columns.group is None and columns.label and columns.classes and len(columns.shown) > 1
    if several and FEWEST_GROUPS <= text.distinct <= MOST_DISTINCT * text.rows:
        columns.group = text.name
        columns.doubts = [it for it in columns.doubts if not it.startswith(NO_GROUP)]
        columns.doubts.append(
            f"`{text.name}` has {text.distinct:,} values in {text.rows:,} rows, and no other column says what belongs "
            "together. So all rows with one value stay on one side. Is there more that belongs together?"
        )


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


def _replies(known: list[Profile], texts: list[Profile], rows: int, choice: bool) -> list[Profile]:
    """Columns of written answers: most rows have one, and there is a text besides that they answer. Where answers are
    chosen, what is written beside them explains the choice."""
    if choice:
        return [it for it in texts if it.spaced and it.called(REPLIES)]
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
    if any(it.name.casefold() in WRITTEN for it in replies) and any(_asks(it) for it in texts if it not in replies):
        return replies
    # The questions of a survey come again and again: there the responses are what is read.
    return replies if any(it not in replies and not it.classes for it in texts) else []


def _asks(column: Profile) -> bool:
    return column.spaced and column.called(ASKING)


def _read(known: list[Profile], texts: list[Profile], replies: list[Profile], told: bool, choice: bool) -> Profile:
    """The column that the model reads."""
    if told:
        return next(it for it in known if it.name == QUESTION)
    read = [it for it in texts if it not in replies and (_asks(it) or not it.classes)] if replies else texts
    asking = bool(replies) or choice
    return max(
        read or texts,
        key=lambda it: (it.spaced, asking and it.called(ASKING), not it.called(AFTERWARDS), it.length),
    )


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


def _says_sides(column: Profile) -> bool:
    sides = {SIDES.get(value.strip().lower()) for value in column.values}
    return None not in sides and {"train", "test"} <= sides


def _is_key(column: Profile) -> bool:
    return column.called("id") or bool(re.search(OWN_KEYS, column.name.lower()))


def _groups(left: list[Profile], columns: Columns) -> None:
    """The column of what must stay on one side: it is called so, or is an id that comes again."""
    likely = [it for it in left if it.repeats and (it.called(GROUPS) or _is_key(it)) and not it.called(ANSWERS)]
    # A customer's question that comes again is read; a name of two words is a group.
    likely = [it for it in likely if not it.called(ASKING) and it.length <= LONGEST_ANSWER]
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
            f"{NO_GROUP} No column says so, and rows were parted one by one. If they do, name it with `group` and "
            "`cluster`, and make the test anew."
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
    label = max(likely, key=lambda it: (*_answer_like(it), left.index(it)))
    columns.label = label.name
    others = [it.name for it in likely if it is not label]
    columns.slices = [it.name for it in likely if it is not label and it.distinct <= 12]
    more = f" It could also be {' or '.join(f'`{name}`' for name in others)}." if others else ""
    columns.doubts.append(f"Is `{label.name}` the answer that the model shall give ({label.distinct} values)?{more}")


def _answer_like(column: Profile) -> tuple[bool, bool, bool]:
    return column.called(ANSWERS), column.called(FURTHER_ANSWERS), column.text and not column.numbers


def _show(text: Profile, texts: list[Profile], left: list[Profile], columns: Columns, table: list[str]) -> None:
    """What the prompt shows, and what is asked about that."""
    taken = (columns.label, columns.group, columns.split, columns.id, columns.time)
    free = [it for it in left if it.name not in taken]
    label = next((it for it in left if it.name == columns.label), None)
    beside = [] if columns.told else shown_columns(free, text, label)
    if columns.written:
        beside = [it.name for it in free if it.name in beside and it.called(CONTEXT)]
    columns.shown = ordered([text.name, *beside], table)
    columns.slices = [name for name in columns.slices if name not in beside]
    if beside:
        columns.doubts.append(
            f"The prompt shows {' and '.join(f'`{name}`' for name in columns.shown)}. Is one of them known only after "
            "the answer? Then take it out of the prompt."
        )
    names = [it.name for it in texts if it is not text and it.name not in (*taken, *beside, *columns.slices)]
    if names:
        columns.doubts.append(
            f"`{text.name}` is read. Should the model also see {' and '.join(f'`{name}`' for name in names)}? Put it "
            "into the prompt in braces, unless it is known only after the answer."
        )
