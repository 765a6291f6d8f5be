"""Several names in one title: a list of exercises, or one that is made of several.

"Push-ups + plank", "squats, lunges and burpees" are lists. "Squat to press", "lunge with curl", "burpee box jump" are one
exercise each: it has an id of its own where the taxonomy knows it, else one made of its parts (`lunge_with_bicep_curl`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fimad.labels.matching import Match, bag_match, exact
from fimad.labels.pairs import alike, held_with, kinds_of, known_pairs, named_together, of_a_pose, of_limbs
from fimad.labels.taxonomy import Lexicon, lexicon

_AND = frozenset(["and", "y", "e", "et", "und", "i", "og", "och", "ve", "и", "та", "kai", "en", "ed", "и", "і"])
_TO = frozenset(["to", "into", "zu", "zum", "a", "al"])
_WITH = frozenset(["with", "plus", "mit", "con", "avec", "com", "z", "med", "met", "s", "med", "с"])
# What follows is how the body is held while it is done: "shoulder taps in high plank".
_HELD = frozenset(["in", "from"])
# ... and on what: "calf press on the leg press machine".
_ON = frozenset(["on", "over", "off", "against", "using"])
# ... and what else is done: "climbers bringing knees to chest".
_WHILE = frozenset(["bringing", "keeping", "touching", "drawing", "while", "by"])
_OR = frozenset(["or", "oder", "o", "ou", "lub", "eller", "of", "или"])
_BREAKS = frozenset('|,;:>+/.?!-"')
# A soft break may stand within one name ("Squat - goblet").
_SOFT = frozenset("-,/:+")
_DASHES = frozenset("-!.")
# Said of how something else is done: "child's pose with deep breaths", "step touch + clap".
_BESIDE = frozenset(["deep_breathing", "clap", "tabletop_pose"])
# They lead on to what is done: "time for rows".
_LEADING = frozenset(
    ["time", "get ready", "ready", "next", "up next", "go", "start", "last exercise", "final exercise", "done"]
)
# What an exercise is when one limb does it.
_ONE_LIMB = {
    "bent_over_row": ("", "single_arm_row"),
    "deadlift": ("leg", "single_leg_deadlift"),
    "romanian_deadlift": ("leg", "single_leg_romanian_deadlift"),
    "glute_bridge": ("leg", "single_leg_glute_bridge"),
}


@dataclass
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


def by_one_limb(exercise: str, words: Sequence[str], side: str | None) -> str:
    """What an exercise is when one limb does it: "DB row right arm" is a single-arm row."""
    limb, other = _ONE_LIMB.get(exercise, ("", exercise))
    return other if side in ("left", "right") and (not limb or limb in words) else exercise


def phrases(words: Sequence[str], found_matches: list[Match], found: Lexicon) -> list[Phrase]:
    """The stretches between breaks with what they name."""
    made: list[Phrase] = []
    start = 0
    for at in range(len(words) + 1):
        if at == len(words) or words[at] in _BREAKS:
            if at > start:
                inside = [match for match in found_matches if match.start >= start and match.end <= at]
                made.append(_phrase(words, start, at, inside, found))
            start = at + 1
    if len(made) > 1 and any(each not in _BESIDE for phrase in made for each in phrase.exercises):
        for phrase in made:
            if len(phrase.exercises) == 1 and phrase.exercises[0] in _BESIDE:
                phrase.exercises = []
    _said_behind(words, made, found_matches, found)
    _shared_heads(words, made, found)
    _with_press(words, made, found)
    if len(made) > 1 and sum(len(each.exercises) for each in made) <= 1:
        other = {
            at
            for match in found_matches
            if match.entry.type in ("rest", "talk", "other")
            for at in range(match.start, match.end)
        }
        _across(words, made, found, other)
    return made


def _said_behind(words: Sequence[str], made: list[Phrase], found_matches: list[Match], found: Lexicon) -> None:
    """ "Skater hops – touch the floor": a name of many meanings behind a dash says how the one before it is done."""
    for first, second in pairwise(made):
        inside = [match for match in found_matches if second.start <= match.start and match.end <= second.end]
        named = [match for match in inside if match.entry.type == "exercise"]
        gear = all((words[match.start],) in found.equipment for match in named)
        sign = words[first.end] in _DASHES or (gear and words[first.end] == "," and second.end - second.start > 1)
        if first.exercises and sign and named and all(match.entry.weak for match in named):
            second.exercises = []


def _with_press(words: Sequence[str], made: list[Phrase], found: Lexicon) -> None:
    """ "Curl + press", "clean + press": a press of nothing is the second half of one exercise."""
    for first, second in pairwise(made):
        alone = (
            second.end - second.start <= 4 and words[second.start] == "press" and second.exercises == ["chest_press"]
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
            elif _upright(first.exercises[0], found):
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
        if last is None or not 1 <= len(before) <= 2:
            continue
        for length in (1, 2):
            entry = exact([*before, *words[max(last.start, last.end - length) : last.end]], found)
            if entry and not entry.weak and entry.id not in second.exercises:
                first.exercises, first.method, first.used, first.uncovered = [entry.id], "exact", 1.0, 0
                first.borrowed = True
                break


def _across(words: Sequence[str], made: list[Phrase], found: Lexicon, other: set[int]) -> None:
    """ "Squat - goblet", "raise, lateral": one name with a break in it."""
    signs = {word for word in words if word in _BREAKS}
    named = [phrase for phrase in made if phrase.exercises]
    if not signs <= _SOFT:
        return
    entry = bag_match([word for at, word in enumerate(words) if word not in _BREAKS and at not in other], found)
    if entry and (not named or named[0].exercises[0] in list(found.ancestors(entry.id))[1:]):
        target = named[0] if named else made[0]
        target.exercises = [entry.id]
        target.method = "reordered"
        target.weak = False
        for phrase in made:
            phrase.uncovered = 0


def content(words: Sequence[str], found: Lexicon) -> list[str]:
    """Words that mean something beside names, equipment, sides and fillers."""
    return [
        word
        for word in words
        if word[0].isalpha()
        and len(word) > 1
        and word not in found.fillers
        and word not in found.modifiers
        and (word,) not in found.equipment
        and (word,) not in found.sides
        and word not in _AND
        and word not in _WITH
        and word not in _TO
        and word not in _OR
        and word not in found.units
    ]


def _phrase(words: Sequence[str], start: int, end: int, inside: list[Match], found: Lexicon) -> Phrase:
    phrase = Phrase(start, end)
    named = [match for match in inside if match.entry.type == "exercise"]
    if len(named) > 1:
        # "Lying flies": how the body is held is nothing done beside it.
        named = [match for match in named if not _posture(words, match, found)] or named
    covered = {at for match in inside for at in range(match.start, match.end)}
    rest = content([words[at] for at in range(start, end) if at not in covered], found)
    phrase.uncovered = len(rest)
    strong = [match for match in named if not match.entry.weak]
    if named and not strong and _not_alone(words, start, end, named[0], inside):
        phrase.weak, phrase.used = True, named[0].used
        return phrase
    joined = _joined(words, named) if len(named) > 1 else None
    if not strong and not (named and not rest) and joined is None:
        entry = bag_match(words[start:end], found) if end - start <= 8 else None
        if entry:
            phrase.exercises, phrase.method, phrase.used, phrase.uncovered = [entry.id], "reordered", 2, 0
        elif named:
            phrase.weak = True
            phrase.used = named[0].used
        return phrase
    if len(named) == 1:
        only = named[0]
        phrase.exercises, phrase.method, phrase.used = [only.entry.id], "exact", only.used
        _more_special(words, start, end, only, phrase, found)
        _distributed(words, start, only, phrase, found)
        return phrase
    groups: list[list[Match]] = []
    links: list[str] = []
    for at, match in enumerate(named):
        link = _link(words, groups[-1][-1].end, match.start) if groups else "new"
        gear = match.end - match.start == 1 and (words[match.start],) in found.equipment
        onward = _link(words, match.end, named[at + 1].start) if at + 1 < len(named) else ""
        if (
            match.entry.weak
            and strong
            and not (not gear and not rest and "and" in (link, onward) and _done(match, found))
            and (gear or (link not in ("to", "with") and (groups or onward not in ("to", "with"))))
        ):
            # "Lying", "bench" beside a name: how, where or with what it is done.
            continue
        if link in ("in", "on") and not (
            named_together(groups[-1][-1], match)
            or bag_match(words[groups[-1][-1].start : match.end], found, whole=True)
        ):
            continue
        if match.entry.id in _BESIDE and any(each.entry.id not in _BESIDE for each in named):
            continue
        if link == "with" and of_limbs(words, groups[-1][-1], match, found):
            continue
        if link == "with" and held_with(groups[-1][-1], match, found):
            # "Sphinx with neck stretch", "warrior I with eagle arms": one pose.
            continue
        if link == "next" and match.entry.id == "running" and words[match.start] == "sprint":
            # "Bike sprint", "mountain climber sprint": as fast as one can.
            continue
        if link == "next" and of_a_pose(words, groups[-1][-1], match, found):
            continue
        if link == "next" and not strong and not alike(groups[-1][-1], match):
            # "Hammer throw", "jumping bicycle": two words of many meanings say together something else.
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


def _done(match: Match, found: Lexicon) -> bool:
    """Whether a word of many meanings says what one does: "*march* and punch"; "tree and bridge" may be much else."""
    return found.exercises[match.entry.id].pattern in ("locomotion", "strike", "jump")


def _posture(words: Sequence[str], match: Match, found: Lexicon) -> bool:
    if match.end - match.start == 1 and words[match.start] == "treadmill":
        return True
    return found.exercises[match.entry.id].pattern == "posture"


# Names that are numbers, or that section words stand before, are names only of their own.
_ALONE = frozenset(["21", "360", "split"])


def _not_alone(words: Sequence[str], start: int, end: int, named: Match, inside: list[Match]) -> bool:
    """Whether a name that counts only alone has company that says that something else is meant: "box opening", "core 360"."""
    if named.end - named.start == 1 and words[named.start] in _ALONE:
        return end - start > 1
    posture = lexicon().exercises[named.entry.id].pattern == "posture"
    return any(
        (match.entry.type in ("talk", "other", "rest") and match.entry.id not in _LEADING)
        or (posture and match.entry.type == "section")
        for match in inside
    )


def _joined(words: Sequence[str], named: list[Match]) -> str | None:
    """How the first two names are joined to one, if they are."""
    link = _link(words, named[0].end, named[1].start)
    return link if link in ("to", "with") else None


def _link(words: Sequence[str], end: int, start: int) -> str:
    between = set(words[end:start])
    if between & _AND or any(word.isdigit() and word != "2" for word in between):
        return "and"
    if between & _OR:
        return "or"
    if between & _TO and not (between & _TO == {"a"} and len(between) > 1):
        return "to"
    if between & _WITH:
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
    if only.end - only.start >= end - start or end - start > 8:
        return
    entry = bag_match(words[start:end], found)
    if entry and entry.id != only.entry.id and (only.used < 2 or bag_match(words[start:end], found, whole=True)):
        phrase.exercises, phrase.method, phrase.uncovered = [entry.id], "reordered", 0


def _distributed(words: Sequence[str], start: int, only: Match, phrase: Phrase, found: Lexicon) -> None:
    """ "Front and lateral raises": the head belongs to both."""
    ands = [at for at in range(start, only.start) if words[at] in _AND]
    if not ands or only.end - only.start < 1:
        return
    before = list(words[start : ands[-1]])
    while before and (before[0][0].isdigit() or (before[0] in found.fillers and len(before) > 1)):
        before.pop(0)
    if not 1 <= len(before) <= 3:
        return
    for length in (1, 2):
        head = list(words[only.end - length : only.end])
        entry = exact([*before, *head], found)
        if entry and entry.id != only.entry.id and not entry.weak:
            phrase.exercises.insert(0, entry.id)
            phrase.uncovered = 0
            return


def _upright(exercise: str, found: Lexicon) -> bool:
    return exercise in found.exercises and found.exercises[exercise].position == "standing"


def _compound(words: Sequence[str], group: list[Match], found: Lexicon) -> str:
    ids = [match.entry.id for match in group]
    if ids[-1] == "chest_press" and group[-1].used <= 1 and _upright(ids[0], found):
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
