"""Several names in one title: a list of exercises, or one that is made of several.

"Push-ups + plank", "squats, lunges and burpees" are lists. "Squat to press", "lunge with curl", "burpee box jump" are one
exercise each: it has an id of its own where the taxonomy knows it, else one made of its parts (`lunge_with_bicep_curl`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fimad.labels.context.movements import BODY, FURNITURE, HOW
from fimad.labels.matching import Match, bag_match, exact
from fimad.labels.pairs import alike, held_with, kinds_of, known_pairs, named_together, of_a_pose, of_limbs, turned
from fimad.labels.parts import AND, BESIDE, BREAKS, WITHOUT, Phrase, put_together, upright
from fimad.labels.stated.counted_words import CARDINALS
from fimad.labels.taxonomy import Lexicon, lexicon

_TO = frozenset(["to", "into", "zu", "zum", "a", "al"])
_WITH = frozenset(["with", "plus", "mit", "con", "avec", "com", "z", "med", "met", "s", "med", "с"])
# What follows is how the body is held while it is done: "shoulder taps in high plank".
_HELD = frozenset(["in", "from"])
# ... and on what: "calf press on the leg press machine".
_ON = frozenset(["on", "over", "off", "against", "using"])
# ... and what else is done: "climbers bringing knees to chest".
_WHILE = frozenset(["bringing", "keeping", "touching", "drawing", "while", "by"])
_OR = frozenset(["or", "oder", "o", "ou", "lub", "eller", "of", "или"])
# They lead on to what is done: "time for rows".
LEADING = frozenset(
    ["time", "get ready", "ready", "next", "up next", "go", "start", "last exercise", "final exercise", "done"]
)
# What an exercise is when one limb does it.
_ONE_LIMB = {
    "bent_over_row": ("", "single_arm_row"),
    "deadlift": ("leg", "single_leg_deadlift"),
    "romanian_deadlift": ("leg", "single_leg_romanian_deadlift"),
    "glute_bridge": ("leg", "single_leg_glute_bridge"),
    "pogo_hop": ("leg", "single_leg_hop"),
}
ONE_LIMB = frozenset(_ONE_LIMB)


# What a press on the back is on a bench that is set at an angle.
_LEVEL = frozenset(["bench_press", "chest_press"])
_SLOPED = {"incline": "incline_bench_press", "decline": "decline_bench_press"}


def by_one_limb(exercise: str, words: Sequence[str], side: str | None, alone: bool = False) -> str:
    """What an exercise is when one limb does it: "DB row right arm" is a single-arm row; where it is `alone`, "RDL - single leg" too."""
    limb, other = _ONE_LIMB.get(exercise, ("", exercise))
    if alone and limb and f"1{limb}" in words:
        return other
    return other if side in ("left", "right") and (not limb or limb in words) else exercise


def phrases(words: Sequence[str], found_matches: list[Match], found: Lexicon) -> list[Phrase]:
    """The stretches between breaks with what they name."""
    size = len(words)
    if len(found_matches) == 1 and is_whole(found_matches[0], 0, size):
        only = found_matches[0]
        return [Phrase(0, size, [only.entry.id], [], "exact", only.used)]
    if BREAKS.isdisjoint(words):
        return [_phrase(words, 0, size, found_matches, found)] if words else []
    made: list[Phrase] = []
    start = 0
    for at in range(size + 1):
        if at == size or words[at] in BREAKS:
            if at > start:
                inside = [match for match in found_matches if match.start >= start and match.end <= at]
                made.append(_phrase(words, start, at, inside, found))
            start = at + 1
    if len(made) > 1:
        put_together(words, made, found_matches, found)
    return made


def content(words: Sequence[str]) -> list[str]:
    """Words that mean something beside names, equipment, sides and fillers."""
    empty = _empty()
    return [word for word in words if word not in empty and len(word) > 1 and word[0].isalpha()]


@cache
def _empty() -> frozenset[str]:
    """Words that mean nothing of their own beside a name."""
    found = lexicon()
    single = {key[0] for key in (*found.equipment, *found.sides) if len(key) == 1}
    return frozenset(single.union(found.fillers, found.modifiers, found.units, AND, _WITH, _TO, _OR, CARDINALS))


def _phrase(words: Sequence[str], start: int, end: int, inside: list[Match], found: Lexicon) -> Phrase:
    if len(inside) == 1 and is_whole(inside[0], start, end):
        return Phrase(start, end, [inside[0].entry.id], [], "exact", inside[0].used)
    phrase = Phrase(start, end, [], [])
    named = [match for match in inside if match.entry.type == "exercise"]
    if not WITHOUT.isdisjoint(words[start:end]):
        # "Burpee – no push-up".
        done = [match for match in named if match.start == start or words[match.start - 1] not in WITHOUT]
        if named and not done:
            return phrase
        named = done
    if len(named) > 1:
        # "Lying flies": how the body is held is nothing done beside it.
        named = [match for match in named if not _posture(words, match, found)] or named
        # "Jump *to box*": nobody boxes.
        named = [match for match in named if not _landed_on(words, match)] or named
        # "*Snatch*-grip push press": how the bar is held isn't either.
        named = [match for match in named[:-1] if not _grip(words, match)] + named[-1:]
    if named and named[0].end == end - 1 and words[named[0].end] == "grip" and _lifted(named[0], found):
        # "Front squat, clean grip".
        return phrase
    rest: list[str] = []
    at = start
    for match in inside:
        rest += words[at : match.start]
        at = match.end
    if at < end:
        rest += words[at:end]
    if rest:
        rest = content(rest)
        phrase.uncovered = len(rest)
        rest = [word for word in rest if word not in HOW]
    strong = named if len(named) == 1 and not named[0].entry.weak else [each for each in named if not each.entry.weak]
    if named and not strong and _not_alone(words, start, end, named[0], inside):
        phrase.weak, phrase.used = True, named[0].used
        return phrase
    joined = _joined(words, named) if len(named) > 1 else None
    if not strong and not (named and not rest) and joined is None:
        # "Squat rack" is no rack squat.
        thing = any(match.entry.type == "other" and match.used >= 2 for match in inside)
        entry = bag_match(words[start:end], found) if end - start <= 8 and not thing else None
        if entry:
            phrase.exercises, phrase.method, phrase.used, phrase.uncovered = [entry.id], "reordered", 2, 0
        elif named:
            phrase.weak = True
            phrase.used = named[0].used
        return phrase
    if len(named) == 1:
        only = named[0]
        phrase.exercises, phrase.method, phrase.used = [only.entry.id], "exact", only.used
        phrase.weak = only.entry.weak
        if only.start > start and only.entry.id in _LEVEL and not phrase.weak:
            # "Incline paused bench press".
            phrase.exercises = [
                next((to for on, to in _SLOPED.items() if on in words[start : only.start]), only.entry.id)
            ]
        _more_special(words, start, end, only, phrase, found)
        if phrase.method != "reordered":
            _distributed(words, start, only, phrase, found)
        return phrase
    groups: list[list[Match]] = []
    links: list[str] = []
    for at, match in enumerate(named):
        link = _link(words, groups[-1][-1].end, match.start) if groups else "new"
        gear = tuple(words[match.start : match.end]) in found.equipment
        onward = _link(words, match.end, named[at + 1].start) if at + 1 < len(named) else ""
        if (
            match.entry.weak
            and strong
            and not (
                not gear
                and not rest
                and "and" in (link, onward)
                and (_done(match, found) or _posed(match, strong, found))
            )
            and (gear or (link not in ("to", "with") and (groups or onward not in ("to", "with"))))
        ):
            # "Lying", "bench" beside a name: how, where or with what it is done.
            continue
        if link in ("in", "on") and not (
            (match.start - groups[-1][-1].end == 1 and named_together(groups[-1][-1], match))
            or bag_match(words[groups[-1][-1].start : match.end], found, whole=True)
        ):
            continue
        if match.entry.id in BESIDE and any(each.entry.id not in BESIDE for each in named):
            continue
        if link == "with" and of_limbs(words, groups[-1][-1], match, found):
            continue
        if link == "with" and tuple(words[match.start : match.end]) in found.equipment:
            # "Wall slides with foam roller".
            continue
        if link == "with" and held_with(groups[-1][-1], match, found):
            # "Sphinx with neck stretch", "warrior I with eagle arms": one pose.
            continue
        if link == "next" and match.entry.id == "running" and words[match.start] == "sprint":
            # "Bike sprint", "mountain climber sprint": as fast as one can.
            continue
        if link == "next" and _hung(words, groups[-1][-1]) and _lifted(match, found):
            # "*Hang* power clean and jerk": from where it is lifted.
            groups[-1][-1] = match
            continue
        if link == "next" and not match.entry.weak and _held_thing(words, groups[-1][-1], found):
            # "*Slam ball* burpee".
            groups[-1][-1] = match
            continue
        if (
            link == "next"
            and groups[-1][-1].entry.headless
            and not match.entry.weak
            and not named_together(groups[-1][-1], match)
            and not bag_match(words[groups[-1][-1].start : match.end], found, whole=True)
        ):
            # "*Incline dumbbell* biceps curls", "*foam roller* reverse crunch".
            groups[-1][-1] = match
            continue
        if link == "next" and of_a_pose(words, groups[-1][-1], match, found):
            continue
        if link == "with" and turned(words, groups[-1][-1], match, found):
            continue
        again = link == "next" and words[groups[-1][-1].start : groups[-1][-1].end] == words[match.start : match.end]
        if link == "next" and not strong and (again or not alike(groups[-1][-1], match)):
            # "Hammer throw", "swing swing": two words of many meanings say together something else.
            phrase.weak, phrase.used = True, match.used
            return phrase
        if link in ("to", "with", "next", "in", "on"):
            groups[-1].append(match)
            links.append(link)
        elif link != "or":
            groups.append([match])
    for group in groups:
        if len(group) == 1:
            phrase.exercises.append(group[0].entry.id)
        else:
            whole = bag_match(words[group[0].start : group[-1].end], found, whole=True)
            if whole:
                phrase.exercises.append(whole.id)
                phrase.method = "reordered"
                continue
            phrase.exercises.append(_compound(words, group, found))
            phrase.components += [match.entry.id for match in group]
            phrase.method = "compound"
        phrase.used += sum(match.used for match in group)
    phrase.method = phrase.method or "exact"
    return phrase


def is_whole(match: Match, start: int, end: int) -> bool:
    """Whether these words are the name of an exercise and nothing else."""
    return match.start == start and match.end == end and match.entry.type == "exercise" and not match.entry.weak


def _done(match: Match, found: Lexicon) -> bool:
    """Whether a word of many meanings says what one does: "*march* and punch"; "tree and bridge" may be much else."""
    return found.exercises[match.entry.id].pattern in ("locomotion", "strike", "jump", "throw", "olympic")


_POSED = frozenset(["yoga", "stretch", "hold", "hip_extension"])


def _posed(match: Match, strong: Sequence[Match], found: Lexicon) -> bool:
    """Whether a pose of many meanings stands in a list with others that are sure: "shoulder stand and *plow*", "*cobra* & child's pose"."""
    sure = {found.exercises[each.entry.id].pattern for each in strong}
    return found.exercises[match.entry.id].pattern in _POSED and sure <= _POSED | {"mobility"}


def _posture(words: Sequence[str], match: Match, found: Lexicon) -> bool:
    if match.end - match.start == 1 and words[match.start] == "treadmill":
        return True
    return found.exercises[match.entry.id].pattern == "posture"


def _hung(words: Sequence[str], match: Match) -> bool:
    return list(words[match.start : match.end]) in (["hang"], ["dead", "hang"])


def _held_thing(words: Sequence[str], match: Match, found: Lexicon) -> bool:
    """Whether a name is what is held in the hands or moved in, and an exercise only where it stands alone: "slam ball", "hula hoop"."""
    return found.equipment.get(tuple(words[match.start : match.end])) in ("medicine_ball", "hoop", "mace", "club")


def _lifted(match: Match, found: Lexicon) -> bool:
    return found.exercises[match.entry.id].pattern == "olympic"


def _landed_on(words: Sequence[str], match: Match) -> bool:
    alone = match.end - match.start == 1 and words[match.start] == "box"
    return alone and match.start > 0 and (words[match.start - 1] in _A_THING or words[match.start - 1] == "to")


def _grip(words: Sequence[str], match: Match) -> bool:
    """Whether a name only says how the hands or the feet are placed, as those of an exercise are: "snatch grip", "sumo stance"."""
    return match.end < len(words) and words[match.end] in ("grip", "stance") and match.end - match.start == 1


# Before "box" they make a thing of it: "sit on a box", "short box flat back".
_A_THING = frozenset(["a", "the", "on", "onto", "off", "over", "from", "short", "long", "plyo"])
_STOOD_BY = FURNITURE | {"bench"}
_AT = frozenset(
    ["on", "off", "behind", "beside", "against", "near", "at", "from", "by", "facing", "holding", "using", "with"]
)
_DETERMINERS = frozenset(["a", "the", "your", "it", "sturdy", "low", "high"])
# Names that are numbers, or that section words stand before, are names only of their own.
_ALONE = frozenset(["21", "360", "split"])


def _not_alone(words: Sequence[str], start: int, end: int, named: Match, inside: list[Match]) -> bool:
    """Whether a name that counts only alone has company that says that something else is meant: "box opening", "core 360"."""
    if named.end - named.start == 1 and words[named.start] in _ALONE:
        # "Splits left".
        return any((word,) not in lexicon().sides for word in (*words[start : named.start], *words[named.end : end]))
    before = words[start : named.start]
    if before and (words[named.start : named.end] == ["box"] and before[-1] in _A_THING):
        return True
    if (
        before
        and words[named.start : named.end][0] in _STOOD_BY
        and named.end - named.start == 1
        and _stands_beside(before)
    ):
        # "Standing *behind the chair*: heel raises".
        return True
    if "repeat" in before and words[named.start : named.end] == ["cycle"]:
        # "Repeat 8 cycles".
        return True
    posture = lexicon().exercises[named.entry.id].pattern == "posture"
    thrown = named.entry.id == "throw" and words[named.start - 1 : named.start] != ["arm"]
    return any(
        (
            match.entry.type in ("talk", "other", "rest")
            and match.entry.id not in LEADING
            # "Goblets with pause": how it is done.
            and not (match.entry.type == "rest" and words[match.start - 1] == "with" and match.start > named.start)
        )
        or (posture and match.entry.type == "section")
        # "*Leg* throws", "*hip* throw": nothing is thrown with the hand.
        or (thrown and match.entry.type == "section" and match.end == named.start and words[match.start] in BODY)
        for match in inside
    )


def _stands_beside(before: Sequence[str]) -> bool:
    """Whether words lead to a thing that one stands, sits or lies on or beside."""
    last = next((word for word in reversed(before) if word not in _DETERMINERS), "")
    return last in _AT


def _joined(words: Sequence[str], named: list[Match]) -> str | None:
    """How the first two names are joined to one, if they are."""
    link = _link(words, named[0].end, named[1].start)
    return link if link in ("to", "with") else None


def _link(words: Sequence[str], end: int, start: int) -> str:
    between = set(words[end:start])
    if between & AND or any(word.isdigit() and word != "2" for word in between):
        return "and"
    if between & _OR:
        return "or"
    if between & _TO and not (between & _TO == {"a"} and len(between) > 1):
        return "to"
    if between & _WITH and words[start - 1] not in _HELD:
        return "with"
    if between & _WHILE:
        return "on"
    if between & _HELD:
        return "in"
    if between & _ON:
        return "on"
    return "next" if not between or all(not word[0].isalpha() for word in between) or len(between) <= 1 else "far"


def _more_special(words: Sequence[str], start: int, end: int, only: Match, phrase: Phrase, found: Lexicon) -> None:
    """ "Squat sumo", "lunge reverse": the same words in the order of a longer name."""
    while start < only.start and words[start].isdigit():
        # "7 knees to elbows" are what "knees to elbows" are.
        start += 1
    if only.end - only.start >= end - start or end - start > 8:
        return
    entry = bag_match(words[start:end], found)
    if entry and entry.id != only.entry.id and (only.used < 2 or bag_match(words[start:end], found, whole=True)):
        phrase.exercises, phrase.method, phrase.uncovered = [entry.id], "reordered", 0


def _distributed(words: Sequence[str], start: int, only: Match, phrase: Phrase, found: Lexicon) -> None:
    """ "Front and lateral raises": the head belongs to both."""
    if AND.isdisjoint(words[start : only.start]):
        return
    ands = [at for at in range(start, only.start) if words[at] in AND]
    before = list(words[start : ands[-1]])
    while before:
        if len(before) <= 3:
            for length in (1, 2):
                head = list(words[only.end - length : only.end])
                entry = exact([*before, *head], found)
                if entry and entry.id != only.entry.id and not entry.weak:
                    phrase.exercises.insert(0, entry.id)
                    phrase.uncovered = 0
                    return
        # "Gentle neck and shoulder rolls".
        if before[0] not in found.fillers and before[0] not in found.modifiers and not before[0][0].isdigit():
            return
        before.pop(0)


def _compound(words: Sequence[str], group: list[Match], found: Lexicon) -> str:
    ids = [match.entry.id for match in group]
    if ids[-1] == "chest_press" and group[-1].used <= 1 and upright(ids[0], found):
        # "Upright row to press".
        ids[-1] = "overhead_press"
    table = known_pairs()
    first, last = ids[0], ids[-1]
    if first == last:
        return first
    for left in kinds_of(first, found):
        for right in found.ancestors(last):
            # Two kinds of planks are not a plank to a plank.
            known = table.get((left, right)) if left != right or (left, right) == (first, last) else None
            if known:
                return known
    # One is a kind of the other, said twice.
    if first in found.ancestors(last):
        return last
    if last in found.ancestors(first):
        return first
    link = _link(words, group[0].end, group[1].start)
    return f"{first}_{'with' if link == 'with' else 'to'}_{last}"
