"""`metier relabel`: corrected labels go into a new version of the user's file, and into nothing else."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.errors import Problems, UserError
from metier.recipes.scaffold.new import new
from metier.recipes.schema import load
from metier.relabeling.relabel import relabel
from metier.relabeling.rewriting import Change, rewrite
from metier.relabeling.rows import rows_of
from metier.runs import run as runs
from metier.runs.history import read_history
from metier.runs.integrity import verify
from metier.runs.progress import Progress
from metier.stages.curate import curate
from tests.cli.test_cli import inside
from tests.relabeling.desk import HOSTILE, curated, curated_run, read, sheet, table, write
from tests.tiny import lines, write_csv

FORMATS = [".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet"]


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    """Format -> a curated run of the desk's files, which no test changes."""
    home = tmp_path_factory.mktemp("desks")
    return {ending: curated(home / ending.strip("."), ending) for ending in FORMATS}


@pytest.fixture
def desk(desks, tmp_path):
    """The desk in JSON lines: a run of the same files, whose sheets and history a test may write."""
    return reopened(desks[".jsonl"], tmp_path)


def reopened(run, folder):
    shutil.copytree(run.folder, folder / "run")
    return runs.saved_run(folder / "run", Progress())


def changes(train, test):
    """Row number -> the new label, from the texts."""
    return {("train", HOSTILE[n]): label for n, label in train.items()} | {
        ("test", HOSTILE[n]): la for n, la in test.items()
    }


@pytest.mark.parametrize("ending", FORMATS)
def test_a_new_version_has_the_new_labels_and_is_otherwise_the_old_one(desks, tmp_path, ending):
    run = reopened(desks[ending], tmp_path)
    home = desks[ending].folder.parent
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    wanted = {n: "=refund" if n in (0, 2, 3, 5) else "card lost" for n in range(len(HOSTILE))}
    filled = sheet(run, changes(wanted, {1: "=refund"}))
    done = relabel(run, [filled], "Ada", tmp_path / "new")
    for part, changed in (("train", wanted), ("test", {1: "=refund"})):
        new, old = read(tmp_path / "new" / f"{part}.relabeled-1{ending}"), read(home / f"{part}{ending}")
        expected = [{**row, "kind": changed.get(n - 5, row["kind"])} for n, row in enumerate(old)]
        assert new == expected and list(new[0]) == list(old[0])
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()} == before
    differ = sum(table("train")[5 + n]["kind"] != label for n, label in wanted.items())
    assert (done.changed, done.confirmed, done.changed_in_test) == (differ + 1, len(wanted) - differ, 1)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_a_cell_of_several_lines_stays_one_cell(tmp_path, line_break):
    text = f"first line{line_break}second line"  # nothing else in it asks for quotation marks
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_bytes(f'note,kind\r\n"{text}",fee\r\nmore,fee\r\n'.encode())
    rewrite(old, None, "kind", {"2": Change("fee", "card lost")}, new)
    assert new.read_bytes() == old.read_bytes().replace(b",fee", b",card lost", 1)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_all_other_bytes_stay(desks, tmp_path, ending):
    run = reopened(desks[ending], tmp_path)
    relabel(run, [sheet(run, {("train", HOSTILE[2]): "fee"})], "Ada", tmp_path)
    old = (desks[ending].folder.parent / f"train{ending}").read_bytes()
    new = (tmp_path / f"train.relabeled-1{ending}").read_bytes()
    begin = next(n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    end = next(n for n, (a, b) in enumerate(zip(reversed(old), reversed(new), strict=False)) if a != b)
    # Of the CSV only the record is quoted anew: the one of two lines.
    assert old[begin : len(old) - end].count(b"\n") <= 1 and len(old) - end - begin < 120


def test_a_parquet_file_keeps_its_schema_and_metadata(desks, tmp_path):
    run = reopened(desks[".parquet"], tmp_path)
    relabel(run, [sheet(run, {("train", HOSTILE[0]): "=refund"})], "Ada", tmp_path)
    old = pq.read_table(desks[".parquet"].folder.parent / "train.parquet")
    new = pq.read_table(tmp_path / "train.relabeled-1.parquet")
    assert new.schema.equals(old.schema, check_metadata=True) and new.schema.metadata[b"owner"] == b"desk"
    assert new.drop(["kind"]).equals(old.drop(["kind"]))


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_labels_that_are_numbers_stay_numbers(tmp_path, ending):
    rows = {part: [{**row, "kind": row["number"] % 3} for row in table(part)] for part in ("train", "test")}
    run = curated(tmp_path / "desk", ending, **rows)
    relabel(run, [sheet(run, {("train", HOSTILE[0]): "1"}, label="2")], "Ada", tmp_path)
    new = read(tmp_path / f"train.relabeled-1{ending}")
    assert new[5]["kind"] == 1 and all(isinstance(row["kind"], int) for row in new)


def test_categories_of_a_parquet_file_stay_categories(tmp_path):
    folder = tmp_path / "desk"
    folder.mkdir()
    for part in ("train", "test"):
        plain = pa.Table.from_pylist(table(part))
        pq.write_table(plain.set_column(2, "kind", plain["kind"].dictionary_encode()), folder / f"{part}.parquet")
    run = curated_run(folder, "train.parquet", "test.parquet")
    relabel(run, [sheet(run, {("train", HOSTILE[0]): "=refund"})], "Ada", tmp_path)
    new = pq.read_table(tmp_path / "train.relabeled-1.parquet")
    assert pa.types.is_dictionary(new.schema.field("kind").type) and new["kind"][5].as_py() == "=refund"


def test_rows_are_found_behind_redaction_and_duplicates(tmp_path):
    named = [{"note": f"Mr. John Smith, SSN 536-90-{1000 + n}, writes about {n}", "kind": "fee"} for n in range(6)]
    rows = [{**row, "number": 0, "by": ""} for row in [*named, named[2], named[2]]] + table("train")
    run = curated(
        tmp_path / "desk", steps="[normalize, {redact: {profile: healthcare, labels: keep}}, dedup, split]", train=rows
    )
    hidden = next(
        row["text"] for row in run.table("curate", "train.parquet").to_pylist() if row["origin"].endswith(":4")
    )
    assert "Smith" not in hidden and "1003" not in hidden
    filled = sheet(run, {("train", hidden): "card lost"})
    assert "Smith" not in filled.read_text()
    relabel(run, [filled], "Ada", tmp_path)
    new, old = (
        read(path / name) for path, name in ((tmp_path, "train.relabeled-1.jsonl"), (tmp_path / "desk", "train.jsonl"))
    )
    changed = [(n, row["kind"], row["note"]) for n, row in enumerate(new) if row != old[n]]
    assert len(changed) == 1 and changed[0][:2] == (3, "card lost") and changed[0][2] == old[3]["note"]


def test_the_log_and_the_history_say_who_changed_what_when_and_in_which_bytes(desk, tmp_path):
    done = relabel(desk, [sheet(desk, {**changes({0: "fee", 1: "?", 2: "fee"}, {0: "fee"})})], "Ada", tmp_path)
    log = lines(tmp_path / "log.relabeled-1.jsonl")
    assert done.log == str(tmp_path / "log.relabeled-1.jsonl") and {row["who"] for row in log} == {"Ada"}
    assert [(row["part"], row["old"], row["new"], row["decision"]) for row in log] == [
        ("train", "fee", "fee", "confirmed"),
        ("train", "card lost", None, "unclear"),
        ("train", "=refund", "fee", "changed"),
        ("test", "fee", "fee", "confirmed"),
    ]
    one = log[2]
    for key, file in (("sha256_before", one["file"]), ("sha256_after", one["new_file"])):
        assert one[key] == hashlib.sha256(Path(file).read_bytes()).hexdigest()
    assert log[3]["new_file"] is None and one["place"] == "8" and one["when"].endswith("Z")
    assert Path(one["run"]) == desk.folder.resolve()
    known = read_history(desk.folder)
    assert not known.broken and (known.last("relabel") or {})["who"] == "Ada"


def test_the_new_recipe_reads_the_new_version_and_its_rows_are_learned(desk, tmp_path):
    done = relabel(desk, [sheet(desk, {("train", HOSTILE[0]): "=refund"})], "Ada", tmp_path)
    recipe = load(tmp_path / "recipe.relabeled-1.yaml")
    assert recipe.datasets[0]["path"] == str(tmp_path / "train.relabeled-1.jsonl")
    assert recipe.benchmarks == desk.recipe.benchmarks and done.command
    assert done.command.startswith(f"metier run {tmp_path / 'recipe.relabeled-1.yaml'} --out ")
    run = runs.open_run(tmp_path / "again", recipe, Progress())
    curate(run)
    learned = {row["text"]: row["label"] for row in run.table("curate", "train.parquet").to_pylist()}
    assert next(label for text, label in learned.items() if text.startswith(HOSTILE[0])) == "=refund"


def test_no_version_is_written_over(desk, tmp_path):
    for number, label in enumerate(["=refund", "card lost"], start=1):
        relabel(desk, [sheet(desk, {("train", HOSTILE[0]): label})], "Ada", tmp_path)
        assert read(tmp_path / f"train.relabeled-{number}.jsonl")[5]["kind"] == label
    assert read(tmp_path / "train.relabeled-1.jsonl")[5]["kind"] == "=refund"
    # A version of a version counts on.
    run = runs.open_run(tmp_path / "again", load(tmp_path / "recipe.relabeled-2.yaml"), Progress())
    curate(run)
    relabel(run, [sheet(run, {("train", HOSTILE[0]): "fee"})], "Ada")
    assert read(tmp_path / "train.relabeled-3.jsonl")[5]["kind"] == "fee"


def test_a_folder_gets_a_folder_beside_it_that_no_recipe_reads_yet(tmp_path):
    rows, home = table("train"), tmp_path / "desk"
    (home / "mail" / "old").mkdir(parents=True)
    write(home / "mail" / "new.csv", rows[:20])
    write(home / "mail" / "old" / "more.jsonl", rows[20:])
    write(home / "test.csv", table("test"))
    run = curated_run(home, "mail", "test.csv")
    done = relabel(run, [sheet(run, {("train", HOSTILE[0]): "=refund"})], "Ada")
    new = home / "mail.relabeled-1"
    assert read(new / "new.csv")[5]["kind"] == "=refund" and done.files == (str(new),)
    assert (new / "old" / "more.jsonl").read_bytes() == (home / "mail" / "old" / "more.jsonl").read_bytes()
    assert load(home / "recipe.relabeled-1.yaml").datasets[0]["path"] == str(new)


def test_two_patterns_in_one_folder_stay_apart(tmp_path):
    home = tmp_path / "desk"
    (home / "mail").mkdir(parents=True)
    write(home / "mail" / "a-train.csv", table("train"))
    write(home / "mail" / "a-test.csv", table("test"))
    run = curated_run(home, '"mail/*-train.csv"', '"mail/*-test.csv"')
    done = relabel(run, [sheet(run, changes({0: "=refund"}, {0: "=refund"}))], "Ada")
    names = [sorted(path.name for path in home.joinpath(file).iterdir()) for file in done.files]
    assert names == [["a-train.csv"], ["a-test.csv"]]


def test_files_of_one_name_stay_apart_in_one_folder_and_can_be_read(tmp_path):
    home = tmp_path / "desk"
    for part in ("train", "test"):
        (home / part).mkdir(parents=True)
        write(home / part / "mail.csv", table(part))
    run = curated_run(home, "train/mail.csv", "test/mail.csv")
    done = relabel(run, [sheet(run, changes({0: "=refund"}, {0: "=refund"}))], "Ada", tmp_path / "new")
    assert [read(Path(file))[5]["kind"] for file in done.files] == ["=refund", "=refund"]
    again = runs.open_run(tmp_path / "again", load(tmp_path / "new" / "recipe.relabeled-1.yaml"), Progress())
    assert curate(again)["train"] == run.result("curate")["train"]


def test_a_recipe_of_several_trainings_is_run_with_as_many_again(desk, tmp_path):
    desk.lock(seeds=[0, 1, 2])
    done = relabel(desk, [sheet(desk, {("train", HOSTILE[0]): "=refund"})], "Ada", tmp_path / "new")
    assert done.command and done.command.endswith(f" --seeds 3 --out {tmp_path}-relabeled-1")


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), (",", "utf-8"), ("\t", "utf-8")])
def test_sheets_are_read_as_spreadsheets_save_them(desk, tmp_path, separator, encoding):
    filled = sheet(desk, {("train", HOSTILE[2]): " FEE "}, tmp_path / "me.csv", separator, encoding)
    filled.write_bytes(filled.read_bytes().replace(b"what\nthe", b"what\r\nthe"))
    assert relabel(desk, [filled], "Ada", tmp_path).changed == 1
    assert read(tmp_path / "train.relabeled-1.jsonl")[7]["kind"] == "fee"


@pytest.mark.parametrize(
    ("corrected", "edited", "says"),
    [
        (
            "refunds",
            {},
            "'refunds' is no label of the run. Write one of its labels, or ? where none fits. Did you mean",
        ),
        ("fee", {"id": "train.jsonl:999"}, "has no row 'train.jsonl:999'. Was `id` edited"),
        ("fee", {"id": "train.jsonl:1"}, "the text is not that of row train.jsonl:1. Was a column sorted without"),
        ("fee", {"text": "something else"}, "the text is not that of row train.jsonl:6"),
        ("fee", {"label": "card lost"}, "`label` was edited. Put it back, and write the right label into `corrected`"),
    ],
)
def test_what_is_wrong_in_a_sheet_is_said_once_and_nothing_is_written(desk, tmp_path, corrected, edited, says):
    filled = sheet(desk, {("train", HOSTILE[0]): corrected}, **edited)
    with pytest.raises(Problems) as error:
        relabel(desk, [filled], "Ada", tmp_path / "new")
    assert says in str(error.value) and len(error.value.problems) == 1 and "suspects.csv:2" in str(error.value)
    assert not (tmp_path / "new").exists()


def test_two_answers_for_one_row_are_said(desk, tmp_path):
    sheets = [sheet(desk, {("train", HOSTILE[0]): la}, tmp_path / f"{la}.csv") for la in ("fee", "card lost")]
    with pytest.raises(Problems, match="says otherwise of the same row"):
        relabel(desk, sheets, "Ada", tmp_path)


def test_data_that_changed_since_the_run_are_not_written_to(tmp_path):
    run = curated(tmp_path / "desk")
    filled = sheet(run, {("train", HOSTILE[0]): "=refund"})
    file = tmp_path / "desk" / "train.jsonl"
    file.write_text("\n" + file.read_text())
    with pytest.raises(UserError, match="train.jsonl was changed since"):
        relabel(run, [filled], "Ada")
    assert not list((tmp_path / "desk").glob("*relabeled*"))


def test_an_empty_sheet_and_none_at_all_are_said(desk, tmp_path):
    with pytest.raises(UserError, match="has no suspects.csv and no suspects-test.csv. Name the sheet"):
        relabel(desk, [], "Ada", tmp_path)
    with pytest.raises(UserError, match="Nothing is filled in"):
        relabel(desk, [sheet(desk, {("train", HOSTILE[0]): ""})], "Ada", tmp_path)
    (tmp_path / "x.csv").write_text("id;corrected\ntrain.jsonl:1;fee\n")
    with pytest.raises(UserError, match="has no column `text`"):
        relabel(desk, [tmp_path / "x.csv"], "Ada", tmp_path)
    (tmp_path / "y.csv").write_bytes("id,text,corrected\n1,caf\u00e9,fee\n".encode("cp1252"))
    with pytest.raises(Problems, match="not UTF-8"):
        relabel(desk, [tmp_path / "y.csv"], "Ada", tmp_path)


def test_a_renamed_sheet_is_named_with_the_command_that_reads_it(desk, tmp_path, capsys):
    filled = sheet(desk, {("train", HOSTILE[0]): "=refund"})
    renamed = filled.rename(desk.folder / "suspects-1.csv")
    command = f"metier relabel {desk.folder} {renamed}"
    with pytest.raises(UserError, match="Not read: suspects-1.csv") as none:
        relabel(desk, [], "Ada", tmp_path / "a")
    assert str(none.value).endswith(command)
    shutil.copyfile(renamed, desk.folder / "suspects.csv")
    assert relabel(desk, [], "Ada", tmp_path / "b").changed == 1
    assert command in capsys.readouterr().err
    assert relabel(desk, [renamed], "Ada", tmp_path / "c").changed == 1
    assert "Not read" not in capsys.readouterr().err


def test_rows_of_a_dataset_of_the_package_are_nobodys_to_correct(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("model: fake\nsteps: [decontaminate, split, {select: {rows: 50}}]\nretention: {}\n")
    run = runs.open_run(tmp_path / "run", load(recipe, changes=["quick=true"]), Progress())
    curate(run)
    row = next(row for row in run.table("curate", "train.parquet").to_pylist() if row["label"])
    (tmp_path / "s.csv").write_text(f'id,text,corrected\n{row["origin"]},"{row["text"]}",{row["label"]}\n')
    with pytest.raises(Problems, match="which is none of your files"):
        relabel(run, [tmp_path / "s.csv"], "Ada", tmp_path)


def test_a_run_of_which_the_sheets_were_filled_in_is_as_it_was_written(finished_run, tmp_path):
    run = runs.saved_run(finished_run[1], Progress())
    row = run.table("curate", "train.parquet").to_pylist()[0]
    other = "dermatology" if row["label"] == "cardiology" else "cardiology"
    (run.folder / "suspects.csv").write_text(f"id,text,corrected\n{row['origin']},{row['text']},{other}\n")
    assert relabel(run, [], "Ada", tmp_path).changed == 1
    assert not verify(run.folder).findings


def test_the_verb(monkeypatch, capsys, desk, tmp_path):
    sheet(desk, {("train", HOSTILE[0]): "=refund"})
    code, out, _ = inside(monkeypatch, capsys, "relabel", desk.folder, "--by", "Ada", "--out", tmp_path / "new")
    assert code == 0 and "1 labels changed (0 of the test)" in out and "Run it again:\n  recipe" not in out
    assert f"metier run {tmp_path / 'new' / 'recipe.relabeled-1.yaml'}" in out
    code, out, _ = inside(monkeypatch, capsys, "relabel", desk.folder, "--out", tmp_path / "new", "--json")
    assert json.loads(out)["changed"] == 1 and (tmp_path / "new" / "train.relabeled-2.jsonl").is_file()


def made_new(tmp_path, monkeypatch, separator=";"):
    """A run of what `metier new` makes of a folder with a CSV."""
    rows = [{"note": row["note"], "department": row["kind"].strip("="), "by": "x;y"} for row in table("train", 90)]
    write_csv(tmp_path / "exports" / "mail.csv", rows, separator)
    new("desk", tmp_path / "exports", into=tmp_path)
    recipe = load(tmp_path / "desk" / "recipe.yaml", changes=["model=fake", "datasets.train.license=proprietary"])
    run = runs.open_run(tmp_path / "run", recipe, Progress())
    curate(run)
    return run, rows


def test_the_table_that_new_copied_from_gets_a_new_version_too(tmp_path, monkeypatch):
    run, rows = made_new(tmp_path, monkeypatch)
    texts = {rows_[0].text: rows_[0].part for rows_ in rows_of(run).values()}
    wanted = {(texts[HOSTILE[n] + " (train)"], HOSTILE[n]): "refund" for n in (0, 2, 3)}
    done = relabel(run, [sheet(run, wanted)], "Ada")
    (new_table,) = done.tables
    assert new_table == str(tmp_path / "desk" / "mail.relabeled-1.csv") and not done.notes
    with open(new_table, newline="", encoding="utf-8") as stream:
        found = list(csv.DictReader(stream, delimiter=";"))
    assert found == [{**row, "department": "refund"} if n in (5, 7, 8) else row for n, row in enumerate(rows)]
    changed = [row for row in lines(Path(done.log)) if row["decision"] == "changed"]
    mail = tmp_path / "exports" / "mail.csv"
    assert {row["copied_from"] for row in changed} <= {f"{mail}:{line}" for line in (7, 9, 11)}
    assert sorted(path.name for path in mail.parent.iterdir()) == ["mail.csv"]


def test_a_table_that_changed_since_new_keeps_its_labels_and_that_is_said(tmp_path, monkeypatch):
    run, rows = made_new(tmp_path, monkeypatch)
    mail = tmp_path / "exports" / "mail.csv"
    mail.write_text(mail.read_text() + "one more;fee;x\n")
    row = next(found[0] for found in rows_of(run).values() if found[0].text.startswith(HOSTILE[0]))
    done = relabel(run, [sheet(run, {(row.part, HOSTILE[0]): "refund"})], "Ada")
    assert not done.tables and "was changed since `metier new` read it" in done.notes[0] and done.files
