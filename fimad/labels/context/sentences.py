"""Titles whose grammar tells that an exercise is spoken of: who did it ("She learned to squat"), what is asked of the watcher
("Watch me fail a squat"), what it stands beside ("Apart from squats"), and what is said behind it ("Squats and why they matter").

What is done has a name, how and how often; it needs no subject, no subordinate clause and no apposition. English only.
"""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.context.movements import BODY, CONJUNCTIONS, HEADS, HOW, PREPOSITIONS
from fimad.labels.taxonomy import lexicon
from fimad.labels.text import canonical


def _words(text: str) -> frozenset[str]:
    return frozenset(form for word in text.split() for form in canonical(word))


_OTHERS = _words("he she they nobody somebody someone anybody people")
_ALL = _words("everybody everyone")
_US = _words("we you i")
# What somebody did or thinks; what is being done is "we do squats", "we start with squats".
_DID = _words(
    "hit tested asked told said found saw went stopped quit gave taught learned built tried hate love need should must want never "
    "compared ranked made bought broke beat forgot lost gained only"
)
# Asks to look on, or to leave it: "watch him squat 200 kg", "ditch the squat".
_LOOK_ON = _words("watch see read hear imagine ditch forget replace trade ban blame")
_LEAVE = _words("skip swap")
_THE = _words("the a an your these those")
_SPEAKING_OF = _words("regarding concerning besides despite unlike speaking according thanks apart because instead")
_BEYOND = _words("behind inside beyond")
# Of kin one tells: "Grandma squats 100 kg".
_KIN = _words(
    "grandma grandpa mom mum dad wife husband girlfriend boyfriend sister brother grandmother grandfather mother father"
)
_CROWD = _words(
    "kids parents doctors pros experts scientists science women men athletes strangers celebrities champions coaches physios trainers"
)
_AVOID = _words("avoid try master know fear skip love hate learn remember")
_CLAUSE = _words("because since until til before after unless once whenever although though")
_WORLD = _words(
    "view perspective standpoint history culture olympics news movies prison politics media literature religion society"
)
_TOPIC = frozenset(["with", "around", "between", "behind", "about", "against", "beyond", "for"])
_TREATED = _words(
    "replacing trading swapping substituting training incorporating integrating pairing planning scheduling exploring attempting defending "
    "simplifying criticizing exposing ditching banning bringing reintroducing relearning regaining respecting celebrating dissecting trying breaking"
)
_STATES = {
    "at": _words("good bad great terrible awful better worse best worst"),
    "of": _words("tired afraid scared sick proud capable fan speaking"),
    "to": _words("able enough afraid scared old addicted allergic unable"),
    "with": _words("obsessed bored fed struggling"),
    "about": _words("excited confused worried nervous passionate"),
    "on": _words("more hooked"),
}
_TURNED_TO = _words("look glance peek dive insight")
_TO = frozenset(["at", "on", "into", "behind", "inside"])
_TAUGHT = _words("chapter lesson module episode lecture unit ep vol volume season")
_MANNER = frozenset(
    [("in", "detail"), ("in", "depth"), ("in", "general"), ("in", "short"), ("up", "close"), ("done", "right"), ("done", "wrong"),
     ("done", "properly"), ("then", "now"), ("now", "then"), ("before", "after"), ("year", "old"), ("made", "simple"), ("made", "easy"),
     ("deep", "dive"), ("on", "trial"), ("from", "scratch"), ("the", "microscope")]
)  # fmt: skip
_TOLD_OFF = _words(
    "simplified explained demystified decoded debunked ranked rated reviewed revisited uncovered dissected"
)
_ASKED = _words("why how what when where who which whether")
_BECAUSE = _words("because although though unless despite whose")
_STATE_OF_BODY = _words(
    "pregnant injured sick overweight obese postpartum herniated hernia bulging torn osteoporosis tendinitis bursitis asthma diastasis"
)
_MOODS = _words("tired bored hungry drunk stressed sore angry old fasted fasting traveling travelling cutting bulking")
_OFTEN = frozenset(["a", "per", "each", "every"])
_SPANS = _words("day week month year night morning")
_SUPREME = _words("most ultimate king queen best worst forgotten underrated overrated only one")
_NEEDED = _words("needed required allowed necessary")
_SHOW = _words(
    "compare review see look break rank rate define settle revisit unpack examine explore debunk recap celebrate fix improve"
)
_WAYS = _words("way key road path trick secret reason guide")
_WHAT_OF = _words("death rise joy art power magic fall birth fear love beauty side")
PUT = _words("add throw bring mix finish end begin start land get settle stay hang")
AMOUNTS = _words(
    "bunch couple lot lots plenty handful ton dose flurry blast bit pair rest batch load mix remainder majority duration half kind minute "
    "second hour set round serie series rep number amount version best end start last first block list combo variety "
    "selection sequence burst dash one some all each any most more none many few kilometer mile meter metre lap out front instead because top middle"
)
_WHITHER = frozenset(["into", "to", "onto", "down", "up", "back", "through", "forward", "out", "over", "all"])
_SOMEWHAT = (["bit"], ["little"], ["few"], ["couple"], ["touch"], ["tad"], ["lot"])
_NOT_COUNTED = _words("too never always not")

#: Without one of these among its words no title is a sentence: each rule below needs one.
OF_SENTENCES: frozenset[str] = frozenset().union(
    _OTHERS, _ALL, _US, _LOOK_ON, _LEAVE, _SPEAKING_OF, _BEYOND, _KIN, _CROWD, _AVOID, _CLAUSE, _WORLD, _TREATED, _TURNED_TO, _TAUGHT,
    _TOLD_OFF, _ASKED, _BECAUSE, _STATE_OF_BODY, _MOODS, _SPANS, _NEEDED, _NOT_COUNTED, *_STATES.values(),
    (first if last in ("right", "wrong") else last for first, last in _MANNER),
    ("the", "a", "an", "me", "us", "them", "him", "this", "my", "our", "i", "million", "after", "without", "against", "on", "of", "no", "so", "not"),
    ("let", "don't", "don", "dont", "that", "bad", "need", "age", "from"), _WAYS,
)  # fmt: skip


def said_of(words: Sequence[str], start: int, end: int, name_start: int, name_end: int) -> str:
    """The word that tells that an exercise is spoken of; "" if none does.

    `words[start:end]` are those between breaks around the name, `words[name_start:name_end]` the names themselves.

    >>> from fimad.labels import label_title
    >>> [label_title(title).kind for title in ("She learned to squat", "Squats and why they matter", "Squats and hold")]
    ['talk', 'talk', 'exercise']
    """
    if name_end == len(words) and start == name_start < 2:
        # Nothing but the names.
        return ""
    before = [word for word in words[start:name_start] if word[0].isalpha()]
    tail = list(words[name_end:end])
    following = list(words[end + 1 :]) if words[end : end + 1] and words[end] in ",:-|" else []
    return _leads(words, before, start, name_end) or _of_whom(before, tail) or _follows(tail) or _apposed(following)


def come_to(words: Sequence[str]) -> bool:
    """Whether a title says where to come: "come into a squat"."""
    at = next((at for at, word in enumerate(words) if word[0].isalpha()), 0)
    return list(words[at : at + 1]) == ["come"] and not _WHITHER.isdisjoint(words[at + 1 : at + 3])


def _leads(words: Sequence[str], before: Sequence[str], start: int, name_end: int) -> str:
    if start >= 3 and (words[start - 2] == "#" or words[start - 2].isdigit()) and words[start - 3] in _TAUGHT:
        # "Lesson 2: the squat".
        return words[start - 3]
    if start >= 2 and words[start - 2] in _TURNED_TO:
        # "First look: squats".
        return words[start - 2]
    if not before:
        return ""
    first, then = before[0], before[1:]
    if first in _OTHERS or (first in _ALL and then):
        return first
    if first in _US and any(word in _DID or _is_past(word) for word in then):
        return first
    if first in _LOOK_ON or first in _TREATED or first in _SPEAKING_OF:
        return first
    if first in _LEAVE and (first == "swap" or then) and all(word in _THE for word in then):
        # "Skip the squats", "swap squats for this"; "skip squats" may be done skipping.
        return first
    if first in _BEYOND and then and all(word in _THE for word in then):
        return first
    if (first in _KIN and not then) or (first in _CROWD and then):
        return first
    if before[-1] == "without" or list(before) == ["against"]:
        return before[-1]
    if first in ("tell", "show") and then[:1] in (["me"], ["us"]):
        return first
    if first in ("don't", "don", "dont") and words[name_end : name_end + 2] == ["like", "this"]:
        return first
    if before[-1] == "after" and any(_is_strange(word) for word in before[:-1]):
        # "Shin splints after burpees".
        return "after"
    if first in _CLAUSE and not (_US | _OTHERS).isdisjoint(then):
        # "Before you squat, read this".
        return first
    if list(before) in (["on"], ["on", "the"]) and words[name_end : name_end + 1] == ["and"]:
        # "On squats and aging".
        return first
    if first == "no" and words[name_end : name_end + 1] and words[name_end] in _NEEDED:
        return first
    if (first in _NOT_COUNTED and not {"fast", "ending"}.intersection(then)) or list(before[:2]) == ["so", "many"]:
        return first
    if first == "let" and (then[:1] == ["me"] or not _SHOW.isdisjoint(then[:2])):
        return first
    if (first == "i" and then and then[0] != "mean") or before[-1] == "i" or "million" in before:
        # "I swore off squats", "the first time I squat".
        return "i"
    if before[:2] == ["here", "my"]:
        return "my"
    for at in range(1, len(before)):
        behind = before[at + 1 :]
        if (
            before[at] == "of"
            and all(word in _THE for word in behind)
            and _is_no_amount(before[at - 1], first == "the")
        ):
            # "The art of the squat"; "a couple of squats" are done.
            return before[at - 1]
        if before[at] == "to" and before[at - 1] in _WAYS and not behind:
            # "The right way to squat"; "time to squat".
            return before[at - 1]
        topic = first == "the" and at > 1 and before[at] in _TOPIC and all(word in _THE for word in behind)
        if topic and _is_no_amount(before[at - 1], True) and not _is_done(before[1:at]):
            # "The trouble with squats".
            return before[at - 1]
        if before[at] == "not" and all(word in _THE or word == "just" for word in behind):
            return "not"
        if before[at] in _TO and before[at - 1] in _TURNED_TO:
            # "A closer look at squats", "a deep dive into squats".
            return before[at - 1]
        if before[at - 1] in _STATES.get(before[at], ()) and all(word in _THE for word in before[at + 1 :]):
            # "Tired of squats", "strong enough to squat".
            return before[at - 1]
    return ""


def _of_whom(before: Sequence[str], tail: Sequence[str]) -> str:
    """ "My squat max", "our favourite squats"; "our last squats" are done."""
    if before[-1:] in (["my"], ["our"]) and tail and tail[0] not in PREPOSITIONS and tail[0] not in CONJUNCTIONS:
        return before[-1] if tail[0].isalpha() else ""
    if before[:1] == ["our"]:
        return "our" if any(_is_strange(word) for word in before[1:]) else ""
    return ""


def _follows(tail: Sequence[str]) -> str:
    if not tail:
        return ""
    if tail[-1] in _TOLD_OFF:
        return tail[-1]
    if tail[0] == "to" and len(tail) == 2 and tail[1] in _AVOID:
        # "Squats to avoid".
        return tail[1]
    content = [word for word in tail if word != "and"]
    if tuple(content[-2:]) in _MANNER:
        return tail[-1]
    for at in range(len(tail) - 1):
        word, after = tail[at], tail[at + 1]
        if word in ("and", "but") and after in _ASKED:
            # "Squats and why they matter".
            return after
        if word in _BECAUSE:
            return word
        if word in ("that", "which") and after not in _US:
            # "Squats that build muscle"; "squats that we did before" are done.
            return word
        if word in _OTHERS or word in _ALL:
            # "Squats nobody does".
            return word
        if word == "in" and (after in _SPANS or (tail[at + 2 : at + 3] and tail[at + 2] in _SPANS and after.isdigit())):
            # "Squats like a pro in 30 days".
            return word
        if word in _OFTEN and after in _SPANS:
            # "Squats twice a week".
            return after
        if word == "bad" and after in BODY:
            return word
        if word == "need" and at == 0:
            return word
    if tail[-1] == "age" or (tail[-1] in _WORLD and len(tail) > 1) or (tail[-2:] == ["the", "number"]):
        # "Squats at any age", "squats in history", "squats by the numbers".
        return tail[-1]
    if tail[-1] in ("me", "him", "them", "us") and len(tail) > 1 and tail[0] not in PREPOSITIONS:
        # "Squats did this to me"; "squats with me" are done.
        return tail[-1]
    if tail[:2] == ["of", "the"] and tail[-1] in ("week", "month", "year"):
        # "Squat of the week"; "last squats of the day" are done.
        return tail[-1]
    if list(tail[:1]) == ["from"] and "to" in tail and sum(word.isdigit() for word in tail) >= 2:
        return "from"
    if tail[0] in ("when", "while", "if") and tail[-1] in _MOODS:
        return tail[-1]
    return next((word for word in tail if word in _STATE_OF_BODY), "")


def _apposed(following: Sequence[str]) -> str:
    """ "Squats, *the king of exercises*"; "squats - the last set" is done."""
    if following and (following[0] in _TOLD_OFF or list(following) == ["and", "now"]):
        # "The squat, simplified", "squat then and now".
        return following[-1]
    if not following or following[0] not in ("the", "a", "an"):
        return ""
    if any(word.isdigit() or word == "#" for word in following) or following[1:2] in _SOMEWHAT:
        return ""
    if len(following) > 1 and following[1] in _SUPREME and len(following) > 2:
        return following[1]
    strange = [word for word in following[1:] if _is_strange(word)]
    return strange[0] if strange else ""


def _is_past(word: str) -> bool:
    found = lexicon()
    return (
        len(word) > 4
        and word.endswith("ed")
        and word not in found.modifiers
        and word not in found.words
        and word not in HOW
    )


def _is_no_amount(word: str, definite: bool) -> bool:
    return word not in AMOUNTS and word not in BODY and (definite or word in _WHAT_OF or _is_strange(word))


def _is_done(words: Sequence[str]) -> bool:
    """Whether an exercise or what is done with is among them: "the press behind the neck", "the band for squats"."""
    found = lexicon()
    return any(word in found.exercise_words or word in HEADS or (word,) in found.equipment for word in words)


def _is_strange(word: str) -> bool:
    found = lexicon()
    known = word in found.words or word in found.fillers or word in HEADS or word in BODY or word in HOW
    return word.isalpha() and not known and word not in PREPOSITIONS and word not in CONJUNCTIONS
