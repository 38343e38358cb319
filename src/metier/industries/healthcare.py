"""Healthcare: the embedded default is ICD-10-CM coding, which needs no data of one's own and no download."""

from dataclasses import dataclass, field
from typing import Any

from metier.industries import Pack


@dataclass
class Industry(Pack):
    """Clinical terminology: from a clinician's words to the chapter of ICD-10-CM."""

    name: str = "healthcare"
    sources: list[Any] = field(default_factory=lambda: ["icd10cm", "general"])
    benchmarks: list[Any] = field(default_factory=lambda: ["icd10cm_chapter"])
    keep: dict[str, float] = field(default_factory=lambda: {"general": 0.1})
    intended_use: str = (
        "Suggesting the ICD-10-CM chapter of a clinical term to a trained coder, who decides. Not for diagnosis, "
        "treatment, billing without review, or any use on patients."
    )
    limits: str = (
        "English only. Terms come from the official list, which is tidier than what clinicians type: abbreviations, "
        "spelling mistakes and whole notes were not tested. A chapter is not a code."
    )
