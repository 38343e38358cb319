"""Names of persons: after a title, in a header field, before a degree, after words that introduce one, from the lists.

A name is read as a run of capitalized words. What such a run may be made of depends on how strong the sign is: after
"Dr." anything, after "wife" a word that is on a list of names, and without any sign a listed given name.
"""

import re
from collections.abc import Iterator

from metier.data.redaction import places, words
from metier.data.redaction.spans import Span

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
_COUPLE = re.compile(r" and (?:Mrs?|Dr|Ms)\.? ")

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
_PERSONS = words.row(
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
    + _PERSONS
)
_STRONG_BEFORE = re.compile(rf"(?<!\w)(?:{'|'.join(_STRONG)}),? $", re.I)
_WEAK_BEFORE = re.compile(rf"(?<!\w)(?:{'|'.join(_WEAK)}),? $", re.I)
_ENDS = frozenset(phrase.split()[-1] for phrase in (*_STRONG, *_WEAK))
# Too frequent a word to trust a family name alone behind it: "from Washington", "with Parkinson".
_FAINT = frozenset(words.row("by from for with to and per called contact"))
_LETTER_END = re.compile(r"(?:[Ss]incerely|[Rr]egards|[Tt]hank you|[Tt]hanks|[Yy]ours(?: truly)?),?\s*\n\s*$")
DEGREE = re.compile(
    r", ?(?:MD|M\.D\.|DO|D\.O\.|RN|R\.N\.|NP|FNP|ARNP|PA-C|PhD|Ph\.D\.|DDS|DPM|LCSW|CRNA|PharmD|Esq)\b\.?"
)
_DEGREES = frozenset(words.row("MD DO RN NP FNP ARNP PhD DDS DPM LCSW CRNA PharmD Esq PA Jr Sr II III IV"))
# Words behind a run that make it a thing: Wilson disease, Mary Imogene Bassett Hospital, Martin Luther King Day.
THING = re.compile(
    r"(?:['’]s?)?[- ](?:\w+ )?(?:disease|syndrome|disorder|sign|test|law|tumou?r|an(?:a?emia)|dystrophy|lymphoma|"
    r"palsy|ataxia|classification|criteria|contracture|deformity|fracture|cyst|ligament|sarcoma|catheter|procedure|"
    r"repair|operation|maneuver|score|scale|stage|type|virus|fever|method|stain|cells?|bodies|body|nodes?|esophagus|"
    r"neuropathy|chorea|thyroiditis|encephalopathy|epilepsy|factor|effect|reaction|phenomenon|anomaly|malformation|"
    r"nevus|amyloidosis|diet|index|tube|tendon|River|Valley)\b"
)
_ORGANIZATION = frozenset(
    words.row(
        "United States America American Latin University Hospital Clinic Institute Institutes Foundation Center Center "
        "Centers Association Society School College Disease Syndrome Act Street Avenue Road County City Company "
        "Corporation Inc Corp LLC Ltd Bank Trust Group Church Day Award Prize Library Museum Park Island Islands Beach "
        "Lake River Mountain House Building Department Committee Council Court State Test Sign Law Virus Study Medical "
        "Health Services Project Program Network Alliance Registry Fund "
        "Laboratory"
    )
)
# Given names that texts on health know better as the name of a thing: only with a sign.
_EPONYMS = frozenset(
    words.row(
        "Robin Todd Galen Werner Chester Lorenzo Bart Hopkins Unna Gunn Angel Berry Helena Clark Amelia Alexandria "
        "Rolando"
    )
)


def find(text: str, from_lists: bool) -> list[Span]:
    """Names with a sign before or behind them; `from_lists` also those without one that a carried list knows."""
    return [Span(start, end, "NAME") for start, end in (*_headed(text), *_in_text(text, from_lists))]


def parts(name: str) -> list[str]:
    """The words of a name that are a name each: 3 letters and more, without titles, degrees and particles."""
    return [
        part
        for part in re.findall(r"[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*", name)
        if len(part) > 2 and part not in _DEGREES and part[0].isupper()
    ]


def _headed(text: str) -> Iterator[tuple[int, int]]:
    for match in COLON.finditer(text):
        header = HEADER.search(text[max(0, match.start() - 44) : match.start()])
        value = VALUE.match(text, match.end()) if header else None
        if not header or not value:
            continue
        if value[0].split()[0].rstrip(".") in SHORT_TITLES:
            continue  # read by its title
        name = _lead(value[0]) if header["unsure"] else value[0]
        start, name = value.end() - len(name), _shorn(name)
        own = parts(name)
        unusual = [part for part in own if not _common(part)]
        field = header[0].strip(" \t\n;|,.(*").lower()
        trusted = "name" in field or field in ("patient", "pt", "physician", "provider", "doctor", "surgeon")
        all_names = len(own) > 1 and all(not _common(part) or part.lower() in words.ambiguous() for part in own)
        all_names = all_names and (trusted or any(map(_listed, unusual)))
        if _ORGANIZATION & set(own) or THING.match(text, start + len(name)):
            continue
        alone = len(own) == 1 and own[0].isupper() and "name" not in field and not _listed(own[0])  # Source: GARD
        if (header["sure"] and unusual and not alone) or all_names or (len(own) == 1 and _first(own[0])):
            yield start, start + len(name)


def _in_text(text: str, from_lists: bool) -> Iterator[tuple[int, int]]:
    first, common = words.first_names(), words.common()
    for match in RUN.finditer(text):
        run, (start, end) = match[0], match.span()
        if run in SHORT_TITLES or run.rpartition(" ")[2] in SHORT_TITLES:
            yield from _titled(text, end)
            continue
        if " " not in run:
            low = run.lower()
            if low in common:
                continue
            bare = from_lists and low in first and _bare(text, start, end, [run])
            if bare or (_hint(text, start) and _sign(text, start, run)):
                yield start, end
            continue
        rest = _behind_title(run)
        sure, run = bool(rest), rest or _lead(run)
        if not run or _ORGANIZATION & set(run.split()):
            continue
        start, run = end - len(run), _shorn(run)
        sure = sure or _degreed(text, start, run) or (_hint(text, start) and _sign(text, start, run))
        if sure or (from_lists and " " in run and _bare(text, start, start + len(run), parts(run))):
            yield start, start + len(run)


def _behind_title(run: str) -> str:
    """What stands behind a title within this run; empty where there is none, or no name: "Nurse Practitioner"."""
    titles = [title for title in run.split(" ")[:-1] if title in TITLES or (title in SHORT_TITLES and title != "MR")]
    rest = run.rpartition(f"{titles[-1]} ")[2] if titles else ""
    return rest if titles and (titles[-1] in SHORT_TITLES or not all(map(_common, parts(rest)))) else ""


def _titled(text: str, end: int) -> Iterator[tuple[int, int]]:
    """The name behind a short title that ends here: anything that is capitalized."""
    couple = _COUPLE.match(text, end)
    start = couple.end() if couple else end + 1 + (text[end : end + 1] == ".")
    name = NAME_AT.match(text, start) if text[start - 1 : start].isspace() else None
    if name:
        yield start, start + len(_shorn(name[0]))


def _degreed(text: str, start: int, run: str) -> bool:
    """Whether a degree stands behind or at the end of this run."""
    own, end = parts(run), start + len(run)
    if len(own) < 2 or all(map(_common, own)):
        return False
    return bool(DEGREE.match(text, end)) or text[end + 1 : end + 4].rstrip(" ,.;\n") in _DEGREES


def _hint(text: str, start: int) -> bool:
    """Whether the last word before this place may belong to a sign: spares nearly all of the searches."""
    before = text[max(0, start - 18) : start]
    end = before.rstrip(" ,")
    return end[end.rfind(" ") + 1 :].lstrip('("“').lower() in _ENDS or "\n" in before[-3:]


def _sign(text: str, start: int, run: str) -> bool:
    """Whether the words before this run say that it is a name."""
    before = text[max(0, start - 32) : start]
    own = parts(run)
    if not own or _common(own[0]) or THING.match(text, start + len(run)) or run in places.STATES:
        return False
    listed = [_listed(part) for part in own]
    if _STRONG_BEFORE.search(before) or _LETTER_END.search(before):
        return not run.isupper() or listed[0]
    weak = _WEAK_BEFORE.search(before)
    if not weak:
        return False
    phrase = weak[0].strip(" ,").lower()
    if phrase in _FAINT:
        return len(own) > 1 and not run.isupper() and any(_listed(part) and not _common(part) for part in own)
    if phrase in ("thanks", "thank you") and text[start + len(run) :].lstrip(" .")[:1] in ("", "\n"):
        return True  # the end of a message
    return listed[0] or (len(own) > 1 and not run.isupper() and (phrase in _PERSONS or any(listed)))


def _bare(text: str, start: int, end: int, own: list[str]) -> bool:
    """Whether a run without any sign is a name: a listed given name first, and nothing behind that makes it a thing."""
    if not own or THING.match(text, end) or (start and text[start - 1] in "-'’/@"):
        return False
    if text[end : end + 1] == "-" or _ORGANIZATION & set(own):
        return False
    if any(_common(part) and part.lower() not in words.ambiguous() for part in own):
        return False
    if _common(own[0]):  # Drew Wilson, Chad Davis: only before a family name that is no word
        return len(own) > 1 and own[1].lower() in words.last_names() and not own[0].isupper()
    if _EPONYMS & set(own) or len({part.isupper() for part in own}) > 1:
        return False
    if len(own) == 1:
        return _first(own[0]) and not own[0].isupper()
    listed = [_listed(part) for part in own]
    return (_first(own[0]) and (listed[1] or not own[0].isupper())) or (all(listed[:2]) and not own[0].isupper())


def _first(word: str) -> bool:
    return word.lower() in words.first_names()


def _listed(word: str) -> bool:
    word = word.lower()
    return word in words.first_names() or word in words.last_names() or word in words.ambiguous()


def _common(word: str) -> bool:
    word = word.lower()
    return word in words.common() or (
        "-" in word and all(part in words.common() or len(part) < 3 for part in word.split("-"))
    )


def _lead(run: str) -> str:
    """The run without the ordinary words at its beginning: "Yesterday John Smith" begins with one, "Drew Wilson" "
    "does not."""
    rest = run.split(" ")
    while rest and (
        rest[0].lower() in words.common() or rest[0] in _DEGREES or (len(rest[0]) < 3 and rest[0].isalpha())
    ):
        if len(rest) > 1 and rest[0].lower() in words.ambiguous() and rest[0].lower() not in _ENDS and _listed(rest[1]):
            break
        rest = rest[1:]
    return " ".join(rest)


def _shorn(run: str) -> str:
    """The run without degrees and ordinary words at its end, but for the first word and for family names (Anna "
    "Bell)."""
    rest = run.split(" ")
    while len(rest) > 1 and (rest[-1] in _DEGREES or _ordinary(rest[-1], len(rest))):
        rest = rest[:-1]
    return " ".join(rest)


def _ordinary(word: str, place: int) -> bool:
    if word in _ORGANIZATION or not _common(word):
        return False
    return place > 3 or word.lower() not in words.ambiguous()
