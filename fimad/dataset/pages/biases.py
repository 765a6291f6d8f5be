"""Known biases of a dataset, from its own figures: for the card and for Croissant's RAI fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fimad.dataset.pages.text import plain
from fimad.labels.clips import NULL

# One channel, label or language with more than this share of the clips weighs on what is learned from them.
_MUCH = 0.25
# A label with fewer clips is hardly learned, or tested.
_FEW = 10


def biases(manifest: Mapping[str, Any]) -> list[str]:
    """Sentences of plain text; names in them come from outside and are cut, not escaped."""
    clips = manifest["clips"]
    if not clips:
        return ["The dataset is empty."]
    said = []
    # Exercises in one form for all spellings; a dataset of before has titles alone.
    exercises = "class_labels" if manifest.get("class_labels") else "labels"
    for key, what, whose in (
        ("channels", "channel", "one person's body, camera and way of moving"),
        (exercises, "label", "one exercise"),
        ("languages", "language", "one way of naming exercises"),
    ):
        counts = {name: count for name, count in manifest.get(key, {}).items() if name and name != NULL}
        unknown = clips - sum(counts.values())
        if counts:
            name, most = max(counts.items(), key=lambda each: (each[1], each[0]))
            share = f"{most / clips:.0%} of the clips have the {what} {plain(name, 60)!r}"
            weight = f": much of it is {whose}" if most / clips > _MUCH else ""
            said.append(f"There are {len(counts)} {what}s; {share}{weight}.")
        if unknown:
            said.append(f"{unknown / clips:.0%} of the clips state no {what}.")
    rare = sum(1 for name, count in manifest[exercises].items() if name and name != NULL and count < _FEW)
    if rare:
        said.append(f"{rare} labels have fewer than {_FEW} clips.")
    empty = [name for name, info in manifest["splits"].items() if not info["clips"]]
    if empty:
        said.append(f"Nothing is in the split {' and '.join(empty)}: too few channels to divide.")
    for name, text in (
        ("pose_share", "On average somebody is found in {mean:.0%} of a clip's frames."),
        ("imu_quality", "The mean quality of the virtual signals is {mean:.2f} of 1."),
    ):
        known = manifest.get("means", {}).get(name)
        if known and known["clips"]:
            said.append(text.format(**known))
    lost = sum(manifest["left_out_clips"].values())
    if lost:
        said.append(f"{lost / (lost + clips):.0%} of all clips were left out; their kind is missing.")
    return said
