"""Stop the run at rows that nobody has shown may be trained on."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from metier.data.step import StepContext, StepLike, StepResult, filter_rows
from metier.errors import Problems

ATTRIBUTION = "name the authors and the license wherever the data or a copy of them are passed on"
SHARE_ALIKE = "data derived from these rows must be passed on under the same terms"
RESEARCH_ONLY = "no commercial use of the rows; ask the rights' holder before a commercial use of the model"

# Our spelling -> (pattern over a squeezed spelling, obligation). Only a whole match counts: "MIT for the code, texts on
# request" is no MIT license.
PERMISSIVE: dict[str, tuple[str, str]] = {
    "MIT": (r"(the-)?mit", ATTRIBUTION),
    "Apache-2.0": (r"(the-)?apache(-v)?-?2(\.0)?", ATTRIBUTION),
    "BSD": (r"(0bsd|bsd(-[0-4])?(-clause)?(-(clear|patent|simplified|new))?)", ATTRIBUTION),
    "ISC": (r"isc", ATTRIBUTION),
    "ODC-By-1.0": (r"odc-by(-1\.0)?", ATTRIBUTION),
    "CDLA-Permissive": (r"cdla-permissive(-[12]\.0)?", ATTRIBUTION),
    "CC0-1.0": (r"(cc-?0|cc-zero|creative-commons-zero)(-1\.0)?(-universal)?", ""),
    "Unlicense": (r"(the-)?unlicense", ""),
    "PDDL-1.0": (r"(odc-)?pddl(-1\.0)?", ""),
    "public-domain": (r"(us-)?(public-domain|government-works?|works?-of-the-us(-federal)?-government)", ""),
    "proprietary": (r"proprietary", "the user's own: that it may be used is the user's word"),
    "CDLA-Sharing-1.0": (r"cdla-sharing(-1\.0)?", SHARE_ALIKE),
    "ODbL-1.0": (r"(odc-)?odbl(-1\.0)?", SHARE_ALIKE),
}
# The ports that SPDX lists. Any other ending makes a license unknown.
PORTS = "at|au|de|fr|igo|jp|nl|uk|us"
CREATIVE_COMMONS = re.compile(rf"cc-by((?:-(?:nc|nd|sa))*)(?:-[1-4]\.[0-9](?:-(?:{PORTS}))?)?")
LONG_NAMES = {
    "creative-commons": "cc",
    "attribution": "by",
    "non-commercial": "nc",
    "noncommercial": "nc",
    "no-derivatives": "nd",
    "noderivatives": "nd",
    "share-alike": "sa",
    "sharealike": "sa",
}


@dataclass(frozen=True)
class Judged:
    """What a license asks for; `refused` says why rows under it may not be trained on."""

    obligations: tuple[str, ...] = ()
    refused: str | None = None


UNKNOWN = Judged(refused="not a license known here")


@dataclass
class Step(StepLike):
    """Stop at a license that is unknown or forbids training; nothing is dropped, and nothing passes unseen."""

    allow: list[str] = field(default_factory=list)
    """Licenses that you answer for yourself, each as the rows write it."""
    use: Literal["research", "commercial"] | None = None
    """What the model is used for. `commercial`: rows for non-commercial use stop the run too. Left out, nothing is
    assumed: such rows pass, and what they forbid is said on the card."""

    version = 1

    def apply(self, rows: pa.Table, context: StepContext) -> StepResult:
        counts = Counter(zip(rows["source"].to_pylist(), rows["license"].to_pylist(), strict=True))
        licenses = Counter(rows["license"].to_pylist())
        judged = {license: self._judge(license) for license in licenses}
        refused: dict[str, list[str]] = defaultdict(list)
        for (dataset, license), count in sorted(counts.items()):
            if why := judged[license].refused:
                refused[dataset].append(f"{count:,} {'row' if count == 1 else 'rows'} under '{license}' ({why})")
        if refused:
            raise Problems([_refusal(dataset, reasons) for dataset, reasons in refused.items()])
        notes: dict[str, Any] = {"licenses": dict(licenses.most_common()), "use": self.use or "not stated"}
        notes["obligations"] = _obligations(judged)
        notes["allowed_by_name"] = sorted(set(self.allow) & set(licenses))
        return filter_rows(rows, [None] * len(rows), **notes)

    def _judge(self, license: str) -> Judged:
        if license in self.allow:
            return Judged(("allowed by name in the recipe: its terms are yours to keep",))
        return judge(license, self.use)

    def problems(self) -> list[str]:
        return [f"allow: {name!r} names no license." for name in self.allow if not name.strip()]


def judge(license: str, use: str | None = None) -> Judged:
    """What a license, or several joined by AND, OR or `mixed: a, b`, means for training. Unknown means refused."""
    text = license.strip()
    # Nested brackets are not taken apart: they stay in the text, which is then no known license.
    whole = re.fullmatch(r"\(([^()]*)\)", text)
    text = whole[1] if whole else text
    if "(" in text or ")" in text:
        return UNKNOWN
    if mixed := re.match(r"mixed:", text, flags=re.I):
        parts = text[mixed.end() :].split(",")
        # A list in a list is no license known here; thousands of them would end Python's stack.
        if any(re.match(r"\W*mixed:", part, flags=re.I) for part in parts):
            return UNKNOWN
        return _all([judge(part, use) for part in parts])
    # AND binds closer than OR, as in SPDX expressions.
    choices = re.split(r"\s+OR\s+", text)
    if len(choices) > 1:
        judged = [judge(choice, use) for choice in choices]
        return next((one for one in judged if one.refused is None), judged[0])
    parts = re.split(r"\s+AND\s+", text)
    return _all([_one(_squeezed(part), use) for part in parts])


def _all(judged: list[Judged]) -> Judged:
    obligations = tuple(dict.fromkeys(obligation for one in judged for obligation in one.obligations))
    return Judged(obligations, next((one.refused for one in judged if one.refused), None))


def _squeezed(text: str) -> str:
    """`Creative Commons Attribution-NonCommercial 4.0 International License` -> `cc-by-nc-4.0`."""
    squeezed = re.sub(r"[\s_,-]+", "-", text.lower().replace("u.s.", "us")).strip("-.")
    for long, short in LONG_NAMES.items():
        squeezed = squeezed.replace(long, short)
    squeezed = re.sub(r"-version-|-v(?=\d)", "-", squeezed)
    squeezed = re.sub(r"-licen[cs]ed?(?=-|$)", "", squeezed)
    return re.sub(r"-(international|unported|generic)$", "", squeezed)


def _one(squeezed: str, use: str | None) -> Judged:
    for pattern, obligation in PERMISSIVE.values():
        if re.fullmatch(pattern, squeezed):
            return Judged((obligation,) if obligation else ())
    match = CREATIVE_COMMONS.fullmatch(squeezed)
    if not match:
        return UNKNOWN
    terms = set(match[1].split("-"))
    if "nd" in terms:
        return Judged(refused="it forbids derived works, and training rows are one")
    if "nc" in terms and use == "commercial":
        return Judged(refused="not for commercial use, and the recipe says `use: commercial`")
    obligations = [ATTRIBUTION, *([RESEARCH_ONLY] if "nc" in terms else []), *([SHARE_ALIKE] if "sa" in terms else [])]
    return Judged(tuple(obligations))


def _obligations(judged: dict[str, Judged]) -> dict[str, list[str]]:
    """Obligation -> the licenses that ask for it."""
    licenses: dict[str, list[str]] = defaultdict(list)
    for license in sorted(judged):
        for obligation in judged[license].obligations:
            licenses[obligation].append(license)
    return dict(licenses)


def _refusal(dataset: str, reasons: list[str]) -> str:
    return (
        f"The dataset '{dataset}' has {'; '.join(reasons)}. Take it out of `datasets`, or, where you may train on it "
        "all the same, name the license: {license: {allow: [...]}}."
    )
