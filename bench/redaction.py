"""Does the step `redact` find what it says? Canaries: made-up identifiers put into public texts, and what is left.

Values come from the package faker (names from four countries, so that most are on no list of ours) and own generators;
carriers are texts of METIER_DATA (notes, health answers, bank messages, contract clauses, shop texts) or, without
it, texts inside the package. Each value stands once in a field or sentence and once more without any sign.

recall     share of documents in which nothing of the value is left: behind a field's name, in sentences that the
           detectors were written for, and in sentences that they were not fixed by
leaks      values of any kind, carriers' own ones too, that were found in a document and still stand in it (must be 0)
lost terms share of the clinical terms (words of ICD-10-CM, drugs) gone from texts without a canary
speed      MB of text a second of processor time, step `redact`, profile healthcare, texts without a canary

--check exits with 1 where recall falls 2 points below what was measured for docs/redaction.md (and three standard
errors of a smaller sample), a value leaks, or the speed is below 5 MB/s.
"""

import argparse
import gzip
import json
import os
import platform
import random
import re
import sys
import time
from collections import Counter
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from beside.canaries import DRUGS, PROFILE, TEMPLATES, UNSEEN, Values

from metier.data.records import rows_to_table
from metier.data.redaction import Redactor
from metier.data.step import StepContext
from metier.data.steps import redact

SPEED, SLACK = 5.0, 0.02
WHERE = ("fields", "sentences", "unseen")
# Kind -> measured share found in fields, sentences and unseen sentences; the table of docs/redaction.md.
MEASURED: dict[str, tuple[float | None, float | None, float | None]] = {
    "NAME": (0.998, 0.998, 0.782),
    "NAME without a sign": (None, 0.708, None),
    "ADDRESS": (1.000, 0.948, 0.963),
    "PLACE": (1.000, 0.995, 0.112),
    "ZIP": (1.000, 0.667, 0.000),
    "DATE": (1.000, 1.000, 1.000),
    "AGE": (1.000, 1.000, 0.500),
    "PHONE": (1.000, 1.000, 1.000),
    "FAX": (1.000, 1.000, 1.000),
    "EMAIL": (1.000, 1.000, 1.000),
    "SSN": (1.000, 1.000, 1.000),
    "MRN": (1.000, 1.000, 1.000),
    "PLAN_ID": (1.000, 1.000, 1.000),
    "ACCOUNT": (1.000, 1.000, 1.000),
    "LICENSE": (1.000, 1.000, 1.000),
    "VEHICLE plate": (0.988, 0.982, 0.987),
    "VEHICLE number": (1.000, 1.000, 1.000),
    "DEVICE": (1.000, 1.000, 1.000),
    "URL": (1.000, 1.000, 1.000),
    "IP": (1.000, 1.000, 1.000),
    "BIOMETRIC": (1.000, 1.000, 1.000),
    "PHOTO": (1.000, 1.000, 1.000),
    "ID": (1.000, 1.000, 1.000),
    "CARD": (1.000, 0.923, 0.888),
    "IBAN": (1.000, 1.000, 1.000),
    "ROUTING": (1.000, 1.000, 1.000),
    "EIN": (1.000, 1.000, 1.000),
    "TAX_ID": (1.000, 1.000, 1.000),
    "PARTY": (1.000, 0.998, 0.550),
    "DOCKET": (1.000, 0.820, 0.685),
    "ORDER": (1.000, 1.000, 0.500),
    "LOYALTY": (1.000, 1.000, 0.000),
}


def texts(quick: bool) -> dict[str, list[str]]:
    """Profile -> carrier texts; of the mirror where there is one, else of the package."""
    home, most = os.environ.get("METIER_DATA"), 300 if quick else 20_000
    if not home:
        lines = (files("metier") / "data" / "general.jsonl").read_text(encoding="utf-8").splitlines()
        general = [text for line in lines if len(text := json.loads(line).get("text", "")) > 40][:most]
        return dict.fromkeys(("healthcare", "finance", "legal", "retail"), general)
    wanted = {
        "healthcare": [("healthcare/mts_dialog", "section_text"), ("healthcare/medquad", "answer")],
        "finance": [("finance/banking77", "text")],
        "legal": [("legal/cuad_clause_type", "text")],
        "retail": [("retail/product_text", "text")],
    }
    return {
        profile: [text for place in places for text in read(Path(home), *place)[:most]]
        for profile, places in wanted.items()
    }


def read(home: Path, folder: str, column: str) -> list[str]:
    path = next((home / folder).glob("train.jsonl*"))
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return [text for line in lines if (text := json.loads(line)[column])]


def with_canary(text: str, sentence: str, again: str, draw: random.Random) -> str:
    """The text with one sentence put between two of its own, or a field before it, and the value alone at its end."""
    text = text[:1500]
    ends = [match.end() for match in re.finditer(r"[a-z]{3}[.?!] ", text)]
    at = draw.choice(ends) if ends else len(text)
    if sentence.endswith((".", "?")):
        return f"{text[:at].rstrip()} {sentence} {text[at:]}\nAs before: see {again} there."
    return f"{sentence}\n{text}\nAs before: see {again} there."


def recall(kind: str, carriers: list[str], count: int) -> dict[str, Any]:
    """Shares of the canaries of one kind that are gone, and how many leaked though they were found."""
    draw, values = random.Random(f"canaries:{kind}"), Values(7)
    redactor = Redactor(PROFILE[kind], dates="tag", dockets=True)
    out: dict[str, Any] = {"leaks": 0}
    missed: list[str] = []
    for where, templates in zip(WHERE, (*TEMPLATES[kind], UNSEEN.get(kind, [])), strict=True):
        gone = 0
        for number in range(count if templates else 0):
            value = values.of(kind)
            sentence = templates[number % len(templates)].format(value)
            # An age alone is a number like any other; a second date is found by its form like the first.
            again = "it" if kind == "AGE" else value
            text = with_canary(draw.choice(carriers), sentence, again, draw)
            after = redactor.redact([text], "g")[0][0]
            if not remains(kind, value, after):
                gone += 1
            elif len(missed) < 12:
                missed.append(sentence)
            out["leaks"] += leaks(redactor, text, after)
        out[where] = gone / count if templates else None
    return {**out, "missed": missed}


def leaks(redactor: Redactor, text: str, after: str) -> int:
    """Values found once that are still there. Ages over 89 are not counted: 95 mg is not 95 years; nor a bare 3/5."""
    values = {text[span.start : span.end] for span in redactor.find(text) if span.kind not in ("AGE", "DATE")}
    return sum(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", after) is not None for value in values)


def remains(kind: str, value: str, after: str) -> bool:
    """Whether the value, or a word of the name or street, still stands there."""
    if kind == "AGE":
        return re.search(rf"\b{value}\b", after) is not None and not re.search(r"90\+", after)
    words = [value, *(part for part in value.split() if kind.startswith("NAME") and len(part) > 2)]
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", after) for word in words)


def clinical(carriers: list[str]) -> dict[str, Any]:
    """Share of clinical terms that redaction takes from texts without a canary, and the words it takes most."""
    import simple_icd_10_cm as icd

    codes = icd.get_all_codes(with_dots=True)
    described = [icd.get_description(code) for code in codes[:: max(1, len(codes) // 4000)]]
    terms = {word.lower() for text in described for word in re.findall(r"[A-Za-z]{5,}", text)} | set(DRUGS.split())
    redactor, before, lost = Redactor(dates="tag"), 0, Counter()
    for text in (
        re.sub(r"\S*(?:://|www\.|@)\S*", "", text) for text in carriers
    ):  # words of a web address are no terms
        own = Counter(word for word in map(str.lower, re.findall(r"[A-Za-z]{5,}", text)) if word in terms)
        before += own.total()
        after = redactor.redact([text], "g")[0][0]
        if after != text:
            lost.update(own - Counter(map(str.lower, re.findall(r"[A-Za-z]{5,}", after))))
    changed = sum(redactor.redact([text], "g")[0][0] != text for text in described)
    return {
        "terms": before,
        "lost": lost.total(),
        "share": lost.total() / max(before, 1),
        "most": lost.most_common(8),
        "icd_descriptions": len(described),
        "icd_changed": changed,
    }


def speed(carriers: list[str]) -> dict[str, float]:
    """MB of UTF-8 a second of processor time through the whole step, best of three (other work shares the machine)."""
    rows = rows_to_table(
        {"id": str(n), "text": text, "source": "s", "license": "l", "origin": str(n)} for n, text in enumerate(carriers)
    )
    size, seconds = sum(len(text.encode()) for text in carriers) / 1e6, []
    step = redact.Step()
    step.apply(rows.slice(0, 10), StepContext(0, []))  # loads the lists
    for _ in range(3):
        started = time.process_time()
        step.apply(rows, StepContext(0, []))
        seconds.append(time.process_time() - started)
    return {"mb": size, "mb_a_second": size / min(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few canaries")
    parser.add_argument("--check", action="store_true", help="exit 1 where a threshold is missed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--missed", action="store_true", help="print sentences whose value was not found")
    arguments = parser.parse_args()
    figures = measure(arguments.quick)
    print(json.dumps(figures) if arguments.json else text(figures, arguments.missed))
    if arguments.check and figures["failed"]:
        sys.exit(1)


def measure(quick: bool) -> dict[str, Any]:
    carriers, count = texts(quick), 30 if quick else 600
    plain = carriers["healthcare"]
    figures: dict[str, Any] = {
        "count": count,
        "recall": {kind: recall(kind, carriers[PROFILE[kind]], count) for kind in TEMPLATES},
        "clinical": clinical(plain),
        "speed": speed(plain[: 4000 if quick else 12_000]),
        "mirror": bool(os.environ.get("METIER_DATA")),
        "versions": {name: version(name) for name in ("metier", "faker", "simple-icd-10-cm")},
        "machine": platform.processor() or platform.machine(),
    }
    return {**figures, "failed": failed(figures)}


def failed(figures: dict[str, Any]) -> list[str]:
    out = [f"{kind}: {row['leaks']} leaks" for kind, row in figures["recall"].items() if row["leaks"]]
    for kind, bounds in MEASURED.items():
        for where, bound in zip(WHERE, bounds, strict=True):
            if bound is None:
                continue
            share, noise = figures["recall"][kind][where], 3 * (bound * (1 - bound) / figures["count"]) ** 0.5
            if share < bound - SLACK - noise * (figures["count"] < 600):
                out.append(f"recall of {kind} in {where}: {share:.3f}, was {bound:.3f}")
    slow = figures["speed"]["mb_a_second"]
    return out + ([f"speed: {slow:.1f} MB/s"] if slow < SPEED else [])


def text(figures: dict[str, Any], missed: bool) -> str:
    """The table as it stands in docs/redaction.md."""
    lines = ["| identifier | profile | found in a field, % | in a sentence, % | in words not prepared for, % | leaks |"]
    lines += ["|---|---|--:|--:|--:|--:|"]
    for kind, row in figures["recall"].items():
        shares = ["" if row[where] is None else f"{100 * row[where]:.1f}" for where in WHERE]
        lines.append(f"| {kind} | {PROFILE[kind]} | {' | '.join(shares)} | {row['leaks']} |")
    lost, fast = figures["clinical"], figures["speed"]
    share = f"{lost['lost']} of {lost['terms']:,} ({100 * lost['share']:.3f} %)"
    lines += [
        "",
        f"clinical terms lost from texts without a canary: {share}, most: {lost['most']}",
        f"ICD-10-CM descriptions changed: {lost['icd_changed']} of {lost['icd_descriptions']:,}",
        f"speed: {fast['mb_a_second']:.1f} MB a second of processor time ({fast['mb']:.1f} MB)",
        f"failed: {'; '.join(figures['failed']) or 'nothing'}",
        f"{figures['count']} canaries a cell; {figures['versions']}; {figures['machine']}",
    ]
    if missed:
        lines += [f"{kind}: {sentence}" for kind, row in figures["recall"].items() for sentence in row["missed"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
