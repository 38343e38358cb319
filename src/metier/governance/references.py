"""The points of the EU AI Act's Annex IV and the parts of SR 11-7 that a dossier's sections belong to, in our words.

Regulation (EU) 2024/1689, Annex IV, and the Federal Reserve's letter SR 11-7 (2011; SR 26-2 replaced it in 2026, and
policies of banks still follow its parts). docs/governance.md says what each
section fills and what a person has to add. This is an aid to documentation and no legal advice.
"""

ANNEX_IV = {
    "1(a)": "intended purpose, provider, version",
    "1(b)": "other hardware and software that it works with",
    "1(c)": "versions of software",
    "1(d)": "forms in which it is supplied",
    "1(e)": "hardware that it is to run on",
    "1(f)": "pictures of the product that it is a part of",
    "1(g)": "user interface for those who deploy it",
    "1(h)": "instructions for use",
    "2(a)": "steps of development, and what was taken from others",
    "2(b)": "design: logic, choices with their reasons, what is optimized",
    "2(c)": "architecture and computing resources",
    "2(d)": "data: origin, scope, labeling, cleaning",
    "2(e)": "human oversight that is needed",
    "2(f)": "changes that were planned beforehand",
    "2(g)": "validation and tests: data, metrics, signed reports",
    "2(h)": "cybersecurity",
    "3": "functioning and control: abilities, limits, accuracy by group, risks",
    "4": "why these metrics suit this system",
    "5": "risk management (Article 9)",
    "6": "changes over its life",
    "7": "harmonized standards that were applied",
    "8": "EU declaration of conformity",
    "9": "monitoring once it is in use (Article 72)",
}

DEVELOPMENT = "IV, development, implementation and use"
SOUNDNESS = "V, validation: conceptual soundness"
ONGOING = "V, validation: ongoing monitoring"
OUTCOMES = "V, validation: outcomes analysis"
GOVERNANCE = "VI, governance, policies and controls"
SR_11_7 = (DEVELOPMENT, SOUNDNESS, ONGOING, OUTCOMES, GOVERNANCE)
