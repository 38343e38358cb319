"""`metier new`: what is found in a team's folder, that it checks and runs, and that nothing is overwritten."""

import csv
import gzip
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from metier import plugins
from metier.checks import check
from metier.errors import UserError
from metier.recipe import load
from metier.stages._columns import columns_of
from metier.stages.new import new
from tests.test_cli import inside
from tests.test_formats import drawn, write_pdf
from tests.tiny import DEPARTMENTS, write_lines


def notes(count=120, seed=0):
    """A triage desk's table: two departments, three rows a patient."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        department = sorted(DEPARTMENTS)[number % 2]
        word = generator.choice(DEPARTMENTS[department])
        rows.append(
            {
                "note id": f"n{number}",
                "patient": f"p{number // 3}",
                "date": f"2024-0{1 + number % 9}-11",
                "ward": "AB"[number % 2] if number % 3 else "C",
                "note": f"Case {number}: {word} since {generator.randint(2, 30)} days",
                "department": department,
            }
        )
    return rows


def write_csv(path, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def data(tmp_path):
    return write_csv(tmp_path / "data" / "notes.csv", notes()).parent


def test_from_a_csv_to_a_verdict_with_nothing_to_write(monkeypatch, capsys, tmp_path, data):
    monkeypatch.chdir(tmp_path)
    code, out, _ = inside(monkeypatch, capsys, "new", "triage", "--from", data, "--industry", "healthcare")
    assert code == 0 and "Is `patient` what must stay on one side" in out
    assert inside(monkeypatch, capsys, "check", "triage/recipe.yaml", "--set", "model=fake")[0] == 0
    code, out, _ = inside(monkeypatch, capsys, "run", "triage/recipe.yaml", "--set", "model=fake", "--json")
    assert json.loads(out)["decision"] in ("SHIP", "HOLD") and code in (0, 2)
    assert json.loads(out)["benchmarks"][0]["name"] == "triage-test"


def test_the_columns_are_found_and_the_questions_stand_in_the_recipe(tmp_path, data):
    new("triage", data, into=tmp_path)
    text = (tmp_path / "triage" / "recipe.yaml").read_text()
    (own, general), (benchmark,) = (yaml.safe_load(text)[key] for key in ("sources", "benchmarks"))
    wanted = {"text": "note", "label": "department", "group": "patient", "time": "date", "id": "note id"}
    assert own == {"path": "train.jsonl", **wanted, "licence": "proprietary"} and general == "general"
    assert benchmark["prompt"] == "Note: {text}\nDepartment:" and benchmark["cluster"] == "patient"
    asked = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    for question in (
        "Is `department` the answer",
        "newest rows by `date`",
        "Which trade",
        "name persons",
        "slices: [ward]",
    ):
        assert question in asked


def test_no_test_row_and_no_patient_of_the_test_is_in_training(tmp_path, data):
    new("triage", data, into=tmp_path)
    train, test = (lines(tmp_path / "triage" / f"{part}.jsonl") for part in ("train", "test"))
    assert len(train) + len(test) == 120 and 18 <= len(test) <= 30
    assert not {row["patient"] for row in train} & {row["patient"] for row in test}
    assert {row["department"] for row in test} == set(DEPARTMENTS)
    new("again", data, into=tmp_path)
    assert lines(tmp_path / "again" / "test.jsonl") == test


def test_a_folder_of_texts_and_a_pdf_stands_beside_the_packs_benchmark(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"Letter {number}. The pulse was regular and the skin was dry.")
    write_pdf(folder / "old.pdf", drawn("A letter of long ago"))
    (folder / "scan.xlsx").write_bytes(b"PK")
    (folder / "README.md").write_text("# Letters of the ward")
    monkeypatch.chdir(tmp_path)
    assert inside(monkeypatch, capsys, "new", "letters-recipe", "--from", "letters")[0] == 0
    made = tmp_path / "letters-recipe"
    assert [row["file"] for row in lines(made / "documents.jsonl")] == ["0.txt", "1.txt", "2.txt", "old.pdf"]
    assert [row["origin"] for row in lines(made / "left_out.jsonl")] == ["README.md", "scan.xlsx"]
    text = (made / "recipe.yaml").read_text()
    assert "no labelled rows" in text and yaml.safe_load(text)["sources"][1:] == ["icd10cm", "general"]
    # What is learned from is the pack's, so its steps hold: two terms that differ in one word are two terms.
    assert yaml.safe_load(text)["steps"] == plugins.find("industries", "clinical_coding")().steps
    changes = ("--set", "model=fake", "--quick")
    assert inside(monkeypatch, capsys, "check", made / "recipe.yaml", *changes)[0] == 0
    code, out, _ = inside(monkeypatch, capsys, "run", made / "recipe.yaml", *changes, "--json")
    assert (code, json.loads(out)["decision"]) == (0, "SMOKE")


def test_a_recipe_that_is_there_is_never_overwritten(tmp_path, data):
    new("triage", data, into=tmp_path)
    before = (tmp_path / "triage" / "recipe.yaml").read_text()
    with pytest.raises(UserError, match="nothing is overwritten"):
        new("triage", data, "finance", into=tmp_path)
    assert (tmp_path / "triage" / "recipe.yaml").read_text() == before


@pytest.mark.parametrize("name", ["../out", "a/b", "/tmp/x", ".hidden", "", "a b", "x\n"])
def test_a_name_that_is_a_path_is_refused(tmp_path, data, name):
    with pytest.raises(UserError, match="becomes a folder"):
        new(name, data, into=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (notes(10), "There are 10 labelled rows"),
        ([{"a": 1, "b": 2}] * 30, "holds no text that can be read"),
    ],
)
def test_what_cannot_become_a_recipe_is_said_and_leaves_nothing_behind(tmp_path, rows, message):
    write_csv(tmp_path / "data" / "x.csv", rows)
    with pytest.raises(UserError, match=message):
        new("x", tmp_path / "data", into=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="There is no folder"):
        new("x", tmp_path / "absent", into=tmp_path)


def test_a_split_that_is_made_already_is_kept(tmp_path):
    rows = [{**row, "split": ("train", "dev", "test")[int(row["patient"][1:]) % 3]} for row in notes()]
    write_lines(tmp_path / "rows.jsonl", rows)
    new("x", tmp_path / "rows.jsonl", into=tmp_path)
    test = {row["note id"] for row in lines(tmp_path / "x" / "test.jsonl")}
    assert test == {row["note id"] for row in rows if row["split"] == "test"}
    assert {row["split"] for row in lines(tmp_path / "x" / "train.jsonl")} == {"train", "valid"}
    assert load(tmp_path / "x" / "recipe.yaml").sources[0]["split"] == "split"


def test_files_called_train_and_test_are_what_they_are_called(tmp_path):
    rows = notes()
    write_csv(tmp_path / "data" / "desk_train.csv", rows[:90], delimiter=";")
    write_csv(tmp_path / "data" / "desk_test.csv", rows[90:], delimiter=";")
    found = new("x", tmp_path / "data", into=tmp_path)
    assert (found["train"], found["test"]) == (90, 30)
    assert check(load(tmp_path / "x" / "recipe.yaml", changes=["model=fake"])) == []


def test_parquet_with_dates_and_gaps_is_read(tmp_path):
    import datetime

    rows = [{**row, "date": datetime.date(2024, 1, 1 + n % 28)} for n, row in enumerate(notes())]
    rows[5]["department"], rows[7]["note"] = None, ""
    (tmp_path / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data" / "rows.parquet")
    new("x", tmp_path / "data", into=tmp_path)
    why = [row["reason"] for row in lines(tmp_path / "x" / "left_out.jsonl")]
    assert why == ["has nothing in 'department'.", "has nothing in 'note'."]
    assert check(load(tmp_path / "x" / "recipe.yaml", changes=["model=fake"])) == []


def test_an_answer_with_one_row_is_left_out_and_a_rare_one_stays_in_training(tmp_path):
    rows = notes()
    rows[0]["department"], rows[1]["department"], rows[2]["department"] = "alone", "rare", "rare"
    write_csv(tmp_path / "data" / "x.csv", rows)
    new("x", tmp_path / "data", into=tmp_path)
    assert "the only row of 'alone'" in lines(tmp_path / "x" / "left_out.jsonl")[0]["reason"]
    assert [row["department"] for row in lines(tmp_path / "x" / "train.jsonl")].count("rare") == 2


def test_a_table_without_answers_becomes_raw_text_and_the_recipes_beside_it_are_not_read(tmp_path, data):
    new("first", data, into=data)
    write_lines(data / "letters.jsonl", [{"body": f"Dear doctor, letter {n}.", "n": n} for n in range(4)])
    found = new("second", data, into=tmp_path)
    assert (found["train"] + found["test"], found["documents"]) == (120, 4)
    assert any("`letters.jsonl`: no column looks like an answer" in doubt for doubt in found["questions"])


def test_names_of_columns_that_mean_something_to_yaml_or_to_a_prompt_do_no_harm(tmp_path):
    odd = {"note": 'note: "{x}" # y', "department": "- label\n{text}"}
    rows = [{odd.get(key, key): value for key, value in row.items()} for row in notes()]
    write_lines(tmp_path / "rows.jsonl", rows)
    new("x", tmp_path / "rows.jsonl", into=tmp_path)
    assert check(load(tmp_path / "x" / "recipe.yaml", changes=["model=fake"])) == []


@pytest.mark.parametrize(
    ("column", "values", "wanted"),
    [
        ("customerId", [f"c{n // 4}" for n in range(100)], {"group": "customerId"}),
        ("contract_no", [f"c{n // 2}" for n in range(100)], {"group": "contract_no"}),
        ("uuid", [f"{n:032d}-long-key-without-words" for n in range(100)], {"id": "uuid", "text": "body"}),
        ("year", [str(2000 + n % 9) for n in range(100)], {"time": "year", "label": "kind"}),
        ("urgency", [str(n % 3) for n in range(100)], {"label": "kind"}),
        ("category", [f"area {n % 5}" for n in range(100)], {"label": "category"}),
        ("set", ["train", "test"] * 50, {"split": "set"}),
        ("ward_id", ["A", "B"] * 50, {"group": None}),
    ],
)
def test_columns_are_told_by_name_and_values(column, values, wanted):
    rows = [{"body": f"Some words {n}", column: value, "kind": "xyz"[n % 3]} for n, value in enumerate(values)]
    found = columns_of(rows)
    assert {key: getattr(found, key) for key in wanted} == wanted
    assert found.text == "body"


def test_a_further_column_called_text_is_renamed_and_not_read_in_place_of_the_text(tmp_path):
    rows = [
        {"note": row["note"], "text": f"remark {n}", "department": row["department"]} for n, row in enumerate(notes())
    ]
    new("triage", write_csv(tmp_path / "data" / "notes.csv", rows).parent, into=tmp_path)
    recipe = load(tmp_path / "triage/recipe.yaml")
    [benchmark] = recipe.build_benchmarks()
    question = benchmark.questions()[0]
    assert benchmark.render(question).startswith("Note: Case ") and question.fields["text_2"].startswith("remark")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_csv_is_read_by_the_separator_that_it_has(tmp_path, delimiter, first, packed):
    rows = [{"a note (long, or short)": row["note"], "department": row["department"]} for row in notes()]
    path = write_csv(tmp_path / "data" / "notes.csv", rows, delimiter)
    path.write_text(first.format(delimiter) + path.read_text())
    if packed:
        (path.parent / "notes.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    found = new("triage", path.parent, into=tmp_path)
    assert found["train"] + found["test"] == 120 and not found["left_out"]


def test_a_test_file_with_a_further_column_or_another_spelling_is_still_the_test(tmp_path):
    rows = [{"note": row["note"], "department": row["department"]} for row in notes()]
    write_csv(tmp_path / "data" / "train.csv", rows[:90])
    write_csv(
        tmp_path / "data" / "test.csv",
        [{"Note": r["note"], "Department": r["department"], "by": "x"} for r in rows[90:]],
    )
    found = new("triage", tmp_path / "data", into=tmp_path)
    assert (found["train"], found["test"]) == (90, 30)
    assert any("`test.csv`: read together" in doubt and "`by`" in doubt for doubt in found["questions"])
    assert {row["note"] for row in lines(tmp_path / "triage/test.jsonl")} == {row["note"] for row in rows[90:]}


def test_answers_lose_their_blanks_and_spellings_are_asked_about(tmp_path):
    rows = notes()
    for row in rows[:10]:
        row["department"] += " "
    for row in rows[10:20]:
        row["department"] = row["department"].upper()
    found = new("triage", write_csv(tmp_path / "data" / "notes.csv", rows).parent, into=tmp_path)
    answers = {row["department"] for part in ("train", "test") for row in lines(tmp_path / f"triage/{part}.jsonl")}
    assert answers == {name for one in DEPARTMENTS for name in (one, one.upper())}
    assert sum("Are these one answer?" in doubt for doubt in found["questions"]) == 2


def test_a_dangling_link_is_left_out_and_said(tmp_path, data):
    (data / "old.csv").symlink_to(data / "gone.csv")
    found = new("triage", data, into=tmp_path)
    assert found["left_out"] == 1 and "a link to nothing" in lines(tmp_path / "triage/left_out.jsonl")[0]["reason"]


def test_rows_without_a_group_count_as_groups_of_their_own(tmp_path):
    rows = notes()
    for row in rows[36:]:  # twelve patients are left, two or three of them in the test
        row["patient"] = ""
    found = new("triage", write_csv(tmp_path / "data" / "notes.csv", rows).parent, into=tmp_path)
    assert not any("show no gain" in doubt for doubt in found["questions"])


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
    (own, _), (benchmark,) = recipe["sources"], recipe["benchmarks"]
    text, label = ("mail", "reply") if shape == "mail" else ("question", "answer")
    assert (own["text"], own["label"], own.get("group")) == (text, label, None)
    assert (benchmark["text"], benchmark["label"], benchmark["template"]) == (text, label, "chat")
    assert benchmark["scorer"] == {"generate": {"max_tokens": 32, "stop": []}} and benchmark["metrics"] == ["rouge_l"]
    written = {row[label] for part in ("train", "test") for row in lines(tmp_path / f"desk/{part}.jsonl")}
    assert written == {a for _, _, a in asked_and_answered()} and not {"input", "output", "messages"} & set(own)
    assert (found["train"], found["test"], found["left_out"]) == (48, 12, 1)
    assert any(f"write what stands in `{label}` where it reads `{text}`" in doubt for doubt in found["questions"])
    for row in lines(tmp_path / "desk/train.jsonl"):  # the answer stands nowhere else, but where people wrote it twice
        assert [key for key, value in row.items() if key != "notes" and row[label] in value] == [label]


def test_written_answers_are_run_to_a_verdict(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    rows = [{"customer": p, "question": q, "answer": a} for p, q, a in asked_and_answered()]
    write_csv(tmp_path / "data/faq.csv", rows)
    new("desk", tmp_path / "data", into=tmp_path)
    recipe = tmp_path / "desk/recipe.yaml"
    assert "cluster: customer" in recipe.read_text()
    recipe.write_text(recipe.read_text().replace("template: chat", "template: plain"))  # the fake model has no template
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
    assert (recipe["sources"][0]["text"], recipe["sources"][0]["label"]) == ("question", "answer")
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
    rows = [row | {"chosen": n, "rejected": n % 3, "messages": f"{n} messages"} for n, row in enumerate(notes())]
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
    assert (recipe["sources"][0]["text"], recipe["sources"][0]["label"]) == ("question", "answer")
    assert set(lines(tmp_path / "desk/train.jsonl")[0]) == {"question", "answer"}


def test_questions_that_come_again_are_still_asked(tmp_path):
    rows = [
        {"question": f"Where is parcel {n % 15} now?", "answer": a} for n, (_, _, a) in enumerate(asked_and_answered())
    ]
    found = columns_of(rows)
    assert (found.text, found.label) == ("question", "answer") and found.written


def test_a_test_file_with_a_remark_on_the_answer_leaves_training_as_it_is(tmp_path):
    rows = notes()
    write_csv(
        tmp_path / "data/train.csv", [{"note": row["note"], "department": row["department"]} for row in rows[:80]]
    )
    explained = [{"note": r["note"], "department": r["department"],
                  "explanation": f"{r['note']} goes to {r['department']}"} for r in rows[80:]]  # fmt: skip
    write_csv(tmp_path / "data/test.csv", explained)
    found = new("triage", tmp_path / "data", into=tmp_path)
    assert (found["train"], found["test"], found["left_out"]) == (80, 40, 0)
    assert "text: note" in (tmp_path / "triage/recipe.yaml").read_text()


def test_a_text_that_names_its_answer_is_asked_about(tmp_path):
    rows = [{"claim": r["note"], "verdict": r["department"], "explanation": f"{r['note']}: {r['department']} it is"}
            for r in notes()]  # fmt: skip
    found = new("facts", write_csv(tmp_path / "data/facts.csv", rows).parent, into=tmp_path)
    assert any("In 100% of the rows `explanation` names its own answer" in doubt for doubt in found["questions"])
    found = new("triage", write_csv(tmp_path / "other/notes.csv", notes()).parent, into=tmp_path)
    assert not any("names its own answer" in doubt for doubt in found["questions"])


def test_a_small_side_table_does_not_take_the_folder(tmp_path):
    (tmp_path / "data").mkdir()
    write_lines(tmp_path / "data" / "chats.jsonl", [WRITTEN["messages"](p, q, a) for p, q, a in asked_and_answered()])
    contacts = [{"note": f"Called the shop {n} times", "status": "open" if n % 2 else "done"} for n in range(12)]
    write_csv(tmp_path / "data" / "contacts.csv", contacts)
    found = new("desk", tmp_path / "data", into=tmp_path)
    assert found["train"] + found["test"] == 60


@pytest.mark.parametrize("content", [b"no gzip at all", gzip.compress(b"text,label\n" * 99)[:40]])
def test_a_torn_archive_is_said_and_an_empty_file_is_left_out(tmp_path, data, content):
    (data / "old.csv.gz").write_bytes(content)
    (data / "blank.txt").write_text(" \n")
    (data / "table.csv.txt").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="old.csv.gz"):
        new("triage", data, into=tmp_path)
    (data / "old.csv.gz").unlink()
    found = new("triage", data, into=tmp_path)
    assert found["documents"] == 1 and lines(tmp_path / "triage/left_out.jsonl")[0]["reason"] == "is empty."


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


def test_a_recipe_of_ones_own_files_repeats_no_source_of_the_pack(tmp_path, data):
    new("triage", data, "legal", into=tmp_path)
    [method] = yaml.safe_load((tmp_path / "triage/recipe.yaml").read_text())["methods"]
    pack = plugins.find("industries", "legal")()
    assert "repeat" in pack.methods[0]["sft"] and method["sft"] == {
        k: v for k, v in pack.methods[0]["sft"].items() if k != "repeat"
    }
