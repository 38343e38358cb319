"""Pages that people read: templates and their pictures."""

import functools
import re
from typing import Any


@functools.cache
def template(name: str) -> Any:
    """A page's template, compiled once a process."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Everything is escaped: rows, labels and names come from data. Only our own pictures are marked as safe.
    environment = Environment(
        loader=PackageLoader("metier", "pages"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_as_markdown if name.endswith(".md") else None,
    )
    return environment.get_template(name)


def _as_markdown(value: Any) -> Any:
    """A text that stays in its cell of a table and is no HTML."""
    if not isinstance(value, str):
        return value
    return re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", value).replace("|", "\\|")


def section_page(entry: dict[str, Any]) -> Any:
    """The section on one benchmark's work (an entry of representation.json), as HTML that a page may take in as it is;
    of work that was not judged, why."""
    from markupsafe import Markup

    said = {key: entry[key] for key in ("benchmark", "state", "reasons")} | {"meaning": ""} | entry.get("section", {})
    return Markup(template("representation.html").render(representation=said))
