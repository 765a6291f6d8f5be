"""What a title of few words means by what stands beside them: "Quads – left" is a stretch, "1-1-2" a row of punches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from fimad.labels.compounds import content
from fimad.labels.taxonomy import Lexicon

_STRETCH_OF = {
    "quad": "quad_stretch", "quadricep": "quad_stretch", "hamstring": "hamstring_stretch", "calf": "calf_stretch",
    "glute": "glute_stretch", "piriformis": "glute_stretch", "hip flexor": "hip_flexor_stretch", "psoas": "hip_flexor_stretch",
    "groin": "groin_stretch", "adductor": "groin_stretch", "inner thigh": "groin_stretch", "lat": "lat_stretch",
    "pec": "chest_stretch", "neck": "neck_stretch", "it band": "it_band_stretch", "it band tfl": "it_band_stretch", "itb": "it_band_stretch",
    # Without a side a pyramid is one of sets.
    "pyramid": "pyramid_pose",
}  # fmt: skip
_LIMBS = frozenset(["arm", "leg", "side"])
_COMBINED = frozenset(["combo", "combination", "punch", "drill"])
# Punches are numbered from 1 to 8.
_COMBO = re.compile(r"[1-8](?:-[1-8]){2,5}")


def stretch_of(words: Sequence[str], found: Lexicon) -> str:
    """The stretch of the muscle that is all that a title names beside a side; "" if there is none.

    >>> from fimad.labels import label_title
    >>> label_title("Hamstrings (R)").exercises, label_title("Hamstrings").kind
    (('hamstring_stretch',), 'section')
    """
    named = [word for word in content(words) if word not in _LIMBS]
    if ("it", "band") in pairwise(words):
        named.insert(0, "it band")
    return _STRETCH_OF.get(" ".join(named), "")


_WORKED = {"adductor": "seated_hip_adduction", "abductor": "seated_hip_abduction"}


def raise_of(words: Sequence[str], found: Lexicon, sets: int | None = None) -> str:
    """The exercise of a muscle that is all that is counted: "Calves 3x15", "Adductors 3x15"; "" if there is none."""
    named = " ".join(content(words))
    return "calf_raise" if named == "calf" else _WORKED.get(named, "") if sets else ""


def is_combo(tempo: str | None, words: Sequence[str]) -> bool:
    """Whether numbers with nothing beside them are punches: "1-1-2"; "3-2-1" counts down."""
    if not tempo or not _COMBO.fullmatch(tempo):
        return False
    digits = [int(digit) for digit in tempo.split("-")]
    # "Round 3: 1-2-3-2"; "round 2: 2-4-6-8" counts.
    numbered = {"round"} if digits[0] == 1 and len(set(digits)) < len(digits) else set()
    if any(word[0].isalpha() and word not in _COMBINED | numbered for word in words):
        return False
    return digits != list(range(digits[0], digits[-1] - 1, -1))
