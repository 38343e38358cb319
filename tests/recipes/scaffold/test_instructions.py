"""`metier new` on chats, instructions and other answers in words of their own."""

import json

import pyarrow.parquet as pq
import pytest
import yaml

from metier.errors import UserError
from metier.recipes.scaffold.columns import columns_of
from metier.recipes.scaffold.new import new
from tests.cli.test_cli import inside
from tests.tiny import desk_rows, lines, write_csv, write_lines


def asked_and_answered(count=60):
    """A shop's questions with answers in words of their own, several of each parcel."""
    for number in range(count):
        where, days = ("Rome", "Oslo", "Bern")[number % 3], number % 7 + 2
        question = f"How long does parcel {number} take to {where}?"
        yield f"p{number // 3}", question, f"To {where} {days} days from {number}."


WRITTEN = {
    "messages": lambda p, q, a: {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]},
    "sharegpt": lambda p, q, a: {"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]},
    "alpaca": lambda p, q, a: {"instruction": "Answer briefly.", "input": q, "output": a},
    "prompt_completion": lambda p, q, a: {"prompt": q, "completion": a},
    "faq": lambda p, q, a: {"question": q, "answer": a, "to": q.split()[-1], "notes": f"As the carrier says: {a} {q}"},
    "mail": lambda p, q, a: {"mail": q, "reply": a},
}


@pytest.mark.parametrize("shape", WRITTEN)
def test_instructions_and_chats_of_every_shape_are_asked_for_their_answers(tmp_path, shape):
    (tmp_path / "data").mkdir()
    rows = [{"parcel": p, **WRITTEN[shape](p, q, a)} for p, q, a in asked_and_answered()]
    broken = [{"parcel": "x", **WRITTEN[shape]("x", "Where is it?", "")}]
    write_lines(tmp_path / "data" / "chats.jsonl", [*rows, *broken])
    found = new("desk", tmp_path / "data", into=tmp_path)
    recipe = yaml.safe_load((tmp_path / "desk/recipe.yaml").read_text())
    (own, _), (benchmark,) = recipe["datasets"], recipe["benchmarks"]
    text, label = ("mail", "reply") if shape == "mail" else ("question", "answer")
    assert (own["text"], own["label"], own.get("group")) == (text, label, None)
    assert (benchmark["text"], benchmark["label"], benchmark["chat_template"]) == (text, label, True)
    assert benchmark["scorer"] == {"generate": {"max_new_tokens": 32, "stop": []}} and benchmark["metrics"] == [
        "rouge_l"
    ]
    written = {row[label] for part in ("train", "test") for row in lines(tmp_path / f"desk/{part}.jsonl")}
    assert written == {a for _, _, a in asked_and_answered()} and not {"input", "output", "messages"} & set(own)
    assert (found["train"], found["test"], found["left_out"]) == (48, 12, 1)
    assert any(f"write `{label}` when it reads `{text}`" in doubt for doubt in found["questions"])
    for row in lines(tmp_path / "desk/train.jsonl"):  # the answer stands nowhere else, but where people wrote it twice
        assert [key for key, value in row.items() if key != "notes" and row[label] in value] == [label]


@pytest.mark.parametrize("shape", ["messages", "sharegpt"])
def test_columns_beside_a_chat_are_kept_whatever_they_are_called(tmp_path, shape):
    (tmp_path / "data").mkdir()
    rows = [{"input": f"by {p}", **WRITTEN[shape](p, q, a)} for p, q, a in asked_and_answered()]
    write_lines(tmp_path / "data" / "chats.jsonl", rows)
    new("desk", tmp_path / "data", into=tmp_path)
    assert set(lines(tmp_path / "desk/train.jsonl")[0]) == {"input", "question", "answer"}


@pytest.mark.slow
def test_written_answers_are_run_to_a_verdict(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    rows = [{"customer": p, "question": q, "answer": a} for p, q, a in asked_and_answered()]
    write_csv(tmp_path / "data/faq.csv", rows)
    new("desk", tmp_path / "data", into=tmp_path)
    recipe = tmp_path / "desk/recipe.yaml"
    assert "cluster: customer" in recipe.read_text()
    recipe.write_text(
        recipe.read_text().replace("chat_template: true", "chat_template: false")
    )  # the fake model has no template
    assert inside(monkeypatch, capsys, "check", recipe, "--set", "model=fake")[0] == 0
    code, out, _ = inside(monkeypatch, capsys, "run", recipe, "--set", "model=fake", "--out", "run", "--json")
    (judged,) = json.loads(out)["benchmarks"]
    assert code in (0, 2) and (judged["metric"], judged["n"], judged["clusters"]) == ("rouge_l", 12, 4)
    held_out = pq.read_table("run/curate/valid.parquet")["task"].to_pylist()
    assert held_out.count("desk-test") == 3  # one in ten of 48, customers whole


def test_an_answer_of_few_kinds_is_a_class_in_whatever_shape_it_comes(tmp_path):
    (tmp_path / "data").mkdir()
    rows = [WRITTEN["messages"](p, q, "late" if n % 3 else "lost") for n, (p, q, _) in enumerate(asked_and_answered())]
    write_lines(tmp_path / "data" / "chats.jsonl", rows)
    new("desk", tmp_path / "data", into=tmp_path)
    (benchmark,) = yaml.safe_load((tmp_path / "desk/recipe.yaml").read_text())["benchmarks"]
    assert benchmark["metrics"] == ["accuracy", "macro_f1"] and benchmark["prompt"] == "Question: {text}\nAnswer:"


TICKETS = [
    {
        "mail": q,
        "reply": f"Dear customer, {a}",
        "full_response": f"{q} Dear customer, {a} From the desk for {q.split()[-1]}",
        "queue": q.split()[-1],
        "kind": "question on parcels" if n % 2 else "anything else",
        "number": n,
        "key": f"K-{n}",
        "person": f"Desk {n % 20}",
    }
    for n, (_, q, a) in enumerate(asked_and_answered())
]


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"mail": "mail", "reply": "reply", "queue": "queue"}, ("mail", "queue")),
        (
            {"message": "mail", "reply": "reply", "full_response": "full_response", "queue": "queue"},
            ("message", "queue"),
        ),
        ({"query type": "kind", "message": "mail", "reply": "reply"}, ("message", "query type")),
        ({"question": "mail", "answer": "reply", "tag": "queue"}, ("question", "tag")),
        ({"question": "mail", "answer": "reply", "to": "queue"}, ("question", "answer")),
        ({"question": "mail", "answer": "number"}, ("question", "answer")),
        ({"question_id": "key", "answer_id": "key", "question": "mail", "answer": "reply"}, ("question", "answer")),
        ({"prompt": "mail", "completion_tokens": "key", "completion": "reply"}, ("prompt", "completion")),
        ({"Reply-To": "key", "Subject": "kind", "Body": "reply", "Queue": "queue"}, ("Body", "Queue")),
        ({"Summary": "mail", "Reporter": "person", "Issue Type": "queue"}, ("Summary", "Issue Type")),
        ({"summary": "mail", "description": "full_response", "queue": "queue"}, ("description", "queue")),
        ({"summary": "mail", "text": "full_response"}, ("text", "summary")),
        ({"question": "kind", "response": "reply", "code": "queue"}, ("response", "code")),
    ],
)
def test_a_reply_is_told_from_what_is_read_and_from_a_class(columns, wanted):
    found = columns_of([{name: row[of] for name, of in columns.items()} for row in TICKETS])
    assert (found.text, found.label) == wanted
    assert bool(found.written) == (wanted[1] in ("answer", "reply", "completion", "summary"))


def test_a_reply_that_few_rows_have_is_none():
    rows = [{"text": row["mail"], "summary": "Late." if n < 9 else None} for n, row in enumerate(TICKETS)]
    assert columns_of(rows).label is None


def test_of_a_folder_the_classes_are_asked_before_written_answers(tmp_path, data):
    write_lines(data / "chats.jsonl", [WRITTEN["messages"](p, q, a) for p, q, a in asked_and_answered(200)])
    found = new("triage", data, into=tmp_path)
    assert found["train"] + found["test"] == 120
    assert any("`chats.jsonl`: other columns than the table" in doubt for doubt in found["questions"])


def test_preferences_are_named_and_not_read_as_texts(tmp_path, data):
    pairs = [{"prompt": q, "chosen": a, "rejected": "No idea, sorry."} for _, q, a in asked_and_answered()]
    write_lines(data / "pairs.jsonl", pairs)
    found = new("triage", data, into=tmp_path)
    assert found["documents"] == 0 and any("`pairs.jsonl` holds preferences" in doubt for doubt in found["questions"])
    assert lines(tmp_path / "triage/left_out.jsonl")[0]["origin"] == "pairs.jsonl"
    write_lines(data / "pairs.jsonl", [{"chosen": pair["chosen"], "rejected": pair["rejected"]} for pair in pairs])
    with pytest.raises(UserError, match="pairs.jsonl holds preferences, which `dpo` learns from"):
        new("pairs", data / "pairs.jsonl", into=tmp_path)


def test_what_a_shape_says_is_not_guessed_again(tmp_path):
    (tmp_path / "data").mkdir()
    rows = [
        {"instruction": q, "output": "late" if n % 3 else "lost", "text": f"### {q}\n### {'late' if n % 3 else 'lost'}"}
        | {"rationale": f"Because the carrier wrote at length {n}", "status": "new" if n % 2 else "old"}
        for n, (_, q, _) in enumerate(asked_and_answered())
    ]
    write_lines(tmp_path / "data" / "chats.jsonl", rows)
    new("desk", tmp_path / "data", into=tmp_path)
    recipe = yaml.safe_load((tmp_path / "desk/recipe.yaml").read_text())
    assert (recipe["datasets"][0]["text"], recipe["datasets"][0]["label"]) == ("question", "answer")
    assert all("text" not in row for row in lines(tmp_path / "desk/train.jsonl"))


@pytest.mark.parametrize("rows", [
    [{"Prompt": q, "Chosen": a, "Rejected": "I do not know."} for _, q, a in asked_and_answered()],
    [{"prompt": q, "chosen": a, "rejected": "I do not know." if q[-5:] != "Rome?" else None}
     for _, q, a in asked_and_answered()],
])  # fmt: skip
def test_preferences_are_known_in_any_spelling_and_with_a_broken_first_row(tmp_path, data, rows):
    write_lines(data / "pairs.jsonl", rows)
    found = new("triage", data, into=tmp_path)
    assert found["documents"] == 0 and any("`pairs.jsonl` holds preferences" in doubt for doubt in found["questions"])


def test_counts_and_texts_that_are_called_like_a_shape_are_none(tmp_path):
    rows = [row | {"chosen": n, "rejected": n % 3, "messages": f"{n} messages"} for n, row in enumerate(desk_rows())]
    found = new("triage", write_csv(tmp_path / "data" / "notes.csv", rows).parent, into=tmp_path)
    assert (found["train"] + found["test"], found["left_out"]) == (120, 0)


def test_an_answer_that_is_a_number_is_told_by_its_shape(tmp_path):
    (tmp_path / "data").mkdir()
    rows = [
        {"instruction": "Rate it.", "input": q, "output": n % 3, "text": f"Rate it.\n{q}\nAnswer: {n % 3}"}
        for n, (_, q, _) in enumerate(asked_and_answered())
    ]
    write_lines(tmp_path / "data" / "rated.jsonl", rows)
    new("desk", tmp_path / "data", into=tmp_path)
    recipe = yaml.safe_load((tmp_path / "desk/recipe.yaml").read_text())
    assert (recipe["datasets"][0]["text"], recipe["datasets"][0]["label"]) == ("question", "answer")
    assert set(lines(tmp_path / "desk/train.jsonl")[0]) == {"question", "answer"}


def test_questions_that_come_again_are_still_asked(tmp_path):
    rows = [
        {"question": f"Where is parcel {n % 15} now?", "answer": a} for n, (_, _, a) in enumerate(asked_and_answered())
    ]
    found = columns_of(rows)
    assert (found.text, found.label) == ("question", "answer") and found.written


def test_a_small_side_table_does_not_take_the_folder(tmp_path):
    (tmp_path / "data").mkdir()
    write_lines(tmp_path / "data" / "chats.jsonl", [WRITTEN["messages"](p, q, a) for p, q, a in asked_and_answered()])
    contacts = [{"note": f"Called the shop {n} times", "status": "open" if n % 2 else "done"} for n in range(12)]
    write_csv(tmp_path / "data" / "contacts.csv", contacts)
    found = new("desk", tmp_path / "data", into=tmp_path)
    assert found["train"] + found["test"] == 60


def test_chats_that_cannot_be_read_say_why(tmp_path, data):
    turns = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Where?"}]
    write_lines(data / "chats.jsonl", [{"messages": turns}] * 30)
    new("triage", data, into=tmp_path)
    (why, *_) = lines(tmp_path / "triage/left_out.jsonl")
    assert why["origin"] == "chats.jsonl:1" and "the role 'developer'" in why["reason"]
    with pytest.raises(UserError, match="the role 'developer'"):
        new("desk", data / "chats.jsonl", into=tmp_path)


def test_earlier_turns_are_asked_about_and_written_answers_are_redacted_too(tmp_path):
    (tmp_path / "data").mkdir()
    rows = [{"messages": [{"role": "system", "content": "Be brief."}, *WRITTEN["messages"](p, q, a)["messages"]]}
            for p, q, a in asked_and_answered()]  # fmt: skip
    write_lines(tmp_path / "data" / "chats.jsonl", rows)
    found = new("desk", tmp_path / "data", "finance", into=tmp_path)
    assert sum("earlier turns" in doubt for doubt in found["questions"]) == 1
    steps = yaml.safe_load((tmp_path / "desk/recipe.yaml").read_text())["steps"]
    assert {"redact": {"profile": "finance"}} in steps and {"dedup": {"contradictions": "keep"}} in steps
