"""What the model could do before and must still do: kept, lost, not sure, or only watched."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from metier.evaluation import stats
from metier.evaluation.predictions import MetricLike, Predictions
from metier.evaluation.stats import Interval

MONITORED, FORGOTTEN = "monitored", "forgotten"
"""The states of what has no margin: told on page one, and decides nothing. `forgotten`: surely worse than before."""
HARMLESS = ("kept", MONITORED, FORGOTTEN)
"""With these a model may ship."""
WORST_FIRST = ("lost", "inconclusive", FORGOTTEN, "kept", MONITORED)


def retention_entry(
    benchmark: Any, margin: float | None, base: float, tuned: float, gain: Interval, groups: Sequence[str]
) -> dict[str, Any]:
    """Whether a gain that should not be a loss stays inside the margin: an entry of verdict.json's `retention`.

    `groups`: the cluster of each item. Without a margin the entry decides nothing.
    """
    title, metric = next(iter(benchmark.build_metrics().items()))
    worse = Interval(-gain.value, -gain.high, -gain.low)
    enough = len(set(groups)) >= stats.FEWEST_CLUSTERS
    if margin is None:
        state, needed = FORGOTTEN if enough and worse.low > 0 else MONITORED, None
    else:
        state = stats.non_inferiority(worse, margin) if enough else "inconclusive"
        needed = stats.n_required(worse, margin, len(groups))
    return {
        "name": benchmark.name,
        "metric": title,
        "unit": metric.unit,
        "n": len(groups),
        "clusters": len(set(groups)),
        "base": base,
        "tuned": tuned,
        "change": asdict(worse),
        "margin": margin,
        "state": state,
        "n_required": needed,
    }


def not_too_sure(metric: MetricLike, gain: Interval, pairs: Sequence[tuple[Predictions, Predictions]]) -> Interval:
    """The interval of a gain in a share, no narrower than Newcombe's of the answers that changed (the mean over `pairs`
    of before and after).

    Draws of answers that did not change never differ: 50 questions of which a model loses 2 in 100 were called kept
    at a margin of .02 in 37 % of samples, with this in none (docs/statistics.md).
    """
    if metric.unit != "share":
        return gain
    cluster = np.unique(np.asarray(pairs[0][0].groups), return_inverse=True)[1]
    clusters = stats.effective_clusters(cluster)
    changed = np.array([after.right.astype(int) - before.right for before, after in pairs])
    fixed, broken = ((changed == way).mean() * clusters for way in (1, -1))
    least = stats.paired_share_interval(fixed, broken, clusters)
    return Interval(
        gain.value,
        min(gain.low, gain.value - (least.value - least.low)),
        max(gain.high, gain.value + (least.high - least.value)),
    )


def sentence(entry: dict[str, Any]) -> str:
    """An entry of verdict.json's `retention` in a sentence."""
    change, unit = entry["change"], "" if entry["unit"] == "share" else f" {entry['unit']}"
    margin = "no margin" if entry["margin"] is None else f"margin {entry['margin']:g}"
    seen = (
        f"{entry['name']}: {entry['metric']} went from {entry['base']:.3f} to {entry['tuned']:.3f}{unit} "
        f"({_worse(change['value'])}, 95 % interval of the worsening {change['low']:+.3f} to {change['high']:+.3f}, "
        f"{margin})"
    )
    needed = f"about {entry['n_required']:,} items, not {entry['n']:,}" if entry["n_required"] else "other text"
    open_yet = f"the interval holds the margin, and it would take {needed} to show that it is kept"
    if entry["clusters"] < stats.FEWEST_CLUSTERS:
        open_yet = f"its items stand in {entry['clusters']} groups, and fewer than {stats.FEWEST_CLUSTERS} show nothing"
    return {
        "kept": f"Kept {seen}.",
        "lost": f"Lost {seen}: the model forgot more than the recipe tolerates.",
        "inconclusive": f"Not sure about {seen}: {open_yet}.",
        MONITORED: f"Monitored {seen}: it decides nothing.",
        FORGOTTEN: f"Forgotten {seen}: it decides nothing here, but use this model for what it was tuned for, no more.",
    }[entry["state"]]


def box(retention: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """(the worst state, a note on each entry) for page one."""
    if not retention:
        return "not checked", "add retention: to the recipe"
    worst = min(retention, key=lambda entry: WORST_FIRST.index(entry["state"]))
    return worst["state"], "; ".join(_shortly(entry) for entry in retention)


def _shortly(entry: dict[str, Any]) -> str:
    margin = "no margin" if entry["margin"] is None else f"margin {entry['margin']:g}"
    return f"{entry['name']}: {_worse(entry['change']['value'])}, {margin}"


def _worse(change: float) -> str:
    return f"worse by {change:.3f}" if change > 0 else f"better by {-change:.3f}" if change < 0 else "as before"
