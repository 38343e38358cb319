"""What stands in for an identifier: a tag, or a value that looks like one and belongs to nobody."""

import hashlib
import re

from metier.data.redaction import ages, words
from metier.data.redaction.spans import Span

# Own lists: common enough to read well, and drawn without a look at whom they replace.
GIVEN = words.row(
    "Alex Robin Casey Taylor Jordan Morgan Riley Jamie Avery Quinn Rowan Skyler Dana Kerry Leslie Marion Noel Reese "
    "Sidney Tracy Blair Corey Devon Emery Frances Harley Jessie Kelly Lee Mickey Nicky Pat Rene Shannon Terry Val "
    "Whitney Adrian"
)
FAMILY = words.row(
    "Carver Dalton Ellery Fairlie Garrick Halden Ingram Jessup Kirwan Lorimer Mabry Norwood Ormond Prescott Quigley "
    "Radley Selwyn Thackeray Underhill Varley Wexford Yardley Zeller Ashby Bexley Corwin Denholm Easton Farrow "
    "Gresham Hollis Kendrick"
)
STREETS = words.row("Example Sample Orchard Harbor Meadow Chapel Station Mill")
TOWNS = words.row("Northfield Easton Ashford Milbrook Fairhaven Westbury Oakdale Riverton")


class Surrogates:
    """Stand-ins that are the same for the same value throughout one document, and depend on the seed and the group."""

    def __init__(self, seed: int, group: str) -> None:
        self.key = hashlib.blake2b(f"surrogates:{seed}:{group}".encode(), digest_size=32).digest()
        self.used: dict[tuple[str, str], str] = {}

    def of(self, kind: str, value: str) -> str:
        """The stand-in for a value of this kind."""
        if kind == "NAME":
            return self._name(value)
        number = self._number(kind, value)
        fixed = {
            "EMAIL": f"user{number % 9000 + 1000}@example.org",
            "URL": f"https://example.org/{number % 9000 + 1000}",
            "ADDRESS": f"{number % 900 + 10} {STREETS[number % len(STREETS)]} Street",
            "PLACE": TOWNS[number % len(TOWNS)],
            "ZIP": f"000{number % 100:02d}",
            "PARTY": f"{FAMILY[number % len(FAMILY)]} Company",
            "SSN": f"000-{number % 90 + 10}-{number % 9000 + 1000}",  # area 000 was never given out
            "PHOTO": f"picture{number % 9000 + 1000}{value[value.rfind('.') :]}",
        }
        if kind in fixed:
            return fixed[kind]
        if kind == "IP":
            return f"192.0.2.{number % 254 + 1}"  # RFC 5737: for documentation
        return self._phone(value, number) if kind in ("PHONE", "FAX") else self._alike(kind, value)

    def _number(self, kind: str, value: str) -> int:
        digest = hashlib.blake2b(f"{kind}:{value}".encode(), key=self.key, digest_size=8).digest()
        return int.from_bytes(digest, "big")

    def _name(self, name: str) -> str:
        """Part by part, so that "John Smith", "Smith" and "John" stay one person."""
        parts = re.findall(r"[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*", name)
        whole = [part for part in parts if len(part) > 1]
        turned = "," in name

        def stand_in(match: re.Match[str]) -> str:
            part = match[0]
            if len(part) == 1:
                return "ABCDEHJKLM"[self._number("initial", part) % 10]
            alone = len(whole) == 1 and part.lower() in words.first_names()
            given = alone or (len(whole) > 1 and (part != whole[0] if turned else part != whole[-1]))
            new = self._part(part, GIVEN if given else FAMILY)
            return new.upper() if part.isupper() else new

        return re.sub(r"[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*", stand_in, name)

    def _part(self, part: str, names: list[str]) -> str:
        key = ("part", part.casefold())
        if key not in self.used:
            place, taken = self._number(*key), {new for (what, _), new in self.used.items() if what == "part"}
            free = [name for name in names if name not in taken and name.casefold() != part.casefold()] or names
            self.used[key] = free[place % len(free)]
        return self.used[key]

    def _phone(self, value: str, number: int) -> str:
        """In the form it was written in, from the range 555-0100 to 555-0199 that no telephone has."""
        digits = re.sub(r"\D", "", value)
        if len(digits) not in (10, 11) or (len(digits) == 11 and digits[0] != "1"):
            return f"555-01{number % 100:02d}"
        new = iter(
            f"{'1' if len(digits) == 11 else ''}{(202, 303, 404, 505, 606)[number % 5]}55501{number // 5 % 100:02d}"
        )
        return re.sub(r"\d", lambda _: next(new), value)

    def _alike(self, kind: str, value: str) -> str:
        """Digits for digits and letters for letters."""
        stream = hashlib.shake_256(self.key + f"{kind}:{value}".encode()).digest(len(value))
        out = []
        for sign, byte in zip(value, stream, strict=True):
            if sign.isdigit():
                out.append(str(byte % 10))
            elif sign.isalpha():
                out.append(chr((65 if sign.isupper() else 97) + byte % 26))
            else:
                out.append(sign)
        return "".join(out)


def tag(span: Span) -> str:
    return ages.OVER if span.kind == "AGE" else f"[{span.kind}]"
