"""All weights trained, in place of an adapter; and weights in 4 bit, where there is a GPU."""

import json

import pytest
import torch

from metier.engine.models.model import load
from metier.engine.models.weights import adapter_file, is_whole
from metier.engine.training import eval_callback, trainer
from metier.engine.training.adapters import tuned
from metier.engine.training.answers import by_rows, by_trees
from metier.engine.trees.examples import Example
from metier.errors import UserError
from metier.export.export import export
from metier.methods.sft import Method
from metier.recipes import checks
from metier.recipes import schema as recipes
from metier.runs.files import file_sha256
from metier.runs.progress import Progress
from tests.runs.test_runs import go
from tests.tiny import write_triage

EXAMPLES = [
    Example([5, 6, 7, 8, 9], ([11, 12], [11, 13, 14])),
    Example([5, 6, 7, 20, 21, 22], ([11, 12],)),
    Example([30, 31], ([40, 41, 42],)),
]
SETTINGS = {**vars(Method(tune="full", epochs=4, lr=1e-3, batch_tokens=64)), "seed": 0}


def gradients(model):
    found = {name: weight.grad.clone() for name, weight in model.network.named_parameters() if weight.grad is not None}
    model.network.zero_grad()
    return found


def test_gradients_of_all_weights_are_those_of_the_librarys_own_loss():
    model = load("fake", dtype=torch.float32)
    network = tuned(model, None, None, EXAMPLES, whole=True)
    assert network.read is by_trees
    torch.cat(network.read(network.network, EXAMPLES)).sum().neg().backward()
    ours = gradients(model)
    network.release()
    for example in EXAMPLES:
        for answer in example.answers:
            ids = torch.tensor([example.prompt + answer], device=model.network.device)
            labels = torch.tensor([[-100] * len(example.prompt) + answer], device=model.network.device)
            (model.network(input_ids=ids, labels=labels).loss * len(answer)).backward()
    theirs = gradients(model)
    assert ours.keys() == theirs.keys() and any("embed" in name for name in ours)
    for name, right in theirs.items():
        assert (ours[name] - right).norm() <= 1e-5 * right.norm() + 1e-8, name


def test_what_was_trained_answers_and_goes_on(tmp_path):
    model = load("fake", dtype=torch.float32)
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}
    trainer.train(model, EXAMPLES, None, SETTINGS, tmp_path / "one", Progress())
    first = tmp_path / "one" / "adapter"
    assert is_whole(first) and not (first / "adapter_config.json").exists()
    again = load("fake", first, dtype=torch.float32).network.state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in model.network.state_dict().items())
    moved = [name for name, weight in again.items() if not torch.equal(weight, before[name])]
    assert any("embed" in name for name in moved) and any("mlp" in name for name in moved)
    # A second method starts where the first ended: its reference is the first one's model.
    fresh = load("fake", dtype=torch.float32)
    scores = trainer.log_probabilities(fresh, EXAMPLES, first, 64, Progress())
    with torch.no_grad():
        direct = by_rows(load("fake", first, dtype=torch.float32).network, EXAMPLES)
    assert all(
        torch.allclose(torch.tensor(a), b.double().cpu(), atol=1e-4) for a, b in zip(scores, direct, strict=True)
    )


def test_a_look_asks_the_weights_as_they_will_answer_and_leaves_those_that_are_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(eval_callback, "default_dtype", lambda: torch.bfloat16)
    model, asked = load("fake", dtype=torch.float32), []

    class Evaluator:
        every = 1

        def __call__(self, step, network, before):
            asked.append((step, network.dtype, network.model.rotary_emb.inv_freq.dtype))
            return eval_callback.EvalResult(-step, False, {})

    trainer.train(model, EXAMPLES, None, {**SETTINGS, "epochs": 1}, tmp_path, Progress(), evaluator=Evaluator())
    assert asked == [(step, torch.bfloat16, torch.float32) for step in range(len(asked))] and len(asked) > 1
    assert all(weight.dtype == torch.float32 for weight in model.network.parameters())
    kept = load("fake", tmp_path / "adapter", dtype=torch.float32).network
    untouched = load("fake", dtype=torch.float32).network
    assert all(map(torch.equal, kept.parameters(), untouched.parameters())), "the best look was the first"


def test_weights_of_another_model_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    model = load("fake", dtype=torch.float32)
    trainer.train(model, EXAMPLES, None, SETTINGS, tmp_path / "one", Progress())
    file = adapter_file(tmp_path / "one" / "adapter")
    save_file({**load_file(file), "of.another.weight": torch.zeros(2)}, file, metadata={"format": "pt"})
    fresh = load("fake", dtype=torch.float32)
    with pytest.raises(UserError, match=r"without a place in the model: of\.another"):
        trainer.train(fresh, EXAMPLES, None, SETTINGS, tmp_path / "two", Progress(), file.parent)


def test_a_whole_run_tunes_all_weights_and_can_be_exported(tmp_path):
    recipe = write_triage(tmp_path)
    recipe.write_text(recipe.read_text().replace("{lr: 0.01, r: 4,", "{tune: full, lr: 0.002, eval_steps: 4,"))
    go(recipe, tmp_path / "run")
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text())
    adapter = tmp_path / "run" / "train" / "01-sft" / "adapter"
    assert is_whole(adapter) and verdict["adapter_sha256"] == file_sha256(adapter / "model.safetensors")
    card = (tmp_path / "run" / "model_card.md").read_text()
    assert "library_name: transformers" in card and "All weights of `fake`" in card and "dapter" not in card


def test_export_names_the_tuned_model_where_there_is_no_adapter(tmp_path):
    from metier.runs.run import Run

    recipe = write_triage(tmp_path)
    recipe.write_text(recipe.read_text().replace("{lr: 0.01, r: 4,", "{tune: full, lr: 0.002,"))
    go(recipe, tmp_path / "run")
    run = Run(tmp_path / "run", recipes.load(recipe), Progress())
    said = export(run, "lm-eval", tmp_path / "tasks").details["commands"]["tuned"]
    assert "peft=" not in said and "adapter,tokenizer=" in said
    export(run, "merged", tmp_path / "merged", anyway=True)
    assert (tmp_path / "merged" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"sft": {"tune": "ful"}}, "cannot take tune: 'ful'. Did you mean 'full'? There are: full, lora, qlora."),
        ({"sft": {"tune": "full", "use_dora": True}}, "`tune: full` has none"),
        ({"grpo": {"tune": "full"}}, "grpo trains an adapter"),
    ],
)
def test_what_cannot_be_is_said_beforehand(method, said, tmp_path):
    recipe = recipes.load(write_triage(tmp_path)).model_copy(update={"methods": [method]})
    assert any(said in problem for problem in checks.check(recipe))


def test_a_chain_keeps_to_one_kind(tmp_path):
    chain = [{"sft": {"r": 8}}, {"sft": {"tune": "full"}}]
    recipe = recipes.load(write_triage(tmp_path)).model_copy(update={"methods": chain})
    assert any("cannot have tune: 'full'" in problem for problem in checks.check(recipe))


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_weights_in_4_bit_ask_for_what_is_missing():
    (problem,) = Method(tune="qlora").problems()
    assert "qlora needs" in problem and "a GPU" in problem


@pytest.mark.gpu
def test_weights_in_4_bit_carry_an_adapter_that_learns(tmp_path):
    pytest.importorskip("bitsandbytes")
    model = load("smollm2-135m", in_4_bit=True)
    settings = {**vars(Method(tune="qlora", epochs=4, lr=1e-2, batch_tokens=64)), "seed": 0}
    trainer.train(model, EXAMPLES, Method(tune="qlora").lora(), settings, tmp_path / "one", Progress())
    fresh = load("smollm2-135m")
    before = trainer.log_probabilities(fresh, EXAMPLES, None, 64, Progress())
    after = trainer.log_probabilities(fresh, EXAMPLES, tmp_path / "one" / "adapter", 64, Progress())
    assert sum(map(sum, after)) > sum(map(sum, before))
