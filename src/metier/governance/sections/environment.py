"""With what the run was made, and the hashes that pin its files."""

from metier.governance.material import Material
from metier.governance.references import DEVELOPMENT, GOVERNANCE
from metier.governance.values import Fact, Filled, Heading, Table

HEADING = Heading(
    key="environment",
    title="Environment and hashes",
    annex_iv=("1(c)", "1(e)", "2(c)"),
    sr_11_7=(DEVELOPMENT, GOVERNANCE),
)


def fill(material: Material) -> Filled:
    """Versions, the machine, and the hash of every file that a finished stage wrote."""
    lock, run = material.lock, material.run
    versions = ", ".join(f"{name} {version}" for name, version in lock["versions"].items())
    machine = lock["machine"]
    facts = (
        Fact(name="Python", value=str(lock["python"]), source="lock.json"),
        Fact(name="Packages", value=versions, source="lock.json"),
        Fact(name="System", value=str(machine["system"]), source="lock.json"),
        Fact(name="Processor", value=f"{machine['processor']}, {machine['cores']} cores", source="lock.json"),
        Fact(name="SHA-256 of the recipe", value=str(lock["recipe_sha256"]), source="lock.json"),
    )
    rows = tuple(
        (file, sha256, f"{stage}.done.json")
        for stage in ("curate", "train", "evaluate")
        for file, sha256 in run.recorded_files(stage).items()
    )
    columns = ("file", "SHA-256", "recorded in")
    return Filled(
        facts=facts,
        tables=(Table(title="Files of the stages", columns=columns, rows=rows, source="*.done.json"),),
        notes=(
            "`metier verify` holds every file against its hash. The hashes find damage and edits by hand; they are no "
            "signature of a person.",
        ),
        to_add=("the hardware and the software around the model on which it will run",),
    )
