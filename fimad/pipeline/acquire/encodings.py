"""Text of unknown encoding: lists that spreadsheets save, captions from everywhere."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable
from typing import BinaryIO

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
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# First bytes of Latin letters and of punctuation in UTF-8.
_LATIN_LEADS = frozenset((0xC2, 0xC3, 0xC4, 0xC5, 0xE2))
# So many bytes of whole characters to a stray one leave no doubt.
_MOSTLY = 9
_HEAD = 4096
# What is kept of a line before its first letter beyond ASCII.
_BEFORE = 1024
# The detector looks at so much; more changes nothing but the time it takes.
_SAMPLE = 64 * 1024
# Below this confidence of the detector's a text is too short to tell, so that its letters and its length decide.
_UNSURE = 0.03
# Western text is far more common than what looks like it: the detector must be surer of that by this factor.
_CLEARLY = 1.5


def encoding_of(file: BinaryIO, language: str = "") -> str:
    """The encoding of a text: by its byte order mark, as UTF-8 if it is that, else by its letters. The file is left at its beginning.

    Lines of ASCII alone tell nothing and are passed over, however many: the first letter beyond it may come late. `language` helps
    where it is known: a short text may be anything.
    """
    head = file.read(_HEAD)
    file.seek(0)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    if pairs and b"\0" in head:
        sample = head[: pairs * 2]
        if sample[1::2].count(0) > len(sample) // 4:
            return "utf-16-le"
        if sample[::2].count(0) > len(sample) // 4:
            return "utf-16-be"
    sample = _sample(file)
    file.seek(0)
    # A character may be cut in two at the end.
    if _can(sample, "utf-8") or _damaged_utf8(sample):
        return "utf-8"
    return _by_letters(sample, language.split("-")[0].lower())


def _sample(lines: Iterable[bytes]) -> bytes:
    """The first lines that hold more than ASCII, each from shortly before it on."""
    sample = bytearray()
    for line in lines:
        if line.isascii():
            continue
        first = next(_BEYOND_ASCII.finditer(line)).start()
        sample += line[max(0, first - _BEFORE) : first + _SAMPLE]
        if len(sample) >= _SAMPLE:
            break
    return bytes(sample[:_SAMPLE])


def _damaged_utf8(sample: bytes) -> bool:
    """Whether a text that is not UTF-8 as a whole is that but for stray bytes.

    What other encodings write is now and then a character of UTF-8 by chance, so that most of the text has to be that, and of a
    short one, where chance counts for more, only characters of one script.
    """
    characters = _UTF8_CHARACTER.findall(sample)
    good = sum(map(len, characters))
    bad = sum(map(len, _BEYOND_ASCII.findall(sample))) - good
    if good >= _MOSTLY * bad:
        return True
    leads = {character[0] for character in characters}
    return good >= 2 * bad and (len(leads) <= 2 or leads <= _LATIN_LEADS)


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
    return data.decode(encoding_of(io.BytesIO(data), language), errors="replace").removeprefix("\ufeff")
