"""What the parts of a title between its signs say together: lists, heads that are shared, one name with a break in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fimad.labels.context.movements import BELLY, BODY, FURNITURE
from fimad.labels.matching import Match, bag_match, exact
from fimad.labels.pairs import known_pairs
from fimad.labels.taxonomy import Entry, Lexicon

AND = frozenset(["and", "y", "e", "et", "und", "i", "og", "och", "ve", "и", "та", "kai", "en", "ed", "и", "і"])
BREAKS = frozenset('|,;:>+/.?!-"')
# A soft break may stand within one name ("Squat - goblet").
_SOFT = frozenset("-,/:+")
_DASHES = frozenset("-!.")
# What is behind them may say how the name before is done.
_BEFORE_HOW = _DASHES | {",", "+"}
_PRESSED = frozenset(["press", "developpe"])
WITHOUT = frozenset(["no", "without", "not", "minus"])
_GAITS = frozenset(["walk", "run", "jog", "sprint"])
# A name with a stroke in it has fewer words.
_MOST_OF_HALVES = 4
_MOST_OF_A_NAME = 7
_HELD = frozenset(["kneeling", "standing", "seated", "lying", "side"])
_WAYS = frozenset(["in", "out", "up", "down"])
_LEADS_GEAR = frozenset(["with", "on", "in", "at", "by", "near", "holding", "hold", "using"])
# Said of how something else is done: "child's pose with deep breaths", "step touch + clap", "bridge (arms crossed)".
BESIDE = frozenset(["deep_breathing", "clap", "tabletop_pose", "cross_arms"])


_LIMBS = frozenset(["arm", "leg", "knee", "hip", "heel", "toe", "hand", "elbow", "shoulder", "foot", "chest", "head"])


@dataclass(slots=True)
class Phrase:
    """A stretch of a title between breaks.

    Parameters
    ----------
    start, end : of its words.
    exercises : ids, with compounds as one.
    components : the parts of compounds.
    method : `exact`, `reordered` or `compound`.
    uncovered : words with a meaning of their own that no name explains.
    weak : the only name is one that counts alone.
    borrowed : the head of its name stands in a later phrase.
    """

    start: int
    end: int
    exercises: list[str] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    method: str = ""
    used: float = 0.0
    uncovered: int = 0
    weak: bool = False
    borrowed: bool = False


def put_together(words: Sequence[str], made: list[Phrase], found_matches: list[Match], found: Lexicon) -> None:
    """Settle what the phrases of a title name, each in the light of the others."""
    if len(made) > 1 and any(
        each not in BESIDE and not _circumstance(words, phrase, found) for phrase in made for each in phrase.exercises
    ):
        for phrase in made:
            if len(phrase.exercises) == 1 and (phrase.exercises[0] in BESIDE or _circumstance(words, phrase, found)):
                # "Lying: leg raises", "with chair: dips".
                phrase.exercises = []
    if ":" in words:
        _headed(words, made)
        _held_before(words, made, found)
    stroke = "/" in words
    if stroke:
        _without_either(words, made)
        _joined_by_a_stroke(words, made, found)
    _said_behind(words, made, found_matches, found)
    _shared_heads(words, made, found)
    if stroke:
        _shared_beginnings(words, made, found)
    if not _PRESSED.isdisjoint(words):
        _with_press(words, made, found)
    if "," in words and _one_in_parts(words, made, found):
        return
    count = sum(len(each.exercises) for each in made)
    # "Squat: 5x5, bench: 3x5": of two parts with a sign more between them the numbers are off.
    adjoining = len(made) > 1 and made[1].start - made[0].end == 1
    if len(made) == 2 and count == 2 and words[made[0].end] == "," and _turned_round(words, made, found):
        return
    if len(made) > 1 and (count <= 1 or (count == 2 and adjoining and words[made[0].end] in ":-")):
        other = {
            at
            for match in found_matches
            if match.entry.type in ("rest", "talk", "other")
            for at in range(match.start, match.end)
        }
        _across(words, made, found, other)


def _headed(words: Sequence[str], made: list[Phrase]) -> None:
    """ "Addominali: sit-up": muscles that are a word for an exercise as well are a heading before others."""
    head = made[0]
    alone = head.end - head.start == 1 and words[head.start] in BELLY
    if alone and words[head.end] == ":" and any(each.exercises for each in made[1:]):
        head.exercises = []


def _held_before(words: Sequence[str], made: list[Phrase], found: Lexicon) -> None:
    """ "Side-lying: leg raise", "Bauchlage: Beine heben": how the body is held stands before a colon, and is a part of the name."""
    for first, second in pairwise(made):
        if words[first.end] != ":" or len(second.exercises) != 1 or (first.exercises and not first.weak):
            continue
        whole = [*words[first.start : first.end], *words[second.start : second.end]]
        named = exact(whole, found) if len(whole) <= _MOST_OF_A_NAME else None
        entry = named or (bag_match(whole, found, whole=True) if len(whole) <= _MOST_OF_A_NAME else None)
        if entry is None or entry.weak or entry.id == second.exercises[0]:
            continue
        if BODY.difference(_HELD).issuperset(words[first.start : first.end]):
            # "Chest: push-ups" are for it.
            continue
        if named or second.exercises[0] in list(found.ancestors(entry.id))[1:]:
            second.exercises, second.method, first.exercises, first.uncovered = [entry.id], "reordered", [], 0


def _circumstance(words: Sequence[str], phrase: Phrase, found: Lexicon) -> bool:
    """Whether a phrase only says how the body is held or with what: "lying", "with chair"."""
    if (
        len(phrase.exercises) != 1
        or phrase.exercises[0] not in found.exercises
        or (phrase.used > 1 and not phrase.weak)
    ):
        return False
    if phrase.weak and words[phrase.start] == "with":
        # "Burpee, with jump".
        return True
    on = words[phrase.start - 2 : phrase.start - 1] if phrase.start > 1 else []
    if list(words[phrase.start : phrase.end]) == ["treadmill"] and not _GAITS.isdisjoint(on):
        # "Walking, treadmill".
        return True
    if phrase.weak and phrase.start and phrase.end - phrase.start == 1 and words[phrase.start] in FURNITURE:
        # "Étirement du cou, chaise".
        return True
    gear = any((word,) in found.equipment for word in words[phrase.start : phrase.end])
    return found.exercises[phrase.exercises[0]].pattern == "posture" or (
        gear and phrase.end - phrase.start > 1 and words[phrase.start] in _LEADS_GEAR
    )


def _one_in_parts(words: Sequence[str], made: list[Phrase], found: Lexicon) -> bool:
    """ "Squat, curl & press": what is one exercise by all of its words, each a part of its own; "push-ups, plank" are two."""
    named = [word for word in words if word[0].isalpha() and word not in AND]
    if len(named) != 3 or len(set(named)) != 3 or any("," not in words[each.end : each.end + 1] for each in made[:-1]):
        return False
    # "Squat, knee up".
    limb = words[made[-1].start] in _LIMBS and words[made[-1].end - 1] in _WAYS
    if len(made) + sum(word in AND for word in words) < 3 and not limb:
        return False
    entry = found.bags.get(frozenset(named))
    if entry is None:
        return False
    made[0].exercises, made[0].method = [entry.id], "reordered"
    for phrase in made[1:]:
        phrase.exercises = []
    return True


def _without_either(words: Sequence[str], made: list[Phrase]) -> None:
    """ "No squats/lunges": what is not done goes on behind the stroke."""
    for first, second in pairwise(made):
        if words[first.end] == "/" and words[first.start] in WITHOUT:
            second.exercises, first.exercises = [], []


def _joined_by_a_stroke(words: Sequence[str], made: list[Phrase], found: Lexicon) -> None:
    """ "*Cat/cow*: spinal mobility", "up/down plank": one name. "Chair/bench dips": equipment that the head of the next one belongs to."""
    for first, second in list(pairwise(made)):
        if words[first.end] != "/":
            continue
        before, behind = list(words[first.start : first.end]), list(words[second.start : second.end])
        if not first.exercises and not _WAYS.issuperset((*before, *behind)):
            entry = exact([*before, *behind], found)
            kinds = list(found.ancestors(entry.id))[1:] if entry and not entry.weak else []
            if entry and not entry.weak and all(each in kinds for each in second.exercises):
                first.method = "exact"
            else:
                entry = None if second.exercises or len(made) == 2 else _halves(words, first, second, found)
                first.method = "reordered" if entry else first.method
            if entry is None and behind[1:2] in (["to"], ["for"], ["with"]) and not second.exercises:
                # "Cat/cow *to release your back*".
                entry = exact([*before, behind[0]], found)
                first.method = "exact" if entry else first.method
            if entry:
                first.exercises, first.used, first.uncovered = [entry.id], 2.0, 0
                second.exercises, second.uncovered = [], 0
                if len(made) > 2:
                    first.end = second.end
                    made[:] = [each for each in made if each is not second]
        elif first.weak and (before[-1],) in found.equipment and len(second.exercises) == 1 and not second.weak:
            entry = exact([*before, behind[-1]], found)
            if (behind[0],) in found.equipment or (entry and entry.id == second.exercises[0]):
                first.exercises = []


def _halves(words: Sequence[str], first: Phrase, second: Phrase, found: Lexicon) -> Entry | None:
    """The name whose few words stand around a stroke, in any order; "push/pull/legs" is a list."""
    halves = [*words[first.start : first.end], *words[second.start : second.end]]
    alone = "/" not in (*words[first.start - 1 : first.start], *words[second.end : second.end + 1])
    short = len(halves) < _MOST_OF_HALVES and WITHOUT.isdisjoint(halves)
    return bag_match(halves, found, whole=True) if short and alone else None


def _said_behind(words: Sequence[str], made: list[Phrase], found_matches: list[Match], found: Lexicon) -> None:
    """ "Skater hops – touch the floor": a name of many meanings behind a dash says how the one before it is done."""
    for first, second in pairwise(made):
        if not first.exercises or words[first.end] not in _BEFORE_HOW:
            continue
        inside = [match for match in found_matches if second.start <= match.start and match.end <= second.end]
        named = [match for match in inside if match.entry.type == "exercise"]
        gear = all((words[match.start],) in found.equipment for match in named)
        sign = words[first.end] in _DASHES or (gear and words[first.end] == "," and second.end - second.start > 1)
        loose = all(match.entry.weak for match in named) if named else second.method == "reordered" and sign
        if loose and named and words[first.end] in ",-" and _moves_a_limb(words, second, named[0]):
            # "Child's pose, *walk hands* to the right".
            sign = True
        if loose and named and words[first.end] == "+" and _twisted(words, first, second, found):
            # "Chair pose + twist".
            sign = True
        if sign and loose:
            second.exercises = []


def _moves_a_limb(words: Sequence[str], phrase: Phrase, named: Match) -> bool:
    """Whether a phrase begins with a verb that a part of the body follows."""
    behind = [word for word in words[named.end : phrase.end] if word not in ("the", "your", "one", "both")]
    return named.start == phrase.start and bool(behind) and behind[0] in _LIMBS


def _twisted(words: Sequence[str], first: Phrase, second: Phrase, found: Lexicon) -> bool:
    """Whether a pose is followed by nothing but a twist."""
    posed = all(each in found.exercises and found.exercises[each].pattern == "yoga" for each in first.exercises)
    return posed and list(words[second.start : second.end]) == ["twist"]


def _with_press(words: Sequence[str], made: list[Phrase], found: Lexicon) -> None:
    """ "Curl + press", "clean + press": a press of nothing is the second half of one exercise."""
    for first, second in pairwise(made):
        alone = (
            second.end - second.start <= 4
            and words[second.start] in _PRESSED
            and second.exercises in (["chest_press"], ["developpe"])
        )
        if alone and words[first.end] in "+>/" and len(first.exercises) == 1:
            one = next(
                (
                    known
                    for each in found.ancestors(first.exercises[0])
                    for press in ("overhead_press", "chest_press")
                    if (known := known_pairs().get((each, press)))
                ),
                "",
            )
            if one:
                first.components, first.exercises, first.method = (
                    [*first.exercises, "overhead_press"],
                    [one],
                    "compound",
                )
                second.exercises = []
            elif upright(first.exercises[0], found):
                # "Jack + press".
                second.exercises = ["overhead_press"]


def _shared_heads(words: Sequence[str], made: list[Phrase], found: Lexicon) -> None:
    """ "Lateral + front raises", "front/side lunges": the head of the last name belongs to what stands before the sign as well."""
    last: Phrase | None = None
    for first, second in reversed(list(pairwise(made))):
        last = last if second.borrowed else second
        if first.exercises or first.uncovered > 1 or len(second.exercises) != 1 or words[first.end] not in "+/&,":
            continue
        before = [
            word for word in words[first.start : first.end] if word not in found.fillers and not word[0].isdigit()
        ]
        before = before or list(words[first.start : first.end])
        if all((word,) in found.equipment for word in before):
            # "DB/KB split squats", "rope/band face pulls": a choice of what to hold.
            continue
        if last is None or not 1 <= len(before) <= 2 or _circumstance(words, second, found):
            continue
        if words[first.end] == "," and first.start and words[first.start - 1] in "+/&":
            # "Jab + cross, high knees": it belongs to what is before.
            continue
        for length in (1, 2):
            entry = exact([*before, *words[max(last.start, last.end - length) : last.end]], found)
            if entry and not entry.weak and entry.id not in second.exercises:
                first.exercises, first.method, first.used, first.uncovered = [entry.id], "exact", 1.0, 0
                first.borrowed = True
                break


def _shared_beginnings(words: Sequence[str], made: list[Phrase], found: Lexicon) -> None:
    """ "Leg extension/curl": the beginning of the first name belongs to a word of many meanings behind the sign as well."""
    for first, second in pairwise(made):
        if words[first.end] != "/" or len(first.exercises) != 1 or second.end - second.start != 1:
            continue
        if first.end - first.start < 2 or (second.exercises and not second.weak):
            continue
        one = exact(words[first.end - 2 : first.end], found)
        other = exact([words[first.end - 2], words[second.start]], found)
        if one and other and one.id == first.exercises[0] != other.id and not other.weak:
            second.exercises, second.method, second.used, second.uncovered = [other.id], "exact", 1.0, 0
            second.weak = False


def _across(words: Sequence[str], made: list[Phrase], found: Lexicon, other: set[int]) -> None:
    """ "Squat - goblet", "raise, lateral": one name with a break in it."""
    signs = {word for word in words if word in BREAKS}
    named = [phrase for phrase in made if phrase.exercises]
    if not signs <= _SOFT:
        return
    left = [word for at, word in enumerate(words) if word not in BREAKS and at not in other]
    exercises = [each for phrase in named for each in phrase.exercises]
    several = len(exercises) > 1
    entry = bag_match(left, found, whole=several) if not _WAYS.issuperset(left) else None
    if not WITHOUT.isdisjoint(words):
        # "Burpee – no push-up" is a name; "lunges, no jump" is not what it would be with one.
        entry = found.bags.get(frozenset(left))
    if several and (entry is None or entry.id in exercises[1:] or exercises[0] not in found.ancestors(entry.id)):
        return
    if ":" in signs and named and named[0].used > 1:
        # "Chest: push-ups".
        return
    loose = named and named[0].used <= 1 and named[0].weak
    if entry and (not named or loose or named[0].exercises[0] in found.ancestors(entry.id)):
        target = named[0] if named else made[0]
        target.exercises = [entry.id]
        target.method = "reordered"
        target.weak = False
        for phrase in made:
            phrase.uncovered = 0
            if phrase is not target:
                phrase.exercises = []


def _turned_round(words: Sequence[str], made: list[Phrase], found: Lexicon) -> bool:
    """ "Squat, goblet", "twist, Russian": a word of many meanings behind a comma, with which the name before it is another one's name."""
    first, second = made
    if second.end - second.start != 1 or not second.weak or len(first.exercises) != 1:
        return False
    if (words[second.start],) in found.equipment:
        # "Squat, bench" are two lifts.
        return False
    entry = exact([words[second.start], *words[first.start : first.end]], found)
    kinds = found.ancestors(entry.id) if entry and not entry.weak else ()
    if entry is None or (entry.id != second.exercises[0] and first.exercises[0] not in kinds):
        return False
    first.exercises, first.method, first.weak, second.exercises = [entry.id], "reordered", False, []
    return True


def upright(exercise: str, found: Lexicon) -> bool:
    return exercise in found.exercises and found.exercises[exercise].position == "standing"
