"""Taking identifiers of persons out of texts: patterns, check digits, context words and carried lists.

No statement of compliance with any law: what is found and what is not was measured, and stands in docs/redaction.md.
"""

from metier.data.redaction.document import Redactor
from metier.data.redaction.spans import KINDS, PROFILES, SAFE_HARBOR, Span

__all__ = ["KINDS", "PROFILES", "SAFE_HARBOR", "Redactor", "Span"]
