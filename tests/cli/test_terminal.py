"""What the terminal shows on the way: steps with their reasons, stages, what to call next, whole sentences."""

import io
import json
import logging
import os
import re
import shlex
import shutil
import textwrap

import pytest
import typer

from metier.cli import app, help_text, progress_bar
from metier.cli.help_text import columns, first_sentence
from metier.cli.next_steps import next_line, of_recipe
from metier.engine.models import weights
from metier.recipes import plugins
from metier.runs import progress
from tests.cli.test_cli import inside

COMMANDS = typer.main.get_command(app.app).commands


def next_of(out):
    """The words of the last `Next:` line, as a shell reads them."""
    [line] = [line for line in out.splitlines() if line.startswith("Next: ")]
    return shlex.split(line.removeprefix("Next: ").split("   ")[0])


def test_every_verb_says_all_that_it_says_of_itself(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "70")
    out = inside(monkeypatch, capsys, "--help")[1]
    flowing = "".join(out.split())  # a line may end within lm-evaluation-harness
    for name, command in COMMANDS.items():
        assert "".join(f"{name}{command.help}".split()) in flowing
    assert "..." not in out.partition("Commands:")[2] and all(len(line) <= 70 for line in out.splitlines())


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_no_sentence_of_a_list_is_cut(monkeypatch, capsys, kind):
    out = inside(monkeypatch, capsys, "list", kind)[1]
    for line in out.splitlines():
        assert line.endswith((".", ")", "!", "?")) or not plugins.about(kind, line.split()[0]), line
    [method] = [line for line in inside(monkeypatch, capsys, "list", "methods")[1].splitlines() if "grpo" in line]
    assert method.endswith("become likelier and the others less likely.")


def test_a_sentence_ends_where_the_next_one_begins():
    assert first_sentence("Reads rows (Rae et al. 2021, table A1), e.g. Texts. Then\nmore.\n\nAnd more.") == (
        "Reads rows (Rae et al. 2021, table A1), e.g. Texts."
    )
    assert first_sentence("") == ""


@pytest.mark.parametrize("width", [40, 80])
def test_a_list_fits_the_terminal_and_is_a_line_each_in_a_pipe(monkeypatch, width):
    rows = [("short", "word " * 30 + "end."), ("a_longer_name", "one."), ("empty", "")]
    assert columns(rows).splitlines()[0] == f"short          {'word ' * 30}end."
    monkeypatch.setattr(help_text.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))
    lines = columns(rows).splitlines()
    assert max(map(len, lines)) <= width and len(lines) > 4
    assert " ".join(" ".join(lines).split()) == " ".join(
        textwrap.dedent(f"short {rows[0][1]} a_longer_name one. empty").split()
    )


def test_models_are_listed_with_license_size_and_place(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    found = {row["name"]: row for row in json.loads(inside(monkeypatch, capsys, "list", "models", "--json")[1])}
    assert found["fake"]["here"] and not found["smollm2-135m"]["here"]
    assert found["smollm2-135m"]["license"] == "apache-2.0" and found["smollm2-135m"]["megabytes"] == 93
    folder = weights.cached("smollm2-135m")
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(2_000_000))
    out = inside(monkeypatch, capsys, "list", "models")[1]
    shutil.rmtree(folder)
    assert "license: apache-2.0; 2 MB on this machine" in out
    assert "metier list models" in inside(monkeypatch, capsys, "list")[1]


def test_a_line_to_paste_is_quoted_for_the_shell():
    assert next_line("train", "my runs/a;b") == "Next: metier train 'my runs/a;b'"
    words = of_recipe("my recipe.yaml", "./pack.py", ["ship.alpha=0.01", "model=a b"], True)
    assert shlex.split(shlex.join(words)) == [
        *("my recipe.yaml", "--industry", "./pack.py", "--set", "ship.alpha=0.01", "--set", "model=a b", "--quick")
    ]


def test_each_verb_names_the_next_one_and_that_works(monkeypatch, capsys, tmp_path, data):
    """From a folder of tables to the answers with the screen's own lines and nothing else."""
    monkeypatch.chdir(tmp_path)
    called, words = [], ["metier", "new", "desk", "--from", str(data)]
    while words[1] not in ("run", "train"):
        code, out, _ = inside(
            monkeypatch, capsys, *words[1:], *(["--set", "model=fake"] if words[1] == "check" else [])
        )
        assert code == 0
        called, words = [*called, words[1]], next_of(out)
    assert called == ["new", "check"]
    assert words == ["metier", "run", "desk/recipe.yaml", "--set", "model=fake"]
    code, out, _ = inside(monkeypatch, capsys, "curate", *words[2:])
    assert next_of(out) == ["metier", "train", "runs/desk"]
    assert "Next" not in inside(monkeypatch, capsys, "curate", *words[2:], "--json")[1]


def test_the_stages_of_a_trained_run_name_the_next(monkeypatch, capsys, trained_run):
    _, folder = trained_run
    assert next_of(inside(monkeypatch, capsys, "train", folder)[1]) == ["metier", "evaluate", str(folder)]
    assert next_of(inside(monkeypatch, capsys, "evaluate", folder)[1]) == ["metier", "report", str(folder)]


def test_curation_says_a_line_for_each_step_with_its_reason(monkeypatch, capsys, triage):
    train, test = (triage.parent / f"{side}.jsonl" for side in ("train", "test"))
    rows = train.read_text().splitlines()
    train.write_text("\n".join([*rows, rows[0], test.read_text().splitlines()[0]]) + "\n")
    said = inside(monkeypatch, capsys, "curate", triage, "--out", triage.parent / "run")[2].splitlines()
    steps = [line for line in said if "->" in line]
    assert steps[:3] == [
        "  normalize      62 -> 62 (nothing to drop)",
        "  dedup          62 -> 61 (1 repeat another row)",
        "  decontaminate  61 -> 60 (1 repeat test questions)",
    ]
    assert re.fullmatch(r"  split          60 -> 60 \(\d+ held out\)", steps[3]) and len(steps) == 5
    assert not [line for line in said if "rows in" in line]
    assert [line for line in said if re.search(r"\d+ to train on \(\d+ of yours\)", line)]
    (triage.parent / "run" / "curate.done.json").unlink()
    again = inside(monkeypatch, capsys, "curate", triage.parent / "run")[2]
    assert "61 -> 60 (1 repeat test questions), as before" in again


def test_check_says_what_it_does_and_keeps_json_clean(monkeypatch, capsys, triage):
    monkeypatch.setattr(progress, "HEARTBEAT_S", 0.01)
    code, out, err = inside(monkeypatch, capsys, "check", triage, "--json")
    found = json.loads(out)
    assert code == 0 and found["rows"] == {"of yours": 60} and found["questions_of"] == {"of yours": 24}
    for what in ("reading rows and questions", "loading the model fake", "asking the baseline", "training steps"):
        assert f"check: {what}" in err or f"a few {what}" in err
    assert " so far" in err


@pytest.mark.parametrize(("width", "bar"), [(48, False), (140, True)])
def test_a_narrow_terminal_has_the_words_on_one_line_and_no_bar(width, bar):
    from rich.console import Console

    from metier.runs.progress import Event

    shown, handler = io.StringIO(), progress_bar.TerminalHandler()
    handler.console = Console(file=shown, width=width, force_terminal=True, no_color=True)
    line = "12 of 45 steps, 1.2/s, 0:30 min left; about 4 min left for the whole run"
    for kind in ("begin", "advance", "end"):
        record = logging.makeLogRecord({"levelno": logging.DEBUG, "event": Event(kind, "training", 12, 45, line)})
        handler.emit(record)
        if handler.bar:
            handler.bar.refresh()
    plain = [part for part in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", shown.getvalue()).splitlines() if "12 of" in part]
    assert handler.bar is None and plain
    assert all(len(part.strip("\r")) <= width for part in plain) and ("━" in shown.getvalue()) == bar
    assert bar or plain[-1].startswith("  training  12 of 45 steps, 1.2/s, 0:30 min")
