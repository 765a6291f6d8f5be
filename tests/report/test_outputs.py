"""Overlay, figure and Rerun recording, opened by the programs that they are for."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fimad import demo
from fimad.errors import ConfigError
from fimad.report.overlay import draw, write_overlay
from fimad.report.sources import DatasetRows, rows_of
from fimad.skeleton import LANDMARK_INDEX, LANDMARKS
from tests.report.conftest import ARTIFACTS, MakeDataset

FOLDER = Path(demo.__file__).parent
JOINTS = [
    f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
]
START_S, END_S = 9.5, 12.0


@pytest.fixture(scope="module")
def row(make_dataset: MakeDataset) -> dict[str, Any]:
    return next(rows_of(next(DatasetRows(make_dataset(1)).tables())))


def truth_px(times: Any) -> Any:
    """(n, 12, 2): where the rendered person's joints are in the picture."""
    with np.load(FOLDER / "workout.truth.npz") as truth:
        at = np.round(times * 100).astype(int)
        points = np.stack([truth[f"{name}_pos"][at] for name in JOINTS], 1)
        camera, target, (width, height) = truth["cam"], truth["focal_point"], truth["size"]
        focal = height / 2 / np.tan(np.radians(float(truth["fov_deg"])) / 2)
    forward = (target - camera) / np.linalg.norm(target - camera)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    rays = points - camera
    depth = rays @ forward
    return np.stack(
        [width / 2 + rays @ right / depth * focal, height / 2 - rays @ np.cross(right, forward) / depth * focal], -1
    )


@pytest.fixture(scope="module")
def seen(weights: Any, row: dict[str, Any]) -> dict[str, Any]:
    """A stretch of the demo, as the real landmarker sees it."""
    from fimad.pipeline.media.pictures import ArrayView
    from fimad.pose.landmarker import LiteRtLandmarker
    from fimad.report.overlay import _pictures

    landmarker = LiteRtLandmarker(weights("pose/detector"), weights("pose/full"))
    times, images = [], []
    for time_s, rgb in _pictures(FOLDER / "workout.mp4", START_S, END_S):
        found = landmarker(ArrayView(rgb), time_s)
        times.append(time_s)
        images.append(np.full((len(LANDMARKS), 3), np.nan) if found is None else found.image)
    return {**row, "start_s": START_S, "end_s": END_S, "pose_time_s": np.array(times), "pose_image": np.array(images)}


def test_the_skeleton_lies_on_the_person(seen: dict[str, Any], tmp_path: Path) -> None:
    import av

    path = tmp_path / "overlay.mp4"
    told: list[float] = []
    count = write_overlay(seen, FOLDER / "workout.mp4", path, "left_wrist", tell=told.append)
    assert len(told) == count
    assert told == sorted(told)
    assert 0.9 < told[-1] <= 1
    truth = truth_px(seen["pose_time_s"])
    height_px = np.ptp(truth[0, :, 1]) / 0.73  # shoulders to ankles are 73 % of a person's height
    with av.open(str(path)) as video:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]
    assert count == len(frames) == len(seen["pose_time_s"]) == 75
    np.testing.assert_allclose([time for time, _ in frames], seen["pose_time_s"] - START_S, atol=1e-4)
    # What was drawn, found by its colour in the encoded picture: blue for the left leg, orange for the right.
    errors = []
    for (_, picture), joints in zip(frames[::10], truth[::10], strict=True):
        p = picture[:720].astype(int)
        blue = (p[..., 2] > 170) & (p[..., 0] < 130) & (p[..., 2] - p[..., 0] > 80)
        orange = (p[..., 0] > 190) & (p[..., 2] < 120) & (p[..., 1] > 90) & (p[..., 1] < 190)
        for name, mask in (("left", blue), ("right", orange)):
            y, x = np.nonzero(mask)
            for at, joint in enumerate(JOINTS):
                if joint.startswith(name):
                    errors.append(np.hypot(x - joints[at, 0], y - joints[at, 1]).min() / height_px)
    assert np.median(errors) < 0.03
    drawn = seen["pose_image"][:, [LANDMARK_INDEX[name] for name in JOINTS], :2] * [1280, 720]
    assert np.nanmedian(np.linalg.norm(drawn - truth, axis=2)) / height_px < 0.03


def test_the_overlay_plays_in_a_browser(tab: Any, seen: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    write_overlay(seen, FOLDER / "workout.mp4", path, "left_wrist")
    (tmp_path / "play.html").write_text('<!doctype html><title>t</title><video src="overlay.mp4" muted></video>')
    tab.goto((tmp_path / "play.html").as_uri())
    tab.evaluate("document.querySelector('video').play()")
    tab.wait_for_function("document.querySelector('video').currentTime > 0.5")
    assert tab.evaluate("document.querySelector('video').videoWidth") == 1280
    ARTIFACTS.mkdir(exist_ok=True)
    tab.screenshot(path=ARTIFACTS / "overlay.png")


def test_faces_are_hidden_unless_asked() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    points = np.tile([160.0, 60.0], (33, 1))
    points[:11] += rng.uniform(-15, 15, (11, 2))
    points[11:] += [0, 80]
    hidden = draw(picture.copy(), points, blur_faces=True)
    face = slice(45, 75), slice(145, 175)
    assert hidden[face].std() < 0.35 * picture[face].std()
    np.testing.assert_array_equal(hidden[200:], picture[200:])
    nobody = draw(picture.copy(), np.full((33, 2), np.nan), blur_faces=True)
    assert nobody.std() < 0.35 * picture.std()
    np.testing.assert_array_equal(draw(picture.copy(), np.full((33, 2), np.nan), blur_faces=False), picture)


def test_a_figure(row: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from fimad.report.figure import write_figure

    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        write_figure(row, tmp_path / f"figure{suffix}", "pelvis")
        assert (tmp_path / f"figure{suffix}").read_bytes().startswith(magic)
    with pytest.raises(ConfigError, match="left_ear"):
        write_figure(row, tmp_path / "figure.png", "left_ear")


def test_a_recording_opens_with_reruns_own_reader(row: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk is not installed")
    from fimad.report.recording import write_recording

    path = tmp_path / "clip.rrd"
    write_recording(row, path)
    done = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "print", str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for entity in ("/world/skeleton", "/world/sensors/pelvis", "/acc_m_s2/left_wrist", "/transcript"):
        assert entity in done.stdout
    verified = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "verify", str(path)], capture_output=True, timeout=60
    )
    assert verified.returncode == 0, verified.stderr


def test_the_strip_has_a_scale_and_a_legend(row: dict[str, Any]) -> None:
    from fimad.report.overlay import _AXES, _marks, _Strip

    acc = np.array(row["left_wrist_acc_m_s2"]).reshape(-1, 3)
    acc[160] = 900  # impossible, and no reason to flatten the rest
    acc[:100] = np.nan
    strip = _Strip({**row, "left_wrist_acc_m_s2": acc}, "left_wrist")
    picture = strip.below(np.zeros((360, 640, 3), np.uint8), float(row["imu_time_s"][150]))
    assert picture.shape == (450, 640, 3)
    marks = _marks(acc)
    assert marks[0] <= 0 <= 9.8 <= marks[-1] <= 15
    below = picture[360:]
    lines = [y for y in range(len(below)) if (below[y, 40:140] == (52, 56, 60)).all(axis=1).mean() > 0.5]
    assert len(lines) == len(marks)
    legend = below[:14]
    for colour in _AXES:
        assert (np.abs(legend.astype(int) - colour).sum(axis=2) < 60).any(), "each axis is named in its colour"


def test_a_figures_skeletons_lie_within_it(
    row: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure_of = pytest.importorskip("matplotlib.figure").Figure
    from fimad.report.figure import write_figure

    kept: list[Any] = []
    save = figure_of.savefig
    monkeypatch.setattr(figure_of, "savefig", lambda self, *a, **k: (kept.append(self), save(self, *a, **k))[1])
    write_figure(row, tmp_path / "figure.png", "left_wrist")
    top = kept[0].axes[0]
    drawn = matplotlib.transforms.Bbox.union([each.get_window_extent() for each in top.lines])
    width, height = kept[0].bbox.size
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height


def test_a_dataset_plots_a_clip(make_dataset: MakeDataset, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    import fimad
    from fimad.errors import DatasetError

    dataset = fimad.open_dataset(make_dataset(1))
    figure = dataset.plot("video000000___1", "pelvis", tmp_path / "clip.png")
    assert (tmp_path / "clip.png").read_bytes().startswith(b"\x89PNG")
    assert "video000000___1" in figure.get_suptitle()
    line = figure.axes[0].lines[2]
    np.testing.assert_array_equal(line.get_ydata(), dataset.clip("video000000___1")["pelvis_acc_m_s2"][:, 2])
    assert dataset.plot("video000000___0").axes[1].get_title(loc="left").startswith("left_wrist")
    with pytest.raises(ConfigError, match="tail"):
        dataset.plot("video000000___1", "tail")
    with pytest.raises(ConfigError, match="can't be written"):
        dataset.plot("video000000___1", path=tmp_path / "no" / "clip.png")
    with pytest.raises(DatasetError):
        dataset.plot("elsewhere___0")


def test_no_media_file_is_an_error_with_a_remedy(seen: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        write_overlay(seen, tmp_path / "none.mp4", tmp_path / "overlay.mp4", "left_wrist")
    assert error.value.fix


def test_base64_is_what_the_policy_names() -> None:
    import hashlib
    import re

    from fimad.report.model import Report
    from fimad.report.page import page

    text = page(Report("name", "", "0", ""), {})
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in text
    assert not re.search(r"(src|href)=[\"']?https?:", text)
