"""Encodings that a page or an attachment may declare: those of the web, and none of Python's other codecs."""

import codecs

# What browsers read (WHATWG, Encoding standard), as Python calls it. Its other codecs are no encodings of texts
# (rot13, zlib), run through escapes (unicode_escape, utf-7: halves of characters come out) or take the square of the
# length (punycode, idna).
OF_THE_WEB = {
    *("utf-8", "utf-16-le", "utf-16-be", "utf-16", "gbk", "gb2312", "gb18030", "big5", "big5hkscs"),
    *("euc_jp", "iso2022_jp", "shift_jis", "cp932", "euc_kr", "cp949"),
    *("cp866", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "cp874"),
    *(f"cp{page}" for page in range(1250, 1259)),
    *(f"iso8859-{part}" for part in range(1, 17) if part != 12),
    "ascii",
}
LONGEST = 40


def read_as(raw: bytes, name: str, declared_in_ascii: bool = False) -> str:
    """The text. With `declared_in_ascii` the name stood in the bytes themselves, so they are not UTF-16. Raises
    `ValueError` where there is no such encoding of texts, or the bytes are not in it."""
    if len(name) > LONGEST:
        raise ValueError("its name is longer than that of any encoding")
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise ValueError("there is no such encoding") from error
    if codec.name not in OF_THE_WEB or (declared_in_ascii and codec.name.startswith("utf-16")):
        raise ValueError("it is no encoding that browsers read")
    # What browsers do: pages that say latin-1 are written in Windows' superset of it.
    text = raw.decode("cp1252" if codec.name in ("iso8859-1", "ascii") else codec.name)
    # Halves of characters, which UTF-16 can smuggle in, are no text.
    return text.encode("utf-8").decode("utf-8")
