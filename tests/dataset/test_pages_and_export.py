"""Croissant with signals as fields, and WebDataset tars that keep every clip whatever its id."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from synthetic import SyntheticSource, small_config

import fimad
from fimad.dataset.export import to_webdataset
from fimad.dataset.packing.pack import pack
from fimad.storage.store import open_store


class Dotted(SyntheticSource):
    """Videos named as local files are."""

    def __init__(self, videos: int, config: Any, **options: Any) -> None:
        super().__init__(videos, config, **options)
        self._plain = {f"squat.v{number}%2E": name for number, name in enumerate(self.ids)}
        self.ids = list(self._plain)

    def read(self, stage: str, video_id: str, columns: Any = None) -> pa.Table:
        table = super().read(stage, self._plain[video_id], columns)
        rows = table.to_pylist()
        for index, row in enumerate(rows):
            row |= {"clip_id": f"{video_id}___{index}"} if "clip_id" in row else {}
            row |= {"video_id": video_id} if "video_id" in row else {}
        return pa.Table.from_pylist(rows, schema=table.schema)


def test_every_clip_is_in_the_tars(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    config = small_config(("left_wrist",))
    pack(Dotted(3, config, clip_s=2.0), config, open_store(str(tmp_path / "dataset")))
    files = to_webdataset(str(tmp_path / "dataset"), tmp_path / "tars")
    samples = list(webdataset.WebDataset([str(file) for file in files], shardshuffle=False))
    dataset = fimad.open_dataset(tmp_path / "dataset")
    found = {json.loads(sample["json"])["clip_id"]: sample for sample in samples}
    assert len(samples) == len(found) == len(dataset) == 6
    for clip in dataset.clips(["clip_id", "left_wrist_acc_m_s2"]):
        arrays = np.load(io.BytesIO(found[clip["clip_id"]]["npz"]), allow_pickle=False)
        np.testing.assert_array_equal(arrays["left_wrist_acc_m_s2"], clip["left_wrist_acc_m_s2"])


def test_croissant_has_the_signals(tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    config = small_config(("left_wrist",))
    pack(SyntheticSource(2, config, clip_s=2.0), config, open_store(str(tmp_path)))
    said = json.loads((tmp_path / "croissant.json").read_text())
    assert "http://mlcommons.org/croissant/1.1" in said["conformsTo"]
    assert "2406.03857" not in said["url"]
    fields = {field["name"]: field for field in said["recordSet"][0]["field"]}
    assert fields["left_wrist_acc_m_s2"]["arrayShape"] == "-1,3"
    assert "m/s²" in fields["left_wrist_acc_m_s2"]["description"]
    described = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    record = next(iter(described.records("clips-0")))
    clip = record["clips-0/clip_id"].decode()
    mine = fimad.open_dataset(tmp_path).clip(clip)["left_wrist_acc_m_s2"]
    theirs = np.asarray(record["clips-0/left_wrist_acc_m_s2"], np.float32)
    np.testing.assert_array_equal(theirs.reshape(-1, 3), mine)
    card = (tmp_path / "README.md").read_text()
    assert "time-series-forecasting" not in card
