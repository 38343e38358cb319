"""Do cut-offs for review keep their promise? Saved answers, split at random into a held-out half and a test half.

FILES are answers as a run writes them (`runs/NAME/evaluate/BENCHMARK/{held-out,tuned}.jsonl`), pooled; without any they
are simulated. The temperature and the cut-off come from the held-out half; the test half shows what becomes of them.

Where the true error is at the limit, 10 % of held-out halves promise too much. The test half has chance errors of the
same size, so that it may be over the limit in 18 %. --check exits with 1 where it is more often, by three standard
errors, where the average promise is broken by as much, or where review is announced 3 points off on average.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from metier.data.records import questions
from metier.evaluation import certainty
from metier.evaluation.baseline import BaselineContext
from metier.evaluation.baselines import tfidf
from metier.evaluation.predictions import as_predictions
from metier.evaluation.risk import CONFIDENCE, Of, Unmet, cut_off_for_error, cut_off_for_review
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.runs import run as runs

WAYS: tuple[Of, ...] = ("answered", "all")
ERRORS, SHARE = (0.02, 0.05, 0.1), 0.2
OVER = float(norm.sf(norm.ppf(CONFIDENCE) / np.sqrt(2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--tfidf", metavar="BENCHMARK", help="TF-IDF's answers to its test instead (reads METIER_DATA)")
    parser.add_argument("--quick", action="store_true", help="20 splits instead of 200")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = [line for file in arguments.files for line in file.read_text(encoding="utf-8").split("\n") if line]
    answers = [Prediction.from_json(json.loads(line)) for line in lines]
    answers = answers or (by_tfidf(arguments.tfidf) if arguments.tfidf else simulated(1000))
    figures = measure(answers, 20 if arguments.quick else 200)
    made_with = {"versions": {name: version(name) for name in ("numpy", "scipy")}, "machine": runs.processor()}
    print(json.dumps({**figures, **made_with}) if arguments.json else text(figures))
    if arguments.check and any(row["missed"] for row in figures["rows"]):
        raise SystemExit(1)


def measure(answers: Sequence[Prediction], splits: int) -> dict[str, Any]:
    """What was promised and what came of it, over all splits."""
    options, gold = certainty.options(table := as_predictions(answers, labels(answers)))
    found, fitted = defaultdict[tuple[str, float], list[Any]](list), []
    generator, (names, group) = np.random.default_rng(0), np.unique(table.groups, return_inverse=True)
    for _ in range(splits):
        half = generator.permutation(len(names))[group] < len(names) // 2  # of whole groups
        held_out, test = np.flatnonzero(half), np.flatnonzero(~half)
        fitted.append(certainty.fit_temperature([options[row] for row in held_out], gold[held_out]).value)
        sure = certainty.certainties(options, fitted[-1])
        known, groups = (sure[held_out], table.right[held_out]), [table.groups[row] for row in held_out]
        cuts = {(of, e): cut_off_for_error(*known, e, groups, of=of) for of in WAYS for e in ERRORS}
        for key, cut in {**cuts, ("share", SHARE): cut_off_for_review(*known, SHARE, groups)}.items():
            if not isinstance(cut, Unmet):
                left = ~cut.to_review(sure[test])
                counted = len(test) if key[0] == "all" else max(1, left.sum())
                found[key].append(((left & ~table.right[test]).sum() / counted, cut.review.value, 1 - left.mean()))
    whole = {"answers": len(answers), "accuracy": float(table.right.mean()), "temperature": float(np.mean(fitted))}
    rows = [summary(*key, np.array(seen), splits) for key, seen in sorted(found.items())]
    return {**whole, "splits": splits, "rows": rows}


def summary(way: str, limit: float, seen: np.ndarray, splits: int) -> dict[str, Any]:
    """One promise: in how many splits it was given and how often the test half was over it, and what was reviewed."""
    error, announced, realized = seen.T
    over, missed = float((error > limit).sum() / splits), abs((realized - announced).mean()) > 0.03
    if way == "answered":
        missed |= over > OVER + 3 * np.sqrt(OVER * (1 - OVER) / splits)
    if way == "all":
        missed |= error.mean() > limit + 3 * error.std() / np.sqrt(splits)
    means = dict(zip(("error", "announced", "realized"), map(float, seen.mean(0)), strict=True))
    means |= {"given": len(seen) / splits, "over": over, "apart": float(np.abs(realized - announced).mean())}
    return {"way": way, "limit": limit, **means, "missed": bool(missed)}


def labels(answers: Sequence[Prediction]) -> list[str]:
    """The label set in the order of the probabilities, which files of answers lack: what was said where each was the
    highest; the rest have the names that are left. Empty where options differ from question to question."""
    said = [] if answers[0].options else [Counter[str]() for _ in answers[0].probabilities or ()]
    if not said:
        return []
    for answer in answers:
        said[int(np.argmax(answer.probabilities or [0]))][answer.answer or ""] += 1
    known = [one.most_common(1)[0][0] if one else None for one in said]
    rest = iter(sorted({answer.gold for answer in answers} - set(known)))
    return [next(rest, f"label {at}") if name is None else name for at, name in enumerate(known)]


def simulated(n: int) -> list[Prediction]:
    """Answers to questions with five labels, about 80 % of them right, from logits that are twice too large."""
    generator, found = np.random.default_rng(1), []
    for row, logits in enumerate(3.5 * generator.normal(size=(n, 5))):
        gold, said = (logits + generator.gumbel(size=5)).argmax(), logits.argmax()
        own = tuple(certainty.calibrated(logits, 0.5).round(6).tolist())
        found.append(Prediction(str(row), "", "", str(said), str(gold), float(gold == said), probabilities=own))
    return found


def by_tfidf(name: str) -> list[Prediction]:
    """What TF-IDF answers to a benchmark's test, learned from the other rows of its dataset."""
    benchmark = plugins.build("benchmarks", name, {})
    asked = benchmark.questions()
    texts = {question.text for question in asked}
    rows = [row for row in questions(plugins.build("datasets", benchmark.dataset, {}).rows()) if row.text not in texts]
    metric = next(iter(benchmark.build_metrics().values()))
    return tfidf.Baseline().fit(BaselineContext(benchmark, rows, benchmark.label_set(), metric, 0)).answer(asked)


def text(figures: dict[str, Any]) -> str:
    """A table in Markdown; all shares in %."""
    found = "{answers:,} answers, {accuracy:.3f} right; mean temperature {temperature:.2f}; {splits} splits"
    titles = "promise | given in | over in | error of the test half | review announced | realized | apart in one split"
    lines = [f"{found.format(**figures)}\n\n| {titles} |", "|---" * 7 + "|"]
    for row in figures["rows"]:
        cells = [f"{100 * row[key]:.1f}" for key in ("given", "over", "error", "announced", "realized", "apart")]
        lines.append(f"| {row['way']} {100 * row['limit']:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
