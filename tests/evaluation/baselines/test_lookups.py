"""Baselines that look up: the most common label, the nearest rows, solved examples, and a file of answers."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from metier.data.records import Question
from metier.errors import UserError
from metier.evaluation.baseline import BaselineContext
from metier.evaluation.baselines import answers, few_shot, knn, majority
from metier.evaluation.benchmark import Benchmark
from tests.tiny import ScriptedModel, write_csv, write_lines

LABELS = ["blue", "green", "red"]
ROWS = [
    Question("a", "the sky at noon", "blue"),
    Question("b", "sky without clouds", "blue"),
    Question("c", "grass in spring", "green"),
    Question("d", "the sea and the sky", "blue"),
]
ASKED = [Question("1", "noon sky", "blue"), Question("2", "spring grass", "green"), Question("3", "zzz", "red")]


def benchmark(**more):
    return Benchmark("desk", prompt="{text}\nColor:", labels=LABELS, **more)


def context(one=None, rows=ROWS, **more):
    one = one or benchmark()
    return BaselineContext(one, rows, LABELS, next(iter(one.build_metrics().values())), 0, **more)


def test_the_majority_is_said_always_with_the_shares_of_the_labels(tmp_path):
    fitted = majority.Baseline().fit(context())
    given = fitted.answer(ASKED)
    assert [one.answer for one in given] == ["blue"] * 3 and [one.value for one in given] == [1.0, 0.0, 0.0]
    assert given[0].probabilities == (0.75, 0.25, 0.0) and fitted.majority == "blue"
    fitted.save(tmp_path)
    assert majority.Baseline().load(tmp_path, benchmark(), LABELS).answer(ASKED) == given


def test_neighbors_vote_by_how_alike_they_are(tmp_path):
    baseline = knn.Baseline(neighbors=2)
    fitted = baseline.fit(context())
    given = fitted.answer(ASKED)
    assert [one.answer for one in given] == ["blue", "green", "blue"]
    assert given[1].probabilities == (0.0, 1.0, 0.0), "the other neighbor shares no word, and has no vote"
    assert given[2].probabilities == (0.75, 0.25, 0.0), "where no row is like it, all rows vote"
    fitted.save(tmp_path)
    assert baseline.load(tmp_path, benchmark(), LABELS).answer(ASKED) == given
    with pytest.raises(UserError, match="label set"):
        baseline.load(tmp_path, benchmark(), ["blue", "green"])


def static_model(folder):
    """A model2vec folder: `noon` is like `sky`, `spring` like `grass`."""
    words = ["[UNK]", "sky", "noon", "grass", "spring", "sea"]
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.array([[0, 0], [1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.8, 0.2]], np.float32)
    save_file({"embeddings": table}, folder / "model.safetensors")
    return folder


def test_static_embeddings_find_words_that_no_row_has(tmp_path):
    folder = static_model(tmp_path / "static")
    rows = [Question("a", "sky", "blue"), Question("b", "grass", "green"), Question("c", "grass grass", "green")]
    asked, one = [Question("1", "noon", "blue"), Question("2", "spring", "green")], benchmark()
    one.prompt = "{text}"
    baseline = knn.Baseline(neighbors=1, embeddings=str(folder))
    fitted = baseline.fit(context(one, rows))
    assert [it.answer for it in fitted.answer(asked)] == ["blue", "green"] and not baseline.ready()
    assert [it.answer for it in knn.Baseline(neighbors=1).fit(context(one, rows)).answer(asked)] == ["green"] * 2
    fitted.save(tmp_path)
    assert baseline.load(tmp_path, one, LABELS).answer(asked) == fitted.answer(asked)
    save_file({"embeddings": np.ones((6, 2), np.float32)}, folder / "model.safetensors")
    with pytest.raises(UserError, match="not those that the baseline"):
        baseline.load(tmp_path, one, LABELS)
    (folder / "tokenizer.json").unlink()
    assert "tokenizer.json not found" in baseline.ready()[0]


class Reader(ScriptedModel):
    """Says the color that the last solved example before the question has."""

    def __init__(self, context=10_000):
        super().__init__({})
        self.context, self.seen = context, []

    def read(self, prompt, chat_template=False):
        self.script[prompt] = prompt.rsplit("Color:", 2)[-2].split()[0] if prompt.count("Color:") > 1 else "red"
        return super().read(prompt)

    def options(self, prompts, options):
        self.seen = [bytes(prompt).decode() for prompt in prompts]
        return super().options(prompts, options)


def test_the_most_alike_example_stands_right_before_the_question(tmp_path):
    model = Reader()
    baseline = few_shot.Baseline(examples=2)
    fitted = baseline.fit(context(load_model=lambda: model))
    given = fitted.answer(ASKED[:2])
    assert [one.answer for one in given] == ["blue", "green"]
    assert model.seen[0].endswith("the sky at noon\nColor: blue\n\nnoon sky\nColor:") and model.seen[0].count(":") == 3
    fitted.save(tmp_path)
    loaded = baseline.load(tmp_path, benchmark(), LABELS, lambda: model)
    assert loaded.answer(ASKED[:2]) == given and given[0].prompt == model.seen[0]


def test_there_are_fewer_examples_where_the_context_has_no_room(capsys):
    long = [Question("a", "noon sky " * 20, "blue"), Question("b", "noon sky", "green")]
    model = Reader(context=80)
    few_shot.Baseline(examples=2).fit(context(rows=long, load_model=lambda: model)).answer(ASKED[:1])
    assert model.seen == ["noon sky\nColor: green\n\nnoon sky\nColor:"]
    assert "1 of 1 questions have fewer than 2 solved examples" in capsys.readouterr().err
    short = Reader(context=30)
    few_shot.Baseline(examples=2).fit(context(rows=long, load_model=lambda: short)).answer(ASKED[:1])
    assert short.seen == ["noon sky\nColor:"]


def in_file(path, **settings):
    return answers.Baseline(path=str(path), **settings).fit(context())


def test_a_file_of_answers_is_read_whatever_its_columns_and_order(tmp_path):
    table = write_csv(tmp_path / "a.csv", [{"no": n, "said": a} for n, a in (("3", ""), ("2", "GREEN"), ("1", "red"))])
    given = in_file(table, id="no", answer="said").answer(ASKED)
    assert [one.answer for one in given] == ["red", "green", None]
    assert [one.value for one in given] == [0.0, 1.0, None], "an empty answer is unscored"
    rows = [{"id": n, "prediction": "blue"} for n in (1, 2, 3)]
    fitted = in_file(write_lines(tmp_path / "a.jsonl", rows), name="today's desk")
    assert [one.answer for one in fitted.answer(ASKED)] == ["blue"] * 3 and fitted.name == "today's desk"
    named = [Question("test.csv:2", "noon sky", "blue", fields={"ticket": "T-7"})]
    tickets = write_lines(tmp_path / "b.jsonl", [{"id": "T-7", "answer": "blue"}])
    assert in_file(tickets, by="ticket").answer(named)[0].value == 1.0
    texts = write_lines(tmp_path / "c.jsonl", [{"text": "noon sky", "answer": "green"}])
    assert in_file(texts, id="text", by="text").answer(named)[0].answer == "green"
    with pytest.raises(UserError, match="cannot answer new rows"):
        answers.Baseline(path="a.csv").load(tmp_path, benchmark(), LABELS)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"id": n, "answer": "blue"} for n in "12"], r"no row for 1 question \(3\)"),
        ([{"id": f"x{n}", "answer": "blue"} for n in "123"], "none of them is a question of 'desk'"),
        ([{"id": n, "answer": "pink"} for n in "123"], "none of the labels of 'desk', the first is 'pink'"),
        ([{"id": "1", "answer": "blue"}] * 2, "more than once"),
        ([{"id": n, "text": "blue"} for n in "123"], "Name it: `answer: COLUMN`"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_sentence(tmp_path, rows, why):
    with pytest.raises(UserError, match=why):
        in_file(write_lines(tmp_path / "a.jsonl", rows)).answer(ASKED)


def test_answers_in_words_are_judged_by_the_scorer(tmp_path):
    one = Benchmark("sums", prompt="{text}", scorer="numeric", metrics=["accuracy"], label="label")
    rows = [{"id": "1", "answer": "it is 42"}, {"id": "2", "answer": "I do not know"}]
    path = write_lines(tmp_path / "a.jsonl", rows)
    made = BaselineContext(one, [], [], next(iter(one.build_metrics().values())), 0)
    given = answers.Baseline(path=str(path)).fit(made).answer([Question("1", "6 * 7", "42"), Question("2", "1+1", "2")])
    assert [it.value for it in given] == [1.0, None]


def test_baselines_say_which_benchmarks_they_cannot_answer():
    losses = Benchmark("texts", prompt="{text}", scorer="loss", metrics=["loss"], label=None)
    written = Benchmark("sums", prompt="{text}", scorer="numeric", metrics=["accuracy"])
    sure = benchmark(metrics=["nll"])
    assert majority.Baseline().misfit(written) and knn.Baseline().misfit(written) and not knn.Baseline().misfit(sure)
    file = answers.Baseline(path="a.csv", benchmark="sums")
    assert file.misfit(written) is None and "'sums'" in str(file.misfit(benchmark()))
    assert answers.Baseline(path="a.csv").misfit(losses) and answers.Baseline(path="a.csv").misfit(sure)
    assert few_shot.Baseline().misfit(losses) and few_shot.Baseline().misfit(written) is None
    assert json.dumps(vars(file)), "settings are plain values"
