"""Packing: determinism, appending, splits, hostile titles, and readers that know nothing of fimad."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from synthetic import SyntheticSource, small_config

import fimad
from fimad.dataset.manifest import read_manifest, sealed
from fimad.dataset.packing.pack import PackResult, pack
from fimad.dataset.packing.remove import remove
from fimad.dataset.packing.splits import Member, Members, assign, leaks, splits_from_file
from fimad.dataset.pages.biases import biases
from fimad.dataset.pages.card import card
from fimad.dataset.pages.text import markdown
from fimad.dataset.verify import verify
from fimad.errors import ConfigError, DatasetError
from fimad.schema import SCHEMA_VERSION
from fimad.storage.store import open_store


def packed(folder: Path, videos: int = 12, **options: object) -> PackResult:
    config = small_config(shard_bytes=300_000)
    return pack(SyntheticSource(videos, config, **options), config, open_store(str(folder)))  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    packed(tmp_path / "a")
    packed(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_packed_dataset_is_whole(tmp_path: Path) -> None:
    result = packed(tmp_path)
    assert verify(str(tmp_path)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "croissant.json", "data", "manifest.json"]
    assert result.clip_count == 24
    assert sum(result.splits.values()) == 24
    assert read_manifest(open_store(str(tmp_path)))["left_out_clips"] == {"too_long": 12}


def test_nothing_changes_when_nothing_is_new(tmp_path: Path) -> None:
    packed(tmp_path)
    before = contents(tmp_path)
    again = packed(tmp_path)
    assert again.written == 0
    assert contents(tmp_path) == before


def test_appending_keeps_shards_ids_and_splits(tmp_path: Path) -> None:
    packed(tmp_path, 20)
    old = read_manifest(open_store(str(tmp_path)))
    result = packed(tmp_path, 22)
    new = read_manifest(open_store(str(tmp_path)))
    hashes = {each["sha256"] for each in new["shards"]}
    assert {each["sha256"] for each in old["shards"]} <= hashes
    assert result.written == len(new["shards"]) - len(old["shards"])
    for split, info in old["splits"].items():
        assert set(info["videos"]) <= set(new["splits"][split]["videos"])
    assert new["version"] == 2
    assert new["changes"][-1] == {"version": 2, "videos": 22, "added": 2, "removed": 0}
    assert verify(str(tmp_path)) == []
    named = {each["name"] for each in new["shards"]}
    assert {f"data/{path.name}" for path in (tmp_path / "data").iterdir()} == named


def test_a_removed_video_is_gone_and_stays_away(tmp_path: Path) -> None:
    packed(tmp_path, 6)
    assert remove(str(tmp_path), "video000002", "asked") == 2
    assert verify(str(tmp_path)) == []
    packed(tmp_path, 6)
    table = fimad.open_dataset(str(tmp_path)).table(["video_id"])
    assert "video000002" not in table.column("video_id").to_pylist()
    with pytest.raises(DatasetError, match="no video"):
        remove(str(tmp_path), "video000002")


def test_after_a_takedown_every_figure_is_that_of_what_is_left(tmp_path: Path) -> None:
    """Languages and means once were those of before, and what was left out was forgotten."""
    config = small_config()
    pack(SyntheticSource(6, config), config, open_store(str(tmp_path / "all")))
    gone, *others = read_manifest(open_store(str(tmp_path / "all")))["splits"]["train"]["videos"]
    assert others
    remove(str(tmp_path / "all"), gone)
    source = SyntheticSource(6, config)
    source.ids.remove(gone)
    pack(source, config, open_store(str(tmp_path / "rest")))
    left, rest = (read_manifest(open_store(str(tmp_path / name))) for name in ("all", "rest"))
    for name in ("clips", "labels", "licences", "channels", "languages", "modalities", "means", "newest"):
        assert left[name] == rest[name], name
    # Whose clips were left out is not known any more.
    assert left["left_out_clips"] == {"too_long": 6}
    assert rest["left_out_clips"] == {"too_long": 5}


def test_the_card_says_how_many_clips_have_each_modality(tmp_path: Path) -> None:
    packed(tmp_path, 2)
    manifest = read_manifest(open_store(str(tmp_path)))
    assert manifest["modalities"] == {
        "pose": 4,
        "virtual IMU": 4,
        "transcript": 4,
        "video embedding": 0,
        "text embedding": 0,
    }
    assert "| video embedding | 0 | 0% |" in (tmp_path / "README.md").read_text()


def test_shards_of_before_make_no_false_share(tmp_path: Path) -> None:
    """A shard that does not say which clips have what would count as having nothing."""
    packed(tmp_path, 6)
    store = open_store(str(tmp_path))
    manifest = read_manifest(store)
    for shard in manifest["shards"]:
        del shard["modalities"]
    store.write("manifest.json", sealed(manifest))
    packed(tmp_path, 8)
    assert read_manifest(store)["modalities"] == {}
    assert "## Modalities" not in (tmp_path / "README.md").read_text()
    assert verify(str(tmp_path)) == []


def test_the_manifest_names_local_files_without_their_folders(tmp_path: Path) -> None:
    weights = tmp_path / "home" / "weights.pt"
    weights.parent.mkdir()
    weights.touch()
    config = small_config()
    local = {"transcribe": {"model": str(weights)}, "pack": {"shard_bytes": 300_000}}
    config = config.model_validate({**config.model_dump(), **local})
    pack(SyntheticSource(1, config), config, open_store(str(tmp_path / "dataset")))
    assert read_manifest(open_store(str(tmp_path / "dataset")))["config"]["transcribe"]["model"] == "weights.pt"
    assert not any(b"home" in data for data in contents(tmp_path / "dataset").values())


def test_missing_embeddings_are_null_and_the_manifest_says_why(tmp_path: Path) -> None:
    packed(tmp_path, 2)
    dataset = fimad.open_dataset(str(tmp_path))
    assert dataset.table(["video_embedding"]).column(0).null_count == 4
    assert dataset.manifest["unavailable"] == {"embed": "no weights"}
    assert "no weights" in (tmp_path / "README.md").read_text().replace("&#32;", " ")


def test_hostile_titles_stay_text_in_the_card() -> None:
    config = small_config()
    evil = "<img src=x onerror=alert(1)> | `x` [a](javascript:b) \u202egnp"
    shown = card(
        {
            **json.loads((Path(__file__).parent / "manifest_head.json").read_text()),
            "labels": {evil: 1},
            "licences": {evil: 1},
            "shards": [],
        }
    )
    assert config.pack.name
    assert "<img" not in shown
    assert "javascript:b" not in shown
    assert "\u202e" not in shown


def test_splits_keep_channels_and_copies_together() -> None:
    members = [
        Member(f"v{n}", (f"channel:{n % 7}", f"media:{n if n != 13 else 0}"), Counter({f"label{n % 3}": 2}))
        for n in range(60)
    ]
    splits = assign(Members.of(members), {"train": 0.7, "val": 0.15, "test": 0.15})
    assert leaks(Members.of(members), splits) == []
    assert set(splits) == {member.video_id for member in members}
    assert splits["v13"] == splits["v0"]
    more = [*members, Member("v60", ("channel:new",), Counter({"label0": 2}))]
    assert {
        k: v
        for k, v in assign(Members.of(more), {"train": 0.7, "val": 0.15, "test": 0.15}, splits).items()
        if k != "v60"
    } == splits


def test_splits_come_near_their_fractions() -> None:
    members = [Member(f"v{n}", (f"channel:{n}",), Counter({f"label{n % 4}": 1})) for n in range(200)]
    counts = Counter(assign(Members.of(members), {"train": 0.8, "val": 0.1, "test": 0.1}).values())
    assert counts == {"train": 160, "val": 20, "test": 20}


def test_fixed_split_files_are_followed_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"train": ["a___0", "a___4"], "val": ["b"]}))
    assert splits_from_file(str(path)) == {"a": "train", "b": "val"}
    path.write_text(json.dumps({"train": ["a___0"], "val": ["a___1"]}))
    with pytest.raises(ConfigError, match="'train' and 'val'"):
        splits_from_file(str(path))


def test_other_readers_open_the_files(tmp_path: Path) -> None:
    packed(tmp_path, 3)
    pandas = pytest.importorskip("pandas")
    duckdb = pytest.importorskip("duckdb")
    polars = pytest.importorskip("polars")
    shard = next((tmp_path / "data").iterdir())
    assert len(pandas.read_parquet(shard, columns=["clip_id", "label"]))
    assert duckdb.sql(f"select count(*) from '{tmp_path}/data/*.parquet'").fetchall() == [(6,)]  # noqa: S608  (our own path)
    frame = polars.scan_parquet(f"{tmp_path}/data/*.parquet").select("clip_id", "left_wrist_acc_m_s2").collect()
    assert frame.height == 6
    assert pads.dataset(tmp_path / "data").count_rows() == 6
    values = np.array(frame["left_wrist_acc_m_s2"][0]).reshape(-1, 3)
    assert values.shape == (400, 3)


def test_the_hub_library_loads_the_folder(tmp_path: Path) -> None:
    packed(tmp_path / "d", 12)
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(tmp_path / "d"), cache_dir=str(tmp_path / "cache"))
    assert sum(part.num_rows for part in loaded.values()) == 24
    row = loaded["train"][0]
    assert np.array(row["left_wrist_gyro_rad_s"]).reshape(-1, 3).shape == (400, 3)


def test_croissant_is_valid_and_its_records_load(tmp_path: Path) -> None:
    packed(tmp_path, 2)
    mlcroissant = pytest.importorskip("mlcroissant")
    loaded = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    assert not loaded.metadata.ctx.issues.errors
    record = next(iter(loaded.records("clips-0")))
    assert record["clips-0/clip_id"].decode().startswith("video")


def test_biases_are_told_from_the_datasets_own_figures(tmp_path: Path) -> None:
    config = small_config()
    pack(SyntheticSource(8, config, embeddings=True), config, open_store(str(tmp_path)))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    card = (tmp_path / "README.md").read_text()
    croissant = json.loads((tmp_path / "croissant.json").read_text())
    assert f"There are {len([name for name in manifest['channels'] if name])} channels" in card
    told = croissant["rai:dataBiases"]
    # Of exercises, in one form for all spellings of titles.
    exercises = [name for name in manifest["class_labels"] if name and name != "null"]
    assert any(each.startswith(f"There are {len(exercises)} labels") for each in told)
    assert any("of a clip's frames" in each for each in told)
    assert croissant["datePublished"] == (manifest["newest"] or "2024-06-06")


def test_a_hostile_channel_stays_text_in_card_and_croissant(tmp_path: Path) -> None:
    manifest = {
        "clips": 2,
        "channels": {"<script>alert(1)</script>\n# head": 2},
        "labels": {"": 2},
        "splits": {"train": {"clips": 2}, "test": {"clips": 0}},
        "left_out_clips": {"nobody": 2},
    }
    told = biases(manifest)
    assert not any("\n" in each for each in told)
    assert "Nothing is in the split test: too few channels to divide." in told
    assert "100% of the clips state no label." in told
    assert "50% of all clips were left out; their kind is missing." in told
    assert "<script>" not in markdown(told[0])


def test_columns_of_an_earlier_version_can_be_read_and_those_of_a_later_can_not(tmp_path: Path) -> None:
    config = small_config(("left_wrist",))
    pack(SyntheticSource(2, config), config, open_store(str(tmp_path)))
    manifest = tmp_path / "manifest.json"
    told = json.loads(manifest.read_text())
    renamed = {"left_wrist_lin_acc_world_m_s2": "left_wrist_acc_world_m_s2"}
    gone = {"flags", "left_wrist_orientation", "left_wrist_gyro_sigma_rad_s"}
    for shard in told["shards"]:
        table = pq.read_table(tmp_path / shard["name"])
        table = table.drop_columns([*gone]).rename_columns(renamed)
        pq.write_table(table, tmp_path / shard["name"])
    columns = [{**each, "name": renamed.get(each["name"], each["name"])} for each in told["columns"]]
    told |= {"schema_version": 1, "columns": [each for each in columns if each["name"] not in gone]}
    manifest.write_bytes(sealed(told))
    dataset = fimad.open_dataset(str(tmp_path))
    clip = next(dataset.clips())
    assert clip["left_wrist_acc_world_m_s2"].shape == clip["left_wrist_acc_m_s2"].shape
    assert dataset.index().num_rows == len(dataset)
    assert next(dataset.windows(length_s=1))["left_wrist_acc_m_s2"].any()

    manifest.write_bytes(sealed({**told, "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(DatasetError, match="newer fimad"):
        fimad.open_dataset(str(tmp_path))


@pytest.mark.parametrize("seed", range(4))
def test_every_split_has_its_share_of_every_label(seed: int) -> None:
    """Groups of one size: dealt by size alone, a label of a split is off by up to a fifth of all its clips."""
    labels, fractions = ("squat", "lunge", "plank", "jump"), {"train": 0.8, "val": 0.1, "test": 0.1}
    members = [Member(f"s{seed}v{n:03d}", (f"c{n}",), Counter({labels[n % 4]: 4})) for n in range(120)]
    splits = assign(Members.of(members), fractions)
    counts: Counter[tuple[str, str]] = Counter()
    for member in members:
        counts.update({(splits[member.video_id], label): count for label, count in member.labels.items()})
    for split, fraction in fractions.items():
        for label in labels:
            assert abs(counts[split, label] / 120 - fraction) < 0.05


def test_splits_share_out_every_label() -> None:
    """Groups of one size, each rich in one of its labels: sizes alone would leave some labels out of a split."""
    random = np.random.default_rng(0)
    members = [
        Member(f"v{n}", (f"channel:{n}",), Counter({f"label{rich}": 8, f"label{poor}": 2}))
        for n, (rich, poor) in enumerate(random.integers(12, size=(120, 2)).tolist())
    ]
    targets = {"train": 0.7, "val": 0.15, "test": 0.15}
    splits = assign(Members.of(members), targets)
    total: Counter[str] = Counter()
    dealt = {split: Counter[str]() for split in targets}
    for member in members:
        total.update(member.labels)
        dealt[splits[member.video_id]].update(member.labels)
    off = [abs(dealt[split][label] / total[label] - share) for split, share in targets.items() for label in total]
    # Without looking at labels it is 0.089.
    assert float(np.mean(off)) < 0.06
