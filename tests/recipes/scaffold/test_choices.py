"""`metier new` on exam questions: options in columns or in a list, and an answer that names one of them."""

import pytest
import yaml

from metier.recipes.checks import check
from metier.recipes.scaffold.new import new
from metier.recipes.schema import load
from tests.tiny import lines, write_csv, write_lines

LETTERS = "ABCD"


def exam(count=60):
    """(question, options, place of the right one) of a shop's exam."""
    for n in range(count):
        yield f"Where does parcel {n} lie?", [f"in hall {n + k} by the {it}" for k, it in enumerate(LETTERS)], n % 4


def lettered(question, options, right):
    return {"question": question, **dict(zip(LETTERS, options, strict=True)), "answer": LETTERS[right]}


SHAPES = {
    "letters": lettered,
    "small letters": lambda q, o, r: {"q text": q, **{f"op{'abcd'[k]}": it for k, it in enumerate(o)}, "cop": r},
    "from one": lambda q, o, r: {"question": q, **{f"Option {k + 1}": it for k, it in enumerate(o)}, "correct": r + 1},
    "by name": lambda q, o, r: {"stem": q, **{f"option_{k}": it for k, it in enumerate(o)}, "key": f"option_{r}"},
    "in full": lambda q, o, r: {"question": q, **{f"place {k}": it for k, it in enumerate(o)}, "right": o[r]},
    "wrong ones": lambda q, o, r: {
        "question": q,
        **{f"distractor{k}": it for k, it in enumerate(it for it in o if it != o[r])},
        "correct_answer": o[r],
    },
    "a list as text": lambda q, o, r: {"question": q, "choices": str(o), "answer": r},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_options_of_every_shape_are_chosen_among(tmp_path, shape):
    rows = [SHAPES[shape](*one) for one in exam()]
    found = new("exam", write_csv(tmp_path / "data" / "exam.csv", rows).parent, into=tmp_path)
    recipe = yaml.safe_load((tmp_path / "exam/recipe.yaml").read_text())
    (benchmark,), own = recipe["benchmarks"], recipe["datasets"][0]
    assert benchmark["scorer"] == {"choice": {"length": "byte"}} and benchmark["metrics"] == ["accuracy"]
    assert own["options"] == benchmark["options"] == "options"
    kept = [row for part in ("train", "test") for row in lines(tmp_path / f"exam/{part}.jsonl")]
    assert {row[own["label"]] for row in kept} == {options[right] for _, options, right in exam()}
    assert all(sorted(row["options"]) == sorted(next(o for q, o, _ in exam() if q == row[own["text"]])) for row in kept)
    assert (found["train"], found["test"], found["left_out"]) == (48, 12, 0)
    assert sum("has its own options" in doubt for doubt in found["questions"]) == 1
    assert check(load(tmp_path / "exam" / "recipe.yaml", changes=["model=fake"])) == []


def test_a_passage_stands_before_the_question_and_an_explanation_is_left_out(tmp_path):
    rows = [
        lettered(*one) | {"passage": f"The shop has {n} halls and many shelves, all with a letter.", "explanation":
        f"It was long ago written into the large book of halls on page {n}, as all the people here know."}
        for n, one in enumerate(exam())
    ]  # fmt: skip
    found = new("exam", write_csv(tmp_path / "data" / "exam.csv", rows).parent, into=tmp_path)
    (benchmark,) = yaml.safe_load((tmp_path / "exam/recipe.yaml").read_text())["benchmarks"]
    assert benchmark["prompt"] == "Passage: {passage}\nQuestion: {text}\nAnswer:"
    assert any("Should the model also see `explanation`" in doubt for doubt in found["questions"])


def test_a_row_whose_answer_is_no_option_is_left_out_with_the_reason(tmp_path):
    rows = [lettered(*one) for one in exam()]
    rows[3]["answer"], rows[5]["answer"] = "E", ""
    new("exam", write_csv(tmp_path / "data" / "exam.csv", rows).parent, into=tmp_path)
    why = [row["reason"] for row in lines(tmp_path / "exam/left_out.jsonl")]
    assert why == ["has the answer 'E' in 'answer', which names none of its options.",
                   "has no options or nothing in 'answer'."]  # fmt: skip


def test_votes_of_annotators_and_measurements_are_no_options(tmp_path):
    kinds = ["late", "lost", "fine"]
    rows = [
        {"note": f"Parcel {n} is not here", "vote_1": kinds[n % 3], "vote_2": kinds[n // 2 % 3], "label": kinds[n % 3]}
        | {"size_1": str(n), "size_2": str(n + 1)}
        for n in range(90)
    ]
    write_lines(tmp_path / "votes.jsonl", rows)
    new("votes", tmp_path / "votes.jsonl", into=tmp_path)
    recipe = yaml.safe_load((tmp_path / "votes/recipe.yaml").read_text())
    assert recipe["datasets"][0]["label"] == "label" and "options" not in recipe["datasets"][0]
