"""Made-up questions with answers: a random desk with five labels, and hostile texts in every place that takes one."""

import random

from metier.data.records import Question
from metier.evaluation.benchmark import Benchmark, Samples
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.reporting.answer_rows import answered_benchmark

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=http://127.0.0.1:9/x.png onerror=alert(2)>",
    "{{7*7}} {% raw %} ${alert(3)}",
    "<!-- <script> -->",
    "read \u202ethis\u2066 backwards \u0634\u0643\u0631\u0627",
    "a NUL \x00, an escape \x1b[31m, a C1 \x9b and a return \r.",
    "half a pair \ud800 and \udfff",
    "one\u2028two\u2029three\nfour",
    '=HYPERLINK("http://127.0.0.1:9") \'&amp;"',
    "__proto__",
]
LABELS = ["card", 'cash & "carry"', "<b>loan</b>", "rate + fee=%", "κάρτα"]


def benchmark(name, questions, labels, **settings):
    samples = Samples(questions, list(labels), {}, {}, True)
    return Benchmark(name, path="test.csv", prompt="{text}\nAnswer:", samples=samples, **settings)


def prediction(question, answer, value, sure=None, **more):
    return Prediction(
        question.id,
        "",
        "",
        answer,
        question.answer,
        value,
        group=question.group,
        probabilities=None if sure is None else tuple(sure),
        **more,
    )


def chosen(question, answer, labels, certainty=None):
    rest = None if certainty is None else (1 - certainty) / (len(labels) - 1)
    sure = None if certainty is None else [certainty if label == answer else rest for label in labels]
    return prediction(question, answer, float(answer == question.answer), sure)


def desk(n=400, name="desk", labels=LABELS, seed=0):
    """A benchmark with a label set: a base model that guesses, and two that are often right; every tenth is suspect."""
    draw = random.Random(seed)
    questions = [
        Question(
            f"q{number}",
            f"Message {number}: {draw.choice(['lost', 'new', 'late'])} {draw.choice(['card', 'transfer'])}"
            + " x" * (number % 7),
            draw.choice(labels),
            group=f"customer {number // 3}",
            slices={"channel": draw.choice(["mail", "chat"])},
        )
        for number in range(n)
    ]

    def answers(skill, sure):
        found = []
        for question in questions:
            answer = question.answer if draw.random() < skill else draw.choice(labels)
            found.append(chosen(question, answer, labels, draw.uniform(0.5, 1) if sure else None))
        return found

    base, tuned, baseline = answers(0.1, False), answers(0.7, True), answers(0.6, False)
    tuned[0] = prediction(questions[0], None, None)  # unscored
    suspects = {number: labels[0] for number in range(0, n, 10)}
    made = benchmark(name, questions, labels, slices=["channel"])
    return answered_benchmark(made, as_predictions(tuned, labels), base, baseline, "TF-IDF", suspects)


def hostile(name="hostile"):
    """Every hostile text as question, id, label, group, slice, field, answer of the base model and suggestion."""
    questions = [
        Question(text, text, text, group=text, slices={text: text}, fields={"more": f"more {text}"}) for text in HOSTILE
    ]
    base = [prediction(question, question.text, 0.0, completion=f"I say {question.text}") for question in questions]
    tuned = [chosen(question, HOSTILE[0], HOSTILE, 0.95) for question in questions]
    made = benchmark(name, questions, HOSTILE)
    made.prompt = "{text} {more}\n</script>"
    return answered_benchmark(
        made, as_predictions(tuned, HOSTILE), base, tuned, "<i>TF-IDF</i>", dict(enumerate(HOSTILE))
    )


def written():
    """Answers in words, one of them partly right and one unscored: no label set, no certainty, no baseline."""
    questions = [Question(str(number), f"What is {number} + {number}?", str(2 * number)) for number in range(3)]
    values = [("0", 1.0), ("2, I think", 0.5), (None, None)]
    tuned = [
        prediction(question, answer, value, completion=f"Let me see: {answer}")
        for question, (answer, value) in zip(questions, values, strict=True)
    ]
    base = [prediction(question, "7", 0.0) for question in questions]
    return answered_benchmark(benchmark("sums", questions, [], scorer="generate"), as_predictions(tuned, []), base)


def losses():
    """Losses of raw texts: no answers at all."""
    questions = [Question(str(number), f"Raw text {number}.", "") for number in range(4)]
    sides = [
        [prediction(question, None, nats * (1 + number), weight=2.0) for number, question in enumerate(questions)]
        for nats in (3.0, 2.0)
    ]
    made = benchmark("texts", questions, [], scorer="loss", label=None)
    return answered_benchmark(made, as_predictions(sides[1], []), sides[0])
