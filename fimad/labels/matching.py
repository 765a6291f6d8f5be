"""Names in a title: the longest known ones, words in between skipped, words misspelt mended.

The words of a title are laid over a trie of all names; a name may be interrupted by words that only say how, how heavy or
on which side ("bent over *dumbbell* row"). Of all that fits, the set without overlaps that covers most wins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from fimad.labels.taxonomy import VALUES, WEAK, Entry, Lexicon, Node, lexicon
from fimad.labels.text import canonical

# Of more words the rest is not looked at: no name of an exercise is that long.
MAX_WORDS = 48
_MAX_SKIPPED = 3
# They say how where they stand beside a name; within one they make another.
_NO_SKIP = frozenset([
    "press", "reach", "touch", "up", "down", "out", "over", "front", "back", "side", "jump", "hop",
    "knee", "elbow", "toe", "heel", "hands", "core", "ab", "glute", "pulse", "hold", "walk", "march", "twisted",
    "butterfly", "pause", "power", "cardio", "upper", "lower", "full", "body", "to", "with", "and",
    "in", "on", "each", "every", "per", "both", "leg", "incline", "decline", "palm", "impact",
])  # fmt: skip
_DRAWN = re.compile(r"([a-z])\1{2,}")
_CJK = ((0x2E80, 0x9FFF), (0xAC00, 0xD7AF), (0x0E00, 0x0E7F), (0x3040, 0x30FF))
_MIN_FUZZY, _MIN_FUZZY_OTHERS = 5, 7
# Names that are written as one word, which are looked up as two.
_JOINED = [
    "pushup",
    "pushups",
    "pullup",
    "pullups",
    "situp",
    "situps",
    "chinup",
    "chinups",
    "pressup",
    "pressups",
    "stepup",
    "stepups",
]


@dataclass(slots=True)
class Match:
    """A name found: words `start` to `end`, of which `used` (joints count little) are its own."""

    start: int
    end: int
    entry: Entry
    used: float


@cache
def _skippable() -> frozenset[str]:
    found = lexicon()
    single = {key[0] for key in (*found.equipment, *found.sides) if len(key) == 1}
    return (found.modifiers | found.fillers | single) - _NO_SKIP


def matches(words: Sequence[str], found: Lexicon, languages: frozenset[str] = frozenset()) -> list[Match]:
    """The names among the words, in order, without overlaps."""
    whole = _whole(words, found.root)
    if whole:
        return [whole]
    size = min(len(words), MAX_WORDS)
    skippable = _skippable()
    scores = [0.0] * (size + 1)
    best: list[tuple[int, Entry, float] | None] = [None] * (size + 1)
    begun_by = found.root.next.get
    score = 0.0
    for at in range(size - 1, -1, -1):
        word = words[at]
        first = begun_by(word)
        if first is None or (word in _HELD_BY and at and words[at - 1] in _HELD_BY[word]):
            scores[at] = score
            continue
        after = at + 1
        if after < size and (words[after] in first.next or words[after] in skippable):
            ends = _walk(first, words, after, size, skippable)
        elif first.entries:
            # Nothing follows that belongs to it.
            ends = [(after, first, 0.6 if word in _GEAR else 1.0, 0)]
        else:
            scores[at] = score
            continue
        for end, node, used, skipped in ends:
            if node.worth is None:
                entry, value = _pick(node.entries, languages, used)
            else:
                entry, value = node.entries[0], node.worth * used
            # One long name rather than two short ones.
            following = best[end]
            if entry.headless and following is not None and following[1].type == "exercise":
                # Before another name it says how that is done: "dumbbell *side lunge*".
                value *= WEAK
            total = value - 2.0 - 0.5 * skipped + scores[end]
            # Of two as good the one that begins earlier: "sumo squat" pulses.
            if total >= score:
                score = total
                best[at] = (end, entry, used)
        scores[at] = score
    taken: list[Match] = []
    at = 0
    while at < size:
        chosen = best[at]
        if chosen is None:
            at += 1
        else:
            match = Match(at, *chosen)
            if taken and taken[-1].end == at:
                match = _right_headed(words, taken, match, found)
            elif taken and taken[-1].end == at - 1 and words[at - 1] == "and":
                match = _whole_lift(words, taken, match, found)
            taken.append(match)
            at = match.end
    return taken


def _whole(words: Sequence[str], node: Node) -> Match | None:
    """The exercise that all words are the name of, if they say nothing else."""
    for word in words:
        following = node.next.get(word)
        if following is None:
            return None
        node = following
    if len(node.entries) != 1 or node.entries[0].type != "exercise" or node.entries[0].weak:
        return None
    used = 0.85 if words[0] in _JOINTS else 0.0
    for word in words:
        used += _CARRIED.get(word, 1.0)
    return Match(0, len(words), node.entries[0], used)


def _right_headed(words: Sequence[str], taken: list[Match], match: Match, found: Lexicon) -> Match:
    """ "Banded *walking lunge*", "side *jump squat*": a name may take a word from the one before it, if that leaves nothing that is done."""
    before = taken[-1]
    if before.entry.type != "exercise" or match.entry.type != "exercise" or before.end - before.start < 2:
        return match
    if bag_match(words[before.start : match.end], found, whole=True):
        return match
    for start in range(before.start + 1, before.end):
        if words[start - 1] not in found.quiet:
            return match
        longer = exact(words[start : match.end], found)
        if longer and not longer.weak and not longer.headless:
            taken.pop()
            return Match(start, match.end, longer, float(match.end - start))
    return match


def _whole_lift(words: Sequence[str], taken: list[Match], match: Match, found: Lexicon) -> Match:
    """ "Double kettlebell *clean and jerk*": the second half of a lift isn't cut off where its first has a longer name."""
    before = taken[-1]
    if not match.entry.weak or before.entry.type != "exercise" or found.exercises[before.entry.id].pattern != "olympic":
        return match
    whole = exact(words[before.end - 1 : match.end], found)
    if whole is None or whole.weak or not found.quiet.issuperset(words[before.start : before.end - 1]):
        return match
    taken.pop()
    return Match(before.end - 1, match.end, whole, float(match.end - before.end + 1))


def _walk(
    first: Node, words: Sequence[str], start: int, size: int, skippable: frozenset[str]
) -> list[tuple[int, Node, float, int]]:
    ends = []
    pending = [(first, start, 0.6 if words[start - 1] in _GEAR else 1.0, 0)]
    while pending:
        node, at, used, skipped = pending.pop()
        if node.entries:
            ends.append((at, node, used, skipped))
        behind = node.next
        if not behind:
            continue
        here, passed = at, skipped
        while here < size:
            word = words[here]
            here += 1
            following = behind.get(word)
            if following is not None:
                pending.append((following, here, used + _CARRIED.get(word, 1.0), passed))
            if passed >= _MAX_SKIPPED or word not in skippable:
                break
            passed += 1
    return ends


# Words that join names; they carry less of one than the words that they join.
_JOINTS = frozenset(("to", "with", "and", "into", "or"))
_GEAR = frozenset([
    "dumbbell", "barbell", "kettlebell", "band", "cable", "machine", "bodyweight", "standing", "seated",
    "lying", "alternating",
])  # fmt: skip
# How much of a name a word carries; all others 1.
_CARRIED = dict.fromkeys(_GEAR, 0.6) | dict.fromkeys(_JOINTS, 0.15)


def _pick(entries: list[Entry], languages: frozenset[str], used: float) -> tuple[Entry, float]:
    """Of the meanings of one name: that of the title's language, else English, else any; and what it is worth."""
    best, best_rank, best_value = entries[0], -1.0, 0.0
    for entry in entries:
        value = VALUES[entry.type] * used
        if entry.weak:
            value *= WEAK
        elif entry.type == "other" and used >= 2:
            # "Crunch time", "press conference": worth more than an exercise and a word beside it.
            value *= 1.75
        rank = value
        if languages and not languages.isdisjoint(entry.languages):
            rank += 4.0
        elif "en" in entry.languages:
            rank += 1.0
        if rank > best_rank:
            best, best_rank, best_value = entry, rank, value
    return best, best_value


_BOTH = frozenset(["each", "both", "per"])
# No name begins with a word that belongs to the one before: "both *sides* squats", "push-*ups* on toes".
_HELD_BY = {"side": _BOTH, "up": frozenset(["push", "press", "sit", "pull", "chin", "step"])}
_OF_BOTH = frozenset(["side", "arm", "leg"])
_SIDES = frozenset(["left", "right", "l", "r"]) | _BOTH


def bag_match(words: Sequence[str], found: Lexicon, whole: bool = False) -> Entry | None:
    """The name whose words these are in another order: "raise, lateral"; "squat - sumo"."""
    if len(words) < 2:
        return None
    if not found.words.issuperset(words) or not _SIDES.isdisjoint(words):
        # Signs, sides and numbers that no name has.
        words = [
            word
            for at, word in enumerate(words)
            if word[0].isalnum()
            and word not in _SIDES
            and not (word in _OF_BOTH and at and words[at - 1] in _BOTH)
            and (not word.isdigit() or word in found.number_words)
        ]
    entry = found.bags.get(frozenset(words)) if 2 <= len(words) <= 6 else None
    if entry:
        return entry
    content = words if found.fillers.isdisjoint(words) else [word for word in words if word not in found.fillers]
    if not 2 <= len(content) <= 6:
        return None
    entry = found.bags.get(frozenset(content)) if content is not words else None
    if entry is None and not whole and not (found.modifiers.isdisjoint(content) and found.gear.isdisjoint(content)):
        plain = [word for word in content if word not in found.modifiers and word not in found.gear]
        if len(plain) < len(content) and len(plain) >= 2:
            entry = found.bags.get(frozenset(plain))
    return entry


def exact(words: Sequence[str], found: Lexicon) -> Entry | None:
    """The exercise that is called exactly so; None if there is none."""
    node: Node | None = found.root
    for word in words:
        node = node.next.get(word) if node else None
    if node:
        for entry in node.entries:
            if entry.type == "exercise":
                return entry
    return None


def is_cjk(word: str) -> bool:
    """Whether a word is of a script that puts no blanks between words."""
    code = ord(word[0])
    return any(low <= code <= high for low, high in _CJK)


@lru_cache(maxsize=65536)
def mend(word: str) -> tuple[tuple[str, ...], str]:
    """An unknown word as known ones: the words, and ``split`` or ``fuzzy``; itself and "" where nothing is near."""
    found = lexicon()
    if is_cjk(word):
        return _segmented(word, found.words, found.units), "split"
    if word in found.spelt_right:
        return (word,), ""
    if _DRAWN.search(word):
        # "Squatssss", "plankkk".
        for shorter in (_DRAWN.sub(r"\1\1", word), _DRAWN.sub(r"\1", word)):
            if all(part in found.words for part in canonical(shorter)):
                return canonical(shorter), "split"
    if len(word) >= 6:
        parts = _split(word, found)
        if parts:
            return parts, "split"
    if len(word) >= _MIN_FUZZY and word.isascii():
        near = _nearest(word)
        if near:
            return canonical(near), "fuzzy"
    return (word,), ""


@cache
def neighbours() -> dict[tuple[str, ...], list[str]]:
    """Words of English names by what stands beside them: ("high", "") of "high knee", ("", "jack") of "jump jack"."""
    made: dict[tuple[str, ...], list[str]] = {}
    for key in lexicon().english_names:
        for at, word in enumerate(key):
            if len(word) >= 3 and word.isalpha():
                made.setdefault((*key[:at], "", *key[at + 1 :]), []).append(word)
    return made


def mend_beside(words: Sequence[str], at: int) -> str:
    """A misspelt word by the words beside it ("high *nees*", "calf *rases*"); "" where no name fits."""
    from rapidfuzz.distance import OSA

    word = words[at]
    if word in lexicon().spelt_right:
        return ""
    reach = 1 if len(word) < 6 else 2
    table = neighbours()
    for size in (4, 3, 2):
        for start in range(max(0, at - size + 1), min(at, len(words) - size) + 1):
            key = (*words[start:at], "", *words[at + 1 : start + size])
            near = [
                (distance, each)
                for each in table.get(key, ())
                if (distance := OSA.distance(word, each, score_cutoff=reach)) <= reach
                # A first letter may be left out ("*k*nee"), but is seldom another one.
                and (word[0] == each[0] or word == each[1:])
            ]
            if near:
                return min(near)[1]
    return ""


def segment(word: str, found: Lexicon) -> tuple[str, ...]:
    """A run of characters without blanks as its known words and what lies between them."""
    return _segmented(word, found.words, found.units)


def _segmented(word: str, known: frozenset[str], units: dict[str, str]) -> tuple[str, ...]:
    parts: list[str] = []
    loose = ""
    at = 0
    while at < len(word):
        for length in range(min(12, len(word) - at), 0, -1):
            piece = word[at : at + length]
            if piece in known or (length < 3 and piece in units):
                if loose:
                    parts.append(loose)
                    loose = ""
                parts.append(piece)
                at += length
                break
        else:
            loose += word[at]
            at += 1
    if loose:
        parts.append(loose)
    return tuple(parts)


def _split(word: str, found: Lexicon) -> tuple[str, ...]:
    """ "Lateralraise", "Kurzhantelcurls": two known words that follow each other in a name, or are long enough."""
    best: tuple[str, ...] = ()
    for at in range(2, len(word) - 1):
        left, right = canonical(word[:at]), canonical(word[at:])
        # A German compound may join with an s.
        if left[-1] not in found.words or right[0] not in found.words:
            continue
        joined = (left[-1], right[0]) in found.pairs
        if (joined or (at >= 4 and len(word) - at >= 4)) and (not best or joined):
            best = (*left, *right)
            if joined:
                return best
    return best


@cache
def spellings() -> dict[tuple[str, int], list[str]]:
    """Words of names that a misspelt word may stand for, by first letter and length."""
    from rapidfuzz import process  # noqa: F401  (loaded before the first title that needs it)
    from rapidfuzz.distance import OSA  # noqa: F401

    buckets: dict[tuple[str, int], list[str]] = {}
    english = lexicon().english_words
    for word in sorted(lexicon().exercise_words) + _JOINED:
        # A short word of another language is nearer to other English words than to itself misspelt.
        least = _MIN_FUZZY if word in english or word in _JOINED else _MIN_FUZZY_OTHERS
        if len(word) >= least and word.isascii() and word.isalpha():
            buckets.setdefault((word[0], len(word)), []).append(word)
    return buckets


def _nearest(word: str) -> str:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    # What all poses end with says nothing of which one it is: "simhasana" is no "sirsasana".
    reach = 1 if len(word.removesuffix("asana")) < 8 else 2
    buckets = spellings()
    choices = [
        each
        for length in range(len(word) - reach, len(word) + reach + 1)
        for each in buckets.get((word[0], length), ())
    ]
    near = process.extract(word, choices, scorer=OSA.distance, score_cutoff=reach, limit=None) if choices else []
    if not near and word[-1] == "s":
        # "Burpess": the mistake is in the ending of the plural, which is no part of the words.
        plural = process.extractOne(word, [f"{each}s" for each in choices], scorer=OSA.distance, score_cutoff=reach)
        return plural[0][:-1] if plural else ""
    if not near:
        return ""
    # Letters that changed places are one mistake, as one wrong letter is: of words as near, the English one.
    english = lexicon().english_words
    return str(min(near, key=lambda each: (each[1], each[0] not in english, each[2]))[0])
