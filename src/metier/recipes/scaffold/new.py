"""A recipe from a folder: what its tables and documents seem to be, what to ask about them, and a test set apart."""

import math
import os
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from metier.data.decoding import half_pair
from metier.data.files import Found, found, pieces
from metier.data.format import RejectedRow
from metier.data.records import rows_to_table
from metier.data.spreadsheets import separated
from metier.data.step import StepContext
from metier.data.steps.split import Step as Split
from metier.errors import UserError
from metier.evaluation.stats import FEWEST_CLUSTERS
from metier.recipes import plugins, strict_json
from metier.recipes.names import file_name
from metier.recipes.scaffold.choices import as_choices
from metier.recipes.scaffold.columns import SIDES, Columns
from metier.recipes.scaffold.instructions import as_tables
from metier.recipes.scaffold.origins import write_origins
from metier.recipes.scaffold.profile import absent
from metier.recipes.scaffold.recipe_text import general_doubts, recipe_text
from metier.recipes.scaffold.tables import FEWEST_ROWS, Gathered, Row, labeled
from metier.recipes.schema import DEFAULT_INDUSTRY

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")
DOCUMENTS = (".txt", ".md", ".html", ".htm", ".pdf", ".docx")
ABOUT = ("readme", "license", "license", "changelog", "notice")
TEST_SHARE, SEED = 0.2, 0
MOST_ROWS = 1_000_000
"""Rows of tables are held in memory to part them; whoever has more parts them by other means."""


def new(name: str, folder: Path, industry: str | None = None, into: Path = Path(".")) -> dict[str, Any]:
    """Write NAME/recipe.yaml with its train.jsonl, test.jsonl and documents.jsonl; returns what was found and asked.

    All or nothing: a folder of that name is never touched, and a failure leaves none behind.
    """
    target = _target(name, into)
    if not folder.exists():
        raise UserError(f"There is no folder {folder}. Name the one that holds your files: --from DIR.")
    pack = plugins.find("industries", industry or DEFAULT_INDUSTRY)()
    gathered = _gather(folder)
    as_tables(gathered)
    as_choices(gathered)
    columns, rows = labeled(gathered)
    sides = _sides(rows, columns, gathered) if rows else []
    gathered.doubts += general_doubts(industry, pack)
    if not rows and not gathered.documents:
        raise UserError(f"{folder} holds no text that can be read: {_first_reason(gathered)}")
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=into))
    try:
        parts: dict[str, list[Any]] = {"train": [], "test": []}
        places: dict[str, list[str]] = {"train": [], "test": []}
        for (at, _, row), side in zip(rows, sides, strict=True):
            if side != "out":
                part = "test" if side == "test" else "train"
                parts[part].append(row)
                places[part].append(at)
        parts |= {"documents": gathered.documents, "left_out": gathered.left_out}
        for part, content in parts.items():
            if content:
                lines = (
                    strict_json.dumps(_without_gaps(row), ensure_ascii=False, default=str) + "\n" for row in content
                )
                (scratch / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")
        counts = {part: len(content) for part, content in parts.items()}
        if columns.label and not columns.options:  # a letter in the user's table is an option in full in the copy
            write_origins(scratch, folder, columns.label, places)
        text = recipe_text(name, folder, industry, pack, columns, counts, gathered.doubts)
        (scratch / "recipe.yaml").write_text(text, encoding="utf-8")
        scratch.chmod(0o755)
        os.rename(scratch, target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return {"recipe": str(target / "recipe.yaml"), **counts, "questions": gathered.doubts}


def _without_gaps(value: Any) -> Any:
    """The row with null for the NaN with which tables fill a gap, and infinity in words: neither is JSON."""
    if isinstance(value, dict):
        return {key: _without_gaps(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_gaps(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _target(name: str, into: Path) -> Path:
    file_name(file_name(name, "name of the new folder") + "-test", "name of its test")
    target = into / name
    if target.exists() or target.is_symlink():
        raise UserError(f"{target} is there already, and nothing is overwritten. Take another name or remove it.")
    return target


def _gather(folder: Path) -> Gathered:
    gathered = Gathered()
    for origin, file, wrong in _files(folder):
        lower = file.name.lower()
        table = lower.endswith(TABLES)
        if file.name.lower().split(".")[0] in ABOUT:
            gathered.left_out.append({"origin": origin, "reason": "describes the files and is no text of the domain."})
            continue
        if wrong or not (table or lower.endswith(DOCUMENTS)):
            how = "Write one object a line, as .jsonl." if lower.endswith(".json") else "Save a sheet as CSV."
            why = wrong or f"is neither a table nor a document that is read here. {how}"
            gathered.left_out.append({"origin": origin, "reason": why})
            continue
        read = sum(map(len, gathered.tables.values()))
        use = separated(file) if lower.endswith((".csv", ".csv.gz")) else None
        for place, piece in pieces(str(file), use):
            at = f"{origin}{place.removeprefix(file.name)}"
            if isinstance(piece, RejectedRow) or half_pair(piece):
                why = (
                    piece.reason
                    if isinstance(piece, RejectedRow)
                    else "has half of a character pair. Fix its encoding."
                )
                gathered.left_out.append({"origin": at, "reason": why})
            elif table:
                gathered.tables[file].append((at, file, piece))
                if read + len(gathered.tables[file]) > MOST_ROWS:
                    too_many = f"{folder} has more than {MOST_ROWS:,} rows."
                    raise UserError(f"{too_many} Part them yourself: docs/recipe.md says how.")
            elif not absent(piece.get("text")):
                gathered.documents.append({"text": piece["text"], "file": at})
            else:
                gathered.left_out.append({"origin": at, "reason": "is empty."})
    return gathered


def _files(folder: Path) -> list[Found]:
    """The folder's files; not those of recipes and runs that stand in it, which are copies of such files."""
    files = found(str(folder))
    own = {file.parent for _, file, _ in files if file.name == "recipe.yaml"} - {folder}
    return [it for it in files if not own & set(it.file.parents)]


def _sides(rows: list[Row], columns: Columns, gathered: Gathered) -> list[str]:
    """train, valid, test or out for each row: as a column or the files' names say, else drawn."""
    given = _given_sides(rows, columns, gathered)
    sides = _drawn(rows, columns, gathered) if given is None else given
    if "test" not in sides:
        raise UserError(
            "No test could be set apart. Add rows, or name the test with a column `split` or a file test.csv."
        )
    labels = _labels(rows, columns)
    learned = Counter(label for label, side in zip(labels, sides, strict=True) if side != "test")
    for number, label in enumerate(labels):
        if sides[number] != "test" and learned[label] == 1:
            gathered.left_out.append({"origin": rows[number][0], "reason": f"is the only row of '{label}' to learn."})
            sides[number] = "out"
    learned = Counter(label for label in labels if learned[label] > 1)
    unknown = sorted({label for label, side in zip(labels, sides, strict=True) if side == "test"} - learned.keys())
    if unknown:
        gathered.doubts.append(f"No training row has these answers of the test: {', '.join(unknown[:10])}. Meant so?")
    if columns.group:
        gathered.doubts += _group_doubts([row[columns.group] for _, _, row in rows], sides, columns.group)
    return sides


def _group_doubts(groups: list[Any], sides: list[str], name: str) -> list[str]:
    where = defaultdict(set)
    for group, side in zip(groups, sides, strict=True):
        if group is not None:
            where[group].add(side == "test")
    both, in_test = sum(len(one) == 2 for one in where.values()), sum(True in one for one in where.values())
    # A row without a group is one of its own, as in the verdict.
    in_test += sum(group is None and side == "test" for group, side in zip(groups, sides, strict=True))
    doubts = [f"{both:,} values of `{name}` are in training and in your own test. Is that intended?"] if both else []
    if in_test < FEWEST_CLUSTERS:
        doubts.append(
            f"The test has {in_test} values of `{name}`; fewer than {FEWEST_CLUSTERS} show no gain. Can you add some?"
        )
    return doubts


def _given_sides(rows: list[Row], columns: Columns, gathered: Gathered) -> list[str] | None:
    """The sides that a column or the names of the files give; None where neither names a test."""
    if columns.split:
        for _, _, row in rows:
            row[columns.split] = SIDES[str(row[columns.split] or "train").strip().lower()]
        return [row[columns.split] for _, _, row in rows]
    sides = []
    for _, file, _ in rows:
        words = re.findall(r"[a-z]+", file.name.split(".")[0].lower())
        sides.append(next((SIDES[word] for word in words if word in SIDES), "train"))
    if not {"train", "test"} <= set(sides):
        return None
    tests = sorted({file.name for (_, file, _), side in zip(rows, sides, strict=True) if side == "test"})
    gathered.doubts.append(f"The test is {', '.join(f'`{name}`' for name in tests)}, by the name. Is that meant?")
    if "valid" in sides:
        columns.split = "metier_split"
        for (_, _, row), side in zip(rows, sides, strict=True):
            row[columns.split] = side
    return sides


def _drawn(rows: list[Row], columns: Columns, gathered: Gathered) -> list[str]:
    """A seeded draw in which labels keep their share and groups stay whole, by the step that parts train and valid."""
    if len(rows) < FEWEST_ROWS:
        raise UserError(f"There are {len(rows)} labeled rows; to learn and to test takes {FEWEST_ROWS} or more.")
    text, labels, group = str(columns.text), _labels(rows, columns), str(columns.group)
    groups = [None if row.get(group) is None else str(row[group]) for _, _, row in rows]
    blank = {"source": "", "license": ""}
    table = rows_to_table(
        {"id": str(n), "text": str(row[text]), "label": labels[n], "group": groups[n], **blank, "origin": at}
        for n, (at, _, row) in enumerate(rows)
    )
    parted = Split(valid=TEST_SHARE).apply(table, StepContext(SEED, [])).kept["split"].to_pylist()
    sides = ["test" if side == "valid" else "train" for side in parted]
    total, learned = Counter(labels), Counter(la for la, side in zip(labels, sides, strict=True) if side == "train")
    # A rare label comes back to training with its groups: what cannot be learned cannot be asked.
    rare = {name for name in total if total[name] > 1 and learned[name] < 2}
    back = {groups[n] or str(n) for n, name in enumerate(labels) if name in rare}
    sides = ["train" if (groups[n] or str(n)) in back else side for n, side in enumerate(sides)]
    if columns.time:
        gathered.doubts.append(f"Should the test be the newest rows by `{columns.time}`? It was drawn from all times.")
    return sides


def _labels(rows: list[Row], columns: Columns) -> list[str]:
    """The classes; where answers are written, or chosen from each row's own options, all rows are of one."""
    return ["" if not columns.classes else str(row[str(columns.label)]) for _, _, row in rows]


def _first_reason(gathered: Gathered) -> str:
    return next((f"{it['origin']} {it['reason']}" for it in gathered.left_out), "its tables have no text column.")
