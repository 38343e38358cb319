"""Which of the 22 ICD-10-CM chapters does a clinician's term belong to?"""

from dataclasses import dataclass, field

from metier.benchmarks import Declared
from metier.sources.icd10cm import CHAPTERS


@dataclass
class Benchmark(Declared):
    """ICD-10-CM chapter of an inclusion term whose three-character category was never seen in training."""

    name: str = "icd10cm_chapter"
    source: str | None = "icd10cm"
    prompt: str = "Clinical term: {text}\nChapter:"
    labels: list[str] = field(default_factory=lambda: list(CHAPTERS.values()))
    rows: int = 1000
    licence: str = "US-government-work"
    citation: str = "ICD-10-CM Tabular List of Diseases and Injuries, April 2026, CDC/NCHS and CMS"
