"""Two runs on the same questions."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.metrics import outcomes
from metier.progress import Progress
from metier.runs import saved_run
from metier.stages.evaluate import read_answers
from metier.verdict import compare as paired
from metier.verdict import fixed_and_broke, say_p


def compare(first: Path, second: Path) -> dict[str, Any]:
    """What the tuned model of the second run gains over that of the first, benchmark by benchmark."""
    runs = [saved_run(folder, Progress()) for folder in (first, second)]
    names = [[benchmark.name for benchmark in run.recipe.build_benchmarks()] for run in runs]
    deciding = {it.name: next(iter(it.build_metrics().items())) for it in runs[0].recipe.build_benchmarks()}
    common = [name for name in names[0] if name in names[1]]
    if not common:
        raise UserError(f"{first} and {second} have no benchmark in common: {names[0]} and {names[1]}.")
    rows = []
    for name in common:
        labels = runs[0].result(f"evaluate/tuned/{name}")["labels"]
        before, after = (read_answers(run, "tuned", name) for run in runs)
        asked = [[(answer.id, answer.gold, answer.options) for answer in answers] for answers in (before, after)]
        if asked[0] != asked[1]:
            raise UserError(
                f"The two runs were asked different questions of '{name}'. Run both from the same benchmark."
            )
        tables = outcomes(before, labels), outcomes(after, labels)
        title, metric = deciding[name]
        found = paired(metric, *tables, runs[0].recipe.seed, runs[0].recipe.ship.alpha)
        fixed, broke = fixed_and_broke(*tables)
        sentence = (
            f"{name}: {title} {found.before.value:.3f} in {first}, {found.after.value:.3f} in {second}; "
            f"difference {found.gain.value:+.3f} (95 % interval {found.gain.low:+.3f} to {found.gain.high:+.3f}, "
            f"{say_p(found.p)}, {found.test})"
        )
        rows.append(
            {
                "name": name,
                "metric": title,
                **asdict(found),
                "fixed": fixed,
                "broke": broke,
                "sentence": sentence,
            }
        )
    return {"first": str(first), "second": str(second), "benchmarks": rows}
