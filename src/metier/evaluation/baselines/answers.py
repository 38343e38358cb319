"""The baseline that was there before: what a system in use answered to the same questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metier.data.records import Question
from metier.errors import UserError, shown
from metier.evaluation.answer_file import AnswerFile, Wanted, listed, read_answer_file
from metier.evaluation.baseline import BaselineContext, BaselineLike, FittedBaseline, LoadModel, no_model
from metier.evaluation.baseline_state import BaselineState, write_state
from metier.evaluation.baselines import _words
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import Prediction, plain
from metier.runs.files import file_sha256


@dataclass
class Baseline(BaselineLike):
    """The answers of any tool, from a .csv or .jsonl file with a row a test question: its id and the answer.

    An empty answer counts as unscored. Each question needs a row, and each answer has to be one of the labels.
    """

    path: str
    """The file."""
    id: str | None = None
    """The file's column that says which question it is; left out: `id`."""
    by: str | None = None
    """The test set's column that holds the same; `text`: the text. Left out: the ids of Metier (test.csv:2)."""
    answer: str | None = None
    """The column of the answer; left out: answer, given, prediction or output."""
    name: str = "the system in use"
    """What a report calls it."""
    benchmark: str | None = None
    """The benchmark whose questions it answered; left out: all of them."""

    version = 1
    learns = False
    fast = False
    on_this_machine = False
    reusable = False

    def problems(self) -> list[str]:
        return [] if self.name.strip() else ["name: it is empty. Say what the system is called."]

    def ready(self) -> list[str]:
        if Path(self.path).is_file():
            return []
        return [f"path: there is no file {self.path}. Name a .csv or .jsonl file of answers."]

    def misfit(self, benchmark: Benchmark) -> str | None:
        if self.benchmark is not None and self.benchmark != benchmark.name:
            return f"its answers are to '{self.benchmark}'"
        return _words.misfit(benchmark)

    def fingerprint(self) -> str:
        return file_sha256(Path(self.path)) if Path(self.path).is_file() else "missing"

    def fit(self, context: BaselineContext) -> "FittedAnswers":
        named: dict[str, list[str]] = {}
        if self.id:
            named["id"] = [self.id]
        if self.answer:
            named["answer"] = [self.answer]
        wanted = Wanted(("id", "answer"), "the setting `{}`", "`{}: {}`")
        file = read_answer_file(Path(self.path), named, 0, wanted)
        return FittedAnswers(self.name, file, context.benchmark, context.labels, self.fingerprint(), self.by)

    def load(
        self, folder: Path, benchmark: Benchmark, labels: Sequence[str], load_model: LoadModel = no_model
    ) -> "FittedAnswers":
        raise UserError(
            f"{self.name} answered the test questions of '{benchmark.name}' in a file, and cannot answer new rows. "
            "Name the tuned model or another baseline with --with."
        )


class AnswersState(BaselineState):
    """What the answers were read from."""

    file: str
    columns: dict[str, str]
    sha256: str


@dataclass(frozen=True)
class FittedAnswers(FittedBaseline):
    """Answers from a file."""

    title: str
    file: AnswerFile
    benchmark: Benchmark
    labels: Sequence[str]
    sha256: str
    """Of the file."""
    by: str | None

    @property
    def name(self) -> str:
        return self.title

    def answer(self, questions: Sequence[Question]) -> list[Prediction]:
        """Raises `UserError` where questions have no row in the file, or answers are none of the labels."""
        self._check(questions)
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Prediction:
        said = self.file.rows[self._key(question)].answer
        return _words.understood(self.benchmark, self.labels, question, said, self.benchmark.render(question))

    def _key(self, question: Question) -> str:
        """What the file knows the question by."""
        found = question.text if self.by == "text" else question.fields.get(self.by or "")
        return question.id if self.by is None else (found or "").strip()

    def _check(self, questions: Sequence[Question]) -> None:
        name, of = self.file.name, f"of '{self.benchmark.name}'"
        missing = [key for key in map(self._key, questions) if key not in self.file.rows]
        if questions and len(missing) == len(questions):
            raise UserError(
                f"{name} has {listed(self.file.rows, 'id', 'ids')}, and none of them is a question {of}, which are "
                f"called {listed(missing, 'id', 'ids')}. Write the questions' ids into the file, or name the test "
                "set's column with `by`."
            )
        if missing:
            raise UserError(
                f"{name} has no row for {listed(missing, 'question', 'questions')} {of}. Add them; leave the answer "
                "empty where the system gave none."
            )
        strange = [self._key(one) for one in questions if self._is_strange(one)]
        if strange:
            said, known = self.file.rows[strange[0]].answer, _words.offered(questions[0], self.labels)
            raise UserError(
                f"{name}: the answers to {listed(strange, 'question', 'questions')} are none of the labels {of}, the "
                f"first is {shown(said)}. The labels are {shown(', '.join(known), 300)}. Write one of them, or leave "
                "the answer empty where the system gave none."
            )

    def _is_strange(self, question: Question) -> bool:
        said, known = self.file.rows[self._key(question)].answer, _words.offered(question, self.labels)
        return bool(said and known) and plain(_words.stripped(str(said))) not in set(map(plain, known))

    def save(self, folder: Path) -> list[str]:
        columns = {str(role): column for role, column in self.file.columns.items()}
        state = AnswersState(version=Baseline.version, file=self.file.name, columns=columns, sha256=self.sha256)
        return write_state(folder, state, {})
