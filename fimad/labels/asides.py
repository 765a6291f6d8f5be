"""What stands in brackets: "Squat (goblet)", "4x(20 s burpees, 10 s rest)", "arm balances (10 poses)"."""

from __future__ import annotations

import re

from fimad.labels.context.reading import Reading, names_by_chance, of_something_else
from fimad.labels.kinds import ONE_WORD, Verdict, decide
from fimad.labels.matching import bag_match
from fimad.labels.parts import BESIDE
from fimad.labels.taxonomy import Lexicon

_BRACKETS = re.compile(r"\(([^()\[\]{}]*)\)|\[([^()\[\]{}]*)\]|\{([^()\[\]{}]*)\}")
# "4x(20 s burpees, 10 s rest), 2 min rest": what is done so often stands in brackets.
TIMES = re.compile(r"(\b\d+ ?x ?)[(\[]([^()\[\]{}]*)[)\]]")
# A time stamp in brackets that a title begins with is one like any other.
_STAMP = re.compile(r"^\s*[\[(](\d{1,3}:\d{2}(?::\d{2})?)[\])](?=.*[^\W\d])")
_COUNTED = frozenset(["pose", "asana", "exercise", "move", "movement", "drill"])


def in_brackets(match: re.Match[str]) -> str:
    """What is done so often, without its brackets; "4x (light)" keeps them."""
    inside = match.group(2)
    return f"{match.group(1)} {inside}" if "," in inside or any(char.isdigit() for char in inside) else match.group()


def without_brackets(text: str) -> tuple[str, list[str]]:
    """A cleaned title without what stands in brackets, and what stands there."""
    if "(" not in text and "[" not in text and "{" not in text:
        return text, []
    text = _STAMP.sub(lambda found: f"{found[1]} ", text)
    asides = [next(part for part in match.groups() if part is not None) for match in _BRACKETS.finditer(text)]
    main = _BRACKETS.sub(" ", text)
    if not any(char.isalpha() for char in main):
        # "(Squats)", "12 [push ups]".
        return f"{main} {' '.join(asides)}", []
    return main, [aside for aside in asides if aside.strip()]


def with_asides(verdict: Verdict, reading: Reading, notes: list[Reading], found: Lexicon) -> Verdict:
    """What stands in brackets may name the exercise, or make it a more special one: "Squat (goblet)"."""
    if not verdict.exercises and len(reading.words) <= 2:
        for note in notes:
            entry = bag_match([*note.words, *reading.words], found, whole=True)
            if entry:
                # "Circles (hips)", "stretch (hip flexor)".
                return Verdict("exercise", 0.9, "reordered", [entry.id], evidence=[entry.id])
    if verdict.kind == "rest":
        # "Final relaxation (Shavasana)": a pose that is rested in.
        held = [note.phrases[0].exercises for note in notes if len(note.phrases) == 1 and not note.phrases[0].uncovered]
        posed = [each for each in held if len(each) == 1 and each[0] in found.exercises]
        if posed and found.exercises[posed[0][0]].pattern == "yoga" and reading.stated.duration_s is None:
            return Verdict("exercise", 0.9, "exact", posed[0], evidence=posed[0])
        return verdict
    if verdict.kind == "section":
        # "Superset 1 (squats + rows)", "combo 2 (jab, cross, hook)".
        for note in notes:
            if any(phrase.exercises for phrase in note.phrases) and not any(
                phrase.uncovered for phrase in note.phrases
            ):
                inside = decide(note.words, note.matches, note.phrases, note.stated, found)
                if inside.exercises and (ONE_WORD not in inside.evidence or len(note.phrases) > 1):
                    return inside
    if verdict.kind not in ("exercise", "other"):
        return verdict
    if BESIDE.issuperset(verdict.exercises) and any(_counts_poses(note) for note in notes):
        return Verdict("section", 0.75, "words", evidence=["poses"])
    if ONE_WORD in verdict.evidence and any(of_something_else(note) for note in notes):
        # "Jump (For My Love)".
        return Verdict("other", 0.4, "none")
    for note in notes:
        named = [each for phrase in note.phrases for each in phrase.exercises]
        if ONE_WORD in verdict.evidence and len(named) == 1 and (BESIDE.issuperset(named) or note.phrases[0].uncovered):
            # "Bridge (arms crossed)", "nordic (push-up return)": how it is done.
            continue
        if ONE_WORD in verdict.evidence and len(named) == 1 and not any(match.entry.weak for match in note.matches):
            # "Butterfly (pec deck)".
            verdict.exercises, verdict.confidence, verdict.evidence = named, 0.9, list(named)
            continue
        if verdict.kind == "exercise" and len(verdict.exercises) == 1:
            core = [
                word
                for match in reading.matches
                if match.entry.type == "exercise"
                for word in reading.words[match.start : match.end]
            ]
            entry = bag_match([*note.words, *core], found)
            whole = [*note.words, *core]
            special = entry and verdict.exercises[0] in list(found.ancestors(entry.id))[1:]
            if entry and (special or (len(note.words) <= 2 and bag_match(whole, found, whole=True))):
                verdict.exercises = [entry.id]
                verdict.method = "reordered"
        elif not verdict.exercises and named and "next" not in note.words and verdict.method == "none":
            if names_by_chance(note):
                continue
            return decide(note.words, note.matches, note.phrases, note.stated, found)
        elif verdict.kind == "exercise" and not verdict.exercises and named and "next" not in note.words:
            verdict.exercises = named[:1]
            verdict.method = "exact"
    return verdict


def _counts_poses(note: Reading) -> bool:
    """Whether an aside says how many of them there are: "Inversions & arm balances (10 poses)"."""
    return len(note.words) == 2 and note.words[0].isdigit() and note.words[1] in _COUNTED
