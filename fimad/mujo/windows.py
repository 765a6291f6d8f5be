"""Windows of all modalities in one form: from a fimad dataset, from a real set, kept in a folder that is not read whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fimad.errors import ConfigError
from fimad.mujo.config import WindowsConfig
from fimad.skeleton import LANDMARK_INDEX

if TYPE_CHECKING:
    from fimad.dataset.reader import Dataset
    from fimad.har import HarDataset

MODALITIES: Final = ("video", "text", "pose", "imu")
GRAVITY_M_S2: Final = 9.80665
#: The joints that the pose encoder sees.
JOINTS: Final = (
    "nose",
    *(
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
_FORM = "fimad-windows-1"
# A torso that is shorter than this is none; its scale would blow the joints up.
_SHORTEST_TORSO_M = 0.1

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class WindowSet:
    """n windows of one length; what a window lacks is zeros, and `..._there` says so.

    Parameters
    ----------
    imu : (n, p, 6, t) specific force in m/s², angular rate in rad/s, at `placements`.
    imu_there : (n, p, 2) whether accelerometer and gyroscope were measured.
    label : (n,) position in `classes`, -1 for none.
    group : (n,) who or what must not be in training and test at once.
    rate_hz : of `imu`.
    pose : (n, s, 3k) `JOINTS` around the hips in torso lengths, or None; likewise `video` (n, d) and `text` (n, e), embeddings.
    split : (n,) the dataset's own split, "" where it has none.
    left_out : windows that are not there, by reason.
    """

    imu: Floats
    imu_there: NDArray[np.bool_]
    label: NDArray[np.int64]
    group: NDArray[np.str_]
    placements: tuple[str, ...]
    classes: tuple[str, ...]
    rate_hz: float
    pose: Floats | None = None
    pose_there: NDArray[np.bool_] | None = None
    video: Floats | None = None
    video_there: NDArray[np.bool_] | None = None
    text: Floats | None = None
    text_there: NDArray[np.bool_] | None = None
    split: NDArray[np.str_] | None = None
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, p = len(self.label), len(self.placements)
        shapes = {"imu": (n, p, 6), "imu_there": (n, p, 2), "group": (n,)}
        shapes |= {name: (n,) for name in _OPTIONAL if getattr(self, name) is not None}
        for name, shape in shapes.items():
            found = np.shape(getattr(self, name))
            if found[: len(shape)] != shape:
                raise ConfigError(
                    f"{name} of shape {found} does not fit {n} windows of {p} placements.",
                    "Axes are exchanged, or something of another selection was given.",
                    "imu (n, p, 6, t), imu_there (n, p, 2), label and group (n,); see fimad.mujo.WindowSet.",
                )

    def __len__(self) -> int:
        return len(self.label)

    def __repr__(self) -> str:
        lost = "".join(f", {count} left out: {reason}" for reason, count in self.left_out.items())
        return (
            f"WindowSet({len(self)} windows of {self.imu.shape[3] / self.rate_hz:g} s at {self.rate_hz:g} Hz, "
            f"{len(self.placements)} placements, {'+'.join(self.modalities)}, {len(self.classes)} classes, "
            f"{len(np.unique(self.group))} groups{lost})"
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """What at least one window has."""
        return tuple(
            name
            for name in MODALITIES
            if (name == "imu" and len(self.placements)) or getattr(self, f"{name}_there", None) is not None
        )

    def size(self, name: str) -> int:
        """Numbers of a vector of `name`, 0 where there is none."""
        values = getattr(self, name)
        return 0 if values is None else int(values.shape[-1])

    def take(self, which: NDArray[Any]) -> WindowSet:
        """Some windows, by indices or a mask."""
        names = ("imu", "imu_there", "label", "group", *_OPTIONAL)
        return replace(self, **{name: values[which] for name in names if (values := getattr(self, name)) is not None})

    def gyro_scale(self) -> float:
        """Root mean square of the angular rate of what was measured, rad/s; 1 where nothing was."""
        total = count = 0.0
        for rows in _chunks(len(self)):
            values = np.asarray(self.imu[rows, :, 3:], np.float32)[np.asarray(self.imu_there[rows, :, 1])]
            total += float(np.square(values, dtype=np.float64).sum())
            count += values.size
        return float(np.sqrt(total / count)) if total > 0 else 1.0

    def batch(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """What the model takes, as NumPy arrays, of some windows; see `Mujo`. ``text_id`` is the first row with the same text."""
        found: dict[str, NDArray[Any]] = {
            "imu": np.asarray(self.imu[rows], np.float32),
            "imu_there": np.asarray(self.imu_there[rows]),
            "label": np.asarray(self.label[rows]),
        }
        for name in ("pose", "video", "text"):
            values, there = getattr(self, name), getattr(self, f"{name}_there")
            if values is not None and there is not None:
                found[name], found[f"{name}_there"] = np.asarray(values[rows], np.float32), np.asarray(there[rows])
        if "text" in found:
            first: dict[bytes, int] = {}
            found["text_id"] = np.array([first.setdefault(row.tobytes(), at) for at, row in enumerate(found["text"])])
        return found

    def save(self, folder: str | Path) -> None:
        """Write one .npy file an array, which `load` maps into memory; ``windows.json`` comes last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        names = [name for name in ("imu", "imu_there", "label", "group", *_OPTIONAL) if getattr(self, name) is not None]
        for name in names:
            values = np.asarray(getattr(self, name))
            # float16 holds 16 g with 0.8 % of m/s², far below any sensor's noise in a gym, in half the space.
            np.save(
                folder / f"{name}.npy",
                values.astype(np.float16) if values.dtype.kind == "f" else values,
                allow_pickle=False,
            )
        about: dict[str, Any] = {"form": _FORM, "arrays": names, "placements": self.placements, "classes": self.classes}
        about |= {"rate_hz": self.rate_hz, "left_out": self.left_out}
        (folder / "windows.json").write_text(json.dumps(about, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> WindowSet:
        """Windows that `save` wrote; arrays stay on disk until they are looked at. Raises `ConfigError` for anything else."""
        folder = Path(folder)
        try:
            about = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
            if about["form"] != _FORM or not set(about["arrays"]) <= {"imu", "imu_there", "label", "group", *_OPTIONAL}:
                raise ValueError("another form")
            arrays = {
                name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in about["arrays"]
            }
            return cls(
                **arrays,
                placements=tuple(about["placements"]),
                classes=tuple(about["classes"]),
                rate_hz=float(about["rate_hz"]),
                left_out=dict(about["left_out"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{folder} holds no windows that can be read: {error}.",
                "It is another folder, or writing was interrupted.",
                "Delete it, and let `fimad mujo pretrain` write it anew.",
            ) from error

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, config: WindowsConfig | None = None, *, target: str = "label", limit: int | None = None
    ) -> WindowSet:
        """Windows of every clip of a fimad dataset, with every modality that it holds.

        A placement that less than `min_valid` was measured of is missing from a window; windows without any modality are left
        out, and counted.

        Parameters
        ----------
        target : column of the class: `label`, or `class_label` for canonical exercises.
        limit : at most so many windows, for a first look.
        """
        config = config or WindowsConfig()
        placements = config.placements or tuple(dataset.placements)
        options = {"length_s": config.length_s, "stride_s": config.stride_s, "rate_hz": config.rate_hz}
        dataset.check_columns([target])
        whose = {
            str(row["clip_id"]): _whose(row)
            for row in dataset.table(
                [name for name in ("clip_id", *_WHOSE, target) if name in dataset.columns]
            ).to_pylist()
        }
        labels = {str(row["clip_id"]): str(row[target] or "") for row in dataset.table(["clip_id", target]).to_pylist()}
        classes = tuple(sorted({name for name in labels.values() if name}))
        left_out: Counter[str] = Counter()
        rows: list[dict[str, Any]] = []
        for window in dataset.windows(**options, modalities=MODALITY_NAMES, placements=placements, min_valid=0.0):
            row = _row(window, placements, config)
            if row is None:
                left_out["nothing was measured"] += 1
                continue
            clip = str(window["clip_id"])
            row["label"] = classes.index(labels[clip]) if labels[clip] else -1
            row["group"], row["split"] = whose[clip], window["split"] or ""
            rows.append(row)
            if limit is not None and len(rows) >= limit:
                break
        if not rows:
            raise ConfigError(
                f"{dataset!r} makes no window of {config.length_s} s.",
                "Its clips are shorter, or nothing was measured in them.",
                "Take shorter windows: --set windows.length_s=1",
            )
        return cls(
            placements=placements,
            classes=classes,
            rate_hz=config.rate_hz,
            left_out=dict(left_out),
            label=np.array([row["label"] for row in rows], np.int64),
            group=np.array([row["group"] for row in rows], np.str_),
            split=np.array([row["split"] for row in rows], np.str_),
            imu=np.stack([row["imu"] for row in rows]),
            imu_there=np.stack([row["imu_there"] for row in rows]),
            **_stacked(rows),
        )

    @classmethod
    def from_har(
        cls,
        har: HarDataset,
        config: WindowsConfig | None = None,
        *,
        placements: str | Sequence[str] | None = None,
        overlap: float = 0.5,
        channels: str = "all",
        short: str = "drop",
    ) -> WindowSet:
        """Windows of a real set: the IMU alone, several placements of one moment side by side.

        `channels` : "all", or "acc" where a sensor has no gyroscope. Parameters otherwise as in `HarDataset.windows`.
        """
        config = config or WindowsConfig()
        chosen = (
            har.placements
            if placements is None
            else (placements,)
            if isinstance(placements, str)
            else tuple(placements)
        )
        cut = har.windows(config.length_s, config.rate_hz, overlap, placement=chosen, channels=channels, short=short)
        return cls.from_arrays(cut.x, cut.y, cut.groups, chosen, har.classes, config.rate_hz)

    @classmethod
    def from_arrays(
        cls,
        x: Floats,
        y: NDArray[np.integer[Any]],
        groups: NDArray[np.str_],
        placements: Sequence[str],
        classes: Sequence[str],
        rate_hz: float,
    ) -> WindowSet:
        """Windows (n, c, t) as `HarDataset.windows` and `Dataset.to_arrays` give them: 3 or 6 channels a placement."""
        n, c, t = x.shape
        width = c // max(1, len(placements))
        if width not in (3, 6) or width * len(placements) != c:
            raise ConfigError(
                f"{c} channels are not 3 or 6 for each of {len(placements)} placements.",
                "A placement is missing from the list, or a channel from the data.",
                "Give acceleration, or acceleration and angular rate, of every placement in the list.",
            )
        imu = np.zeros((n, len(placements), 6, t), np.float32)
        imu[:, :, :width] = x.reshape(n, len(placements), width, t)
        there = np.zeros((n, len(placements), 2), bool)
        there[:, :, : width // 3] = True
        return cls(imu, there, np.asarray(y, np.int64), groups, tuple(placements), tuple(classes), rate_hz)


_OPTIONAL: Final = ("pose", "pose_there", "video", "video_there", "text", "text_there", "split")
#: The dataset's names of the modalities.
MODALITY_NAMES: Final = ("imu", "pose", "video_embedding", "text")
_WHOSE: Final = ("person", "channel_id", "channel", "video_id")


def _whose(row: dict[str, Any]) -> str:
    return next((str(row[name]) for name in _WHOSE if row.get(name)), str(row["clip_id"]))


def _row(window: dict[str, Any], placements: Sequence[str], config: WindowsConfig) -> dict[str, Any] | None:
    count = len(window["time_s"])
    # Half the space: a day of eleven sensors has 0.6 GB so.
    imu = np.zeros((len(placements), 6, count), np.float16)
    there = np.zeros((len(placements), 2), bool)
    for at, placement in enumerate(placements):
        if np.mean(window[f"{placement}_valid"]) >= config.min_valid:
            imu[at, :3], imu[at, 3:] = window[f"{placement}_acc_m_s2"].T, window[f"{placement}_gyro_rad_s"].T
            there[at] = True
    pose_there = bool(np.mean(window["pose_valid"]) >= config.min_valid)
    row: dict[str, Any] = {"imu": imu, "imu_there": there, "pose_there": pose_there}
    if pose_there:
        row["pose"] = joints(window["pose_world_m"], config.pose_samples)
    for name in ("video", "text"):
        values = window[f"{name}_embedding"]
        row[f"{name}_there"] = values is not None
        if values is not None:
            row[name] = np.asarray(values, np.float32)
    return row if there.any() or any(row[f"{name}_there"] for name in ("pose", "video", "text")) else None


def joints(world_m: Floats, samples: int) -> NDArray[np.float32]:
    """(n, 33, 3) landmarks in m as (samples, 3k): `JOINTS` around the middle of the hips, in lengths of the torso."""
    chosen = np.asarray(world_m, np.float64)[:, [LANDMARK_INDEX[name] for name in JOINTS]]
    hips = chosen[:, [JOINTS.index("left_hip"), JOINTS.index("right_hip")]].mean(1)
    shoulders = chosen[:, [JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder")]].mean(1)
    torso_m = max(float(np.median(np.linalg.norm(shoulders - hips, axis=1))), _SHORTEST_TORSO_M)
    flat = ((chosen - hips[:, None]) / torso_m).reshape(len(chosen), -1)
    at = np.linspace(0, len(flat) - 1, samples)
    left = np.minimum(at.astype(int), max(0, len(flat) - 2))
    right = np.minimum(left + 1, len(flat) - 1)
    share = (at - left)[:, None]
    return np.asarray(flat[left] * (1 - share) + flat[right] * share, np.float32)


def _stacked(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Arrays of the modalities that at least one window has."""
    found: dict[str, Any] = {}
    for name in ("pose", "video", "text"):
        shown = next((row[name] for row in rows if row[f"{name}_there"]), None)
        if shown is not None:
            empty = np.zeros_like(shown)
            found[name] = np.stack([row.get(name, empty) for row in rows])
            found[f"{name}_there"] = np.array([row[f"{name}_there"] for row in rows])
    return found


def _chunks(count: int, size: int = 4096) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
