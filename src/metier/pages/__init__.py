"""Pages that people read: templates and their pictures."""

from typing import Any


def template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Everything is escaped: rows, labels and names come from data. Only our own pictures are marked as safe.
    environment = Environment(
        loader=PackageLoader("metier", "pages"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(name)


def section_page(found: dict[str, Any]) -> Any:
    """The section on one benchmark's work, as HTML that a page may take in as it is."""
    from markupsafe import Markup

    return Markup(template("representation.html").render(representation=found))
