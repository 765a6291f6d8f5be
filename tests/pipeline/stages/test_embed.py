"""CLIP embeddings with the real open_clip and a small untrained model, saved as a local checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fimad import clip_weights, models
from fimad.config import Config, parse_config
from fimad.errors import ConfigError
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.embed import EmbedStage, Encoder, prompts
from fimad.schema import DOWNLOAD, EMBED, SEGMENT
from tests.pipeline.makers import DEMO, stage_input

open_clip = pytest.importorskip("open_clip")

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
CLIPS = [(0.0, 3.0, "Squats {label}", "squats"), (20.0, 22.5, None, None)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip")
    (folder / "fimad-tiny.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "fimad-tiny.json")
    torch.manual_seed(0)
    model = open_clip.create_model("fimad-tiny", pretrained=None)
    save_file(model.state_dict(), folder / "tiny.safetensors")
    torch.save(model.state_dict(), folder / "tiny.pt")
    return folder / "tiny.safetensors"


def test_what_the_checkpoint_overwrites_is_not_filled_before(checkpoint: Path) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    called = []

    class Watched(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            called.append(function.__name__)
            return function(*args, **(kwargs or {}))

    with Watched():
        Encoder(checkpoint, "fimad-tiny", "")
        filled = [name for name in called if name.startswith(("normal_", "uniform_", "random_"))]
        assert called
        assert not filled
        # It would be seen.
        open_clip.create_model("fimad-tiny", pretrained=None)
    assert [name for name in called if name.startswith(("normal_", "uniform_"))]


def test_a_checkpoint_that_is_written_anew_changes_nothing_that_was_loaded(checkpoint: Path, tmp_path: Path) -> None:
    """A process that mapped it would go on with other weights, or be killed."""
    own = tmp_path / "own.safetensors"
    own.write_bytes(checkpoint.read_bytes())
    encoder = Encoder(own, "fimad-tiny", "")
    before = encoder.texts(["squats"])
    with own.open("r+b") as file:
        file.seek(-(own.stat().st_size // 2), 2)
        file.write(bytes(own.stat().st_size // 2))
    np.testing.assert_array_equal(encoder.texts(["lunges"]), Encoder(checkpoint, "fimad-tiny", "").texts(["lunges"]))
    np.testing.assert_array_equal(encoder.texts(["squats"]), before)


def config(checkpoint: Path | str, **options: object) -> Config:
    return parse_config({"embed": {"model": "fimad-tiny", "pretrained": str(checkpoint), "rate_hz": 2.0, **options}})


def run(settings: Config, folder: Path, description: str | None = "Five exercises.") -> pa.Table:
    row = dict.fromkeys(DOWNLOAD.names) | {
        "video_id": "v",
        "description": description,
        "width_px": 1280,
        "height_px": 720,
    }
    segments = [
        {
            "clip_id": f"v___{at}",
            "clip_index": at,
            "start_s": start,
            "end_s": end,
            "title": title,
            "label": label,
            "chapter_source": "platform",
            "filtered": None,
        }
        for at, (start, end, title, label) in enumerate(CLIPS)
    ]
    tables = {
        "download": pa.Table.from_pylist([row], schema=DOWNLOAD),
        "segment": pa.Table.from_pylist(segments, schema=SEGMENT),
    }
    stage = EmbedStage(settings)
    assert stage.unavailable() is None
    try:
        return stage.run(stage_input(Video("v", "file", str(DEMO)), folder, tables, DEMO))
    finally:
        stage.close()


def test_embeddings_have_unit_length_and_the_shapes_of_the_schema(checkpoint: Path, tmp_path: Path) -> None:
    table = run(config(checkpoint), tmp_path)
    assert table.schema.equals(EMBED)
    first, second = table.to_pylist()
    assert len(first["video_embedding_time_s"]) == 6
    np.testing.assert_allclose(np.diff(first["video_embedding_time_s"]), 0.5, atol=0.04)
    assert len(second["video_embedding_time_s"]) == 5
    assert second["video_embedding_time_s"][0] >= 20.0
    frames = np.array(first["video_embeddings"]).reshape(6, 32)
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1, atol=1e-5)
    mean = frames.mean(axis=0)
    np.testing.assert_allclose(first["video_embedding"], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(first["text_embedding"]), 1, atol=1e-5)
    assert second["text_embedding"] is None  # a clip without title and label has no text to embed
    assert first["description_embedding"] == second["description_embedding"]


def test_batches_and_the_checkpoints_form_do_not_change_the_result(checkpoint: Path, tmp_path: Path) -> None:
    reference = run(config(checkpoint), tmp_path).to_pylist()[0]["video_embeddings"]
    for settings in (config(checkpoint, batch_size=1), config(checkpoint.with_suffix(".pt"))):
        found = run(settings, tmp_path).to_pylist()[0]["video_embeddings"]
        np.testing.assert_allclose(found, reference, atol=1e-5)


def test_bf16_stays_close_to_fp32(checkpoint: Path, tmp_path: Path) -> None:
    reference = np.array(run(config(checkpoint), tmp_path).to_pylist()[0]["video_embeddings"]).reshape(-1, 32)
    found = np.array(run(config(checkpoint, precision="bf16"), tmp_path).to_pylist()[0]["video_embeddings"])
    assert np.sum(found.reshape(-1, 32) * reference, axis=1).min() > 0.99


def test_all_weights_are_those_of_the_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint)
    made = Encoder(checkpoint, "fimad-tiny", str(checkpoint))._model.state_dict()
    assert made.keys() == weights.keys()
    assert all(torch.equal(made[name], value) for name, value in weights.items())
    # Weights that are not there are not made up.
    del weights["visual.proj"]
    save_file(weights, tmp_path / "lacks.safetensors")
    with pytest.raises(RuntimeError, match=r"visual\.proj"):
        EmbedStage(config(tmp_path / "lacks.safetensors")).setup()


def test_a_text_has_one_embedding_whatever_comes_with_it(checkpoint: Path) -> None:
    texts = ["a video of a person doing squats.", "lunges", "a video of a person doing squats."]
    together = Encoder(checkpoint, "fimad-tiny", str(checkpoint)).texts(texts)
    alone = Encoder(checkpoint, "fimad-tiny", str(checkpoint)).texts(texts[2:])
    assert together.shape == (3, 32)
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[2], alone[0])


def test_no_description_is_null(checkpoint: Path, tmp_path: Path) -> None:
    assert run(config(checkpoint), tmp_path, None).column("description_embedding").null_count == len(CLIPS)


def test_a_checkpoint_that_runs_code_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "pwned",)

    bad = tmp_path / "bad.pt"
    bad.write_bytes(pickle.dumps({"weight": Evil()}))
    with pytest.raises(Exception, match=r"(?i)weights.only|unpickl"):
        EmbedStage(config(bad)).setup()
    assert not (tmp_path / "pwned").exists()


def test_missing_weights_are_said_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIMAD_MODELS", str(tmp_path))
    stage = EmbedStage(Config())
    reason = stage.unavailable()
    assert reason is not None
    assert reason.reason == "no_weights"
    assert "fimad models fetch open_clip/ViT-B-32/laion2b_s34b_b79k" in reason.fix
    with pytest.raises(models.ModelUnavailableError):
        stage.models()


def test_weights_in_the_cache_are_found_and_checked(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIMAD_MODELS", str(tmp_path))
    folder = tmp_path / "open_clip" / "fimad-tiny" / "mine"
    folder.mkdir(parents=True)
    kept = folder / "weights.safetensors"
    kept.write_bytes(checkpoint.read_bytes())
    (folder / "weights.safetensors.sha256").write_text(clip_weights.hash_file(kept) + "\n")
    name = "open_clip/fimad-tiny/mine"
    assert models.locate(name) == kept
    assert models.verify(name) == []
    assert models.model_file(name).sha256 == clip_weights.hash_file(checkpoint)
    with kept.open("ab") as file:
        file.write(b"x")
    assert "SHA-256" in models.verify(name)[0]


@pytest.mark.parametrize("pretrained", ["./missing.pt", "/nowhere/x.safetensors", "../../etc/passwd"])
def test_a_wrong_path_is_a_config_error(pretrained: str) -> None:
    with pytest.raises(ConfigError):
        EmbedStage(config(pretrained)).setup()


@pytest.mark.parametrize("name", ["open_clip/../x", "open_clip/a/../../b", "open_clip/a"])
def test_names_do_not_lead_out_of_the_cache(name: str) -> None:
    with pytest.raises(ConfigError):
        models.locate(name)


def test_prompts_take_titles_as_they_are() -> None:
    templates = ("a video of {label}.", "{title}: {label}", "{title}")
    assert prompts(templates, "{label} {title} {0}", "squats") == [
        "a video of squats.",
        "{label} {title} {0}: squats",
        "{label} {title} {0}",
    ]
    assert prompts(templates, None, "squats") == ["a video of squats."]
    assert prompts(templates, None, None) == []
