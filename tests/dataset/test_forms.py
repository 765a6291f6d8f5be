"""Windows and clips in other libraries' forms, read back by those libraries where they are installed, else as they read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from synthetic import LABELS, SyntheticSource, small_config
from typer.testing import CliRunner

import fimad
from fimad.cli import app
from fimad.dataset import Dataset
from fimad.dataset.export.forms import to_tsai, write_harnet, write_ts, write_whar
from fimad.dataset.packing.pack import pack
from fimad.errors import ConfigError
from fimad.storage.store import open_store


class Holed(SyntheticSource):
    """The second clip of every video has a hole of half a second in its middle, and one at its end."""

    def _simulate(self, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = super()._simulate(number, video_id)
        valid = np.array(rows[1]["left_wrist_valid"])
        valid[200:225] = valid[-20:-10] = False
        rows[1]["left_wrist_valid"] = valid
        for ending in ("acc_m_s2", "gyro_rad_s"):
            values = np.array(rows[1][f"left_wrist_{ending}"]).reshape(len(valid), -1)
            values[~valid] = np.nan
            rows[1][f"left_wrist_{ending}"] = values.reshape(-1)
        return rows


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("forms") / "dataset"
    config = small_config(("left_wrist", "pelvis"), shard_bytes=2_000_000)
    pack(Holed(10, config, clip_s=12.0), config, open_store(str(folder)))
    return fimad.open_dataset(folder)


def test_harnet_takes_ten_seconds_at_30_hz_in_g(dataset: Dataset, tmp_path: Path) -> None:
    arrays = dataset.to_arrays(length_s=10, rate_hz=30, placements="left_wrist", channels="acc")
    files = write_harnet(arrays, tmp_path)
    assert [file.name for file in files] == ["X.npy", "Y.npy", "pid.npy"]
    x, y, pid = (np.load(file, allow_pickle=False) for file in files)
    assert x.shape == (len(arrays), 300, 3)
    assert np.median(np.linalg.norm(x, axis=2)) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(x[:, :, 2] * 9.80665, arrays.X[:, 2], rtol=1e-5)
    assert set(y) == set(arrays.labels) <= set(LABELS)
    assert pid.tolist() == arrays.groups.tolist()


@pytest.mark.parametrize(
    "options",
    [{"rate_hz": 50}, {"length_s": 2}, {"channels": ("acc", "gyro")}, {"channels": "gyro"}, {"placements": None}],
)
def test_what_harnet_cannot_take_is_told(dataset: Dataset, tmp_path: Path, options: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"length_s": 10, "rate_hz": 30, "placements": "left_wrist", "channels": "acc"}
    with pytest.raises(ConfigError, match="harnet"):
        write_harnet(dataset.to_arrays(**plain | options), tmp_path)
    with pytest.raises(ConfigError, match="NaN"):
        write_harnet(dataset.to_arrays(**plain, fill="nan"), tmp_path)
    assert not list(tmp_path.iterdir())


def read_ts(path: Path) -> tuple[Any, Any]:
    """The form as its description has it: https://www.sktime.net, "ts file format"."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split(":") for line in lines[lines.index("@data") + 1 :]]
    values = [[[float(v.replace("?", "nan")) for v in channel.split(",")] for channel in row[:-1]] for row in rows]
    return np.asarray(values), np.asarray([row[-1] for row in rows])


def test_ts_files_hold_the_windows(dataset: Dataset, tmp_path: Path) -> None:
    arrays = dataset.to_arrays(placements="left_wrist", fill="nan")
    files = write_ts(arrays, tmp_path, "moves")
    assert {"moves_TRAIN.ts", "moves_TRAIN.csv"} <= {file.name for file in files}
    assert np.isnan(arrays.X).any()
    for split in set(arrays.splits.tolist()):
        part, path = arrays.take(arrays.splits == split), tmp_path / f"moves_{split.upper()}.ts"
        x, y = read_ts(path)
        np.testing.assert_allclose(x, part.X, rtol=1e-5)
        assert y.tolist() == [name.replace(" ", "_") for name in part.labels.tolist()]
        beside = path.with_suffix(".csv").read_text(encoding="utf-8").splitlines()
        assert len(beside) == len(part) + 1
        assert beside[1].startswith(f"{part.groups[0]},{part.clip_ids[0]},")


def test_aeon_reads_them(dataset: Dataset, tmp_path: Path) -> None:
    aeon = pytest.importorskip("aeon.datasets", reason="aeon is not installed")
    arrays = dataset.to_arrays(placements="left_wrist")
    write_ts(arrays, tmp_path, "moves")
    x, y = aeon.load_from_ts_file(str(tmp_path / "moves_TRAIN.ts"))
    part = arrays.take(arrays.splits == "train")
    np.testing.assert_allclose(x, part.X, rtol=1e-5)
    assert y.tolist() == [name.replace(" ", "_") for name in part.labels.tolist()]


@pytest.mark.slow  # importing it takes twenty seconds
def test_sktime_reads_them(dataset: Dataset, tmp_path: Path) -> None:
    sktime = pytest.importorskip("sktime.datasets", reason="sktime is not installed")
    arrays = dataset.to_arrays(placements="left_wrist")
    write_ts(arrays, tmp_path, "moves")
    x, y = sktime.load_from_tsfile(str(tmp_path / "moves_TRAIN.ts"), return_data_type="numpy3d")
    part = arrays.take(arrays.splits == "train")
    np.testing.assert_allclose(x, part.X, rtol=1e-5)
    assert y.tolist() == [name.replace(" ", "_") for name in part.labels.tolist()]


def test_names_of_classes_stay_apart(dataset: Dataset, tmp_path: Path) -> None:
    arrays = dataset.to_arrays(placements="left_wrist", classes=["squats", "lunges", "plank", "jumping jacks"])
    from dataclasses import replace

    odd = replace(arrays, classes=("a b", "a_b", "a,b", "a:b"))
    write_ts(odd, tmp_path, "odd")
    head = next(line for line in (tmp_path / "odd_TRAIN.ts").read_text().splitlines() if line.startswith("@classLabel"))
    assert head.split() == ["@classLabel", "true", "a_b", "a_b_", "a_b__", "a_b___"]
    with pytest.raises(ConfigError, match="name of files"):
        write_ts(odd, tmp_path, "../odd")


def test_tsai_takes_arrays_and_splits(dataset: Dataset) -> None:
    arrays = dataset.to_arrays(placements="left_wrist")
    x, y, (train, held) = to_tsai(arrays)
    assert x.shape[0] == len(y)
    assert set(arrays.splits[train]) == {"train"}
    assert set(arrays.splits[held]) == {"val"}
    assert not set(train) & set(held)
    with pytest.raises(ConfigError, match="test alone"):
        to_tsai(arrays.take(arrays.splits == "test"))


def test_whar_has_sessions_without_gaps(dataset: Dataset, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    made = write_whar(dataset, tmp_path, placements="left_wrist")
    # As its own loading does.
    activities = pd.read_csv(tmp_path / "metadata" / "activity_df.csv")
    sessions = pd.read_csv(tmp_path / "metadata" / "session_df.csv")
    samples = pd.read_parquet(tmp_path / "sessions" / "sessions.parquet")
    config = json.loads((tmp_path / "config.json").read_text())
    # What `validate_common_format` of WHAR Datasets asks for.
    for table, names in ((activities, ["activity_id"]), (sessions, ["session_id", "subject_id", "activity_id"])):
        for name in names:
            assert pd.api.types.is_integer_dtype(table[name])
            assert table[name].min() == 0
    assert sessions["subject_id"].nunique() == config["num_of_subjects"] == len(made.subjects)
    assert activities["activity_id"].nunique() == config["num_of_activities"] == len(set(made.activities))
    assert activities["activity_name"].tolist() == config["available_activities"]
    assert (config["sampling_freq"], config["num_of_channels"]) == (50, 6)
    assert samples.columns.difference(["timestamp", "session_id"]).tolist() == sorted(config["available_channels"])
    assert str(samples["timestamp"].dtype) == "datetime64[ms]"
    assert not samples.isna().any().any()
    # A first clip is a session, the second one two: the last ten samples are too short.
    assert made.sessions == samples["session_id"].nunique() == 3 * 10
    assert made.left_out == {"stretches shorter than 1 s": 10}
    row = sessions.iloc[0]
    clip = next(dataset.clips(["label", "channel_id", "left_wrist_acc_m_s2"]))
    mine = samples[samples["session_id"] == 0]
    assert made.activities[row["activity_id"]] == clip["label"]
    assert made.subjects[row["subject_id"]] == clip["channel_id"]
    np.testing.assert_array_equal(mine["left_wrist_acc_z_m_s2"], clip["left_wrist_acc_m_s2"][3:, 2])
    assert (mine["timestamp"].diff().dropna().dt.total_seconds() == 0.02).all()


def test_whar_says_what_it_cannot_do(dataset: Dataset, tmp_path: Path) -> None:
    for options in ({"placements": "tail"}, {"channels": "mag"}, {"groups": "house"}, {"shortest_s": 99.0}):
        with pytest.raises(ConfigError) as error:
            write_whar(dataset, tmp_path / "set", **options)
        assert error.value.fix


@pytest.mark.parametrize(
    ("form", "files"),
    [("whar", {"config.json", "metadata", "sessions"}), ("harnet", {"X.npy", "Y.npy", "pid.npy"}), ("ts", None)],
)
def test_the_command_writes_them(dataset: Dataset, tmp_path: Path, form: str, files: set[str] | None) -> None:
    to = tmp_path / "squats"
    done = CliRunner().invoke(
        app, ["export", str(to), "--dataset", dataset.path, "--as", form, "--placement", "left_wrist"]
    )
    assert done.exit_code == 0, done.output
    found = {each.name for each in to.iterdir()}
    assert found == files if files else {"squats_TRAIN.ts", "squats_TEST.csv"} <= found
    if form == "whar":
        assert "10 left out: stretches shorter than 1 s" in done.output
        assert pq.read_metadata(to / "sessions" / "sessions.parquet").num_rows > 0
    wrong = CliRunner().invoke(app, ["export", str(to), "--dataset", dataset.path, "--as", "hdf5"])
    assert wrong.exit_code == 2
    assert "whar, harnet, ts" in wrong.output
