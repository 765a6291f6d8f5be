"""What kind of clip a title announces: an exercise, a rest, a part of the workout, talk, or none of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fimad.labels.compounds import content, is_whole
from fimad.labels.context.elsewhere import greets, in_the_morning, of_a_song
from fimad.labels.context.movements import BODY, CONJUNCTIONS, HEADS, HOW, LOOSE, PREPOSITIONS
from fimad.labels.context.rests import CHANGES, VERSUS, none_needed, said_of_rest
from fimad.labels.context.sections import (
    OPENS,
    of_muscles,
    of_patterns,
    of_sets,
    of_the_belly,
    section_head,
    whole_workout,
)
from fimad.labels.context.sentences import AMOUNTS, come_to
from fimad.labels.context.subjects import SOUNDS, about, is_spoken, is_told
from fimad.labels.context.unlisted import PERSONS, WEEKDAYS, unlisted_words
from fimad.labels.matching import Match
from fimad.labels.parts import Phrase
from fimad.labels.stated.clocks import Stated
from fimad.labels.taxonomy import Lexicon

#: Evidence of a label that rests on one word of many meanings: "Bounce", "Bridge". See `context.lists`.
ONE_WORD = "one word of many meanings"
# Said of talk, but of much else too: they count where no exercise is named.
# So is praise: "child's pose - well done!".
_WEAK_TALK = frozenset(
    "like free share link links follow join story ad ads app when support code key plan goal goals demo demonstration guide "
    "form setup comment comments opening opener important trainer format hi hey learn meet science result results review study "
    "update topic history lesson power setup|set up|step by step|start here|follow me|the plan|what|which|who|should|"
    "warning|motivation|technique|introducing|como|come|wie|was|jak|co|hur|cum|objectif|objetivo|goal|technik|ausführung|"
    "technique|problem|problems|key points|pain|injury|purpose|comparison|versus|breakdown|walkthrough|results|"
    "difference|background|coming up|preview|cues|voiceover|nutrition|solution|talking|chat|discussion|wrap up|set up|"
    "modification options|facts|tool|tools|cómo|comment|как|como hacer|para|why"
    .replace(" ", "|").split("|")
) | {"well done", "good job", "great job", "nice work", "great work", "good work", "keep going", "keep it up", "keep pushing", "finish strong", "you can do it", "you can do this", "congratulations", "congrats", "you did it"} | {"set up", "step by step", "start here", "follow me", "the plan", "key points", "coming up", "wrap up", "modification options"}  # fmt: skip
# A verb and so many words, some of which name nothing, make a sentence.
_FINITE = frozenset(["is", "are", "was", "were", "can", "will", "should", "must", "may", "has", "have"])
_STRANGE, _LONG = 3, 6
# Before a colon they name a song; "sentadillas con música" are done.
_SONGS = SOUNDS | {"musica", "cancion", "chanson", "canzone"}
_RECOVERY = frozenset(["recovery", "active recovery"])
_RECOVERED_BY = frozenset(["stretch", "mobility", "yoga"])
_ASKS = frozenset([
    "how", "why", "what", "which", "should", "when", "who", "where", "is", "are", "does", "can", "did",
    "wie", "warum", "cómo", "como", "comment", "pourquoi", "come", "perché", "porque", "por", "как",
    "почему", "зачем", "nasıl", "jak", "dlaczego", "hoe", "waarom", "hur", "varför", "¿",
])  # fmt: skip
_ENGLISH_ONLY = frozenset(["i", "im"])
_REPORTS = frozenset(
    ["review", "results", "study", "update", "history", "comparison", "science", "news", "topic", "story"]
)
_OF = frozenset(
    [
        "der",
        "des",
        "von",
        "beim",
        "bei",
        "del",
        "de",
        "della",
        "dello",
        "do",
        "da",
        "du",
        "di",
        "per",
        "para",
        "pour",
        "für",
        "of",
    ]
)


@dataclass(slots=True)
class Verdict:
    """A kind with its confidence, and what it rests on."""

    kind: str
    confidence: float
    method: str
    exercises: list[str] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)


def decide(
    words: Sequence[str],
    found_matches: list[Match],
    parts: list[Phrase],
    stated: Stated,
    found: Lexicon,
    language: str | None = None,
) -> Verdict:
    """The kind of a title that was taken apart into words, names and phrases."""
    if len(parts) == 1 and len(found_matches) == 1 and is_whole(found_matches[0], 0, len(words)):
        # A name and nothing else.
        whole = parts[0].exercises
        return Verdict("exercise", 0.98, parts[0].method, list(whole), [], list(whole))
    exercises = [each for part in parts for each in part.exercises]
    by_type: dict[str, list[Match]] = {"exercise": [], "rest": [], "section": [], "talk": [], "other": []}
    for match in found_matches:
        by_type[match.entry.type].append(match)
    uncovered, used, counts = 0, 0.0, _counts(stated)
    for part in parts:
        uncovered += part.uncovered
        used += part.used
    if exercises and uncovered >= 2 * used + 2 and not stated.prefixed:
        # A sentence in which a word happens to name an exercise.
        exercises = []
    if exercises and not counts:
        said_otherwise = of_a_song(words, found_matches, parts, found) or of_muscles(words, found_matches)
        if said_otherwise or in_the_morning(words):
            exercises = []
    if not counts and of_patterns(words, parts):
        return Verdict("section", 0.75, "words", evidence=["push" if "push" in words else "pull"])
    only = exercises[0] if len(exercises) == 1 else ""
    if only == "sit_up" and not counts and of_the_belly(words, found_matches):
        exercises = []
    elif only == "deep_breathing" and not CHANGES.isdisjoint(words):
        # "Deep breath & switch".
        exercises = []
    if len(words) > 2 and words[0] in _SONGS and words[1] == ":":
        # "Song: Rust - Black Label Society".
        return Verdict("other", 0.8, "words", evidence=[words[0]])
    first = found_matches[0] if found_matches else None
    named = by_type["exercise"][0] if by_type["exercise"] else None
    if greets(words, named, exercises, found):
        return Verdict("talk", 0.85, "words", evidence=["good morning"])
    said = by_type["talk"]
    if said:
        if exercises or by_type["section"]:
            said = [each for each in said if not none_needed(words, each)]
        said = [each for each in said if not _is_for_an_ill(words, each, by_type["section"])]
        # "Suspension *trainer* row".
        said = [each for each in said if tuple(words[max(each.start - 1, 0) : each.end]) not in found.equipment]
        said = [each for each in said if not _of_an_opening(words, each, by_type["section"])]
    talk = _talk(words, said, exercises, first, uncovered) if said or "?" in words else []
    if talk:
        return Verdict("talk", 0.95 if uncovered <= 1 else 0.85, "words", evidence=talk)
    rest = said_of_rest(words, by_type["rest"], bool(exercises), named, uncovered) if by_type["rest"] else []
    if rest and exercises and _RECOVERY.issuperset(rest) and _recovers_by(words, by_type["rest"][0], exercises, found):
        rest = []
    if rest and _RECOVERY.issuperset(rest) and whole_workout(words, by_type["section"]):
        # "Recovery circuit", "active recovery workout".
        rest = []
    both = stated.duration_s is not None and stated.rest_s is not None
    if rest and not exercises and (both or of_sets(words, by_type["rest"][0], stated)):
        return Verdict("section", 0.85, "words", evidence=rest)
    if not exercises and language in (None, "en") and is_spoken(words):
        return Verdict("talk", 0.7, "words", evidence=["i"])
    if not exercises and language in (None, "en") and _states(words, stated) and not by_type["other"]:
        return Verdict("talk", 0.75, "words", evidence=["is"])
    # "20 s work, 10 s rest: squats" says when the rest is.
    if rest and not (exercises and both):
        return Verdict("rest", 0.95 if not exercises else 0.85, "words", evidence=rest)
    more = _says_more(words, by_type["exercise"])
    if more and by_type["exercise"]:
        # "Im Liegen", "con i piedi": no English persons.
        heard = list(words) if language in (None, "en") else ["_" if word in _ENGLISH_ONLY else word for word in words]
        for match in by_type["talk"]:
            if match.entry.weak:
                # "Burpees - don't give up!" forbids nothing.
                heard[match.start : match.end] = ["_"] * (match.end - match.start)
        kind, told = about(heard, by_type["exercise"])
        if kind:
            return Verdict(kind, 0.85, "words", evidence=told)
    if more and exercises and language == "en" and not counts:
        strange = _strange_head(words, found_matches, found)
        if strange:
            return Verdict("other", 0.45, "words", evidence=[strange])
    if exercises:
        head = section_head(words, found_matches, parts, stated, found) if more else ""
        if head:
            return Verdict("section", 0.75, "words", evidence=[head])
        verdict = _exercise(parts, exercises, uncovered)
        if not counts and by_type["exercise"] and all(match.entry.weak for match in by_type["exercise"]):
            verdict.confidence, verdict.evidence = min(0.75, verdict.confidence), [*verdict.evidence, ONE_WORD]
        return verdict
    verdict = _without_names(words, by_type, parts, stated, uncovered, found, language)
    if verdict.kind == "section" and language in (None, "en") and uncovered >= _STRANGE and not by_type["exercise"]:
        # "A deload every 6 weeks is recommended: ...".
        long = sum(word[0].isalpha() for word in words) >= _LONG
        verb = next((word for word in words if word in _FINITE), "") if long else ""
        return Verdict("talk", 0.6, "words", evidence=[verb]) if verb else verdict
    return verdict


def _recovers_by(words: Sequence[str], rest: Match, exercises: list[str], found: Lexicon) -> bool:
    """Whether what is done after the work is named: "recovery: foam rolling quads"."""
    told = words[rest.end : rest.end + 1] in ([":"], ["-"])
    patterns = [found.exercises[each].pattern if each in found.exercises else "" for each in exercises]
    return told and _RECOVERED_BY.issuperset(patterns)


def _says_more(words: Sequence[str], named: list[Match]) -> bool:
    """Whether any word is none of an exercise's name; "hacks" are one only where nothing else is named."""
    at = 0
    for match in [match for match in named if not match.entry.weak] or named:
        for word in words[at : match.start]:
            if word[0].isalpha():
                return True
        at = match.end
    return any([word[0].isalpha() for word in words[at:]])


def _counts(stated: Stated) -> bool:
    return bool(stated.repetitions or stated.sets or stated.duration_s or stated.prefixed or stated.bare)


def _strange_head(words: Sequence[str], found_matches: list[Match], found: Lexicon) -> str:
    """The word behind an exercise's name that no exercise ends with ("plank *walls*", "squat rack *tour*"); "" if there is none."""
    named = [match for match in found_matches if match.entry.type == "exercise"]
    last = next((match for match in reversed(named) if not match.entry.weak), named[-1] if named else None)
    if last is None or last.end == len(words):
        return ""
    covered = {at for match in found_matches for at in range(match.start, match.end)}
    # A name of two words is an exercise whatever known word follows: "side lunge slides".
    sure = last.used >= 2 and not last.entry.weak
    if sure and tuple(words[last.start : last.end]) in found.equipment:
        # "Battle rope sidewinders".
        return ""
    for at in range(last.end, len(words)):
        if (
            (len(words[at]) == 1 and not _of_something(words, at, last.end))
            or not words[at][0].isalpha()
            or words[at] in PREPOSITIONS
            or words[at] in CONJUNCTIONS
            or words[at] in ("is", "are")
        ):
            return ""
        known = at in covered or words[at] in HEADS or words[at] in BODY or words[at] in HOW
        # "Squat *resistance* bands".
        known = known or tuple(words[at : at + 2]) in found.equipment
        if not known and not (sure and words[at] in found.words) and content([words[at]]):
            return words[at]
    return ""


def _of_something(words: Sequence[str], at: int, end: int) -> bool:
    """Whether a name is followed by what it is done with: "running *a business*"; "running a mile" says how far."""
    return words[at] == "a" and at == end and AMOUNTS.isdisjoint(words[at + 1 : at + 2])


def _exercise(parts: list[Phrase], exercises: list[str], uncovered: int) -> Verdict:
    method, components = "exact", []
    for part in parts:
        if part.exercises:
            method = part.method if method == "exact" else method
            components += part.components
    confidence = (0.98 if method == "exact" else 0.9) - 0.08 * min(uncovered, 5)
    return Verdict("exercise", confidence, method, exercises, components, list(dict.fromkeys(exercises)))


def _talk(
    words: Sequence[str], said: list[Match], exercises: list[str], first: Match | None, uncovered: int
) -> list[str]:
    # "Come into a squat" is English, "come fare lo squat" Italian.
    asks = next((word for word in words if word[0].isalpha()), "") in _ASKS and not come_to(words)
    if "?" in words and (asks or not exercises or len(words) > 4):
        return ["?"]
    if asks and len(words) > 2 and said and said[0] is first:
        return [said[0].entry.id]
    if said and said[0] is first and words[first.end : first.end + 1] and words[first.end] in _OF:
        # "Ausführung der Kniebeuge", "técnica de sentadilla".
        return [first.entry.id]
    if said and said[0] is first and said[0].entry.id in _REPORTS and words[first.end : first.end + 1] == [":"]:
        # "Review: Concept2 rower".
        return [first.entry.id]
    strong = [match for match in said if not match.entry.weak and match.entry.id not in _WEAK_TALK]
    if strong:
        return [match.entry.id for match in strong]
    if said and not exercises and (uncovered <= 2 or said[0] is first):
        return [match.entry.id for match in said]
    return []


def _of_an_opening(words: Sequence[str], match: Match, sections: list[Match]) -> bool:
    """Whether a warm-up or a cool-down is said with it: "warm-up *protocol*", "cool down – "Someone *Like* You""."""
    opening = sections[0] if sections and sections[0].entry.id in OPENS and not sections[0].start else None
    if opening is None or match.start < opening.end:
        return False
    named = words[match.start : match.end] == ["protocol"] and match.end == len(words)
    return named or (
        words[opening.end :].count('"') == 2 and words[-1] == '"' and '"' in words[opening.end : match.start]
    )


def _is_for_an_ill(words: Sequence[str], match: Match, sections: list[Match]) -> bool:
    """Whether a pain is only what a part of a workout is good for: "yoga for back *pain*"."""
    if match.entry.id not in ("pain", "injury", "injuries") or not sections:
        return False
    return "for" in words[sections[0].end : match.start]


def _states(words: Sequence[str], stated: Stated) -> bool:
    """Whether a title says what something is: "Recovery is part of training"."""
    return len(words) >= 4 and "is" in words[1:-1] and stated.duration_s is None and stated.rest_s is None


def _without_names(
    words: Sequence[str],
    by_type: dict[str, list[Match]],
    parts: list[Phrase],
    stated: Stated,
    uncovered: int,
    found: Lexicon,
    language: str | None,
) -> Verdict:
    # "8 each leg": no leg day.
    sections = [each for each in by_type["section"] if not _is_counted_on(words, each)]
    others = by_type["other"]
    letters = [word for word in words if word[0].isalpha()]
    covered, numbered = sum(match.used for match in sections), "#" in words
    unlisted = unlisted_words(words, letters, found, by_type)
    if numbered and list(words[1:3]) == ["#", ":"] and words[0] in ("exercise", "move", "movement", "station"):
        # "Exercise 7: sideways roll", "station 5 - dummy drag".
        behind = list(words[3:])
        unlisted = unlisted_words(behind, [word for word in behind if word[0].isalpha()], found, by_type)
        sections, numbered = ([], False) if unlisted else (sections, numbered)
    if not by_type["exercise"] and not VERSUS.isdisjoint(words):
        return Verdict("talk", 0.8, "words", evidence=["versus"])
    told = is_told(words) if sections and not by_type["exercise"] else ""
    if told:
        return Verdict("talk", 0.7, "words", evidence=[told])
    if unlisted and OPENS.intersection(match.entry.id for match in sections):
        # "Bells down, warm up".
        unlisted = []
    if sections and not (unlisted and (uncovered or _ends_in_a_head(words, sections)) and not numbered):
        if others and others[0].start < sections[0].start and others[0].used >= covered:
            return Verdict("other", 0.7, "words", evidence=[match.entry.id for match in others])
        confidence = 0.95 if not uncovered else max(0.5, 0.85 - 0.1 * uncovered)
        if uncovered <= 3 or numbered or covered >= 2:
            return Verdict("section", confidence, "words", evidence=[match.entry.id for match in sections])
    if unlisted:
        return Verdict("exercise", 0.55, "unlisted", evidence=unlisted)
    if numbered:
        return Verdict("section", 0.6, "words", evidence=["#"])
    if others:
        return Verdict("other", 0.9 if not uncovered else 0.6, "words", evidence=[match.entry.id for match in others])
    if sections:
        return Verdict("section", 0.5, "words", evidence=[match.entry.id for match in sections])
    if stated.sets and not content(letters):
        return Verdict("section", 0.7, "words", evidence=["sets"])
    if len(letters) == 1 and letters[0] in WEEKDAYS:
        return Verdict("section", 0.6, "words", evidence=letters)
    if letters == ["namaste"]:
        return Verdict("talk", 0.7, "words", evidence=letters)
    # "Im fine" speaks; within a title "im" is German: "Gleiten im Ausfallschritt".
    said = (
        "im"
        if letters[:1] == ["im"] and language in (None, "en")
        else next((word for word in letters if word in PERSONS), "")
    )
    if said and len(letters) > 2:
        return Verdict("talk", 0.6, "words", evidence=[said])
    return Verdict("other", 0.3, "none")


def _is_counted_on(words: Sequence[str], match: Match) -> bool:
    """Whether a part of the body only says on what is counted: "each *leg*", "per *arm*"."""
    return match.start > 0 and match.end - match.start == 1 and words[match.start - 1] in ("each", "per", "either")


def _ends_in_a_head(words: Sequence[str], sections: list[Match]) -> bool:
    """Whether the last word is an exercise's and no part of a workout: "close-grip *press*", not "leg *stretch*"."""
    at = next((at for at in range(len(words) - 1, -1, -1) if words[at][0].isalpha()), -1)
    return at >= 0 and words[at] in HEADS - LOOSE and not any(match.start <= at < match.end for match in sections)
