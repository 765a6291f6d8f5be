"""The body: `anny`'s parametric person, posed by limb directions and feet on the ground.

The skeleton is posed here with plain NumPy in float64 (forward kinematics and two-bone inverse kinematics), so the truth
is exact and cheap at any rate; `anny` gives the proportions and the skin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import anny
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from tools.render_workout.pose import SIDES, STANCE_M, Floats, Pose, direction, smoothstep

#: How far the standing person's legs are stretched; quite straight legs would make the knees jump.
LEG_STRETCH = 0.985
#: Bones that share the trunk's angles.
SPINE = {"spine05": 0.3, "spine03": 0.4, "spine01": 0.3}

#: Body point: the bone whose head it is and whose rotation it carries; for the middles of limbs, also the next bone.
POINTS: dict[str, tuple[str, ...]] = {
    "pelvis": ("root",),
    "chest": ("spine02",),
    "head": ("head",),
}
for _side, _letter in (("left", "L"), ("right", "R")):
    POINTS |= {
        f"{_side}_shoulder": (f"upperarm01.{_letter}",),
        f"{_side}_upper_arm": (f"upperarm01.{_letter}", f"lowerarm01.{_letter}"),
        f"{_side}_elbow": (f"lowerarm01.{_letter}",),
        f"{_side}_wrist": (f"wrist.{_letter}",),
        f"{_side}_hip": (f"upperleg01.{_letter}",),
        f"{_side}_thigh": (f"upperleg01.{_letter}", f"lowerleg01.{_letter}"),
        f"{_side}_knee": (f"lowerleg01.{_letter}",),
        f"{_side}_ankle": (f"foot.{_letter}",),
    }
#: Sensors at a joint turn with the bone that they are strapped to.
STRAPPED = {"ankle": "lowerleg01", "wrist": "lowerarm01"}
#: Points that are mere joints: a sensor can be placed there, but which of its two bones it turns with is undefined.
JOINTS = ("shoulder", "elbow", "hip", "knee")


@dataclass(frozen=True)
class Skeleton:
    """Posed bones: `rotation` turns the bone from the rest pose to the world, `head_m` is where the bone begins."""

    rotation: Mapping[str, Rotation]
    head_m: Mapping[str, Floats]


def align(start: Floats, goal: Floats) -> Rotation:
    """The smallest rotations that take the unit vectors `start` (n, 3) to `goal` (n, 3)."""
    axis = np.cross(start, goal)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, np.sum(start * goal, axis=1, keepdims=True))
    return Rotation.from_rotvec(np.where(sine > 1e-12, axis / np.maximum(sine, 1e-12), 0.0) * angle)


def lean(angles_deg: Floats) -> Rotation:
    """(n, 3) forward lean, lean to the left, turn to the left, for a person who faces -y."""
    return Rotation.from_euler("zyx", np.stack([angles_deg[:, 2], angles_deg[:, 1], angles_deg[:, 0]], 1), degrees=True)


def _unit(vector: Floats) -> Floats:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


class Body:
    """One person. `phenotype` are anny's: gender, age, muscle, weight, height, proportions, each 0 to 1."""

    def __init__(self, phenotype: Mapping[str, float], yaw_deg: float = 0.0) -> None:
        self._model = anny.Anny()
        with torch.no_grad():
            rest = self._model(pose_parameters=None, phenotype_kwargs=dict(phenotype))
        self._rest_vertices = rest["rest_vertices"]
        vertices = self._rest_vertices[0].double().numpy()
        poses = rest["rest_bone_poses"][0].double().numpy()
        # The origin goes to the floor under the pelvis.
        origin = np.array([0.0, 0.0, vertices[:, 2].min()])
        self._origin = origin
        self.bones: list[str] = list(self._model.bone_labels)
        self._parents = [int(index) for index in self._model.bone_parents]
        self.rest_m = {bone: poses[index, :3, 3] - origin for index, bone in enumerate(self.bones)}
        self.rest_vertices_m = vertices - origin
        self.faces = self._model.get_triangular_faces().numpy()
        self.height_m = float(np.ptp(vertices[:, 2]))
        self._yaw = Rotation.from_euler("z", yaw_deg, degrees=True)
        thigh = self.rest_m["lowerleg01.L"] - self.rest_m["upperleg01.L"]
        shank = self.rest_m["foot.L"] - self.rest_m["lowerleg01.L"]
        self._thigh_m, self._shank_m = float(np.linalg.norm(thigh)), float(np.linalg.norm(shank))
        self._standing_drop_m = self._find_standing_drop()

    def dominant_bones(self) -> list[str]:
        """For each vertex the bone that moves it most."""
        weights = self._model.vertex_bone_weights.numpy()
        indices = self._model.vertex_bone_indices.numpy()
        return [self.bones[indices[row, column]] for row, column in enumerate(weights.argmax(axis=1))]

    def _find_standing_drop(self) -> float:
        hip, ankle = self.rest_m["upperleg01.L"], self.rest_m["foot.L"]
        reach = LEG_STRETCH * (self._thigh_m + self._shank_m)
        sideways = np.hypot(STANCE_M - hip[0], ankle[1] - hip[1])
        return float(hip[2] - ankle[2] - np.sqrt(reach**2 - sideways**2))

    def skeleton(self, pose: Pose) -> Skeleton:
        """All bones of n poses. Raises `ValueError` if a foot is out of the leg's reach."""
        turned: dict[str, Rotation] = {"root": lean(pose.pelvis_deg)}
        spine = turned["root"]
        for bone, share in SPINE.items():
            spine = spine * lean(share * pose.trunk_deg)
            turned[bone] = spine
        neck = spine * lean(0.5 * pose.head_deg)
        turned["neck02"], turned["head"] = neck, neck * lean(0.5 * pose.head_deg)
        root_m = self.rest_m["root"] + pose.root_m - [0, 0, self._standing_drop_m]
        for side, sign in SIDES.items():
            letter = side[0].upper()
            self._pose_arm(turned, spine, pose, side, sign, letter)
            hip = root_m + turned["root"].apply(self.rest_m[f"upperleg01.{letter}"] - self.rest_m["root"])
            self._pose_leg(turned, hip, pose, side, sign, letter)
        rotation: dict[str, Rotation] = {}
        head_m: dict[str, Floats] = {}
        for bone, parent in zip(self.bones, self._parents, strict=True):
            if parent < 0:
                rotation[bone], head_m[bone] = turned["root"], root_m
                continue
            above = self.bones[parent]
            rotation[bone] = turned.get(bone, rotation[above])
            head_m[bone] = head_m[above] + rotation[above].apply(self.rest_m[bone] - self.rest_m[above])
        world = {bone: self._yaw.apply(place) for bone, place in head_m.items()}
        return Skeleton({bone: self._yaw * each for bone, each in rotation.items()}, world)

    def _bone(self, bone: str, end: str) -> Floats:
        return _unit(self.rest_m[end] - self.rest_m[bone])

    def _pose_arm(
        self, turned: dict[str, Rotation], spine: Rotation, pose: Pose, side: str, sign: float, letter: str
    ) -> None:
        upper, fore = pose.upper_arm_deg[side], pose.forearm_deg[side]
        shrug = np.zeros((len(pose), 3))
        shrug[:, 1] = -sign * 24 * smoothstep((upper[:, 0] - 20) / 160)  # the shoulder blade takes part in raising
        clavicle = spine * lean(shrug)
        start = clavicle.apply(self._bone(f"upperarm01.{letter}", f"lowerarm01.{letter}"))
        arm = align(start, direction(upper[:, 0], upper[:, 1], sign)) * clavicle
        start = arm.apply(self._bone(f"lowerarm01.{letter}", f"wrist.{letter}"))
        forearm = align(start, direction(fore[:, 0], fore[:, 1], sign)) * arm
        turned[f"clavicle.{letter}"] = clavicle
        turned[f"upperarm01.{letter}"] = arm
        turned[f"lowerarm01.{letter}"] = forearm

    def _pose_leg(
        self, turned: dict[str, Rotation], hip: Floats, pose: Pose, side: str, sign: float, letter: str
    ) -> None:
        ankle = np.array([sign * STANCE_M, 0.0, 0.0]) + self.rest_m[f"foot.{letter}"] * [0, 1, 1] + pose.foot_m[side]
        span = ankle - hip
        reach = np.linalg.norm(span, axis=1, keepdims=True)
        if reach.max() >= 0.9995 * (self._thigh_m + self._shank_m):
            raise ValueError(f"the {side} foot is {reach.max():.3f} m from the hip: out of the leg's reach")
        along = span / reach
        outward = np.array([0.22 * sign, -1.0, 0.0])  # knees point forward and a little outward
        forward = Rotation.from_euler("z", pose.pelvis_deg[:, 2:], degrees=True).apply(outward)
        forward = _unit(forward - np.sum(forward * along, axis=1, keepdims=True) * along)
        cosine = (self._thigh_m**2 + reach**2 - self._shank_m**2) / (2 * self._thigh_m * reach)
        knee = hip + self._thigh_m * (cosine * along + np.sqrt(1 - cosine**2) * forward)
        pelvis = turned["root"]
        start = pelvis.apply(self._bone(f"upperleg01.{letter}", f"lowerleg01.{letter}"))
        thigh = align(start, _unit(knee - hip)) * pelvis
        start = thigh.apply(self._bone(f"lowerleg01.{letter}", f"foot.{letter}"))
        shank = align(start, _unit(ankle - knee)) * thigh
        pitch = np.zeros((len(pose), 3))
        pitch[:, 0] = pose.foot_pitch_deg[side][:, 0]
        turned[f"upperleg01.{letter}"], turned[f"lowerleg01.{letter}"] = thigh, shank
        turned[f"foot.{letter}"] = lean(pitch)

    def points(self, skeleton: Skeleton) -> dict[str, tuple[Floats, Floats]]:
        """Body point to its position (n, 3) in m and its rotation (n, 3, 3) from the rest pose to the world."""
        result = {}
        for name, bones in POINTS.items():
            place = np.mean([skeleton.head_m[bone] for bone in bones], axis=0)
            part = name.rpartition("_")[2]
            bone = f"{STRAPPED[part]}.{bones[0][-1]}" if part in STRAPPED else bones[0]
            result[name] = (place, skeleton.rotation[bone].as_matrix())
        return result

    def vertices_m(self, skeleton: Skeleton) -> Floats:
        """(n, v, 3) the skin."""
        n = len(skeleton.head_m["root"])
        moves = np.tile(np.eye(4), (n, len(self.bones), 1, 1))
        for index, bone in enumerate(self.bones):
            moves[:, index, :3, :3] = skeleton.rotation[bone].as_matrix()
            moves[:, index, :3, 3] = skeleton.head_m[bone] - skeleton.rotation[bone].apply(
                self.rest_m[bone] + self._origin
            )
        with torch.no_grad():
            skin = self._model.get_skinned_vertices(
                self._rest_vertices.expand(n, -1, -1), torch.tensor(moves, dtype=self._rest_vertices.dtype)
            )
        return skin.double().numpy()
