"""Reading raw text on: blocks, replay, looks and when to stop."""

import json

import pyarrow as pa
import pytest

from metier.data.records import rows_to_table
from metier.engine.models.model import load
from metier.engine.training.blocks import blocks
from metier.engine.training.context import TrainingContext
from metier.errors import Problems, UserError
from metier.methods.dapt import HeldOut, Method
from metier.recipes import plugins
from metier.runs.progress import Progress

TRADE = ["the patient has a rash on the left arm", "a cough of three days and a fever", "the rash is on the arm"]
GENERAL = ["the sun is out today", "we went home by train"]


def table(texts, source="trade"):
    return rows_to_table(
        {"id": f"{source}{n}", "text": text, "source": source, "license": "MIT", "origin": "o"}
        for n, text in enumerate(texts)
    )


def context(folder, train=TRADE, general=GENERAL, valid=TRADE):
    rows = pa.concat_tables([table(train), table(general, "general")])
    held = pa.concat_tables([table(valid), table(general, "general")])
    return TrainingContext(rows, held, {}, "fake", None, folder, 0, Progress())


def test_each_token_but_the_first_is_learned_once():
    text = list(range(10, 45))
    found = blocks(text, 8, end=0)
    assert [token for block in found for token in block.answers[0]] == [*text[1:], 0]
    assert all(len(block) <= 8 for block in found)
    assert [block.prompt[0] for block in found] == [10, *(block.answers[0][-1] for block in found[:-1])]
    assert [len(block.answers[0]) for block in blocks([5], 8, end=0)] == [1]


def test_replay_is_the_share_that_was_asked_for(tmp_path):
    method, model = Method(replay=0.25, block_size=16), load("fake")
    found = method.examples(model, context(tmp_path))
    own = Method(replay=0.0, block_size=16).examples(model, context(tmp_path))
    tokens, mine = sum(map(len, found)), sum(map(len, own))
    assert 0.25 <= (tokens - mine) / tokens < 0.35


def test_too_little_general_text_is_repeated_four_times_and_that_is_said(tmp_path, capsys):
    found = Method(replay=0.8, block_size=64).examples(load("fake"), context(tmp_path))
    assert len(found) == len(TRADE) + 4 * len(GENERAL)
    assert "4 times over" in capsys.readouterr().err


def test_held_out_general_text_is_halved_where_there_is_no_other(tmp_path):
    given = context(tmp_path, general=["a", "b", "c", "d"])
    given.rows = table(TRADE)
    model = load("fake")
    method = Method(replay=0.01, block_size=64)
    replayed = method.examples(model, given)[len(TRADE) :]
    looked = method._look(model, given).blocks["general"]
    texts = {model.tokenizer.decode([*b.prompt, *b.answers[0][:-1]]) for b in replayed}
    assert texts <= {"a", "c"} and {model.tokenizer.decode(block[:-1]) for block in looked} == {"b", "d"}


def test_reading_on_lowers_the_loss_and_the_best_adapter_is_kept(tmp_path):
    method = Method(lr=2e-2, epochs=12, batch_tokens=64, replay=0.1, eval_steps=4, general_margin=10.0)
    cost = method.train(context(tmp_path))
    looks = [json.loads(line) for line in (tmp_path / "evaluations.jsonl").read_text().splitlines()]
    assert looks[0]["step"] == 0 and looks[-1]["domain"] < looks[0]["domain"] - 0.15
    assert cost["steps"] > 8 and (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_training_ends_where_general_text_leaves_its_margin(tmp_path, capsys):
    method = Method(lr=5e-2, epochs=50, batch_tokens=64, replay=0.0, eval_steps=2, general_margin=0.001)
    given = context(tmp_path, general=["zq xj kv 0987"], train=["aaaa aaaa"] * 4, valid=["aaaa aaaa"])
    cost = method.train(given)
    assert cost["steps"] < 50 and "more than the margin" in capsys.readouterr().err
    looks = [json.loads(line) for line in (tmp_path / "evaluations.jsonl").read_text().splitlines()]
    assert max(looks, key=lambda row: row["score"])["score"] > -1e3


def test_settings_of_looks_that_make_no_sense_are_refused():
    wrong = {"max_train_tokens": -1, "eval_steps": -1, "eval_blocks": -1, "stall": -0.1, "patience": -1}
    with pytest.raises(Problems) as caught:
        plugins.build("methods", "dapt", wrong)
    assert [said.split("take ")[1].split(":")[0] for said in caught.value.problems] == sorted(wrong)


def test_training_ends_where_the_domain_loss_stalls():
    look = HeldOut(Method(stall=0.01, patience=2), {}, print)
    rows = [{"score": -3.0}, {"score": -2.0}]
    assert not look._stalls(-1.9, rows)
    assert not look._stalls(-1.995, [*rows[:1], {"score": -2.0}, {"score": -1.9}])
    assert look._stalls(-2.0, [*rows, {"score": -1.999}])


def test_rows_without_raw_text_or_general_text_are_explained(tmp_path):
    with pytest.raises(UserError, match="no raw text"):
        Method().examples(load("fake"), context(tmp_path, train=[]))
    given = context(tmp_path, general=[])
    with pytest.raises(UserError, match="replay: 0"):
        Method().examples(load("fake"), given)


def test_check_shows_a_method_every_source_and_kind_however_rare():
    from metier.experiments.dry_run import SAMPLE, _few

    rows = pa.concat_tables([table(["word"] * 3 * SAMPLE), table(["plain"], "general")])
    few = _few(rows, {}, 0)
    assert few["source"].to_pylist().count("general") == 1 and SAMPLE <= len(few) <= SAMPLE + 1


def test_check_draws_neighbors_since_rows_that_begin_alike_are_read_together():
    from metier.experiments.dry_run import RUN, SAMPLE, _few

    # Four sentences of each beginning, which stand far apart in the file.
    rows = table([f"{number % 500:03d} begins so {number // 500}" for number in range(2000)])
    begun = [text[:3] for text in _few(rows, {}, 0)["text"].to_pylist()]
    assert SAMPLE <= len(begun) <= SAMPLE + 1 and RUN % 4 == 0
    assert len(set(begun)) <= SAMPLE // 4 + 1
