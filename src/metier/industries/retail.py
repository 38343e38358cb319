"""Retail: do two offers match, does a snippet answer the shopper, does a review say what did not happen?"""

from dataclasses import dataclass, field
from typing import Any

from metier.industries import BaseIndustry
from metier.recipes.plugins import Use


@dataclass
class Industry(BaseIndustry):
    """Catalog and reviews: matching offers, answers to shoppers' questions, counterfactual sentences."""

    name: str = "retail"
    datasets: list[Use] = field(
        default_factory=lambda: ["product_matching", "epqa_product_qa", "amazon_counterfactual", "general"]
    )
    further: dict[str, str] = field(
        default_factory=lambda: {
            "product_text": "descriptions, reviews and offers, raw text for `dapt`",
            "epqa_pairs": "snippets by preference, for `dpo`",
            "hetpqa_answers": "answers written from a snippet, for `sft`",
            # 8,000 reviews would take the pack beyond 75 minutes.
            "clothing_reviews": "recommendation, stars or department, for `sft`; its license is to be checked",
        }
    )
    steps: list[Use] = field(
        default_factory=lambda: [
            "license",
            "normalize",
            "decontaminate",  # before redaction: names and dates must read as in the test
            {"redact": {"profile": "retail", "labels": "keep"}},
            "dedup",
            {"split": {"by": "group"}},
            # All rows would take two cores three quarters of an hour; the draw keeps each label's share.
            {"select": {"rows": 15000}},
        ]
    )
    methods: list[Use] = field(
        default_factory=lambda: [
            {
                "sft": {
                    "lr": 1.5e-3,
                    "batch_tokens": 512,
                    "target_modules": "q_proj,v_proj,o_proj,down_proj",
                    "class_balance": 0.3,
                }
            }
        ]
    )
    benchmarks: list[Use] = field(
        default_factory=lambda: ["product_matching", "epqa_product_qa", "amazon_counterfactual"]
    )
    retention: dict[str, Any] = field(default_factory=lambda: {"general": 0.02, "arc_easy": "monitor"})
    ship: dict[str, float] = field(default_factory=lambda: {"min_gain": 0.02, "alpha": 0.05})
    intended_use: str = (
        "Proposing matches between two shops' offers to a catalog team, choosing the snippet that answers a "
        "shopper's question, and leaving out review sentences about what did not happen. Not for prices, safety or "
        "allergy information, and not for answers that no source on the page stands behind."
    )
    limits: str = (
        "English only, and the goods of a few US shops: electronics, software, household. Clothing sizes, food, "
        "pictures and offers in other languages were not tested. Pairs of offers were found by a search that leaves "
        "one match in ten: in a whole catalog matches are far rarer, so precision will be lower. An offer may stand "
        "in several pairs, in training and in test alike. Writing an answer (dataset hetpqa_answers) is not part of "
        "this pack. epqa_product_qa is CDLA-Sharing-1.0 and amazon_counterfactual CC-BY-SA-4.0: data derived from "
        "them are passed on under the same terms. The text that checks for forgetting is by the same author as the "
        "replay text and therefore underestimates it (docs/evaluation.md)."
    )
    glossary: list[str] = field(
        default_factory=lambda: [
            *("product", "price", "brand", "model", "size", "color", "warranty", "shipping", "return", "refund"),
            *("battery", "review", "quality", "compatible", "dimensions", "weight", "material", "version", "edition"),
            *("manufacturer", "package", "replacement", "capacity", "wireless", "stainless steel", "adapter", "fit"),
            *("license", "upgrade", "accessories"),
        ]
    )
    # Two products merged into one sell the wrong thing; a match that is missed is found again.
    costs: dict[str, float] = field(
        default_factory=lambda: {
            "no match -> match": 5,
            "irrelevant -> answers": 5,
            "partial -> answers": 2,
            "counterfactual -> not-counterfactual": 2,
        }
    )
    insights: list[str] = field(default_factory=lambda: ["confusions", "cost", "speed"])
