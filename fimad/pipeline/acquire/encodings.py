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
# What programs of the last thirty years write, in the detector's names. DOS's code pages are left out: short texts look like all
# of them.
_KNOWN = (
    *("cp1252", "cp1250", "iso8859-2", "cp1251", "koi8-u", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("cp874", "cp932", "shift_jis_2004", "euc_jis_2004", "cp949", "gb18030", "big5hkscs"),
)
_BY_LANGUAGE = {
    **dict.fromkeys(("ru", "uk", "bg", "be", "mk"), ("cp1251", "koi8-u")),
    **dict.fromkeys(("pl", "cs", "sk", "hu", "ro", "sl", "hr", "sq"), ("cp1250", "iso8859-2")),
    **dict.fromkeys(("lt", "lv", "et"), ("cp1257",)),
    **{
        "tr": ("cp1254",),
        "el": ("cp1253",),
        "he": ("cp1255",),
        "ar": ("cp1256",),
        "fa": ("cp1256",),
        "vi": ("cp1258",),
    },
    **{"th": ("cp874",), "ja": ("cp932", "euc_jis_2004"), "ko": ("cp949",), "zh": ("gb18030", "big5hkscs")},
    **dict.fromkeys(("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "nb", "fi", "ca", "is"), ("cp1252",)),
}
# Letters and signs beyond ASCII that western languages use; the others of that code page hardly occur.
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœŒÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝ’‘“”„–—…¡¿«»°ºª€£·•©®\xa0")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
# The detector looks at so much; more changes nothing but the time it takes.
_SAMPLE = 64 * 1024
# Below this confidence of the detector's a text is too short to tell, so that its letters and its length decide.
_UNSURE = 0.03
# Western text is far more common than what looks like it: the detector must be surer of that by this factor.
_CLEARLY = 1.5


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
    from chardet import detect_all

    known = _BY_LANGUAGE.get(language, ())
    if len(known) == 1 and _can(sample, known[0]):
        return known[0]
    names = known or _KNOWN
    found = detect_all(sample, ignore_threshold=True, include_encodings=names, compat_names=False)
    sure = {str(each["encoding"]): float(each["confidence"]) for each in found if each["encoding"] in names}
    best = max(sure, key=lambda name: sure[name], default="cp1252")
    runs = _BEYOND_ASCII.findall(sample)
    # Accents stand alone or in pairs; words of other scripts are all beyond ASCII.
    long_runs = sum(len(run) > 2 for run in runs) * 2 > len(runs)
    western = _WESTERN.issuperset(b"".join(runs).decode("cp1252", errors="replace"))
    japanese = next((name for name in ("cp932", "euc_jis_2004") if name in names and _kana(sample, name)), "")
    if sure.get(best, 0) < _UNSURE and japanese:
        return japanese
    if not known and not long_runs and western and sure.get(best, 0) < _CLEARLY * sure.get("cp1252", 0) + _UNSURE:
        return "cp1252"
    return best


def _can(sample: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _kana(sample: bytes, name: str) -> bool:
    """Whether half of what is beyond ASCII are Japanese syllables, and not those of half width, which nobody writes captions in."""
    text = [char for char in sample.decode(name, errors="replace") if ord(char) > 127]
    return 2 * sum("\u3040" <= char <= "\u30ff" for char in text) > len(text)


def decoded(data: bytes, language: str = "") -> str:
    """A text in whatever encoding it is; what can't be read becomes U+FFFD."""
    return data.decode(encoding_of(data, language), errors="replace").removeprefix("\ufeff")
