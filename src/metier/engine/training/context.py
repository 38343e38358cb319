"""What a method is given to train with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from metier.evaluation.benchmark import Benchmark
from metier.runs.progress import Progress


@dataclass
class TrainingContext:
    """All that a method is given."""

    rows: pa.Table
    """The training rows, of the method's `datasets` where it names some; `task` names the benchmark whose prompt
    renders a row."""
    valid: pa.Table
    """The rows held out, of the same datasets: to stop by and to choose by, never to learn from."""
    benchmarks: Mapping[str, Benchmark]
    model: str
    adapter: Path | None
    """The adapter of the method before this one; None where this is the first."""
    folder: Path
    """Where log.jsonl, checkpoints and adapter/ go."""
    seed: int
    progress: Progress
