"""The words and patterns that the rules for names look for, and what the carried lists say of a word."""

import re

from metier.data.redaction import words

# The first sign is a set, so that the engine of `re` skips from capital to capital: O'Brien, McDonald, Garcia-Lopez.
_CAPITAL = r"[A-ZÀ-ÖØ-Þ](?:['’][A-Z])?[^\W\d_]+(?:-[A-Z][^\W\d_]+)*"
_PARTICLE = r"(?:de la|de los|van der|van den|von der|de|del|der|van|von|da|dos|di|la|le|bin|ibn|al|el|ter)"
_MORE = rf"(?: {_CAPITAL}| (?:[A-Z]\.|[A-Z]\b(?!['’]))(?= ?[A-Z])| {_PARTICLE}(?= [A-Z])(?: {_CAPITAL}))"
RUN = re.compile(rf"{_CAPITAL}{_MORE}*")
# Initials may lead where something says that a name follows: Dr. J. R. Smith.
NAME = rf"(?:[A-Z]\. ?){{0,3}}(?:{_PARTICLE} )?{_CAPITAL}{_MORE}{{0,3}}"
LAST_FIRST = rf"{_CAPITAL}(?:[ -]{_CAPITAL})?, {_CAPITAL}(?: [A-Z]\b\.?| {_CAPITAL})?"
NAME_AT = re.compile(NAME)
VALUE = re.compile(rf"{LAST_FIRST}|{NAME}")

SHORT_TITLES = frozenset(words.row("Dr Drs DR Mr MR Mrs MRS Ms Mx Messrs Prof Rev Fr Hon Sgt Lt Capt Atty"))
TITLES = frozenset(
    words.row(
        "Doctor Nurse Miss Mister Missus Madam Professor Reverend Pastor Rabbi Sister Judge Justice Attorney Officer "
        "Agent Detective Sergeant Captain Coach Aunt Uncle Grandma Grandpa"
    )
)
COUPLE = re.compile(r" and (?:Mrs?|Dr|Ms)\.? ")

# Fields whose value is a name, and those whose value may be anything: "Patient: I see", "Mother: breast cancer".
_SURE = (
    r"(?:patient|pt|full|first|last|middle|given|family|sur|maiden|legal|preferred|customer|client|cardholder|owner|"
    r"account holder|policy ?holder|holder|borrower|applicant|guest|student|contact|employee|mother'?s|father'?s|"
    r"spouse'?s|member|insured|subscriber|guarantor|"
    r"beneficiary|buyer|recipient|nickname|mother'?s maiden|father'?s|user)?[ -]?names?(?: of (?:patient|insured|"
    r"customer|member))?|a\.?k\.?a\.?|alias(?:es)?|(?:attending|referring|primary care|consulting|ordering|treating|"
    r"admitting|family|responsible|requesting|supervising|dictating|interpreting|primary)(?: (?:physician|provider|"
    r"doctor|surgeon|md|clinician|nurse|practitioner))?|pcp|(?:electronically )?(?:signed|dictated|transcribed|"
    r"reviewed|approved|prepared|verified|authenticated|performed|collected|reported|ordered|examined|entered|seen|"
    r"interpreted)(?: by)?|cosigned by|emergency contact|next of kin|nok|legal guardian|power of attorney|poa|hcpoa|"
    r"health care proxy|cardholder|account holder|ship to|bill to|sold to|deliver to|attn|attention|recipient|payee|"
    r"payer|remitter|beneficiary|guarantor|subscriber|insured"
)
_UNSURE = (
    r"patient|pt|physician|provider|doctor|surgeon|assistant|first assistant|anesthesiologist|anesthetist|nurse|rn|"
    r"therapist|radiologist|pathologist|clinician|consultant|author|witness|informant|interpreter|guardian|spouse|"
    r"husband|wife|mother|father|son|daughter|brother|sister|partner|caregiver|contact|from|to|cc|re|customer|client|"
    r"agent|representative|plaintiff|defendant|petitioner|respondent|attorney|counsel|judge|deponent|signature|by|"
    r"employee|subject"
)
HEADER = re.compile(rf"(?i:(?:^|[\n\t;|,.(*]|  |- )[ \t]*(?:(?P<sure>{_SURE})|(?P<unsure>{_UNSURE})))[*\]]*$")
COLON = re.compile(r":[*]*[ \t]*\n?[ \t]*(?=[A-Z])")

# Words behind which a capitalized run is a name, and words behind which it is one if a list knows it.
_STRONG = words.row(
    "name is,name's,name was,named,called me,sincerely,regards,yours,yours truly,dear,goes by,signed by,signed,"
    "dictated by,transcribed by,addressed to",
    ",",
)
PERSONS = words.row(
    "wife,husband,spouse,son,daughter,brother,sister,mother,father,mom,mum,dad,friend,partner,caregiver,neighbor,"
    "boyfriend,girlfriend,fiance,fiancee,aunt,uncle,niece,nephew,cousin,grandson,granddaughter,grandmother,"
    "grandfather,roommate,guardian,boss,colleague,landlord,tenant,nurse,doctor,physician,surgeon,therapist,patient,pt,"
    "cardholder,spoke to,spoke with,discussed with,talked to,talked with,met with,known as,i am,i'm,this is",
    ",",
)
_WEAK = (
    words.row(
        "hi,hello,hey,thanks,thank you,good morning,good afternoon,good evening,by,client,customer,member,consult with,"
        "per,visit,visits,transfer to,transferred to,payment to,payment from,sent to,account of,behalf of,belongs to,"
        "order for,gift for,attention of,care of,paid to,money to,contact,called,from,for,with,to,and",
        ",",
    )
    + PERSONS
)
STRONG_BEFORE = re.compile(rf"(?<!\w)(?:{'|'.join(_STRONG)}),? $", re.I)
WEAK_BEFORE = re.compile(rf"(?<!\w)(?:{'|'.join(_WEAK)}),? $", re.I)
ENDS = frozenset(phrase.split()[-1] for phrase in (*_STRONG, *_WEAK))
# Too frequent a word to trust a family name alone behind it: "from Washington", "with Parkinson".
FAINT = frozenset(words.row("by from for with to and per called contact"))
LETTER_END = re.compile(r"(?:[Ss]incerely|[Rr]egards|[Tt]hank you|[Tt]hanks|[Yy]ours(?: truly)?),?\s*\n\s*$")
DEGREE = re.compile(
    r", ?(?:MD|M\.D\.|DO|D\.O\.|RN|R\.N\.|NP|FNP|ARNP|PA-C|PhD|Ph\.D\.|DDS|DPM|LCSW|CRNA|PharmD|Esq)\b\.?"
)
DEGREES = frozenset(words.row("MD DO RN NP FNP ARNP PhD DDS DPM LCSW CRNA PharmD Esq PA Jr Sr II III IV"))
# Words behind a run that make it a thing: Wilson disease, Mary Imogene Bassett Hospital, Martin Luther King Day.
THING = re.compile(
    r"(?:['’]s?)?[- ](?:\w+ )?(?:disease|syndrome|disorder|sign|test|law|tumou?r|an(?:a?emia)|dystrophy|lymphoma|"
    r"palsy|ataxia|classification|criteria|contracture|deformity|fracture|cyst|ligament|sarcoma|catheter|procedure|"
    r"repair|operation|maneuver|score|scale|stage|type|virus|fever|method|stain|cells?|bodies|body|nodes?|esophagus|"
    r"neuropathy|chorea|thyroiditis|encephalopathy|epilepsy|factor|effect|reaction|phenomenon|anomaly|malformation|"
    r"nevus|amyloidosis|diet|index|tube|tendon|River|Valley)\b"
)
ORGANIZATION = frozenset(
    words.row(
        "United States America American Latin University Hospital Clinic Institute Institutes Foundation Center Center "
        "Centers Association Society School College Disease Syndrome Act Street Avenue Road County City Company "
        "Corporation Inc Corp LLC Ltd Bank Trust Group Church Day Award Prize Library Museum Park Island Islands Beach "
        "Lake River Mountain House Building Department Committee Council Court State Test Sign Law Virus Study Medical "
        "Health Services Project Program Network Alliance Registry Fund Laboratory"
    )
)
# Given names that texts on health use more often for a thing: names only with a sign.
EPONYMS = frozenset(
    words.row(
        "Robin Todd Galen Werner Chester Lorenzo Bart Hopkins Unna Gunn Angel Berry Helena Clark Amelia Alexandria "
        "Rolando"
    )
)


def parts(name: str) -> list[str]:
    """The words of a name that are a name each: 3 letters and more, without titles, degrees and particles."""
    return [
        part
        for part in re.findall(r"[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*", name)
        if len(part) > 2 and part not in DEGREES and part[0].isupper()
    ]


def is_given(word: str) -> bool:
    """Whether a word is a listed given name."""
    return word.lower() in words.first_names()


def is_listed(word: str) -> bool:
    """Whether a word is on any list of names."""
    word = word.lower()
    return word in words.first_names() or word in words.last_names() or word in words.ambiguous()


def is_common(word: str) -> bool:
    """Whether a word, or each part of one with hyphens, is a common word."""
    word = word.lower()
    return word in words.common() or (
        "-" in word and all(part in words.common() or len(part) < 3 for part in word.split("-"))
    )


def without_lead(run: str) -> str:
    """The run without the common words at its beginning: "Yesterday John Smith" loses one, "Drew Wilson" none."""
    rest = run.split(" ")
    while rest and (
        rest[0].lower() in words.common() or rest[0] in DEGREES or (len(rest[0]) < 3 and rest[0].isalpha())
    ):
        first = rest[0].lower()
        if len(rest) > 1 and first in words.ambiguous() and first not in ENDS and is_listed(rest[1]):
            break
        rest = rest[1:]
    return " ".join(rest)


def without_end(run: str) -> str:
    """The run without degrees and common words at its end; the first word and family names stay ("Anna Bell")."""
    rest = run.split(" ")
    while len(rest) > 1 and (rest[-1] in DEGREES or _is_no_family_name(rest[-1], len(rest))):
        rest = rest[:-1]
    return " ".join(rest)


def _is_no_family_name(word: str, place: int) -> bool:
    if word in ORGANIZATION or not is_common(word):
        return False
    return place > 3 or word.lower() not in words.ambiguous()
