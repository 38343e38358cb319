"""Names that become files and folders of a run."""

import pytest

from metier.errors import UserError
from metier.recipes.checks import check
from metier.recipes.names import file_name
from metier.recipes.plugins import own_code
from metier.recipes.scaffold.new import new
from metier.recipes.schema import Recipe, build_one, name_of

STEP = """
from dataclasses import dataclass
from metier.data.step import StepLike, filter_rows

@dataclass
class Step(StepLike):
    def apply(self, rows, context):
        return filter_rows(rows, [None] * len(rows))
"""


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/etc",
        ".hidden",
        "a\n",
        "a\0",
        "\x1b[2J",
        "a b",
        "-x",
        "a:b",
        "a.",
        "x" * 101,
    ]
    + ["\ud800", "漢" * 90, "nul", "COM1.txt", "a*", "a?"],
)
def test_a_name_that_leads_elsewhere_or_is_none_is_refused(name):
    with pytest.raises(UserError, match="The step name .* becomes a file's name and") as caught:
        file_name(name, "step name")
    assert len(str(caught.value)) < 400 and "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "a.b-c_d", "Größe", "क्षि", "2024-05", "_x", "x" * 100])
def test_other_names_are_taken_as_they_are(name):
    assert file_name(name, "step name") == name


def test_a_step_given_by_its_path_is_called_by_its_stem(tmp_path):
    file = tmp_path / "steps" / "mine.py"
    file.parent.mkdir()
    file.write_text(STEP)
    recipe = Recipe(steps=[f"{file.parent}/../steps/mine.py"], methods=["sft"])
    assert [name for name, _ in recipe.build_steps()] == ["mine"]
    assert name_of("methods", "../../other.py") == "other"


def test_a_step_whose_file_is_no_name_is_told_before_anything_runs(tmp_path):
    (tmp_path / "a b.py").write_text(STEP)
    said = check(Recipe(model="fake", datasets=["icd10cm"], steps=[str(tmp_path / "a b.py")], benchmarks=["general"]))
    assert any("The step name 'a b' becomes a file's name and holds ' '" in problem for problem in said)


def test_an_edited_step_is_another_step(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(STEP)
    before = own_code(build_one("steps", str(file)))
    file.write_text(STEP + "\n# edited")
    assert before and own_code(build_one("steps", str(file))) != before
    assert own_code(build_one("steps", "split")) == ""


@pytest.mark.parametrize("name", ["../x", "a/b", "", "x" * 101, "x" * 98])
def test_a_new_folder_is_no_path(tmp_path, data, name):
    with pytest.raises(UserError, match="becomes a file's name"):
        new(name, data, into=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_benchmarks_name_is_a_files(tmp_path):
    with pytest.raises(UserError, match="The benchmark name '../b' becomes a file's name"):
        build_one("benchmarks", {"name": "../b", "path": str(tmp_path / "t.jsonl")})
