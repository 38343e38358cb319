"""The table of docs/results.md: every recipe in recipes/, seed after seed, on one machine.

Reads METIER_DATA. Goes on where it stopped; the page is written anew after every run, so a call that is cut off leaves
what is finished. A row stays until its recipe changes or runs again, so that several machines can fill the table.
Settings are those of the recipes, which were chosen on held-out training rows.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from metier.evaluation import stats
from metier.evaluation.answers import Answers
from metier.evaluation.baselines import tfidf
from metier.evaluation.predictions import as_predictions
from metier.evaluation.reasons import say_p
from metier.experiments import known_gains
from metier.experiments.average import made_from
from metier.experiments.seeds import decided, evaluated, judged, together
from metier.recipes import plugins
from metier.recipes import schema as recipes
from metier.recipes.description import DESCRIBING
from metier.recipes.schema import Recipe
from metier.runs import lock
from metier.runs.files import fingerprint, write_json, write_text
from metier.runs.progress import Progress
from metier.runs.run import Run
from metier.stages.report import report

ROOT = Path(__file__).parent.parent
PAGE, FIGURES = ROOT / "docs" / "results.md", ROOT / "docs" / "results.json"
BEGIN, END = "<!-- the table: make results -->", "<!-- the end of the table -->"
HEAD = (
    "| benchmark | metric | questions (clusters) | zero-shot | majority | TF-IDF | tuned, mean (by seed) | "
    "over TF-IDF, 95 % interval | Holm p | verdict | averaged into one | school questions right, before and after | "
    "training rows taken out as near the test | published | minutes, GB |\n" + "|---" * 15 + "|"
)
SCHOOL = "arc_easy"
"""What nobody here tunes for and no text here was taken from: a second look at forgetting, which decides nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="recipes by name; left out: all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/results"), help="where the runs stand")
    parser.add_argument("--page", action="store_true", help="train nothing: write the page from the runs that are done")
    parser.add_argument("--quick", action="store_true", help="one made-up benchmark on the fake model, no page")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        with tempfile.TemporaryDirectory() as scratch:
            known = {"colors": made_up(Path(scratch))}
            figures = table(run_all(known, 1, Path(scratch) / "out"), [])
            figures |= {key: figures["rows"][0][key] for key in ("versions", "machine")}
            print(json.dumps(figures) if arguments.json else markdown(figures))
        return
    # The table is about the model alone; bench/untuned.py has what is judged by default.
    files = sorted((ROOT / "recipes").glob("*.yaml"))
    known = {path.stem: recipes.load(path, changes=["candidate=model"]) for path in files}
    if unknown := set(arguments.only) - set(known):
        sys.exit(f"There is no recipe {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
    wanted = {name: recipe for name, recipe in known.items() if not arguments.only or name in arguments.only}
    if not arguments.page:
        plugins.build("benchmarks", SCHOOL, {}).questions()  # says at once where the data is not there
        for _ in run_each(wanted, arguments.seeds, arguments.out):
            write_page(finished(known, arguments.out), known)
    figures = write_page(finished(known, arguments.out), known)
    print(json.dumps(figures) if arguments.json else markdown(figures))


def run_each(wanted: dict[str, Recipe], seeds: int, out: Path) -> Iterable[Run]:
    """All recipes with the first seed, then all with the next: the table is broad before it is deep. With the last
    seed of a recipe its trainings are averaged into one model."""
    done: dict[str, list[Run]] = {name: [] for name in wanted}
    for number in range(seeds):
        for name, recipe in wanted.items():
            seeded = recipe.model_copy(update={"seed": recipe.seed + number})
            first = done[name][0] if number else None
            run = evaluated(out / name / f"seed-{seeded.seed}", seeded, Progress(), first)
            with lock.run_lock(run.folder):
                report(run)
                if recipe.retention:
                    school(run)
            done[name].append(run)
            if number and number == seeds - 1:
                together(done[name], recipe, out / name)
            yield run


def school(run: Run) -> dict[str, Any]:
    """The share of the school questions that base and tuned model have right; asked once, kept in school.json.

    The base model's is that of another seed of the recipe, where one was asked.
    """
    from metier.engine.models.model import load

    trained, path = run.result("train"), run.folder / "school.json"
    found = _read(path)
    if found.get("adapter_sha256") == trained["adapter_sha256"]:
        return found
    others = [_read(other) for other in run.folder.parent.glob("*/school.json")]
    found = next(({"base": one["base"]} for one in others if one.get("model") == run.recipe.model), {})
    for who, weights in (("base", None), ("tuned", run.folder / trained["adapter"])):
        if who not in found:
            found[who] = _asked(load(run.recipe.model, weights, run.progress.say))
    found |= {"model": run.recipe.model, "adapter_sha256": trained["adapter_sha256"]}
    write_json(path, found)
    return found


def _asked(model: Any) -> float:
    benchmark = plugins.build("benchmarks", SCHOOL, {})
    asking = benchmark.build_scorer().ask(model, benchmark, benchmark.questions(), [])
    given = as_predictions([answer for batch in asking.batches for answer in asking.answer(batch)], [])
    metric = next(iter(benchmark.build_metrics().values()))
    return round(float(metric.value(metric.statistics(given).sum(0))), 4)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def run_all(wanted: dict[str, Recipe], seeds: int, out: Path) -> dict[str, list[Run]]:
    for _ in run_each(wanted, seeds, out):
        pass
    return finished(wanted, out)


def finished(known: dict[str, Recipe], out: Path) -> dict[str, list[Run]]:
    """Recipe -> its runs that have a verdict, by seed; a run of settings that the recipe no longer has is left off."""
    found: dict[str, list[Run]] = {}
    for name, recipe in known.items():
        for path in sorted((out / name).glob("seed-*/verdict.json"), key=_seed):
            seeded = recipe.model_copy(update={"seed": _seed(path)})
            if recipes.load(path.parent / "recipe.yaml") != seeded:
                print(f"{path.parent}: made with other settings than the recipe has now; left off", file=sys.stderr)
                continue
            found.setdefault(name, []).append(Run(path.parent, seeded, Progress()))
    return found


def _seed(verdict: Path) -> int:
    return int(verdict.parent.name.removeprefix("seed-"))


def table(done: dict[str, list[Run]], kept: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of all rows, those `kept` from an earlier page included; Holm's correction is over all of the table's
    tests against the baseline."""
    rows = sorted([*(row(name, several) for name, several in done.items()), *kept], key=lambda entry: entry["recipe"])
    tested = [entry["gain_over_baseline"] for entry in rows if entry["gain_over_baseline"]]
    for over, p in zip(tested, stats.holm([over["p"] for over in tested]), strict=True):
        over["p_holm"] = p
    return {"rows": rows}


def still_good(known: dict[str, Recipe], done: Iterable[str]) -> list[dict[str, Any]]:
    """Rows of the page as it is whose recipe has not run here and is still what it was."""
    rows = json.loads(FIGURES.read_text(encoding="utf-8"))["rows"] if FIGURES.is_file() else []
    open_ones = {name: settings(recipe) for name, recipe in known.items() if name not in set(done)}
    return [row for row in rows if row["settings"] == open_ones.get(row["recipe"])]


def settings(recipe: Recipe) -> str:
    """A hash of what a recipe says of data, training and test, whatever its seed."""
    said = recipe.model_copy(update={"seed": 0}).model_dump(exclude={"export", "candidate", *DESCRIBING})
    if not said["baselines"]:  # then these keys change nothing, and the hash is that of a recipe without them
        del said["baselines"]
        said["ship"] = {key: said["ship"][key] for key in ("min_gain", "alpha")}
    return fingerprint(said)


def row(name: str, done: list[Run]) -> dict[str, Any]:
    """One recipe over its seeds."""
    verdicts = [json.loads((run.folder / "verdict.json").read_text(encoding="utf-8")) for run in done]
    benchmark = done[0].recipe.build_benchmarks()[0]
    entry = verdicts[0]["benchmarks"][0]
    made = done[0].locked()
    published = [r for r in benchmark.references if r.metric == entry["metric"] and r.how != "recomputed"]
    steps = json.loads((done[0].folder / "curate" / "steps.json").read_text(encoding="utf-8"))
    by_all = decided(done, done[0].recipe) if len(done) > 1 else None
    figures = by_all.benchmarks[0] if by_all else judged(benchmark, [Answers(done[0])], done[0].recipe)
    return {
        "recipe": name,
        # Corrected over the table's tests, not the recipe's: `table` does it.
        **{key: value for key, value in figures.to_json().items() if key not in ("p_holm", "p_ship", "state")},
        "seeds": [run.recipe.seed for run in done],
        "majority": entry["majority"],
        "baseline_version": done[0].result(f"evaluate/{benchmark.name}/{benchmark.baseline}")["version"]
        if entry["baseline"]
        else None,
        "decision": by_all.decision if by_all else verdicts[0]["decision"],
        "decisions": [verdict["decision"] for verdict in verdicts],
        "averaged": averaged_figures(done),
        "school": asked_of_school(done),
        "published": [f"{reference.system} {reference.value:.3f} ({reference.source})" for reference in published],
        "minutes": round(float(np.mean([sum(v["seconds"].values()) / 60 for v in verdicts])), 1),
        "peak_gb": round(max(verdict["peak_memory_mb"] for verdict in verdicts) / 1000, 1),
        "kept": {
            kept["name"]: [round(v["retention"][at]["change"]["value"], 4) for v in verdicts]
            for at, kept in enumerate(verdicts[0]["retention"])
        },
        "decontaminated": next((s["dropped"] for s in steps if s["step"] == "decontaminate"), None),
        "settings": settings(done[0].recipe),
        "machine": f"{made['machine']['cores']} cores, {made['machine']['processor']}",
        "versions": {name: made["versions"][name] for name in ("metier", "torch", "transformers", "peft")},
    }


def asked_of_school(done: list[Run]) -> dict[str, Any] | None:
    """The base model's share of school questions right, and each training's; None where one was not asked."""
    asked = [_read(run.folder / "school.json") for run in done]
    if any(
        one.get("adapter_sha256") != run.result("train")["adapter_sha256"] for one, run in zip(asked, done, strict=True)
    ):
        return None
    return {"base": asked[0]["base"], "tuned": [one["tuned"] for one in asked]}


def averaged_figures(done: list[Run]) -> dict[str, Any] | None:
    """How the mean of all trainings does as one model; None where it was not made of these very trainings."""
    path = done[0].folder.parent / "averaged" / "verdict.json"
    verdict = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"seeds": []}
    is_done = path.parent / "train.done.json"
    if verdict["seeds"] != [run.recipe.seed for run in done] or not is_done.is_file():
        return None
    if json.loads(is_done.read_text(encoding="utf-8"))["inputs"] != made_from(done):
        return None
    [entry] = verdict["benchmarks"]
    figures = {key: entry[key] for key in ("tuned", "baseline", "gain_over_baseline", "fixed", "broken")}
    kept = {kept["name"]: round(kept["change"]["value"], 4) for kept in verdict["retention"]}
    return {"decision": verdict["decision"], **figures, "kept": kept}


def markdown(figures: dict[str, Any]) -> str:
    lines = [HEAD]
    for entry in figures["rows"]:
        over = entry["gain_over_baseline"]
        one = entry.get("averaged")
        by_seed = ", ".join(f"{value:.3f}" for value in entry["values"])
        tuned, baseline = f"{entry['tuned']['value']:.3f}", f"{entry['baseline']['value']:.3f}" if over else ""
        better = not over or over["value"] > 0
        baseline += "" if entry.get("baseline_version") == tfidf.Baseline.version else " †"
        cells = [
            f"[{entry['recipe']}](../recipes/{entry['recipe']}.yaml)",
            entry["metric"],
            f"{entry['n']:,} ({entry['clusters']:,})",
            f"{entry['base']['value']:.3f}",
            "" if entry["majority"] is None else f"{entry['majority']:.3f}",
            baseline if better else f"**{baseline}**",
            f"**{tuned}** ({by_seed})" if better else f"{tuned} ({by_seed})",
            f"{over['value']:+.3f} ({over['low']:+.3f} to {over['high']:+.3f})" if over else "",
            say_p(over["p_holm"]).removeprefix("p = ").removeprefix("p ") if over else "",
            _said(entry),
            f"{one['tuned']['value']:.3f} {one['decision']}" if one else "",
            f"{lost['base']:.3f}, {np.mean(lost['tuned']):.3f}" if (lost := entry.get("school")) else "",
            "" if entry["decontaminated"] is None else f"{entry['decontaminated']:,}",
            "; ".join(entry["published"]),
            f"{entry['minutes']:.0f}, {entry['peak_gb']}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _said(entry: dict[str, Any]) -> str:
    """The decision by all seeds; in brackets those of each, where they differ."""
    alone = entry["decisions"]
    by_all = entry.get("decision", alone[0])  # rows of before had none where the seeds agreed
    return by_all if set(alone) == {by_all} else f"{by_all} ({', '.join(alone)})"


def write_page(done: dict[str, list[Run]], known: dict[str, Recipe]) -> dict[str, Any]:
    """docs/results.json, what forecasts take of it, and the table between the marks of docs/results.md."""
    figures = table(done, still_good(known, done))
    write_json(FIGURES, figures)
    write_known_gains(figures)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    write_text(PAGE, before + BEGIN + "\n" + markdown(figures) + "\n" + END + rest.split(END)[1])
    return figures


def write_known_gains(figures: dict[str, Any]) -> None:
    """What `metier forecast` takes for data on which no model was trained."""
    datasets = {row["name"]: plugins.build("benchmarks", row["name"], {}).dataset_name for row in figures["rows"]}
    write_json(known_gains.FILE, known_gains.gains_of(figures, datasets))


def made_up(folder: Path) -> Recipe:
    """Fruit by color: enough to walk the path on the fake model."""
    words = {"red": ("cherry", "strawberry"), "yellow": ("lemon", "banana")}
    for name, numbers in (("train", range(40)), ("test", range(100, 120))):
        rows = [{"text": f"{words[label][n % 2]} {n}", "label": label} for n in numbers for label in words]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    dataset = {"path": str(folder / "train.jsonl"), "text": "text", "label": "label", "license": "Apache-2.0"}
    asked = {"name": "colors", "path": str(folder / "test.jsonl"), "prompt": "{text}\nColor:"}
    return Recipe(
        model="fake",
        datasets=[dataset],
        steps=["normalize", "decontaminate", "split"],
        methods=[{"sft": {"lr": 0.01}}],
        benchmarks=[asked],
        retention={},
    )


if __name__ == "__main__":
    main()
