"""The data set's card and its Croissant description."""

import json
import re

import pyarrow.parquet as pq
import pytest
import yaml

from metier.data.records import SCHEMA
from metier.reporting import dataset_card
from metier.runs.files import file_sha256
from tests.data.steps.test_steps import table

HOSTILE = "| <script>alert(1)</script> [x](javascript:y) `a` **b**\n# Head"


def facts(**changes):
    return {
        "name": "run-1",
        "datasets": [
            {"name": "one", "license": "CC-BY-4.0", "citation": "A. Author 2020", "url": "https://x.org/a",
             "fingerprint": "ab12", "rows": 12},
            {"name": "mine.jsonl", "license": "proprietary", "fingerprint": "cd34"},
        ],
        "read": 1200, "train": 1000, "valid": 100, "dropped": 100,
        "licenses": {"CC-BY-4.0": 900, "proprietary": 100},
        "steps": [
            {"step": "license", "settings": {"allow": []}, "rows": 1200, "kept": 1200, "dropped": 0,
             "obligations": {"name the authors": ["CC-BY-4.0"]}},
            {"step": "dedup", "settings": {"contradictions": "drop"}, "rows": 1200, "kept": 1100, "dropped": 100},
        ],
        "labels": {"triage": {"heart": [600, 60], "skin": [400, 40]}},
        "files": {
            "train.parquet": {"sha256": "0" * 64, "bytes": 10}, "valid.parquet": {"sha256": "1" * 64, "bytes": 9},
        },
        "command": "metier curate recipe.yaml",
        "versions": {"metier": "0.1.0"},
        "date": "2026-11-23",
        **changes,
    }  # fmt: skip


def cells(card, first):
    """The cells of the table row that begins with this one."""
    line = next(line for line in card.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_card_says_where_rows_come_from_what_was_done_and_how_to_repeat_it():
    card = dataset_card.dataset_card(facts(intended_use="Triage.", limits="English only."))
    assert "1,000 rows to train on and 100 held out, of 1,200 read; 100 were dropped" in card
    assert cells(card, "one") == ["one", "CC-BY-4.0", "A. Author 2020", "<https://x.org/a>", "12", "`ab12`"]
    assert cells(card, "dedup") == ["dedup", "1,200", "1,100", "100", "contradictions: drop"]
    assert cells(card, "heart") == ["heart", "600", "60"]
    assert "- name the authors: CC-BY-4.0" in card and "English only." in card
    assert "`metier curate recipe.yaml` makes the same files" in card and "0" * 64 in card


def test_the_front_block_is_yaml_whatever_the_name():
    for name in ("run-1", 'a: "b"\n---\nevil: true', "---"):
        block = dataset_card.dataset_card(facts(name=name)).split("\n---\n")[0].removeprefix("---\n")
        assert yaml.safe_load(block) == {"pretty_name": name, "license": "other", "tags": ["metier"]}


def test_nothing_from_data_becomes_markup():
    datasets = [
        {"name": HOSTILE, "license": HOSTILE, "citation": HOSTILE, "url": "javascript:y", "fingerprint": HOSTILE}
    ]
    steps = [
        {
            "step": HOSTILE,
            "settings": {"x": HOSTILE},
            "rows": 1,
            "kept": 1,
            "dropped": 0,
            "obligations": {HOSTILE: [HOSTILE]},
        }
    ]
    plain = facts(datasets=facts()["datasets"][:1], steps=facts()["steps"][:1])
    hostile = facts(
        name=HOSTILE, datasets=datasets, steps=steps, licenses={HOSTILE: 1}, labels={HOSTILE: {HOSTILE: [1, 0]}},
        command=HOSTILE, limits=HOSTILE, versions={"x": HOSTILE},
    )  # fmt: skip
    # What stands in a code span is shown as it is; nothing in it may end the span.
    card = re.sub(r"`[^`\n]*`", "", dataset_card.dataset_card(hostile).split("\n---\n", 1)[1])
    assert (
        "`" not in card.replace(r"\`", "")
        and "<script" not in card
        and "](" not in card
        and "**" not in card
        and "<javascript" not in card
    )
    assert not re.search(r"^# Head", card, flags=re.M)
    # Each table row has as many cells as its header.
    for block in re.findall(r"(?:^\|.*\n?)+", card, flags=re.M):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}) == 1, block
    assert card.count("\n## ") == dataset_card.dataset_card(plain).split("\n---\n", 1)[1].count("\n## ")


def test_escaped_text_reads_as_it_was():
    markdown = pytest.importorskip("markdown_it")
    for text in (
        HOSTILE.replace("\n", " "),
        "a_b_c 5 * 3 * 2",
        "1. first",
        "- item",
        "&lt; \\ ~~x~~ https://x.org",
        "#tag",
        "1) first, === and --- and + and a_b, __init__ at www.x.org, a@b.org: :smile:",
        "=== not a heading",
        "# head",
        "---",
        "+0.083",
        "7.",
    ):
        html = markdown.MarkdownIt().enable("table").render(dataset_card.escaped(text))
        shown = re.sub(r"</?p>", "", html).strip()
        for code, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
            shown = shown.replace(code, character)
        assert shown == text
    assert [dataset_card.escaped(plain) for plain in ("0.083", "-0.5", "+1", "CC-BY-4.0")] == [
        "0.083",
        "-0.5",
        "+1",
        "CC-BY-4.0",
    ]


def test_many_labels_are_added_up():
    labels = {"t": {f"label{n:03}": [2, 1] for n in range(dataset_card.MOST_LABELS + 7)}}
    card = dataset_card.dataset_card(facts(labels=labels))
    assert cells(card, "7 more") == ["7 more", "14", "7"] and card.count("| label0") == dataset_card.MOST_LABELS


def test_a_run_without_the_license_step_says_so():
    assert "No step looked at the licenses" in dataset_card.dataset_card(facts(steps=facts()["steps"][1:]))
    assert "No step looked at the licenses" not in dataset_card.dataset_card(facts())


def test_label_counts_by_task_and_side():
    train = table([{"text": "a", "task": "t", "label": label} for label in ("x", "y", "y", None)])
    valid = table([{"text": "a", "task": "t", "label": "x"}, {"text": "a"}])
    assert dataset_card.label_counts(train, valid) == {
        "(none)": {"(none)": [0, 1]},
        "t": {"y": [2, 0], "(none)": [1, 0], "x": [1, 1]},
    }


def written(folder):
    """Two Parquet files and their croissant.json."""
    files = {}
    for side in ("train", "valid"):
        path = folder / f"{side}.parquet"
        pq.write_table(table([{"text": f"{side} \u00e9 {n}", "label": "x", "task": "t"} for n in range(3)]), path)
        files[path.name] = {"sha256": file_sha256(path), "bytes": path.stat().st_size}
    path = folder / "croissant.json"
    path.write_text(json.dumps(dataset_card.croissant(facts(files=files), SCHEMA)))
    return path


def test_croissant_names_every_file_with_its_hash_and_every_plain_column(tmp_path):
    found = json.loads(written(tmp_path).read_text())
    assert [one["sha256"] for one in found["distribution"]] == [
        file_sha256(tmp_path / name) for name in ("train.parquet", "valid.parquet")
    ]
    columns = [field["source"]["extract"]["column"] for field in found["recordSet"][0]["field"]]
    assert {"id", "text", "label", "license", "source"} <= set(columns) <= set(SCHEMA.names)
    assert not {"options", "messages", "fields"} & set(columns)
    identifiers = [part["@id"] for kind in ("distribution", "recordSet") for part in found[kind]]
    assert len(set(identifiers)) == len(identifiers) == 4


def test_mlcroissant_validates_it_and_reads_the_rows(tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(jsonld=written(tmp_path))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors and not issues.warnings
    rows = list(dataset.records("valid"))
    assert [row["valid/text"].decode() for row in rows] == ["valid \u00e9 0", "valid \u00e9 1", "valid \u00e9 2"]
