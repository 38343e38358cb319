"""Legal: which clause is this, does it belong to a category, is it unfair, does it entail a statement?"""

from dataclasses import dataclass, field
from typing import Any

from metier.industries import BaseIndustry
from metier.recipes.plugins import Use

CORPORA = ["cuad_clause_type", "legalbench_cuad_yesno", "unfair_tos", "contract_nli"]


@dataclass
class Industry(BaseIndustry):
    """Contract review: types of clauses, clauses by category, unfair terms, and entailment in NDAs."""

    name: str = "legal"
    datasets: list[Use] = field(default_factory=lambda: [*CORPORA, "general"])
    further: dict[str, str] = field(
        default_factory=lambda: {
            "dc_code_text": "statutes, raw text for `dapt`",
            "legalbench_rules": "rules applied to facts, 44 rows",
            # Court rulings: other texts than contracts, and with them the pack would take over an hour.
            "bva_sentence_roles": "sentences of rulings by their role, for `sft`",
            "legalbench_overruling": "sentences that overrule a decision, for `sft`; TF-IDF nearly solves it",
        }
    )
    # The parties stay: in a published contract they are companies, and a clause is about which of them may do what.
    # Your own contracts are another matter: `--set steps.redact.parties=true`.
    steps: list[Use] = field(
        default_factory=lambda: [
            "license",
            "normalize",
            "decontaminate",  # before redaction: names and dates must read as in the test
            {"redact": {"profile": "legal", "parties": False, "labels": "keep"}},
            "dedup",
            {"split": {"by": "group"}},
            {"select": {"rows": 17000}},
        ]
    )
    # 1,000 clauses of 24 types beside 9,000 sentences would be learned from hardly at all.
    methods: list[Use] = field(
        default_factory=lambda: [
            {
                "sft": {
                    "lr": 1.5e-3,
                    "batch_tokens": 1024,
                    "target_modules": "q_proj,v_proj,o_proj,down_proj",
                    "class_balance": 0.3,
                    "upsample": {"cuad_clause_type": 4, "legalbench_cuad_yesno": 2, "contract_nli": 2},
                }
            }
        ]
    )
    benchmarks: list[Use] = field(default_factory=lambda: list(CORPORA))
    retention: dict[str, Any] = field(default_factory=lambda: {"general": 0.02, "arc_easy": "monitor"})
    ship: dict[str, float] = field(default_factory=lambda: {"min_gain": 0.02, "alpha": 0.05})
    intended_use: str = (
        "A first reading of contracts for a lawyer who reads them too: marking the type of a clause, clauses that "
        "belong to a category, and terms that may be unfair to consumers. Not legal advice, not for deciding what "
        "need not be read, and not for contracts that no lawyer sees."
    )
    limits: str = (
        "English only. The contracts are US filings, the terms of service those of online firms, the NDAs public "
        "ones: other law, other languages, scanned pages and handwriting were not tested. Every text is a clause or a "
        "sentence cut out by hand: finding clauses in a whole contract was not tested, and neither were clauses that "
        "are missing. Entailment was tested with the evidence given, which is the easier half of the task. Applying "
        "rules to facts (benchmark legalbench_rules) has too few rows to train on. All four corpora are CC-BY-4.0: "
        "name their authors. Texts of one contract may be in training and test of different corpora: "
        "`decontaminate` takes out what repeats a question. The text that checks for forgetting is by the same author "
        "as the replay text and therefore underestimates it (docs/evaluation.md)."
    )
    glossary: list[str] = field(
        default_factory=lambda: [
            *("agreement", "party", "clause", "liability", "indemnify", "warranty", "termination", "governing law"),
            *("confidential information", "assignment", "license", "intellectual property", "exclusivity", "audit"),
            *("renewal term", "notice", "breach", "damages", "consent", "affiliate", "jurisdiction", "arbitration"),
            *("non-compete", "disclosure", "receiving party", "disclosing party", "terms of service"),
            *("change of control", "insurance", "most favored nation"),
        ]
    )
    # A term that nobody marks is a term that nobody reads; a false mark costs a minute.
    costs: dict[str, float] = field(
        default_factory=lambda: {
            "unfair -> fair": 10,
            "Yes -> No": 10,
            "Contradiction -> Entailment": 10,
            "Entailment -> Contradiction": 3,
        }
    )
    insights: list[str] = field(default_factory=lambda: ["missed", "contracts", "cost"])
