"""Check digits: what makes a row of digits a card, an account or a security and not just a number."""

import re

from metier.data.redaction import words

# Length of the IBAN by country, from the SWIFT register (release 99); a country that is not here is not judged.
IBAN_LENGTH = {
    pair[:2]: int(pair[2:])
    for pair in words.row(
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 "
        "FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 "
        "LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 "
        "SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    )
}
_VIN = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def luhn(digits: str) -> bool:
    """The rule of payment cards: every second digit from the right doubled, digit sum divisible by ten."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def card(digits: str) -> bool:
    """Length, first digit and sum of a payment card. None begins with 20, but four years in a row do."""
    own = digits[0] in "23456" and digits[:2] != "20"
    return own and 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def iban(text: str) -> bool:
    """ISO 13616: the right length for the country, and 1 modulo 97 with the first four signs put last."""
    text = text.replace(" ", "").upper()
    if len(text) != IBAN_LENGTH.get(text[:2], 0) or not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]+", text):
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def aba(digits: str) -> bool:
    """A routing number of a US bank: weights 3, 7, 1, and a first pair that was ever given out."""
    if not re.fullmatch(r"(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)\d{7}", digits):
        return False
    return sum(int(digit) * (3, 7, 1)[place % 3] for place, digit in enumerate(digits)) % 10 == 0


def isin(text: str) -> bool:
    """ISO 6166: country, nine signs, and the Luhn rule over the digits of all (letters as two digits)."""
    if not re.fullmatch(r"[A-Z]{2}[A-Z0-9]{9}\d", text):
        return False
    return luhn("".join(str(int(sign, 36)) for sign in text))


def cusip(text: str) -> bool:
    """Eight signs and a check digit: every second value doubled, digit sums, to the next ten."""
    if not re.fullmatch(r"[A-Z0-9*@#]{8}\d", text):
        return False
    total = 0
    for place, sign in enumerate(text[:8]):
        value = 36 + "*@#".index(sign) if sign in "*@#" else int(sign, 36)
        value *= 1 + place % 2
        total += value // 10 + value % 10
    return (10 - total % 10) % 10 == int(text[8])


def vin(text: str) -> bool:
    """A North American vehicle number: 17 signs without I, O, Q, the ninth of them a check digit."""
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{8}[\dX][A-HJ-NPR-Z0-9]{8}", text) or not re.search(r"\d", text):
        return False
    total = sum(
        (_VIN[sign] if sign in _VIN else int(sign)) * weight for sign, weight in zip(text, _VIN_WEIGHTS, strict=True)
    )
    return "0123456789X"[total % 11] == text[8]


def ssn(digits: str) -> bool:
    """A number that the Social Security Administration can have given out."""
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def itin(digits: str) -> bool:
    """A tax number of a person without an SSN: 9xx, and a middle pair from 50 on."""
    return digits[0] == "9" and 50 <= int(digits[3:5]) <= 99
