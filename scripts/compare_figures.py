"""Do two runs have the same answers and figures, to the last digit, whatever their keys are called?

    python scripts/compare_figures.py OLD_RUN NEW_RUN

Compares every file of answers line by line and verdict.json number by number. Keys are not looked at, so that a run of
a version before a renaming can be held against one behind it; clocks, memory and hashes of files are left out.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LEFT_OUT = {
    "seconds",
    "peak_memory_mb",
    "seconds_a_question",
    "adapter_sha256",
    "truncated",
    "reasons",
    "latency",
    "schema_version",
}
"""Clocks, hashes, what is new, and sentences, whose words may change."""
BASELINES = ("cheap", "baseline")
"""What the folder of the baseline's answers was called."""


def numbers(value: Any) -> Iterator[float]:
    """Every number in a JSON value, in order of the file."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in LEFT_OUT:
                yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def values(line: str) -> list[str]:
    """What stands in a line of answers, without its keys, sorted: the order of keys goes with their names."""
    return sorted(json.dumps(value, sort_keys=True) for value in json.loads(line).values())


def counterpart(path: Path, new: Path) -> Path | None:
    """The same answers in the new run: evaluate/BENCHMARK/WHO.jsonl, before evaluate/WHO/BENCHMARK.jsonl."""
    folder, stem = path.parent.name, path.stem
    names = [path.name, *([f"{who}.jsonl" for who in ("tfidf", "longer_answer")] if stem in BASELINES else [])]
    places = [new / "evaluate" / folder / name for name in names]
    names = ["tfidf.jsonl", "longer_answer.jsonl"] if folder in BASELINES else [f"{folder}.jsonl"]
    places += [new / "evaluate" / stem / name for name in names]
    return next((place for place in places if place.is_file()), None)


def main() -> None:
    old, new = map(Path, sys.argv[1:3])
    faults, files, count = [], 0, 0
    for path in sorted((old / "evaluate").glob("*/*.jsonl")):
        other = counterpart(path, new)
        lines = path.read_text(encoding="utf-8").splitlines()
        theirs = other.read_text(encoding="utf-8").splitlines() if other else []
        files, count = files + 1, count + len(lines)
        if [values(line) for line in lines] != [values(line) for line in theirs]:
            faults.append(f"{path} differs from {other}")
    mine, other_numbers = (sorted(numbers(json.loads((run / "verdict.json").read_text()))) for run in (old, new))
    if mine != other_numbers:
        faults.append(f"verdict.json: {len(mine)} and {len(other_numbers)} numbers differ")
    print("\n".join(faults) or f"The same: {count} answers in {files} files, {len(mine)} numbers of the verdict.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
