"""Made traces of the triage desk."""

import json
import random
from datetime import date, timedelta

from metier.evaluation.results import read_verdict
from metier.monitoring.monitor import MonitorOptions, monitor


def trace(run, number, **changed):
    """A line as `metier serve --trace` writes it."""
    generator = random.Random(number)
    sure = round(0.5 + generator.random() / 2, 6)
    label = generator.choice(["cardiology", "dermatology"])
    day = date(2026, 1, 1) + timedelta(days=number // 50)
    return {
        "time": f"{day}T07:00:00.123Z",
        "id": f"r{number}",
        "run": "run",
        "model_sha256": read_verdict(run.folder).adapter_sha256 if run else "",
        "verdict": "HOLD",
        "benchmark": "triage",
        "endpoint": "/v1/classify",
        "row": {"text": f"Case {number}: {generator.choice(['rash', 'pulse', 'itch'])} since {number % 29} days"},
        "answer": label,
        "certainty": sure,
        "second": "dermatology",
        "second_certainty": 1 - sure,
        "probabilities": None,
        "review": sure < 0.6,
        "review_share": 0.2,
        "seconds": 0.01,
        "corrected": None,
        **changed,
    }


def write(path, rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return str(path)


def watch(run, tmp_path, rows, **options):
    return monitor(run, write(tmp_path / "traces.jsonl", rows), tmp_path / "monitor", MonitorOptions(**options))


def right(row):
    return {**row, "corrected": row["answer"]}


def wrong(row):
    return {**row, "corrected": {"cardiology": "dermatology", "dermatology": "cardiology"}[row["answer"]]}
