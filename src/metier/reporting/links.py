"""Links from one page of a run to another."""

from urllib.parse import quote


def answers_link(benchmark: str, right: str = "", given: str = "", filter: str = "") -> str:
    """Where answers.html shows some of a benchmark's rows, from a page beside it. `right` and `given` are labels by
    name, `given` that of the tuned model; `filter` is one of the page's (wrong, only-baseline, only-model,
    confident-wrong, suspect, fixed, broken)."""
    wanted = {"benchmark": benchmark, "right": right, "given": given, "filter": filter}
    return "answers.html#" + "&".join(
        f"{key}={quote(value, safe='', errors='replace')}" for key, value in wanted.items() if value
    )
