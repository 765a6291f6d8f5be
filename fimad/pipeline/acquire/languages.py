"""Languages of captions: one tag for all the ways to write it, and which of several to take."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Code of two letters, then what else stands for it: codes of three letters, names in English and in the language itself.
_LANGUAGES = """
af afr afrikaans
ar ara arabic
bg bul bulgarian български
bn ben bengali bangla
ca cat catalan català
cs ces cze czech čeština
da dan danish dansk
de deu ger german deutsch
el ell gre greek ελληνικά
en eng english
es spa spanish español espanol castellano
et est estonian eesti
eu eus baq basque euskara
fa fas per persian farsi
fi fin finnish suomi
fr fra fre french français francais
gl glg galician galego
he heb hebrew iw
hi hin hindi
hr hrv croatian hrvatski
hu hun hungarian magyar
hy hye arm armenian
id ind indonesian in
is isl ice icelandic
it ita italian italiano
ja jpn japanese 日本語
ka kat geo georgian
kk kaz kazakh
ko kor korean 한국어
lt lit lithuanian lietuvių
lv lav latvian latviešu
mk mkd mac macedonian
ml mal malayalam
mr mar marathi
ms msa may malay
nl nld dut dutch nederlands
no nor norwegian norsk
pl pol polish polski
pt por portuguese português portugues
pt-BR pob ptbr
ro ron rum romanian română
ru rus russian русский
sk slk slo slovak slovenčina
sl slv slovenian slovenščina
sq sqi alb albanian shqip
sr srp serbian српски
sv swe swedish svenska
sw swa swahili
ta tam tamil
te tel telugu
th tha thai ไทย
tr tur turkish türkçe
uk ukr ukrainian українська
ur urd urdu
vi vie vietnamese
yi yid yiddish ji
zh zho chi chinese 中文
zh-Hans chs
zh-Hant cht
"""
_TAGS = {other: code for code, *others in map(str.split, _LANGUAGES.split("\n")[1:-1]) for other in others}
_CODE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
# The script that is written where only the region is named.
_SCRIPTS = {"TW": "Hant", "HK": "Hant", "MO": "Hant", "CN": "Hans", "SG": "Hans"}
# How regions, of two letters, and scripts, of four, are written.
_CASES = {2: str.upper, 4: str.title}


def is_language(name: str) -> bool:
    """Whether a part of a file's name may be a language: ``en``, ``pt_BR``, ``eng`` or ``English``."""
    return _CODE.fullmatch(name) is not None or name.lower() in _TAGS


def tag_of(name: str) -> str:
    """A language as it is stored: ``en-US`` for ``EN_US`` and ``eng-US``, ``he`` for ``iw``, ``de`` for ``German``."""
    base, *parts = name.replace("_", "-").split("-")
    cased = [_CASES.get(len(part), str)(part) if part.isalpha() else part for part in parts]
    return "-".join([_TAGS.get(base.lower(), base.lower()), *cased])


def base_of(tag: str) -> str:
    """The language without its region: ``en`` for ``en-US``."""
    return tag.partition("-")[0]


def wanted_language(
    offered: Sequence[str], wanted: Sequence[str], spoken: str, *, translated: bool = False
) -> str | None:
    """Which of the offered tags is the first that is wanted, in any of its regional forms; None if none is.

    Of several forms the wanted one, else the one that is spoken, else the one without a region. With `translated`, what is not
    spoken is a machine's translation, and not taken.
    """
    spoken = tag_of(spoken)
    for want in map(tag_of, wanted):
        forms = [each for each in sorted(_spoken_of(offered, spoken, translated)) if each and _same(each, want)]
        if forms:
            return max(forms, key=lambda each: (_likeness(each, want), _likeness(each, spoken)))
    return None


def choose_language(
    offered: Sequence[str], wanted: Sequence[str], spoken: str, *, translated: bool = False
) -> str | None:
    """The same where something has to be taken: else the spoken language, else one that has no name, else the only one."""
    found = wanted_language(offered, [*wanted, spoken] if spoken else wanted, spoken, translated=translated)
    if found is not None:
        return found
    left = _spoken_of(offered, tag_of(spoken), translated)
    if "" in left:
        return ""
    return left[0] if len(left) == 1 and not spoken else None


def _spoken_of(offered: Sequence[str], spoken: str, translated: bool) -> Sequence[str]:
    return [each for each in offered if not each or _same(each, spoken)] if translated and spoken else offered


def _same(one: str, other: str) -> bool:
    return base_of(tag_of(one)) == base_of(other)


def _likeness(tag: str, other: str) -> int:
    """How well a tag stands for another of the same language."""
    ours, theirs = tag_of(tag).split("-"), other.split("-")
    if ours == theirs:
        return 3
    scripts = [{_SCRIPTS.get(part, part) for part in each[1:]} for each in (ours, theirs)]
    return 2 if scripts[0] & scripts[1] else int(len(ours) == 1)
