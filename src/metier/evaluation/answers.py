"""The saved answers of a run: evaluate/BENCHMARK/{base,tuned,held-out,a baseline}.jsonl, a line an answer."""

import json
from collections.abc import Sequence
from pathlib import Path

from metier.evaluation.benchmark import Benchmark
from metier.evaluation.predictions import Predictions, as_predictions
from metier.evaluation.samples import Judging, open_samples
from metier.evaluation.scoring import Prediction
from metier.runs.files import write_text
from metier.runs.run import Run

BASE, TUNED = "base", "tuned"
HELD_OUT = "held-out"
"""The tuned model on held-out training rows: what a threshold is chosen on."""
REVIEW = "review"
"""The tuned model on more of them: what a promise of few errors is made from."""
LATENCY = "latency"
CANDIDATE = "candidate"
"""The choice of what is judged, made on held-out rows, with the answers to them of what was chosen."""
BLEND = "blend"
"""The tuned model mixed with the baseline; only where that was chosen."""
JUDGED, JUDGED_HELD_OUT = "judged", "judged-held-out"
"""Whatever is judged, on the test and on held-out rows: the tuned model alone, or the mixture."""
MODEL = (JUDGED, TUNED)
"""Who answers with the tuned model's weights."""


def stage_of(benchmark: str, who: str) -> str:
    """The piece of work whose mark says that somebody answered a benchmark."""
    return f"evaluate/{benchmark}/{who}"


def read_answers(run: Run, who: str, benchmark: str) -> list[Prediction]:
    """The saved answers; empty where nobody of that name answered.

    `who`: base, tuned, judged, held-out, judged-held-out, or the name of a baseline. Raises `UserError` where they
    were changed since.
    """
    stage = stage_of(benchmark, saved_as(run, who, benchmark))
    if not run.is_done(stage):
        return []
    lines = run.output(stage, f"{stage}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return [Prediction.from_json(json.loads(line)) for line in lines]


def saved_as(run: Run, who: str, benchmark: str) -> str:
    """Whose file that is: `judged` is the mixture where one was chosen, else the tuned model."""
    if who not in (JUDGED, JUDGED_HELD_OUT):
        return who
    stage = stage_of(benchmark, CANDIDATE)
    blended = run.is_done(stage) and run.result(stage)["chosen"]["baseline"] is not None
    if who == JUDGED:
        return BLEND if blended else TUNED
    return CANDIDATE if blended else HELD_OUT


def write_answers(path: Path, answers: Sequence[Prediction]) -> None:
    """A file of answers that is there completely or not at all."""
    lines = (json.dumps(answer.to_json(), ensure_ascii=False, allow_nan=False) + "\n" for answer in answers)
    write_text(path, "".join(lines))


class Answers:
    """The samples and answers of one run, each file of them read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.judging: Judging = open_samples(run)
        self._named: dict[str, Benchmark] = {one.name: one for one in self.judging.everything}
        self._given: dict[tuple[str, str], list[Prediction]] = {}
        self._tables: dict[tuple[str, str], Predictions] = {}

    def benchmark(self, name: str) -> Benchmark:
        """A benchmark of the run by its name."""
        return self._named[name]

    def labels(self, name: str) -> list[str]:
        """The label set that a benchmark was asked with."""
        return self._named[name].label_set()

    def of(self, who: str, name: str) -> list[Prediction]:
        """Somebody's answers to a benchmark; empty where nobody of that name answered."""
        key = (who, name)
        if key not in self._given:
            self._given[key] = read_answers(self.run, who, name)
        return self._given[key]

    def baseline(self, name: str) -> list[Prediction]:
        """The answers of the baseline that decides; empty where there is none."""
        who = self._named[name].baseline
        return self.of(who, name) if who else []

    def baselines(self, name: str) -> dict[str, list[Prediction]]:
        """Name -> answers of every baseline that answered, in the order of the recipe."""
        given = {who: self.of(who, name) for who in self._named[name].baselines}
        return {who: answers for who, answers in given.items() if answers}

    def table(self, who: str, name: str) -> Predictions:
        """The same as arrays."""
        key = (who, name)
        if key not in self._tables:
            self._tables[key] = as_predictions(self.of(who, name), self.labels(name))
        return self._tables[key]
