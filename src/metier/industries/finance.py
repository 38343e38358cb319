"""Finance: what customers want, what a central bank signals, what companies claim, and an impossible forecast."""

from dataclasses import dataclass, field
from typing import Any

from metier.industries import BaseIndustry
from metier.recipes.plugins import Use


@dataclass
class Industry(BaseIndustry):
    """Intents of a bank's customers, stance of the central bank, claims of companies, and rate moves as a control."""

    name: str = "finance"
    datasets: list[Use] = field(
        default_factory=lambda: ["banking77", "fomc_stance", "fin_num_claim", "fed_rate_moves", "general"]
    )
    further: dict[str, str] = field(
        default_factory=lambda: {
            "fed_text": "minutes and speeches, raw text for `dapt`; research only",
            "tatqa": "questions on tables of reports, for `sft` or `grpo`",
            # 352 tables teach a model of this size no arithmetic, and their test has 59 questions.
            "market_tables": "trends of monthly rates and prices, for `sft` or `grpo`",
        }
    )
    # The labels are class names ("age limit"): nothing in them belongs to a person.
    steps: list[Use] = field(
        default_factory=lambda: [
            "license",
            "normalize",
            "decontaminate",  # before redaction: names and dates must read as in the test
            {"redact": {"profile": "finance", "labels": "keep"}},
            "dedup",
            {"split": {"by": "group"}},
            {"select": {"rows": 17000}},
        ]
    )
    # With 77 intents a class has only 130 messages, and there are 2,000 sentences of stance and as many of claims; the
    # documents of the control are long and predict nothing.
    methods: list[Use] = field(
        default_factory=lambda: [
            {
                "sft": {
                    "lr": 1.5e-3,
                    "batch_tokens": 1024,
                    "target_modules": "q_proj,v_proj,o_proj,down_proj",
                    "upsample": {"banking77": 2, "fomc_stance": 2, "fin_num_claim": 2},
                }
            }
        ]
    )
    benchmarks: list[Use] = field(
        default_factory=lambda: ["banking77", "fomc_stance", "fin_num_claim", "fed_rate_moves"]
    )
    retention: dict[str, Any] = field(default_factory=lambda: {"general": 0.02, "arc_easy": "monitor"})
    ship: dict[str, float] = field(default_factory=lambda: {"min_gain": 0.02, "alpha": 0.05})
    intended_use: str = (
        "Routing customers' messages of an online bank to a person or a page, and marking for an analyst who reads "
        "them: sentences of the Federal Reserve as dovish, hawkish or neutral, and sentences of earnings calls and "
        "analyst reports that claim a number about the future. Not for trading, credit decisions, fraud decisions or "
        "advice to customers. fed_rate_moves is a control: texts do not predict that day's yield, and a model that "
        "seems to do so has seen the answer."
    )
    limits: str = (
        "English only. The messages are short, from one online bank, each with one intent: voice, chat threads, "
        "several wishes at once and wishes outside the 77 were not tested. The stance sentences are of the Federal "
        "Reserve alone, 1996 to 2022, and training and test come from the same years: later years and other central "
        "banks were not tested. The claims are single sentences with a number in them, and sentences of one call may "
        "be in training and test: whether a claim comes true is not asked. Figures in reports (benchmark tatqa) are "
        "not part of this pack's training. fomc_stance, fin_num_claim and fed_rate_moves are CC-BY-NC-4.0: research "
        "only. For a commercial model take the three out of `datasets` and set {license: {use: commercial}}. "
        "The text that checks for forgetting is by the same author as the replay text and therefore underestimates it "
        "(docs/evaluation.md)."
    )
    glossary: list[str] = field(
        default_factory=lambda: [
            *("account", "balance", "transfer", "payment", "card", "refund", "fee", "exchange rate", "top up", "cash"),
            *("withdrawal", "direct debit", "beneficiary", "statement", "merchant", "interest rate", "inflation"),
            *("federal funds rate", "monetary policy", "price stability", "unemployment", "labor market", "yield"),
            *("treasury", "asset purchases", "tightening", "accommodation", "basis points", "credit", "liquidity"),
        ]
    )
    costs: dict[str, float] = field(
        default_factory=lambda: {
            "lost or stolen card -> card arrival": 20,
            "compromised card -> card not working": 20,
            "cash withdrawal not recognised -> cash withdrawal charge": 10,
            "card payment not recognised -> card payment fee charged": 10,
            "hawkish -> dovish": 5,
            "dovish -> hawkish": 5,
        }
    )
    insights: list[str] = field(default_factory=lambda: ["balanced", "out_of_time", "training_runs", "cost"])
