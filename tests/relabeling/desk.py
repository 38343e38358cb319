"""A desk's own files in several formats, curated, and sheets filled in for them."""

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.spreadsheets import safe
from metier.recipes.schema import load
from metier.relabeling.rows import rows_of
from metier.runs import run as runs
from metier.runs.progress import Progress
from metier.stages.curate import curate

HOSTILE = [
    '=cmd|"/c calc"!A1; a, "quoted" formula',
    "+49 170 is the number, says the caller",
    "-1 is what\nthe second line says, twice",
    "'=already quoted by someone",
    "@here <script>alert(1)</script> {{7*7}}",
    "\u202eright to left\u202c and \U0001f600 and caf\u00e9",
]
LABELS = ["card lost", "=refund", "fee"]
RECIPE = """
industry: healthcare
model: fake
datasets: [{{path: {train}, text: note, label: kind, license: proprietary}}]
steps: {steps}
methods: [{{sft: {{lr: 0.01}}}}]
benchmarks: [{{name: desk, path: {test}, text: note, label: kind, prompt: "{{text}}\\nKind:"}}]
retention: {{}}
"""
STEPS = "[normalize, dedup, split]"


def table(part, count=36, hostile=True):
    texts = [f"{part} message {n} about {LABELS[n % 3]} of month {n % 7}" for n in range(count)]
    if hostile:
        texts[5 : 5 + len(HOSTILE)] = [f"{text} ({part})" for text in HOSTILE]
    return [{"number": n, "note": text, "kind": LABELS[n % 3], "by": "x,y"} for n, text in enumerate(texts)]


def write(path, rows):
    """The rows in the format that the suffix says."""
    name = path.name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata({"owner": "desk"}), path)
    elif ".jsonl" in name:
        text = "".join(json.dumps(row, separators=(" ,", ": "), ensure_ascii=False) + "\n" for row in rows)
        _bytes(path, text)
    else:
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        writer.writerows(rows)
        _bytes(path, "\ufeff" + stream.getvalue())
    return path


def _bytes(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def read(path):
    """The rows of a file as a reader of that format finds them."""
    if path.name.endswith(".parquet"):
        return pq.read_table(path).to_pylist()
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode("utf-8-sig")
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.splitlines() if line]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def curated(folder, ending=".jsonl", steps=STEPS, train=None, test=None):
    """A run of the desk's files, as far as `metier curate` goes."""
    folder.mkdir(exist_ok=True)
    write(folder / f"train{ending}", train or table("train"))
    write(folder / f"test{ending}", test or table("test"))
    return curated_run(folder, f"train{ending}", f"test{ending}", steps)


def curated_run(folder, train, test, steps=STEPS):
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(train=train, test=test, steps=steps), encoding="utf-8")
    run = runs.open_run(folder / "run", load(recipe), Progress())
    curate(run)
    return run


def sheet(run, corrections, path=None, separator=",", encoding="utf-8-sig", **edited):
    """A filled-in sheet. `corrections`: (train or test, how its text begins) -> what is written; `edited`: other
    cells."""
    rows = [row for found in rows_of(run).values() for row in found]
    path = path or run.folder / "suspects.csv"
    with open(path, "w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(["id", "text", "label", "label_a", "label_b", "corrected"])
        for (part, begins), corrected in corrections.items():
            row = next(row for row in rows if row.part == part and row.text.startswith(begins))
            labels = (
                [row.label, "", ""] if part == "train" else ["", "fee" if row.label != "fee" else "=refund", row.label]
            )
            cells = dict(zip(["id", "text", "label", "label_a", "label_b"], [row.id, row.text, *labels], strict=True))
            writer.writerow([safe(str(cell)) for cell in (cells | edited).values()] + [safe(corrected)])
    return path
