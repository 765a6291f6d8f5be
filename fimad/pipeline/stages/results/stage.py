"""Stage `pose` with `pose.from`: poses of files of motion, in metres, in place of an estimate from the pictures.

A file that is named by a clip is on the clip's clock: its 0 s is the clip's start. One that is named by a video is on the video's clock,
and is cut to the clips. Frames are those of the file, at its own rate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa

from fimad.config import PoseConfig, Section
from fimad.errors import LEFT_OUT, ConfigError, FimadError, PermanentError, SetupError, TransientError, Unavailable
from fimad.pipeline.contract import ModelFile, Stage, StageInput
from fimad.pipeline.stages.camera import CameraStage
from fimad.pipeline.stages.flow import FlowStage
from fimad.pipeline.stages.results.folder import ResultFile, ResultsFolder
from fimad.pipeline.stages.segment import kept_clips
from fimad.schema import POSE_RESULTS

_FILES = ("map", "skeleton", "body_model")
_LIBRARIES = {".c3d": "ezc3d", ".bvh": "bvhio"}
# Times of frames are sums of binary fractions.
_ROUNDING_S = 1e-6
# A result this much longer or shorter than what it is of may well have another rate than it says.
_OTHER_LENGTH_S, _OTHER_LENGTH = 1.0, 0.05
_DAMAGED = "It is damaged, or something else than its name says."
_LOOK = "Look at it with `fimad simulate FILE --list`, and write it anew."
Row = dict[str, Any]


class PoseResultsStage(Stage):
    """Poses from the folder `pose.from`; one row per clip that is kept."""

    name: ClassVar[str] = "pose"
    version: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    by_clip: ClassVar[bool] = True

    _folder: ResultsFolder | None = None
    _said: dict[str, Any] | None = None

    def schema(self) -> pa.Schema:
        return POSE_RESULTS

    @property
    def section(self) -> Section:
        # What files say is in the key by their hashes; where they lie must not be, nor how pictures would be looked at.
        options = {name: "" if name in _FILES else value for name, value in self.config.pose.options.items()}
        return PoseConfig.model_validate({"options": options})

    def models(self) -> tuple[ModelFile, ...]:
        from fimad.models import model_file

        options = self.config.pose.options
        files = [
            ModelFile(name, model_file(str(Path(options[name]).expanduser().absolute()), self.config).sha256)
            for name in _FILES
            if options.get(name)
        ]
        return (ModelFile("results", self._listed().sha256()), *files)

    def requires(self) -> tuple[str, ...]:
        try:
            ends = self._listed().suffixes()
        except SetupError:
            # `unavailable` says so.
            return ()
        return tuple(module for suffix, module in _LIBRARIES.items() if suffix in ends)

    def unavailable(self) -> Unavailable | None:
        try:
            self._listed()
            self._options()
            self.models()
        except FimadError as error:
            return Unavailable(error.reason, error.what, error.fix)
        return None

    def setup(self) -> None:
        import fimad.simulate.readers  # noqa: F401  (SciPy takes a second to load)

        self._folder = self._folder or ResultsFolder(Path(self.config.pose.from_))
        self._said = self._said or self._options()

    def close(self) -> None:
        self._folder = None
        self._said = None

    def _listed(self) -> ResultsFolder:
        # Listed anew wherever keys are made: files come and go.
        return self._folder or ResultsFolder(Path(self.config.pose.from_))

    def _options(self) -> dict[str, Any]:
        """`pose.options` as `read_motion` takes them."""
        options: dict[str, Any] = {name: value for name, value in self.config.pose.options.items() if value}
        if "rate_hz" in options:
            try:
                options["rate_hz"] = float(options["rate_hz"])
            except ValueError as error:
                raise ConfigError(
                    f"pose.options.rate_hz is {options['rate_hz']!r}.",
                    "It is no number.",
                    "Give frames a second, such as 30.",
                ) from error
        if "map" in options:
            from fimad.simulate.readers import read_map

            options["names"] = read_map(Path(options.pop("map")).expanduser())
        return options

    def run(self, item: StageInput) -> pa.Table:
        self.setup()
        clips = kept_clips(item.tables["segment"])
        video = item.tables["download"].to_pylist()[0]
        reading = _Reading(cast(ResultsFolder, self._folder), self._said or {}, item, video)
        rows, errors = [], []
        for clip in clips:
            try:
                made, error = reading.clip(clip), None
            except (SetupError, TransientError):
                raise
            except FimadError as raised:
                made, error = {}, raised
            except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, RuntimeError) as raised:
                # A file that its reader does not expect costs its clips, whatever the reader's libraries make of it.
                made, error = {}, _unexpected(raised)
            if error is not None:
                errors.append(error)
                item.log.warning("%s: %s", clip["clip_id"], error.what)
                made = {"pose_share": 0.0, "pose_report": _json(error)}
            rows.append(_row(clip, video, made))
            item.progress(len(rows) / len(clips))
        wholly = errors and len(errors) == len(clips)
        if wholly and not reading.elsewhere({clip["clip_id"] for clip in clips}):
            raise errors[0]
        return pa.concat_tables(rows) if rows else POSE_RESULTS.empty_table()


class _Reading:
    """The files of one video, each read once."""

    def __init__(self, folder: ResultsFolder, options: dict[str, Any], item: StageInput, video: Row) -> None:
        self._folder = folder
        self._options = options
        self._video_id = item.video.video_id
        self._duration_s: float | None = video["duration_s"]
        self._whole: Any = None
        self._met = False

    def elsewhere(self, clip_ids: set[str]) -> bool:
        """Whether other clips of the video than these may have a pose: parts of a long video fail by themselves."""
        return self._met or self._folder.has_other_clips(self._video_id, clip_ids)

    def clip(self, clip: Row) -> Row:
        """Columns of one clip. Raises `FimadError` if there is no file for it, or none that can be used."""
        own = self._folder.find(clip["clip_id"])
        length_s = clip["end_s"] - clip["start_s"]
        if own is not None:
            return self._cut(own, self._read(own), clip, clip["start_s"], length_s)
        whole = self._folder.find(self._video_id)
        if whole is None:
            raise PermanentError(
                f"There is no result for the clip {clip['clip_id']}.",
                f"No file of {self._folder.path} is named by the clip or by its video.",
                f"Put one there: {clip['clip_id']}.npz (its 0 s is the clip's start) or {self._video_id}.npz (the video's); "
                "or .bvh, .c3d, .trc, .amc, .csv.",
                reason="no_result",
            )
        if self._whole is None:
            try:
                self._whole = self._read(whole)
            except FimadError as error:
                # Once is enough: every clip of the video would find the same.
                self._whole = error
        if isinstance(self._whole, FimadError):
            raise self._whole
        times = self._whole.time_s
        self._met = self._met or bool(times[0] < (self._duration_s or np.inf) and times[-1] >= 0)
        return self._cut(whole, self._whole, clip, 0.0, self._duration_s)

    def _read(self, file: ResultFile) -> Any:
        from fimad.simulate.readers import read_motion

        options = dict(self._options)
        if file.suffix != ".amc":
            options.pop("skeleton", None)
        try:
            tracks = read_motion(file.path, **options)
        except ConfigError as error:
            # It is the file's fault, and not the configuration's.
            raise PermanentError(
                error.what, error.why or _DAMAGED, _as_options(error.fix) or _LOOK, reason="bad_result"
            ) from error
        finally:
            file.check()
        return tracks

    def _cut(self, file: ResultFile, tracks: Any, clip: Row, offset_s: float, length_s: float | None) -> Row:
        """The frames of a clip, on the video's clock, as columns."""
        from dataclasses import replace

        from fimad.simulate.stored import stored

        time_s = tracks.time_s + offset_s
        within = np.flatnonzero((time_s >= clip["start_s"] - _ROUNDING_S) & (time_s < clip["end_s"] - _ROUNDING_S))
        if not len(within):
            raise PermanentError(
                f"{file.path.name!r} has no frame of the clip {clip['clip_id']} ({clip['start_s']:g} to {clip['end_s']:g} s): "
                f"its frames are from {time_s[0]:g} to {time_s[-1]:g} s.",
                "A file named by a video is on the video's clock, one named by a clip begins with the clip; a wrong rate moves both.",
                f"Name it {clip['clip_id']}{file.suffix} if it is of this clip alone, or mend its times.",
                reason="result_elsewhere",
            )
        part = slice(int(within[0]), int(within[-1]) + 1)
        cut = replace(
            tracks,
            time_s=time_s[part],
            position_m=tracks.position_m[part],
            weight=tracks.weight[part],
            breaks=tracks.breaks[part],
            rotations={name: np.asarray(each)[part] for name, each in tracks.rotations.items()},
        )
        columns = stored(cut)
        step_s = float(np.median(np.diff(tracks.time_s))) if len(tracks.time_s) > 1 else 0.0
        seen_s = float(columns["pose_score"].sum()) * step_s
        report: dict[str, Any] = {"file": file.path.name, "frames": len(cut.time_s), "notes": dict(tracks.notes)}
        covers_s = float(tracks.time_s[-1] - tracks.time_s[0]) + step_s
        if length_s and abs(covers_s - length_s) > max(_OTHER_LENGTH_S, _OTHER_LENGTH * length_s):
            report["flags"] = {"result_length": {"result_s": round(covers_s, 3), "expected_s": round(length_s, 3)}}
        return {
            **columns,
            "pose_share": min(1.0, seen_s / max(clip["end_s"] - clip["start_s"], step_s, 1e-9)),
            "pose_from": file.path.name,
            "pose_report": json.dumps(report, sort_keys=True, default=str),
        }


def _row(clip: Row, video: Row, made: Row) -> pa.Table:
    single = {
        "clip_id": clip["clip_id"],
        "clip_index": clip["clip_index"],
        "width_px": video["width_px"],
        "height_px": video["height_px"],
        **made,
    }
    arrays = []
    for each in POSE_RESULTS:
        value = single.get(each.name)
        if isinstance(value, np.ndarray):
            flat = pa.array(value.reshape(-1), each.type.value_type)
            arrays.append(pa.ListArray.from_arrays(np.array([0, len(flat)], np.int32), flat).cast(each.type))
        else:
            arrays.append(pa.array([value], each.type))
    return pa.table(arrays, schema=POSE_RESULTS)


def _json(error: FimadError) -> str:
    return json.dumps({"reason": error.reason, "what": error.what, "why": error.why, "fix": error.fix}, sort_keys=True)


def _unexpected(error: Exception) -> PermanentError:
    return PermanentError(
        f"The result can't be read: {type(error).__name__}: {str(error)[:200]}",
        _DAMAGED,
        _LOOK,
        reason="bad_result",
    )


def _as_options(fix: str) -> str:
    """A remedy for `fimad simulate` as one for `fimad build`."""
    for flag, name in (("--source-rate-hz", "rate_hz"), *((f"--{name.replace('_', '-')}", name) for name in _TOLD)):
        fix = fix.replace(f"{flag} ", f"--set pose.options.{name}=")
        fix = fix.replace(flag, f"--set pose.options.{name}=...")
    return fix.replace("--list", "`fimad simulate FILE --list`")


_TOLD = ("body_model", "skeleton", "subject", "unit", "map", "up")


class CameraWithoutPoseStage(CameraStage):
    """`camera` that leaves nobody out of the background: results say where the body is in a room, not in the picture."""

    upstream: ClassVar[tuple[str, ...]] = ("download", "segment")
    optional: ClassVar[tuple[str, ...]] = ()
    same_pass: ClassVar[tuple[str, ...]] = ()


class NoFlowStage(FlowStage):
    """`flow` is not wanted: what pixels say of limbs mends an estimate, and would spoil a measurement."""

    def unavailable(self) -> Unavailable | None:
        return Unavailable(
            LEFT_OUT, "flow is left out: poses come from files (`pose.from`).", "Take out `pose.from` to have it."
        )
