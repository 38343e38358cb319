"""The step `license`: what may be trained on, what stops the run, and what is owed."""

import pytest

from metier.data.step import StepContext
from metier.data.steps import license
from metier.errors import Problems
from metier.recipes import plugins
from tests.data.steps.test_steps import table

CONTEXT = StepContext(seed=0, benchmarks=[])


def sifted(*licenses, **settings):
    rows = table({"text": "x", "license": name, "source": f"s{n}"} for n, name in enumerate(licenses))
    return license.Step(**settings).apply(rows, CONTEXT)


def refused(name, use=None):
    return license.judge(name, use).refused


@pytest.mark.parametrize(
    "name",
    [
        *("MIT", "MIT License", "mit", "The MIT License", "Apache-2.0", "Apache License 2.0", "apache 2.0"),
        *("Apache License, Version 2.0", "BSD-3-Clause", "BSD 2-Clause License", "0BSD", "ISC", "Unlicense"),
        *("CC0-1.0", "CC0", "PDDL-1.0", "ODC-By-1.0", "ODC-BY", "CC-BY-4.0", "CC BY 4.0", "cc_by_3.0", "CC-BY-3.0-US"),
        *("Creative Commons Attribution 4.0 International License", "US-government-work", "public-domain"),
        *("Public Domain", "U.S. government works", "CDLA-Permissive-2.0", "proprietary"),
        *("MIT OR Proprietary-ish", "MIT AND CC-BY-4.0", "mixed: CDLA-Sharing-1.0, CC-BY-SA-4.0, Apache-2.0"),
    ],
)
def test_what_permits_training_passes_for_any_use(name):
    assert refused(name) is None and refused(name, "commercial") is None


@pytest.mark.parametrize(
    "name",
    [
        *("", "unknown", "other", "not named; published for research", "GPL-3.0", "MITRE", "not MIT", "CC"),
        # Spellings behind which a restriction stands must not pass for the license they begin with.
        *("CC BY 4.0 (non-commercial use only)", "CC-BY-4.0-NC", "MIT for the code, texts on request"),
        *("CC-BY-NC-ND-4.0", "CC-BY-ND-4.0", "CC BY-ND 3.0", "CC-BY-SA-ND", "Attribution-NoDerivatives 4.0"),
        *(
            "MIT AND unknown",
            "mixed: MIT, CC-BY-ND-4.0",
            "mixed: ",
            "(x OR MIT OR y) AND CC-BY-ND-4.0",
            "mixed: MIT OR MIT, x",
        ),
    ],
)
def test_what_is_unknown_or_forbids_derived_works_is_refused(name):
    assert refused(name)


@pytest.mark.parametrize("name", ["CC-BY-NC-4.0", "CC BY-NC-SA 4.0", "Creative Commons Attribution-NonCommercial 4.0"])
def test_non_commercial_rows_pass_for_research_with_a_note_and_not_for_commerce(name):
    assert license.RESEARCH_ONLY in license.judge(name).obligations
    assert "commercial" in refused(name, "commercial")


def test_every_named_source_is_under_a_license_that_is_known():
    stopped = {name: refused(plugins.find("datasets", name).license) for name in plugins.names("datasets")}
    # Of these none is named, or it has to be checked: whoever wants them has to tell the gate so.
    unknown = dict.fromkeys(["clothing_reviews", "mediqa2019_pairs"], "not a license known here")
    assert {name: why for name, why in stopped.items() if why} == unknown


def test_the_run_stops_with_a_line_a_source_and_its_rows():
    rows = table(
        [{"text": "x", "license": "CC-BY-ND-4.0", "source": "news"}] * 3
        + [{"text": "x", "license": "?", "source": "web"}, {"text": "x", "license": "MIT", "source": "good"}]
    )
    with pytest.raises(Problems) as error:
        license.Step().apply(rows, CONTEXT)
    news, web = error.value.problems
    assert "'news' has 3 rows under 'CC-BY-ND-4.0' (it forbids derived works" in news
    assert "'web' has 1 row under '?' (not a license known here)" in web and "allow" in web


def test_a_license_allowed_by_name_passes_and_stands_in_the_notes():
    found = sifted("CC-BY-NC-4.0", "mine", allow=["mine", "CC-BY-NC-4.0"], use="commercial")
    assert len(found.kept) == 2 and found.notes["allowed_by_name"] == ["CC-BY-NC-4.0", "mine"]
    with pytest.raises(Problems):
        sifted("mine 2", allow=["mine"])


def test_notes_count_the_rows_and_say_what_is_owed():
    notes = sifted("CC-BY-SA-4.0", "CC-BY-SA-4.0", "ODbL", "CC0").notes
    assert notes["licenses"] == {"CC-BY-SA-4.0": 2, "ODbL": 1, "CC0": 1}
    assert notes["obligations"] == {
        license.ATTRIBUTION: ["CC-BY-SA-4.0"],
        license.SHARE_ALIKE: ["CC-BY-SA-4.0", "ODbL"],
    }


def test_settings_that_mean_nothing_are_said():
    with pytest.raises(Problems, match="cannot take use"):
        plugins.build("steps", "license", {"use": "fun"})
    with pytest.raises(Problems, match="It is called 'use' now"):
        plugins.build("steps", "license", {"intended_use": "commercial"})
    with pytest.raises(Problems, match="names no license"):
        plugins.build("steps", "license", {"allow": [" "]})
