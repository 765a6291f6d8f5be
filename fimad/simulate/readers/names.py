"""Markers and joints by the names that laboratories and programs give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fimad.errors import ConfigError
from fimad.simulate.types import Bools, Floats
from fimad.skeleton import LANDMARKS

if TYPE_CHECKING:
    from fimad.simulate.readers.markers import Markers

# In this order the first that a file has is taken; a plus joins markers whose mean is meant. {side} is left, {s} is l, and
# {side}x matches x on either side of it (LeftWrist, WristLeft). A joint's own name comes before that of the bone that begins
# there, wrist before hand and ankle before foot; but where a file has LeftArm, its LeftShoulder is the collar bone.
# Sources: MediaPipe, COCO, OpenPose and HALPE (TRC of Pose2Sim), Vicon Plug-in Gait, OpenSim's gait models, CMU's ASF and its
# BVH conversions, SMPL, Mixamo, Rokoko, Xsens MVN, 3ds Max Biped, Unreal, Poser and DAZ (SAM3DBody), MHR, Kinect, ARKit, Motive, Theia.
_PARTS: dict[str, tuple[str, ...]] = {
    "shoulder": (
        "{side}arm",
        "{side}upperarm",
        "{s}upperarm",
        "{s}uparm",
        "{s}uarm",
        "{s}humerus",
        "{s}shldr",
        "{side}shoulder",
        "{s}shoulder",
        "{s}sho",
        "{s}acr",
        "{s}acromium",
        "{s}acromion",
        "{s}sjc",
    ),
    "elbow": (
        "{side}elbow",
        "{s}elbow",
        "{side}forearm",
        "{s}forearm",
        "{side}lowerarm",
        "{s}lowerarm",
        "{s}lowarm",
        "{s}farm",
        "{s}larm",
        "{s}radius",
        "{s}elb",
        "{s}elblat+{s}elbmed",
        "{s}elbowlat+{s}elbowmed",
        "{s}ejc",
        "{s}elbowlat",
    ),
    "wrist": (
        "{side}wrist",
        "{s}wrist",
        "{s}wra+{s}wrb",
        "{s}wri",
        "{s}wristlat+{s}wristmed",
        "{s}wristlat",
        "{s}wjc",
        "{side}hand",
        "{s}hand",
    ),
    "index": ("{side}index", "{s}index", "{s}wra"),
    "pinky": ("{side}pinky", "{s}pinky", "{s}wrb"),
    "hip": (
        "{side}hip",
        "{s}hip",
        "{side}upleg",
        "{s}upleg",
        "{side}thigh",
        "{s}thigh",
        "{side}upperleg",
        "{s}upperleg",
        "{s}femur",
        "{s}hjc",
        "{s}asi+{s}psi",
        "{s}asis+{s}psis",
        "{s}asis+vsacral",
        "{s}asis+sacrum",
        "{s}asis+vsacrum",
    ),
    "knee": (
        "{side}knee",
        "{s}knee",
        "{side}leg",
        "{s}leg",
        "{side}shin",
        "{s}shin",
        "{side}calf",
        "{s}calf",
        "{side}lowerleg",
        "{s}lowerleg",
        "{s}lowleg",
        "{s}tibia",
        "{side}shank",
        "{s}shank",
        "{s}kjc",
        "{s}lfc+{s}mfc",
        "{s}kneelat+{s}kneemed",
        "{s}kne",
        "{s}kneelat",
    ),
    "ankle": (
        "{side}ankle",
        "{s}ankle",
        "{s}ajc",
        "{s}lmal+{s}mmal",
        "{s}anklelat+{s}anklemed",
        "{s}ank",
        "{s}anklelat",
        "{side}foot",
        "{s}foot",
    ),
    "heel": ("{side}heel", "{s}heel", "{s}hee", "{s}cal"),
    "foot_index": (
        "{side}footindex",
        "{side}toebase",
        "{s}toebase",
        "{side}toe",
        "{s}toes",
        "{s}bigtoe",
        "{side}bigtoe",
        "{s}toe",
        "{s}toetip",
        "{s}ball",
        "{s}toe0",
    ),
    "ear": ("{side}ear", "{s}ear", "{s}fhd+{s}bhd"),
}
# Which joint carries a segment's orientation: that at the segment's beginning.
_SEGMENTS = {
    **{f"{side}_upper_arm": f"{side}_shoulder" for side in ("left", "right")},
    **{f"{side}_forearm": f"{side}_elbow" for side in ("left", "right")},
    **{f"{side}_thigh": f"{side}_hip" for side in ("left", "right")},
    **{f"{side}_shank": f"{side}_knee" for side in ("left", "right")},
}
_MIDDLE = {
    "pelvis": ("hips", "pelvis", "root", "hip"),
    "chest": (
        "thorax",
        "chest4",
        "chest3",
        "spine3",
        "spine2",
        "upperback",
        "chest",
        "spine1",
        "spine",
        "torso",
        "trunk",
    ),
    "head": ("head",),
}
_FEWEST_OF_SUBJECT = 3
# More than one side of the body has.
_SHARE_OF_PREFIX = 0.6


def plain(name: str) -> str:
    """Without case and punctuation, and without the subject's name before a colon."""
    return re.sub(r"[^a-z0-9]", "", name.rpartition(":")[2].lower())


def subject_of(name: str) -> str:
    """What stands before the last colon of a marker's name: the subject that it sits on."""
    return name.rpartition(":")[0]


def some(names: Sequence[str], most: int = 40) -> str:
    """The first names of many, for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def columns_of(
    markers: Markers,
    source: str,
    given: Mapping[str, str | Sequence[str]] | None,
    subject: str | None,
    position: Floats,
) -> tuple[dict[str, list[int]], str]:
    """For each landmark the columns whose mean it is, in the order of `LANDMARKS`; and the subject they are of."""
    wanted = _given(given, markers.names, source)
    chosen = _subject(markers.names, subject, source, given is not None)
    here = [at for at, name in enumerate(markers.names) if subject_of(name) == chosen]
    if chosen and not here:
        here = list(range(len(markers.names)))
    seen: Bools = np.asarray(np.isfinite(position).all(2).any(0))
    exact = {markers.names[at].rpartition(":")[2]: at for at in reversed(here)}
    # Of markers of one name, one that was measured: empty columns of a template must not hide it.
    normal: dict[str, int] = {}
    for form in (plain, _Without(_common_prefix([markers.names[at] for at in here]))):
        for at in sorted(reversed(here), key=lambda at: bool(seen[at])):
            normal[form(markers.names[at])] = at
    columns: dict[str, list[int]] = {}
    for name in LANDMARKS:
        if name in wanted:
            columns[name] = wanted[name]
        elif name in exact and not (name.endswith("shoulder") and _has_arm(normal, name)):
            columns[name] = [exact[name]]
        else:
            for parts in _known(name):
                if all(part in normal for part in parts):
                    columns[name] = [normal[part] for part in parts]
                    break
    if not columns:
        raise ConfigError(
            f"{source!r} has no marker whose name fimad knows.",
            f"Its markers are: {some(markers.names)}.",
            'Say which is which: --map names.json with {"left_wrist": "MARKER", "left_hip": ["ONE", "OTHER"], ...}',
        )
    return columns, chosen


def segment_joints(names: Sequence[str], columns: Mapping[str, list[int]], turned: Bools) -> dict[str, int]:
    """The joint whose orientation a segment has, by segment, among those that are `turned`: (k,) with an orientation."""
    found = {}
    # Of another subject no segment is taken.
    people = {subject_of(names[at]) for each in columns.values() for at in each}
    known = [(at, name) for at, name in enumerate(names) if turned[at] and subject_of(name) in people]
    here = {plain(name): at for at, name in reversed(known)}
    here.update({_Without(_common_prefix([name for _, name in known]))(name): at for at, name in reversed(known)})
    for segment, landmark in _SEGMENTS.items():
        if len(columns.get(landmark, ())) == 1 and turned[columns[landmark][0]]:
            found[segment] = columns[landmark][0]
            continue
        # The landmark is one of the markers, beside which the file has segments.
        alike = (parts[0] for parts in _known(landmark) if len(parts) == 1 and parts[0] in here)
        twin = next(alike, None)
        if twin is not None:
            found[segment] = here[twin]
    for segment, usual in _MIDDLE.items():
        for name in usual:
            if name in here:
                found[segment] = here[name]
                break
    return found


def _has_arm(normal: Mapping[str, int], landmark: str) -> bool:
    side = landmark.partition("_")[0]
    return f"{side}arm" in normal and f"{side}forearm" in normal


def _given(given: Mapping[str, str | Sequence[str]] | None, names: Sequence[str], source: str) -> dict[str, list[int]]:
    """The columns that a map names: exactly as written, else without case and punctuation if that is one marker."""
    found: dict[str, list[int]] = {}
    for landmark, listed in (given or {}).items():
        if landmark not in LANDMARKS:
            raise ConfigError(
                f"There is no landmark {landmark!r}.", "The name is misspelt.", f"They are: {', '.join(LANDMARKS)}."
            )
        found[landmark] = []
        for name in [listed] if isinstance(listed, str) else listed:
            alike = [at for at, other in enumerate(names) if other == name]
            alike = alike or [at for at, other in enumerate(names) if other.rpartition(":")[2] == name]
            alike = alike or [at for at, other in enumerate(names) if plain(other) == plain(name)]
            if len(alike) != 1:
                what = (
                    f"{name!r}, which {source!r} does not hold"
                    if not alike
                    else f"{name!r}, of which there are {len(alike)}"
                )
                raise ConfigError(
                    f"{landmark!r} is to be made of {what}.",
                    "The name of a marker is misspelt, or it stands on several subjects.",
                    f"The markers are: {some(names)}.",
                )
            found[landmark].append(alike[0])
    return found


def _subject(names: Sequence[str], asked: str | None, source: str, mapped: bool) -> str:
    """The subject whose markers are taken; empty if names have none."""
    count: dict[str, int] = {}
    for name in names:
        known = any(plain(name) in {part for parts in _known(each) for part in parts} for each in LANDMARKS)
        if known:
            count[subject_of(name)] = count.get(subject_of(name), 0) + 1
    everybody = {subject_of(name) for name in names}
    if asked is not None:
        if asked not in everybody:
            raise ConfigError(
                f"{source!r} has no subject {asked!r}.",
                "The name is misspelt.",
                f"The subjects are: {some(sorted(everybody - {''})) or 'none; leave --subject out'}.",
            )
        return asked
    people = [name for name, found in count.items() if found >= _FEWEST_OF_SUBJECT]
    if len(people) > 1 and not mapped:
        raise ConfigError(
            f"{source!r} holds the markers of {len(people)} subjects: {some(sorted(people))}.",
            "A virtual sensor is worn by one person.",
            f"Say whose: --subject {sorted(people)[0] or sorted(people)[-1]}",
        )
    return people[0] if people else next(iter(everybody)) if len(everybody) == 1 else ""


def _known(landmark: str) -> list[tuple[str, ...]]:
    """Normal names of what a landmark may be made of, best first."""
    side, _, part = landmark.partition("_")
    found: list[tuple[str, ...]] = []
    for each in _PARTS.get(part, ()):
        parts = tuple(one.format(side=side, s=side[0]) for one in each.split("+"))
        found.append(parts)
        # WristLeft, thigh_l, upperarm_l.
        ends = tuple(one.format(side="", s="") for one in each.split("+"))
        if "{side}" in each:
            found.append(tuple(one + side for one in ends))
        elif "{s}" in each and len(ends) == 1:
            found.append((ends[0] + side[0],))
    return [*found, (plain(landmark),)]


def _common_prefix(names: Sequence[str]) -> str:
    """What most of several names begin with, up to a separator: `mixamorig_`, `Bip01 `, `Skeleton_001_`."""
    bare = [name.rpartition(":")[2] for name in names]
    found = ""
    while len(bare) >= _FEWEST_OF_SUBJECT:
        heads = [match[0] for name in bare if (match := re.match(r"[^ _.\-]*[ _.\-]", name))]
        head = max(set(heads), key=heads.count, default="")
        if not head or heads.count(head) < _SHARE_OF_PREFIX * len(bare):
            break
        found += head
        bare = [name.removeprefix(head) for name in bare]
    return found


class _Without:
    """`plain` after taking a prefix off, and ARKit's and Unreal's endings."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __call__(self, name: str) -> str:
        bare = name.rpartition(":")[2].removeprefix(self._prefix)
        return plain(re.sub(r"(?:_\d)?_(?:joint|jnt)$", "", bare, flags=re.IGNORECASE))
