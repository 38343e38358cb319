"""The cheap side is made as strong as cheap can be: a weak rival proves nothing."""

import random

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from metier.data.records import Question
from metier.evaluation.baseline import most_common
from metier.evaluation.baselines.tfidf import learn

PROMPT = "{text}\nIs it about {category}?"
WORDS = {"audit": ["inspect", "books"], "payment": ["invoice", "fee"], "term": ["renew", "expire"]}


def clauses(n, seed):
    """Whether a clause is of the category that is asked about: no word means Yes by itself."""
    generator = random.Random(seed)
    found = []
    for number in range(n):
        about, asked = generator.choice(sorted(WORDS)), generator.choice(sorted(WORDS))
        text = f"The party may {generator.choice(WORDS[about])} number {number}"
        answer = "Yes" if about == asked else "No"
        found.append(Question(f"{seed}-{number}", text, answer, fields={"category": asked}))
    return found


def right(answers):
    return np.mean([answer.value for answer in answers])


def test_words_are_counted_by_the_category_that_is_asked_about():
    known, asked = clauses(300, 1), clauses(100, 2)
    assert right(learn(known, PROMPT, ["Yes", "No"], 0).answer(asked)) > 0.95
    commonest = most_common([q.answer for q in known])
    blind = right(learn(known, "{text}\nIs it about it?", ["Yes", "No"], 0).answer(asked))
    assert blind <= np.mean([q.answer == commonest for q in asked]) + 0.1


@pytest.mark.parametrize("weights", [None, "balanced"])
def test_without_such_a_column_it_is_the_librarys_own_pipeline(weights):
    prompt = "{text}\nBy {author}:"  # an author a row sets no question
    known, asked = (
        [Question(q.id, q.text, q.answer, fields={"author": f"A{n}"}) for n, q in enumerate(clauses(size, seed))]
        for size, seed in ((120, 3), (30, 4))
    )
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    classifier = LogisticRegression(C=10.0, max_iter=300, random_state=0, class_weight=weights)
    pipeline = make_pipeline(make_union(words, characters), classifier)
    pipeline.fit([q.render(prompt) for q in known], [q.answer for q in known])
    theirs = pipeline.predict_proba([q.render(prompt) for q in asked])
    fitted = learn(known, prompt, ["No", "Yes"], 0, balanced=weights is not None)
    np.testing.assert_array_equal(fitted.probabilities(asked), theirs)
    ours = [answer.probabilities for answer in fitted.answer(asked)]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_one_label_is_answered_without_a_classifier():
    known = [Question("1", "a", "Yes", fields={"category": "audit"})]
    (answer,) = learn(known, PROMPT, ["Yes", "No"], 0).answer(clauses(1, 5))
    assert answer.answer == "Yes" and answer.probabilities == (1.0, 0.0)


def test_the_rows_text_is_read_where_the_prompt_leaves_it_out():
    generator = random.Random(0)
    rows = []
    for number in range(160):
        drugs = generator.sample(["aspirin", "warfarin", "insulin"], 2)
        marked, sentence = generator.choice(drugs), " and ".join(drugs)  # the sentence does not tell which is marked
        text = sentence.replace(marked, f"[M]{marked}[/M]")
        rows.append(Question(str(number), text, marked, fields={"sentence": sentence}))
    labels = ["aspirin", "insulin", "warfarin"]
    assert right(learn(rows[:120], "{sentence}\nWhich is marked?", labels, 0).answer(rows[120:])) > 0.95
    assert right(learn(rows[:120], "{sentence}\nWhich is marked? {text}", labels, 0).answer(rows[120:])) > 0.95


def offers(n, seed):
    """Two descriptions of four words each, half of the time of one thing: only holding them together tells."""
    generator = random.Random(seed)
    words = [f"{a}{b}" for a in ("lo", "mi", "ta", "ru", "ke") for b in ("nex", "dur", "pol", "sim", "var", "gat")]
    found = []
    for number in range(n):
        first, same = generator.sample(words, 4), number % 2 == 0
        second = generator.sample(first, 4) if same else generator.sample(words, 4)
        fields = {"left": " ".join(first), "right": " ".join(second)}
        found.append(Question(f"{seed}-{number}", "", "match" if same else "no match", fields=fields))
    return found


def test_texts_side_by_side_are_held_against_each_other():
    known, asked = offers(200, 1), offers(100, 2)
    prompt, labels = "First: {left}\nSecond: {right}\nSame:", ["match", "no match"]
    assert right(learn(known, prompt, labels, 0).answer(asked)) > 0.95
    named = [
        [Question(q.id, "", q.answer, fields={k: v.split()[0] for k, v in q.fields.items()}) for q in rows]
        for rows in (known, asked)
    ]  # names of one word are not compared
    assert right(learn(named[0], prompt, labels, 0).answer(named[1])) < 0.8
