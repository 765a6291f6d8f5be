"""What goes into the virtual IMU and what comes out: plain NumPy arrays with a written contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fimad.errors import ConfigError, SetupError

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


# Motion is recorded at 1 to 10,000 frames a second, and a video may be looked at every few seconds alone; what is slower or
# quicker is in no seconds.
_STEPS_S = (1e-4, 1.0)
_SLOWEST_LOOK_S = 10.0


def check_times(time_s: Floats, slowest_s: float = _STEPS_S[1]) -> None:
    """Raise `ConfigError` unless times rise, and are seconds: steps of at most `slowest_s`."""
    fix = "Give presentation times in s, one a frame, each later than the one before."
    steps = time_s[1:] - time_s[:-1]
    # As a rule two numbers show that all is well.
    if len(steps) and _STEPS_S[0] <= steps.min() and steps.max() <= slowest_s:
        return
    wrong = np.flatnonzero(~(steps > 0))
    if len(wrong) or not np.isfinite(time_s).all():
        at = int(wrong[0]) if len(wrong) else 0
        raise ConfigError(
            f"Times do not rise: number {at + 1} is {time_s[at]:.6g}, the next {time_s[min(at + 1, len(time_s) - 1)]:.6g}.",
            "Rows are double, out of order, or have no time.",
            fix,
        )
    if len(steps) and not _STEPS_S[0] <= float(np.median(steps)) <= slowest_s:
        raise ConfigError(
            f"The times are {np.median(steps):.6g} apart.", "They are milliseconds, or numbers of frames.", fix
        )


@dataclass(frozen=True)
class CameraMotion:
    """How the picture's background moved, frame by frame, and where the film was cut.

    Parameters
    ----------
    time_s : (m,) presentation times in s, rising.
    cut : (m,) True where a new shot begins with this frame.
    motion : (m, 4) similarity that takes the previous frame's background to this one's: shift x and y in fractions of
        the picture's width, rotation in rad, natural logarithm of the scale. Zero for the first frame of a shot.
    confidence : (m,) 0 to 1: the share of the background that agrees with `motion`; 0 where that is unknown.
    person_change : (m,) mean change of luminance, of 255, since the picture before, where the person is; NaN without one. None
        if it was not measured.
    person_light : (m,) mean luminance, of 255, where the person is; likewise.
    """

    time_s: Floats
    cut: Bools
    motion: Floats
    confidence: Floats
    person_change: Floats | None = None
    person_light: Floats | None = None


@dataclass(frozen=True)
class LimbFlow:
    """How a person's joints moved from each picture to the next, as pixels show it (`skeleton.FLOW_JOINTS`).

    Parameters
    ----------
    dense, grey : (n, j, 2) displacement since the picture before, of x and y in fractions of the picture's width, by two
        estimators that err differently; NaN where nothing was measured.
    share : (n, j) 0 to 1: how much of it pixels told; the rest is what landmarks say.
    """

    dense: Floats
    grey: Floats
    share: Floats


@dataclass(frozen=True)
class PoseSequence:
    """One person's landmarks over a clip, as a monocular pose estimator gives them.

    Parameters
    ----------
    time_s : (n,) presentation times in s, strictly rising; irregular spacing is fine.
    image : (n, 33, 3) x and y in fractions of the picture's width and height, y down; z is MediaPipe's relative depth on
        the scale of x. NaN where nobody was found.
    world_m : (n, 33, 3) metres, hip-centred, axes of the camera: x right, y down, z forward. NaN where nobody was found.
    visibility : (n, 33) 0 to 1; 0 where nobody was found.
    width_px, height_px : size of the upright picture, for the aspect ratio.
    camera : the picture's own motion, or None where it was not measured.
    flow : how joints moved from picture to picture, or None where it was not measured.
    """

    time_s: Floats
    image: Floats
    world_m: Floats
    visibility: Floats
    width_px: int
    height_px: int
    camera: CameraMotion | None = None
    flow: LimbFlow | None = None

    def __post_init__(self) -> None:
        check_times(self.time_s, _SLOWEST_LOOK_S)


@dataclass(frozen=True)
class PlacementSignal:
    """The readings of one virtual sensor on the clip's IMU clock of m samples.

    Parameters
    ----------
    acc_m_s2 : (m, 3) specific force f = Rᵀ(a − g) in the sensor frame: 9.81 up at rest, 0 in free fall.
    gyro_rad_s : (m, 3) angular rate in the sensor frame.
    lin_acc_world_m_s2 : (m, 3) linear acceleration in the world frame (x to the image's right, y away from the camera, z up).
    rotation : (m, 3, 3) sensor to world.
    valid : (m,) False where the sample rests on nothing measured (long gap, cut, lost person); values there are NaN.
    sigma_m_s2 : (m,) standard uncertainty of the specific force: RMS length of its error.
    gyro_sigma_rad_s : (m,) standard uncertainty of the angular rate, likewise.
    quality : 0 to 1: the share of the motion's power that is likely to be right, times the landmarks' visibility, times the share
        of valid samples.
    """

    acc_m_s2: Floats
    gyro_rad_s: Floats
    lin_acc_world_m_s2: Floats
    rotation: Floats
    valid: Bools
    sigma_m_s2: Floats
    gyro_sigma_rad_s: Floats
    quality: float

    @property
    def orientation(self) -> Floats:
        """(m, 4) unit quaternions x, y, z, w of `rotation`, as SciPy writes them, without jumps of sign; NaN where not valid.

        `Rotation.from_quat(orientation).apply(acc_m_s2) + (0, 0, -9.80665)` is `lin_acc_world_m_s2`.
        """
        result = np.full((len(self.valid), 4), np.nan)
        known = np.flatnonzero(np.isfinite(self.rotation).all((1, 2)))
        if len(known):
            turns = Rotation.from_matrix(self.rotation[known]).as_quat()
            # q and -q are one orientation: the nearer one is taken, so that a sequence can be interpolated.
            flips = np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0)
            result[known] = turns * np.concatenate([[1.0], np.cumprod(flips)])[:, None]
        return result


@dataclass(frozen=True)
class ImuSequence:
    """Virtual IMU signals of one clip.

    Parameters
    ----------
    time_s : (m,) the IMU clock in s, uniform at `rate_hz`, on the video's time line.
    rate_hz : samples per second.
    signals : by placement.
    root_m : (m, 3) the pelvis' position in the world frame in m, slow drift removed.
    report : what the estimate rests on (focal length, up vector and its confidence, masked spans, cut-offs), JSON-ready.
    flags : what is doubtful about the clip, one word each, sorted.
    """

    time_s: Floats
    rate_hz: float
    signals: Mapping[str, PlacementSignal]
    root_m: Floats
    report: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def to_frame(self, clip_id: str = "") -> Any:
        """A pandas frame, one row a sample; columns as in `readings.table.flat_table` (`left_wrist_acc_x_m_s2`, ...).

        Raises `SetupError` without pandas.
        """
        if find_spec("pandas") is None:
            raise SetupError("pandas is not installed.", "A frame is one of its.", "pip install pandas")
        from fimad.simulate.readings.table import flat_table

        return flat_table({clip_id: self}).to_pandas()

    def plot(self, path: str | Path | None = None, placement: str | None = None) -> Any:
        """A matplotlib figure of specific force, angular rate and their uncertainty, of one sensor or of all.

        Parameters
        ----------
        path : also write it to this PNG, PDF or SVG.
        placement : of this sensor alone.

        Raises `ConfigError` for a placement that is not there, `SetupError` without matplotlib.
        """
        from fimad.simulate.readings.picture import draw_signal

        return draw_signal(self, path, placement)
