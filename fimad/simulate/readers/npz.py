"""NumPy archives of body models: AMASS and SMPL(-X) results (GVHMR, WHAM, TRAM), and joints with names.

Read without pickle, so that a file can't run code; `.pkl` and `.pt` results have to be written as `.npz` first.
SMPL: Loper et al. 2015, https://doi.org/10.1145/2816795.2818013; SMPL-X: Pavlakos et al. 2019, arXiv 1904.05866.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError
from fimad.simulate.readers.markers import Markers
from fimad.simulate.types import Floats

#: The joints that SMPL, SMPL-H and SMPL-X have in common, parents first.
BODY = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle", "spine3",
    "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
_SMPL = (*BODY, "left_hand", "right_hand")
_JOINTS = (
    "joints",
    "joints3d",
    "joints_3d",
    "j3d",
    "jtr",
    "smpl_joints",
    "pred_joints",
    "pred_keypoints_3d",
    "keypoints_3d",
    "keypoints3d",
)
_NAMES = ("joint_names", "names", "keypoint_names")
_RATES = ("mocap_framerate", "mocap_frame_rate", "frame_rate", "framerate", "fps", "rate_hz")
_MOVES = ("trans", "transl", "trans_world", "root_trans")
_ROOTS = ("global_orient", "root_orient", "global_orient_world")
_BODIES = ("body_pose", "pose_body")
_WHOLES = ("poses", "pose_world", "pose", "fullpose", "full_pose", "smpl_pose")
_MOST_BYTES = 4 * 1024**3


def read(path: Path, *, model: Path | None = None, rate_hz: float | None = None) -> Markers:
    """Joints and orientations of an archive.

    Parameters
    ----------
    path : holds positions of joints, or parameters of a body model, or both.
    model : the model's own file (``SMPLX_NEUTRAL.npz``), where the archive holds parameters alone.
    rate_hz : frames a second, where the archive does not say.

    Raises
    ------
    ConfigError : neither positions nor parameters, no rate, or parameters without a model.
    """
    arrays = _load(path)
    count = None
    position: Floats | None = None
    names: tuple[str, ...] = ()
    for key in _JOINTS:
        if key in arrays and arrays[key].ndim == 3 and arrays[key].shape[2] == 3:
            position = np.asarray(arrays[key], float)
            names, count = _names_of(arrays, position.shape[1], path), len(position)
            break
    turns = _turns(arrays)
    rotation: Floats | None = None
    notes: dict[str, Any] = {"format": "npz"}
    if turns is not None and position is None:
        if model is None:
            raise ConfigError(
                f"{path.name!r} holds parameters of a body model and no joints.",
                "Where joints are follows from the model, which is its makers' to give away.",
                "Give the model's file: --body-model SMPLX_NEUTRAL.npz",
            )
        position = _posed(_load(model), arrays, turns, model)
        names, count = BODY, len(position)
        notes["body_model"] = model.name
    if position is None or count is None:
        raise ConfigError(
            f"{path.name!r} holds no motion.",
            f"Its arrays are: {', '.join(sorted(arrays))[:300] or 'none'}.",
            f"Positions of joints are called {', '.join(_JOINTS[:4])} (n, k, 3); parameters poses and trans, as in AMASS.",
        )
    if turns is not None and len(turns) == count:
        rotation = np.tile(np.eye(3), (count, len(names), 1, 1))
        for at, name in enumerate(names):
            if name in BODY:
                rotation[:, at] = turns[:, BODY.index(name)]
        known = [at for at, name in enumerate(names) if name in BODY]
        names, position, rotation = tuple(names[at] for at in known), position[:, known], rotation[:, known]
    stated = next((float(np.asarray(arrays[key]).reshape(-1)[0]) for key in _RATES if key in arrays), None)
    rate = rate_hz or stated
    time_s = next(
        (np.asarray(arrays[key], float) for key in ("time_s", "t") if key in arrays and arrays[key].shape == (count,)),
        None,
    )
    if rate is None and time_s is None:
        raise ConfigError(
            f"{path.name!r} does not say how many frames a second it has.",
            f"It has none of {', '.join(_RATES)}.",
            "Give it: --source-rate-hz 30",
        )
    if time_s is None:
        time_s = np.arange(count) / (rate or 1.0)
    amass = "poses" in arrays and bool({"mocap_framerate", "mocap_frame_rate"} & set(arrays))
    return Markers(
        time_s,
        names,
        position,
        "m" if turns is not None else None,
        "z" if amass else "y",
        rate_hz=rate,
        rotation=rotation,
        up_guessed=not amass,
        notes=notes,
    )


def _load(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive, by lower-case name; never pickled objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > _MOST_BYTES:
                raise ValueError("it unpacks to more than 4 GB")
        with np.load(path, allow_pickle=False) as archive:
            found = {}
            for key in archive.files:
                try:
                    found[key.lower()] = archive[key]
                except ValueError:
                    # Objects would have to be unpickled; what is needed is never one.
                    continue
            return found
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise ConfigError(
            f"{path.name!r} can't be read as a NumPy archive: {str(error)[:200]}.",
            "It is damaged or something else.",
            "Write it with numpy.savez.",
        ) from error


def _names_of(arrays: Mapping[str, np.ndarray], count: int, path: Path) -> tuple[str, ...]:
    for key in _NAMES:
        if key in arrays and arrays[key].shape == (count,):
            return tuple(str(each) for each in arrays[key])
    if count in (len(BODY), len(_SMPL)):
        return (BODY if count == len(BODY) else _SMPL)[:count]
    if count > len(_SMPL) and _turns(arrays) is not None:
        # SMPL-H and SMPL-X go on with face and fingers.
        return (*BODY, *(f"other{at}" for at in range(count - len(BODY))))
    raise ConfigError(
        f"{path.name!r} has {count} joints without names.",
        "Only SMPL's 22 and 24 are known by their number.",
        "Add an array joint_names of so many strings, such as left_wrist.",
    )


def _turns(arrays: Mapping[str, np.ndarray]) -> Floats | None:
    """(n, 22, 3, 3) rotations from each joint's own frame to the file's axes; None if there are no parameters."""
    angles: np.ndarray | None = None
    for key in _WHOLES:
        if key in arrays and arrays[key].ndim >= 2:
            whole = np.asarray(arrays[key], float).reshape(len(arrays[key]), -1)
            if whole.shape[1] >= 3 * len(BODY):
                angles = whole[:, : 3 * len(BODY)]
                break
    root = next((arrays[key] for key in _ROOTS if key in arrays), None)
    body = next((arrays[key] for key in _BODIES if key in arrays), None)
    if angles is None and root is not None and body is not None:
        root, body = (np.asarray(each, float).reshape(len(each), -1) for each in (root, body))
        if root.shape[1] == 3 and body.shape[1] >= 3 * (len(BODY) - 1):
            angles = np.concatenate([root, body[:, : 3 * (len(BODY) - 1)]], 1)
    if angles is None or not len(angles):
        return None
    local = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(len(angles), len(BODY), 3, 3)
    turns = local.copy()
    for at, parent in enumerate(_PARENTS):
        if parent >= 0:
            turns[:, at] = turns[:, parent] @ local[:, at]
    return turns


def _posed(model: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], turns: Floats, path: Path) -> Floats:
    """(n, 22, 3) joints in m: the shaped body's joints at rest, turned along the chain, and moved.

    Pose correctives and skinning move the skin, not the joints, so that none of them is needed.
    """
    try:
        shape = (
            np.zeros(0)
            if "betas" not in arrays
            else np.asarray(arrays["betas"], float).reshape(-1, arrays["betas"].shape[-1])[0]
        )
        directions = np.asarray(model["shapedirs"], float)
        used = min(len(shape), directions.shape[-1])
        skin = np.asarray(model["v_template"], float) + directions[..., :used] @ shape[:used]
        rest = (np.asarray(model["j_regressor"], float) @ skin)[: len(BODY)]
    except (KeyError, ValueError, IndexError) as error:
        raise ConfigError(
            f"{path.name!r} is no file of a body model: {error}.",
            "It has no v_template, shapedirs and J_regressor, or keeps them as pickled objects.",
            "Give SMPL-X's .npz file.",
        ) from error
    joints = np.empty((len(turns), len(BODY), 3))
    move = next((np.asarray(arrays[key], float) for key in _MOVES if key in arrays), np.zeros((len(turns), 3)))
    for at, parent in enumerate(_PARENTS):
        joints[:, at] = (
            rest[at] + move if parent < 0 else joints[:, parent] + turns[:, parent] @ (rest[at] - rest[parent])
        )
    return joints
