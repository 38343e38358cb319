"""How large and how quick is answers.html with 10,000 questions of 77 labels, in headless Chromium?

The questions are those of banking77 (training and test rows) where METIER_DATA is set, else made-up texts of the same
length; the answers are made up. First paint is when the first rows are on the screen; a filter's time runs from the
change to the frame behind it. Each is a median: of 5 loads, and of 20 filters, sorts and searches.

--check exits with 1 where the page is over 10 MB, first paint over 1.5 s or a filter over 150 ms, and where there is no
Chromium.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metier.data.records import Question, questions
from metier.evaluation.benchmark import Benchmark, Samples
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from metier.reporting.answer_rows import AnsweredBenchmark, answered_benchmark
from metier.reporting.answers_page import answers_page
from metier.runs import run as runs

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' browser: no package has it
from tests.browser import CHROMIUM, Browser  # noqa: E402

BOUNDS = {"megabytes": 10.0, "first_paint_s": 1.5, "filter_ms": 150.0}
LOADS = 5
FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
TIMED = f"""(async () => {{
  const took = []
  const change = async (id, value, kind) => {{
    const began = performance.now()
    byId(id).value = value
    byId(id).dispatchEvent(new Event(kind))
    await {FRAME}
    took.push(performance.now() - began)
  }}
  const filters = [...byId("filter").options], labels = [...byId("right").options]
  for (const [at, option] of filters.entries()) await change("filter", option.value, "change")
  await change("filter", filters[0].value, "change")
  for (const at of [1, 2, 3]) await change("right", labels[at].value, "change")
  await change("right", labels[0].value, "change")
  for (const sort of ["certainty", "length", "class"]) await change("sort", JSON.stringify(sort), "change")
  for (const words of ["a", "car", "card not", ""]) await change("search", words, "input")
  await change("sort", JSON.stringify(""), "change")
  return took.slice(0, 20)
}})()"""
SHOWN = "performance.getEntriesByName('rows shown')[0]?.startTime"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="500 questions, one load")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    one = made(500 if arguments.quick else 10_000)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "answers.html"
        page.write_text(answers_page("bench", [one]), encoding="utf-8")
        figures: dict[str, Any] = {"questions": len(one.rows), "labels": len(one.labels)}
        figures["megabytes"] = round(page.stat().st_size / 1e6, 2)
        figures |= timed(page, 1 if arguments.quick else LOADS) if CHROMIUM else dict.fromkeys(list(BOUNDS)[1:])
    figures["missed"] = [key for key, most in BOUNDS.items() if figures[key] is None or figures[key] > most]
    figures |= {"versions": {"metier": version("metier")}, "machine": f"{runs.processor()}, {os.cpu_count()} cores"}
    print(json.dumps(figures) if arguments.json else text(figures))
    if arguments.check and figures["missed"]:
        raise SystemExit(1)


def made(n: int) -> AnsweredBenchmark:
    """Questions of 77 labels with the answers of a base model that guesses and of two that are mostly right."""
    draw = random.Random(0)
    asked = from_banking77(n) if os.environ.get("METIER_DATA") else made_up(n, draw)
    labels = sorted({question.answer for question in asked})

    def answers(skill: float) -> list[Prediction]:
        found = []
        for question in asked:
            answer = question.answer if draw.random() < skill else draw.choice(labels)
            sure, rest = draw.uniform(0.3, 1), len(labels) - 1
            shares = tuple(sure if label == answer else (1 - sure) / rest for label in labels)
            value = float(answer == question.answer)
            found.append(Prediction(question.id, "", "", answer, question.answer, value, probabilities=shares))
        return found

    benchmark = Benchmark("banking77", path="test.csv", samples=Samples(asked, labels, {}, {}, True))
    base, tuned, baseline = (answers(skill) for skill in (0.05, 0.92, 0.89))
    suspects = {draw.randrange(n): draw.choice(labels) for _ in range(n // 50)}
    return answered_benchmark(benchmark, as_predictions(tuned, labels), base, baseline, "TF-IDF", suspects)


def from_banking77(n: int) -> list[Question]:
    rows = questions(plugins.build("datasets", "banking77", {}).rows())
    return rows[:n]


def made_up(n: int, draw: random.Random) -> list[Question]:
    """Messages of 12 words on average, as in banking77."""
    words = ["".join(draw.choices("abcdefghiklmnoprstuvw", k=draw.randint(2, 9))) for _ in range(2_000)] + [
        "card",
        "not",
    ]
    return [
        Question(
            f"test.csv:{number + 1}",
            " ".join(draw.choices(words, k=draw.randint(4, 20))),
            f"intent_number_{number % 77:02d}",
            group=f"customer {number // 3}",
            slices={"channel": draw.choice(["chat", "mail", "phone"])},
        )
        for number in range(n)
    ]


def timed(page: Path, loads: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(Path(home))
        try:
            paints = []
            for _ in range(loads):
                browser.open(page, 1280)
                browser.ask(f"{FRAME}.then(() => {FRAME})")
                paints.append(browser.ask(SHOWN) / 1000)
            filters = browser.ask(TIMED)
            assert browser.complaints(page) == [] and len(filters) == 20, filters
        finally:
            browser.close()
    return {
        "first_paint_s": round(statistics.median(paints), 3),
        "filter_ms": round(statistics.median(filters), 1),
        "slowest_filter_ms": round(max(filters), 1),
    }


def text(figures: dict[str, Any]) -> str:
    lines = [f"{figures['questions']:,} questions of {figures['labels']} labels, on {figures['machine']}"]
    lines += [f"{key}: {figures[key]} (at most {most:g})" for key, most in BOUNDS.items()]
    lines += [f"the slowest of 20 filters: {figures['slowest_filter_ms']} ms"] if "slowest_filter_ms" in figures else []
    return "\n".join([*lines, f"missed: {', '.join(figures['missed']) or 'nothing'}"])


if __name__ == "__main__":
    main()
