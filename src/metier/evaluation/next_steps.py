"""What to do after a verdict, with the exact commands."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from metier.evaluation import plain_words as plain
from metier.evaluation import stats
from metier.evaluation.answers import Answers
from metier.evaluation.baseline import built
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.results import Comparison, Deciding, Face, NextStep, RetentionResult
from metier.recipes import plugins
from metier.runs.integrity import SHEETS
from metier.runs.run import Run

SUSPECTS = f"{SHEETS}*.csv"
"""A run's sheets of labels that may be wrong."""


def _reusable(benchmark: Benchmark) -> bool:
    return built(benchmark.baselines[str(benchmark.baseline)]).reusable


@dataclass(frozen=True)
class RunFacts:
    """What commands about a run name, and which of its settings may be changed."""

    folder: Path
    recipe: Path
    """What a new run begins with."""
    trainings: int
    baselines: Mapping[str, str]
    """Benchmark -> the baseline that decides, where it can answer new rows."""
    benchmarks: int
    learning: Mapping[str, float]
    """Settings of the last method by their key in the recipe: `methods.sft.lr`, `methods.sft.epochs`."""
    full: bool
    """Whether all weights were trained."""
    replays: bool
    """Whether it learns general text too, against forgetting."""
    suspects: Path | None
    """The folder of the run that has such sheets: of several trainings, the first. None: there are none."""
    overview: Path | None = None
    """The page of all trainings, where this is one of them."""

    @classmethod
    def of(cls, run: Run, answers: Answers, one_of_several: bool = False) -> "RunFacts":
        """Those of a run. `one_of_several`: it is one training, and its siblings' mean decides."""
        settings = vars(run.recipe.build_methods()[-1][1])
        name, names = plugins.named(run.recipe.methods[-1])[0], [plugins.named(use)[0] for use in run.recipe.methods]
        # `--set` finds a method by its name, and only the first of that name.
        keys = ("lr", "epochs", "minutes") if names.count(name) == 1 and not name.endswith(".py") else ()
        return cls(
            folder=run.folder,
            recipe=run.folder / "recipe.yaml",
            trainings=len(run.locked()["seeds"]),
            baselines={one.name: one.baseline for one in answers.judging.benchmarks if one.baseline and _reusable(one)},
            benchmarks=len(answers.judging.benchmarks),
            learning={f"methods.{name}.{key}": settings[key] for key in keys if settings.get(key)},
            full=settings.get("tune") == "full",
            replays=any(one.name == "general" for one in run.recipe.build_datasets()),
            suspects=run.folder if any(run.folder.glob(SUSPECTS)) else None,
            overview=run.folder.parent / "report.html" if one_of_several else None,
        )

    def predict(self, benchmark: str | None = None, with_: str | None = None) -> str:
        """Answer a file of rows."""
        whose = ["--benchmark", benchmark] if benchmark and self.benchmarks > 1 else []
        who = ["--with", with_] if with_ else []
        return shlex.join(["metier", "predict", str(self.folder), "FILE", *who, *whose, "--out", "answers.csv"])

    def run_again(self, ending: str, *changes: str, seeds: int | None = None) -> str:
        """The same recipe with some changes, in a folder beside this one."""
        folder = self.folder if self.folder.name not in ("", "..") else self.folder.resolve()
        count = seeds or self.trainings
        words = ["metier", "run", str(self.recipe), *(word for change in changes for word in ("--set", change))]
        words += ["--seeds", str(count)] if count > 1 else []
        return shlex.join([*words, "--out", f"{folder}-{ending}"])

    def setting(self, which: str) -> tuple[str, float] | None:
        """(key in the recipe, value) of `lr`, `epochs` or `minutes`; None where the method has none."""
        return next(((key, value) for key, value in self.learning.items() if key.endswith(f".{which}")), None)


def next_steps(
    face: Face, decider: Comparison | RetentionResult, exploratory: bool, facts: RunFacts
) -> tuple[NextStep, ...]:
    """What to do now, the most important first."""
    if exploratory:
        new = "Put new test questions into the recipe, and run it in a new folder."
        return (NextStep(text=new, command=facts.run_again("new")),)
    if facts.overview:
        text = f"This is one of several trainings. Decide by their mean: {facts.overview}"
        return (NextStep(text=text),)
    if isinstance(decider, RetentionResult):
        return tuple(_forgotten(facts) if face == "forgotten" else _not_known_to_be_kept(decider, facts))
    steps = {
        "clean": _clean,
        "provisional": _provisional,
        "worse": _worse,
        "baseline_better": _baseline_better,
        "not_shown": _not_shown,
        "smoke": _smoke,
    }
    return tuple(steps[face](decider, facts))


def _clean(entry: Comparison, facts: RunFacts) -> Iterator[NextStep]:
    yield NextStep(text="Answer new rows with this model.", command=facts.predict(entry.name))
    yield NextStep(
        text="Or serve it to other programs, and log its answers for `metier monitor`.",
        command=shlex.join(["metier", "serve", str(facts.folder), "--trace", "traces.jsonl"]),
    )


def _provisional(entry: Comparison, facts: RunFacts) -> Iterator[NextStep]:
    yield NextStep(
        text="Train it with three seeds. The mean of the three decides whether the gain holds.",
        command=facts.run_again("seeds", seeds=3),
    )
    yield NextStep(
        text="Until then, try it on new rows and let people check its answers.", command=facts.predict(entry.name)
    )


def _baseline_better(entry: Comparison, facts: RunFacts) -> Iterator[NextStep]:
    who, name = plain.short_name(entry.baseline_name), facts.baselines.get(entry.name)
    if name:
        yield NextStep(text=f"Use {who}, which is saved with this run.", command=facts.predict(entry.name, name))
    else:
        yield NextStep(text=f"Keep {who}: it answered the same questions better.")
    yield from _labels(facts)
    yield from _more_training(facts)


def _not_shown(entry: Comparison, facts: RunFacts) -> Iterator[NextStep]:
    yield from _more_questions(entry)
    if facts.trainings == 1 and plain.gain_over(entry, plain.hinge(entry)).value > 0:
        yield NextStep(
            text="Train it with three seeds: their mean varies less than one training.",
            command=facts.run_again("seeds", seeds=3),
        )
    if plain.hinge(entry) == "baseline" and plain.gain_over(entry, "baseline").low <= 0:
        name = facts.baselines.get(entry.name)
        yield NextStep(
            text=f"For now use {plain.short_name(entry.baseline_name)}, which is not shown to be worse.",
            command=facts.predict(entry.name, name) if name else None,
        )
    yield from _labels(facts)
    yield from _more_training(facts)


def _more_questions(entry: Comparison) -> Iterator[NextStep]:
    deciding = entry.deciding
    if entry.clusters < stats.FEWEST_CLUSTERS:
        yield NextStep(text=f"Test on more groups of questions: at least {stats.FEWEST_CLUSTERS}.")
    elif deciding and deciding.n_required and deciding.n_required > entry.n:
        more = _round(deciding.n_required - entry.n)
        yield NextStep(
            text=f"About {more:,} more questions would decide: test on {entry.n + more:,} instead of {entry.n:,}. With "
            f"that many, {_found(entry, deciding)}."
        )


def _found(entry: Comparison, deciding: Deciding) -> str:
    """What a test finds that is large enough."""
    margin = entry.margin_over_baseline
    if deciding.against == "baseline" and margin is not None:
        within = plain.within(plain.short_name(entry.baseline_name), margin, entry.unit)
        return f"and if the gain stays as it is, four of five tests show that the model is {within}"
    return f"a true gain of {plain.size(round(deciding.gain_sought, 3), entry.unit)} is found in four of five cases"


def _worse(entry: Comparison, facts: RunFacts) -> Iterator[NextStep]:
    yield NextStep(text=f"Keep the base model for {entry.name}. Read the answers that tuning broke, in the report.")
    yield from _labels(facts)
    yield from _gentler(facts)
    yield NextStep(text=f"Or add training rows like the questions of {entry.name} to the recipe's `datasets`.")


def _forgotten(facts: RunFacts) -> Iterator[NextStep]:
    more = "Add more plain text to `datasets`." if facts.replays else "Add the dataset `general` to `datasets`."
    yield NextStep(text=f"Mix more general text into the training. {more}")
    if facts.full:
        yield NextStep(text="Or train an adapter instead of all weights: set `tune: lora` and a higher `lr`.")
    yield from _gentler(facts)


def _not_known_to_be_kept(entry: RetentionResult, facts: RunFacts) -> Iterator[NextStep]:
    if entry.clusters < stats.FEWEST_CLUSTERS:
        yield NextStep(text=f"Check {entry.name} on more groups of questions: at least {stats.FEWEST_CLUSTERS}.")
    elif entry.n_required and entry.n_required > entry.n:
        more = _round(entry.n_required - entry.n)
        yield NextStep(text=f"About {more:,} more questions of {entry.name} would decide whether it is kept.")
    yield from _forgotten(facts)


def _labels(facts: RunFacts) -> Iterator[NextStep]:
    if facts.suspects:
        sheets = facts.suspects / SUSPECTS
        yield NextStep(
            text=f"Review the suspect labels: fill in `corrected` in {sheets}, then write a new version of your data.",
            command=shlex.join(["metier", "relabel", str(facts.suspects)]),
        )


def _more_training(facts: RunFacts) -> Iterator[NextStep]:
    if found := facts.setting("epochs"):
        key, epochs = found
        yield NextStep(
            text="Train for more epochs, or set a larger `model`.",
            command=facts.run_again("more-epochs", f"{key}={2 * int(epochs)}"),
        )
    if found := facts.setting("minutes"):
        key, minutes = found
        yield NextStep(
            text="Give the search over settings twice the time, or set a larger `model`.",
            command=facts.run_again("more-time", f"{key}={2 * minutes:g}"),
        )


def _gentler(facts: RunFacts) -> Iterator[NextStep]:
    if found := facts.setting("lr"):
        key, lr = found
        yield NextStep(
            text="Train with half the learning rate.",
            command=facts.run_again("lower-lr", f"{key}={lr / 2:g}"),
        )


def _smoke(entry: Comparison, facts: RunFacts) -> Iterator[NextStep]:
    yield NextStep(text="Run it on all rows and questions.", command=facts.run_again("full", "quick=false"))


def _round(count: int) -> int:
    """To two digits, upwards: such figures are estimates."""
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // unit) * unit
