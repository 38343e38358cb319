"""DDI corpus 2013: does a sentence say that two marked drugs interact, and how?"""

import re
from dataclasses import dataclass, field
from typing import Any

from metier.sources._dataset import Dataset

MARK = re.compile(r"\[/?E[12]\]")


@dataclass
class Source(Dataset):
    """DDI corpus 2013: does a sentence say that two marked drugs interact, and how?"""

    name: str = "ddi2013"
    folder: str = "healthcare/ddi2013"
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Herrero-Zazo et al. 2013, The DDI corpus, J. Biomed. Inform. 46"
    url: str = "https://github.com/isegura/DDICorpus"
    # bigbio/ddi_corpus on the hub is a loading script, which `datasets` refuses to run, and so do we.
    columns: dict[str, str] = field(default_factory=lambda: {"id": "pair_id", "text": "text", "label": "label"})
    types_only: bool = False
    """Leave out pairs that do not interact: four classes in place of five."""

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        found = super().row(raw)
        if found is None or (self.types_only and found["label"] == "none"):
            return None
        sentence = MARK.sub("", raw["text"])
        mentions = {f"mention{n}": _mention(raw["text"], n, str(raw[f"drug{n}"])) for n in (1, 2)}
        found["fields"] |= {"sentence": sentence, **mentions}
        # All pairs of a document stand on one side of a split, and are one draw for an interval.
        return {**found, "group": str(raw["pair_id"]).split(".s")[0]}


def _mention(marked: str, number: int, drug: str) -> str:
    """A drug as a question names it: with the three words before it where its sentence has it more than once (in an
    eighth of the pairs that interact, another pair of the same two names has another label)."""
    before, mark, _ = marked.partition(f"[E{number}]")
    named = re.findall(rf"(?<!\w){re.escape(drug.lower())}(?!\w)", MARK.sub("", marked).lower())
    if not mark or len(named) < 2:
        return drug
    return " ".join([*MARK.sub("", before).split()[-3:], drug])
