"""How settings are checked against the types of a plug-in's fields, and how they are explained."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Interval

from metier.errors import Problems, UserError
from metier.recipes import plugins


@dataclass
class Base:
    lr: Annotated[float, Interval(gt=0, lt=1)] = 0.5
    """How fast it learns."""
    epochs: int = 1
    """How often."""


@dataclass
class Mine(Base):
    """A plug-in as another package might write it."""

    epochs: Annotated[int, Interval(ge=1, le=1_000)] = 2
    words: tuple[str, ...] = ()
    """Several words."""
    keep: Literal["first", "longest"] = "first"
    model: str | None = None
    own: Any = field(default=print, metadata={"setting": False})

    def problems(self) -> list[str]:
        return ["words: at most one with `keep: longest`."] if self.keep != "first" and len(self.words) > 1 else []


def made(**settings):
    return plugins.construct(Mine, "step 'mine'", settings)


def problems(**settings):
    with pytest.raises(Problems) as caught:
        made(**settings)
    return caught.value.problems


def test_values_become_what_their_fields_are():
    found = made(words=["a", "b"], lr=1e-3, epochs=1e2, model=None)
    assert found == Mine(words=("a", "b"), lr=0.001, epochs=100) and isinstance(found.epochs, int)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lr": 1}, "cannot take lr: 1. Use a number above 0 and below 1."),
        ({"epochs": 5_000}, "cannot take epochs: 5000. Use a number at least 1 and at most 1,000."),
        ({"epochs": 1.5}, "cannot take epochs: 1.5. Input should be a valid integer."),
        (
            {"epochs": "5"},
            "epochs: '5'. Input should be a valid integer. Write it without quotation marks.",
        ),
        ({"epochs": True}, "cannot take epochs: True. Input should be a valid integer."),
        ({"words": ["a", 5]}, "'words.1': Input should be a valid string. Write 5 in quotation marks."),
        ({"keep": "longes"}, "cannot take keep: 'longes'. Did you mean 'longest'? There are: first, longest."),
        ({"model": 5}, "cannot take model: 5. Input should be a valid string. Write 5 in quotation marks."),
        ({"own": 5}, "has no setting 'own'"),
        ({"keep": "longest", "words": ["a", "b"]}, "The step 'mine': words: at most one"),
    ],
)
def test_a_wrong_value_is_told_with_what_would_be_right(settings, said):
    (problem,) = problems(**settings)
    assert said in problem


def test_ranges_are_told_together_with_rules_over_several_fields():
    assert len(problems(lr=2, epochs=0, keep="longest", words=["a", "b"])) == 3
    assert len(problems(lr="x", epochs=0, keep="longest", words=["a", "b"])) == 2  # no rule is asked about a text


def test_what_a_file_declares_has_to_be_right_as_well():
    with pytest.raises(Problems, match="cannot take epochs: 0"):
        plugins.construct(Mine(epochs=0), "dataset 'mine'", {})
    assert plugins.construct(Mine(epochs=3), "dataset 'mine'", {"keep": "longest"}) == Mine(epochs=3, keep="longest")


def test_a_type_that_no_recipe_can_give_is_the_plug_ins_fault():
    @dataclass
    class Odd:
        size: 5 = 5  # type: ignore[valid-type]

    with pytest.raises(UserError, match="The step 'odd' has a setting that no recipe can give.*Fix the plug-in"):
        plugins.construct(Odd, "step 'odd'", {"size": 5})


def test_settings_are_explained_by_the_line_under_each_and_that_of_the_base():
    assert plugins.settings_help(Mine) == [
        ("lr", "float (above 0 and below 1)", 0.5, "How fast it learns."),
        ("epochs", "int (at least 1 and at most 1,000)", 2, "How often."),
        ("words", "tuple[str, ...]", (), "Several words."),
        ("keep", "'first' | 'longest'", "first", ""),
        ("model", "str | None", None, ""),
    ]
