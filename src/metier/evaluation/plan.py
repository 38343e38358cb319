"""plan.json: what will be decided and how, sealed before the first test question is asked; a verdict is held to it."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Literal

from pydantic import ValidationError, model_validator

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.answers import CANDIDATE, stage_of
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.opponents import sealed_uses
from metier.evaluation.results import RULE, Candidate, Result
from metier.evaluation.samples import Judging
from metier.runs import history
from metier.runs.begun import PLAN, is_asked, is_open
from metier.runs.files import file_sha256, fingerprint, write_json
from metier.runs.history import History, read_history
from metier.runs.marks import hashed, read_hashed
from metier.runs.run import Run

SCHEMA_VERSION = 2
CANDIDATE_OF = "the candidate of"
NO_PLAN = (
    "There is no sealed plan (plan.json), so nobody can tell whether the thresholds were set before the answers were "
    "known."
)


class PlannedTest(Result):
    """A test set whose answers are judged."""

    name: str
    metric: str
    """The one that decides."""
    n: int
    """Questions."""
    questions_sha256: str
    """Of the questions and their right answers, in any order."""

    @classmethod
    def facts(cls, benchmark: Benchmark) -> dict[str, Any]:
        """The values of all its fields above."""
        questions = benchmark.questions()
        metric, sha256 = next(iter(benchmark.build_metrics())), questions_sha256(questions)
        return {"name": benchmark.name, "metric": metric, "n": len(questions), "questions_sha256": sha256}


class PlannedBenchmark(PlannedTest):
    """A test set on which the tuned model has to gain."""

    baseline: str | None
    """The one that decides: what it has to beat besides the base model."""
    baselines: tuple[str, ...] = ()
    """All that answer, with their settings."""
    candidate: str = "tuned"
    """What is tested, and with what weight: chosen on held-out rows."""


class PlannedRetention(PlannedTest):
    """A test set on which nothing must be lost."""

    margin: float | None
    """The worsening that is allowed; null: the change is monitored and does not affect the decision."""


class Plan(Result):
    """What will be decided and how: plan.json."""

    schema_version: int = SCHEMA_VERSION
    rule: int = RULE
    """Version of the rule that makes a decision of the figures."""
    date: str
    """When it was sealed, in UTC."""
    version: str
    """Of Metier."""
    min_gain: float
    """`ship.min_gain`."""
    alpha: float
    """`ship.alpha`."""
    mode: Literal["better", "not_worse"] = "better"
    """`ship.mode`: what has to be shown against the baseline that decides."""
    margin: float | None = None
    """`ship.margin` with `not_worse`, else null."""
    seeds: tuple[int, ...]
    """Of the trainings."""
    quick: bool
    benchmarks: tuple[PlannedBenchmark, ...]
    retention: tuple[PlannedRetention, ...]

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, given: Any) -> Any:
        """Plans of version 1 named one candidate for all benchmarks, the tuned model."""
        if isinstance(given, dict) and given.get("candidate") == "tuned":
            return {key: value for key, value in given.items() if key != "candidate"}
        return given

    def settled(self) -> dict[str, str]:
        """All that a verdict depends on, by the name that a person knows it by."""
        return dict(self._settled())

    def _settled(self) -> Iterator[tuple[str, str]]:
        yield from (("ship.alpha", f"{self.alpha:g}"), ("ship.min_gain", f"{self.min_gain:g}"))
        for kept in self.retention:
            yield f"retention.{kept.name}", "monitor" if kept.margin is None else f"{kept.margin:g}"
        allowed = "" if self.margin is None else f" by more than {self.margin:g}"
        yield "ship.mode", f"{self.mode}{allowed}"
        yield "the rule", f"version {self.rule}"
        yield "the seeds", ", ".join(map(str, self.seeds))
        yield "quick", str(self.quick).lower()
        for one in self.benchmarks:
            yield f"the baseline of {one.name}", one.baseline or "none"
            yield f"{CANDIDATE_OF} {one.name}", one.candidate
            yield f"the baselines of {one.name}", "; ".join(one.baselines) or one.baseline or "none"
        tests: tuple[PlannedTest, ...] = (*self.benchmarks, *self.retention)
        for asked in tests:
            yield f"the metric of {asked.name}", asked.metric
            yield f"the test set of {asked.name}", f"{asked.n:,} questions ({asked.questions_sha256[:12]})"


def questions_sha256(questions: Sequence[Question]) -> str:
    """A hash of test questions with their right answers, whatever their order and the prompt around them."""
    return fingerprint(sorted([one.text, one.answer, list(one.options)] for one in questions))


def plan_of(run: Run, judging: Judging) -> Plan:
    """The plan as the run's recipe and questions are now."""
    return Plan(
        date=history.now(),
        version=version("metier"),
        min_gain=run.recipe.ship.min_gain,
        alpha=run.recipe.ship.alpha,
        mode=run.recipe.ship.mode,
        margin=run.recipe.opponents().allowed,
        seeds=tuple(run.locked()["seeds"]),
        quick=run.recipe.quick,
        benchmarks=tuple(
            PlannedBenchmark(
                **PlannedTest.facts(one),
                baseline=one.baseline,
                baselines=sealed_uses(one.baselines),
                candidate=candidate_of(run, one.name).sealed(),
            )
            for one in judging.benchmarks
        ),
        retention=tuple(PlannedRetention(**PlannedTest.facts(one), margin=margin) for one, margin in judging.retention),
    )


def seal(run: Run, judging: Judging) -> None:
    """Write plan.json, where nothing was asked yet; the first plan stays."""
    path, known = run.folder / PLAN, read_history(run.folder)
    if is_open(run.folder) and known.first(history.PLAN) is None:
        write_json(path, hashed(plan_of(run, judging).to_json()))
    if not path.is_file():
        run.progress.warn(f"{NO_PLAN} The verdict will be exploratory.")
    # A kill between the two lines that write leaves a plan that the history does not know.
    elif known.first(history.PLAN) is None and not is_asked(run.folder):
        history.append(run.folder, history.PLAN, plan_sha256=file_sha256(path))
        run.progress.say("evaluate: the plan is sealed in plan.json; what decides is fixed from now on")


def read_plan(run: Run) -> Plan | None:
    """The sealed plan; None where there is none. Raises `UserError` where it was changed since, or cannot be read."""
    path = run.folder / PLAN
    if not path.is_file():
        return None
    fix = "Put it back as it was. Without it the verdict is exploratory."
    try:
        return Plan.model_validate(read_hashed(path, fix))
    except ValidationError as error:
        raise UserError(f"{path} is no plan of this version of Metier. {fix}") from error


def held_to_plan(run: Run, judging: Judging) -> tuple[str, ...]:
    """Why a verdict on the answers is exploratory, in sentences; empty where all is as it was planned."""
    plan, known = read_plan(run), read_history(run.folder)
    found = [f"{sentence}." for sentence in known.broken]
    if plan is None:
        return (*found, NO_PLAN)
    return (*found, *_not_the_sealed(run, known), *_changes(plan, plan_of(run, judging)))


def _not_the_sealed(run: Run, known: History) -> list[str]:
    sealed = known.first(history.PLAN)
    if sealed is None:
        return ["plan.json is not in the history (history.jsonl), so nobody can tell when it was written."]
    if sealed["plan_sha256"] != file_sha256(run.folder / PLAN):
        return [f"plan.json is not the plan that was sealed on {sealed['time'][:10]}."]
    return []


def _changes(plan: Plan, now: Plan) -> list[str]:
    before, after = plan.settled(), now.settled()
    return [
        f"{key} was changed from {before.get(key, 'nothing')} to {after.get(key, 'nothing')} after the answers were "
        f"known ({history.today()})."
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def same_plans(plans: Sequence[Plan]) -> bool:
    """Whether the plans of several trainings decide the same, aside from their seeds and the candidates that their
    held-out rows chose."""
    return len({fingerprint(_of_any_training(plan)) for plan in plans}) < 2


def _of_any_training(plan: Plan) -> dict[str, str]:
    return {key: value for key, value in plan.settled().items() if key != "the seeds" and CANDIDATE_OF not in key}


def candidate_of(run: Run, benchmark: str) -> Candidate:
    """What is judged on a benchmark, as held-out rows chose it; the model alone where nothing was chosen."""
    stage = stage_of(benchmark, CANDIDATE)
    return Candidate.model_validate(run.result(stage)["chosen"]) if run.is_done(stage) else Candidate()
