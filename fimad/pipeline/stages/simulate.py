"""Stage `simulate`: pose and camera artifacts in, virtual IMU signals out. The science is in `fimad.simulate`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimad.config import Section
from fimad.errors import FimadError
from fimad.pipeline.contract import ModelFile, Stage, StageInput
from fimad.schema import simulate_schema
from fimad.skeleton import FLOW_JOINTS, LANDMARKS

if TYPE_CHECKING:
    # SciPy takes a second: not to be loaded by a driver or a download that only asks for the stage's key.
    from fimad.simulate import Trajectories
    from fimad.simulate.devices.calibration import Calibration
    from fimad.simulate.types import CameraMotion, ImuSequence, LimbFlow, PoseSequence

Floats = NDArray[np.float64]
# Times are sums of binary fractions.
_ROUNDING_S = 1e-6
_Rows = Mapping[str, tuple[pa.Table, int]]


class SimulateStage(Stage):
    """Virtual accelerometer and gyroscope signals of every clip. Clips with nobody in them have NULL signals."""

    name: ClassVar[str] = "simulate"
    version: ClassVar[int] = 16
    upstream: ClassVar[tuple[str, ...]] = ("segment", "pose", "camera", "flow")
    optional: ClassVar[tuple[str, ...]] = ("camera", "flow")
    by_clip: ClassVar[bool] = True

    _calibration: Calibration | None = None

    def schema(self) -> pa.Schema:
        return simulate_schema(self.config.simulate.placements)

    @property
    def section(self) -> Section:
        # What a calibration says is in the key by its hash; where it lies must not be.
        return self.config.simulate.model_copy(update={"calibration": ""})

    def models(self) -> tuple[ModelFile, ...]:
        if not self.config.simulate.calibration:
            return ()
        from fimad.simulate.devices.calibration import calibration_sha256

        return (ModelFile("calibration", calibration_sha256(self.config.simulate.calibration)),)

    def setup(self) -> None:
        # SciPy takes a second to load: now, where that can be done ahead.
        import fimad.simulate  # noqa: F401

        if self.config.simulate.calibration and self._calibration is None:
            from fimad.simulate.devices.calibration import Calibration

            self._calibration = Calibration.load(self.config.simulate.calibration)

    def close(self) -> None:
        self._calibration = None

    def run(self, item: StageInput) -> pa.Table:
        pose = item.tables["pose"]
        cameras, flows = (_rows_by_clip(item.tables.get(name)) for name in ("camera", "flow"))
        begins = {row["clip_id"]: row["start_s"] for row in item.tables["segment"].to_pylist()}
        schema = self.schema()
        rows = []
        for at in range(pose.num_rows):
            rows.append(pa.Table.from_pylist([self._clip(pose, at, (cameras, flows), begins, item)], schema=schema))
            item.progress((at + 1) / pose.num_rows)
        return pa.concat_tables(rows) if rows else schema.empty_table()

    def _clip(
        self,
        pose: pa.Table,
        at: int,
        beside: tuple[_Rows, _Rows],
        begins_s: Mapping[str, float],
        item: StageInput,
    ) -> dict[str, Any]:
        from fimad.simulate import simulate_imu, to_device

        clip_id = pose.column("clip_id")[at].as_py()
        row: dict[str, Any] = {"clip_id": clip_id, "clip_index": pose.column("clip_index")[at].as_py()}
        cameras, flows = beside
        told = json.loads(_text(pose, "pose_report", at) or "{}")
        if "reason" in told:
            # Poses come from files, and there is none for this clip.
            return {**row, "flags": ["no_result"], "imu_report": json.dumps(told, sort_keys=True)}
        sequence: PoseSequence | Trajectories | None = trajectories(pose, at)
        if sequence is None:
            camera = camera_motion(*cameras[clip_id]) if clip_id in cameras else None
            sequence = pose_sequence(pose, at, camera, limb_flow(*flows[clip_id]) if clip_id in flows else None)
            if sequence is None or not np.isfinite(sequence.world_m).any():
                return {**row, "imu_report": json.dumps({"reason": "nobody"})}
        try:
            imu = simulate_imu(sequence, start_s=begins_s[clip_id], config=self.config.simulate)
            imu = to_device(imu, self.config.simulate, clip_id=clip_id, calibration=self._calibration)
        except FimadError as error:
            item.log.warning("%s: %s", clip_id, error.what)
            return {**row, "imu_report": json.dumps({"reason": error.reason, "what": error.what})}
        if doubts := told.get("flags"):
            report = {**imu.report, "flags": {**imu.report.get("flags", {}), **doubts}}
            imu = dataclasses.replace(imu, flags=tuple(sorted({*imu.flags, *doubts})), report=report)
        found = frame_times(pose, at)
        if found is not None and not found.get("conversions_hz"):
            imu = dataclasses.replace(imu, report={**imu.report, "frame_times": found})
        elif found is not None:
            report = {**imu.report, "frame_times": found}
            report["flags"] = {**report.get("flags", {}), "converted_rate": {"conversions_hz": found["conversions_hz"]}}
            imu = dataclasses.replace(imu, flags=tuple(sorted({*imu.flags, "converted_rate"})), report=report)
        return {**row, **imu_columns(imu)}


def _rows_by_clip(table: pa.Table | None) -> dict[str, tuple[pa.Table, int]]:
    if table is None:
        return {}
    return {clip_id: (table, at) for at, clip_id in enumerate(table.column("clip_id").to_pylist())}


def _array(table: pa.Table, name: str, at: int, *shape: int) -> Floats | None:
    """One cell's list as float64, folded to (n, *shape); None where the cell is NULL."""
    values = table.column(name)[at].values
    if values is None:
        return None
    # NULLs within a list become NaN.
    flat: Floats = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return flat.reshape(-1, *shape)


def _text(table: pa.Table, name: str, at: int) -> str:
    return str(table.column(name)[at].as_py() or "") if name in table.column_names else ""


def trajectories(pose: pa.Table, at: int) -> Trajectories | None:
    """One clip of a pose artifact that was read from a file: metric already, and no camera's business. None for an estimate."""
    from fimad.simulate.stored import restored

    root = _array(pose, "pose_root_m", at, 3) if "pose_root_m" in pose.column_names else None
    if root is None:
        return None
    names = ("time_s", "world_m", "visibility", "track", "segment_orientation")
    columns = {f"pose_{name}": _array(pose, f"pose_{name}", at) for name in names}
    told = json.loads(_text(pose, "pose_report", at) or "{}")
    return restored({**columns, "pose_root_m": root}, told.get("notes"))


def pose_sequence(
    pose: pa.Table, at: int, camera: CameraMotion | None, flow: LimbFlow | None = None
) -> PoseSequence | None:
    """One clip of a pose artifact; None where there are no frames. Flow of other frames than the pose's is left out."""
    from fimad.simulate.types import PoseSequence

    count = len(LANDMARKS)
    time_s = _array(pose, "pose_time_s", at)
    taken_s = _array(pose, "pose_source_time_s", at) if "pose_source_time_s" in pose.column_names else None
    image = _array(pose, "pose_image", at, count, 3)
    world_m = _array(pose, "pose_world_m", at, count, 3)
    visibility = _array(pose, "pose_visibility", at, count)
    if time_s is None or image is None or world_m is None or visibility is None or not len(time_s):
        return None
    # A repeated picture measures nothing; the others were taken when they were taken, not when they are shown.
    taken_s = time_s if taken_s is None else taken_s
    new = np.isfinite(taken_s)
    if not new.all() or not np.array_equal(taken_s, time_s):
        camera = None if camera is None else _retimed(camera, time_s, taken_s)
    flow = None if flow is None or len(flow.grey) != len(time_s) else _of_new(flow, new)
    return PoseSequence(
        time_s=taken_s[new],
        image=image[new],
        world_m=world_m[new],
        visibility=np.nan_to_num(visibility[new]),
        width_px=pose.column("width_px")[at].as_py(),
        height_px=pose.column("height_px")[at].as_py(),
        camera=camera,
        flow=flow,
    )


def _of_new(flow: LimbFlow, new: NDArray[np.bool_]) -> LimbFlow:
    """Motion between new pictures: nothing moved to a repeated one, but the little that was measured is kept."""
    if new.all():
        return flow
    at = np.flatnonzero(new)
    if not len(at):
        return dataclasses.replace(flow, dense=flow.dense[:0], grey=flow.grey[:0], share=flow.share[:0])
    begins = np.r_[0, at[:-1] + 1]
    dense, grey = (np.add.reduceat(each[: at[-1] + 1], begins, axis=0) for each in (flow.dense, flow.grey))
    return dataclasses.replace(flow, dense=dense, grey=grey, share=flow.share[at])


def _retimed(camera: CameraMotion, shown_s: Floats, taken_s: Floats) -> CameraMotion:
    """The camera's motion at the times at which pictures were taken, instead of those at which they are shown.

    Parameters
    ----------
    shown_s, taken_s : (n,) both times of the pose's frames; `taken_s` is NaN for a frame that repeats the one before.
    """
    new = np.isfinite(taken_s)
    latest = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
    nearest = np.clip(np.searchsorted(shown_s, camera.time_s - _ROUNDING_S), 0, len(shown_s) - 1)
    met = np.abs(shown_s[nearest] - camera.time_s) <= _ROUNDING_S
    # Frames that the pose did not look at lie between others.
    times = np.where(met, taken_s[latest[nearest]], np.interp(camera.time_s, shown_s[new], taken_s[new]))
    # A picture and its repeat have the same time, and nothing moved between them.
    rising = np.r_[True, np.diff(np.maximum.accumulate(times)) > 0]
    return dataclasses.replace(
        camera,
        time_s=times[rising],
        cut=camera.cut[rising],
        motion=camera.motion[rising],
        confidence=camera.confidence[rising],
    )


def frame_times(pose: pa.Table, at: int) -> dict[str, Any] | None:
    """What was found of a clip's frame rate, for its report; None if each frame has a picture of its own, at its time."""
    if "pose_rates_hz" not in pose.column_names:
        return None
    rates = pose.column("pose_rates_hz")[at].as_py()
    if rates is None:
        return {"unknown": "too few, uneven or still frames, or a rate that nothing is usually converted to"}
    taken_s = _array(pose, "pose_source_time_s", at)
    if not rates and (taken_s is None or np.isfinite(taken_s).all()):
        return None
    assert taken_s is not None  # noqa: S101  (an invariant: both columns are written together)
    return {
        "conversions_hz": [rates[i : i + 2] for i in range(0, len(rates), 2)],
        "frames": len(taken_s),
        "repeated_frames": int(np.isnan(taken_s).sum()),
    }


def camera_motion(camera: pa.Table, at: int) -> CameraMotion | None:
    """One clip of a camera artifact; None where nothing was measured."""
    from fimad.simulate.types import CameraMotion

    time_s = _array(camera, "camera_time_s", at)
    cut = _array(camera, "camera_cut", at)
    motion = _array(camera, "camera_motion", at, 4)
    confidence = _array(camera, "camera_confidence", at)
    if time_s is None or cut is None or motion is None or confidence is None or not len(time_s):
        return None
    change, light = (_array(camera, f"camera_person_{name}", at) for name in ("change", "light"))
    return CameraMotion(time_s, cut.astype(bool), motion, confidence, person_change=change, person_light=light)


def limb_flow(flow: pa.Table, at: int) -> LimbFlow | None:
    """One clip of a flow artifact; None where there are no frames."""
    from fimad.simulate.types import LimbFlow

    count = len(FLOW_JOINTS)
    dense, grey = (_array(flow, f"flow_{name}", at, count, 2) for name in ("dense", "grey"))
    shares = [_array(flow, f"flow_{name}_share", at, count) for name in ("dense", "grey")]
    if dense is None or grey is None or shares[0] is None or shares[1] is None or not len(dense):
        return None
    return LimbFlow(dense, grey, np.maximum(shares[0], shares[1]))


def imu_columns(imu: ImuSequence) -> dict[str, Any]:
    """The columns of the `simulate` artifact for one clip."""
    qualities = [signal.quality for signal in imu.signals.values()]
    columns: dict[str, Any] = {
        "imu_time_s": imu.time_s,
        "imu_rate_hz": imu.rate_hz,
        "imu_root_m": _flat(imu.root_m),
        "imu_quality": float(np.median(qualities)) if qualities else None,
        "flags": list(imu.flags),
        "imu_report": json.dumps(imu.report, sort_keys=True),
    }
    for placement, signal in imu.signals.items():
        columns |= {
            f"{placement}_acc_m_s2": _flat(signal.acc_m_s2),
            f"{placement}_gyro_rad_s": _flat(signal.gyro_rad_s),
            f"{placement}_lin_acc_world_m_s2": _flat(signal.lin_acc_world_m_s2),
            f"{placement}_orientation": _flat(signal.orientation),
            f"{placement}_valid": signal.valid,
            f"{placement}_sigma_m_s2": _flat(signal.sigma_m_s2),
            f"{placement}_gyro_sigma_rad_s": _flat(signal.gyro_sigma_rad_s),
            f"{placement}_quality": signal.quality,
        }
    return columns


def _flat(values: Floats) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32).reshape(-1)
