"""What the model is for, and what it is not for."""

from metier.evaluation.benchmark import Benchmark
from metier.governance.material import Material
from metier.governance.references import DEVELOPMENT
from metier.governance.values import Fact, Filled, Heading, Table

HEADING = Heading(
    key="purpose",
    title="Intended purpose and limits",
    annex_iv=("1(a)", "3"),
    sr_11_7=(DEVELOPMENT,),
)


def fill(material: Material) -> Filled:
    """The stated use and limits, and the tasks that were tested."""
    texts, recipe = material.texts, material.run.recipe
    benchmarks = material.answers.judging.benchmarks
    names = ", ".join(one.name for one in benchmarks)
    facts = [
        Fact(name="Model", value=f"{material.shown(recipe.model)}, tuned for {texts.tuned_for}", source="recipe.yaml")
    ]
    if texts.intended_use:
        facts.append(Fact(name="Intended use", value=texts.intended_use, source=texts.intended_use_from))
    if texts.limits:
        facts.append(Fact(name="Limits", value=texts.limits, source=f"the pack {texts.tuned_for}"))
    scope = f"The verdict applies only to data sampled like the test set of {names}."
    facts.append(Fact(name="Scope of the verdict", value=scope, source="plan.json"))
    facts.append(
        Fact(name="Not tested", value="Other tasks, other wording, and harmful answers.", source="docs/verdict.md")
    )
    return Filled(facts=tuple(facts), tables=(_tasks(material, benchmarks),), to_add=_to_add(material))


def _tasks(material: Material, benchmarks: list[Benchmark]) -> Table:
    rows = []
    for one in benchmarks:
        scorer, labels = one.build_scorer(), one.label_set()
        answers = f"chosen among {len(labels):,}" if labels and scorer.chooses else "written, or chosen by question"
        metric = next(iter(one.build_metrics()))
        rows.append((one.name, one.description or "a test file of the user's own", one.prompt, answers, metric))
    return Table(
        title="Tasks that were tested",
        columns=("test set", "task", "prompt", "answers", "deciding metric"),
        rows=tuple(tuple(map(material.plain, row)) for row in rows),
        source="recipe.yaml, evaluate/*/samples.parquet",
    )


def _to_add(material: Material) -> tuple[str, ...]:
    texts = material.texts
    missing = []
    if not texts.intended_use:
        missing.append(
            "intended use: what the model is for, who uses its answers, and what it must not be used for "
            "(key `intended_use` in recipe.yaml)"
        )
    if not texts.limits:
        missing.append("known limits: languages, channels, kinds of texts and cases that the data do not have")
    return (
        *missing,
        "the provider's name, and how this version relates to earlier ones",
        "which persons are affected by the answers, and which misuse can be foreseen",
    )
