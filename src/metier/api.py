"""The verbs of the command line as functions: a recipe in, a run with its verdict out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from metier.data.pipeline import Mapper, in_batches
from metier.errors import Problems, UserError
from metier.evaluation.results import SeedsVerdict, Verdict, read_verdict
from metier.evaluation.scoring import Prediction
from metier.experiments.expected_work import expected_work
from metier.recipes import checks
from metier.recipes.schema import Recipe, from_keys, load
from metier.runs import run as runs
from metier.runs.lock import run_lock
from metier.runs.marks import read_hashed
from metier.runs.progress import Progress

if TYPE_CHECKING:
    from metier.serving.predictor import Predictor, Row

Stage = Literal["curate", "train", "evaluate", "report"]
STAGES: tuple[Stage, ...] = ("curate", "train", "evaluate", "report")


@dataclass(frozen=True)
class Run:
    """A run: one folder, and what stands in it."""

    folder: Path

    @property
    def recipe(self) -> Recipe:
        """The recipe that it was begun with. Raises `UserError` where the folder holds no run."""
        return runs.load_saved(self.folder / self.parts[0] if self.parts else self.folder)

    @property
    def verdict(self) -> Verdict | SeedsVerdict:
        """SHIP or HOLD with all figures; of several trainings, that on their mean. Raises `UserError` where there is
        none yet, or it cannot be read."""
        if self.parts:
            fix = "Call `metier run --seeds` again: nothing is trained again."
            path = self.folder / "seeds.json"
            try:
                return SeedsVerdict.model_validate(read_hashed(path, fix))
            except ValidationError as error:
                raise UserError(f"{path} is no verdict of this version. {fix}") from error
        if (verdict := read_verdict(self.folder)) is None:
            raise UserError(f"{self.folder} has no verdict yet. Run `metier report {self.folder}` first.")
        return verdict

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.folder / "report.html"

    def predictor(self, benchmark: str | None = None) -> "Predictor":
        """The tuned model, loaded, with the run's prompt, labels and scorer. `benchmark`: whose task it does, where the
        run has several. Raises `UserError` where the run is not finished, or was changed since."""
        from metier.serving.predictor import load_predictor

        return load_predictor(runs.saved_run(runs.model_folder(self.folder), Progress()), benchmark)

    def predict(self, rows: "Sequence[Row | str]", benchmark: str | None = None) -> list[Prediction]:
        """Answers to new rows, as the test questions were answered; raises as `predictor`, which is quicker for several
        calls: it loads the model once."""
        return self.predictor(benchmark).predict(rows)

    @property
    def parts(self) -> list[str]:
        """The folders of several trainings (`seeds=3`); empty where this is a single one."""
        return runs.trainings(self.folder)


AnyRecipe = Recipe | Mapping[str, Any] | str | Path
"""A recipe, its keys, or the path of its file."""


def load_recipe(
    recipe: AnyRecipe | None = None, *, industry: str | None = None, changes: Sequence[str] = (), quick: bool = False
) -> Recipe:
    """A recipe with the industry's defaults filled in; None: the default one. `changes` are `key=value`, as `--set`
    takes them. Raises `Problems` with all that is wrong with its keys."""
    changes = [*changes, *(["quick=true"] if quick else [])]
    if isinstance(recipe, Recipe):
        return recipe.model_copy(update={"quick": True}) if quick else recipe
    if isinstance(recipe, Mapping):
        return from_keys(recipe, Path.cwd(), industry, changes)
    return load(Path(recipe) if recipe else None, industry, changes)


def check(recipe: AnyRecipe) -> dict[str, Any]:
    """What the recipe would do on this machine: rows, questions, examples as the model reads them, minutes, memory.

    Raises `Problems` with everything that is wrong. Trains nothing.
    """
    from metier.experiments.dry_run import check as dry_run

    return dry_run(load_recipe(recipe))


def run(recipe: AnyRecipe, out: str | Path | None = None, *, quick: bool = False, seeds: int = 1) -> Run:
    """Curate, train, evaluate and report; goes on where a killed run stopped.

    `out`: the run's folder; None: runs/NAME, after the recipe's file or its industry. `quick`: a smoke run on few rows,
    without a verdict. `seeds`: so many trainings, decided by their mean. Raises `Problems` where the recipe is wrong
    and `UserError` for what can be fixed.
    """
    loaded = checked(load_recipe(recipe, quick=quick))
    folder = Path(out) if out else default_folder(recipe, loaded, "-seeds" if seeds != 1 else "")
    if seeds == 1:
        run_stages(folder, loaded, STAGES)
    else:
        from metier.experiments.seeds import seeds as run_seeds

        run_seeds(loaded, folder, seeds)
    return Run(folder)


def curate(recipe: AnyRecipe, out: str | Path | None = None, *, mapper: Mapper = in_batches) -> Run:
    """Read, clean and split the rows of a new run, or of one that is there; raises as `run`."""
    loaded = checked(load_recipe(recipe))
    folder = Path(out) if out else default_folder(recipe, loaded)
    run_stages(folder, loaded, ["curate"], mapper=mapper)
    return Run(folder)


def train(run: Run) -> Run:
    """Train on the rows of a curated run; raises `UserError` where it has none."""
    return _staged(run, "train")


def evaluate(run: Run) -> Run:
    """Ask base model, tuned model and baseline the same questions; raises `UserError` where nothing is trained."""
    return _staged(run, "evaluate")


def report(run: Run) -> Run:
    """Judge the answers and write the pages; raises `UserError` where there are none."""
    return _staged(run, "report")


def load_run(folder: str | Path) -> Run:
    """The run in a folder. Raises `UserError` where there is none."""
    run = Run(Path(folder))
    runs.load_saved(run.folder / run.parts[0] if run.parts else run.folder)
    return run


def _staged(run: Run, stage: Stage) -> Run:
    run_stages(run.folder, None, [stage])
    return run


def checked(recipe: Recipe) -> Recipe:
    """The recipe, if it is good. Raises `Problems`."""
    if problems := checks.check(recipe):
        raise Problems(problems)
    return recipe


def default_folder(recipe: AnyRecipe | None, loaded: Recipe, ending: str = "") -> Path:
    """runs/NAME, after the recipe's file, its folder where that is `recipe.yaml`, or the industry."""
    name = Path(loaded.industry).stem
    if isinstance(recipe, str | Path):
        name = Path(recipe).stem if Path(recipe).stem != "recipe" else Path(recipe).resolve().parent.name
    return Path("runs") / f"{name}{'-quick' if loaded.quick else ''}{ending}"


def run_stages(folder: Path, recipe: Recipe | None, names: Sequence[Stage], **settings: Any) -> Any:
    """Run the named stages on a run's folder; returns the last result. `recipe`: None for the one that stands there."""
    loaded = checked(recipe or runs.load_saved(folder))
    result: Any = None
    with run_lock(folder):
        open_run = runs.open_run(folder, loaded, Progress()) if recipe else runs.saved_run(folder, Progress())
        if (of := open_run.locked().get("averaged")) and set(names) & {"curate", "train"}:
            raise UserError(
                f"{folder} holds the mean of trainings ({', '.join(of)}), which has no training of its own. Work on "
                f"those, and call `metier run --seeds {len(of)}` again."
            )
        for number, name in enumerate(names, start=1):
            if len(names) > 1:
                open_run.progress.stage(number, len(names), name)
            stage: Callable[..., Any] = getattr(import_module(f"metier.stages.{name}"), name)  # torch only where needed
            result = stage(open_run, **settings)
            if name == "curate" and "evaluate" in names:
                open_run.progress.outlook.expect(expected_work(open_run))
    return result
