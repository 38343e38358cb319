"""Clinical coding: the default of `metier run`, because it needs no data of your own and no download."""

from dataclasses import dataclass, field
from typing import Any

from metier.industries import BaseIndustry
from metier.recipes.plugins import Use


@dataclass
class Industry(BaseIndustry):
    """Clinical terminology: from a clinician's words to the chapter of ICD-10-CM."""

    name: str = "clinical_coding"
    datasets: list[Use] = field(default_factory=lambda: ["icd10cm", "general"])
    # Exact copies only: terms that differ in one word ("left", "initial encounter") are different terms.
    steps: list[Use] = field(
        default_factory=lambda: [
            "license",
            "normalize",
            {"dedup": {"threshold": 1}},
            "decontaminate",
            "split",
            {"select": {"rows": 17000}},
        ]
    )
    # Chosen on dev rows; docs/log.md has what else was tried and what it gave.
    methods: list[Use] = field(
        default_factory=lambda: [
            {"sft": {"lr": 1.5e-3, "batch_tokens": 1024, "target_modules": "q_proj,v_proj,o_proj,down_proj"}}
        ]
    )
    benchmarks: list[Use] = field(default_factory=lambda: ["icd10cm_chapter"])
    retention: dict[str, Any] = field(default_factory=lambda: {"general": 0.02})
    intended_use: str = (
        "Suggesting the ICD-10-CM chapter of a clinical term to a trained coder, who decides. Not for diagnosis, "
        "treatment, billing without review, or any use on patients."
    )
    limits: str = (
        "English only. Terms come from the official list, which is tidier than what clinicians type: abbreviations, "
        "spelling mistakes and whole notes were not tested. A chapter is not a code. "
        "The text that checks for forgetting is by the same author as the replay text and therefore underestimates it "
        "(docs/evaluation.md)."
    )
    glossary: list[str] = field(
        default_factory=lambda: [
            *("fracture", "neoplasm", "malignant", "benign", "carcinoma", "infection", "sepsis", "pneumonia", "ulcer"),
            *("tuberculosis", "hepatitis", "diabetes", "anemia", "hypertension", "asthma", "epilepsy", "dementia"),
            *("arthritis", "stenosis", "edema", "lesion", "hemorrhage", "obstruction", "syndrome", "disorder"),
            *("congenital", "acute", "chronic", "pregnancy", "newborn", "poisoning", "overdose", "prosthesis"),
            *("screening", "renal", "cardiac"),
        ]
    )
    insights: list[str] = field(default_factory=lambda: ["certain", "worst_group"])
