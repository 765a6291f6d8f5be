"""What flow of limbs adds to landmarks: `python -m benchmarks.flow --data DIR ... [--clips DIR] [--heavy] [--keep DIR] [--json FILE]`.

- ``--data DIR ...``: rendered people, pairs of ``NAME.mp4`` and ``NAME.npz``. In one run, with the stages' own code: landmarks
  alone, with either flow, with both; with ``--heavy`` the heavy model likewise; and true landmarks, which are the bound. Scores
  are those of `benchmarks.fidelity`, over twelve joints; milliseconds a picture are processor time of one thread, without decoding, and what
  flow costs is told beside landmarks and beside all of a pass over the video.
  Motion in the picture is held against the projected truth by band and joint.
- ``--clips DIR``: real videos, without truth: coherence of landmarks and both flows by band.
- ``--keep DIR``: what was seen in a video is kept there, so that a run that was ended goes on.

How light, clothes, frame rate, compression and blur change it, `benchmarks.flow_conditions` tells.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import feather
from scipy import signal

from benchmarks.fidelity import table
from benchmarks.fidelity_product import coverage, placements, score_clip
from benchmarks.fidelity_scores import JOINTS, medians
from fimad.config import Config
from fimad.pipeline.contract import FrameConsumer, FrameStage, StageInput, Video
from fimad.pipeline.media.frames import run_frame_stages
from fimad.pipeline.stages.camera import CameraStage
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.flow import FlowStage
from fimad.pipeline.stages.pose import PoseStage
from fimad.pipeline.stages.segment import SegmentStage
from fimad.pipeline.stages.simulate import SimulateStage
from fimad.skeleton import FLOW_JOINTS, LANDMARK_INDEX, LANDMARKS

BANDS_HZ = ((0.5, 1), (1, 2), (2, 3), (3, 4.5), (4.5, 7))
_NUMBERS = ("r", "e_plane", "e_3d", "false_motion", "e_force", "e_gyro")
_VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v")
# Segments of this length say how alike two motions are.
_COHERENCE_S = 4.0


@dataclass
class Seen:
    """One clip as it was measured: tables of all stages; ms a picture of each, and of the pass with decoding."""

    item: StageInput
    ms: dict[str, float]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        row = self.item.tables["pose"].to_pylist()[0]
        return row["width_px"], row["height_px"]

    def landmarks(self) -> np.ndarray:
        """(n, 33, 2) px."""
        image = self.item.tables["pose"].column("pose_image")[0].values.to_numpy(zero_copy_only=False)
        return image.reshape(-1, len(LANDMARKS), 3)[..., :2] * self.size_px

    def moved(self, flow: str) -> np.ndarray:
        """(n, j, 2) px since the picture before, by `dense` or `grey`."""
        values = self.item.tables["flow"].column(f"flow_{flow}")[0].values.to_numpy(zero_copy_only=False)
        return values.reshape(-1, len(FLOW_JOINTS), 2) * self.size_px[0]


def look(media: Path, config: Config, folder: Path, kept: Path | None = None) -> Seen:
    """Decode once for pose, camera and flow, on one thread; or what an earlier run of the same stages kept."""
    import cv2
    from threadpoolctl import threadpool_limits

    cv2.setNumThreads(1)
    log = logging.getLogger("benchmarks.flow")
    item = StageInput(Video("v", "file", str(media)), {}, media, folder, lambda path, suffix: "", log)
    stages = [PoseStage(config), CameraStage(config), FlowStage(config)]
    about = {
        "model": config.pose.model,
        **{stage.name: stage.version for stage in stages},
        "bytes": media.stat().st_size,
    }
    tables: dict[str, pa.Table] = {}
    item.tables = tables
    if kept is not None and (kept / "seen.json").is_file():
        said = json.loads((kept / "seen.json").read_text(encoding="utf-8"))
        if said["about"] == about:
            tables |= {each.stem: feather.read_table(each) for each in sorted(kept.glob("*.arrow"))}
            return Seen(item, said["ms"])
    tables["download"] = DownloadStage(config).run(item)
    tables["segment"] = SegmentStage(config).run(item)
    for stage in stages:
        stage.setup()
    own_s: dict[str, float] = {}
    for stage in stages:
        _clock(stage, own_s)
    began = time.perf_counter(), time.process_time()
    # A second thread of the BLAS would be busy waiting, and be counted.
    with threadpool_limits(1):
        tables |= run_frame_stages(stages, item)
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    # Others may use the machine: parts of the clock, in time of the processor.
    a_picture = 1e3 * took[1] / took[0] / len(tables["pose"].column("pose_time_s")[0].values)
    ms = {name: each * a_picture for name, each in (own_s | {"pass": took[0]}).items()}
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        for name, each in tables.items():
            feather.write_feather(each, kept / f"{name}.arrow")
        (kept / "seen.json").write_text(json.dumps({"about": about, "ms": ms}), encoding="utf-8")
    return Seen(item, ms)


def _clock(stage: FrameStage, own_s: dict[str, float]) -> None:
    """Note how long a stage's consumer is busy, s; what a picture is converted to is done for whoever asks first."""
    make = stage.consumer

    def made(item: StageInput) -> FrameConsumer:
        consumer = make(item)
        for name in ("push", "finish"):
            setattr(consumer, name, clocked(getattr(consumer, name)))
        return consumer

    def clocked(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args)
            finally:
                own_s[stage.name] = own_s.get(stage.name, 0.0) + time.perf_counter() - began

        return call

    stage.consumer = made  # type: ignore[method-assign]


def one_flow(seen: Seen, kept: str) -> dict[str, pa.Table]:
    """Tables in which one flow stands for both: nothing then says where it is wrong."""
    flow, other = seen.item.tables["flow"], {"dense": "grey", "grey": "dense"}[kept]
    for end in ("", "_share"):
        at = flow.schema.get_field_index(f"flow_{other}{end}")
        flow = flow.set_column(at, flow.schema.field(at), flow.column(f"flow_{kept}{end}"))
    return {**seen.item.tables, "flow": flow}


def true_landmarks(seen: Seen, truth: Mapping[str, np.ndarray]) -> dict[str, pa.Table]:
    """Tables without flow, and with landmarks of the joints where the camera truly sees them."""
    pose = seen.item.tables["pose"]
    image = pose.column("pose_image")[0].values.to_numpy(zero_copy_only=False).reshape(-1, len(LANDMARKS), 3).copy()
    for name, place in projected(truth, len(image)).items():
        if name in LANDMARK_INDEX:
            image[:, LANDMARK_INDEX[name], :2] = place / seen.size_px
    at = pose.schema.get_field_index("pose_image")
    values = pa.array([image.reshape(-1)], pose.schema.field(at).type)
    tables = {name: each for name, each in seen.item.tables.items() if name != "flow"}
    return {**tables, "pose": pose.set_column(at, pose.schema.field(at), values)}


def projected(truth: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """(n, 2) px of every true point at the pictures' times."""
    camera, width, height = truth["cam"], *truth["size"]
    focal_px = height / 2 / np.tan(np.deg2rad(float(truth["fov_deg"])) / 2)
    ahead = truth["focal_point"] - camera
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    time_s = truth["frame_t"][:count]
    result = {}
    for name in (each for each in truth if each.endswith("_pos")):
        place = np.stack([np.interp(time_s, truth["t"], axis) for axis in truth[name].T], 1) - camera
        depth = place @ ahead
        x, y = width / 2 + focal_px * (place @ right) / depth, height / 2 - focal_px * (place @ up) / depth
        result[name.removesuffix("_pos")] = np.stack([x, y], 1)
    return result


def simulated(tables: Mapping[str, pa.Table], item: StageInput, config: Config) -> dict[str, Any]:
    """The row of the one clip."""
    return SimulateStage(config).run(replace(item, tables=tables)).to_pylist()[0] | {"start_s": 0.0}


def score(row: Mapping[str, Any], truth: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Medians over placements of one clip, and how many errors lie within twice their sigma."""
    sensors = score_clip(row, truth)
    scores = medians([sensors[name] for name in sensors if name in JOINTS], _NUMBERS)
    every = medians(sensors.values(), _NUMBERS)
    return {**scores, "e_force": every["e_force"], "e_gyro": every["e_gyro"], **coverage(sensors.values())}


def variants(seen: Seen, truth: Mapping[str, np.ndarray]) -> Iterator[tuple[str, Mapping[str, pa.Table], float | None]]:
    """Name, tables and ms a picture of what is compared on one model."""
    tables = seen.item.tables
    pose_ms = seen.ms["pose"]
    yield "landmarks", {name: each for name, each in tables.items() if name != "flow"}, pose_ms
    yield "dense flow", one_flow(seen, "dense"), pose_ms + seen.ms["flow"]
    yield "grey flow", one_flow(seen, "grey"), pose_ms + seen.ms["flow"]
    yield "flow", tables, pose_ms + seen.ms["flow"]
    yield "true landmarks", true_landmarks(seen, truth), None


class Band(NamedTuple):
    """Powers in a band: of the truth, of what was found, of the error; and what both have in common, summed over
    frequencies and axes."""

    true: float
    found: float
    wrong: float
    common: complex

    @property
    def error(self) -> float:
        """RMS error over RMS truth."""
        return float(np.sqrt(self.wrong / self.true))

    @property
    def gain(self) -> float:
        """How much of the truth is found."""
        return self.common.real / self.true

    @property
    def coherence(self) -> float:
        """Share of what was found that goes with the truth, 0 to 1; 0 of silence."""
        both = self.true * self.found
        return abs(self.common) ** 2 / both if both > 0 else 0.0


def band_errors(seen: Seen, truth: Mapping[str, np.ndarray]) -> dict[str, dict[str, list[Band]]]:
    """By joint and source, motion in the picture in each band."""
    landmarks, fps = seen.landmarks(), float(truth["fps"])
    places = projected(truth, len(landmarks))
    result: dict[str, dict[str, list[Band]]] = {}
    for name in (each for each in JOINTS if each in places):
        true = np.diff(places[name], axis=0)
        joint = FLOW_JOINTS.index(name)
        sources = {"landmarks": np.diff(landmarks[: len(true) + 1, LANDMARK_INDEX[name]], axis=0)}
        sources |= {flow: seen.moved(flow)[1 : len(true) + 1, joint] for flow in ("dense", "grey")}
        result[name] = {source: bands_of(true, np.nan_to_num(moved), fps) for source, moved in sources.items()}
    return result


def bands_of(true: np.ndarray, found: np.ndarray, rate_hz: float) -> list[Band]:
    """Each of `BANDS_HZ` of two signals (n, axes)."""
    window = np.hanning(len(true))[:, None]
    spectra = [np.fft.rfft(values * window, axis=0) for values in (true, found)]
    hz = np.fft.rfftfreq(len(true), 1 / rate_hz)
    result = []
    for low, high in BANDS_HZ:
        a, b = (each[(hz >= low) & (hz < high)] for each in spectra)
        powers = (float((abs(each) ** 2).sum()) for each in (a, b, b - a))
        result.append(Band(*powers, complex((a.conj() * b).sum())))
    return result


def band_table(clips: Mapping[str, Mapping[str, Any]], joints: Callable[[str], bool]) -> dict[str, dict[str, float]]:
    """Error over truth (RMS), gain and coherence by band, medians over joints and clips."""
    rows: dict[str, dict[str, float]] = {}
    for source in ("landmarks", "dense", "grey"):
        mine = [each[source] for found in clips.values() for name, each in found.items() if joints(name)]
        if not mine:
            continue
        for at, (low, high) in enumerate(BANDS_HZ):
            # Of a joint that is truly still there is no share that is found.
            moved = [each[at] for each in mine if each[at].true > 0]
            if not moved:
                continue
            row = rows.setdefault(f"{low}-{high} Hz", {})
            row[f"{source} e"] = float(np.median([each.error for each in moved]))
            row[f"{source} gain"] = float(np.median([each.gain for each in moved]))
            row[f"{source} coherence"] = float(np.median([each.coherence for each in moved]))
    return rows


def agreement(seen: Seen) -> dict[str, dict[str, float]]:
    """Coherence of landmarks and flows by band, median over joints, of a video whose truth nobody knows."""
    times = seen.item.tables["pose"].column("pose_time_s")[0].values.to_numpy(zero_copy_only=False)
    fps = 1 / float(np.median(np.diff(times)))
    landmarks = seen.landmarks()
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for name in JOINTS:
        joint = FLOW_JOINTS.index(name)
        motion = {"landmarks": np.diff(landmarks[:, LANDMARK_INDEX[name]], axis=0)}
        motion |= {flow: seen.moved(flow)[1:, joint] for flow in ("dense", "grey")}
        motion = {source: np.nan_to_num(each) for source, each in motion.items()}
        for a, b in (("landmarks", "dense"), ("landmarks", "grey"), ("dense", "grey")):
            length = min(len(motion[a]), round(_COHERENCE_S * fps))
            hz, alike = signal.coherence(motion[a], motion[b], fps, nperseg=length // 2, axis=0)
            bands = [alike[(hz >= low) & (hz < high)].mean() for low, high in BANDS_HZ if high < fps / 2]
            found.setdefault((a, b), []).append(np.array(bands))
    return {
        f"{a} ~ {b}": {
            f"{low}-{high} Hz": float(value)
            for (low, high), value in zip(BANDS_HZ, np.nanmedian(each, axis=0), strict=False)
        }
        for (a, b), each in found.items()
    }


def rendered(folders: list[Path], *, heavy: bool, keep: Path | None = None) -> dict[str, Any]:
    """Every table on people whose truth is known."""
    pairs = [
        video for folder in folders for video in sorted(folder.glob("*.mp4")) if video.with_suffix(".npz").exists()
    ]
    everywhere = placements(video.with_suffix(".npz") for video in pairs)
    rows: dict[str, dict[str, Any]] = {}
    costs: dict[str, dict[str, float]] = {}
    bands: dict[str, Any] = {}
    for video in pairs:
        with np.load(video.with_suffix(".npz"), allow_pickle=False) as file:
            truth = {name: file[name] for name in file}
        for model in ("full", "heavy") if heavy else ("full",):
            config = Config.model_validate({"pose": {"model": model}, "simulate": {"placements": everywhere}})
            with tempfile.TemporaryDirectory() as scratch:
                place = keep and keep / f"{video.parent.name}.{video.stem}.{model}"
                seen = look(video, config, Path(scratch), place)
            for name, tables, ms in variants(seen, truth):
                if model == "heavy" and name not in ("landmarks", "flow"):
                    continue
                label = name if model == "full" else f"heavy, {name}"
                row = simulated(tables, seen.item, config)
                rows.setdefault(label, {})[video.stem] = score(row, truth) | {"ms": ms}
            if model == "full":
                bands[video.stem] = band_errors(seen, truth)
                costs[video.stem] = _costs(seen.ms)
        print(video.stem, flush=True)
    numbers = (*_NUMBERS, "within_2s", "within_2s_world", "within_2s_gyro", "ms")
    parts = ("wrist", "elbow", "shoulder", "hip", "knee", "ankle")
    return {
        "n_clips": len(pairs),
        "ablation": {name: medians(clips.values(), numbers) for name, clips in rows.items()},
        "clips": {
            clip: {
                f"{name} {number}": rows[name][clip][number]
                for name in ("landmarks", "flow")
                for number in _NUMBERS[:3]
            }
            for clip in bands
        },
        "costs": costs | {"median": medians(costs.values(), list(next(iter(costs.values()))))},
        "bands": band_table(bands, lambda name: True),
        "joints": {part: band_table(bands, lambda name, part=part: name.endswith(part)) for part in parts},
    }


def _costs(ms: Mapping[str, float]) -> dict[str, float]:
    """What flow adds to landmarks, and to all that a pass over the video does without it: decoding, landmarks, camera."""
    without = ms["pass"] - ms["flow"]
    return {
        "landmarks": ms["pose"],
        "flow": ms["flow"],
        "times": 1 + ms["flow"] / ms["pose"],
        "pass": without,
        "pass with flow": ms["pass"],
        "pass times": ms["pass"] / without,
    }


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="folders of NAME.mp4 + NAME.npz pairs")
    parser.add_argument("--clips", type=Path, help="folder of real videos")
    parser.add_argument("--heavy", action="store_true", help="also with the heavy model")
    parser.add_argument("--keep", type=Path, help="folder for what was seen in the rendered videos")
    parser.add_argument("--json", type=Path, help="where to write every table")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    if options.data:
        result["rendered"] = found = rendered(options.data, heavy=options.heavy, keep=options.keep)
        table(f"{found['n_clips']} clips, medians; ms a picture of pose and flow, one thread", found["ablation"])
        table("By clip", found["clips"])
        table(
            "ms a picture, one thread: landmarks and flow alone, and a pass over the video with decoding and camera",
            found["costs"],
        )
        table("Motion in the picture, all joints: error over truth, and gain", found["bands"])
        for part, rows in found["joints"].items():
            table(f"Motion in the picture, {part}s", rows)
    if options.clips:
        result["real"] = {}
        for video in sorted(each for each in options.clips.iterdir() if each.suffix.lower() in _VIDEOS):
            with tempfile.TemporaryDirectory() as scratch:
                seen = look(video, Config(), Path(scratch))
            if len(seen.landmarks()) > 2 * len(BANDS_HZ) and np.isfinite(seen.landmarks()).any():
                result["real"][video.stem] = agreement(seen)
                table(f"{video.name}: coherence", result["real"][video.stem], digits=2)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
