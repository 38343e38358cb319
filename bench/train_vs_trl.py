"""Training end to end with the optimizer step: TRL as it comes, TRL tuned by its settings, and ours.

Each side runs in a process of its own, alternating, on the same rows, model and optimizer, with eight rows a step or as
many tokens (ddi2013: 256 that are read, which hold more rows). Cases: `terms` (ICD-10-CM, embedded), `pubmedqa` and
`banking77` (SFT), `unfair_tos` (SFT under an instruction of 300 tokens that all rows share), `ddi2013` (SFT on pairs of
drugs, several in a sentence), `medquad` (raw text), `epqa` (pairs, DPO), `risk` (a loss over all 77 labels of
banking77, against one answer at a time). All but the first read METIER_DATA. --check holds the ratios to the thresholds
below, and the loss to 25 % of tuned TRL's.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

SIDE = Path(__file__).parent / "beside" / "training.py"
SIDES = ["trl", "trl_tuned", "ours"]
CASES = {  # rows, times TRL as it comes, times TRL tuned (or the plain way), most of its memory, share of matrix rate
    "terms": (256, 3.0, 2.0, None, None),
    "pubmedqa": (32, 3.5, 2.5, 0.6, 0.4),
    "banking77": (480, 3.0, 2.0, None, None),
    "unfair_tos": (128, None, 8.0, None, None),
    "ddi2013": (256, None, 4.0, None, None),
    "medquad": (24, 2.0, 1.3, None, None),
    "epqa": (40, 2.5, 1.8, None, None),
    "risk": (48, None, 8.0, None, None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few terms on the fake model: the same shape in a minute")
    parser.add_argument("--check", action="store_true", help="exit 1 where a threshold is missed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cases, rounds, model = (["terms"], 1, "fake") if arguments.quick else (arguments.cases, arguments.rounds, "")
    found = {case: one_case(case, rounds, 48 if arguments.quick else CASES[case][0], model) for case in cases}
    versions = {name: version(name) for name in ("torch", "transformers", "trl", "peft")}
    figures = {"cases": found, "versions": versions, "machine": machine(), "rounds": rounds}
    print(json.dumps(figures) if arguments.json else text(figures))
    missed = [line for case in cases for line in misses(case, found[case])]
    if arguments.check and missed:
        sys.exit("\n".join(missed))


def one_case(case: str, rounds: int, rows: int, model: str) -> dict:
    """Medians of the alternating rounds, and the ratios."""
    sides = {"unfair_tos": SIDES[1:], "ddi2013": SIDES[1:], "risk": ["plain", "ours"]}.get(case, SIDES)
    runs: dict[str, list[dict]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            # One answer at a time would take an hour for what takes a minute.
            mine = max(2, rows // 16) if side == "plain" else rows
            runs[side].append(one_process(case, side, mine, model or "smollm2-135m"))
    medians = {
        side: {key: statistics.median(run[key] for run in several) for key in several[0]}
        for side, several in runs.items()
    }
    ours = medians["ours"]
    return {
        "rows": rows,
        "sides": medians,
        "times": {side: ours["tokens_a_second"] / medians[side]["tokens_a_second"] for side in sides[:-1]},
        "memory": {side: ours["memory_mb"] / medians[side]["memory_mb"] for side in sides[:-1]},
    }


def one_process(case: str, side: str, rows: int, model: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(SIDE), case, side, str(rows), model], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{case}, {side} failed:\n{done.stderr[-2000:]}")
    found: dict = json.loads(done.stdout.splitlines()[-1])
    print(f"{case} {side}: {found['tokens_a_second']:.0f} tokens/s", file=sys.stderr, flush=True)
    return found


def misses(case: str, found: dict) -> list[str]:
    """Each threshold that is not reached."""
    _, over_trl, over_tuned, memory, share = CASES[case]
    beside = "plain" if case == "risk" else "trl_tuned"
    said = []
    if over_trl and found["times"]["trl"] < over_trl:
        said.append(f"{case}: {found['times']['trl']:.2f} times TRL as it comes, not {over_trl}")
    if found["times"][beside] < over_tuned:
        said.append(f"{case}: {found['times'][beside]:.2f} times {beside}, not {over_tuned}")
    if memory and found["memory"]["trl"] > memory:
        said.append(f"{case}: {found['memory']['trl']:.2f} of TRL's memory, not {memory}")
    if share and found["sides"]["ours"]["share_of_matrix_rate"] < share:
        said.append(f"{case}: {found['sides']['ours']['share_of_matrix_rate']:.2f} of the matrix rate, not {share}")
    if found["sides"]["ours"]["loss"] > 1.25 * found["sides"][beside]["loss"]:
        said.append(f"{case}: loss {found['sides']['ours']['loss']:.3f}, {beside} {found['sides'][beside]['loss']:.3f}")
    return said


def text(figures: dict) -> str:
    lines = [f"{'case':<12}{'side':<11}{'tokens/s':>9}{'ours is':>9}{'loss':>8}{'MB':>7}{'of matrix rate':>16}"]
    for case, found in figures["cases"].items():
        for side, row in found["sides"].items():
            times = f"{found['times'][side]:.2f}x" if side in found["times"] else ""
            lines.append(
                f"{case:<12}{side:<11}{row['tokens_a_second']:>9.0f}{times:>9}{row['loss']:>8.3f}"
                f"{row['memory_mb']:>7.0f}{row['share_of_matrix_rate']:>16.2f}"
            )
    lines.append(f"medians of {figures['rounds']} rounds; {figures['versions']}; {figures['machine']}")
    return "\n".join(lines)


def machine() -> str:
    """The processor's name, where the system says it."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.machine()


if __name__ == "__main__":
    main()
