"""The commands, from a tiny dataset to figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mujo_makers import SMALL, make_windows
from synthetic import SyntheticSource, small_config
from typer.testing import CliRunner

from fimad import open_dataset
from fimad.cli import app
from fimad.dataset.packing.pack import pack
from fimad.mujo import WindowSet, load_mujo_config
from fimad.storage.store import open_store


def fimad(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["mujo", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def packed(videos: int, folder: Path) -> None:
    pack(SyntheticSource(videos, small_config(), embeddings=True), small_config(), open_store(str(folder)))


def settings() -> list[str]:
    return [part for each in SMALL for part in ("--set", each)]


def test_from_a_dataset_to_figures(tmp_path: Path) -> None:
    packed(6, tmp_path / "dataset")
    said = fimad("pretrain", tmp_path / "dataset", "--out", tmp_path / "run", *settings())
    assert "video+text+pose+imu" in said
    assert "epoch 2/2" in said
    assert "steps done" in fimad("pretrain", tmp_path / "dataset", "--out", tmp_path / "run", *settings())
    for name in ("best.safetensors", "log.csv", "curves.png", "MODEL_CARD.md", "config.toml"):
        assert (tmp_path / "run" / name).stat().st_size
    report = json.loads(fimad("evaluate", tmp_path / "run", "--dataset", tmp_path / "dataset", "--json"))
    assert {"retrieval imu to text", "retrieval video to pose"} <= set(report)
    fimad("embed", tmp_path / "run", "--dataset", tmp_path / "dataset", "--out", tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as arrays:
        assert arrays["imu"].shape == (len(arrays["label"]), 8)
        assert np.allclose(np.linalg.norm(arrays["imu"][arrays["imu_there"]], axis=1), 1, atol=1e-4)


def test_windows_of_a_dataset_hold_what_it_holds(tmp_path: Path) -> None:
    packed(2, tmp_path)
    dataset = open_dataset(tmp_path)
    config = load_mujo_config().windows
    windows = WindowSet.from_dataset(dataset, config)
    cut = list(dataset.windows(length_s=2.0, stride_s=1.0, rate_hz=25.0, placements=["pelvis"]))
    assert len(windows) == len(cut)
    at = windows.placements.index("pelvis")
    where = [n for n in range(len(cut)) if windows.imu_there[n, at, 0]]
    assert where
    for n in where:
        np.testing.assert_allclose(windows.imu[n, at, :3], cut[n]["pelvis_acc_m_s2"].T, atol=0.02)
    assert [windows.classes[n] for n in windows.label] == [each["label"] for each in cut]


@pytest.mark.parametrize("share", ["10", "100"])
def test_a_classifier_from_the_command_line(tmp_path: Path, share: str) -> None:
    make_windows(96).save(tmp_path / "windows")
    said = fimad("finetune", "--dataset", tmp_path / "windows", "--labels", share, "--out", tmp_path / "c", *settings())
    assert "macro F1" in said
    report = json.loads(fimad("evaluate", tmp_path / "c", "--dataset", tmp_path / "windows", "--json"))
    assert len(report) == 15
    assert all(0 <= each["macro F1"] <= 1 for each in report.values())


def test_what_can_not_be_done_is_said(tmp_path: Path) -> None:
    assert "train.epochs" not in fimad("config")
    assert "[train]" in fimad("config")
    assert "no data" in fimad("finetune", code=2)
    assert "no model" in fimad("evaluate", tmp_path, "--dataset", "x", code=2)
    assert "epochs" in fimad("pretrain", tmp_path, "--set", "train.epochs=0", code=2)
