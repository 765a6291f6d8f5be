"""Clips: what they show beside their title, corrections, descriptions, classes of a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from fimad.cli import app
from fimad.config import Config
from fimad.dataset.packing.pack import pack
from fimad.dataset.reader import open_dataset
from fimad.errors import ConfigError
from fimad.labels import label_title, load_taxonomy
from fimad.labels.clips import Shown, columns, label_clip
from fimad.labels.corrections import corrected, read_corrections, write_table
from fimad.labels.counting import Motion, motion_of
from fimad.labels.descriptions.describing import describe
from fimad.pipeline.stages.registry import load_stage
from fimad.schema import LABEL
from fimad.storage.store import open_store
from tests.dataset.synthetic import SyntheticSource

REPEATS = Motion(10.0, 0.9, 2.0, 0.2)


def test_words_that_are_sure_are_not_overruled() -> None:
    assert label_clip("Rest 20s", Shown(1.0, REPEATS)).kind == "rest"
    assert label_clip("Squats", Shown(0.0)).kind == "exercise"
    assert label_clip("Squats", Shown(0.0)).confidence < label_clip("Squats", Shown(1.0, REPEATS)).confidence


def test_where_words_say_nothing_the_clip_does() -> None:
    assert label_clip("Zwölf Flurbs", Shown()).kind == "other"
    assert label_clip("Qwertzuiop", Shown(1.0, REPEATS)).kind == "exercise"
    assert label_clip("Qwertzuiop", Shown(1.0, None, 2.5, first=True)).kind == "talk"
    assert label_clip("Qwertzuiop", Shown(0.0, None, 0.0)).evidence[-1] == "nobody visible"
    assert label_clip(None, Shown()).kind == "other"


def moving(count: float, seconds: float, rate_hz: float = 30.0, noise: float = 0.0) -> tuple[Any, Any]:
    time_s = 5.0 + np.arange(round(seconds * rate_hz)) / rate_hz
    draw = np.random.default_rng(1)
    image = np.full((len(time_s), 33, 3), 0.5, np.float32)
    image[:, :, 1] = np.linspace(0.2, 0.9, 33)
    rise = 0.08 * np.sin(2 * np.pi * count * (time_s - 5.0) / seconds)
    image[:, 11:17, 1] += rise[:, None]
    return time_s, image + draw.normal(0, noise, image.shape).astype(np.float32)


@pytest.mark.parametrize("count", [5, 12, 30])
def test_repetitions_are_counted_from_motion(count: int) -> None:
    found = motion_of(*moving(count, 25.0, noise=0.003), 16 / 9)
    assert found is not None
    assert found.repetitions == pytest.approx(count, abs=1)
    assert found.confidence > 0.6


def test_who_stands_still_repeats_nothing() -> None:
    time_s, image = moving(0, 20.0, noise=0.003)
    found = motion_of(time_s, image, 16 / 9)
    assert found is not None
    assert found.repetitions is None or found.extent < 0.03
    image[:] = np.nan
    assert motion_of(time_s, image, 16 / 9) is None


@pytest.mark.parametrize("length", [60, 90, 150, 400])
def test_who_drifts_and_never_comes_back_repeats_nothing(length: int) -> None:
    """The best of bad repetitions is below zero, and no share of it is above it: a quarter of such clips lost their label."""
    for seed in range(40):
        dice = np.random.default_rng(seed)
        image = np.tile(dice.uniform(0.3, 0.7, (33, 3)), (length, 1, 1))
        image[:, :, :2] += np.cumsum(dice.normal(scale=0.002, size=(length, 1, 2)), axis=0)
        image[:, :, :2] += np.cumsum(dice.normal(scale=0.001, size=(length, 33, 2)), axis=0)
        found = motion_of(np.arange(length) / 30, image, 16 / 9)
        assert found is None or 0.0 <= found.confidence <= 1.0


def test_every_exercise_has_a_description() -> None:
    for name in load_taxonomy()[1]:
        said = describe([name], side="left", equipment=["dumbbell"])
        assert said is not None
        assert said.endswith(".")
    assert describe(["no_such_exercise"]) is None


def test_corrections_win_over_everything(tmp_path: Path) -> None:
    rows = [
        {"title": title, "clip_id": f"v___{at}", **columns(label_title(title))}
        for at, title in enumerate(["Flurbs", "Squats", "Flurbs"])
    ]
    file = tmp_path / "labels.csv"
    file.write_text(write_table(rows), encoding="utf-8")
    assert file.read_text(encoding="utf-8").splitlines()[1].startswith("Flurbs,,other,,,2,")
    mended = file.read_text(encoding="utf-8").replace("Flurbs,,other,", "Flurbs,,exercise,goblet squats")
    mended += ",v___1,rest,,,,,\n"
    file.write_text(mended, encoding="utf-8")
    table = read_corrections(file)
    assert corrected(label_title("FLURBS "), "v___0", "FLURBS ", table).exercises == ("goblet_squat",)
    assert corrected(label_title("Squats"), "v___1", "Squats", table).kind == "rest"
    assert corrected(label_title("Squats"), "v___9", "Squats", table).method == "corrected"
    assert corrected(label_title("Lunges"), "v___9", "Lunges", table) == label_title("Lunges")


@pytest.mark.parametrize(
    "line",
    [
        "x,,exercize,,,,,",
        "x,,rest,squat,,,,",
        "x,,exercise,no such thing,,,,",
        ",,exercise,squat,,,,",
        "x,,exercise,squat,up,,,",
    ],
)
def test_corrections_that_make_no_sense_are_named_by_their_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"title,clip_id,kind,exercises,side,clips,confidence,method\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="Line 2"):
        read_corrections(file)


def test_corrections_are_in_the_key_by_what_they_say(tmp_path: Path) -> None:
    path = "fimad.pipeline.stages.label:LabelStage"
    texts = ("title,kind,exercises\nFlurbs,exercise,squat\n", "title,kind,exercises\nFlurbs,rest,\n")
    hashes = []
    for name, text in (("a.csv", texts[0]), ("b.csv", texts[0]), ("c.csv", texts[1])):
        (tmp_path / name).write_text(text, encoding="utf-8")
        stage = load_stage(path, Config.model_validate({"label": {"corrections": str(tmp_path / name)}}))
        hashes.append((stage.section, stage.models()))
    assert hashes[0] == hashes[1] != hashes[2]


def packed(folder: Path, videos: int = 4, first: int = 0, **options: Any) -> Any:
    config = Config.model_validate({"pack": options})
    source = SyntheticSource(videos, config, first=first)
    pack(source, config, open_store(str(folder)))
    return open_dataset(str(folder))


def test_classes_keep_their_numbers_in_later_versions(tmp_path: Path) -> None:
    dataset = packed(tmp_path, 1)
    before = dataset.labels
    assert before["null"] == 0
    later = packed(tmp_path, 8)
    assert {name: later.labels[name] for name in before} == before
    assert set(later.labels) == {"null", "squat", "jumping_jack", "lunge", "plank"}
    table = later.table(["class_label", "class_id", "kind", "exercise"])
    assert all(later.labels[row["class_label"]] == row["class_id"] for row in table.to_pylist())


def test_clips_are_selected_by_exercise_and_kind(tmp_path: Path) -> None:
    dataset = packed(tmp_path, 8)
    squats = dataset.select(exercise="squat", kind="exercise")
    assert 0 < len(squats) < len(dataset)
    assert {clip["exercise"] for clip in squats.clips(["exercise"])} == {"squat"}
    assert len(dataset.select(exercise="Liegestütze")) == 0
    assert len(dataset.select(kind="rest")) == 0
    assert len(dataset.select(exercise=["squat", "plank"])) == len(squats) + len(dataset.select(exercise="plank"))
    for wrong in ({"exercise": "flurbs"}, {"kind": "exercize"}):
        with pytest.raises(ConfigError):
            dataset.select(**wrong)


def test_a_label_map_folds_classes(tmp_path: Path) -> None:
    dataset = packed(tmp_path, 8, label_map="mm-fit")
    assert set(dataset.manifest["class_labels"]) == {"squats", "jumping_jacks", "lunges", "non_activity"}
    assert {clip["exercise"] for clip in dataset.select(exercise="plank").clips(["exercise"])} == {"plank"}
    with pytest.raises(ConfigError):
        packed(tmp_path / "other", 1, label_map="no-such-set")


def test_columns_are_those_of_the_schema() -> None:
    made = columns(label_title("3. DB Squats (L) 3x12"), REPEATS)
    beside = {"clip_id", "clip_index", "title_english", "exercise_cues", "chatter_share"}
    embedded = {"label_embedding", "description_text_embedding", "label_embedding_source"}
    assert set(made) == set(LABEL.names) - beside - embedded
    assert made["repetitions_counted"] == 10.0


def test_a_dataset_without_the_stage_is_labelled_by_titles(tmp_path: Path) -> None:
    class Without(SyntheticSource):
        def stage_info(self) -> dict[str, dict[str, Any]]:
            return {name: each for name, each in super().stage_info().items() if name != "label"}

    config = Config()
    pack(Without(2, config, title="REST 20s"), config, open_store(str(tmp_path)))
    shard = next((tmp_path / "data").glob("*.parquet"))
    rows = pq.read_table(shard, columns=["kind", "class_label", "class_id", "stated_duration_s"]).to_pylist()
    assert {tuple(row.values()) for row in rows} == {("rest", "null", 0, 20.0)}


def test_the_command_shows_a_dataset_and_writes_a_table_to_mend(tmp_path: Path) -> None:
    packed(tmp_path / "dataset", 4)
    shown = CliRunner().invoke(app, ["labels", str(tmp_path / "dataset")])
    assert shown.exit_code == 0, shown.output
    assert "jumping_jack" in shown.stdout
    file = tmp_path / "labels.csv"
    written = CliRunner().invoke(app, ["labels", str(tmp_path / "dataset"), "--out", str(file)])
    assert written.exit_code == 0, written.output
    file.write_text("title,kind,exercises\nSquats,rest,\n", encoding="utf-8")
    again = CliRunner().invoke(app, ["labels", str(tmp_path / "dataset"), "--corrections", str(file), "--json"])
    rows = [json.loads(line) for line in again.stdout.splitlines()]
    assert {(row["kind"], row["method"]) for row in rows} == {("rest", "corrected")}
    assert CliRunner().invoke(app, ["labels", str(tmp_path / "nowhere")]).exit_code == 2
