"""Published datasets on tiny mirrors with the real column names; the real data where METIER_DATA names them."""

import json
import os
import shutil
import time
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from metier import datasets as package
from metier.data.dataset import MIRROR, Dataset, DatasetLike
from metier.data.reading import FileSource
from metier.data.step import StepContext
from metier.data.steps.decontaminate import Step as Decontaminate
from metier.data.steps.license import judge
from metier.errors import UserError
from metier.recipes import plugins
from metier.recipes.schema import load
from metier.stages.curate import for_learning
from tests.tiny import write_lines

TEXT = {"id": "1", "text": "Some text."}
CHOICE = {"id": "1", "question": "What floats?", "choices": ["stone", "wood"], "answer": 1}
PAIR = {"id": "1", "qid": "7", "prompt": "White?", "chosen": "Yes, white.", "rejected": "Great product!"}
RAW = {
    "pubmedqa": {"pmid": "7", "question": "Does it?", "contexts": ["One.", "Two."], "final_decision": "maybe"},
    "ddi2013": {
        "pair_id": "DDI-X.d1.s3.p0",
        "source": "DrugBank",
        "text": "[E1]a[/E1] with [E2]b[/E2]",
        "drug1": "a",
        "drug2": "b",
        "label": "effect",
    },
    "mts_dialog": {"id": "1", "dialogue": "Doctor: hello.", "section_header": "GENHX", "section_text": "Hello."},
    "medqa_usmle": {"id": "1", "question": "Which?", "options": {"A": "this", "B": "that"}, "answer": "B"},
    "medquad": {"id": "1", "answer": "An answer."},
    "banking77": {"id": "1", "text": "Where is my card?", "label": "card_arrival"},
    "fomc_stance": {"id": "1", "sentence": "Rates rise.", "year": 2010, "label": "hawkish"},
    "fed_rate_moves": {
        "id": "1",
        "type": "minutes",
        "release_date": "2017-01-04",
        "text": "x" * 3000,
        "two_year_yield_change_bp": 3,
        "label": "up",
    },
    "fed_text": TEXT,
    "tatqa": {
        "id": "1",
        "doc_id": "d",
        "question": "How much?",
        "answer": 12.5,
        "scale": "percent",
        "answer_type": "count",
    },
    "cuad_clause_type": {"id": "1", "text": "A clause.", "label": "cap_on_liability"},
    "legalbench_cuad_yesno": {"id": "1", "task": "audit_rights", "text": "A clause.", "label": "Yes"},
    "legalbench_rules": {"id": "1", "task": "hearsay", "question": "Is it?", "text": "Facts.", "label": "No"},
    "unfair_tos": {"id": "1", "service": "S", "text": "We may.", "label": "unfair"},
    "contract_nli": {
        "id": "1",
        "doc_id": "d",
        "hypothesis_id": "h",
        "hypothesis": "It shall.",
        "evidence": ["It shall."],
        "label": "Entailment",
    },
    "dc_code_text": TEXT,
    "amazon_counterfactual": {"id": "1", "sentence": "I wish.", "label": "counterfactual"},
    "product_matching": {
        "id": "1",
        "source": "amazon_google",
        "left": {"title": "a", "price": ""},
        "right": {"title": "b", "price": "3"},
        "label": "no match",
    },
    "epqa_product_qa": {
        "qa_pair_id": "1",
        "asin": "B0",
        "title": "Latch",
        "question": "White?",
        "candidate": "white",
        "source": "bullet",
        "label": "answers",
        "answer": "Yes.",
    },
    "ddxplus_diagnosis": {
        "id": "1",
        "text": "Patient: 3 years old, male.\nFirst complaint: A cough?\nFindings:\n- Fever? yes",
        "label": "Croup",
        "icd10": "J05.0",
        "severity": 2,
        "age": 3,
        "sex": "male",
        "full_text": "The whole interview.",
        "differential": [["Croup", 0.6], ["Bronchitis", 0.4]],
    },
    "rare_disease_cases": {
        "id": "1",
        "pmid": "7",
        "text": "Patient: age not stated.\nFindings: Seizure; Hypotonia.",
        "label": "Gillespie syndrome",
        "disease_id": "OMIM:206700",
        "age": None,
        "sex": None,
        "n_findings": 2,
    },
    "fin_num_claim": {"id": "1", "source": "earnings call", "text": "we expect 3 % growth.", "label": "in-claim"},
    "market_tables": {
        "id": "1",
        "table_id": "wti-2001-1-2",
        "series": "wti",
        "table": "Month | price\nJanuary 2001 | 20\nFebruary 2001 | 22",
        "question": "What is the trend?",
        "answer": "up",
        "answer_type": "label",
        "task": "trend",
    },
    "bva_sentence_roles": {
        "id": "1",
        "decision": "d",
        "text": "Service connection.",
        "previous": "",
        "label": "finding",
    },
    "legalbench_overruling": {"id": "1", "text": "we overrule it.", "label": "Yes"},
    "clothing_reviews": {
        "id": "1",
        "title": "Too small",
        "text": "It does not fit.",
        "label": "not recommended",
        "rating": 2,
        "department": "Tops",
        "product_class": "Knits",
        "clothing_id": "7",
    },
    "hetpqa_answers": {
        "id": "1",
        "asin": "B0",
        "question": "Big?",
        "evidence": "12 in",
        "answer": "yes_it is",
        "source": "Desc",
    },
    "product_text": TEXT,
    "arc_easy": CHOICE,
    "openbookqa": CHOICE,
    "mmlu": {**CHOICE, "subject": "law", "industry": "legal", "answer": "B"},
    "gsm8k": {"id": "1", "question": "1+1?", "answer": "1+1=2\n#### 2", "final": "2"},
    "wikitext2": {**TEXT, "title": "T"},
    "epqa_pairs": {**PAIR, "title": "Latch", "chosen_label": "answers", "rejected_label": "partial"},
    "mediqa2019_pairs": {**PAIR, "chosen_score": 4, "rejected_score": 1},
    "hh_harmless": PAIR,
}
DATASETS = [name for name in plugins.names("datasets") if isinstance(plugins.find("datasets", name), Dataset)]
JUDGED = [name for name in plugins.names("benchmarks") if plugins.find("benchmarks", name).dataset_name in DATASETS]
RECIPES = Path(__file__).parents[2] / "recipes"
REAL = os.environ.get(MIRROR)


def unchecked(name):
    """A dataset of its own, whether its data are here or not."""
    return replace(plugins.find("datasets", name))


def write_mirror(home):
    """Each dataset with one row in train, dev and test."""
    for name in DATASETS:
        dataset = unchecked(name)
        folder = home / dataset.folder
        folder.mkdir(parents=True, exist_ok=True)
        for split in ("train", "dev", "test") if dataset.tested == "test" else ("train", dataset.tested):
            write_lines(folder / f"{dataset.prefix}{split}.jsonl", [RAW[name]])
    write_lines(home / "finance/tatqa/docs.jsonl", [{"doc_id": "d", "table": [["a", "1"]], "paragraphs": ["p"]}])


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    write_mirror(tmp_path)
    monkeypatch.setenv(MIRROR, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", DATASETS)
def test_rows_come_with_split_license_and_provenance(name, mirror):
    dataset = plugins.build("datasets", name, {})
    rows = dataset.rows().to_pylist()
    assert dataset.problems() == []
    assert [row["split"] for row in rows] == (
        ["train", "valid", "test"] if dataset.tested == "test" else ["train", "test"]
    )
    assert all(row["text"] and row["license"] and row["origin"].endswith("jsonl:1") for row in rows)
    assert all((row["label"] is not None) == dataset.labeled for row in rows)
    assert dataset.citation and dataset.url and dataset.fingerprint() == dataset.fingerprint()


def test_questions_of_a_source_belong_together_by_the_column_that_the_benchmark_names(mirror):
    plain, grouped, misspelled = (
        plugins.build("benchmarks", "unfair_tos", settings)
        for settings in ({}, {"cluster": "service"}, {"cluster": "servise"})
    )
    services = [question.fields["service"] for question in plain.questions()]
    assert [question.group for question in grouped.questions()] == services and None not in services
    assert [question.group for question in plain.questions()] != services
    with pytest.raises(UserError, match="goes by the column 'servise'.*Did you mean 'service'"):
        misspelled.questions()


def test_a_mirror_without_its_test_file_is_named(mirror):
    benchmark = plugins.build("benchmarks", "banking77", {})
    for path in (mirror / plugins.build("datasets", "banking77", {}).folder).glob("test.*"):
        path.unlink()
    with pytest.raises(UserError, match="dataset 'banking77' holds no test rows; in a mirror, their file is missing"):
        benchmark.questions()


@pytest.mark.parametrize("name", JUDGED)
def test_a_question_is_rendered_whole_and_its_answer_is_among_the_labels(name, mirror):
    benchmark = plugins.build("benchmarks", name, {})
    assert benchmark.problems() == []
    (question,) = benchmark.questions()
    assert "{" not in question.render(benchmark.prompt)
    labels = benchmark.label_set()
    assert not labels or question.answer in labels
    assert not question.options or question.answer in question.options
    assert set(question.slices) == set(benchmark.slices)
    assert all(reference.metric.split(" (")[0] in plugins.names("metrics") for reference in benchmark.references)


def test_solved_examples_of_the_same_task_stand_before_the_question(mirror):
    benchmark = plugins.build("benchmarks", "legalbench_rules", {})
    (question,) = benchmark.questions()
    assert benchmark.render(question) == "Is it?\nFacts.\nAnswer: No\n\nIs it?\nFacts.\nAnswer:"


def test_the_answer_in_numbers_stands_beside_no_question(mirror):
    (question,) = plugins.build("benchmarks", "fed_rate_moves", {}).questions()
    assert len(question.text) == 1500 and set(question.fields) == {"type"}


def test_only_pairs_that_interact_where_types_are_asked(mirror):
    write_lines(mirror / "healthcare/ddi2013/test.jsonl", [RAW["ddi2013"], {**RAW["ddi2013"], "label": "none"}])
    assert len(plugins.build("benchmarks", "ddi2013", {}).questions()) == 2
    assert len(plugins.build("benchmarks", "ddi2013_types", {}).questions()) == 1


def test_what_gives_a_diagnosis_away_stands_beside_no_question(mirror):
    (question,) = plugins.build("benchmarks", "ddxplus_diagnosis", {}).questions()
    assert question.fields == question.slices == {"sex": "male", "severity": "2"}
    shown = question.render(plugins.find("benchmarks", "ddxplus_diagnosis").prompt)
    assert not any(hint in shown for hint in ("Croup", "J05", "severity", "interview"))


def test_cases_of_an_article_are_one_draw_and_an_unknown_sex_is_called_so(mirror):
    (question,) = plugins.build("benchmarks", "rare_disease_cases", {}).questions()
    assert question.group == "7" and question.slices == {"sex": "not stated"} and "OMIM" not in str(question.fields)


def test_of_the_market_tables_only_trends_are_asked(mirror):
    trend = RAW["market_tables"]
    count = {**trend, "id": "2", "answer": "1", "answer_type": "count", "task": "count_up"}
    write_lines(mirror / "finance/market_tables/test.jsonl", [count, trend])
    (question,) = plugins.build("benchmarks", "market_tables", {}).questions()
    assert (question.id, question.answer, question.group) == ("1", "up", "wti-2001-1-2")
    assert question.text == trend["table"]


def test_a_review_is_asked_for_one_of_three_answers_and_shows_none_of_the_others(mirror):
    asked = {
        "clothing_reviews": ("not recommended", {"department": "Tops"}),
        "clothing_reviews_rating": ("2", {"department": "Tops"}),
        "clothing_reviews_department": ("Tops", {}),
    }
    for name, (answer, fields) in asked.items():
        benchmark = plugins.build("benchmarks", name, {})
        (question,) = benchmark.questions()
        assert (question.answer, question.fields, question.group) == (answer, fields, "7")
        assert question.text == "Too small\nIt does not fit." and answer in benchmark.labels
    write_lines(mirror / "retail/clothing_reviews/test.jsonl", [{**RAW["clothing_reviews"], "title": ""}])
    (untitled,) = plugins.build("benchmarks", "clothing_reviews", {}).questions()
    assert untitled.text == "It does not fit."


def test_a_license_that_was_not_read_at_its_source_is_passed_only_by_name(mirror):
    license = plugins.find("datasets", "clothing_reviews").license
    assert "to check" in license and judge(license).refused
    [(name, settings)] = [plugins.named(step) for step in load(RECIPES / "clothing_reviews.yaml").steps][:1]
    assert (name, settings) == ("license", {"allow": [license]})
    assert judge(plugins.find("datasets", "fin_num_claim").license, "commercial").refused
    for passed in ("ddxplus_diagnosis", "rare_disease_cases", "market_tables", "bva_sentence_roles"):
        assert judge(plugins.find("datasets", passed).license, "commercial").refused is None


def test_a_formula_of_a_ruling_is_taken_out_of_training_whatever_stands_before_it(mirror):
    formula = {**RAW["bva_sentence_roles"], "text": "The benefit of the doubt goes to the veteran in this case."}
    write_lines(mirror / "legal/bva_sentence_roles/test.jsonl", [{**formula, "previous": "One."}])
    write_lines(
        mirror / "legal/bva_sentence_roles/train.jsonl", [{**formula, "previous": "Two."}, RAW["bva_sentence_roles"]]
    )
    benchmark = plugins.build("benchmarks", "bva_sentence_roles", {})
    rows = next(for_learning([benchmark.data()], [benchmark]))
    kept = Decontaminate().apply(rows, StepContext(0, [benchmark])).kept
    assert formula["text"] not in kept["text"].to_pylist() and len(kept) == len(rows) - 1


# A row with the columns that the hub's dataset has.
ON_THE_HUB = {
    "banking77": {"text": "Where is my card?", "label": 1},
    "medqa_usmle": {"question": "Which?", "options": {"A": "this", "B": "that"}, "answer_idx": "B"},
    "amazon_counterfactual": {"text": "I wish.", "label": 1, "label_text": "counterfactual"},
    "gsm8k": {"question": "1+1?", "answer": "1+1=2\n#### 2"},
    "fomc_stance": {"index": 3, "sentence": "Rates rise.", "year": 2010, "label": 1},
}


@pytest.mark.parametrize("name", [name for name in DATASETS if plugins.find("datasets", name).hub])
def test_a_saved_copy_of_the_hubs_dataset_gives_the_same_rows(name, tmp_path, monkeypatch):
    import datasets

    dataset = unchecked(name)
    part = datasets.Dataset.from_list([ON_THE_HUB[name]])
    if name == "banking77":
        part = part.cast_column("label", datasets.ClassLabel(names=["activate_my_card", "card_arrival"]))
    datasets.DatasetDict({"train": part, "test": part}).save_to_disk(str(tmp_path / dataset.folder / "hub"))
    monkeypatch.setenv(MIRROR, str(tmp_path))
    rows = dataset.rows().to_pylist()
    assert [row["split"] for row in rows] == ["train", "test"]
    labels = plugins.build("benchmarks", name, {}).labels
    assert rows[0]["text"] and rows[0]["label"] and (not labels or rows[0]["label"] in labels)
    if name == "banking77":
        assert rows[0]["label"] == "card arrival"


def write_hub_copy(folder, *texts):
    import datasets

    part = datasets.Dataset.from_list([{"text": text, "label": 0} for text in texts])
    datasets.DatasetDict({"train": part, "test": part}).save_to_disk(str(folder))


def test_the_fingerprint_of_a_saved_copy_follows_its_files(tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(tmp_path))
    folder = tmp_path / "finance/banking77/hub"
    prints = []
    for text in ("one", "two"):
        shutil.rmtree(folder, ignore_errors=True)
        write_hub_copy(folder, text)
        dataset = plugins.build("datasets", "banking77", {})
        prints.append(dataset.fingerprint())
        assert dataset.rows()["text"].to_pylist() == [text] * 2
        assert plugins.build("datasets", "banking77", {}).fingerprint() == prints[-1]  # reading leaves nothing there
    assert prints[0] != prints[1]


def write_hub_cache(folder, commit, text):
    """What `datasets` keeps of a commit of the hub's banking77."""
    import datasets
    from datasets.arrow_writer import ArrowWriter

    at = folder / "PolyAI___banking77" / "default" / "0.0.0" / commit
    at.mkdir(parents=True)
    columns = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["a_label"])})
    for split in ("train", "test"):
        with ArrowWriter(path=str(at / f"banking77-{split}.arrow"), features=columns) as writer:
            writer.write({"text": text, "label": 0})
            writer.finalize()
    splits = [{"name": split, "num_examples": 1, "dataset_name": "banking77"} for split in ("train", "test")]
    named = {"builder_name": "parquet", "dataset_name": "banking77", "config_name": "default", "version": "0.0.0"}
    datasets.DatasetInfo(features=columns, splits=splits, **named).write_to_directory(str(at))


def test_the_fingerprint_of_the_hubs_data_follows_the_commit_that_is_read(tmp_path, monkeypatch):
    import datasets

    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    prints = []
    for commit, text in (("a" * 40, "one"), ("b" * 40, "two")):
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / commit)
        write_hub_cache(tmp_path / commit, commit, text)
        dataset = unchecked("banking77")
        prints.append(dataset.fingerprint())
        assert dataset.rows()["text"].to_pylist() == [text] * 2
        assert unchecked("banking77").fingerprint() == prints[-1]
    assert prints[0] != prints[1] and all(said.startswith("PolyAI/banking77@main None train=") for said in prints)


def test_the_fingerprint_of_tatqa_follows_its_reports(mirror):
    before = plugins.build("datasets", "tatqa", {}).fingerprint()
    report = {"doc_id": "d", "table": [["a", "2"]], "paragraphs": ["p"]}
    write_lines(mirror / "finance/tatqa/docs.jsonl", [report])
    assert plugins.build("datasets", "tatqa", {}).fingerprint() != before


def test_what_is_nowhere_says_what_to_set(monkeypatch):
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("banking77", "tatqa"):
        with pytest.raises(UserError, match=f"{name} is not here.*Set {MIRROR}"):
            plugins.build("datasets", name, {})
    with pytest.raises(UserError, match=f"Set {MIRROR}"):
        unchecked("tatqa").rows()


def test_a_dataset_without_a_hub_id_says_that_it_comes_from_a_mirror_only(tmp_path, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", MIRROR):
        monkeypatch.delenv(name, raising=False)
    tatqa, banking77 = (unchecked(name) for name in ("tatqa", "banking77"))
    assert not tatqa.hub and banking77.problems() == []
    (said,) = tatqa.problems()
    assert f"{MIRROR} is not set, and this dataset has no hub id: it comes from {MIRROR} only." in said
    assert "finance/tatqa/train.jsonl" in said and said.endswith(f"It is published at {tatqa.url}.")
    assert "switched off" not in said
    with pytest.raises(UserError) as refused:
        tatqa.rows()
    assert said in str(refused.value)
    # Switched off is said only of a dataset that the hub has.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv(MIRROR, str(tmp_path))
    assert "no finance/tatqa/, and this dataset has no hub id" in tatqa.problems()[0]
    assert "the hub is switched off" in banking77.problems()[0] and "no hub id" not in banking77.problems()[0]


def test_a_hub_that_cannot_be_reached_is_asked_once(monkeypatch, tmp_path):
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", MIRROR):
        monkeypatch.delenv(name, raising=False)
    began = time.monotonic()
    with pytest.raises(UserError, match=f"PolyAI/banking77 cannot be had from the hub.*Set {MIRROR}"):
        unchecked("banking77").rows()
    assert time.monotonic() - began < 5


def test_each_product_text_has_the_license_of_where_it_is_from(mirror):
    rows = [{**TEXT, "license": license} for license in ("CC BY-SA 4.0", "Apache-2.0 (repository)", "CDLA-Sharing-1.0")]
    write_lines(mirror / "retail/product_text/train.jsonl", rows)
    found = plugins.build("datasets", "product_text", {}).rows().to_pylist()
    licenses = [row["license"] for row in found if row["split"] == "train"]
    assert licenses == ["CC-BY-SA-4.0", "Apache-2.0", "CDLA-Sharing-1.0"]


def test_texts_of_one_day_are_one_draw(mirror):
    (question,) = plugins.build("benchmarks", "fed_rate_moves", {}).questions()
    assert question.group == RAW["fed_rate_moves"]["release_date"]


def test_a_label_that_is_not_declared_is_said(mirror):
    write_lines(mirror / "healthcare/mts_dialog/test.jsonl", [{**RAW["mts_dialog"], "section_header": "NEW"}])
    with pytest.raises(UserError, match="'NEW' that is not declared"):
        plugins.build("datasets", "mts_dialog", {}).rows()


def test_a_drug_that_its_sentence_names_twice_is_named_with_the_words_before_it(mirror):
    text = "Give [E1]aspirin[/E1] late, and never norfloxacin with aspirin or [E2]floxacin[/E2]."
    pair = {**RAW["ddi2013"], "text": text, "drug1": "aspirin", "drug2": "floxacin"}
    write_lines(mirror / "healthcare/ddi2013/test.jsonl", [pair, {**pair, "pair_id": "d.s1.p2", "drug1": "Aspirin"}])
    first, _ = plugins.build("benchmarks", "ddi2013", {}).questions()
    assert first.fields["sentence"] == "Give aspirin late, and never norfloxacin with aspirin or floxacin."
    assert (first.fields["mention1"], first.fields["mention2"]) == ("Give aspirin", "floxacin")


def test_a_broken_line_is_named(mirror):
    path = mirror / "finance/banking77/test.jsonl"
    path.write_text(json.dumps(RAW["banking77"]) + "\n{")
    with pytest.raises(UserError, match="test.jsonl:2"):
        plugins.build("datasets", "banking77", {}).rows()


@pytest.mark.skipif(not REAL, reason=f"{MIRROR} is not set: the real data are not looked at")
@pytest.mark.parametrize("name", JUDGED)
def test_the_real_data_are_as_declared(name):
    benchmark = plugins.build("benchmarks", name, {})
    asked = benchmark.all_questions()
    labels = benchmark.label_set()
    fewest = 50 if benchmark.data().labeled else 25  # a raw text has hundreds of tokens to predict
    assert len(asked) >= fewest and (not labels or {question.answer for question in asked} <= set(labels))
    assert len({question.id for question in asked}) == len(asked)
    train = [row["label"] for row in benchmark.data().rows().to_pylist() if row["split"] == "train"]
    if benchmark.majority is not None:
        commonest = Counter(train).most_common(1)[0][0]
        assert sum(q.answer == commonest for q in asked) / len(asked) == pytest.approx(benchmark.majority, abs=1e-4)


def test_a_file_that_stands_beside_its_own_gz_is_read_once(mirror):
    import gzip

    dataset = plugins.build("datasets", "banking77", {})
    before = dataset.rows().num_rows
    for file in (mirror / dataset.folder).glob("*.jsonl"):
        (file.parent / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    assert dataset.rows().num_rows == before


def test_a_row_without_its_text_is_named(mirror):
    dataset = plugins.build("datasets", "banking77", {})
    with open(mirror / dataset.folder / "train.jsonl", "a") as stream:
        stream.write(json.dumps({"id": "odd", "label": "card_arrival"}) + "\n")
    with pytest.raises(UserError, match="train.jsonl:.*the row has no 'text'"):
        dataset.rows()


def test_a_row_of_another_make_is_named_and_a_copy_of_one_part_is_read(mirror, tmp_path, monkeypatch):
    write_lines(mirror / "general/arc_easy/test.jsonl", [{"id": "1", "question": "What?", "answer": 0}])
    with pytest.raises(
        UserError, match=r"test.jsonl:1: the row is none of the dataset arc_easy .* no column 'choices'"
    ):
        plugins.build("datasets", "arc_easy", {}).rows()
    write_lines(mirror / "general/arc_easy/test.jsonl", [{**CHOICE, "answer": "Z"}])
    with pytest.raises(UserError, match="is none of the dataset arc_easy"):
        plugins.build("datasets", "arc_easy", {}).rows()
    import datasets

    monkeypatch.setenv(MIRROR, str(tmp_path / "own"))
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["card_arrival"])}
    )
    saved = datasets.Dataset.from_dict({"text": ["Where?", "When?"], "label": [0, -1]}, features=features)
    saved.save_to_disk(str(tmp_path / "own/finance/banking77/hub"))
    assert plugins.build("datasets", "banking77", {}).rows()["label"].to_pylist() == ["card arrival", None]


def files():
    return [(module.name, import_module(f"metier.datasets.{module.name}")) for module in iter_modules(package.__path__)]


def test_every_file_has_a_dataset_of_its_name_or_benchmarks():
    for name, module in files():
        assert module.__doc__, name
        assert hasattr(module, "DATASET") or hasattr(module, "BENCHMARKS"), name
        assert not hasattr(module, "DATASET") or module.DATASET.name == name


def test_no_two_benchmarks_have_one_name_and_each_stands_beside_its_dataset():
    declared = [(name, benchmark) for name, module in files() for benchmark in getattr(module, "BENCHMARKS", [])]
    names = [benchmark.name for _, benchmark in declared]
    assert len(names) > 30 and sorted(names) == sorted(set(names)) == plugins.names("benchmarks")
    for name, benchmark in declared:
        assert benchmark.dataset_name == name and benchmark.description
        # Where a dataset has a benchmark of its own name, its rows are asked by no other: see `recipe.task_of`.
        assert benchmark.name == name or benchmark.name not in plugins.names("datasets")


def test_settings_change_a_copy_and_are_checked():
    few = plugins.build("benchmarks", "fomc_stance", {"limit": 100})
    assert few.limit == 100 and plugins.find("benchmarks", "fomc_stance").limit == 0
    for kind, name, settings, said in [
        (
            "benchmarks",
            "fomc_stance",
            {"limits": 1},
            "The benchmark 'fomc_stance' has no setting 'limits'.*mean 'limit'",
        ),
        ("benchmarks", "fomc_stance", {"limit": "many"}, "The benchmark 'fomc_stance' cannot take limit: 'many'"),
        ("benchmarks", "fomc_stance", {"metrics": []}, "The benchmark 'fomc_stance': .*names no metric"),
        ("datasets", "icd10cm", {"description_lenght": 1}, "The dataset 'icd10cm' has no setting.*description_length"),
        ("datasets", "general", {"to_row": "x"}, "The dataset 'general' has no setting 'to_row'"),
    ]:
        with pytest.raises(UserError, match=said):
            plugins.build(kind, name, settings)


def test_a_file_of_ones_own_is_a_dataset_like_ours(tmp_path):
    own = FileSource(str(write_lines(tmp_path / "a.jsonl", [TEXT])), license="mit")
    asked: list[DatasetLike] = [own, plugins.build("datasets", "general", {})]
    parts = [name for name in dir(DatasetLike) if not name.startswith("_")]
    assert len(parts) > 10 and all(hasattr(dataset, part) for dataset in asked for part in parts)
