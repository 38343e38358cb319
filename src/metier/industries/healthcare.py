"""Healthcare: chapters of terms, interactions of drugs, sections of a note, and diseases of synthetic patients."""

from dataclasses import dataclass, field
from typing import Any

from metier.industries import BaseIndustry
from metier.recipes.plugins import Use


@dataclass
class Industry(BaseIndustry):
    """Records and literature: clinical terms, drug interactions, sections of a note, diseases of synthetic patients."""

    name: str = "healthcare"
    datasets: list[Use] = field(
        default_factory=lambda: [
            "icd10cm",
            {"ddi2013": {"types_only": True}},
            "mts_dialog",
            "ddxplus_diagnosis",
            "general",
        ]
    )
    further: dict[str, str] = field(
        default_factory=lambda: {
            "medquad": "answers of health sites, raw text for `dapt`",
            "mediqa2019_pairs": "answers by preference, for `dpo`; their license is not named",
            "pubmedqa": "research questions, for `sft` or `grpo`",
            "medqa_usmle": "exam questions, for `sft` or `grpo`",
            # A long list of long names is asked of each case: a quarter of an hour more.
            "rare_disease_cases": "inherited diseases of published cases, for `sft`",
        }
    )
    # Exact copies only: terms that differ in one word ("left", "initial encounter") are different terms.
    steps: list[Use] = field(
        default_factory=lambda: [
            "license",
            "normalize",
            "decontaminate",  # before redaction: names and dates must read as in the test
            {"redact": {"profile": "healthcare", "labels": "keep"}},
            {"dedup": {"threshold": 1}},
            {"split": {"by": "group"}},
        ]
    )
    # 1,200 dialogues and 1,400 patients beside 18,000 terms would be learned from hardly at all.
    methods: list[Use] = field(
        default_factory=lambda: [
            {
                "sft": {
                    "lr": 1.5e-3,
                    "batch_tokens": 1024,
                    "target_modules": "q_proj,v_proj,o_proj,down_proj",
                    "upsample": {"mts_dialog": 2, "ddxplus_diagnosis": 2},
                }
            }
        ]
    )
    benchmarks: list[Use] = field(
        default_factory=lambda: ["icd10cm_chapter", "ddi2013_types", "mts_dialog", "ddxplus_diagnosis"]
    )
    retention: dict[str, Any] = field(default_factory=lambda: {"general": 0.02, "arc_easy": "monitor"})
    ship: dict[str, float] = field(default_factory=lambda: {"min_gain": 0.02, "alpha": 0.05})
    intended_use: str = (
        "Suggesting the ICD-10-CM chapter of a term to a trained coder, the kind of an interaction that a sentence "
        "states to a pharmacist, and the section of a note to a clinician; each of them decides. The diseases of "
        "ddxplus_diagnosis are a test with synthetic patients. Not for diagnosis, prescribing, treatment, billing "
        "without review, or any use on patients."
    )
    limits: str = (
        "English only. Terms come from the official list, which is tidier than what clinicians type; a chapter is not "
        "a code. The sentences on drugs are from DrugBank and Medline and are known to state an interaction: finding "
        "those that do is a harder task (benchmark ddi2013) and not part of this pack. The dialogues are written for "
        "research and short: recordings, several speakers and whole visits were not tested. The patients of "
        "ddxplus_diagnosis are made by rules, with 48 diseases to choose from: a figure there says how well these "
        "rules were learned, and nothing about patients. Research questions (pubmedqa) and exam questions "
        "(medqa_usmle) are benchmarks of their own: a model of this size learns no knowledge from their few rows. "
        "ddi2013 is CC-BY-NC-4.0: research only. For a commercial model take it out of `datasets` and set {license: "
        "{use: commercial}}. The text that checks for forgetting is by the same author as the replay text "
        "and therefore underestimates it (docs/evaluation.md)."
    )
    glossary: list[str] = field(
        default_factory=lambda: [
            *("fracture", "neoplasm", "malignant", "carcinoma", "infection", "sepsis", "pneumonia", "ulcer", "pain"),
            *("diabetes", "hypertension", "asthma", "epilepsy", "arthritis", "stenosis", "edema", "lesion", "syndrome"),
            *("acute", "chronic", "pregnancy", "newborn", "renal", "cardiac", "patient", "symptom", "allergy", "dose"),
            *("medication", "surgery", "plasma concentration", "inhibitor", "interaction", "toxicity"),
        ]
    )
    # Advice that is taken for a mere statement is advice not followed; an allergy in the wrong place is not seen.
    costs: dict[str, float] = field(
        default_factory=lambda: {
            "advise -> mechanism": 5,
            "advise -> effect": 5,
            "advise -> int": 5,
            "Allergy -> Past medical history": 10,
            "Allergy -> Medications": 10,
        }
    )
    insights: list[str] = field(default_factory=lambda: ["certain", "worst_group", "top_k", "severity", "cost"])
