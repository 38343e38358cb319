"""Benches rot unless somebody runs them: a tiny run of each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = sorted((Path(__file__).parent.parent / "bench").glob("*.py"))


@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.stem)
def test_every_bench_runs_quickly_and_speaks_json(bench):
    done = subprocess.run([sys.executable, str(bench), "--quick", "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["versions"] and figures["machine"]
    assert all(row["tokens_a_second"] > 0 for row in figures["sides"].values())
