"""Pose estimators of other makers: a package with an entry point, through the stages that users run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from makers import video

from fimad.config import Config, parse_config
from fimad.errors import ConfigError
from fimad.pipeline.build import build
from fimad.pipeline.state.workspace import Workspace
from fimad.pose.plugins import KeypointEstimator, Keypoints, PluginLandmarker, estimator_class
from fimad.skeleton import LANDMARK_INDEX

# All that a package of somebody else's needs.
PACKAGE = '''
import hashlib
from pathlib import Path

import numpy as np

from fimad.pose import KeypointEstimator, Keypoints

NAMES = ("nose", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
         "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")
PLACES = np.array([(.5, .2), (.54, .3), (.46, .3), (.56, .42), (.44, .42), (.57, .53), (.43, .53), (.52, .55), (.48, .55),
                   (.52, .72), (.48, .72), (.52, .9), (.48, .9)], np.float32)


class Mannequin(KeypointEstimator):
    """Sees the same person in every picture, who lifts the left wrist where it is bright."""

    names = NAMES

    @classmethod
    def files(cls, options):
        return (Path(options["model"]),)

    def look(self, rgb):
        places = PLACES.copy()
        places[NAMES.index("left_wrist"), 1] -= 0.001 * float(rgb.mean())
        return [Keypoints(places, np.full(len(NAMES), 0.9, np.float32))]
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as pip would leave it."""
    folder = tmp_path / "site"
    info = folder / "mannequin-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "mannequin.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mannequin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[fimad.pose_estimators]\nmannequin = mannequin:Mannequin\nwrong = mannequin:NAMES\n"
    )
    (tmp_path / "weights.bin").write_bytes(b"one")
    monkeypatch.syspath_prepend(folder)
    return tmp_path


def settings(folder: Path) -> Config:
    return parse_config(
        {
            "workspace": str(folder / "workspace"),
            "dataset": str(folder / "dataset"),
            "pose": {"backend": "mannequin", "rate_hz": 8, "options": {"model": str(folder / "weights.bin")}},
            "run": {"workers": 0},
        }
    )


def test_a_package_with_an_entry_point_is_a_backend(installed: Path, tmp_path: Path) -> None:
    assert PACKAGE.count("\n") <= 60
    config = settings(installed)
    summary = build(config, [str(video(tmp_path / "a.mp4"))], "simulate", pack=False)
    assert summary.exit_code == 0, summary.failures
    assert summary.stages["simulate"]["done"] == 1
    workspace = Workspace(config.workspace)
    [(video_id, _)] = list(workspace.entries("pose", summary.stages["pose"]["key"]))
    table = workspace.read("pose", summary.stages["pose"]["key"], video_id)
    assert min(table.column("pose_share").to_pylist()) == 1.0
    shown = np.array(table.column("pose_visibility")[0].as_py()).reshape(-1, 33)
    assert float(shown[:, LANDMARK_INDEX["left_wrist"]].min()) == pytest.approx(0.9)
    # What it does not have rests on nothing.
    assert float(shown[:, LANDMARK_INDEX["left_index"]].max()) == 0
    # Other weights, other artifacts.
    (installed / "weights.bin").write_bytes(b"two")
    again = build(config, [str(video(tmp_path / "a.mp4"))], "pose", pack=False)
    assert again.stages["pose"]["key"] != summary.stages["pose"]["key"]


def test_names_that_nothing_has_are_refused_with_those_that_there_are(installed: Path) -> None:
    with pytest.raises(ConfigError, match="no pose estimator 'mediapip'") as caught:
        estimator_class("mediapip")
    assert "litert, mediapipe, rtmpose, mannequin" in caught.value.fix
    with pytest.raises(ConfigError, match="no KeypointEstimator"):
        estimator_class("wrong")


class Two(KeypointEstimator):
    """Two people, of whom the second one is larger; they trade places in the list."""

    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_ankle")
    turn = 0

    def look(self, rgb: np.ndarray) -> list[Keypoints]:
        self.turn += 1
        small = np.array([(0.2, 0.4), (0.16, 0.4), (0.2, 0.5), (0.16, 0.5), (0.2, 0.7)], np.float32)
        large = np.array([(0.8, 0.2), (0.7, 0.2), (0.8, 0.5), (0.7, 0.5), (0.8, 0.95)], np.float32)
        people = [Keypoints(each, np.ones(5, np.float32), sigma=np.full(5, 0.0, np.float32)) for each in (small, large)]
        return people[:: 1 if self.turn % 2 else -1]


class Picture:
    """A black picture."""

    size_px = (640, 360)
    rgb = np.zeros((360, 640, 3), np.uint8)

    def crop(self, matrix: np.ndarray, side_px: int, out: np.ndarray) -> None:
        out[:] = 0


def test_one_person_is_followed_and_placed_in_metres() -> None:
    landmarker = PluginLandmarker(Two({}))
    found = [landmarker(Picture(), 0.1 * at) for at in range(6)]
    assert all(each is not None for each in found)
    assert {each.track for each in found if each} == {0}
    one = found[0]
    assert one is not None
    np.testing.assert_allclose(one.image[LANDMARK_INDEX["left_shoulder"], :2], (0.8, 0.2), atol=1e-6)
    trunk = one.world_m[LANDMARK_INDEX["left_shoulder"]] - one.world_m[LANDMARK_INDEX["left_hip"]]
    assert float(np.linalg.norm(trunk)) == pytest.approx(0.288 * 1.7, rel=0.05)
    landmarker.reset()
    again = landmarker(Picture(), 5.0)
    assert again is not None
    assert again.track == 1
    other = landmarker.fresh()(Picture(), 0.0)
    assert other is not None
    assert other.track == 0


def test_uncertainty_lowers_visibility() -> None:
    class Unsure(Two):
        def look(self, rgb: np.ndarray) -> list[Keypoints]:
            return [Keypoints(each.image, each.score, sigma=np.full(5, 0.05, np.float32)) for each in super().look(rgb)]

    sure, unsure = PluginLandmarker(Two({}))(Picture(), 0.0), PluginLandmarker(Unsure({}))(Picture(), 0.0)
    assert sure is not None
    assert unsure is not None
    at = LANDMARK_INDEX["left_hip"]
    assert unsure.visibility[at] < 0.5 < sure.visibility[at]


def test_rtmpose_runs_on_a_model_of_its_form(tmp_path: Path) -> None:
    pytest.importorskip("rtmlib", reason="the extra rtmpose is not installed")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            *(
                node
                for name in ("x", "y")
                for node in (
                    helper.make_node("MatMul", ["flat", f"w{name}"], [f"long{name}"]),
                    helper.make_node("Reshape", [f"long{name}", f"shape{name}"], [f"raw{name}"]),
                    helper.make_node("Sigmoid", [f"raw{name}"], [f"simcc_{name}"]),
                )
            ),
        ],
        "untrained",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 256, 192])],
        [helper.make_tensor_value_info(f"simcc_{name}", TensorProto.FLOAT, [1, 26, size]) for name, size in (("x", 384), ("y", 512))],
        [
            *(numpy_helper.from_array(random.normal(size=(3, 26 * size)).astype(np.float32), f"w{name}") for name, size in (("x", 384), ("y", 512))),
            *(numpy_helper.from_array(np.array([1, 26, size], np.int64), f"shape{name}") for name, size in (("x", 384), ("y", 512))),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "untrained.onnx")
    config = parse_config(
        {
            "workspace": str(tmp_path / "workspace"),
            "dataset": str(tmp_path / "dataset"),
            "pose": {"backend": "rtmpose", "rate_hz": 2, "options": {"model": str(tmp_path / "untrained.onnx")}},
            "run": {"workers": 0},
        }
    )
    summary = build(config, [str(video(tmp_path / "a.mp4"))], "simulate", pack=False)
    assert summary.exit_code == 0, summary.failures
    assert summary.stages["pose"]["done"] == 1


def test_rtmpose_without_its_file_says_what_to_type() -> None:
    with pytest.raises(ConfigError, match="no file") as caught:
        estimator_class("rtmpose").files({})
    assert "pose.options.model" in caught.value.fix
