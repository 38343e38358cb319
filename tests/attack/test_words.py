"""What is printed: nothing of a row, a label or a name reaches the terminal raw, and each error says what to do."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from metier.cli import app, failures, output
from metier.errors import UserError, nearest, printable, shown
from metier.reporting import dataset_card
from metier.reporting.pages import template
from metier.runs.progress import Progress

HOSTILE = "a\x1b]0;owned\x07\x1b[2J\x9b31m\u202eb"
RAW = set("\x1b\x07\x9b\u202e")


def raised(error):
    """An error as it arrives: with its traceback, and what it was raised from."""
    try:
        raise error
    except BaseException as caught:
        return caught


def verb(monkeypatch, capsys, *words):
    """Exit code, output and errors of the command line in this process."""
    monkeypatch.setattr(sys, "argv", ["metier", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        app.main()
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


def test_control_characters_are_written_out():
    assert printable("a\tb\nc\x1b[31m\x7f\x9b\r\ud800\u202e") == "a\tb\nc\\x1b[31m\\x7f\\x9b\\r\\ud800\\u202e"
    assert printable("Überweisung 心 🙂") == "Überweisung 心 🙂"


def test_a_shown_value_is_short_on_one_line_and_printable():
    text = shown(HOSTILE + "\n" + "x" * 10_000)
    assert len(text) < 130 and "\n" not in text and not RAW & set(text) and "more characters" in text
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert "nested too deeply" in shown(deep)
    assert len(nearest("x" * 10_000_000, ["sft"])) < 100


def test_results_bars_and_lines_hold_no_escape_sequence(capfd, monkeypatch):
    output.say({HOSTILE: HOSTILE}, False)
    step = SimpleNamespace(text=HOSTILE, command=HOSTILE)
    said = {"headline": HOSTILE, "reason": HOSTILE, "next_steps": [step]}
    verdict = SimpleNamespace(exploratory=[], decision="SHIP", shown="SHIP", **said)
    output.finish((output.Path(HOSTILE), verdict), False)
    progress = Progress()
    progress.say(HOSTILE + " :heart: [red]x[/red]")
    progress.begin(HOSTILE, 2, "rows")
    progress.advance()
    progress.end()
    out, err = capfd.readouterr()
    assert not RAW & set(out + err) and "\\x1b" in out and "\\x1b" in err
    assert ":heart: [red]x[/red]" in err  # a label is no markup of ours


def test_a_bar_shows_a_name_in_brackets_as_it_is(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    progress = Progress()
    progress.begin("[/]" + HOSTILE, 2, "rows")  # closes nothing
    progress.advance()
    progress.end()
    err = capfd.readouterr().err
    assert "[/]a" in err and "\x1b]0;" not in err and "\x9b" not in err


def test_json_on_standard_output_is_ascii(capsys):
    output.say({"label": HOSTILE + "\x7f\ud800é"}, True)
    out = capsys.readouterr().out
    assert (
        out.isascii() and not set(out) & set("\x1b\x07\x7f") and json.loads(out) == {"label": HOSTILE + "\x7f\ud800é"}
    )


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["list", HOSTILE], "There is no kind"),
        (["show", "step", HOSTILE], "There is no step"),
        ([HOSTILE], "No such command"),
        (["curate", "--executor", HOSTILE * 1000], "There is no executor"),
        (["list", "a\udcff"], "is not written in UTF-8"),
    ],
)
def test_an_argument_is_told_without_its_control_characters(monkeypatch, capsys, words, part):
    code, out, err = verb(monkeypatch, capsys, *words)
    assert (code, out) == (3, "") and part in err and not RAW & set(err) and len(err) < 1000 and "\udcff" not in err


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "Make room"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EACCES, "permissions"),
        (errno.EROFS, "permissions"),
        (errno.ENOENT, "Put it back"),
        (errno.EISDIR, "a file is needed"),
        (errno.ENOTDIR, "a folder is needed"),
        (errno.ENAMETOOLONG, "shorter name"),
        (errno.EMFILE, "ulimit -n"),
    ],
)
def test_each_error_of_the_system_gets_its_own_advice(number, advice):
    message = failures.explained(OSError(number, os.strerror(number), "runs/x"))
    assert message.startswith(f"runs/x: {os.strerror(number)}. ") and advice in message
    assert [word for word in ("Make room", "permissions") if word in message and word not in advice] == []


def test_a_full_disk_is_told_from_within_any_librarys_error():
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        wrapped = RuntimeError("could not save")
        wrapped.__cause__ = OSError(number, os.strerror(number))
        assert os.strerror(number) in failures.explained(raised(wrapped))
        other = RuntimeError(f"Error while serializing: I/O error (os error {number})")
        assert os.strerror(number) in failures.explained(raised(other))
    assert "disk is full" in failures.explained(RuntimeError("PytorchStreamWriter failed writing file data/0"))


def test_too_little_memory_says_what_to_lower():
    torch_says = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 999 bytes")
    for error in (MemoryError(), torch_says, OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))):
        assert "batch_tokens" in failures.explained(raised(error))


def test_our_own_bug_is_not_taken_for_the_users():
    assert failures.explained(raised(TypeError("x"))) is None
    try:
        try:
            os.stat("/no/such/file")
        except OSError:
            raise TypeError("while that was handled")  # noqa: B904
    except TypeError as error:
        assert failures.explained(error) is None


def test_a_reader_that_leaves_early_is_no_error():
    for words in (["list", "methods"], ["--help"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([sys.executable, "-m", "metier", *words], stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b""), words


def test_closed_streams_stop_no_work(tmp_path):
    code = "from metier.cli import app\nfrom metier.runs import terminal\n"
    code += "from metier.runs.progress import Progress\n"
    code += "def verb():\n terminal.prepare(); file = open('x', 'w'); p = Progress()\n"
    code += " [p.say('line') for _ in range(3)]; terminal.out('out')\n file.write('whole'); file.close(); return 2\n"
    code += "app._verb = verb; app.main()"
    reader, writer = os.pipe()
    os.close(reader)
    for closing in ("", "exec 1>&-; exec 2>&-; "):
        command = f'{closing}exec {sys.executable} -c "$CODE"'
        done = subprocess.run(
            ["bash", "-c", command], stdout=writer, stderr=writer, cwd=tmp_path, env={**os.environ, "CODE": code}
        )
        assert done.returncode == 2 and (tmp_path / "x").read_text() == "whole"
    os.close(writer)


def test_a_full_standard_output_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "metier", "--help"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert done.stderr.startswith("No space left on device. Make room")


def test_an_encoding_without_the_letters_is_no_error():
    code = "from metier.runs import terminal; terminal.prepare(); terminal.out('Ü\\ud800'); terminal.complain('心')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\\xdc\\ud800\n", b"\\u5fc3\n")


def test_the_model_card_makes_no_link_and_no_markup_of_a_license():
    license = "MIT [click](https://evil.example) https://evil.example <b>x</b> | `y` __z__"
    source = template("model_card.md").environment.from_string("{{ x }}\n`{{ x|code }}`").render(x=license)
    markdown = pytest.importorskip("markdown_it").MarkdownIt()
    text, code = source.split("\n")
    for tag in ("<a", "<b>", "<strong>", "<code>"):
        assert tag not in markdown.render(text)
    assert r"https\://" in text  # GitHub makes links of bare addresses, too
    assert markdown.render(code).count("<code>") == 1 and "<b>" not in markdown.render(code)
    assert "\x1b" not in dataset_card.escaped(HOSTILE) + dataset_card.code(HOSTILE)


def test_a_run_at_work_is_not_exported_checked_or_compared(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with open(folder / ".busy", "w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        for words in (
            ["export", folder, "--to", "merged", "--out", tmp_path / "o"],
            ["verify-lm-eval", folder, tmp_path],
            ["compare", folder, folder],
        ):
            code, out, err = verb(monkeypatch, capsys, *words)
            assert (code, out) == (3, "") and "Another process is at work" in err
    assert "There is no run" in verb(monkeypatch, capsys, "compare", folder, folder)[2]


def test_two_readers_of_one_run_do_not_wait_for_each_other(tmp_path):
    from metier.runs.lock import read_lock, run_lock

    (tmp_path / ".busy").touch()
    other = pytest.raises(UserError, match="Another process")
    with read_lock(tmp_path, tmp_path), read_lock(tmp_path), other, run_lock(tmp_path):
        pass
    with run_lock(tmp_path), other, read_lock(tmp_path):
        pass
