"""An artifact is asked the run's questions: kept, lost, and what the card says of it."""

import json
import shutil
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

from metier.cli import app
from metier.errors import UserError
from metier.evaluation.answers import read_answers
from metier.export import verify_export as verifying
from metier.export.artifact import find_artifact
from metier.export.export import export
from metier.export.verify_export import compare_answers, verify_export
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.serving.predictor import benchmark_of
from tests.cli.test_cli import inside
from tests.runs.test_runs import go
from tests.tiny import write_wards


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose model answers all 40 questions right, so that there is something to lose."""
    home = tmp_path_factory.mktemp("verify")
    go(write_wards(home), home / "run", "methods.sft.epochs=3")
    return saved_run(home / "run", Progress())


@pytest.fixture(scope="module")
def exports(run, tmp_path_factory):
    home = tmp_path_factory.mktemp("artifacts")
    for form, how in (("merged", None), ("adapter", None), ("gguf", "f16")):
        export(run, form, home / form, anyway=True, quantization=how)
    export(run, "gguf", home / "q8", anyway=True, quantization="q8_0")
    return home


@pytest.fixture
def copy(exports, tmp_path):
    def of(form):
        shutil.copytree(exports / form, tmp_path / form)
        return tmp_path / form

    return of


def damage(folder):
    """The weights of the output turned around: what was likeliest is the least likely."""
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = -weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("form", ["merged", "adapter", "gguf", "q8"])
def test_an_artifact_answers_as_the_run_did(run, copy, form, monkeypatch):
    monkeypatch.setattr(verifying, "_ask_llama_cpp", lambda *arguments: None)
    folder = copy(form)
    found = verify_export(run, folder)
    (row,) = found.benchmarks
    assert row.n == 40 and row.same_answers >= 39 / 40 and not found.lost and found.changed_files == ()
    assert row.metric == "accuracy" and row.change[1] <= row.change[0] <= row.change[2] and row.margin == 0.01
    assert json.loads((folder / "metier.json").read_text())["verified"][0]["state"] == row.state
    assert row.state in (folder / "README.md").read_text().split("## Tested again")[1].splitlines()[2]


def test_a_damaged_artifact_is_lost_with_exit_code_2_and_its_card_says_so(run, copy, monkeypatch, capsys):
    folder = copy("merged")
    damage(folder)
    code, out, _ = inside(monkeypatch, capsys, "verify-export", str(run.folder), str(folder), "--json")
    found = json.loads(out.splitlines()[-1])
    assert found["benchmarks"][0]["run"] > 0.9, "else there is little to lose"
    assert code == 2 and found["lost"] and found["changed_files"] == ["model.safetensors"]
    assert found["benchmarks"][0]["state"] == "lost"
    head = (folder / "README.md").read_text().split("\n# ")[1].split("\nMerged weights")[0]
    assert "**LOST" in head and "**Changed since it was exported:** `model.safetensors`" in head
    (row,) = json.loads((folder / "metier.json").read_text())["verified"]
    assert row["changed_files"] == ["model.safetensors"]


def test_many_answers_a_little_worse_are_held_to_the_margin(run):
    """The real test on a table of 1,200 answers: .5 % worse is kept at .02, 5 % worse is lost."""
    benchmark = benchmark_of(run, None)
    one = replace(read_answers(run, "tuned", "desk")[0], value=1.0, answer="lung", gold="lung")
    saved = [replace(one, id=str(n), group=None) for n in range(1200)]

    def states(wrong, margin):
        broken = replace(one, value=0.0, answer="skin")
        given = [replace(broken if n < wrong else one, id=str(n), group=None) for n in range(1200)]
        return compare_answers(benchmark, saved, given, margin, 0)

    assert states(6, 0.02).state == "kept" and states(60, 0.02).state == "lost"
    assert states(24, 0.02).state == "inconclusive" and states(0, 0.01).state == "kept"
    assert states(60, 0.02).same_answers == pytest.approx(0.95)
    assert states(60, 0.02).change[0] == pytest.approx(0.05)


def test_answers_of_one_cluster_count_as_one(run):
    """With every answer in one of five groups, nothing can be shown."""
    benchmark = benchmark_of(run, None)
    one = replace(read_answers(run, "tuned", "desk")[0], value=1.0, answer="lung", gold="lung")
    saved = [replace(one, id=str(n), group=str(n % 5)) for n in range(1000)]
    assert compare_answers(benchmark, saved, saved, 0.01, 0).state == "inconclusive"


def test_answers_that_all_stay_are_kept_in_small_clusters_and_not_in_few_large_ones(run):
    benchmark = benchmark_of(run, None)
    one = replace(read_answers(run, "tuned", "desk")[0], value=1.0, answer="lung", gold="lung")

    def state(size, wrong):
        saved = [replace(one, id=str(n), group=str(n // size)) for n in range(1000)]
        given = [replace(row, value=0.0, answer="skin") if n in wrong else row for n, row in enumerate(saved)]
        return compare_answers(benchmark, saved, given, 0.01, 0).state

    assert state(4, ()) == "kept" and state(50, ()) == state(20, {7}) == "inconclusive"


def test_changes_that_gather_in_clusters_tell_less_than_single_ones(run):
    """Ten wrong answers in ten clusters of 120, or in one."""
    benchmark = benchmark_of(run, None)
    one = replace(read_answers(run, "tuned", "desk")[0], value=1.0, answer="lung", gold="lung")
    saved = [replace(one, id=str(n), group=str(n // 10)) for n in range(1200)]

    def width(wrong):
        given = [replace(row, value=0.0, answer="skin") if n in wrong else row for n, row in enumerate(saved)]
        value, low, high = compare_answers(benchmark, saved, given, 0.01, 0).change
        assert value == pytest.approx(10 / 1200)
        return high - low

    assert width(set(range(10))) > 2 * width(set(range(0, 1200, 120)))


def test_an_artifact_of_another_run_is_refused(run, copy):
    folder = copy("adapter")
    record = json.loads((folder / "metier.json").read_text())
    record["hashes"]["adapter"] = "0" * 64
    (folder / "metier.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="exported from another run"):
        verify_export(run, folder)


def test_a_folder_without_a_record_is_tested_with_a_warning(run, copy, capsys):
    folder = copy("adapter")
    (folder / "metier.json").unlink()
    assert not verify_export(run, folder).lost
    assert "has no metier.json" in capsys.readouterr().err and not (folder / "metier.json").exists()


def test_what_is_no_artifact_is_refused(tmp_path):
    with pytest.raises(UserError, match="no artifact"):
        find_artifact(tmp_path / "nothing")
    with pytest.raises(UserError, match="holds no adapter, no model"):
        find_artifact(tmp_path)
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="holds 2 GGUF files"):
        find_artifact(tmp_path)


def test_llama_cpp_writes_what_our_loader_writes(run, exports):
    pytest.importorskip("xllamacpp")
    from metier.engine.models.model import load
    from metier.export.greedy_check import greedy_check

    (file,) = (exports / "gguf").glob("*.gguf")
    found = greedy_check(benchmark_of(run, None), load(str(exports / "merged")), file, most=8)
    assert found.n == 8 and found.same_tokens == 1 and found.same_texts >= 7 / 8


def test_prompts_that_fill_the_context_are_left_out(run, exports, monkeypatch):
    from metier.engine.models.model import load
    from metier.export import greedy_check as checking

    class Echo:
        def __init__(self, file, context):
            pass

        def tokens(self, text, special=True):
            return []

        def write(self, prompt, *rest):
            return ""

    monkeypatch.setattr(checking, "LlamaCpp", Echo)
    model, benchmark = load(str(exports / "merged")), benchmark_of(run, None)
    lengths = [len(model.encode(benchmark.render(one))) for one in benchmark.questions()]
    longest = checking.prompting_of(benchmark, model)["max_new_tokens"]
    monkeypatch.setattr(type(model), "context", max(lengths) - 1 + longest)
    found = checking.greedy_check(benchmark, model, exports)
    fitting = sum(length < max(lengths) for length in lengths)
    assert (found.n if found else 0) == fitting < len(lengths)
    monkeypatch.setattr(type(model), "context", 1)
    assert checking.greedy_check(benchmark, model, exports) is None


def test_without_llama_cpp_one_line_says_how_to_get_it(run, copy, capsys, monkeypatch):
    from metier.engine.models.gguf import llamacpp

    monkeypatch.setattr(llamacpp, "find_spec", lambda name: None)
    assert verify_export(run, copy("gguf")).greedy is None
    assert "pip install 'metier[llamacpp]'" in capsys.readouterr().err


def test_the_verb_is_known():
    assert "verify-export" in {command.name for command in app.app.registered_commands}
