"""What the words of the statistics mean, for every page that uses them."""

MEANINGS = {
    "points": "differences in percent: from 70 % to 75 % is 5 points.",
    "base model": "the model before tuning; it answers the same questions.",
    "baseline": "a simple method that is trained on the same rows, such as TF-IDF, which counts words. A tuned model "
    "has to beat it.",
    "95 % CI": "the confidence interval: the range of true figures that fit this test. It holds the true one in 95 of "
    "100 tests.",
    "p": "how often chance alone gives a difference as large as this one, if both models are equally good.",
    "Holm": "the adjustment for several comparisons: p is made larger, so that many tests do not find a gain by luck.",
    "minimum detectable effect": "the smallest true gain that a test of this size finds in four cases of five (80 % "
    "power).",
    "group": "questions that belong together, such as those of one patient or contract. Their answers tend to be right "
    "or wrong together, so a group counts as one draw.",
    "majority": "the score of always giving the most common label.",
    "loss": "how badly a model predicts a text, in nats a token; lower is better.",
    "margin": "how much worse something may become before it counts as forgotten.",
}
PAGE_ONE = ("points", "base model", "baseline", "95 % CI", "p", "Holm", "minimum detectable effect", "loss", "margin")
"""The words of page one, in its order."""
TABLES = ("95 % CI", "p", "Holm", "minimum detectable effect", "group", "majority")
"""The words of the table of metrics; `group` only where questions are grouped."""


def meanings(words: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(word, what it means) of these words."""
    return tuple((word, MEANINGS[word]) for word in words)
