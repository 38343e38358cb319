"""Check digits: what makes a row of digits a card, an account or a security and not just a number."""

import re

from stdnum import cusip as stdnum_cusip
from stdnum import isin as stdnum_isin
from stdnum import luhn as stdnum_luhn
from stdnum.iso7064 import mod_97_10
from stdnum.us import rtn

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


def _ascii_digits(text: str) -> str:
    """The text with the digits of every script as 0 to 9, which is all that stdnum reads."""
    return text if text.isascii() else "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)


def luhn(digits: str) -> bool:
    """The rule of payment cards: every second digit from the right doubled, digit sum divisible by ten."""
    return bool(stdnum_luhn.is_valid(_ascii_digits(digits)))


def card(digits: str) -> bool:
    """Length, first digit and sum of a payment card. None begins with 20, but four years in a row do."""
    own = digits[0] in "23456" and digits[:2] != "20"
    return own and 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def iban(text: str) -> bool:
    """ISO 13616: the right length for the country, and 1 modulo 97 with the first four signs put last.

    stdnum.iban also asks where letters may stand, country by country: it would miss accounts of newer or rarer forms.
    """
    text = text.replace(" ", "").upper()
    if len(text) != IBAN_LENGTH.get(text[:2], 0) or not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]+", text):
        return False
    return bool(mod_97_10.is_valid(text[4:] + text[:4]))


def aba(digits: str) -> bool:
    """A routing number of a US bank: its check digit, and a first pair that was ever given out."""
    given_out = re.fullmatch(r"(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)\d{7}", digits)
    return bool(given_out and rtn.is_valid(_ascii_digits(digits)))


def isin(text: str) -> bool:
    """ISO 6166: two letters, nine signs, and a check digit. Any two letters: stdnum.isin.is_valid knows no country code
    that came later."""
    form = re.fullmatch(r"[A-Z]{2}[A-Z0-9]{9}\d", text)
    return bool(form and stdnum_isin.calc_check_digit(text[:-1]) == _ascii_digits(text[-1]))


def cusip(text: str) -> bool:
    """Eight signs and a check digit; the form first, since stdnum takes small letters and spaces too."""
    return bool(re.fullmatch(r"[A-Z0-9*@#]{8}\d", text) and stdnum_cusip.is_valid(_ascii_digits(text)))


def vin(text: str) -> bool:
    """A North American vehicle number: 17 signs without I, O, Q, the ninth of them a check digit. stdnum has none."""
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{8}[\dX][A-HJ-NPR-Z0-9]{8}", text) or not re.search(r"\d", text):
        return False
    total = sum(
        (_VIN[sign] if sign in _VIN else int(sign)) * weight for sign, weight in zip(text, _VIN_WEIGHTS, strict=True)
    )
    return "0123456789X"[total % 11] == text[8]


def ssn(digits: str) -> bool:
    """A number that the Social Security Administration can have given out. stdnum.us.ssn leaves out three famous ones,
    which may still stand in a record."""
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def itin(digits: str) -> bool:
    """A tax number of a person without an SSN: 9xx, and a middle pair from 50 on. stdnum.us.itin begins at 70, as the
    first ones did."""
    return digits[0] == "9" and 50 <= int(digits[3:5]) <= 99
