"""`fimad verify` names every corruption."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from synthetic import SyntheticSource, small_config
from typer.testing import CliRunner

from fimad.cli import app
from fimad.dataset.packing.pack import pack
from fimad.dataset.verify import verify
from fimad.storage.store import open_store


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "dataset"
    config = small_config(("left_wrist",), shard_bytes=40_000)
    pack(SyntheticSource(10, config, clip_s=1.0), config, open_store(str(folder)))
    return folder


@pytest.mark.parametrize("seed", range(100))
def test_a_random_corruption_is_found(whole: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    folder = tmp_path / "d"
    shutil.copytree(whole, folder)
    shards = sorted((folder / "data").iterdir())
    kind = draw.choice(["flip", "flip", "flip", "missing", "swap", "truncate", "manifest", "extra"])
    target = draw.choice([path for path in sorted(folder.rglob("*")) if path.is_file()])
    if kind == "flip":
        raw = bytearray(target.read_bytes())
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        target.write_bytes(raw)
    elif kind == "missing":
        target.unlink()
    elif kind == "swap":
        a, b = draw.sample(shards, 2)
        first, second = a.read_bytes(), b.read_bytes()
        a.write_bytes(second)
        b.write_bytes(first)
        target = a
    elif kind == "truncate":
        raw = target.read_bytes()
        target.write_bytes(raw[: draw.randrange(len(raw))])
    elif kind == "manifest":
        target = folder / "manifest.json"
        target.write_text(target.read_text().replace('"rows": 2', '"rows": 3', 1).replace('"clips"', '"clip"', 1))
    else:
        target = folder / "data" / "train-00099-of-00100.parquet"
        shutil.copyfile(shards[0], target)
    problems = verify(str(folder))
    assert problems
    assert any(problem.file == str(target.relative_to(folder)) for problem in problems)


def test_rows_are_checked_too(tmp_path: Path) -> None:
    class Wrong(SyntheticSource):
        def _simulate(self, number: int, video_id: str) -> list[dict[str, object]]:
            rows = super()._simulate(number, video_id)
            rows[0]["left_wrist_acc_m_s2"] = np.asarray(rows[0]["left_wrist_acc_m_s2"]) / np.float32(9.80665)
            rows[1]["imu_time_s"] = np.asarray(rows[1]["imu_time_s"])[::-1]
            return rows

    config = small_config(("left_wrist",))
    pack(Wrong(1, config), config, open_store(str(tmp_path)))
    problems = verify(str(tmp_path))
    assert [problem.row for problem in problems] == [0, 1]
    assert "at rest reads 1.00" in problems[0].what
    assert "imu_time_s does not rise" in problems[1].what


def test_real_sensors_may_be_off_by_their_bias(tmp_path: Path) -> None:
    class Biased(SyntheticSource):
        def _simulate(self, number: int, video_id: str) -> list[dict[str, object]]:
            rows = super()._simulate(number, video_id)
            for row in rows:
                row["left_wrist_acc_m_s2"] = np.asarray(row["left_wrist_acc_m_s2"]) * np.float32(1.08)
            rows[1]["imu_report"] = '{"sensor": {"part": "mpu_6050", "seed": 0}}'
            return rows

    config = small_config(("left_wrist",))
    pack(Biased(1, config), config, open_store(str(tmp_path)))
    (problem,) = verify(str(tmp_path))
    assert problem.row == 0
    assert "at rest reads 10.59" in problem.what


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("left_wrist_gyro_rad_s", 70.0, "turns at 121 rad/s in valid samples"),
        ("left_wrist_gyro_rad_s", 19.0, ""),
        ("left_wrist_lin_acc_world_m_s2", 300.0, "accelerated by 520 m/s²"),
    ],
)
def test_what_no_limb_does_is_not_valid(tmp_path: Path, column: str, value: float, said: str) -> None:
    class Flipping(SyntheticSource):
        def _simulate(self, number: int, video_id: str) -> list[dict[str, object]]:
            rows = super()._simulate(number, video_id)
            signal = np.array(rows[0][column], np.float32)
            signal[3 * 60 : 3 * 62] = value
            rows[0][column] = signal
            return rows

    config = small_config(("left_wrist",))
    pack(Flipping(1, config), config, open_store(str(tmp_path)))
    found = " ".join(problem.what for problem in verify(str(tmp_path)))
    assert said in found if said else not found


def test_degrees_are_not_radians(tmp_path: Path) -> None:
    class Degrees(SyntheticSource):
        def _simulate(self, number: int, video_id: str) -> list[dict[str, object]]:
            rows = super()._simulate(number, video_id)
            rows[0]["left_wrist_gyro_rad_s"] = np.asarray(rows[0]["left_wrist_gyro_rad_s"]) * 0 + np.float32(90.0)
            return rows

    config = small_config(("left_wrist",))
    pack(Degrees(1, config), config, open_store(str(tmp_path)))
    (problem,) = verify(str(tmp_path))
    assert problem.row == 0
    assert "is the unit rad/s?" in problem.what


def test_the_command_says_what_is_wrong(whole: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["verify", str(whole)]).exit_code == 0
    folder = tmp_path / "d"
    shutil.copytree(whole, folder)
    victim = next((folder / "data").iterdir())
    victim.unlink()
    result = CliRunner().invoke(app, ["verify", str(folder)])
    assert result.exit_code == 1
    assert victim.name in result.output


@pytest.mark.parametrize(
    ("turn", "what"),
    [
        ([0, 0, 0, 0.5], "unit quaternions"),
        ([np.nan] * 4, "unit quaternions"),
        ([np.sin(0.1), 0, 0, np.cos(0.1)], "disagree"),
    ],
)
def test_an_orientation_that_does_not_fit_the_forces_is_found(tmp_path: Path, turn: list[float], what: str) -> None:
    class Turned(SyntheticSource):
        def _simulate(self, number: int, video_id: str) -> list[dict[str, object]]:
            rows = super()._simulate(number, video_id)
            valid = np.asarray(rows[0]["left_wrist_valid"])
            turned = np.where(valid[:, None], turn, np.nan)
            rows[0]["left_wrist_orientation"] = turned.astype(np.float32).reshape(-1)
            return rows

    config = small_config(("left_wrist",))
    pack(Turned(1, config), config, open_store(str(tmp_path)))
    (problem,) = verify(str(tmp_path))
    assert problem.row == 0
    assert what in problem.what
