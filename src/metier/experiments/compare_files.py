"""Two files of answers to the same questions, from any tool: the paired test of a verdict."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from metier.errors import Problems, UserError, shown
from metier.evaluation import stats
from metier.evaluation.answer_file import Answered, AnswerFile, Named, Role, listed, read_answer_file
from metier.evaluation.comparison import compare, fixed_and_broken
from metier.evaluation.predictions import Predictions, as_predictions
from metier.evaluation.reasons import say_p
from metier.evaluation.results import Result
from metier.evaluation.scoring import Prediction, plain
from metier.evaluation.stats import Interval, Variation
from metier.experiments.answer_files import of_run
from metier.recipes import plugins

SEED, ALPHA = 0, 0.05


class ComparedFiles(Result):
    """What `metier compare` says of two files of answers."""

    first: str
    second: str
    columns: tuple[dict[Role, str], ...]
    """Of each file: what a column was taken for -> its name."""
    n: int
    """Questions."""
    clusters: int
    """Groups of questions that belong together; as many as questions where each stands alone."""
    before: Interval
    """Accuracy of the first one."""
    after: Interval
    gain: Interval
    """Of the second over the first."""
    p: float
    test: str
    fixed: int
    """Questions that only the second answers right."""
    broken: int
    """Questions that only the first answers right."""
    unanswered: tuple[int, int]
    """Empty answers of each, which count as wrong."""
    minimum_detectable_effect: float
    """The smallest true difference that the test finds with 80 % power, at 0.05."""
    n_required: int | None
    """Questions that would find a true difference of the size that was seen; null where no number would."""
    variation: Variation
    sentences: tuple[str, ...]


def compare_files(first: Path, second: Path, named: Named | None = None, benchmark: str | None = None) -> ComparedFiles:
    """The accuracy of two sides on the same questions, and whether they differ. One of them may be the folder of a run.

    `named`: columns that have no usual name (`id`, `right`, `answer`, `group`). Raises `Problems` where the files do
    not fit together.
    """
    first_side, second_side = (
        of_run(path, benchmark) if path.is_dir() else read_answer_file(path, named or {}, at)
        for at, path in enumerate((first, second))
    )
    if first_side.name == second_side.name:  # two folders may have an answers.csv each
        first_side, second_side = replace(first_side, name=str(first)), replace(second_side, name=str(second))
    sides = [first_side, second_side]
    _check_match(first_side, second_side, named or {})
    right, group = _joined(sides, "right", lambda row: row.right), _joined(sides, "group", lambda row: row.group)
    tables = [_table(side, list(sides[0].rows), right, group) for side in sides]
    return _compared(sides, tables)


def _check_match(first: AnswerFile, second: AnswerFile, named: Named) -> None:
    """Raises `Problems` where a question stands in one file only, neither has right answers, or a column that was named
    is in neither."""
    problems = [
        f"Neither {first.name} nor {second.name} has the column {shown(names[0])} (--{role})."
        for role, names in named.items()
        if role not in first.columns and role not in second.columns
    ]
    for mine, theirs in ((first, second), (second, first)):
        if missing := [name for name in mine.rows if name not in theirs.rows]:
            problems.append(
                f"{theirs.name} has no answer to {listed(missing, 'question', 'questions')} of {mine.name}."
            )
    if "right" not in {*first.columns, *second.columns, *named}:
        problems.append(
            f"Neither {first.name} nor {second.name} has a column with the right answers. Name it: --right COLUMN."
        )
    if problems:
        raise Problems(problems)


def _joined(sides: list[AnswerFile], role: Role, read: Callable[[Answered], str | None]) -> dict[str, str | None]:
    """What either file says of each question. Raises `UserError` where they say different things."""
    having = [side for side in sides if role in side.columns]
    joined = {
        name: next((read(side.rows[name]) for side in having if read(side.rows[name])), None) for name in sides[0].rows
    }
    differ = [
        name
        for name, value in joined.items()
        if any((other := read(side.rows[name])) and plain(other) != plain(str(value)) for side in having)
    ]
    if differ:
        what = "right answers" if role == "right" else "groups"
        raise UserError(
            f"{sides[0].name} and {sides[1].name} have different {what} for {listed(differ, 'question', 'questions')}. "
            "Compare answers to the same questions only."
        )
    return joined


def _table(
    side: AnswerFile, order: list[str], right: dict[str, str | None], group: dict[str, str | None]
) -> Predictions:
    """One side's answers in a common order. Right: the same words, white space and case aside."""
    answers = []
    for name in order:
        given, gold = side.rows[name].answer, str(right[name])
        value = None if given is None else float(plain(given) == plain(gold))
        answers.append(Prediction(name, "", "", given, gold, value, group=group[name]))
    return as_predictions(answers, [])


def _compared(sides: list[AnswerFile], tables: list[Predictions]) -> ComparedFiles:
    before, after = tables
    paired = compare(plugins.build("metrics", "accuracy", {}), before, after, SEED, ALPHA)
    fixed, broken = fixed_and_broken(before, after)
    result = ComparedFiles(
        first=sides[0].name,
        second=sides[1].name,
        columns=tuple(side.columns for side in sides),
        n=len(before.gold),
        clusters=len(set(before.groups)),
        **vars(paired),
        fixed=fixed,
        broken=broken,
        unanswered=(_unanswered(before), _unanswered(after)),
        n_required=stats.n_to_detect(paired.variation, abs(paired.gain.value), ALPHA),
        sentences=(),
    )
    return result.model_copy(update={"sentences": (*(side.taken for side in sides), *_sentences(result))})


def _unanswered(table: Predictions) -> int:
    return int(np.count_nonzero(~table.judged))


def _sentences(found: ComparedFiles) -> list[str]:
    groups = f" in {found.clusters:,} groups" if found.clusters < found.n else ""
    lines = [
        f"{found.n:,} questions{groups} are in both. An answer is right where its words are those of the right answer, "
        "case and white space aside.",
        f"Right: {found.first} {_share(found.before)}, {found.second} {_share(found.after)}.",
    ]
    lines += [
        f"{name} has {count:,} empty answers, which count as wrong."
        for name, count in zip((found.first, found.second), found.unanswered, strict=True)
        if count
    ]
    lines.append(
        f"Only {found.second} is right on {_questions(found.fixed)}, only {found.first} on {_questions(found.broken)}."
    )
    return [*lines, _difference(found), *_power(found)]


def _questions(count: int) -> str:
    return f"{count:,} {'question' if count == 1 else 'questions'}"


def _share(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} % (95 % CI {100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _difference(found: ComparedFiles) -> str:
    gain = found.gain
    seen = (
        f"{100 * gain.value:+.1f} points (95 % CI {100 * gain.low:+.1f} to {100 * gain.high:+.1f}; {say_p(found.p)}, "
        f"{found.test})"
    )
    if found.p >= ALPHA:
        return f"No difference is shown: {found.second} against {found.first} {seen}."
    return f"{found.second} is {'better' if gain.value > 0 else 'worse'} than {found.first}: {seen}."


def _power(found: ComparedFiles) -> list[str]:
    """What the test could find, and what would decide."""
    if found.clusters < stats.FEWEST_CLUSTERS:
        return []
    if not found.fixed + found.broken:
        return ["Both are right on the same questions."]
    lines = [
        f"With these {found.n:,} questions a true difference of {100 * found.minimum_detectable_effect:.1f} points "
        "would be found with 80 % power."
    ]
    if found.p < ALPHA:
        return lines
    if found.n_required is None:
        return [*lines, "Both are right on as many questions: no number of questions would show a difference of none."]
    if found.n_required <= found.n:
        return lines
    return [*lines, f"About {found.n_required:,} questions would decide whether a difference of this size is real."]
