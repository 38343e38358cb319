"""The forms of an export: what each folder holds, and that it is whole, says HOLD first and names no place here."""

import json
import re
import runpy
import sys
from types import SimpleNamespace

import pytest
import yaml

from metier.engine.models import weights
from metier.errors import UserError
from metier.evaluation.answers import read_answers
from metier.evaluation.results import read_verdict
from metier.export import export as exporting
from metier.export.export import export
from metier.export.forms import _programs, gguf, ollama
from metier.export.record import read_record
from metier.recipes import plugins

MODELS = ["merged", "adapter", "gguf", "ollama", "vllm"]


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """Form -> (its folder, what was said)."""
    home = tmp_path_factory.mktemp("forms")
    return {form: (home / form, export(run, form, home / form, anyway=True)) for form in [*MODELS, "lm-eval"]}


@pytest.fixture
def on_hold(run, monkeypatch):
    """The run with another decision, as long as a test lasts."""
    verdict = read_verdict(run.folder).model_copy(update={"decision": "HOLD", "exploratory": ()})
    monkeypatch.setattr("metier.export.export.read_verdict", lambda folder: verdict)
    return run


def front(card):
    return yaml.safe_load(card.split("---\n")[1])


@pytest.mark.parametrize("form", MODELS)
def test_an_artifact_holds_its_card_its_record_and_its_verdict(run, exported, form):
    folder, said = exported[form]
    record, card = read_record(folder), (folder / "README.md").read_text()
    assert record.form == form == said.record.form and record.changed_files(folder) == []
    assert record.hashes["adapter"] == run.result("train")["adapter_sha256"]
    assert record.hashes["base"] == run.locked()["model"]["sha256"]
    assert record.prompting[0]["labels"] == ["cardiology", "dermatology"]
    assert record.prompting[0]["prompt"] == "{text}\nDepartment:" and record.prompting[0]["end_token"] == "<end>"
    assert {path.name for path in folder.iterdir()} == {*record.files, "README.md", "metier.json"}
    assert json.loads((folder / "verdict.json").read_text())["decision"] == record.verdict["decision"]
    assert "metier" in front(card)["tags"] and "{text}\nDepartment:" in card
    assert str(folder) in said.command and "{folder}" not in card


@pytest.mark.parametrize("form", [*MODELS, "lm-eval"])
def test_no_text_of_an_artifact_names_a_place_on_this_machine(run, exported, form):
    folder, _ = exported[form]
    places = [str(run.folder.parent), str(folder.parent), str(weights.folder("fake")), "/tmp/", "/root"]
    for path in folder.iterdir():
        if path.suffix in (".md", ".json", ".jsonl", ".yaml", ".py", ".jinja", "") or path.name == "Modelfile":
            text = path.read_text()
            assert not [place for place in places if place in text], path.name


def test_an_adapter_names_its_base_model_and_no_path(exported):
    folder, _ = exported["adapter"]
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "fake"


def test_a_hold_is_exported_only_where_somebody_insists(on_hold, tmp_path):
    with pytest.raises(UserError, match="is HOLD, not SHIP.*--anyway"):
        export(on_hold, "adapter", tmp_path / "a")
    assert not list(tmp_path.iterdir())
    export(on_hold, "adapter", tmp_path / "a", anyway=True)
    assert (tmp_path / "a/README.md").read_text().split("\n# ")[1].splitlines()[2].startswith("**HOLD.** Do not use")
    export(on_hold, "lm-eval", tmp_path / "tasks")  # questions, and no model


def test_an_export_that_stops_leaves_nothing_that_looks_whole(run, tmp_path, monkeypatch):
    def stops(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "write_record", stops)
    with pytest.raises(KeyboardInterrupt):
        export(run, "adapter", tmp_path / "a", anyway=True)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_export_left_does_not_stand_in_the_way(run, tmp_path):
    (tmp_path / ".a.part").mkdir()
    (tmp_path / ".a.part/model.safetensors").write_text("half")
    export(run, "adapter", tmp_path / "a", anyway=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and not (tmp_path / "a/model.safetensors").exists()


@pytest.mark.parametrize("form", ["merged"])
def test_the_program_beside_the_weights_answers_as_the_run_did(run, exported, form, monkeypatch, capsys):
    folder, _ = exported[form]
    questions = {question.id: question for question in exporting.open_samples(run).benchmarks[0].questions()}
    for saved in read_answers(run, "tuned", "triage")[:4]:
        monkeypatch.setattr(sys, "argv", ["ask.py", questions[saved.id].text])
        runpy.run_path(str(folder / "ask.py"), run_name="__main__")
        assert capsys.readouterr().out.strip() == saved.answer


def test_the_program_for_vllm_offers_the_label_set_and_compiles(exported):
    text = (exported["vllm"][0] / "ask.py").read_text()
    compile(text, "ask.py", "exec")
    assert 'LABELS = ["cardiology", "dermatology"]' in text and '" " + label' in text and "completions.create" in text
    assert exported["vllm"][1].command.startswith("vllm serve ")


def test_the_grammar_of_llama_cpp_holds_the_labels(exported):
    example = read_record(exported["gguf"][0]).written.example
    body = json.loads(re.search(r"--json '(.*)'", example, flags=re.S)[1])
    assert body["grammar"] == 'root ::= " cardiology" | " dermatology"'
    assert body["prompt"] == "{text}\nDepartment:"


def test_a_chat_is_asked_at_the_address_of_chats(exported):
    prompting = {**read_record(exported["gguf"][0]).prompting[0], "chat_template": True, "answer_begins_with": ""}
    example = gguf._example(prompting)
    body = json.loads(re.search(r"--json '(.*)'", example, flags=re.S)[1])
    assert "8080/v1/chat/completions " in example and body["max_tokens"] == prompting["max_new_tokens"]
    assert body["messages"] == [{"role": "user", "content": "{text}\nDepartment:"}]
    assert body["grammar"] == 'root ::= "cardiology" | "dermatology"' and "n_predict" not in body


def test_a_program_takes_an_object_where_the_prompt_has_further_columns(exported, monkeypatch, capsys):
    prompting = read_record(exported["vllm"][0]).prompting[0]
    prompting |= {"examples": "{text} of one\n", "prompt": "{title}: {text} {gone}", "columns": ["text", "title"]}
    asked = []

    class Client:
        def __init__(self, **settings):
            self.completions = self

        def create(self, **request):
            asked.append(request)
            return SimpleNamespace(choices=[SimpleNamespace(text=" cardiology")])

    monkeypatch.setitem(sys.modules, "openai", SimpleNamespace(OpenAI=Client))
    monkeypatch.setattr(sys, "argv", ["ask.py", json.dumps({"text": "Chest {title}", "title": "Note"})])
    exec(_programs.with_openai(prompting, "desk"), {"__name__": "__main__"})
    assert asked[0]["prompt"] == "{text} of one\nNote: Chest {title} "
    assert capsys.readouterr().out == "cardiology\n"
    assert _programs.argument(prompting) == """'{"text": "TEXT", "title": "TITLE"}'"""
    compile(_programs.with_transformers(prompting), "ask.py", "exec")


@pytest.mark.parametrize("change", [{"options": "of each row"}, {"fewshot": {"a": "x"}}, {"length_adjustment": "byte"}])
def test_where_no_program_asks_as_the_run_did_there_is_none_and_the_card_says_why(run, change, tmp_path, monkeypatch):
    before = exporting.prompting_of
    monkeypatch.setattr(exporting, "prompting_of", lambda *given: {**before(*given), **change})
    for form in ("adapter", "gguf"):
        export(run, form, tmp_path / form, anyway=True)
        written = read_record(tmp_path / form).written
        assert not written.example and not (tmp_path / form / "ask.py").exists() and "ask.py" not in written.command
        assert "No example program is added: " in (tmp_path / form / "README.md").read_text()


def test_a_modelfile_asks_with_the_runs_prompt(exported):
    folder, _ = exported["ollama"]
    text = (folder / "Modelfile").read_text()
    (file,) = folder.glob("*.gguf")
    assert f"FROM ./{file.name}\n" in text
    assert 'TEMPLATE """{{ .Prompt }}\nDepartment:"""' in text
    assert "PARAMETER temperature 0\n" in text and 'PARAMETER stop "\n"\n' in text and 'PARAMETER stop "<end>"' in text


STOPS = [("\n", '"\n"'), ("\\n", '"\\n"'), ('say "', '"""say """"'), (" x", '" x"')]


@pytest.mark.parametrize(("stop", "written"), STOPS)
def test_stop_texts_are_written_as_ollama_reads_them(stop, written):
    """Its parser takes off the quotes and knows no escapes."""
    assert ollama._quoted(stop) == written


def test_braces_of_a_prompt_are_no_template():
    assert ollama._plain("a {{ b }}") == 'a {{ "{{" }} b }}'


def test_a_quantization_that_a_form_does_not_have_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="no quantization 'q4_k_m'.*q4_0"):
        export(run, "gguf", tmp_path / "a", anyway=True, quantization="q4_k_m")
    with pytest.raises(UserError, match="'merged' has one type of weights"):
        export(run, "merged", tmp_path / "a", anyway=True, quantization="q4_0")


def test_every_form_is_listed():
    assert set(plugins.names("exports")) == {*MODELS, "lm_eval"}
