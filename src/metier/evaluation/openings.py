"""How often a test set was opened on this machine, and by which recipes: whoever tries many settings on one test set
ends with the luckiest of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.plan import questions_sha256
from metier.recipes import strict_json
from metier.recipes.description import DESCRIBING
from metier.recipes.schema import Recipe
from metier.runs import history
from metier.runs.cache import cache_folder
from metier.runs.files import fingerprint
from metier.runs.run import Run

FOLDER = "openings"


@dataclass(frozen=True)
class Openings:
    """So many models were asked a test set on this machine."""

    times: int
    recipes: int
    """By so many different recipes, whatever their seeds."""

    @property
    def sentence(self) -> str:
        """The same in words."""
        times = "once" if self.times == 1 else f"{self.times:,} times"
        recipes = "1 recipe" if self.recipes == 1 else f"{self.recipes:,} recipes"
        return f"This test set was opened {times} on this machine, by {recipes}."


def record_opening(run: Run, benchmarks: list[Benchmark]) -> None:
    """Note that the run's model is about to be asked; the same model is counted once, also after a kill.

    Where the cache cannot be written it is said, and nothing is counted.
    """
    recipe, adapter = _recipe_sha256(run.recipe), run.result("train")["adapter_sha256"]
    for benchmark in benchmarks:
        try:
            path = _file(benchmark)
            if (recipe, adapter) in {(one["recipe_sha256"], one["adapter_sha256"]) for one in _read(path)}:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            names = {"test_set": benchmark.name, "run": run.folder.resolve().name, "time": history.now()}
            line = strict_json.dumps({**names, "recipe_sha256": recipe, "adapter_sha256": adapter}) + "\n"
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(line)
        except (OSError, UserError) as error:
            run.progress.warn(f"How often a test set is opened is not counted, for the cache cannot be used: {error}")
            return


def openings(benchmark: Benchmark) -> Openings | None:
    """How often the benchmark's test set was opened on this machine; None where that is not known."""
    try:
        found = list(_read(_file(benchmark)))
    except (OSError, UserError):
        return None
    return Openings(len(found), len({one["recipe_sha256"] for one in found})) if found else None


def say_openings(run: Run, benchmarks: list[Benchmark]) -> None:
    """Tell how often each test set was opened."""
    for benchmark in benchmarks:
        if known := openings(benchmark):
            run.progress.say(f"  {benchmark.name}: {known.sentence}")


def _file(benchmark: Benchmark) -> Path:
    return cache_folder() / FOLDER / f"{questions_sha256(benchmark.questions())}.jsonl"


def _recipe_sha256(recipe: Recipe) -> str:
    return fingerprint(recipe.model_copy(update={"seed": 0}).model_dump(exclude=set(DESCRIBING)))


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines that can be read."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    for line in lines:
        try:
            entry = json.loads(line)
            yield {"recipe_sha256": entry["recipe_sha256"], "adapter_sha256": entry["adapter_sha256"]}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
