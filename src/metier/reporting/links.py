"""Links from one page of a run to another."""

from urllib.parse import quote


def answers_link(benchmark: str, right: str, given: str) -> str:
    """Where answers.html shows the questions whose right answer is `right` and the tuned model's answer `given`."""
    named = {"benchmark": benchmark, "right": right, "given": given}
    return "answers.html#" + "&".join(f"{key}={quote(value, safe='')}" for key, value in named.items())
