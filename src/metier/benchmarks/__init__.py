"""Benchmarks: data, prompt, scorer and metrics, declared; one file each, or a few lines of YAML in a recipe."""

import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier import plugins
from metier.errors import UserError, nearest
from metier.reading import FileSource
from metier.records import Question, questions


@dataclass
class Declared:
    """A benchmark: which questions, how they are asked, how answers are judged."""

    name: str
    """What the benchmark is called in tables and files."""
    source: str | None = None
    """The named source whose test rows are the questions."""
    path: str | None = None
    """Or a file of one's own, with the columns below."""
    text: str = "text"
    label: str = "label"
    cluster: str | None = None
    """The column of what belongs together (patient, contract): intervals treat it as one draw."""
    prompt: str = "{text}\nAnswer:"
    """What the model reads; {text} and further columns of the row in braces are filled in."""
    scorer: str = "label"
    """How an answer is found and judged."""
    metrics: list[str] = field(default_factory=lambda: ["accuracy", "macro_f1"])
    """The first one decides, the others are reported."""
    labels: list[str] = field(default_factory=list)
    """All answers there are; left out: those that occur in the test and training rows."""
    rows: int = 0
    """At most so many questions, a seeded draw stratified by label (0: all)."""
    licence: str = ""
    citation: str = ""

    def problems(self) -> list[str]:
        """What is wrong with the declaration, found without running anything."""
        found = []
        if not re.fullmatch(r"[\w.-]+", self.name) or self.name.startswith("."):
            found.append(
                f"The benchmark name '{self.name}' becomes a file's name: use letters, digits, '-', '_' and '.'."
            )
        if bool(self.source) == bool(self.path):
            found.append(f"The benchmark '{self.name}' needs either `source` or `path`, and not both.")
        for kind, names in (("scorers", [self.scorer]), ("metrics", self.metrics)):
            for name in names:
                try:
                    plugins.find(kind, name)
                except UserError as error:
                    found.append(f"The benchmark '{self.name}': {error}")
        if not self.metrics:
            found.append(f"The benchmark '{self.name}' names no metric. Add `metrics: [accuracy]`.")
        named = set(re.findall(r"\{(\w+)\}", self.prompt))
        if not named:
            found.append(f"The prompt of benchmark '{self.name}' has no {{text}}: every question would read the same.")
        if self.path and not found:
            found += self.data().problems()
        if self.path and not found:
            columns = self.data().prompt_columns()
            found += [
                f"The prompt of benchmark '{self.name}' names '{name}', which no column holds.{nearest(name, columns)}"
                for name in sorted(named - columns)
            ]
        return found

    def data(self) -> Any:
        """The source that holds the questions."""
        if self.path:
            # The test file is the user's own and is never trained on or passed on, so no licence is asked for.
            return FileSource(self.path, self.text, self.label, "not-redistributed", group=self.cluster)
        return plugins.build("sources", str(self.source), {})

    def questions(self, most: int = 0) -> list[Question]:
        """The test questions, at most `most` of them (0: as many as the benchmark declares)."""
        return draw(self.all_questions(), min(filter(None, (most, self.rows)), default=0), self.name)

    def all_questions(self) -> list[Question]:
        """Every test question, those that the draw leaves out included: none of them may be trained on."""
        table = self.data().rows()
        if self.source:
            table = table.filter(pc.equal(table["split"], "test"))
        found = questions(table, unlabelled=not self.data().labelled)
        if not found:
            raise UserError(f"The benchmark '{self.name}' has no questions. Check its `path` and `label`.")
        return found

    def label_set(self, training_rows: pa.Table | None = None) -> list[str]:
        """All answers there are, sorted where the benchmark does not give an order."""
        if self.labels:
            return self.labels
        seen = {question.answer for question in self.questions()}
        if training_rows is not None:
            mine = training_rows.filter(pc.equal(training_rows["task"], self.name))
            seen |= {label for label in mine["label"].to_pylist() if label is not None}
        return sorted(seen)


def draw(questions: list[Question], rows: int, seed: str) -> list[Question]:
    """A seeded draw in which each answer keeps its share (largest remainders), in the original order."""
    if not rows or rows >= len(questions):
        return questions
    by_answer: dict[str, list[int]] = defaultdict(list)
    for position, question in enumerate(questions):
        by_answer[question.answer].append(position)
    exact = {answer: rows * len(group) / len(questions) for answer, group in by_answer.items()}
    quota = {answer: int(share) for answer, share in exact.items()}
    for answer in sorted(exact, key=lambda name: (quota[name] - exact[name], name))[: rows - sum(quota.values())]:
        quota[answer] += 1
    generator = random.Random(f"metier:{seed}")
    kept = [position for answer in sorted(quota) for position in generator.sample(by_answer[answer], quota[answer])]
    return [questions[position] for position in sorted(kept)]
