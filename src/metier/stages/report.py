"""The verdict and the pages that people read: verdict.json, report.html, model_card.md."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc

from metier.data.representativeness.assessment import read_sections
from metier.engine.models import weights
from metier.errors import UserError
from metier.evaluation import insight, retention
from metier.evaluation.baselines.tfidf import TFIDF
from metier.evaluation.insight import Insight, InsightContext
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.evaluation.verdict import confusion, decide, judge_benchmark, judge_retention, say_p
from metier.recipes import plugins
from metier.reporting.pages import section_page, template
from metier.runs.files import write_json, write_text
from metier.runs.marks import read_hashed
from metier.runs.run import Run
from metier.stages.evaluate import HELD_OUT, read_answers, same_rows
from metier.stages.train import training_log

EXAMPLES = 3
MOST_LABELS = 40
"""Labels up to which a confusion matrix can be read."""
MEANINGS = {
    "HOLD": "There is not enough evidence that the tuned model should replace what you have.",
    "SMOKE": "The path works. A smoke run gives no verdict: run without --quick for one.",
}


def report(run: Run) -> dict[str, Any]:
    """Judge the saved answers and write the pages; returns what verdict.json holds."""
    verdict = judge(run)
    content = _content(run, verdict)
    page, card = (template(name).render(content) for name in ("report.html", "model_card.md"))
    # Only now: a page that cannot be made must not leave an old one beside a new verdict.
    write_json(run.path("verdict.json"), verdict)
    write_text(run.path("report.html"), page)
    write_text(run.path("model_card.md"), card)
    return verdict


def judge(run: Run) -> dict[str, Any]:
    """The verdict from the answers on disk; nothing is asked again."""
    recipe = run.recipe
    entries, kept = [], []
    trained, asked = (run.result(stage).get("adapter_sha256") for stage in ("train", "evaluate"))
    if asked and asked != trained:
        raise UserError(f"The model was trained again since it was asked. Run `metier evaluate {run.folder}` first.")
    same_rows(run)
    for stage in ("curate", "evaluate"):
        run.verify(stage)
    for benchmark in recipe.build_benchmarks():
        labels = run.result(f"evaluate/tuned/{benchmark.name}")["labels"]
        answers = {who: read_answers(run, who, benchmark.name) for who in ("base", "tuned", "baseline")}
        nobody = {"majority": None, "by": TFIDF}
        baseline: dict[str, Any] = run.result(f"evaluate/baseline/{benchmark.name}") if answers["baseline"] else nobody
        majority, alpha = baseline["majority"], recipe.ship.alpha
        entry = judge_benchmark(benchmark, answers, labels, majority, recipe.seed, alpha, baseline["by"])
        entries.append({**entry, "truncated": run.result(f"evaluate/tuned/{benchmark.name}")["truncated"]})
    for benchmark, margin in recipe.build_retention():
        before, after = (read_answers(run, who, benchmark.name) for who in ("base", "tuned"))
        labels = run.result(f"evaluate/tuned/{benchmark.name}")["labels"]
        entry = judge_retention(benchmark, margin, before, after, labels, recipe.seed)
        kept.append({**entry, "truncated": run.result(f"evaluate/tuned/{benchmark.name}")["truncated"]})
    stages = {stage: run.result(stage) for stage in ("curate", "train", "evaluate")}
    seeds, ship = run.locked()["seeds"], recipe.ship
    decision, reasons = decide(entries, kept, ship.min_gain, ship.alpha, recipe.quick, len(seeds))
    return {
        "decision": decision,
        "reasons": reasons,
        "benchmarks": entries,
        "retention": kept,
        "insights": [row for benchmark in recipe.build_benchmarks() for row in _insights(run, benchmark)],
        "seconds": {stage: found["seconds"] for stage, found in stages.items()},
        "seconds_a_question": {entry["name"]: _speed(run, entry["name"], entry["n"]) for entry in entries},
        "peak_memory_mb": max(found["peak_memory_mb"] for found in stages.values()),
        "seeds": seeds,
        "adapter_sha256": stages["train"]["adapter_sha256"],
    }


def _speed(run: Run, name: str, n: int) -> dict[str, float | None]:
    """Mean seconds a question, asked in batches on this machine, without loading the model; null where a version that
    took no times asked."""
    waits = {who: run.result(f"evaluate/{who}/{name}").get("timing") for who in ("base", "tuned")}
    return {who: round(wait["seconds"] / n, 4) if wait else None for who, wait in waits.items()}


def _insights(run: Run, benchmark: Any) -> list[dict[str, Any]]:
    """What the recipe's trade asks of one benchmark: `benchmark`, `what`, `value`, `unit`, `note`."""
    pack, name = _pack(run), benchmark.name
    insights = [insight.find(ask) for ask in pack.insights]
    if not insights:
        return []
    is_done = run.result(f"evaluate/tuned/{name}")
    read = {who: read_answers(run, who, name) for who in ("base", "tuned", HELD_OUT)}
    base, tuned, held_out = (as_predictions(answers, is_done["labels"]) for answers in read.values())
    asked = InsightContext(
        benchmark,
        base,
        tuned,
        held_out=held_out if read[HELD_OUT] else None,
        costs=pack.costs,
        machine_hour=pack.machine_hour,
        seed=run.recipe.seed,
        timing=is_done.get("timing"),
        latency=run.result(alone) if run.is_done(alone := f"evaluate/latency/{name}") else None,
        seeds=_seeds(run, name),
        times=lambda: _times(benchmark),
        learned_times=lambda: _learned_times(run, name),
    )
    return [{"benchmark": name, **row.to_json()} for rows in insights for row in rows(asked)]


def _times(benchmark: Any) -> dict[str, str]:
    """Id -> date of the questions that have one."""
    rows = benchmark.data().rows()
    asked = rows.filter(pc.equal(rows["split"], "test")) if benchmark.dataset else rows
    found = zip(asked["id"].to_pylist(), asked["time"].to_pylist(), strict=True)
    return {name: time for name, time in found if time}


def _learned_times(run: Run, name: str) -> list[str]:
    rows = run.table("curate", "train.parquet")
    return [time or "" for time in rows.filter(pc.equal(rows["task"], name))["time"].to_pylist()]


def _of_several(run: Run) -> bool:
    """Whether the run is one of several seeds, or their mean: their folder is above its own."""
    return run.folder.name == f"seed-{run.recipe.seed}" or "averaged" in run.locked()


def _seeds(run: Run, name: str) -> list[float]:
    """The deciding metric of all runs that this one is a part or the mean of (`metier run --seeds`)."""
    path = run.folder.parent / "seeds.json"
    if not _of_several(run) or not path.is_file():
        return []
    found = read_hashed(path, "Remove it and call `metier run --seeds` again: nothing is trained again.")
    return next((entry["values"] for entry in found["benchmarks"] if entry["name"] == name), [])


def by_benchmark(insights: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Benchmark -> its rows, with the figure as it is shown."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in insights:
        own = {key: value for key, value in row.items() if key != "benchmark"}
        found.setdefault(row["benchmark"], []).append({**own, "shown": Insight(**own).shown})
    return found


def _pack(run: Run) -> Any:
    return plugins.find("industries", run.recipe.industry)()


def _content(run: Run, verdict: dict[str, Any]) -> dict[str, Any]:
    from markupsafe import Markup

    from metier.reporting import figures

    curves = []
    for folder in sorted(log.parent.name for log in (run.folder / "train").glob("*/log.jsonl")):
        if rows := training_log(run, f"train/{folder}"):
            curves.append(Markup(figures.loss_curve(rows, f"Training, {folder}")))
    return {
        "name": "/".join(run.folder.resolve().parts[-2 if _of_several(run) else -1 :]),
        "run_folder": run.folder,
        "verdict": verdict,
        "meaning": meaning(verdict),
        "recipe": run.recipe,
        "pack": _pack(run),
        "insights": by_benchmark(verdict["insights"]),
        "lock": run.locked(),
        "whole": weights.is_whole(run.folder / run.result("train")["adapter"]),
        "steps": json.loads(run.output("curate", "curate/steps.json").read_text(encoding="utf-8")),
        "curated": run.result("curate"),
        "representations": [(found["benchmark"], found["state"], section_page(found)) for found in read_sections(run)],
        "five": _five(verdict),
        "benchmarks": [_benchmark(run, entry) for entry in verdict["benchmarks"]],
        "curves": curves,
        "say_p": say_p,
    }


def meaning(verdict: dict[str, Any]) -> str:
    """What the decision says, in a sentence or two; of a SHIP, for which benchmarks it holds and for which not."""
    if verdict["decision"] != "SHIP":
        return MEANINGS[verdict["decision"]]
    shipped = [entry["name"] for entry in verdict["benchmarks"] if entry["state"] == "gain"]
    others = [entry["name"] for entry in verdict["benchmarks"] if entry["state"] != "gain"]
    said = (
        f"On {listed(shipped)} the tuned model is better by more than chance explains, than before and than the cheap "
        "baseline where there is one; what had to be kept is kept."
    )
    said += f" On {listed(others)} that is not shown." if others else ""
    forgotten = [entry["name"] for entry in verdict["retention"] if entry["state"] == retention.FORGOTTEN]
    return said + (f" On {listed(forgotten)}, where no margin is set, it is worse than before." if forgotten else "")


def listed(names: list[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _five(verdict: dict[str, Any]) -> list[dict[str, str]]:
    """The five numbers that a reader in a hurry needs, of the first benchmark that the decision rests on: one that
    gained for a SHIP, one that got worse for a HOLD."""
    entries, wanted = verdict["benchmarks"], "worse" if verdict["decision"] == "HOLD" else "gain"
    first = next((entry for entry in entries if entry["state"] == wanted), entries[0])
    percent = first["unit"] == "share"

    def show(value: float) -> str:
        return f"{100 * value:.1f} %" if percent else f"{value:.3f}"

    boxes = [
        {
            "label": f"{first['metric']}, tuned",
            "figure": show(first["tuned"]["value"]),
            "note": f"of {first['n']:,} unseen questions" + (f", {first['name']}" if len(entries) > 1 else ""),
        },
        {"label": "before tuning", "figure": show(first["base"]["value"]), "note": "same questions, same scoring"},
        {
            "label": "baseline",
            "figure": show(first["baseline"]["value"]) if first["baseline"] else "–",
            "note": f"{first['baseline_name']}, same rows" if first["baseline"] else "none for this scorer",
        },
        {
            "label": "fixed / broken",
            "figure": f"{first['fixed']} / {first['broken']}",
            "note": f"{say_p(first['p_holm'])}",
        },
    ]
    state, note = retention.box(verdict["retention"])
    return [*boxes, {"label": "what it knew before", "figure": state, "note": note}]


def _benchmark(run: Run, entry: dict[str, Any]) -> dict[str, Any]:
    from markupsafe import Markup

    from metier.reporting import figures

    name, labels = entry["name"], run.result(f"evaluate/tuned/{entry['name']}")["labels"]
    base, tuned = (read_answers(run, who, name) for who in ("base", "tuned"))
    majority = entry["majority"]
    rows = [
        (
            "majority",
            {"value": majority, "low": majority, "high": majority} if majority is not None else None,
        ),
        (entry["baseline_name"] or "baseline", entry["baseline"]),
        ("base", entry["base"]),
        ("tuned", entry["tuned"]),
    ]
    share = entry["unit"] == "share"
    picture = figures.intervals(rows, f"{entry['metric']} on {name}, with 95 % intervals", share)
    few = 2 <= len(labels) <= MOST_LABELS
    table = figures.confusion(confusion(tuned, labels), labels, f"Answers of the tuned model on {name}") if few else ""
    return {
        "entry": entry,
        "picture": Markup(picture),
        "confusion": Markup(table),
        "fixed": _examples(base, tuned, run.recipe.seed, fixed=True),
        "broken": _examples(base, tuned, run.recipe.seed, fixed=False),
    }


def _right(answer: Prediction) -> bool:
    return answer.value is not None and answer.value >= 1


def _said(answer: Prediction) -> str:
    return "(could not be judged)" if answer.answer is None else answer.answer


def _examples(base: Sequence[Prediction], tuned: Sequence[Prediction], seed: int, fixed: bool) -> list[dict[str, str]]:
    """A seeded draw, not the prettiest ones."""
    changed = [
        {"text": after.prompt, "gold": after.gold, "base": _said(before), "tuned": _said(after)}
        for before, after in zip(base, tuned, strict=True)
        if (_right(before), _right(after)) == (not fixed, fixed)
    ]
    return random.Random(f"examples:{seed}").sample(changed, min(EXAMPLES, len(changed)))
