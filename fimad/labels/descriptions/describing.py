"""How an exercise is done, in a sentence made from the taxonomy: no network, no model."""

from __future__ import annotations

from collections.abc import Sequence

from fimad.labels.taxonomy import Exercise, load_taxonomy

#: Recorded with each description: another template is another source.
TEMPLATE = "template-1"
_POSITIONS = {
    "standing": "standing", "floor": "on the floor", "lying": "lying on the back", "lying_side": "lying on the side",
    "prone": "lying face down", "plank": "in a plank position", "quadruped": "on hands and knees", "kneeling": "kneeling",
    "seated": "seated", "hanging": "hanging from a bar", "bench": "on a bench", "machine": "on a machine", "bars": "between bars",
    "bent_over": "bent over at the hips", "chair": "on a chair", "inverted": "upside down",
}  # fmt: skip
_PATTERNS = {
    "squat": "bending and straightening hips and knees", "lunge": "stepping into a split stance and back",
    "hinge": "bending at the hips with a straight back", "hip_extension": "pushing the hips up or back",
    "hip_abduction": "moving the leg away from the body's middle", "hip_adduction": "moving the leg towards the body's middle",
    "knee_extension": "straightening the knees against resistance", "knee_flexion": "bending the knees against resistance",
    "ankle": "rising and sinking at the ankles", "push": "pushing away with the arms", "pull": "pulling towards the body with the arms",
    "curl": "bending the elbows against resistance", "extension": "straightening the elbows against resistance",
    "raise": "raising straight arms", "rotation": "turning the arms about their long axis", "core": "working the trunk",
    "hold": "holding a position still", "jump": "jumping rhythmically", "locomotion": "moving the legs in a steady rhythm",
    "mobility": "moving a joint through its range", "stretch": "holding a stretch", "yoga": "holding a pose", "strike": "striking quickly",
    "throw": "throwing or slamming", "carry": "walking with a load", "compound": "joining several movements into one",
    "olympic": "lifting a load quickly overhead or to the shoulders", "swing": "swinging a load", "balance": "keeping balance",
    "posture": "staying in a posture", "gesture": "making a gesture", "sport": "making a movement of a sport", "cardio": "moving fast",
}  # fmt: skip
_SIDES = {"left": ", on the left side", "right": ", on the right side", "both": ", on both sides"}


def describe(exercises: Sequence[str], *, side: str | None = None, equipment: Sequence[str] = ()) -> str | None:
    """A sentence for each exercise of the taxonomy; None where none of them is in it.

    >>> describe(["goblet_squat"], equipment=["kettlebell"])
    'Goblet squat with a kettlebell: a kind of squat, done standing, bending and straightening hips and knees; works quadriceps and glutes.'
    """
    _, known = load_taxonomy()
    said = [_sentence(known[name], side, equipment) for name in exercises if name in known]
    return " ".join(said) or None


def _sentence(exercise: Exercise, side: str | None, equipment: Sequence[str]) -> str:
    name = exercise.id.replace("_", " ").capitalize()
    tools = f" with {_joined([f'a {each}' for each in map(_plain, equipment)])}" if equipment else ""
    kind = f"a kind of {_plain(exercise.parent)}, " if exercise.parent else ""
    position = f"done {_POSITIONS[exercise.position]}, " if exercise.position in _POSITIONS else ""
    body = _joined([_plain(part) for part in exercise.body])
    return f"{name}{tools}: {kind}{position}{_PATTERNS[exercise.pattern]}{_SIDES.get(side or '', '')}; works {body}."


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
