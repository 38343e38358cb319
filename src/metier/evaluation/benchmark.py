"""A benchmark: data, prompt, scorer and metrics, declared beside its dataset or in a few lines of a recipe."""

import re
from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Interval

from metier.data.dataset import DatasetLike
from metier.data.reading import FileSource
from metier.data.records import Question, questions
from metier.errors import UserError, nearest
from metier.evaluation.draw import draw
from metier.evaluation.inspection import Inspection
from metier.evaluation.opponents import BaselineUse, Opponents, deciding_one, fitting
from metier.evaluation.predictions import MetricLike
from metier.evaluation.scoring import ScorerLike
from metier.recipes import plugins
from metier.recipes.settings import NO_SETTING, Count


@dataclass(frozen=True)
class Reference:
    """A published score to hold ours against."""

    system: str
    metric: str
    value: float
    source: str
    """The paper or page."""
    how: str = "as cited"
    """`as cited`: noted from the source; `recomputed`: run by this project on the very test rows."""


def tfidf(metric: str, value: float) -> Reference:
    """What TF-IDF with logistic regression reaches on the test rows of the mirror."""
    return Reference("TF-IDF + logistic regression", metric, value, "README of the dataset in the mirror", "recomputed")


@dataclass(frozen=True)
class Samples:
    """What a benchmark asks in one run."""

    questions: list[Question]
    """In the order in which they are asked."""
    labels: list[str]
    """The label set; empty where a scorer needs none."""
    solved: dict[str, list[Question]]
    """Kind of question -> the solved examples that stand before it."""
    times: dict[str, str]
    """Id of a question -> its date, of the questions that have one."""
    labeled: bool
    """Whether its rows have answers; raw text has none."""


@dataclass
class Benchmark:
    """A benchmark: which questions, how they are asked, how answers are judged."""

    name: str
    """What the benchmark is called in tables and files."""
    dataset: str | dict[str, Any] | None = None
    """The dataset whose test rows are the questions: a name, or {name: {setting: value}}."""
    path: str | None = None
    """Or a file of one's own, with the columns below."""
    text: str = "text"
    label: str | None = "label"
    """The column of the right answer; null where there is none (a loss needs none)."""
    options: str | None = None
    """The column with the list of options, for the scorer `choice`."""
    cluster: str | None = None
    """The column of what belongs together (patient, contract): intervals treat it as one draw."""
    time: str | None = None
    """The column of a question's date (ISO 8601), for key figures about the latest questions."""
    slices: list[str] = field(default_factory=list)
    """Columns by whose values results are also shown, as exploratory figures."""
    prompt: str = "{text}\nAnswer:"
    """What the model reads; {text} and further columns of the row in braces are filled in."""
    chat_template: bool = False
    """Whether the prompt is a user's turn in the model's own chat template; otherwise it is read as it stands."""
    too_long: Literal["refuse", "truncate"] = "refuse"
    """What happens to questions longer than the model's context: `refuse` stops before training, `truncate` cuts the
    beginning of the prompt, and the report says of how many."""
    num_fewshot: Annotated[int, Interval(ge=0, le=1_000)] = 0
    """So many solved training examples stand before each question (0: none)."""
    fewshot_by: str | None = None
    """The column whose value the examples must share with the question (a task's name)."""
    scorer: plugins.Use = "label"
    """How an answer is found and judged: a name, or {name: {setting: value}}."""
    metrics: list[plugins.Use] = field(default_factory=lambda: ["accuracy", "macro_f1"])
    """The first one decides, the others are reported: names, or {name: {setting: value}}."""
    labels: list[str] = field(default_factory=list)
    """All answers there are; left out: those that occur in the test and training rows."""
    limit: Count = 0
    """At most so many questions, a seeded draw stratified by label (0: all)."""
    license: str = ""
    """Left out: that of the dataset."""
    citation: str = ""
    """Left out: that of the dataset."""
    majority: float | None = None
    """What always giving the most common answer reaches in the first metric, where it was worked out before."""
    references: list[Reference] = field(default_factory=list)
    description: str = ""
    """What is asked, in a sentence."""
    opponents: Opponents = field(default=Opponents(), repr=False, compare=False, metadata=NO_SETTING)
    """What a recipe says of baselines."""
    samples: Samples | None = field(default=None, repr=False, compare=False, metadata=NO_SETTING)
    """What a run asks, once curate has written it; None: the dataset is read."""

    def problems(self) -> list[str]:
        """What is wrong with the declaration, found without running anything."""
        return Inspection(self).problems()

    @property
    def dataset_name(self) -> str:
        """Empty where the questions are a file of one's own."""
        return plugins.named(self.dataset)[0] if self.dataset else ""

    def data(self) -> DatasetLike:
        """The dataset that holds the questions, always the same object, so that its rows are read once."""
        return self._data

    @cached_property
    def _data(self) -> DatasetLike:
        if self.path:
            # The test file is the user's own and is never trained on or passed on, so no license is asked for.
            return FileSource(
                self.path,
                self.text,
                self.label,
                "not-redistributed",
                group=self.cluster,
                time=self.time,
                options=self.options,
                max_error_rate=0.0,  # a question that is rejected would be one that nobody misses
            )
        dataset: DatasetLike = plugins.build("datasets", *plugins.named(self.dataset))
        return dataset

    def read_from(self, dataset: DatasetLike) -> None:
        """Take the questions from a dataset that somebody else reads too, so that it is read once for both."""
        self.__dict__["_data"] = dataset

    @cached_property
    def rows(self) -> pa.Table:
        """All rows of the dataset, those to learn from included; read once."""
        return self.data().rows()

    @property
    def baseline(self) -> str | None:
        """The name of the baseline that decides; None: there is none."""
        return deciding_one(self.baselines, self.opponents)

    @cached_property
    def baselines(self) -> dict[str, BaselineUse]:
        """Name -> baseline, of all that answer: the recipe's that fit, else what the scorer names."""
        return fitting(self, self.opponents)

    @cached_property
    def chooses_among_own_options(self) -> bool:
        """Whether every question brings the answers to choose from."""
        scorer = self.build_scorer()
        return "probabilities" in scorer.gives and not scorer.chooses

    def build_scorer(self) -> ScorerLike:
        scorer: ScorerLike = plugins.build("scorers", *plugins.named(self.scorer))
        return scorer

    def build_metrics(self) -> dict[str, MetricLike]:
        """Title -> metric, in the declared order; settings stand in the title."""
        metrics: dict[str, MetricLike] = {}
        for use in self.metrics:
            name, settings = plugins.named(use)
            values = ", ".join(
                str(v) for value in settings.values() for v in (value if isinstance(value, list) else [value])
            )
            metrics[f"{name} ({values})" if values else name] = plugins.build("metrics", name, settings)
        return metrics

    def render(self, question: Question) -> str:
        """What the model reads: solved examples, where the benchmark has them, and the question."""
        return self._examples(question) + question.render(self.prompt)

    def prompt_columns(self) -> set[str]:
        """What the prompt names in braces."""
        return set(re.findall(r"\{(\w+)\}", self.prompt))

    def questions(self, most: int = 0) -> list[Question]:
        """The test questions, at most `most` of them (0: as many as the benchmark declares)."""
        if self.samples:
            return self.samples.questions
        return draw(self.all_questions(), min(filter(None, (most, self.limit)), default=0), self.name)

    def all_questions(self) -> list[Question]:
        """Every test question, those that the draw leaves out included: none of them may be trained on."""
        return self._all_questions

    @cached_property
    def _all_questions(self) -> list[Question]:
        own = questions(self._test_rows(), unlabeled=not self.labeled)
        if not own:
            where = (
                f"The dataset '{self.dataset_name}' holds no test rows; in a mirror, their file is missing from its "
                "folder."
                if self.dataset
                else "Check its `path` and `label`."
            )
            raise UserError(f"The benchmark '{self.name}' has no questions. {where}")
        self._check_columns(own)
        return [self._placed(question) for question in own]

    def _test_rows(self) -> pa.Table:
        return self.rows.filter(pc.equal(self.rows["split"], "test")) if self.dataset else self.rows

    def times(self) -> dict[str, str]:
        """Id -> date of the questions that have one."""
        if self.samples:
            return self.samples.times
        rows = self._test_rows().select(["id", "time"]).to_pylist()
        return {row["id"]: row["time"] for row in rows if row["time"]}

    def _check_columns(self, own: list[Question]) -> None:
        """Raises `UserError` where no question has a column that the benchmark uses."""
        columns = {column for question in own for column in question.fields}
        wanted = [*self.slices, *([self.cluster] if self.cluster and self.dataset else [])]
        wanted += sorted(self.prompt_columns() - {"text"})
        if missing := [column for column in wanted if column not in columns]:
            raise UserError(
                f"The benchmark '{self.name}' goes by the column '{missing[0]}', which none of its questions has."
                f"{nearest(missing[0], columns)}"
            )

    def label_set(self, training_rows: pa.Table | None = None) -> list[str]:
        """All answers there are, sorted where the benchmark does not give an order; none where a scorer needs none."""
        if self.labels or not self.build_scorer().chooses:
            return self.labels
        seen = set(self.samples.labels) if self.samples else {question.answer for question in self.questions()}
        if training_rows is not None:
            mine = training_rows.filter(pc.equal(training_rows["task"], self.name))
            seen |= {label for label in mine["label"].to_pylist() if label is not None}
        return sorted(seen)

    @property
    def labeled(self) -> bool:
        """Whether its rows have answers; raw text has none."""
        return self.samples.labeled if self.samples else self.data().labeled

    def _placed(self, question: Question) -> Question:
        """The question with its kind, and with what it belongs to where the benchmark says that of a dataset's rows."""
        slices = {column: question.fields[column] for column in self.slices if column in question.fields}
        if self.dataset and self.cluster:
            return replace(question, slices=slices, group=question.fields.get(self.cluster))
        return replace(question, slices=slices)

    def _examples(self, question: Question) -> str:
        if not self.num_fewshot:
            return ""
        kind = question.fields.get(self.fewshot_by, "") if self.fewshot_by else ""
        solved = [f"{example.render(self.prompt)} {example.answer}\n\n" for example in self.solved.get(kind, [])]
        return "".join(solved)

    @cached_property
    def solved(self) -> dict[str, list[Question]]:
        """Kind of question -> the training examples that stand solved before it, drawn once."""
        if self.samples or not self.num_fewshot:
            return self.samples.solved if self.samples else {}
        rows = questions(self.rows.filter(pc.equal(pc.fill_null(self.rows["split"], "train"), "train")))
        kinds: dict[str, list[Question]] = defaultdict(list)
        for row in rows:
            kinds[row.fields.get(self.fewshot_by, "") if self.fewshot_by else ""].append(row)
        return {kind: draw(examples, self.num_fewshot, f"{self.name}:shots") for kind, examples in kinds.items()}

    def with_solved(self, solved: dict[str, list[Question]]) -> "Benchmark":
        """The same with other solved examples."""
        other = copy(self)
        other.__dict__["solved"] = solved
        return other


def text_loss(name: str, dataset: str, description: str) -> Benchmark:
    """How well the language of a domain is modeled: the loss on its raw texts."""
    metrics = ["loss", "perplexity", "bits_per_byte"]
    return Benchmark(
        name, dataset, prompt="{text}", label=None, scorer="loss", metrics=metrics, description=description
    )


def share_datasets(benchmarks: Sequence[Benchmark], uses: Sequence[tuple[Any, DatasetLike]]) -> None:
    """Let benchmarks over one named dataset, and the recipe that learns from it, read the same object.

    `uses`: what the recipe names, with what was built of it.
    """
    known = {_key(use): dataset for use, dataset in uses if isinstance(use, str) or "path" not in use}
    for benchmark in benchmarks:
        if benchmark.dataset:
            key = _key(benchmark.dataset)
            if key not in known:
                known[key] = benchmark.data()
            benchmark.read_from(known[key])


def _key(use: Any) -> str:
    return repr(plugins.named(use))
