"""What people say of a model: it stands on every page and card, and decides nothing."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

LONGEST = 10_000
USES = ("research", "commercial")
"""What the step `license` takes as its `use`; no description of a use."""
Said = Annotated[str, Field(strict=True, max_length=LONGEST)]


class Description(BaseModel):
    """Keys of a recipe that describe the model for those who answer for it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    intended_use: Said | None = None
    """What the model is for, who uses its answers, and what it must not be used for, in sentences. (Whether the rows'
    licenses must allow commercial use is the setting `use` of the step `license`.)"""
    owner: Said | None = None
    """Who answers for the model: a person or a team."""
    reviewer: Said | None = None
    """Who checks the verdict independently of the owner."""
    monitoring: Said | None = None
    """What is monitored once the model is at work, how often, and by whom."""

    @field_validator("intended_use")
    @classmethod
    def _is_a_description(cls, value: str | None) -> str | None:
        if value is not None and value.strip().lower() in USES:
            raise ValueError(
                f"Say in sentences what the model is for; for the licenses of the rows write "
                f"{{license: {{use: {value.strip().lower()}}}}} among the steps"
            )
        return value


DESCRIBING = frozenset(Description.model_fields)
"""Keys that may be edited at any time: no row, no answer and no decision depends on them."""


def stated(text: str | None) -> str | None:
    """A text that says something, else None."""
    return text.strip() or None if text else None
