"""Which words speak of the exercise that is done, and which are chatter.

An utterance speaks of the exercise where it names it, tells how to do it (something to do with a part of the body, or a way for
it to go), or counts. All else is chatter as far as the evidence goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fimad.labels.spoken.utterances import Spoken, utterances
from fimad.labels.taxonomy import lexicon
from fimad.labels.titles import label_title

_DO = frozenset(
    ["keep", "push", "drive", "squeeze", "lift", "lower", "raise", "bend", "press", "pull", "hold", "reach", "breathe", "exhale", "inhale", "tuck", "engage", "brace", "extend", "straighten", "lean", "step", "jump", "twist", "rotate", "land", "touch", "drop", "sit", "stand", "open", "close", "swing", "hinge", "roll", "point", "bring", "place", "plant", "curl", "kick", "cross", "stretch", "tighten", "control", "pause", "switch", "go", "come", "get", "make", "stay", "turn", "walk", "lock", "relax", "halte", "halten", "drück", "drücken", "heb", "heben", "senk", "senken", "beug", "beugen", "zieh", "ziehen", "streck", "strecken", "spann", "atme", "ausatmen", "einatmen", "dreh", "mantén", "mantener", "empuja", "baja", "sube", "levanta", "dobla", "estira", "aprieta", "respira", "gira", "garde", "gardez", "pousse", "poussez", "descends", "descendez", "monte", "montez", "lève", "levez", "plie", "pliez", "tends", "serre", "serrez", "respire", "respirez", "mantenha", "empurre", "desça", "suba", "levante", "dobre", "estique", "contraia", "respire", "gire", "mantieni", "spingi", "scendi", "sali", "solleva", "piega", "allunga", "stringi"]
)  # fmt: skip
_BODY = frozenset(
    ["back", "core", "hips", "hip", "knees", "knee", "elbows", "elbow", "shoulders", "shoulder", "chest", "arms", "arm", "legs", "leg", "toes", "heels", "heel", "feet", "foot", "head", "neck", "chin", "glutes", "hands", "hand", "wrists", "belly", "abs", "spine", "ankles", "thighs", "body", "weight", "rücken", "bauch", "hüfte", "knie", "ellenbogen", "schultern", "schulter", "brust", "arme", "arm", "beine", "bein", "zehen", "fersen", "füße", "kopf", "po", "hände", "espalda", "abdomen", "cadera", "rodillas", "codos", "hombros", "pecho", "brazos", "piernas", "talones", "pies", "cabeza", "glúteos", "manos", "dos", "ventre", "hanches", "genoux", "coudes", "épaules", "poitrine", "bras", "jambes", "talons", "pieds", "tête", "fessiers", "mains", "abdos", "costas", "quadril", "joelhos", "cotovelos", "ombros", "peito", "braços", "pernas", "calcanhares", "pés", "cabeça", "mãos", "schiena", "pancia", "fianchi", "ginocchia", "gomiti", "spalle", "petto", "braccia", "gambe", "talloni", "piedi", "testa", "glutei", "mani"]
)  # fmt: skip
_WAY = frozenset(
    ["up", "down", "back", "forward", "straight", "tight", "close", "wide", "low", "high", "flat", "slow", "slowly", "fast", "faster", "deep", "deeper", "parallel", "ground", "floor", "runter", "hoch", "gerade", "langsam", "tief", "abajo", "arriba", "recta", "lento", "bas", "haut", "droit", "lentement", "baixo", "cima", "reto", "giù", "su", "dritta"]
)  # fmt: skip
_COUNT = re.compile(
    r"(?<!\w)(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|halfway|seconds? (?:left|to go)|more|last one|"
    r"eins|zwei|drei|vier|fünf|uno|dos|tres|cuatro|cinco|un|deux|trois|quatre|cinq|um|dois|três|due|tre|quattro|cinque)(?!\w)"
)
# Of other things than what is done.
_CHATTER = re.compile(
    r"(?<!\w)(?:subscribe|channel|comment|comments|link|video|welcome|thanks|thank you|sponsor|sponsored|instagram|app|discount|hello|"
    r"hi|guys|today|yesterday|tomorrow|weekend|music|follow me|kanal|abonnier\w*|canal|suscr\w+|chaîne|abonne\w*|inscrev\w+|canale|iscriv\w+)(?!\w)"
)
_LETTERS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


@dataclass(frozen=True)
class ExerciseCue:
    """An utterance that speaks of the exercise.

    Parameters
    ----------
    start_s, end_s : in s on the video's clock.
    text : as heard.
    about : ``name``, ``form`` or ``count``.
    confidence : 0 to 1.
    """

    start_s: float
    end_s: float
    text: str
    about: str
    confidence: float


def exercise_cues(words: Sequence[Spoken], exercises: Sequence[str]) -> tuple[list[ExerciseCue], float | None]:
    """The utterances of a clip that speak of what is done, and the share of words that does not.

    Parameters
    ----------
    words : of the clip, in the order of time.
    exercises : canonical exercises of the clip; of a clip without any no utterance speaks.

    Returns
    -------
    The cues, and the share of chatter, None where nothing is said.
    """
    said = utterances(words)
    if not said:
        return [], None
    family = {name for exercise in exercises for name in (exercise, *lexicon().ancestors(exercise))}
    cues = []
    count = chatter = 0
    for each in said:
        count += len(each.words)
        found = _about(each.text, family) if family else None
        if found is None:
            chatter += len(each.words)
        else:
            cues.append(ExerciseCue(each.start_s, each.end_s, each.text, *found))
    return cues, chatter / count


def _about(text: str, family: set[str]) -> tuple[str, float] | None:
    folded = text.casefold()
    words = _LETTERS.findall(folded)
    label = label_title(text)
    found = lexicon()
    named = {name for exercise in label.exercises for name in (exercise, *found.ancestors(exercise))}
    if _CHATTER.search(folded) and not named & family:
        return None
    if named & family:
        return "name", 0.6 if _CHATTER.search(folded) else 0.9
    does = [word for word in words if word in _DO]
    body = [word for word in words if word in _BODY]
    ways = [word for word in words if word in _WAY]
    if does and body:
        return "form", 0.8
    if len(words) <= 6 and ((does and ways) or (body and ways)):
        return "form", 0.6
    counted = len(_COUNT.findall(folded))
    if counted and counted >= 0.5 * max(1, len(folded.split())):
        return "count", 0.6
    return None
