"""One suite for every plug-in there is: a new file is checked without anybody adding it to a list."""

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from metier.data.dataset import MIRROR
from metier.data.records import SCHEMA, rows_to_table
from metier.data.step import StepContext
from metier.errors import UserError
from metier.evaluation.predictions import as_predictions
from metier.evaluation.scoring import Prediction
from metier.recipes import plugins
from tests.datasets.test_datasets import write_mirror

ALL = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]


@pytest.fixture(autouse=True, scope="module")
def published():
    """A tiny mirror, so that the published datasets stand on their defaults."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as home:
        write_mirror(Path(home))
        patch.setenv(MIRROR, home)
        yield


def of(kind):
    return plugins.names(kind)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_plug_in_says_what_it_is_and_explains_its_settings(kind, name):
    found = plugins.find(kind, name)
    assert plugins.about(kind, name) and not plugins.about(kind, name).startswith(f"{plugins.KINDS[kind]}(")
    settings = plugins.settings_help(found)  # must not fail for any kind
    if kind in ("steps", "methods"):
        for field, _, _, explained in settings:
            assert explained, f"{kind}/{name}: {field} has no line under it"


NEEDED = {
    ("baselines", "answers"): {"path": "system.csv"},
    ("baselines", "endpoint"): {"url": "https://example.org/v1", "model": "large", "key_env": "DESK_KEY"},
}
"""Settings of those that nobody can guess: a file of one's own, an address."""


@pytest.mark.parametrize(("kind", "name"), [pair for pair in ALL if pair[0] not in ("scorers", "metrics")])
def test_every_plug_in_stands_on_its_defaults_and_refuses_unknown_settings(kind, name):
    built = plugins.build(kind, name, NEEDED.get((kind, name), {}))
    assert dataclasses.is_dataclass(built)
    with pytest.raises(UserError, match="has no setting 'nonsense'"):
        plugins.build(kind, name, {"nonsense": 1})


# Published datasets are looked at on tiny mirrors (tests/test_datasets.py); these are inside the package.
EMBEDDED = ["general", "icd10cm", "instructions"]


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_embedded_source_gives_rows_with_license_and_origin(name):
    dataset = plugins.build("datasets", name, {})
    rows = dataset.rows()
    assert rows.schema == SCHEMA and len(rows)
    assert dataset.license and dataset.citation
    for column in ("id", "text", "license", "origin"):
        assert all(rows[column].to_pylist()), column
    assert len(set(rows["id"].to_pylist())) == len(rows)
    assert dataset.fingerprint() == plugins.build("datasets", name, {}).fingerprint()


@pytest.mark.parametrize("name", of("steps"))
def test_every_step_accounts_for_every_row(name):
    rows = rows_to_table(
        {"id": str(n), "text": f"t{n % 7}", "label": "ab"[n % 2], "source": "s", "license": "mit", "origin": str(n)}
        for n in range(40)
    )
    sifted = plugins.build("steps", name, {}).apply(rows, StepContext(0, []))
    assert sorted(sifted.kept["id"].to_pylist() + sifted.dropped["id"].to_pylist(), key=int) == [
        str(n) for n in range(40)
    ]
    assert sifted.kept.schema == SCHEMA
    assert all(sifted.dropped["reason"].to_pylist())
    empty = plugins.build("steps", name, {}).apply(rows.slice(0, 0), StepContext(0, []))
    assert len(empty.kept) == len(empty.dropped) == 0


def _required(field):
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _answered():
    """Thirty answers that hold all that a metric may read; some outside the label set."""
    generator = np.random.default_rng(0)
    given = [("a", "b", "c", "what?")[n] for n in generator.integers(4, size=30)]
    parts = {"hits": 1.0, "wanted": 2.0, "given": 3.0, "valid": 1.0, "exact": 0.0, "bytes": 9.0}
    return as_predictions(
        [
            Prediction(
                id=str(n),
                prompt="p",
                prompt_hash="h",
                answer=answer,
                gold="abc"[n % 3],
                value=float(generator.random()),
                weight=float(1 + n % 4),
                probabilities=tuple(generator.dirichlet([1, 1, 1])),
                completion=answer,
                parts=parts,
            )
            for n, answer in enumerate(given)
        ],
        ("a", "b", "c"),
    )


@pytest.mark.parametrize("name", of("metrics"))
def test_every_metric_is_a_function_of_weighted_sums(name):
    table, found = _answered(), plugins.find("metrics", name)
    # Settings without a default name labels: any will do.
    metric = plugins.build("metrics", name, {f.name: ["a"] for f in dataclasses.fields(found) if _required(f)})
    assert metric.unit and metric.higher_is_better in (True, False) and metric.share_of_right in (True, False)
    statistics = metric.statistics(table)
    assert statistics.shape[0] == 30 and not np.isnan(statistics).any()
    one = float(metric.value(statistics.sum(0)))
    assert float(metric.value(2 * statistics.sum(0))) == pytest.approx(one)  # every row twice changes nothing
    stack = np.stack([statistics.sum(0), statistics[:10].sum(0)])
    assert metric.value(stack)[0] == pytest.approx(one) and metric.value(stack).shape == (2,)


@pytest.mark.parametrize(
    "name", [name for name in of("benchmarks") if plugins.find("benchmarks", name).dataset_name in EMBEDDED]
)
def test_every_embedded_benchmark_has_questions_and_known_parts(name):
    benchmark = plugins.build("benchmarks", name, {})
    assert benchmark.name == name
    asked = benchmark.questions()
    assert len(asked) >= 50
    assert asked == benchmark.questions()
    if benchmark.scorer == "label":
        assert {question.answer for question in asked} <= set(benchmark.label_set())


@pytest.mark.parametrize("name", of("scorers"))
def test_every_scorer_has_a_version(name):
    assert isinstance(plugins.find("scorers", name)().version, int)


@pytest.mark.parametrize("name", of("industries"))
def test_every_industry_makes_a_recipe_that_checks(name):
    from metier.recipes.checks import check
    from metier.recipes.schema import load

    assert check(load(industry=name)) == []
    pack = plugins.find("industries", name)()
    assert pack.intended_use and pack.limits


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(UserError, match="There is no method 'sfd'. Did you mean 'sft'"):
        plugins.find("methods", "sfd")


def test_a_plug_in_may_come_from_a_file(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from metier.data.step import StepLike, dataclass\n\n\n"
        "@dataclass\nclass Step(StepLike):\n    'Mine.'\n    def apply(self, rows, context): ...\n"
    )
    assert plugins.find("steps", str(tmp_path / "mine.py")).__doc__ == "Mine."
    with pytest.raises(UserError, match="no plug-in file"):
        plugins.find("steps", str(tmp_path / "absent.py"))
    with pytest.raises(UserError, match="defines no class Method"):
        plugins.find("methods", str(tmp_path / "mine.py"))


@pytest.mark.parametrize(
    "text, said",
    [
        ("x = (\n", "line 1: the plug-in cannot be loaded (SyntaxError"),
        ("\nimport no_such_thing\n", "line 2: the plug-in cannot be loaded (ModuleNotFoundError"),
        ("class Industry:\n    name = 'x'\n", "has no 'ship', 'insights', 'costs'"),
    ],
)
def test_a_mistake_in_a_plug_in_file_is_said_with_its_line(tmp_path, text, said):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        plugins.find("industries", str(path))
    assert said in str(caught.value) and "mine.py" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "class Mine:\n    name = 'x'\nDATASET = Mine()",
            "DATASET has no 'license'.*Derive it from metier.datasets.Base",
        ),
        ("class DATASET:\n    pass", "and no dataset. Define a dataset of that name"),
        ("class Dataset:\n    pass", "it defines no dataset DATASET. Define one there"),
    ],
)
def test_a_dataset_in_a_file_derives_from_ours(tmp_path, text, said):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError, match=said):
        plugins.find("datasets", str(tmp_path / "mine.py"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BENCHMARKS = 5", "BENCHMARKS is 5, and no list"),
        ("BENCHMARKS = [5]", "BENCHMARKS has no 'name'.*Derive it from metier.datasets.Benchmark"),
        ("", "defines 0 BENCHMARKS"),
        (
            "from metier.datasets import Benchmark\nBENCHMARKS = [Benchmark('a'), Benchmark('b')]",
            "defines 2 BENCHMARKS",
        ),
    ],
)
def test_a_benchmark_in_a_file_is_the_only_one_of_a_list(tmp_path, text, said):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError, match=said):
        plugins.find("benchmarks", str(tmp_path / "mine.py"))
