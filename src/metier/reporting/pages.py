"""Pages that people read: templates and their pictures."""

import functools
import re
from typing import Any

from metier.errors import printable
from metier.reporting.dataset_card import code, escaped
from metier.reporting.filters import FILTERS
from metier.reporting.glossary import TABLES, meanings


@functools.cache
def template(name: str) -> Any:
    """A page's template, compiled once a process."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    # Everything is escaped: rows, labels and names come from data. Only our own pictures are marked as safe.
    as_markdown = name.endswith(".md")
    environment = Environment(
        loader=PackageLoader("metier", "reporting/templates"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_as_markdown if as_markdown else None,
    )
    environment.globals["front_matter"] = _front_matter
    environment.globals["table_words"] = lambda: meanings(TABLES)
    environment.filters.update(FILTERS, code=lambda value: Markup(code(value)), block=_block)
    return environment.get_template(name)


def _front_matter(**fields: Any) -> Any:
    """What the hub reads above a model's card, as YAML that nothing in a name breaks out of."""
    from huggingface_hub import ModelCardData
    from markupsafe import Markup

    return Markup(ModelCardData(**fields).to_yaml())


def _block(text: str, language: str) -> Any:
    """Text of others as a block of code, between fences that nothing in it closes."""
    from markupsafe import Markup

    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{printable(text)}\n{fence}")


def _as_markdown(value: Any) -> Any:
    """Texts come from data and recipes: no link, no HTML, no cell of a table may come of them."""
    from markupsafe import Markup

    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def section_page(entry: dict[str, Any]) -> Any:
    """The section on one benchmark's work (an entry of representation.json), as HTML that a page may take in as it is;
    of work that was not judged, why."""
    from markupsafe import Markup

    content = (
        {key: entry[key] for key in ("benchmark", "state", "reasons")} | {"meaning": ""} | entry.get("section", {})
    )
    return Markup(template("representation.html").render(representation=content))
