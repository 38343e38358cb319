"""Which columns beside the text the model reads: the other text of a pair, a context, a title."""

import re
from collections.abc import Sequence
from typing import Any

from metier.recipes.scaffold.profile import Profile

ASKED = "question query prompt instruction statement hypothesis claim assertion"
"""What is asked about the rest stands last, next to the answer."""
AFTER = (
    "conclusion explanation rationale reason reasoning justification resolution comment remark note response reply "
    "solution feedback annotator annotation answer output completion outcome result status decision"
)
"""What people write once the answer is known, or may: it is asked about and not shown."""
KINDS = "category topic tag class code department type kind area subject field product"
TWINS = {"a": "b", "1": "2", "0": "1", "left": "right", "first": "second", "source": "target", "l": "r"}
YES_NO = {"yes", "no", "true", "false", "0", "1", "y", "n", "0.0", "1.0", "match", "mismatch", "same", "different"}
NAMES_ITS_ANSWER = 0.5
"""Share of rows whose text may have the answer in it before it is asked whether that is meant."""


def shown_columns(known: Sequence[Profile], text: Profile, label: Profile | None) -> list[str]:
    """Columns that are read beside `text`, in the table's order. `known`: those that are nothing else."""
    yes_no = label is not None and bool(label.values) and {v.strip().casefold() for v in label.values} <= YES_NO
    twins = twins_of([text, *known])
    return [
        it.name
        for it in known
        if 2 * it.rows > text.rows and (it.name in twins or _is_read(it, yes_no)) and not it.called("id key uuid")
    ]


def _is_read(column: Profile, yes_no: bool) -> bool:
    if not column.text or column.dated or column.called(AFTER) or column.distinct < 2:
        return False
    if column.spaced and column.called(ASKED):
        return True
    # A yes or no is an answer about something: a kind of clause, a product's category.
    return (
        not column.numbers
        and (column.called(KINDS) if column.classes else column.spaced)
        and (yes_no or not column.classes)
    )


def twins_of(columns: Sequence[Profile]) -> set[str]:
    """Columns whose names differ in a or b, 1 or 2, left or right: two texts that are held against each other."""
    stems: dict[tuple[str, ...], set[str]] = {}
    for it in columns:
        words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", it.name)]
        for at, word in enumerate(words):
            for one, other in TWINS.items():
                if word in (one, other):
                    stems.setdefault((*words[:at], f"{one}|{other}", *words[at + 1 :]), set()).add(it.name)
    return {name for names in stems.values() if len(names) == 2 for name in names}


def ordered(names: Sequence[str], table: Sequence[str]) -> list[str]:
    """In the table's order, what is asked last."""
    return sorted(names, key=lambda name: (_asked(name), list(table).index(name)))


def _asked(name: str) -> bool:
    return Profile(name, 0, 0, 0.0, False, False, False, frozenset()).called(ASKED)


def names_its_answer(rows: Sequence[dict[str, Any]], text: str, label: str) -> float:
    """Share of rows whose text names its own answer; 0 where it names others about as often, as a text of some length
    has the words yes and no."""
    labels = [str(row[label]) for row in rows]
    others = labels[1:] + labels[:1]
    differing = [n for n, (own, other) in enumerate(zip(labels, others, strict=True)) if own != other]
    if not differing:
        return 0.0
    own = sum(_has(rows[n].get(text), labels[n]) for n in range(len(rows))) / len(rows)
    other = sum(_has(rows[n].get(text), others[n]) for n in differing) / len(differing)
    return own if own >= NAMES_ITS_ANSWER and own > 2 * other else 0.0


def _has(text: Any, label: str) -> bool:
    return text is not None and bool(
        re.search(rf"(?<!\w){re.escape(label.strip().casefold())}(?!\w)", str(text).casefold())
    )
