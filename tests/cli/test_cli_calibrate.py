"""`fimad calibrate` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from fimad.cli import app
from fimad.dataset.channels import device_readings
from fimad.dataset.packing.pack import pack
from fimad.dataset.reader import open_dataset
from fimad.errors import ConfigError
from fimad.simulate import Calibration
from fimad.simulate.devices.calibration import ACC, CHANNELS, wasserstein
from fimad.storage.store import open_store
from tests.dataset.synthetic import SyntheticSource, small_config

COUNT = 4000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fimad(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def watch(seed: int = 0, channels: tuple[str, ...] = CHANNELS, **more: object) -> pa.Table:
    """What a device on a wrist may have recorded."""
    rng = np.random.default_rng(seed)
    acc = rng.normal([1, -8, 4], [3, 2, 1], (COUNT, 3))
    values = np.concatenate([acc, rng.normal(0, 2, (COUNT, 3))], axis=1)
    columns = {name: values[:, CHANNELS.index(name)] for name in channels}
    return pa.table({"time": np.arange(COUNT) / 100, **columns, **more})


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    config = small_config(("left_wrist", "chest"))
    pack(SyntheticSource(5, config), config, open_store(str(tmp_path / "data")))
    return "data"


def test_a_dataset_is_calibrated_to_a_csv_file(dataset: str) -> None:
    pacsv.write_csv(watch(), "watch.csv")
    done = fimad("calibrate", dataset, "watch.csv", "--out", "watch.json", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["placement"] == "left_wrist"
    assert list(told["channels"]) == sorted(CHANNELS)
    clips = list(open_dataset(dataset).clips(["left_wrist_acc_m_s2"]))
    virtual = np.concatenate([clip["left_wrist_acc_m_s2"] for clip in clips]).astype(float)
    mapped = Calibration.load("watch.json").apply(virtual, ACC)
    for axis, name in enumerate(ACC):
        row = told["channels"][name]
        real = watch().column(name).to_numpy()
        assert (row["virtual_samples"], row["target_samples"]) == (len(virtual), COUNT)
        assert row["distance_before"] == pytest.approx(wasserstein(virtual[:, axis], real))
        assert row["distance_after"] == pytest.approx(wasserstein(mapped[:, axis], real))
        # Ties of the made-up clips limit it; their spread is a tenth of the watch's.
        assert row["distance_after"] < 0.3 * row["distance_before"]


def test_placements_gather_in_one_file_and_the_next_step_is_told(dataset: str) -> None:
    pq.write_table(watch(1, ACC), "chest.parquet")
    first = fimad("calibrate", dataset, "chest.parquet", "-p", "chest", "-o", "all.json")
    assert first.exit_code == 0, first.output
    assert "The device has no gyroscope" in first.stdout
    assert "fimad build --set simulate.calibration=all.json" in first.stdout
    before = Calibration.load("all.json")
    for number in range(2):
        pacsv.write_csv(watch(number), f"{number}.csv")
    assert fimad("calibrate", dataset, "0.csv", "1.csv", "-o", "all.json", "--split", "train").exit_code == 0
    after = Calibration.load("all.json")
    assert set(after.maps) == {"chest", "left_wrist"}
    assert set(after.maps["chest"]) == set(ACC)
    values = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_array_equal(
        after.apply(values, ACC, placement="chest"), before.apply(values, ACC, placement="chest")
    )


def test_tables_of_virtual_readings_will_do(dataset: str) -> None:
    pacsv.write_csv(watch(), "watch.csv")
    pq.write_table(open_dataset(dataset).table(), "rows.parquet")
    assert fimad("calibrate", "rows.parquet", "watch.csv", "-o", "a.json").exit_code == 0
    assert fimad("calibrate", dataset, "watch.csv", "-o", "b.json").exit_code == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    flat = watch(2).rename_columns([name if name == "time" else f"left_wrist_{name}" for name in watch().column_names])
    pacsv.write_csv(flat, "virtual.csv")
    done = fimad("calibrate", "virtual.csv", "watch.csv", "--json")
    assert done.exit_code == 0, done.output
    assert max(row["distance_after"] for row in json.loads(done.stdout)["channels"].values()) < 0.02


def test_calibrated_signals_are_not_calibrated_again(tmp_path: Path) -> None:
    class Calibrated(SyntheticSource):
        def _simulate(self, number: int, video_id: str) -> list[dict[str, object]]:
            rows = super()._simulate(number, video_id)
            return [{**row, "imu_report": '{"calibrated": ["left_wrist"]}'} for row in rows]

    config = small_config(("left_wrist",))
    pack(Calibrated(2, config), config, open_store(str(tmp_path / "data")))
    pacsv.write_csv(watch(), "watch.csv")
    done = fimad("calibrate", "data", "watch.csv")
    assert done.exit_code == 2
    assert "calibrated already" in done.stderr
    assert not Path("calibration.json").exists()


def test_what_is_there_and_no_calibration_is_not_overwritten(dataset: str) -> None:
    pacsv.write_csv(watch(), "watch.csv")
    done = fimad("calibrate", dataset, "watch.csv", "--out", "watch.csv")
    assert done.exit_code == 2
    assert "is not a calibration" in done.stderr
    assert pacsv.read_csv("watch.csv").num_rows == COUNT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "watch.csv"], "There is no"),
        (["data", "watch.csv", "-p", "nose"], "There is no placement 'nose'"),
        (["data", "watch.csv", "-p", "head"], "has no signals for 'head'"),
        (["data", "watch.csv", "--split", "holdout"], "has no split"),
        (["data", "none.csv"], "can't be read"),
        (["none.parquet", "watch.csv"], "can't be read"),
    ],
)
def test_wrong_arguments_say_what_to_do(dataset: str, arguments: list[str], message: str) -> None:
    pacsv.write_csv(watch(), "watch.csv")
    done = fimad("calibrate", *arguments)
    assert done.exit_code in (1, 2)
    assert message in " ".join(done.stderr.split())
    assert "Next:" in done.stderr


HEAD = b"acc_x_m_s2,acc_y_m_s2,acc_z_m_s2\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "can't be read"),
        (b"\xff\xfe\x00\x01", "can't be read|no columns"),
        (b"acc\xff,b\n1,2\n", "can't be read|no columns"),
        (b"PAR1" + b"\0" * 100, "can't be read|no columns"),
        (b"x,y,z\n1,2,3\n", "no columns acc_x_m_s2.*it has x, y, z"),
        (b"acc_x_m_s2;acc_y_m_s2;acc_z_m_s2\n1;2;3\n", "another separator"),
        (b"acc_x_m_s2,acc_x_m_s2,acc_y_m_s2,acc_z_m_s2\n1,1,2,3\n", "more than one column"),
        (HEAD + b"1,2,three\n", "other than numbers"),
        (HEAD + b"0,0,1\n" * 300, "another unit"),
        (HEAD + b",,\n" * 300, "there are none"),
        (HEAD[:-1] + b",gyro_x_rad_s,gyro_y_rad_s,gyro_z_rad_s\n" + b"0,0,9.8,90,0,0\n" * 300, "degrees per second"),
        (HEAD + b"[link=http://x]a[/link]," * 2 + b"1\n", "other than numbers"),
    ],
)
def test_files_that_are_no_readings_are_refused_in_three_parts(content: bytes, message: str) -> None:
    Path("bad.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=f"(?s){message}") as caught:
        device_readings([Path("bad.csv")], "left_wrist")
    assert caught.value.why
    assert caught.value.fix
    assert len(str(caught.value)) < 1000


def test_a_parquet_file_that_is_none_is_refused() -> None:
    Path("bad.parquet").write_bytes(HEAD + b"1,2,3\n")
    with pytest.raises(ConfigError, match="can't be read"):
        device_readings([Path("bad.parquet")], "left_wrist")
