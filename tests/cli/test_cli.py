"""What a person at the keyboard sees: one message, the right exit code, no traceback."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from metier.cli import app
from metier.evaluation.results import read_verdict
from metier.runs import files
from metier.runs.files import write


def call(*words, env=None):
    return subprocess.run(
        [sys.executable, "-m", "metier", *words], capture_output=True, text=True, env={**os.environ, **(env or {})}
    )


def inside(monkeypatch, capsys, *words):
    """The command line in this process, which has the heavy imports already; returns exit code, output, errors."""
    monkeypatch.setattr(sys, "argv", ["metier", *map(str, words)])
    code = 0
    try:
        app.main()
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


def test_help_answers_at_once():
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        assert call("--help").returncode == 0
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5


def test_help_does_not_import_torch():
    code = (
        "import sys, metier.cli.app; print([m for m in ('torch', 'pydantic', 'pyarrow', 'scipy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "absent.yaml"], "There is no recipe absent.yaml"),
        (["run", "--industry", "helthcare"], "Did you mean 'healthcare'"),
        (["run", "--set", "modle=x"], "Did you mean 'model'"),
        (["run", "--set", "methods=[sfd]"], "Did you mean 'sft'"),
        (["check", "--set", "benchmarks=[icd]"], "There is no benchmark 'icd'"),
        (["train", "absent"], "There is no run in absent"),
        (["list", "metods"], "Did you mean 'methods'"),
        (["show", "method", "sfd"], "Did you mean 'sft'"),
        (["ruin"], "No such command"),
        (["run", "--quik"], "No such option"),
    ],
)
def test_a_mistake_ends_in_one_message_and_code_3(monkeypatch, capsys, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = inside(monkeypatch, capsys, *words)
    assert (code, out) == (3, "")
    assert message in err and "Traceback" not in err


def test_a_hub_that_cannot_be_reached_is_said_soon(tmp_path):
    """In a process of its own: the hub's library reads where the hub is when it is imported."""
    asked = "from metier.engine.models import weights; weights.folder('someone/not-cached')"
    hub = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, env={**os.environ, **hub})
    assert "UserError: The model 'someone/not-cached' is not in the cache" in done.stderr
    assert "the hub cannot be reached" in done.stderr
    assert time.perf_counter() - started < 30  # ten of them for the hub, the others for a busy machine's imports


def test_a_pickle_checkpoint_is_refused_and_not_opened(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    mark = tmp_path / "opened"
    # A pickle that would write a file if anything loaded it.
    (folder / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'touch " + str(mark).encode() + b"'\ntR.")
    code, _, err = inside(monkeypatch, capsys, "run", "--set", f"model={folder}", "--out", tmp_path / "run")
    assert code == 3 and "pickle" in err
    assert not mark.exists() and not (tmp_path / "run").exists()


def test_a_full_disk_is_said_and_the_run_goes_on_afterwards(monkeypatch, capsys, tmp_path, triage):

    real, calls = write, []

    def full(path, fill):
        calls.append(path)
        if len(calls) == 4:
            raise OSError(28, "No space left on device", str(path))
        return real(path, fill)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", full)
        code, _, err = inside(monkeypatch, capsys, "run", triage, "--out", tmp_path / "run")
    assert code == 3 and "No space left on device" in err and "continues" in err
    assert inside(monkeypatch, capsys, "curate", triage, "--out", tmp_path / "run")[0] == 0


def test_a_full_disk_is_said_whoever_notices_it(monkeypatch, capsys, tmp_path, triage):
    from safetensors import SafetensorError

    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("metier.stages.train.train", full)
    code, _, err = inside(monkeypatch, capsys, "run", triage, "--out", tmp_path / "run")
    assert code == 3 and err.endswith(
        "No space left on device. Make room, then call again: the run continues where it stopped.\n"
    )


@pytest.mark.e2e
def test_run_ends_with_the_verdict_and_the_report(monkeypatch, capsys, tmp_path, triage):
    code, out, _ = inside(monkeypatch, capsys, "run", triage, "--out", tmp_path / "run")
    lines = out.strip().splitlines()
    verdict = read_verdict(tmp_path / "run")
    assert (verdict.decision, code) in (("SHIP", 0), ("HOLD", 2))
    assert lines[:2] == [f"{verdict.shown}: {verdict.headline}", verdict.reason]
    said = [line.split(". ", 1)[1] for line in lines if line.startswith("Next: ")]
    assert said == [step.text for step in verdict.next_steps]
    assert [line.strip() for line in lines if line.startswith("   ")] == [
        step.command for step in verdict.next_steps if step.command
    ]
    assert lines[-1] == f"Report: {tmp_path / 'run' / 'report.html'}"


def test_stages_run_alone_and_speak_json(monkeypatch, capsys, tmp_path, triage):
    folder = tmp_path / "run"
    code, out, _ = inside(monkeypatch, capsys, "curate", triage, "--out", folder, "--json")
    assert (code, json.loads(out)["read"]) == (0, 60)
    code, _, err = inside(monkeypatch, capsys, "evaluate", folder)
    assert code == 3 and "metier train" in err
    for verb in ("train", "evaluate"):
        assert inside(monkeypatch, capsys, verb, folder, "--json")[0] == 0
    code, out, _ = inside(monkeypatch, capsys, "report", folder, "--json")
    assert json.loads(out)["decision"] in ("SHIP", "HOLD")


def test_curate_takes_a_pack_as_run_does(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "run"
    pack = ["--industry", "examples/insurance.py"]
    code, out, _ = inside(monkeypatch, capsys, "curate", *pack, "--set", "model=fake", "--out", folder, "--json")
    assert code == 0 and json.loads(out)["read"] > 100
    code, _, err = inside(monkeypatch, capsys, "curate", folder, *pack)
    assert code == 3 and "its recipe is fixed" in err


def test_quick_is_a_smoke_run(monkeypatch, capsys, tmp_path, triage):
    code, out, err = inside(monkeypatch, capsys, "run", triage, "--quick", "--out", tmp_path / "run", "--json")
    assert (code, json.loads(out)["decision"]) == (0, "SMOKE")
    stages = [line.split(",")[0] for line in err.splitlines() if line.startswith("stage ")]
    assert stages == [f"stage {n} of 4: {name}" for n, name in enumerate(("curate", "train", "evaluate", "report"), 1)]
    assert "\x1b" not in err  # this is no terminal


def test_check_shows_the_loss_mask_and_trains_nothing(monkeypatch, capsys, tmp_path, triage):
    monkeypatch.chdir(tmp_path)
    code, out, _ = inside(monkeypatch, capsys, "check", triage)
    assert code == 0
    assert "Department:[[ cardiology<end>]]" in out or "Department:[[ dermatology<end>]]" in out
    assert "minutes" in out and not (tmp_path / "runs").exists()
    monkeypatch.setattr("os.getloadavg", lambda: (0.5 * os.cpu_count(), 0, 0))
    assert "MB. Its cores were 50% busy in the last minute" in inside(monkeypatch, capsys, "check", triage)[1]
    monkeypatch.setattr("os.getloadavg", lambda: (0.2 * os.cpu_count(), 0, 0))
    assert "busy" not in inside(monkeypatch, capsys, "check", triage)[1]
    assert "60 rows to train on: 60 of yours" in out and "24 questions to ask: 24 of yours" in out
    assert "triage: With 24 questions no gain over TF-IDF would be found with 80 % power" in out
    assert out.endswith(f"Next: metier run {triage}\n")
    test = triage.parent / "test.jsonl"
    test.write_text("".join(test.read_text().splitlines(keepends=True)[:12]))
    assert "no gain can be detected: its 6 groups of questions" in inside(monkeypatch, capsys, "check", triage)[1]


def test_compare_says_the_paired_difference(monkeypatch, capsys, two_seed_run):
    first, second = (two_seed_run[1] / f"seed-{seed}" for seed in (0, 1))
    code, out, _ = inside(monkeypatch, capsys, "compare", first, second)
    assert code == 0 and "desk: accuracy" in out and "; gain " in out and "95 % CI" in out


def test_runs_that_were_asked_other_texts_with_the_same_labels_are_not_compared(monkeypatch, capsys, finished_run):
    recipe, first = finished_run
    second = recipe.with_name("second")
    shutil.copytree(first, second)
    test = recipe.with_name("test.jsonl")
    test.write_text(test.read_text().replace("since", "for"))
    for verb in ("curate", "evaluate"):
        inside(monkeypatch, capsys, verb, second)
    code, _, said = inside(monkeypatch, capsys, "compare", first, second)
    assert code == 3 and "asked different questions" in said


def test_compare_reads_each_runs_probabilities_by_its_own_labels(monkeypatch, capsys, tmp_path, triage):
    """A label that only training rows have shifts the others: `allergy` stands before them, `zoster` behind."""
    triage.write_text(triage.read_text().replace("cluster: patient", "metrics: [nll]"))
    train = triage.parent / "train.jsonl"
    rows, alone = train.read_text(), []
    for run in ("allergy", "zoster"):
        further = [{"note": f"{run} of kind {n}", "department": run, "patient": f"{run}{n}"} for n in range(6)]
        train.write_text(rows + "".join(json.dumps(row) + "\n" for row in further))
        inside(monkeypatch, capsys, "run", triage, "--out", tmp_path / run)
        alone.append(json.loads((tmp_path / run / "verdict.json").read_text())["benchmarks"][0]["tuned"]["value"])
    said = inside(monkeypatch, capsys, "compare", tmp_path / "allergy", tmp_path / "zoster", "--json")[1]
    [row] = json.loads(said)["benchmarks"]
    assert [row["before"]["value"], row["after"]["value"]] == alone


def test_list_and_show_speak(monkeypatch, capsys):
    assert "LoRA" in inside(monkeypatch, capsys, "list", "methods")[1]
    assert "dapt, dpo, grpo, min_risk, sft" in inside(monkeypatch, capsys, "list")[1]
    code, out, _ = inside(monkeypatch, capsys, "show", "method", "sft")
    assert code == 0 and "epochs: int (at least 1 and at most 1,000) = 1" in out and "Passes over the rows." in out


def test_the_version_is_that_of_the_package(monkeypatch, capsys):
    from metier import __version__

    monkeypatch.setattr(sys, "argv", ["metier", "--version"])
    with pytest.raises(SystemExit) as stop:
        app.main()
    assert not stop.value.code and capsys.readouterr().out == f"metier {__version__}\n"
