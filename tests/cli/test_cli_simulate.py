"""`fimad simulate` as a user types it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from fimad.cli import app
from fimad.skeleton import LANDMARKS
from tests.simulate.readers.test_readers import write_csv, write_trc
from tests.simulate.test_physics import pose_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fimad(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_a_recording_becomes_a_table_of_readings(folder: Path) -> None:
    write_trc(folder / "walk.trc")
    result = fimad("simulate", "walk.trc", "--rate-hz", "100")
    assert result.exit_code == 0
    assert "left_wrist" in result.stdout
    assert "head: left_ear, right_ear" in result.stdout
    table = pd.read_parquet("walk.imu.parquet")
    assert set(table["clip_id"]) == {"walk"}
    np.testing.assert_allclose(np.diff(table["time_s"]), 0.01, atol=1e-6)
    still = np.linalg.norm(table[[f"pelvis_acc_{axis}_m_s2" for axis in "xyz"]], axis=1)
    np.testing.assert_allclose(still, 9.80665, atol=0.01)
    assert table["head_acc_x_m_s2"].isna().all()
    assert not table["head_valid"].any()


def test_csv_out_and_figures_for_scripts(folder: Path) -> None:
    write_csv(folder / "walk.csv")
    result = fimad("simulate", "walk.csv", "-p", "left_wrist", "--out", "signals.csv", "--json")
    figures = json.loads(result.stdout)
    assert figures["clips"]["walk"]["left_wrist"]["acc_rms_m_s2"] == pytest.approx(0.3 * (2 * np.pi) ** 2, rel=0.03)
    assert list(pd.read_csv("signals.csv").columns)[:3] == ["clip_id", "time_s", "left_wrist_acc_x_m_s2"]


def test_a_sensor_model_holds_here_too(folder: Path) -> None:
    write_csv(folder / "walk.csv")
    for name, extra in (("ideal", ()), ("real", ("--set", "simulate.sensor=mpu_6050"))):
        assert fimad("simulate", "walk.csv", "-o", f"{name}.parquet", *extra).exit_code == 0
    ideal, real = (pd.read_parquet(f"{name}.parquet")["right_wrist_acc_x_m_s2"] for name in ("ideal", "real"))
    assert (real - ideal).std() > 0.005


def test_a_pose_artifact(folder: Path) -> None:
    count = 90
    pose = pose_of(np.arange(count) / 30, np.zeros((count, 3)))
    row = {
        "clip_id": "a_000",
        "pose_time_s": pose.time_s,
        "pose_image": pose.image.ravel(),
        "pose_world_m": pose.world_m.ravel(),
        "pose_visibility": np.ones(count * len(LANDMARKS)),
        "width_px": pose.width_px,
        "height_px": pose.height_px,
    }
    pq.write_table(pa.table({name: [value] for name, value in row.items()}), "pose.parquet")
    assert fimad("simulate", "pose.parquet").exit_code == 0
    assert pd.read_parquet("pose.imu.parquet")["left_wrist_valid"].mean() > 0.9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.trc",), "can't be read"),
        (("walk.csv", "--out", "x.npy"), "no place to write"),
        (("walk.csv", "--map", "map.json"), "There is no landmark 'left_wing'"),
        (("walk.csv", "--map", "walk.csv"), "can't be read as JSON"),
        (("walk.csv", "-p", "knie"), "There is no placement 'knie'"),
        (("table.parquet",), "is no pose artifact"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    write_csv(folder / "walk.csv")
    (folder / "map.json").write_text('{"left_wing": "M1"}')
    pq.write_table(pa.table({"a": [1]}), "table.parquet")
    result = fimad("simulate", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_the_command_that_is_printed_is_safe_to_paste(folder: Path) -> None:
    write_csv(folder / "$(touch pwned) 'a\" [b].csv")
    result = fimad("simulate", "$(touch pwned) 'a\" [b].csv")
    assert result.exit_code == 0
    command = next(line for line in result.stdout.splitlines() if line.startswith("Next: ")).removeprefix("Next: ")
    words = shlex.split(command)
    assert words[:2] == ["python", "-c"]
    shown = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)
    assert "count" in shown.stdout
    assert not (folder / "pwned").exists()
