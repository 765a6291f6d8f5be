"""Text of unknown encoding: lists that spreadsheets save, captions from everywhere."""

from __future__ import annotations

import codecs
import re

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What programs of the last thirty years write. DOS's code pages are left out: short texts look like all of them.
_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "cp1258")
_OTHERS = ("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "euc_jp", "cp949", "gb18030", "big5", "cp932")
_BY_LANGUAGE = {
    **dict.fromkeys(("ru", "uk", "bg", "be", "mk"), ("cp1251", "koi8_r")),
    **dict.fromkeys(("pl", "cs", "sk", "hu", "ro", "sl", "hr", "sq"), ("cp1250",)),
    **dict.fromkeys(("lt", "lv", "et"), ("cp1257",)),
    **{
        "tr": ("cp1254",),
        "el": ("cp1253",),
        "he": ("cp1255",),
        "ar": ("cp1256",),
        "fa": ("cp1256",),
        "vi": ("cp1258",),
    },
    **{"th": ("cp874",), "ja": ("cp932", "euc_jp"), "ko": ("cp949",), "zh": ("gb18030", "big5")},
    **dict.fromkeys(("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "nb", "fi", "ca", "is"), ("cp1252",)),
}
# Letters and signs beyond ASCII that western languages use; the others of that code page hardly occur.
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœŒÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝ’‘“”„–—…¡¿«»°ºª€£·•©®\xa0")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
# The detector looks at so much; more changes nothing but the time it takes.
_SAMPLE = 64 * 1024


def encoding_of(head: bytes, language: str = "") -> str:
    """The encoding of a text from its beginning: by its byte order mark, as UTF-8 if it is that, else by its letters.

    `language` helps where it is known: a short text may be anything.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    if pairs and b"\0" in head[:4096]:
        sample = head[: min(len(head), 4096) // 2 * 2]
        if sample[1::2].count(0) > len(sample) // 4:
            return "utf-16-le"
        if sample[::2].count(0) > len(sample) // 4:
            return "utf-16-be"
    try:
        # A character may be cut in two at the end.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return _by_letters(head[:_SAMPLE], language.split("-")[0].lower())
    return "utf-8"


def _by_letters(sample: bytes, language: str) -> str:
    known = _BY_LANGUAGE.get(language, ())
    if len(known) == 1 and _can(sample, known[0]):
        return known[0]
    runs = _BEYOND_ASCII.findall(sample)
    # Accents stand alone or in pairs; words of other scripts are all beyond ASCII.
    long_runs = sum(len(run) > 2 for run in runs) * 2 > len(runs)
    if not known and not long_runs and _WESTERN.issuperset(b"".join(runs).decode("cp1252", errors="replace")):
        return "cp1252"
    order = known or (_OTHERS if long_runs else (*_LATIN, *_OTHERS))
    found = _detected(sample, order)
    if found == "cp932" and not known and _half_width(sample):
        found = _detected(sample, tuple(name for name in order if name != "cp932"))
    if found in ("cp1251", "koi8_r"):
        # Each makes capitals of the other's small letters.
        found = min(("cp1251", "koi8_r"), key=lambda name: sum(map(str.isupper, sample.decode(name, errors="replace"))))
    return found or "utf-8"


def _detected(sample: bytes, names: tuple[str, ...]) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(names)).best()
    return best.encoding if best is not None else next((name for name in names if _can(sample, name)), "")


def _can(sample: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _half_width(sample: bytes) -> bool:
    """Whether Shift JIS makes half-width katakana of most of it, which nobody writes captions in."""
    text = [char for char in sample.decode("cp932", errors="replace") if ord(char) > 127]
    return sum("\uff61" <= char <= "\uff9f" for char in text) * 3 > len(text)


def decoded(data: bytes, language: str = "") -> str:
    """A text in whatever encoding it is; what can't be read becomes U+FFFD."""
    return data.decode(encoding_of(data, language), errors="replace").removeprefix("\ufeff")
