"""Our loss and gradients against TRL's own on the same batch, and what a batch holds."""

import copy
import json
import random
import shutil
import subprocess
import sys
from types import SimpleNamespace

import datasets
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from metier.engine.models import weights
from metier.engine.models.model import load
from metier.engine.scoring import vocabulary
from metier.engine.training import answers, checkpoints, eval_callback, fused_lora, trainer
from metier.engine.training.adapters import Tuned
from metier.engine.training.eval_callback import EvalResult
from metier.engine.trees import attention, batches, token_trees
from metier.engine.trees.examples import Example
from metier.engine.trees.packing import rounded
from metier.errors import UserError
from metier.runs.progress import Progress

EXAMPLES = [Example([5, 6, 7], ([8, 0],)), Example([9, 10, 11, 12, 13], ([14, 15, 0],)), Example([16], ([17, 0],))]
INSTRUCTION = list(range(20, 60))
SHARED = [Example([*INSTRUCTION, 7, n], ([n, 0], [8, n, 0], [8, 9])) for n in range(2, 6)]
TABLES = [
    Example([table, *range(20, 40), *question], ([question[0], 0], [8, 0]))
    for table in (2, 3)
    for question in ([5, 6], [5, 9, 4], [6])
]
"""Three questions to each of two tables; the last pair of them begins alike for one token more."""
SETTINGS = {
    "epochs": 1,
    "lr": 1e-2,
    "batch_tokens": 64,
    "warmup_ratio": 0.0,
    "lr_scheduler": "linear",
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "save_steps": 1000,
    "seed": 0,
}
IGNORED = -100


def adapted(dtype=torch.float32):
    torch.manual_seed(0)
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    network = get_peft_model(AutoModelForCausalLM.from_pretrained(weights.folder("fake"), dtype=dtype), lora)
    for name, parameter in network.named_parameters():
        if "lora_B" in name:  # zero at the start, which would hide half of the gradients
            torch.nn.init.normal_(parameter, std=0.1)
    return network


def gradients(network, loss):
    network.zero_grad()
    loss.backward()
    return {name: p.grad.cpu().clone() for name, p in network.named_parameters() if p.grad is not None}


def equal(first, second):
    assert first.keys() == second.keys()
    for name, one in first.items():
        assert (one - second[name]).norm() <= 1e-5 * second[name].norm(), name


def weighted(scores):
    """Another weight for each answer, so that none can stand for another."""
    return sum((score * torch.arange(1, len(score) + 1)).sum() for score in scores)


def test_loss_and_gradients_equal_those_of_trl(tmp_path):
    theirs_network, ours_network = adapted(), adapted()
    rows = {
        "input_ids": [e.prompt + e.answers[0] for e in EXAMPLES],
        "labels": [[IGNORED] * len(e.prompt) + e.answers[0] for e in EXAMPLES],
    }
    config = SFTConfig(
        output_dir=str(tmp_path),
        use_cpu=True,
        bf16=False,
        report_to="none",
        gradient_checkpointing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        per_device_train_batch_size=3,
        max_length=None,
    )
    theirs = SFTTrainer(
        model=theirs_network,
        args=config,
        train_dataset=datasets.Dataset.from_dict(rows),
        processing_class=AutoTokenizer.from_pretrained(weights.folder("fake")),
    )
    expected = theirs.compute_loss(theirs.model, dict(next(iter(theirs.get_train_dataloader()))))
    ours_network.set_attn_implementation(attention.NAME)
    fused_lora.fuse(ours_network)
    ours = trainer.AnswerTrainer(
        args=trainer.config(SETTINGS, tmp_path, 1),
        examples=EXAMPLES,
        plan=[[[0], [1], [2]]],
        network=Tuned(ours_network, answers.by_trees, False),
        objective=None,
        budget=64,
    )
    loss = ours.compute_loss(ours.model, next(iter(ours.get_train_dataloader())))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    found = gradients(ours_network, loss)
    equal(found, gradients(theirs_network, expected))
    assert len(found) == 2 * 2 * 7  # two layers, seven linear layers each, A and B


@pytest.mark.parametrize(
    ("examples", "places"),
    [
        (EXAMPLES, None),
        (SHARED, None),
        (SHARED, [[2, 0], [1, 3]]),
        (TABLES, [[0, 1, 2], [3, 4, 5]]),
        ([*TABLES, *EXAMPLES, TABLES[0]], [[6], [0, 1, 2, 9], [7], [3, 4, 5], [8]]),
    ],
    ids=["rows", "instruction and answers shared", "in trees", "tables shared", "a question twice, among rows"],
)
@pytest.mark.parametrize("block", [attention.BLOCK, 5], ids=["one block", "blocks"])
def test_trees_give_the_scores_and_gradients_of_padded_rows(examples, places, block, monkeypatch):
    monkeypatch.setattr(attention, "BLOCK", block)
    network = adapted()
    slow = answers.by_rows(network, examples)
    expected = gradients(network, weighted(slow))
    network.set_attn_implementation(attention.NAME)
    quick = answers.by_trees(network, examples, places)
    for one, other in zip(quick, slow, strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)
    equal(gradients(network, weighted(quick)), expected)


def test_a_fused_layer_gives_what_peft_gives():
    plain, fused = adapted(), adapted()
    assert fused_lora.fuse(fused) == 14
    expected, found = (gradients(n, weighted(answers.by_rows(n, SHARED))) for n in (plain, fused))
    equal(found, expected)


def test_layers_that_are_no_plain_lora_are_left_to_peft():
    network = AutoModelForCausalLM.from_pretrained(weights.folder("fake"))
    lora = LoraConfig(r=4, target_modules=["q_proj"], use_dora=True, task_type="CAUSAL_LM")
    assert fused_lora.fuse(get_peft_model(network, lora)) == 0


def test_log_probabilities_and_their_gradient_are_those_of_log_softmax():
    whole = torch.randn(700, 11, requires_grad=True)
    logits = whole * 1.0
    rows, tokens, weight = torch.randint(700, (900,)), torch.randint(11, (900,)), torch.randn(900)
    (vocabulary.log_probabilities(logits, rows, tokens) * weight).sum().backward()
    found, whole.grad = whole.grad, None
    (torch.log_softmax(whole, -1)[rows, tokens] * weight).sum().backward()
    assert torch.allclose(found, whole.grad, atol=1e-5)


def test_a_mask_that_does_not_fit_is_noticed_and_rows_are_used(monkeypatch):
    model = load("fake")
    said = []
    assert answers.fitting(model.network, SHARED, said.append) is answers.by_trees and not said
    monkeypatch.setattr(
        token_trees, "sees", lambda rows, width: token_trees.np.ones((len(rows), width, width), dtype=bool)
    )
    assert answers.fitting(model.network, SHARED, said.append) is answers.by_rows
    assert "do not fit" in said[0]


@pytest.mark.parametrize("change", [{"attention_dropout": 0.1}, {"layer_types": ["sliding_attention"] * 2}])
def test_a_model_that_takes_no_trees_trains_by_rows_with_a_warning(change, tmp_path):
    """Dropout above all: looked at without it, trees fit, and the first step would find no way to drop weights."""
    shutil.copytree(weights.folder("fake"), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | change))
    said = []
    lora = LoraConfig(r=2, task_type="CAUSAL_LM")
    cost = trainer.train(
        load(str(tmp_path / "model"), warn=said.append), SHARED, lora, SETTINGS, tmp_path / "out", Progress()
    )
    assert cost["tokens_read"] == sum(map(len, SHARED)) and "Training by padded rows" in said[0]


def test_what_prompts_share_stands_in_a_batch_once():
    forest = answers.pack(SHARED)
    assert forest.prefix == len(INSTRUCTION) + 1
    # Of [n, 0], [8, n, 0] and [8, 9] behind the question's last token only n, 8 and the n behind 8 are read.
    needed = forest.prefix + len(SHARED) * (1 + 3)
    assert forest.ids.numel() == rounded(needed)


def test_batches_of_other_lengths_have_the_same_sizes_so_that_compiled_products_serve_again():
    def sizes(numbers):
        forest = answers.pack([Example(list(range(100 * i, 100 * i + n)), ([7, 0],)) for i, n in enumerate(numbers)])
        return forest.ids.shape, forest.cells.shape, int(forest.keep.sum()), len(forest.predictor)

    assert sizes([30] * 33) == sizes([30] * 32 + [20]) == ((1, 1024), (34, 32), 72, 66)
    # Padding stands behind shorter trees where there is room, and is seen by nothing but itself.
    forest = answers.pack([Example([1, 2, 3, 4, 5], ([6, 0],)), Example([7, 8], ([9, 0],))])
    assert forest.ids[0].tolist() == [1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, *[0] * 5] and len(forest.answers) == 2
    assert forest.cells.shape == (2, 8) and not forest.hidden[0, 6:, :6].logical_not().any()
    assert [rounded(n) for n in (1, 8, 9, 127, 129, 1024, 1025)] == [8, 8, 16, 128, 136, 1024, 1088]
    assert [rounded(n, least=1) for n in (1, 5, 31, 33)] == [1, 5, 31, 34]


def test_an_objective_is_the_mean_over_the_batch(tmp_path):
    seen = []

    def objective(positions, scores):
        seen.append((positions, [score.shape for score in scores]))
        return torch.stack([score.mean() for score in scores]).mean()

    cost = trainer.train(
        load("fake"),
        SHARED,
        LoraConfig(r=2, task_type="CAUSAL_LM"),
        SETTINGS,
        tmp_path,
        Progress(),
        objective=objective,
    )
    assert sorted(position for positions, _ in seen for position in positions) == [0, 1, 2, 3]
    assert all(shape == (3,) for _, shapes in seen for shape in shapes)
    assert cost["tokens"] == sum(map(len, SHARED))


def test_reference_log_probabilities_are_those_of_the_plain_way_and_leave_the_model_as_it_was():
    model = load("fake", dtype=torch.float32)
    before = copy.deepcopy(model.network.state_dict())
    found = trainer.log_probabilities(model, SHARED, None, 64, Progress())
    model.network.set_attn_implementation("eager")
    for scores, expected in zip(found, answers.by_rows(model.network, SHARED), strict=True):
        assert torch.allclose(torch.tensor(scores).float(), expected.cpu(), atol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_the_best_look_is_kept(tmp_path):
    class Evaluator:
        every = 1

        def __call__(self, step, network, before):
            assert not network.training
            assert [row["step"] for row in before] == list(range(step))
            return EvalResult(-abs(step - 1.0), step >= 2, {"step squared": step**2})

    settings = {**SETTINGS, "epochs": 5, "batch_tokens": 60}
    cost = trainer.train(
        load("fake"),
        SHARED,
        LoraConfig(r=2, task_type="CAUSAL_LM"),
        settings,
        tmp_path,
        Progress(),
        evaluator=Evaluator(),
    )
    assert cost["steps"] == 2
    once = trainer.train(
        load("fake"),
        SHARED,
        LoraConfig(r=2, task_type="CAUSAL_LM"),
        {**settings, "lr_scheduler": "constant_with_warmup"},
        tmp_path / "other",
        Progress(),
        evaluator=Evaluator(),
    )
    assert once["steps"] == 2
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file() and (tmp_path / "checkpoints/best").is_dir()


def test_a_call_killed_behind_the_checkpoint_at_which_a_look_ended_training_does_not_train_on(tmp_path):
    class Evaluator:
        every = 1

        def __call__(self, step, network, before):
            return EvalResult(float(step), step >= 2, {})

    def train():
        settings = {**SETTINGS, "epochs": 5, "batch_tokens": 60, "save_steps": 2}
        lora = LoraConfig(r=2, task_type="CAUSAL_LM")
        cost = trainer.train(load("fake"), SHARED, lora, settings, tmp_path, Progress(), evaluator=Evaluator())
        return cost, (tmp_path / "adapter/adapter_model.safetensors").read_bytes(), eval_callback.read(tmp_path)

    (whole, adapter, lines), (resumed, adapter_again, lines_again) = train(), train()
    assert (whole["steps"], resumed["steps"], resumed["resumed_at_step"]) == (2, 2, 2)
    assert adapter_again == adapter and lines_again == lines and [row["stop"] for row in lines] == [False, False, True]


def test_a_checkpoint_is_hashed_once_before_training_goes_on(tmp_path, monkeypatch):
    settings = {**SETTINGS, "epochs": 2, "save_steps": 2}
    lora, hashed, hashes = LoraConfig(r=2, task_type="CAUSAL_LM"), [], checkpoints._hashes
    trainer.train(load("fake"), SHARED, lora, settings, tmp_path, Progress())
    monkeypatch.setattr(checkpoints, "_hashes", lambda folder: hashed.append(folder) or hashes(folder))
    assert trainer.train(load("fake"), SHARED, lora, settings, tmp_path, Progress())["resumed_at_step"] > 0
    assert len(hashed) == 1


def test_a_look_does_not_copy_the_head_for_each_row_and_training_finds_it_as_it_was(tmp_path):
    seen, networks = [], []

    class Evaluator:
        every = 1

        def __call__(self, step, network, before):
            weight = network.get_output_embeddings().weight
            networks.append(network)
            seen.append((weight.requires_grad, weight.grad))
            return EvalResult(0.0, False, {})

    lora = LoraConfig(r=2, task_type="CAUSAL_LM")
    trainer.train(load("fake"), SHARED, lora, SETTINGS, tmp_path, Progress(), evaluator=Evaluator())
    # Torch multiplies a slice by a copy of weights that nothing can ask gradients of.
    assert "unit" in json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert set(seen) == {(True, None)} and not networks[0].get_output_embeddings().weight.requires_grad


def test_every_checkpoint_has_its_line_in_the_log_since_it_does_not_keep_a_loss_that_waits(tmp_path):
    for steps, every in ((700, 100), (12_300, 100), (5_000, 97), (90, 4), (250, 1)):
        lines = trainer.config({**SETTINGS, "save_steps": every}, tmp_path, steps).logging_steps
        assert every % lines == 0 and lines <= max(1, steps // 100)
    assert trainer.config({**SETTINGS, "save_steps": 100}, tmp_path, 700).logging_steps == 5


BROKEN_OFF = """
import sys
from rich.console import Console
from metier.cli.progress_bar import TerminalHandler
from metier.runs.progress import LOGGER, Progress

progress, handler = Progress(), TerminalHandler()
handler.console = Console(stderr=True, force_terminal=True)
LOGGER.addHandler(handler)
LOGGER.setLevel("DEBUG")
progress.begin("training", 3, "steps")
if sys.argv[1] == "end":
    progress.end()
raise KeyboardInterrupt
"""


@pytest.mark.parametrize("end", ["end", "break off"])
def test_a_terminal_has_its_cursor_again_however_a_bar_ends(end):
    hide, show = "\x1b[?25l", "\x1b[?25h"
    said = subprocess.run([sys.executable, "-c", BROKEN_OFF, end], capture_output=True, text=True).stderr
    assert said.count(hide) == said.count(show) == 1 and said.index(hide) < said.index(show)


def test_batches_keep_to_the_budget_and_hold_every_row_once():
    lengths = [3, 50, 7, 7, 12, 100, 1, 40]
    for plan in (batches.by_length(lengths, 60), batches.shuffled(lengths, 60, seed=1, epoch=0, pool=4)):
        assert sorted(position for batch in plan for position in batch) == list(range(8))
    for batch in batches.by_length(lengths, 60):  # padded
        assert len(batch) == 1 or len(batch) * max(lengths[p] for p in batch) <= 60
    # One behind the other: 25, 20 and 15 fill a step of 60.
    assert batches.by_sum([15, 25, 20, 3], 60) == [[1, 2, 0], [3]]
    # But where one is long and others are short, attention would pad them all to the long one.
    assert batches.by_sum([50] + [1] * 10, 60) == [[0], list(range(1, 11))]


def test_examples_that_share_an_instruction_are_read_together_and_it_counts_once():
    task = [Example([*INSTRUCTION, 7, n], ([n, 0],)) for n in range(100)]
    few = [Example([n, 1, 2], ([3],)) for n in range(9)]
    plan = [batches.flat(batch) for batch in batches.plan([*task, *few], 56, seed=0, epochs=1)]
    assert sorted(position for batch in plan for position in batch) == list(range(109))
    assert all(len({position < 100 for position in batch}) == 1 for batch in plan)
    # 41 shared tokens and 2 a question: 56 hold seven questions, and not one, as they would if each came whole.
    assert max(len(batch) for batch in plan if batch[0] < 100) == 7


def test_questions_about_one_table_stand_in_one_tree_and_it_counts_once():
    many = [Example([*range(n, n + 30), q], ([q, 0],)) for q in range(5) for n in (100, 200, 300)]
    # 30 tokens of a table and 2 a question: 80 hold two tables with their five questions each.
    plan = batches.plan(many, 80, seed=0, epochs=1)
    assert sorted(sorted(tree) for batch in plan for tree in batch) == [list(range(n, 15, 3)) for n in range(3)]
    assert sorted(batches.tokens_read(many, batch) for batch in plan) == [40, 80]
    two = max(plan, key=len)
    mine = [many[position] for position in batches.flat(two)]
    assert answers.pack(mine, batches.places(two)).ids.numel() == rounded(80)
    assert plan != batches.plan(many, 80, seed=1, epochs=1)
    # But where the greater part of a prompt is its own, it comes whole.
    alike = [[*range(16), *range(n, n + 60)] for n in (100, 200)]
    assert [bundle.members for bundle in token_trees.bundles(alike, [1, 1], 0.25)] == [[0], [1]]


def test_a_model_that_reads_padded_rows_gets_no_more_of_them_than_the_budget_holds():
    many = [Example([*range(30), q], ([q, 0], [8, 0])) for q in range(40, 60)]
    assert max(len(batches.flat(batch)) for batch in batches.plan(many, 140, seed=0, epochs=1)) > 2
    plan = batches.plan(many, 140, seed=0, epochs=1, shared=False)
    assert all(sum(len(many[position]) for position in batches.flat(batch)) <= 140 for batch in plan)


def test_copies_of_a_row_are_seen_at_several_times_of_an_epoch():
    many = [Example([*range(30), q], ([q, 0],)) for q in range(40, 44)]
    plan = batches.plan([*many, *many, many[0]], 64, seed=0, epochs=1)
    assert sorted(sorted(tree) for batch in plan for tree in batch) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]


def test_a_batch_of_trees_reads_no_more_than_its_budget():
    draw = random.Random(0)
    for _ in range(40):
        begin = [draw.randrange(50) for _ in range(draw.choice([0, 20, 40]))]
        groups = [[draw.randrange(50) for _ in range(draw.randrange(40))] for _ in range(4)]
        prompts = [[*begin, *draw.choice(groups), *draw.choices(range(50), k=draw.randrange(1, 20))] for _ in range(60)]
        examples = [Example(prompt, ([1, 2], [1, 3])[: draw.randrange(1, 3)]) for prompt in prompts]
        budget = draw.choice([120, 170, 400, 1000])
        plan = batches.plan(examples, budget, seed=0, epochs=1)
        assert sorted(position for batch in plan for position in batches.flat(batch)) == list(range(60))
        for batch in plan:
            mine, places = [examples[position] for position in batches.flat(batch)], batches.places(batch)
            read = batches.tokens_read(examples, batch)
            assert read <= budget and answers.pack(mine, places).ids.numel() == rounded(read)


def test_a_tree_of_many_questions_stays_within_its_limits():
    prompts = [[*range(40), n] for n in range(600)]
    sizes = [bundle.tokens for bundle in token_trees.bundles(prompts, [1] * 600, 0.25)]
    assert max(sizes) <= token_trees.WIDE and sum(sizes) == len(sizes) * 40 + 600 * 2
    long = [[*range(1000), n] for n in range(600)]
    assert max(bundle.tokens for bundle in token_trees.bundles(long, [1] * 600, 0.25)) in range(1900, 2005)
    assert max(bundle.tokens for bundle in token_trees.bundles(long, [1] * 600, 0.25, most=1200)) <= 1200


def test_processes_share_a_batch_tree_by_tree_and_their_mean_loss_is_that_of_one(tmp_path):
    plan = [[[0, 1, 2], [3, 4, 5], [6]]]
    examples = [*TABLES, EXAMPLES[0]]
    network = adapted()
    network.set_attn_implementation(attention.NAME)

    def loss(processes, number):
        ours = trainer.AnswerTrainer(
            args=trainer.config(SETTINGS, tmp_path, 1),
            examples=examples,
            plan=plan,
            network=Tuned(network, answers.by_trees, False),
            objective=None,
            budget=64,
        )
        ours.args = SimpleNamespace(world_size=processes, process_index=number, device=torch.device("cpu"))
        return ours.compute_loss(network, {"number": torch.tensor([0])}).item()

    for processes in (2, 3, 5):
        shared = [loss(processes, number) for number in range(processes)]
        assert sum(shared) / processes == pytest.approx(loss(1, 0), rel=1e-5)
    assert loss(5, 4) == 0


def test_batches_are_the_same_for_a_seed_and_others_for_another():
    lengths = list(range(1, 60))
    first = batches.shuffled(lengths, 64, seed=1, epoch=0)
    assert first == batches.shuffled(lengths, 64, seed=1, epoch=0)
    assert first != batches.shuffled(lengths, 64, seed=2, epoch=0)
    assert first != batches.shuffled(lengths, 64, seed=1, epoch=1)


def test_a_kill_between_the_adapter_and_its_seal_does_not_lose_the_best_one(tmp_path):
    for name, said in (("adapter", "last"), (eval_callback.BEST, "best")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "weights").write_text(said)
    eval_callback.EvalCallback.keep_best(tmp_path)
    (tmp_path / "adapter" / "weights").write_text("last, saved again by the call that goes on")
    eval_callback.EvalCallback.keep_best(tmp_path)
    assert (tmp_path / "adapter" / "weights").read_text() == "best"


def test_a_training_that_starts_again_takes_its_first_look_again(tmp_path):
    class Evaluator:
        every = 100

        def __call__(self, step, network, before):
            assert before == []
            return EvalResult(1.0, True, {})

    tmp_path.mkdir(exist_ok=True)
    (tmp_path / eval_callback.FILE).write_text('{"step": 0, "score": 5.0, "best": true}\n')  # of a call killed early
    lora = LoraConfig(r=2, task_type="CAUSAL_LM")
    longer = {**SETTINGS, "epochs": 2}  # the look says stop, which ends training before the next step
    trainer.train(load("fake"), SHARED, lora, longer, tmp_path, Progress(), evaluator=Evaluator())
    assert [row["score"] for row in eval_callback.read(tmp_path)][0] == 1.0


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 12 bytes")])
def test_a_full_memory_says_what_would_fit(error, backward, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    def full(network, examples, places):
        found = answers.by_rows(network, examples)
        if torch.is_grad_enabled() and backward:
            found[0].register_hook(fail)
        elif torch.is_grad_enabled():
            fail()
        return found

    monkeypatch.setattr(answers, "fitting", lambda *_: full)
    with pytest.raises(UserError, match="A batch of 64 tokens.*`batch_tokens` to 64"):
        lora = LoraConfig(r=2, task_type="CAUSAL_LM")
        trainer.train(load("fake"), SHARED, lora, SETTINGS, tmp_path, Progress())


def test_an_adapter_of_another_model_is_refused(tmp_path):
    lora = LoraConfig(r=2, task_type="CAUSAL_LM")
    trainer.train(load("fake"), SHARED, lora, SETTINGS, tmp_path, Progress())
    from metier.engine.models.fake import make

    make(tmp_path / "larger", hidden=64)
    with pytest.raises(UserError, match="does not fit"):
        trainer.train(
            load(str(tmp_path / "larger")), SHARED, lora, SETTINGS, tmp_path / "b", Progress(), tmp_path / "adapter"
        )
