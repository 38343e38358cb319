"""Street addresses, post boxes, cities beside a state, counties, postal codes."""

import re
from collections.abc import Iterator

from metier.data.redaction import words
from metier.data.redaction.spans import Span

# The street suffixes of the US Postal Service (Publication 28, appendix C1), and the commonest abbreviations.
_STREETS = "|".join(
    words.row(
        "Alley Annex Arcade Avenue Bayou Beach Bend Bluff Bluffs Bottom Boulevard Branch Bridge Brook Brooks "
        "Burg Burgs Bypass Camp Canyon Cape Causeway Center Centers Circle Circles Cliff Cliffs Club Common "
        "Commons Corner Corners Course Court Courts Cove Coves Creek Crescent Crest Crossing Crossroad "
        "Crossroads Curve Dale Dam Divide Drive Drives Estate Estates Expressway Extension Extensions Fall Falls "
        "Ferry Field Fields Flat Flats Ford Fords Forest Forge Forges Fork Forks Fort Freeway Garden Gardens "
        "Gateway Glen Glens Green Greens Grove Groves Harbor Harbors Haven Heights Highway Hill Hills Hollow "
        "Inlet Island Islands Isle Junction Junctions Key Keys Knoll Knolls Lake Lakes Land Landing Lane Light "
        "Lights Loaf Lock Locks Lodge Loop Mall Manor Manors Meadow Meadows Mews Mill Mills Mission Motorway "
        "Mount Mountain Mountains Neck Orchard Oval Overpass Park Parks Parkway Parkways Pass Passage Path Pike "
        "Pine Pines Place Plain Plains Plaza Point Points Port Ports Prairie Radial Ramp Ranch Rapid Rapids Rest "
        "Ridge Ridges River Road Roads Route Row Rue Run Shoal Shoals Shore Shores Skyway Spring Springs Spur "
        "Spurs Square Squares Station Stravenue Stream Street Streets Summit Terrace Throughway Trace Track "
        "Trafficway Trail Trailer Tunnel Turnpike Underpass Union Unions Valley Valleys Via Viaduct View Views "
        "Village Villages Ville Vista Walk Walks Wall Way Ways Well Wells Broadway St Ave Rd Blvd Ln Dr Ct Pl Sq "
        "Ter Pkwy Hwy Cir Trl Xing"
    )
)
_STATES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|"
    "Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|"
    "Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|"
    "North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|"
    "South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
_POSTAL = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR"
)
DIGIT = re.compile(r"\d")
STATES = frozenset(_STATES.split("|"))
_STATE = rf"(?:{_STATES}|{_POSTAL.replace(' ', '|')}|D\.C\.)"
_WORD = r"[A-Z][\w'.-]*"
_FREQUENT = frozenset(
    words.row(
        "Street St Avenue Ave Road Rd Boulevard Blvd Lane Ln Drive Dr Court Ct Place Pl Square Terrace Parkway Pkwy "
        "Highway Hwy Circle Broadway"
    )
)
STREET = re.compile(
    rf"\d(?<![\w.,$/-]\d)\d{{0,5}}[A-Za-z]?,? (?:[NSEW]\.?[EW]?\.? )?(?P<street>(?:(?:{_WORD}|\d+(?:st|nd|rd|"
    rf"th)) ){{1,4}}?)(?P<suffix>{_STREETS})\b\.?(?: (?:[NSEW]{{1,2}}|North|South|East|West)\b\.?)?"
    r"(?:,? ?(?:#|(?:Apt|Apartment|Suite|Ste|Unit|Room|Rm|Floor|Fl|Bldg)\b\.?) ?[\w-]+)?"
)
BOX = re.compile(r"P\.? ?O\.? ?[Bb]ox \d+")
# City, ST 12345: looked for at the comma, because that is rare.
STATE = re.compile(rf", ?(?:\n)?(?P<state>{_STATE})\b(?P<zip>,? \d{{5}}(?:-\d{{4}})?(?!\w))?")
CITY_BEFORE = re.compile(r"(?:(?:Mc|St\. |Ft\. |Mt\. )?[A-Z][a-z'’-]+(?: (?=[A-Z]))?){1,3}$")
ZIP_BEHIND = re.compile(r"\d(?<=[ .,][A-Z][A-Z] \d)\d{4}(?:-\d{4})?(?!\w)")
COUNTY = re.compile(r" County\b")
COLON = re.compile(r":[ \t]*(?=[A-Z\d#])")
ADDRESS_FIELD = re.compile(r"(?i:(?<!e-mail )(?<!email )(?<!ip )(?<!web )\baddress(?: line \d)?|\bresidence)$")
ADDRESS_VALUE = re.compile(r"[^\n;|]{4,90}")
TOWN_FIELD = re.compile(r"(?i:\b(?:city|town|county|hometown|birthplace|place of birth))$")
TOWN_VALUE = re.compile(r"[A-Z][\w'.-]+(?: [A-Z][\w'.-]+){0,2}")
LIVES = re.compile(
    r"(?:\b(?:liv(?:es?|ed|ing)|resid(?:es?|ed|ing)|resident|born|raised|grew up|retired|residing|home|house|"
    r"apartment|work(?:s|ed|ing))(?: alone| at home| with [\w ]{3,20}| on [\w ,/-]{4,20})? (?:in|of|near|outside|to)|"
    r"\b(?:moved|relocated|flew|traveled|traveled|drove)(?: here)? (?:to|from)|\bnative of|\b(?:(?:[Hh]e|[Ss]he|I|"
    r"[Tt]hey|[Pp]atient|who|family)(?: is| was| comes| came| come|'s|'m)|originally|visiting|hails?|man|woman|male|"
    r"female|lady|gentleman|patient|resident) from|\b(?:ship|deliver|delivered|shipped) (?:it )?to) $"
)
TO_PLACE = re.compile(r" (?:in|from|to|of|near) (?=[A-Z])")
TOWN = re.compile(r"(?:(?:St|Ft|Mt)\. )?[A-Z][a-z][\w'’-]*(?: [A-Z][a-z'’-]+){0,2}")
# Towns that the list of common words holds so that they are not read as given names.
_TOWNS = frozenset(
    words.row(
        "Dallas Houston Austin Denver Savannah Charlotte Brooklyn Madison Phoenix Paris London Milan Sydney Lincoln "
        "Jackson Columbus Orlando Cleveland Florence Troy Los San Santa Verona Vienna Rome Boston Chicago Mobile "
        "Reading Orange Jordan "
        "Hong"
    )
)
# Larger than a state, so no identifier.
_COUNTRIES = frozenset(
    words.row(
        "America African Americans Hispanic Arctic Greenland Quebec United USA US U.S China India Mexico Canada "
        "England Ireland Scotland Wales Germany France Italy Spain Poland Russia Ukraine Japan Korea "
        "Vietnam Philippines Brazil Haiti Cuba Iran Iraq Israel Egypt Nigeria Kenya Ethiopia Pakistan Bangladesh "
        "Africa Asia Europe "
        "Australia Colombia Peru Jamaica Guatemala Honduras Somalia Syria Turkey Greece Portugal Sweden Norway"
    )
)
_NO_CITY = frozenset(
    words.row(
        "University Hospital School Department Institute Center Inc Corp Association January February March April May "
        "June July August "
        "September October November December Company Bank Clinic"
    )
)


def find(text: str) -> list[Span]:
    """Addresses and places in the text, by their form; a city alone is found only behind words such as "lives in"."""
    spans = list(_streets(text)) if DIGIT.search(text) else []
    if "," in text:
        spans += _cities(text)
    if " County" in text:
        for match in COUNTY.finditer(text):
            name = re.search(r"(?:[A-Z][\w'-]+ ?){1,2}$", text[max(0, match.start() - 30) : match.start()])
            if name and name[0].split()[0].lower() not in ("the", "each", "any"):
                spans.append(Span(match.start() - len(name[0]), match.end(), "PLACE"))
    spans += _fields(text)
    spans += _towns(text)
    return spans


def _towns(text: str) -> Iterator[Span]:
    """A town behind words such as "lives in"."""
    for match in TO_PLACE.finditer(text):
        end = match.end()
        town = TOWN.match(text, end) if LIVES.search(text[max(0, end - 48) : end]) else None
        if not town or town[0] in STATES or town[0].split()[0] in _COUNTRIES:
            continue
        if town[0] in _TOWNS or not all(word.lower() in words.common() for word in town[0].split()):
            yield Span(*town.span(), "PLACE")


def _fields(text: str) -> Iterator[Span]:
    for match in COLON.finditer(text):
        before = text[max(0, match.start() - 20) : match.start()]
        if ADDRESS_FIELD.search(before):
            value = ADDRESS_VALUE.match(text, match.end())
            if value and re.search(r"\d", value[0]):
                yield Span(value.start(), value.start() + len(value[0].rstrip(" .,")), "ADDRESS")
        elif TOWN_FIELD.search(before):
            value = TOWN_VALUE.match(text, match.end())
            if value and value[0] not in STATES:
                yield Span(*value.span(), "PLACE")


def _streets(text: str) -> Iterator[Span]:
    for match in STREET.finditer(text):
        # "12V Festoon Dome Light" is for sale, "79180 Fleming Pines" an address: a rare suffix wants a rare name.
        if match["suffix"] in _FREQUENT or not all(map(_everyday, match["street"].split())):
            yield Span(*match.span(), "ADDRESS")
    if "ox " in text:
        yield from (Span(*match.span(), "ADDRESS") for match in BOX.finditer(text))
    for match in ZIP_BEHIND.finditer(text):
        if text[match.start() - 3 : match.start() - 1] in _POSTAL:
            yield Span(*match.span(), "ZIP")


def _everyday(word: str) -> bool:
    return word.lower() in words.common() or not word.isalpha()


def _cities(text: str) -> Iterator[Span]:
    for match in STATE.finditer(text):
        low = max(0, match.start() - 40)
        city = CITY_BEFORE.search(text[low : match.start()])
        if not city or _NO_CITY & set(city[0].split()) or city[0] in STATES:
            continue
        if not match["zip"] and all(
            word.lower() in words.common() for word in re.split(r"[ -]", city[0]) if len(word) > 1
        ):
            continue  # "X-ray, CT"
        named = match["zip"] or match["state"] not in ("MD", "DO", "PA", "MA", "ME", "OR", "IN", "OK")
        if named or city[0].split()[0].lower() not in words.first_names():  # Anna Hill, MD: a degree
            yield Span(low + city.start(), match.start(), "PLACE")
        if match["zip"]:
            yield Span(match.end("zip") - len(match["zip"].lstrip(", ")), match.end("zip"), "ZIP")
