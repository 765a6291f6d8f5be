"""On which side, and with what: stated beside a name or within it."""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.context.movements import BODY, PREPOSITIONS
from fimad.labels.matching import Match
from fimad.labels.stated.counted_words import JOINED_LIMBS
from fimad.labels.taxonomy import Lexicon

# Equipment that a name may hold as a word of its own and that it is really done with.
_IN_NAMES = frozenset([
    "dumbbell", "barbell", "ez_bar", "kettlebell", "band", "cable", "medicine_ball", "trap_bar",
    "landmine", "mace", "sled", "sandbag", "battle_ropes", "ab_wheel", "foam_roller",
    "suspension_trainer",
])  # fmt: skip


# Short for a side in one language, a word of its own in others: "auf *der* Stelle", "*re*: squats".
_SHORT = {"der": "es", "re": "de", "li": "de"}
# Before a step that one stands on: "push-ups on a step", "hands on step"; a "cross step" is one of the feet.
_LEADS_STEP = frozenset([
    "on", "off", "onto", "from", "over", "with", "using", "against", "a", "the", "low", "high", "aerobic", "and", "auf", "mit", "vom", "sur", "avec", "con", "su", "al",
])  # fmt: skip
_SHORTEST = frozenset("lr")
# Behind a side: "to the right again", "the right one".
_OF_A_SIDE = frozenset(["side", "one", "and", "then", "first", "again", "now", "only", "lunge", "palm"])
# By themselves, as in brackets: "(g.)", "(dr.)".
_ALONE = {
    ("fr", "g"): "left", ("fr", "d"): "right", ("fr", "dr"): "right", ("fr", "dte"): "right", ("fr", "gche"): "left",
    ("es", "i"): "left", ("es", "d"): "right", ("pt", "e"): "left", ("pt", "d"): "right", ("pt", "dir"): "right", ("pt", "esq"): "left",
    ("es", "izq"): "left", ("es", "der"): "right", ("de", "l"): "left", ("de", "r"): "right",
}  # fmt: skip
_AT_ONCE = frozenset(["into", "after", "away"])
_ACROSS = frozenset([("l", "to", "r"), ("r", "to", "l"), ("left", "to", "right"), ("right", "to", "left")])


def side_of(
    words: Sequence[str], found_matches: Sequence[Match], found: Lexicon, language: str | None = None
) -> str | None:
    """``left``, ``right``, ``both`` or None."""
    begins = found.side_words
    if begins.isdisjoint(words) and _SHORTEST.isdisjoint(words):
        return _behind_a_name(words, found_matches) if language == "fr" else None
    sides: list[str] = []
    size = len(words)
    at = 0
    while at < size:
        word = words[at]
        step = 1
        if (
            (word in _SHORT and language != _SHORT[word])
            or (word == "lh" and language == "de")
            or (word == "link" and language in (None, "en") and _names_none(found_matches))
            or _at_once(words, at)
            or _is_correct(words, at)
        ):
            pass
        elif word in ("l", "r", "left", "right") and tuple(words[at : at + 3]) in _ACROSS:
            # "Shuffle right to left" goes both ways and is done on neither side.
            step = 3
        elif word in begins and word not in _SHORTEST:
            for length in (3, 2, 1):
                value = found.sides.get(tuple(words[at : at + length])) if at + length <= size else None
                if value:
                    sides.append(value)
                    step = length
                    break
        elif word in _SHORTEST and tuple(words[at : at + 3]) in (("l", "and", "r"), ("r", "and", "l")):
            sides.append("both")
            step = 3
        elif word in _SHORTEST:
            inside = any(m.start <= at < m.end and m.entry.type == "exercise" for m in found_matches)
            # "10 R 10 L".
            counted = not inside and 0 < at < size - 1 and words[at - 1].isdigit()
            limb = at + 1 < size and words[at + 1] in JOINED_LIMBS
            if not inside and (
                at in (0, size - 1)
                or limb
                or counted
                or not words[at + 1][0].isalnum()
                or not words[at - 1][0].isalnum()
            ):
                sides.append("left" if word == "l" else "right")
        at += step
    if not sides:
        lettered = _behind_a_name(words, found_matches) if language == "fr" else None
        if lettered:
            return lettered
        # "Fire hydrants (both)", "single leg bridge ea".
        last = words[-1] if words else ""
        return "both" if (last == "each" and words[-2:-1] != ["rep"]) or (last == "both" and len(words) == 1) else None
    if "both" in sides:
        return (
            "both"
            if len(set(sides)) == 1 or ("left" in sides and "right" in sides)
            else next(s for s in sides if s != "both")
        )
    if "left" in sides and "right" in sides:
        # "Right arm swipe to the left": the limb counts.
        return sides[0] if "to" in words or "the" in words else "both"
    return sides[0]


def _behind_a_name(words: Sequence[str], found_matches: Sequence[Match]) -> str | None:
    """French letters at the end of what a name begins: "gainage latéral *G* - 30 s"; "appui d" in brackets is `side_alone`'s."""
    if words[-3:] in (["g", "/", "d"], ["d", "/", "g"]):
        return "both"
    for at in range(1, len(words)):
        side = _ALONE.get(("fr", words[at])) if words[at] in ("g", "d") else None
        last = at + 1 == len(words) or not words[at + 1][0].isalnum()
        if side and last and any(match.end <= at and match.entry.type == "exercise" for match in found_matches):
            return side
    return None


def side_alone(words: Sequence[str], language: str | None) -> str | None:
    """The side that all of an aside is short for: "(g.)", "(dr.)"."""
    letters = [word for word in words if word[0].isalnum()]
    return _ALONE.get((language or "", letters[0])) if len(letters) == 1 else None


def _at_once(words: Sequence[str], at: int) -> bool:
    """Whether "right" begins a title and is no side: "right into the next"."""
    if words[at] != "right" or not words[at + 1 : at + 2] or words[at + 1] not in _AT_ONCE:
        return False
    return not any(word[0].isalnum() for word in words[:at])


def _names_none(found_matches: Sequence[Match]) -> bool:
    """Whether there is nothing that a side may be of: "link below"; "Bulgarian split squats links" are German."""
    return all(match.entry.type != "exercise" for match in found_matches)


def _is_correct(words: Sequence[str], at: int) -> bool:
    """Whether "the right" is the one that fits: "picking *the right* weight"; "the right leg", "on the right" are sides."""
    following = words[at + 1] if at + 1 < len(words) else ""
    fits = words[at] == "right" and words[at - 1 : at] == ["the"] and following[:1].isalpha()
    return fits and following not in BODY and following not in _OF_A_SIDE and following not in PREPOSITIONS


def equipment_of(words: Sequence[str], found_matches: Sequence[Match], found: Lexicon) -> list[str]:
    """Equipment that is stated, in order."""
    if found.gear_words.isdisjoint(words):
        return []
    named = [match for match in found_matches if match.entry.type == "exercise"]
    taken = []
    at = 0
    while at < len(words):
        step = 1
        if words[at] in found.gear_words:
            for length in (3, 2, 1):
                value = found.equipment.get(tuple(words[at : at + length])) if at + length <= len(words) else None
                if value:
                    own = value in _IN_NAMES and not (value == "band" and _stretches(named, found))
                    if not own:
                        own = not any([match.start <= at < match.end for match in named])
                    if own and _is_gear(words, at, length, value, named, found):
                        taken.append(value)
                    step = length
                    break
        at += step
    return taken


def _stretches(named: Sequence[Match], found: Lexicon) -> bool:
    return any(found.exercises[match.entry.id].pattern == "stretch" for match in named)


def _is_gear(words: Sequence[str], at: int, length: int, value: str, named: Sequence[Match], found: Lexicon) -> bool:
    """Whether words for equipment mean it: a step to stand on and none of the feet ("step clap", "12 steps each leg")."""
    if (value, words[at - 1 : at]) in (("band", ["it"]), ("weight", ["body"])):
        # The iliotibial band; "body weight squats".
        return False
    if words[at : at + 2] == ["weight", "bearing"]:
        return False
    if words[at : at + length] != ["step"] or (at and words[at - 1] in _LEADS_STEP):
        return True
    if at and (words[at - 1][0].isalnum() or words[at - 1] in ",-"):
        # "Lunges, 20 steps".
        return False
    if not any(word[0].isalnum() for word in words[at + 1 : at + 2]):
        return True
    # "Step push-ups" are done on it.
    return any(
        match.start == at + 1
        and not match.entry.weak
        and found.exercises[match.entry.id].pattern not in ("jump", "locomotion")
        for match in named
    )
