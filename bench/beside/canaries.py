"""Made-up identifiers and the sentences they stand in, for bench/redaction.py."""

import random
import re

from faker import Faker

from metier.data.redaction import checksums

# Kind -> the fields and the sentences that its values are put into.
TEMPLATES: dict[str, tuple[list[str], list[str]]] = {
    "NAME": (
        [
            "Patient: {}",
            "Patient Name: {}",
            "Name: {}",
            "Attending: {}",
            "Referring Physician: {}",
            "Emergency contact: {}",
        ],
        [
            "She was seen by Dr. {} last week.",
            "Mr. {} tolerated the procedure well.",
            "His wife, {}, was at the bedside.",
            "My name is {} and I need some help.",
            "The case was discussed with {}, MD.",
            "Thanks, {}",
            "I spoke with {} about the results.",
        ],
    ),
    "NAME without a sign": (
        [],
        ["{} came back two days later.", "Yesterday {} felt better.", "We will ask {} to return in a month."],
    ),
    "ADDRESS": (
        ["Address: {}", "Home address: {}"],
        ["She lives at {} with her son.", "Please send it to {}.", "The ambulance came to {} at night."],
    ),
    "PLACE": (
        ["City: {}"],
        [
            "He lives in {} with his wife.",
            "She moved to {} two years ago.",
            "He is from {}.",
            "They drove here from {}, TX.",
        ],
    ),
    "ZIP": (
        ["ZIP: {}", "Zip code: {}"],
        ["Her postal code is {}.", "They live in Akron, OH {}.", "My zip code changed to {} in spring."],
    ),
    "DATE": (
        ["DOB: {}", "Date of visit: {}", "Date of Birth: {}"],
        [
            "He was admitted on {} with fever.",
            "The surgery on {} went well.",
            "She has been well since {}.",
            "Follow up by {}.",
        ],
    ),
    "AGE": (
        ["Age: {}"],
        [
            "This is a {}-year-old man.",
            "She is {} years old.",
            "A {} y/o female with a cough.",
            "He died at the age of {}.",
        ],
    ),
    "PHONE": (
        ["Phone: {}", "Tel: {}", "Cell: {}"],
        ["Call me at {} please.", "He can be reached on {}.", "Her number is {}."],
    ),
    "FAX": (["Fax: {}"], ["Please fax the report to {}.", "The fax number is {}."]),
    "EMAIL": (["Email: {}"], ["Write to {} for details.", "My mail is {}."]),
    "SSN": (
        ["SSN: {}", "Social Security Number: {}"],
        ["Her social security number is {}.", "The number {} was on the form."],
    ),
    "MRN": (
        ["MRN: {}", "Medical Record Number: {}", "MR #: {}"],
        ["The chart with MRN {} was reviewed.", "His medical record number is {}.", "Patient ID {} was scanned."],
    ),
    "PLAN_ID": (
        ["Member ID: {}", "Policy Number: {}", "Medicare ID: {}"],
        [
            "Her insurance policy number is {}.",
            "Claims go to member number {}.",
            "Coverage under group no. {} has ended.",
        ],
    ),
    "ACCOUNT": (
        ["Account Number: {}", "Acct #: {}"],
        ["Please charge account {}.", "My account number is {}.", "The money went to savings account no. {}."],
    ),
    "LICENSE": (
        ["License #: {}", "DEA: {}", "Certificate No: {}"],
        ["Her driver's license number is {}.", "He holds medical license {}.", "The passport number {} has expired."],
    ),
    "VEHICLE plate": (["License plate: {}"], ["The car with license plate {} was hit.", "A truck, plate {}, hit him."]),
    "VEHICLE number": (["VIN: {}"], ["His vehicle, VIN {}, was towed.", "The car {} was hit."]),
    "DEVICE": (
        ["Serial number: {}", "Device ID: {}"],
        ["A pacemaker with serial number {} was placed.", "The pump, S/N {}, was checked."],
    ),
    "URL": (["Website: {}"], ["See {} for his page.", "Her blog is at {}."]),
    "IP": (["IP address: {}"], ["The portal was used from {}.", "Log-in came from IP {}."]),
    "BIOMETRIC": (["Fingerprint ID: {}"], ["The retinal scan ID is {}.", "Voice print {} was stored."]),
    "PHOTO": (["Photo: {}"], ["The picture {} shows the wound.", "A photograph is saved as {}."]),
    "ID": (
        ["Accession #: {}", "Encounter ID: {}", "Case number: {}"],
        ["The specimen {} was sent.", "Refer to claim number {}.", "Study ID {} was assigned."],
    ),
    "CARD": (["Card number: {}"], ["My card {} was declined.", "I paid with {} yesterday.", "Charge {} 12/26 123."]),
    "IBAN": (["IBAN: {}"], ["Send it to {} please.", "The transfer to IBAN {} failed."]),
    "ROUTING": (
        ["Routing number: {}", "ABA: {}"],
        ["The bank's routing number is {}.", "Use routing {} for the wire."],
    ),
    "EIN": (["EIN: {}"], ["The employer's EIN is {}.", "Tax form for {} is due."]),
    "TAX_ID": (["ITIN: {}"], ["Her taxpayer ID is {}.", "He filed with {} last year."]),
    "PARTY": (
        ["Plaintiff {}"],
        [
            "See {} v. Harmon Industries for the rule.",
            'This Agreement is made between {} ("Licensor") and Orion Media ("Licensee").',
        ],
    ),
    "DOCKET": (
        ["Case No. {}", "Docket No. {}"],
        ["The action, {}, was dismissed.", "In docket number {} the court agreed."],
    ),
    "ORDER": (
        ["Order #: {}", "Order number: {}"],
        ["My order {} never came.", "Where is the package with tracking number {}?"],
    ),
    "LOYALTY": (
        ["Loyalty number: {}", "Rewards ID: {}"],
        ["My loyalty card number is {}.", "The points on membership {} are gone."],
    ),
}
# Other ways to say it, written after the detectors: what to expect of a text nobody has seen. They fixed no pattern;
# their first run led to one general rule (a number of seven digits is an ID in a text on health).
UNSEEN: dict[str, list[str]] = {
    "NAME": [
        "Per {}, the pain began on Monday.",
        "Discharge instructions were explained to {} and her family.",
        "Assessment: {} is doing well.",
        "Seen and examined with resident {}.",
        "Ms {} denies chest pain.",
    ],
    "ADDRESS": ["EMS picked him up outside {}.", "Mailing: {}"],
    "PLACE": ["She flew in from {} on Sunday.", "He was transferred from a clinic in {}."],
    "ZIP": ["Any pharmacy in {} is fine."],
    "DATE": ["Last colonoscopy was {}.", "Sutures out {}."],
    "AGE": ["Her grandmother lived to {}.", "{}yo male with dyspnea."],
    "PHONE": ["Daughter's cell - {}.", "You can text {} any time."],
    "FAX": ["Results by facsimile, {}."],
    "EMAIL": ["Portal login {} was reset."],
    "SSN": ["His social is {}."],
    "MRN": ["Pt # {} arrived.", "The patient (MRN {}) was called."],
    "PLAN_ID": ["Aetna ID {} is active.", "Her Blue Cross number: {}."],
    "ACCOUNT": ["The hospital billed acct {}.", "Refund it to {} at my bank."],
    "LICENSE": ["Prescriber DEA/NPI {}.", "Her nursing license, {}, was renewed."],
    "VEHICLE plate": ["He drove off in a Ford, plates {}."],
    "VEHICLE number": ["Registration shows {} as the chassis."],
    "DEVICE": ["The lead (model 5076, serial {}) was replaced.", "Glucometer SN {} was returned."],
    "URL": ["Video on {} explains it."],
    "IP": ["Host {} was blocked."],
    "BIOMETRIC": ["Enrolled thumb print {} at the desk."],
    "PHOTO": ["See attached {}."],
    "ID": ["Pathology report {} shows clear margins.", "Ticket {} was opened."],
    "CARD": ["Charged to Visa {} on Monday."],
    "IBAN": ["My landlord's account is {}."],
    "ROUTING": ["Wire it through ABA# {}."],
    "EIN": ["Federal ID {} stands on the W-2."],
    "TAX_ID": ["Foreign worker, {}, filed late."],
    "PARTY": ["Counsel for {} argued first."],
    "DOCKET": ["In re Estate of Hill, {} (2019)."],
    "ORDER": ["Purchase {} arrived broken.", "Where is {}? I ordered it in May."],
    "LOYALTY": ["Please credit the miles to {}."],
}
PROFILE = {
    **{kind: "healthcare" for kind in TEMPLATES},
    **dict.fromkeys(("CARD", "IBAN", "ROUTING", "EIN", "TAX_ID"), "finance"),
    **dict.fromkeys(("PARTY", "DOCKET"), "legal"),
    **dict.fromkeys(("ORDER", "LOYALTY"), "retail"),
}
DRUGS = """
acetaminophen albuterol alprazolam amiodarone amitriptyline amlodipine amoxicillin aspirin atenolol atorvastatin
azithromycin carvedilol ceftriaxone cephalexin ciprofloxacin citalopram clonazepam clopidogrel coumadin digoxin
diltiazem doxycycline enalapril fentanyl fluoxetine furosemide gabapentin glipizide heparin hydrochlorothiazide
hydrocodone ibuprofen insulin lasix levothyroxine lipitor lisinopril lorazepam losartan metformin methotrexate
metoprolol morphine naproxen omeprazole ondansetron oxycodone pantoprazole penicillin plavix prednisone
propranolol ranitidine sertraline simvastatin tamoxifen tramadol trazodone tylenol valium vancomycin verapamil
vicodin warfarin xanax zocor zoloft
"""


class Values:
    """Made-up values of each kind, the same for a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fakes = [Faker(locale) for locale in ("en_US", "en_GB", "en_IN", "es_MX")]
        for number, fake in enumerate(self.fakes):
            fake.seed_instance(seed + number)
        self.us = self.fakes[0]

    def of(self, kind: str) -> str:
        own = {"VEHICLE plate": "plate", "VEHICLE number": "vin"}.get(kind, kind.split()[0].lower())
        maker = getattr(self, f"_{own}", None)
        return maker() if maker else self._code()

    def _name(self) -> str:
        fake = self.random.choice(self.fakes)
        return f"{fake.first_name()} {fake.last_name()}"

    def _code(self) -> str:
        """As hospitals, insurers and shops write them: digits, letters before digits, groups with hyphens."""
        return self.us.bothify(
            self.random.choice(["#######", "########", "??######", "?########", "###-######", "??-####-##"]).upper()
        ).upper()

    def _digits(self, pattern: str) -> str:
        return self.us.numerify(pattern)

    def _address(self) -> str:
        return self.us.street_address()

    def _place(self) -> str:
        return self.us.city()

    def _zip(self) -> str:
        return self.us.zipcode()

    def _date(self) -> str:
        form = self.random.choice(
            ["%Y-%m-%d", "%m/%d/%Y", "%B %-d, %Y", "%-d %b %Y", "%m/%d/%y", "%b %-d, %Y", "%d-%b-%Y", "%B %Y"]
            + ["%Y.%m.%d", "%B %-dth, %Y", "%m/%d/%Y-%m/%d/%Y", "%-m/%-d-%-m/%-d/%Y", "%B %-d-%-d, %Y"]
        )
        case = self.random.choice([str, str, str.lower, str.upper])
        return case(self.us.date_between("-60y", "today").strftime(form))

    def _age(self) -> str:
        return str(self.random.randint(90, 104))

    def _phone(self) -> str:
        return self._digits(
            self.random.choice(
                [
                    "%##-%##-####",
                    "(%##) %##-####",
                    "%##.%##.####",
                    "+1 %##-%##-####",
                    "1-%##-%##-####",
                    "%## %## ####",
                    "+44 20 #### ####",
                ]
            )
        )

    def _fax(self) -> str:
        return self._phone()

    def _email(self) -> str:
        return self.us.ascii_email()

    def _ssn(self) -> str:
        return self.us.ssn()

    def _url(self) -> str:
        return self.us.uri()

    def _ip(self) -> str:
        return self.random.choice([self.us.ipv4, self.us.ipv6])()

    def _photo(self) -> str:
        return self.us.file_name(category="image")

    def _plate(self) -> str:
        return self.us.license_plate()

    def _vin(self) -> str:
        signs = [*self.random.choices("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", k=11), *self._digits("######")]
        return next(vin for check in "0123456789X" if checksums.vin(vin := "".join([*signs[:8], check, *signs[9:]])))

    def _card(self) -> str:
        number = self.us.credit_card_number()
        return number if self.random.random() < 0.5 else " ".join(re.findall(r"\d{1,4}", number))

    def _iban(self) -> str:
        value = self.random.choice([Faker("en_GB"), Faker("de_DE")])
        value.seed_instance(self.random.random())
        number = value.iban()
        return number if self.random.random() < 0.5 else " ".join(re.findall(r".{1,4}", number))

    def _routing(self) -> str:
        return next(n for n in iter(lambda: self._digits("0########"), None) if checksums.aba(n))

    def _ein(self) -> str:
        return self.us.ein()

    def _tax_id(self) -> str:
        return self.us.itin()

    def _account(self) -> str:
        return self._digits(self.random.choice(["########", "#########", "############"]))

    def _party(self) -> str:
        return self.random.choice([self.us.company().replace(",", ""), self._name()])

    def _docket(self) -> str:
        return self._digits(self.random.choice(["#:2#-cv-0####", "2#-####", "#:1#-cr-00###"]))

    def _order(self) -> str:
        return self._digits(self.random.choice(["###-#######-#######", "#########"]))
