"""Two runs on the same questions."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from metier.errors import UserError
from metier.evaluation.predictions import as_predictions
from metier.evaluation.verdict import compare as paired
from metier.evaluation.verdict import fixed_and_broken, say_p
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.stages.evaluate import read_answers


def compare(first: Path, second: Path) -> dict[str, Any]:
    """What the tuned model of the second run gains over that of the first, benchmark by benchmark."""
    runs = [saved_run(folder, Progress()) for folder in (first, second)]
    declared = [{benchmark.name: benchmark for benchmark in run.recipe.build_benchmarks()} for run in runs]
    common = [name for name in declared[0] if name in declared[1]]
    if not common:
        raise UserError(
            f"{first} and {second} have no benchmark in common: {', '.join(declared[0])} and {', '.join(declared[1])}."
        )
    rows = []
    for name in common:
        mine, theirs = (known[name] for known in declared)
        worded_alike = all(
            getattr(mine, key) == getattr(theirs, key) for key in ("prompt", "chat_template", "num_fewshot")
        )
        before, after = (read_answers(run, "tuned", name) for run in runs)
        asked = [
            [(a.id, a.gold, a.options, a.prompt_hash if worded_alike else "") for a in answers]
            for answers in (before, after)
        ]
        if asked[0] != asked[1]:
            raise UserError(
                f"The two runs were asked different questions of '{name}'. Run both from the same benchmark."
            )
        first_table, second_table = [
            as_predictions(given, run.result(f"evaluate/tuned/{name}")["labels"])
            for run, given in zip(runs, (before, after), strict=True)
        ]
        title, metric = next(iter(mine.build_metrics().items()))
        found = paired(metric, first_table, second_table, runs[0].recipe.seed, runs[0].recipe.ship.alpha)
        fixed, broken = fixed_and_broken(first_table, second_table)
        sentence = (
            f"{name}: {title} {found.before.value:.3f} in {first}, {found.after.value:.3f} in {second}; "
            f"gain {found.gain.value:+.3f} (95 % interval {found.gain.low:+.3f} to {found.gain.high:+.3f}, "
            f"{say_p(found.p)}, {found.test})"
        )
        rows.append(
            {
                "name": name,
                "metric": title,
                **asdict(found),
                "fixed": fixed,
                "broken": broken,
                "sentence": sentence,
            }
        )
    return {"first": str(first), "second": str(second), "benchmarks": rows}
