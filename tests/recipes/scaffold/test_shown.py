"""Which columns beside the text `metier new` puts into the prompt, and what stays on one side."""

import pytest
import yaml

from metier.recipes.checks import check
from metier.recipes.scaffold.columns import columns_of
from metier.recipes.scaffold.new import new
from metier.recipes.scaffold.shown import names_its_answer
from metier.recipes.schema import load
from tests.tiny import lines, write_csv


def pairs(count=120):
    """Questions of customers, each with two entries of a help page, and whether the entry answers it."""
    for n in range(count):
        answered = n % 2
        yield {
            "customer question": f"How can I send parcel {n // 2} abroad by ship?",
            "faq question": f"How do I send things {'abroad' if answered else 'back'} in week {n}?",
            "answered": "yes" if answered else "no",
        }


def prompt_of(tmp_path, rows):
    new("pairs", write_csv(tmp_path / "data" / "pairs.csv", list(rows)).parent, into=tmp_path)
    assert check(load(tmp_path / "pairs" / "recipe.yaml", changes=["model=fake"])) == []
    return yaml.safe_load((tmp_path / "pairs/recipe.yaml").read_text())["benchmarks"][0]["prompt"]


def test_the_prompt_names_both_texts_of_a_pair_whatever_the_columns_are_called(tmp_path):
    prompt = prompt_of(tmp_path, pairs())
    assert prompt == "Customer question: {text}\nFaq question: {faq_question}\nAnswered:"
    recipe = load(tmp_path / "pairs" / "recipe.yaml")
    [benchmark] = recipe.build_benchmarks()
    asked = benchmark.questions()[0]
    assert "send parcel" in benchmark.render(asked) and "send things" in benchmark.render(asked)


def test_rows_of_one_text_of_a_pair_stay_on_one_side(tmp_path):
    prompt_of(tmp_path, pairs())
    recipe = yaml.safe_load((tmp_path / "pairs/recipe.yaml").read_text())
    assert recipe["datasets"][0]["group"] == recipe["benchmarks"][0]["cluster"] == "customer question"
    sides = [
        {row["customer question"] for row in lines(tmp_path / f"pairs/{part}.jsonl")} for part in ("train", "test")
    ]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_a_context_stands_before_what_is_asked_about_it(tmp_path):
    rows = [
        {"question": f"Does the ship carry parcel {n}?", "abstract": f"We sent {n} parcels by ship. " * 6,
         "conclusion": f"After a long time the {n} parcels did come, as far as anyone of us can say. " * 9,
         "decision": "yes" if n % 3 else "no"}
        for n in range(90)
    ]  # fmt: skip
    assert prompt_of(tmp_path, rows) == "Abstract: {text}\nQuestion: {question}\nDecision:"


WORDS = [f"The lamp {n} is warm and green" for n in range(120)]


@pytest.mark.parametrize(
    ("columns", "label", "shown"),
    [
        ({"title": [f"Nice lamp {n}" for n in range(120)], "stars": [str(n % 5 + 1) for n in range(120)]},
         "stars", ["title", "review"]),
        ({"rating": [n % 5 for n in range(120)], "helpful votes": [n % 7 for n in range(120)]}, "rating", ["review"]),
        ({"clause type": [f"kind of {n % 9}" for n in range(120)], "match": ["yes", "no"] * 60},
         "match", ["review", "clause type"]),
        ({"comment": [f"Said by {n} of us" for n in range(120)], "label": ["a", "b", "c"] * 40}, "label", ["review"]),
        ({"price_left": [str(n) for n in range(120)], "price_right": [str(n + 1) for n in range(120)],
          "same": ["yes", "no"] * 60}, "same", ["review", "price_left", "price_right"]),
    ],
)  # fmt: skip
def test_a_table_shows_what_is_known_before_the_answer(columns, label, shown):
    rows = [{"review": WORDS[n], **{name: values[n] for name, values in columns.items()}} for n in range(120)]
    found = columns_of(rows)
    assert found.label == label and sorted(found.shown) == sorted(shown) and found.text == "review"


@pytest.mark.parametrize("name", ["doc_id", "docid", "qid", "session", "contract"])
def test_an_id_that_comes_again_is_a_group(name):
    rows = [{"review": WORDS[n], name: f"x{n // 4}", "label": "ab"[n % 2]} for n in range(120)]
    assert columns_of(rows).group == name


def test_a_text_of_some_length_that_has_the_words_yes_and_no_gives_nothing_away():
    rows = [{"text": f"There is no rain and yes, it is warm {n}", "label": ("yes", "no")[n % 2]} for n in range(40)]
    assert not names_its_answer(rows, "text", "label")
    told = [{"text": f"It is {row['label']} for {n}", "label": row["label"]} for n, row in enumerate(rows)]
    assert names_its_answer(told, "text", "label") == 1


def test_a_column_that_names_its_answer_is_asked_about_and_not_shown(tmp_path):
    kinds = ["lost", "late", "fine"]
    rows = [{"mail": f"{WORDS[n]} in the hall behind the great door", "memo": f"It was {kinds[n % 3]}, we say",
             "label": kinds[n % 3]} for n in range(90)]  # fmt: skip
    assert prompt_of(tmp_path, rows) == "Mail: {text}\nLabel:"


def test_forgetting_is_looked_at_on_texts_by_others_where_the_mirror_has_them(tmp_path, monkeypatch):
    monkeypatch.delenv("METIER_DATA", raising=False)
    prompt_of(tmp_path, pairs())
    assert "retention" not in yaml.safe_load((tmp_path / "pairs/recipe.yaml").read_text())
    (tmp_path / "mirror/general/arc_easy").mkdir(parents=True)
    monkeypatch.setenv("METIER_DATA", str(tmp_path / "mirror"))
    new("again", tmp_path / "data", into=tmp_path)
    written = yaml.safe_load((tmp_path / "again/recipe.yaml").read_text())
    assert written["retention"] == {"general": 0.02, "arc_easy_sample": "monitor"}
    [benchmark] = [it for it, _ in load(tmp_path / "again/recipe.yaml").build_retention() if it.name != "general"]
    assert benchmark.limit == 300


def test_a_customers_question_that_comes_again_is_a_text_and_a_customer_is_a_group():
    rows = [
        {
            "customer question": f"Where is parcel {n // 4}?",
            "help": f"{WORDS[n]} in the north hall",
            "label": "ab"[n % 2],
        }
        for n in range(120)
    ]
    assert sorted(columns_of(rows).shown) == ["customer question", "help"]
    named = [row | {"customer": f"Jane Doe {n // 6}"} for n, row in enumerate(rows)]
    assert columns_of(named).group == "customer"
