"""The representativeness report as plain values for reporting/templates/representation.html."""

from typing import Any

from metier.data.representativeness.comparison import Representation
from metier.data.representativeness.decision import Decision
from metier.data.representativeness.measure import Measure

MEANINGS = {
    "GO": "This data speaks the language of the work. A fine-tune on it is worth trying.",
    "CAUTION": "Part of the work is covered and part is not, or too little is known. Read the reasons before you pay.",
    "NO-GO": "This data is not about the work. A fine-tune on it would teach something else.",
}
MOST_GAPS = 6


def section(representation: Representation, decision: Decision) -> dict[str, Any]:
    """State, reasons, rows with bars, gaps and curation: strings and numbers only."""
    sizes = representation.sizes
    return {
        "state": decision.state,
        "meaning": MEANINGS[decision.state],
        "reasons": decision.reasons,
        "rows": [_row(measure) for measure in representation.measures.values()],
        "topics": len(representation.topics),
        "gaps": [
            {
                "name": ", ".join(topic.terms),
                "share": f"{100 * topic.share:.0f} %",
                "coverage": f"{100 * topic.coverage.value:.0f} %",
                "range": f"{100 * topic.coverage.low:.0f} to {100 * topic.coverage.high:.0f} %",
                "examples": topic.examples,
            }
            for topic in representation.gaps[:MOST_GAPS]
        ],
        "more_gaps": max(0, len(representation.gaps) - MOST_GAPS),
        "missing": representation.measures["terms"].further["missing"][:20],
        "sizes": [
            {"who": who, **{key: f"{count:,}" for key, count in sizes[who].items()}}
            for who in ("candidate", "target", "baseline")
        ],
        "passage_words": sizes["passage_words"],
        "steps": representation.curation["steps"],
        "licenses": representation.curation["licenses"],
    }


def _row(measure: Measure) -> dict[str, Any]:
    difference = measure.difference
    top = max(measure.candidate, measure.baseline, 1.0 if measure.unit in ("share", "AUC") else 0.0) or 1.0
    return {
        "title": measure.title,
        "unit": measure.unit,
        "better": f"{measure.better} is better" if measure.better else "",
        "candidate": _say(measure.candidate, measure.unit),
        "baseline": _say(measure.baseline, measure.unit),
        "difference": _say(difference.value, measure.unit, "+"),
        "range": f"{_say(difference.low, measure.unit, '+')} to {_say(difference.high, measure.unit, '+')}",
        "candidate_bar": round(100 * max(0.0, measure.candidate) / top, 1),
        "baseline_bar": round(100 * max(0.0, measure.baseline) / top, 1),
    }


def _say(value: float, unit: str, sign: str = "") -> str:
    return f"{100 * value:{sign}.1f} %" if unit == "share" else f"{value:{sign}.2f}"
