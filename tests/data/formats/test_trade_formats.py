"""Records, articles, filings, calls, opinions and catalogs: rows come out, and what is broken says where and why."""

import base64
import gzip
import json
import sys

import pytest

from metier.data.format import RejectedRow
from metier.errors import UserError
from metier.recipes import plugins
from tests.tiny import write_lines


def read(name, path, content, **settings):
    """(rows, broken) of a file with this content, each by its place."""
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    path.write_bytes(content)
    pieces = list(plugins.build("formats", name, settings).read(path))
    assert len({place for place, _ in pieces}) == len(pieces), "places are unique"
    rows = {place: piece for place, piece in pieces if not isinstance(piece, RejectedRow)}
    return rows, {place: piece.reason for place, piece in pieces if isinstance(piece, RejectedRow)}


# FHIR

UUID = "urn:uuid:6b0f2a1e"
PATIENT = {"resourceType": "Patient", "id": "17", "gender": "female", "birthDate": "1950-01-02"}


def about(kind, patient="Patient/17", **further):
    return {"resourceType": kind, "id": f"{kind.lower()}-1", "subject": {"reference": patient}, **further}


def code(text):
    return {"coding": [{"code": "1-2", "display": text}]}


def bundle(*resources, **urls):
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def fhir(tmp_path, *resources, **settings):
    return read("fhir", tmp_path / "a.json", bundle(*resources), **settings)


def test_a_patient_is_one_row_in_time_order(tmp_path):
    rows, broken = fhir(
        tmp_path,
        about("Procedure", code=code("Appendectomy"), status="completed", performedDateTime="2020-05-01"),
        about("Condition", code={"text": "Diabetes", **code("E11")}, onsetDateTime="2019"),
        about("Encounter", **{"class": {"code": "AMB"}}, status="finished", period={"start": "2019-03-04T09:00:00Z"}),
        PATIENT,
    )
    assert not broken
    assert rows["Patient/17"] == {
        "text": "Patient: female, born 1950-01-02\n2019: Condition: Diabetes\n"
        "2019-03-04: Encounter: AMB (finished)\n2020-05-01: Procedure: Appendectomy (completed)",
        "patient": "Patient/17",
        "time": "2020-05-01",
    }


def test_times_of_different_zones_stand_in_the_order_they_happened(tmp_path):
    rows, _ = fhir(
        tmp_path,
        about("Procedure", code=code("second"), performedDateTime="2020-05-01T01:00:00Z"),
        about("Procedure", code=code("first"), performedDateTime="2020-05-01T02:00:00+05:00"),
    )
    assert rows["Patient/17"]["text"].index("first") < rows["Patient/17"]["text"].index("second")


def test_a_patient_named_by_uuid_is_found(tmp_path):
    content = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:c", "resource": about("Condition", UUID, code=code("Asthma"))},
            {"fullUrl": UUID, "resource": PATIENT},
        ],
    }
    rows, broken = read("fhir", tmp_path / "a.json", content)
    assert list(rows) == ["Patient/17"] and not broken
    assert "Asthma" in rows["Patient/17"]["text"]


@pytest.mark.parametrize(
    "reference",
    ["Patient/17", "https://example.org/fhir/Patient/17", "Patient/17/_history/2", "https://x.org/Patient/17"],
)
def test_a_patient_is_the_same_however_it_is_named(tmp_path, reference):
    rows, _ = fhir(tmp_path, about("Condition", reference, code=code("Asthma")), by="resource")
    assert [row["patient"] for row in rows.values()] == ["Patient/17"]


def test_observations_show_value_unit_parts_and_meaning(tmp_path):
    def quantity(value, unit):
        return {"value": value, "unit": unit}

    rows, broken = read(
        "fhir",
        tmp_path / "a.ndjson",
        # 7.20 as written: JSON numbers would lose the zero
        json.dumps(about("Observation", code=code("HbA1c"), valueQuantity=quantity("?", "%"))).replace('"?"', "7.20")
        + "\n"
        + json.dumps(
            about(
                "Observation",
                code=code("Blood pressure"),
                component=[
                    {
                        "code": code("Systolic"),
                        "valueQuantity": quantity(150, "mmHg"),
                        "interpretation": [code("High")],
                    },
                    {"code": code("Diastolic"), "dataAbsentReason": {"text": "not heard"}},
                ],
            )
        )
        + "\n"
        + json.dumps(about("Observation", code=code("CRP"), valueQuantity={**quantity(5, "mg/L"), "comparator": "<"})),
    )
    assert not broken
    assert rows["Patient/17"]["text"].splitlines() == [
        "Observation: HbA1c 7.20 %",
        "Observation: Blood pressure; Systolic 150 mmHg [High], Diastolic no value (not heard)",
        "Observation: CRP <5 mg/L",
    ]


def test_every_mapped_type_becomes_a_line(tmp_path):
    text = {"contentType": "text/plain; charset=utf-8", "data": base64.b64encode("Fieber, 38°".encode()).decode()}
    by_patient = {"patient": {"reference": "Patient/17"}}
    rows, broken = fhir(
        tmp_path,
        about(
            "MedicationRequest",
            medicationCodeableConcept=code("Metformin"),
            status="active",
            intent="order",
            dosageInstruction=[
                {
                    "doseAndRate": [{"doseQuantity": {"value": 500, "unit": "mg"}}],
                    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                }
            ],
        ),
        about("MedicationStatement", medicationCodeableConcept=code("Aspirin"), status="not-taken"),
        {
            "resourceType": "AllergyIntolerance",
            "id": "a",
            **by_patient,
            "code": code("Penicillin"),
            "criticality": "high",
            "reaction": [{"manifestation": [code("Hives")]}],
        },
        {"resourceType": "Immunization", "id": "i", **by_patient, "vaccineCode": code("Flu"), "status": "not-done"},
        about("DiagnosticReport", code=code("Chest film"), conclusion="Clear lungs.", presentedForm=[text]),
        about("DocumentReference", type=code("Progress note"), content=[{"attachment": text}]),
    )
    assert not broken
    assert rows["Patient/17"]["text"].splitlines() == [
        "Medication: Metformin; 500 mg 2 times per 1 d (active, order)",
        "Medication use: Aspirin (not-taken)",
        "Allergy: Penicillin; criticality high; reaction Hives",
        "Immunization: Flu (not-done)",
        "Report: Chest film; Clear lungs.",
        "Fieber, 38°",
        "Document: Progress note",
        "Fieber, 38°",
    ]


def test_a_medication_is_found_in_the_bundle_or_in_the_request(tmp_path):
    medication = {"resourceType": "Medication", "id": "m", "code": code("Insulin")}
    there = about("MedicationRequest", medicationReference={"reference": "Medication/m"})
    within = about("MedicationRequest", medicationReference={"reference": "#m"}, contained=[medication])
    rows, broken = fhir(tmp_path, there, medication)
    assert rows["Patient/17"]["text"] == "Medication: Insulin" and not broken
    assert fhir(tmp_path, within)[0] == rows
    rows, broken = fhir(tmp_path, there)
    assert not rows and "does not hold" in broken["MedicationRequest/medicationrequest-1 (line 1, entry 1)"]


def test_types_that_are_not_mapped_are_counted_in_one_line(tmp_path):
    rows, broken = fhir(tmp_path, PATIENT, *[about("Claim") for _ in range(17)], about("Provenance"))
    assert list(rows) == ["Patient/17"]
    assert broken["Claim"].startswith("17 resources of type Claim are not read. ")
    assert broken["Provenance"].startswith("1 resource of type Provenance is not read. ")


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (about("Condition", code="E11"), "no object in 'code'"),
        (about("Condition"), "does not say what it is about"),
        (about("Condition", code=code("x"), onsetDateTime="last week"), "the date 'last week', which is none"),
        (about("Condition", code=code("x"), verificationStatus={"coding": [{"code": "entered-in-error"}]}), "in error"),
        (about("Observation", code=code("x"), status="entered-in-error"), "in error"),
        (about("Observation", code=code("x"), component="none"), "no list of objects in 'component'"),
        (about("Observation", code=code("x"), valueSampledData={"data": "1 2"}), "in 'valueSampledData', which is not"),
        (about("Condition", code=code("x"), modifierExtension=[{"url": "u"}]), "may change its meaning"),
        (about("Condition", "Group/1", code=code("x")), "names no patient"),
        (about("DocumentReference", content=[{"attachment": {"contentType": "application/pdf"}}]), "no attachment in"),
        (
            about("DocumentReference", content=[{"attachment": {"contentType": "text/plain", "data": "%%%"}}]),
            "cannot be decoded",
        ),
    ],
)
def test_a_broken_resource_is_rejected_rows_with_its_id(tmp_path, resource, why):
    rows, broken = fhir(tmp_path, PATIENT, resource)
    place = f"{resource['resourceType']}/{resource['id']} (line 1, entry 2)"
    assert list(rows) == ["Patient/17"] and list(broken) == [place] and why in broken[place]


def test_lines_that_are_no_resources_are_rejected_rows(tmp_path):
    path = write_lines(tmp_path / "a.ndjson", [PATIENT, {"a": 1}, ["x"]])
    rows, broken = read("fhir", path, path.read_bytes() + b'{"resourceType": \n{"x": "\xff"}\n' + b"[" * 100_000)
    assert list(rows) == ["Patient/17"]
    assert [reason[:20] for reason in broken.values()] == [
        "is no FHIR resource:",
        "is no FHIR resource:",
        "is no valid JSON: Ex",
        "is not UTF-8 (byte 7",
        "is no valid JSON: ma",
    ]
    assert read("fhir", tmp_path / "b.json", '{"resourceType":\n"Bundle", ')[1]
    assert (
        "'entry' is no list" in read("fhir", tmp_path / "c.json", {"resourceType": "Bundle", "entry": 3})[1]["line 1"]
    )


# JATS

ARTICLE = """<article><front><article-meta><article-id pub-id-type="pmid">99</article-id>
<title-group><article-title>Sugar &amp; <i>salt</i></article-title></title-group>
<abstract><sec><title>Aim</title><p>We ask.</p></sec></abstract><abstract abstract-type="toc"><p>Short</p></abstract>
</article-meta></front><body><sec><label>1</label><title>Methods</title><p>We
 counted.<sup><xref ref-type="bibr">12</xref></sup>
5<xref ref-type="bibr"><sup>12</sup></xref> Twice, 10<sup>3</sup> &alpha;.</p>
<fig><p>A picture</p></fig><sec><title>Cohort</title><p>Ten.</p></sec></sec>
<sec><title>Results</title><p>None.</p></sec></body>
<back><ref-list><ref><pub-id pub-id-type="pmid">1</pub-id></ref></ref-list></back></article>"""
DOCTYPE = '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS 1.3//EN" "JATS-archivearticle1-3.dtd">'


def sections(rows):
    return {row["section"]: row["text"] for row in rows.values()}


def test_an_article_gives_a_row_for_each_section(tmp_path):
    rows, broken = read("jats", tmp_path / "a.nxml", DOCTYPE + ARTICLE)
    assert not broken
    assert sections(rows) == {
        "Abstract": "Aim\nWe ask.",
        "Methods": "We counted. 5 Twice, 10^3 α.\nCohort\nTen.",
        "Results": "None.",
    }
    assert {(row["title"], row["pmid"]) for row in rows.values()} == {("Sugar & salt", "99")}


def test_an_article_in_a_namespace_is_read(tmp_path):
    inside = ARTICLE.replace("&alpha;", "").replace("<article>", '<article xmlns="https://jats.nlm.nih.gov/ns/1.3/">')
    rows, _ = read("jats", tmp_path / "a.nxml", f"<OAI><record><metadata>{inside}</metadata></record></OAI>")
    assert list(sections(rows)) == ["Abstract", "Methods", "Results"]


def test_abstracts_of_pubmed_keep_their_labels(tmp_path):
    def citation(inside):
        cited = f"<MedlineCitation><PMID>7</PMID><Article>{inside}</Article></MedlineCitation>"
        return f"<PubmedArticle>{cited}</PubmedArticle>"

    title = "<ArticleTitle>On salt</ArticleTitle>"
    text = '<Abstract><AbstractText Label="AIM">To ask.</AbstractText><AbstractText>So.</AbstractText></Abstract>'
    many = "".join(citation(title + text) for _ in range(300)) + citation(title)
    rows, broken = read("jats", tmp_path / "a.xml", f"<PubmedArticleSet>{many}</PubmedArticleSet>")
    assert len(rows) == 300
    assert rows["article 1, section 1"] == {
        "text": "AIM: To ask.\nSo.",
        "section": "Abstract",
        "title": "On salt",
        "pmid": "7",
    }
    assert broken == {"article 301": "has neither abstract nor body (PMID 7)."}


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f'<!DOCTYPE article [<!ENTITY l0 "lol">{LAUGHS}]><article><body><p>&l9;</p></body></article>', "entities"),
        (f'<!DOCTYPE article [<!ENTITY l0 "lol">{LAUGHS}]><article a="&l9;"><body/></article>', "no valid XML"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "SECRET">]><article><body><p>&x;</p></body></article>', "entities"),
        ('<!DOCTYPE a [<!ENTITY % x SYSTEM "SECRET"> %x;]><article><body><p>y</p></body></article>', "entities"),
        ("<article><body>", "no valid XML"),
        ("", "no valid XML"),
        ("<html><p>x</p></html>", "holds no article but <html>"),
        ("<p>" * 100_000, "no valid XML"),
    ],
    ids=["laughs", "laughs in an attribute", "external", "parameter", "cut off", "empty", "other", "deep"],
)
def test_xml_that_is_hostile_or_broken_is_rejected_rows(tmp_path, content, why):
    (tmp_path / "secret").write_text("the secret")
    rows, broken = read("jats", tmp_path / "a.nxml", content.replace("SECRET", (tmp_path / "secret").as_uri()))
    assert not rows and len(broken) == 1
    assert why in next(iter(broken.values())) and "the secret" not in str(broken)


PLAIN = ARTICLE.replace("&alpha;", "")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"<all>{PLAIN}<article><body></all>", 9),
        (f"<all>{PLAIN}", 9),
        (f"<all>{PLAIN[:-20]}", 9),
        (PLAIN + PLAIN, 9),
    ],
    ids=["a broken one", "cut behind one", "cut within the first", "two without a root"],
)
def test_a_tear_among_several_articles_stops_the_reading(tmp_path, content, line):
    with pytest.raises(UserError, match=f"a.nxml breaks off at line {line}: it is no valid XML"):
        read("jats", tmp_path / "a.nxml", content)


# SEC

FILING = """<?xml version="1.0" encoding="UTF-8"?><html><head><title>10-K</title></head><body>
<div style="display: none"><p>hidden facts</p></div><p>FORM 10-K</p>
<table><tr><td>Item 1.</td><td>Business</td><td>3</td></tr>
<tr><td>Item 1A.</td><td>Risk Factors</td><td>9</td></tr>
<tr><td>Item 7.</td><td>Discussion</td><td>20</td></tr></table><p>Some words about forward-looking statements, long.</p>
<p>PART&nbsp;I</p><p><b>ITEM 1.</b> <b>Business</b></p><p>We make <span>lamps</span>.</p>
<p>As Item 7 tells, all is well.</p>
<p>Item 1A of this report is short.</p><div>Item 1A.</div><div>Risk Factors</div><p>Lamps may break.</p>
<p>Item 1A. Risk Factors (continued)</p><p>Glass is thin.</p>
<p>Item 7 \u2014 Discussion</p><table><tr><td>Sales</td><td>$</td><td>5</td></tr></table>
<p>SIGNATURES</p><p>Jane Roe</p>
</body></html>"""


def test_a_filing_gives_a_row_for_each_item(tmp_path):
    rows, broken = read("sec", tmp_path / "a.htm", FILING)
    assert not broken
    assert list(rows) == ["item 1", "item 1A", "item 7"]
    assert rows["item 1"] == {
        "text": "ITEM 1. Business\nWe make lamps.\nAs Item 7 tells, all is well.\nItem 1A of this report is short.",
        "item": "1",
        "title": "Business",
    }
    assert rows["item 1A"]["title"] == "Risk Factors" and "Glass is thin." in rows["item 1A"]["text"]
    assert rows["item 7"]["text"] == "Item 7 — Discussion\nSales $ 5"


def test_entries_of_a_table_of_contents_without_pages_are_no_items(tmp_path):
    listed = "<p>Item 1. Business</p><p>Item 2. Properties</p>"
    rows, _ = read("sec", tmp_path / "a.htm", f"{listed}<p>PART I</p>{listed.replace('</p>', '</p><p>The body.</p>')}")
    assert [row["text"].splitlines()[-1] for row in rows.values()] == ["The body.", "The body."]


def test_a_quarterly_report_keeps_the_items_of_both_parts(tmp_path):
    body = (
        "<p>Form 10-Q</p><p>PART I</p><p>Item 1. Statements</p><p>a</p><p>PART II</p><p>Item 1. Proceedings</p><p>b</p>"
    )
    rows, _ = read("sec", tmp_path / "a.htm", body)
    assert {row["item"]: row["title"] for row in rows.values()} == {"I 1": "Statements", "II 1": "Proceedings"}


def test_exhibits_of_a_complete_submission_are_not_read(tmp_path):
    content = (
        f"<DOCUMENT><TYPE>10-K\n<TEXT>{FILING}</TEXT></DOCUMENT><DOCUMENT><TYPE>EX-1\n<TEXT><p>Item 8. X</p></TEXT>"
    )
    assert "item 8" not in read("sec", tmp_path / "a.txt", content)[0]


@pytest.mark.parametrize("content", [b"", b"<p>A letter</p>", b"\x00\x01\xff", b"<div>" * 5_000 + b"x"])
def test_a_page_without_items_is_rejected_rows(tmp_path, content):
    rows, broken = read("sec", tmp_path / "a.htm", content)
    assert not rows and "no heading such as 'Item 1A. Risk Factors'" in broken["item"]


@pytest.mark.parametrize("name", ["jats", "sec"])
def test_without_lxml_the_user_hears_what_to_install(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(UserError, match=r"pip install 'metier\[docs\]'"):
        read(name, tmp_path / "a", "<p>x</p>")


# Transcripts

CALL = """Lamps Inc. Q1 call

Company Participants
Jane Roe - Chief Financial Officer

Operator
Good day. A question-and-answer session will follow.

Jane Roe
Sales - mostly lamps - grew.
We are glad: very.

Operator
Our first question comes from Ann Lee.

Ann Lee -- Analyst, Big Bank
How much?
And why?

Jane Roe
Five percent.

Ann Lee -- Analyst, Big Bank
And next year?

Jane Roe
Six.

Ann Lee -- Analyst, Big Bank
Thank you.

Operator
Next is Bob Ray.

Bob Ray -- Analyst, Small Bank
Anyone there?

Operator
This ends the call.
"""


def test_a_call_gives_a_row_for_each_turn(tmp_path):
    rows, broken = read("transcript", tmp_path / "a.txt", CALL)
    assert not broken and len(rows) == 11
    turns = [(row["speaker"], row["part"]) for row in rows.values()]
    assert turns[:4] == [
        ("Operator", "prepared remarks"),
        ("Jane Roe", "prepared remarks"),
        ("Operator", "prepared remarks"),
        ("Ann Lee", "questions and answers"),
    ]
    assert rows["line 9"]["text"] == "Sales - mostly lamps - grew.\nWe are glad: very."


def test_questions_stand_with_their_answers(tmp_path):
    rows, broken = read("transcript", tmp_path / "a.txt", CALL, by="pair")
    assert list(rows.values()) == [
        {"text": "How much?\nAnd why?", "answer": "Five percent.", "speaker": "Ann Lee"},
        {"text": "And next year?", "answer": "Six.", "speaker": "Ann Lee"},
    ]
    assert broken == {"line 35": "is a question that nobody answers."}


def test_speakers_with_a_colon_are_found(tmp_path):
    call = "OPERATOR: Welcome.\nJane Roe (CFO): We grew.\nA lot.\nQuestions and Answers\nAnn Lee: Why?\nJane Roe: Luck."
    rows, _ = read("transcript", tmp_path / "a.txt", call)
    assert [(row["speaker"], row["text"], row["part"][0]) for row in rows.values()] == [
        ("Operator", "Welcome.", "p"),
        ("Jane Roe", "We grew.\nA lot.", "p"),
        ("Ann Lee", "Why?", "q"),
        ("Jane Roe", "Luck.", "q"),
    ]


@pytest.mark.parametrize(
    ("content", "by", "why"),
    [
        ("just a letter\n", "turn", "shows no speaker"),
        ("", "turn", "shows no speaker"),
        (b"\xff\xfe", "turn", "is not UTF-8 (byte 0)"),
        ("Operator\nWelcome.\n", "pair", "no part with questions"),
    ],
)
def test_a_text_that_is_no_call_is_rejected_rows(tmp_path, content, by, why):
    rows, broken = read("transcript", tmp_path / "a.txt", content, by=by)
    assert not rows and why in broken["line 1"]


# Opinions


@pytest.mark.parametrize("number", ["[{}]", "¶ {}.", "¶{}", "{{¶ {}}}", "{}."])
def test_numbered_paragraphs_are_rows_with_their_heading(tmp_path, number):
    first, second, third = (number.format(n) for n in (1, 2, 3))
    opinion = f"""SMITH v. JONES

The court sat in May.

I. Background

{first} The parties
met in [2019] 1 AC 5.

They argued.
{second} He wrote:

9. a list that is not ours

ANALYSIS
{third} We dismiss.
"""
    rows, broken = read("court", tmp_path / "a.txt", opinion)
    assert not broken
    assert [tuple(row.values()) for row in rows.values()] == [
        ("The court sat in May.", None, "SMITH v. JONES"),
        ("The parties met in [2019] 1 AC 5.\nThey argued.", "1", "I. Background"),
        ("He wrote:\n9. a list that is not ours", "2", "I. Background"),
        ("We dismiss.", "3", "ANALYSIS"),
    ]


def test_an_opinion_without_numbers_is_read_by_paragraphs(tmp_path):
    rows, _ = read("court", tmp_path / "a.txt", "The\nfirst.\n\nFACTS\n\nThe second, see [1].\n\nThe end")
    assert [(row["text"], row["paragraph"], row["heading"]) for row in rows.values()] == [
        ("The first.", None, None),
        ("The second, see [1].", None, "FACTS"),
        ("The end", None, None),
    ]
    assert list(rows) == ["line 1", "line 6", "line 8"]


def test_the_lines_of_a_first_page_are_not_lost(tmp_path):
    rows, _ = read("court", tmp_path / "a.txt", "COURT\n\nBetween\n\nSmith\n\nJones\n\nJUDGMENT\n\nWe dismiss.")
    assert [row["text"] for row in rows.values()] == ["COURT\nBetween\nSmith\nJones", "We dismiss."]
    assert rows["line 11"]["heading"] == "JUDGMENT"


def test_an_opinion_that_cannot_be_read_is_rejected_rows(tmp_path):
    assert read("court", tmp_path / "a.txt", " \n") == ({}, {"line 1": "is empty."})
    assert "not UTF-8 (byte 2)" in read("court", tmp_path / "a.txt", b"ab\xe9")[1]["line 1"]


# Catalogs

LAMP = {"title": "Lamp", "brand": "Lux", "price": 5, "description": "It shines!", "bullets": ["bright", "small"]}
AS_TEXT = "Lamp. Brand: Lux. Price: 5. It shines! bright. small."


@pytest.mark.parametrize(
    "content", [[LAMP, LAMP], json.dumps([LAMP, LAMP], indent=1), "[\n" + json.dumps(LAMP) + "\n]"]
)
def test_a_json_list_gives_a_row_for_each_product(tmp_path, content):
    rows, broken = read("catalog", tmp_path / "a.json", content)
    assert not broken
    assert rows["product 1"] == {**LAMP, "text": AS_TEXT}


def test_json_lines_and_csv_give_the_same_text(tmp_path):
    rows, _ = read("catalog", tmp_path / "a.jsonl", json.dumps(LAMP) + "\n")
    assert rows["line 1"]["text"] == AS_TEXT
    table = 'title,brand,price,description,bullets\nLamp,Lux,5,It shines!,"bright\nsmall"\n'
    rows, _ = read("catalog", tmp_path / "a.csv", table)
    assert [row["text"] for row in rows.values()] == [AS_TEXT]
    rows, _ = read("catalog", tmp_path / "a.tsv", "title\tbrand\nLamp\tLux")
    assert rows["line 2"] == {"title": "Lamp", "brand": "Lux", "text": "Lamp. Brand: Lux."}


def test_settings_name_the_columns_and_prices_stay_as_written(tmp_path):
    names = {"title": "name", "brand": "maker", "price": "cost"}
    content = '[{"name": "Lamp", "maker": null, "cost": {"value": 5.00, "currency": "EUR"}}]'
    rows, _ = read("catalog", tmp_path / "a.json", content, **names)
    assert rows["product 1"]["text"] == "Lamp. Price: 5.00 EUR."


@pytest.mark.parametrize(
    ("name", "content", "place", "why"),
    [
        ("a.json", [{"brand": "x"}], "product 1", "no title in 'title'"),
        ("a.json", ["x"], "product 1", "is no JSON object but a str"),
        ("a.json", "[{", "line 1", "no valid JSON"),
        ("a.json", "7", "line 1", "is no JSON object but a int"),
        ("a.jsonl", '{"title": "x"}\n{', "line 2", "no valid JSON"),
        ("a.jsonl", b'{"title": "x"}\n"\xff"', "line 2", "not UTF-8 (byte 1)"),
        ("a.csv", "title,brand\nLamp\n", "line 2", "has 1 cells where the first line has 2"),
        ("a.csv", "title,brand\n,Lux\n", "line 2", "no title"),
        ("a.csv", "title,title\na,b\n", "line 1", "names the column 'title' twice"),
        ("a.csv", 'title\n"Lamp', "line 2", "no valid CSV"),
        ("a.csv", b"title\nL\xe4mp\n", "line 2", "not UTF-8"),
        ("a.json", '[{"title": "x", "more": ' + "[" * 900 + "]" * 900 + "}]", "product 1", "nests lists and objects"),
    ],
)
def test_products_that_cannot_be_read_are_rejected_rows(tmp_path, name, content, place, why):
    _, broken = read("catalog", tmp_path / name, content)
    assert why in broken[place]


@pytest.mark.parametrize("bad", [b"Caf\xe9,1", b'Sofa 6" wide,"1', b'"6" lamp,1'])
def test_a_broken_record_of_a_catalog_costs_that_product_alone(tmp_path, bad):
    lines = [b"title,price", *(b"Lamp %d,5" % n for n in range(2499)), bad, *(b"Sofa %d,9" % n for n in range(2500))]
    rows, broken = read("catalog", tmp_path / "a.csv", b"\n".join(lines))
    assert len(rows) == 4999 and list(broken) == ["line 2501"]


def test_a_moderator_parts_questions_as_an_operator_does(tmp_path):
    call = (
        "Moderator: Welcome.\nJane Roe: We grew.\nModerator: Our first question is from Ann Lee.\n"
        "Ann Lee: Margins?\nJane Roe: They were 20%.\nModerator: The next question is from Carl Poe.\n"
        "Carl Poe: And debt?\nJane Roe: Paid down."
    )
    rows, _ = read("transcript", tmp_path / "a.txt", call, by="pair")
    assert [(row["speaker"], row["answer"]) for row in rows.values()] == [
        ("Ann Lee", "They were 20%."),
        ("Carl Poe", "Paid down."),
    ]


def test_a_judgment_may_have_more_than_999_paragraphs(tmp_path):
    text = "\n".join(f"[{n}] Paragraph {n} of the judgment." for n in range(1, 1006))
    rows, _ = read("court", tmp_path / "a.txt", text)
    assert len(rows) == 1005


def test_a_packed_catalog_is_read(tmp_path):
    lines = b'{"title": "Pan", "description": "Iron."}\n{"title": "Pot", "description": "Steel."}\n'
    rows, broken = read("catalog", tmp_path / "a.jsonl.gz", gzip.compress(lines))
    assert len(rows) == 2 and not broken
