"""Where a base model comes from."""

import pytest

from metier.engine.models.origin import Origin, origin_of


def test_an_alias_has_a_hub_id_and_says_that_its_weights_differ(tmp_path):
    origin = origin_of("smollm2-135m", tmp_path)
    assert origin.hub_id == "HuggingFaceTB/SmolLM2-135M-Instruct" and origin.license == "apache-2.0"
    assert "Q4_1" in origin.note


def test_a_hub_id_is_its_own_and_a_folder_has_none(tmp_path):
    assert origin_of("owner/name", tmp_path) == Origin("owner/name", "owner/name")
    assert origin_of(str(tmp_path), tmp_path) == Origin(tmp_path.name)


@pytest.mark.parametrize(
    ("card", "license_"), [("license: mit", "mit"), ("license: [a, b]", None), ("tags: [x]", None)]
)
def test_the_license_stands_in_the_front_matter_of_the_models_card(tmp_path, card, license_):
    (tmp_path / "README.md").write_text(f"---\n{card}\n---\n# A model\n")
    assert origin_of(str(tmp_path), tmp_path).license == license_


@pytest.mark.parametrize("card", ["---\na: [\n---\n", "---\nx: *y\n---\n", "no front matter"])
def test_a_card_that_cannot_be_read_says_nothing(tmp_path, card):
    (tmp_path / "README.md").write_text(card)
    assert origin_of(str(tmp_path), tmp_path).license is None
