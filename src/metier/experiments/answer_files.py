"""The answers of a run as a file of answers, to be compared with those of any tool."""

from pathlib import Path

from metier.errors import UserError, nearest, shown
from metier.evaluation.answer_file import Answered, AnswerFile, Role
from metier.evaluation.answers import JUDGED, Answers
from metier.runs.progress import Progress
from metier.runs.run import model_folder, saved_run


def of_run(folder: Path, benchmark: str | None) -> AnswerFile:
    """The answers of a run's tuned model. Raises `UserError` where it has several benchmarks and none is named."""
    answers = Answers(saved_run(model_folder(folder), Progress()))
    names = [one.name for one in answers.judging.benchmarks]
    if benchmark is None and len(names) > 1:
        raise UserError(f"{folder} has several benchmarks: {', '.join(names)}. Name one: --benchmark {names[0]}.")
    name = benchmark or names[0]
    if name not in names:
        raise UserError(f"{folder} has no benchmark {shown(name)}.{nearest(name, names)}")
    columns: dict[Role, str] = {"id": "id", "right": "gold", "answer": "answer", "group": "group"}
    rows = {one.id: Answered(one.answer, one.gold, one.group) for one in answers.of(JUDGED, name)}
    return AnswerFile(f"{folder} ({name}, tuned model)", columns, rows)
