"""General text to compare domain text with: the project's own, and articles of Wikipedia where a mirror has them."""

import os

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.dataset import MIRROR
from metier.errors import UserError
from metier.recipes import plugins


def general_text() -> tuple[list[str], str]:
    """The texts, and in words what they are: 160 own paragraphs; with `METIER_DATA` also WikiText-2's valid rows."""
    texts = _texts("general", None)
    if not os.environ.get(MIRROR):
        return texts, f"{len(texts)} general paragraphs of the project ({MIRROR} is not set: no articles of Wikipedia)"
    try:
        articles = _texts("wikitext2", "valid")
    except UserError as error:
        return texts, f"{len(texts)} general paragraphs of the project (no articles of Wikipedia: {error})"
    return texts + articles, f"{len(texts)} general paragraphs of the project and {len(articles)} articles (WikiText-2)"


def _texts(name: str, split: str | None) -> list[str]:
    rows: pa.Table = plugins.build("datasets", name, {}).rows()
    if split:
        rows = rows.filter(pc.equal(rows["split"], split))
    texts: list[str] = rows["text"].to_pylist()
    return texts
