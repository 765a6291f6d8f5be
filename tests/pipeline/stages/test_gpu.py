"""GPUs are used where they are asked for; what a GPU gives is measured by `benchmarks.devices`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest
import runner_fakes as fakes
from test_build import make_config
from typer.testing import CliRunner

from fimad.cli import app
from fimad.config import Config, TranscribeConfig
from fimad.errors import SetupError
from fimad.gpu import LANE_VARIABLE, own_gpu
from fimad.pipeline.build import run_spec
from fimad.pipeline.run.local import LocalExecutor
from fimad.pipeline.run.run_types import Observer
from fimad.pipeline.run.sandbox import Sandbox
from fimad.pipeline.stages.registry import plan_stages
from fimad.pipeline.stages.speech import load_recogniser
from tests.pipeline.makers import DEMO

ctranslate2 = pytest.importorskip("ctranslate2")
without_gpu = pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="this machine has a GPU")


@pytest.mark.parametrize(
    ("section", "stale"),
    [("transcribe", {"transcribe", "label"}), ("embed", {"embed"}), ("", set())],
)
def test_the_device_is_in_the_key_and_the_processor_is_not(section: str, stale: set[str], tmp_path: Path) -> None:
    checkpoint = tmp_path / "clip.safetensors"
    checkpoint.write_bytes(b"weights")
    base = {"embed": {"pretrained": str(checkpoint)}}
    told = {"transcribe": {"device": "cpu"}, "embed": {"device": "cpu", **base["embed"]}}
    if section:
        told[section]["device"] = "cuda"
    before, after = (plan_stages(Config.model_validate(each)).keys for each in (base, told))
    assert {name for name in before if before[name] != after[name]} == stale


def test_no_other_device_is_taken() -> None:
    with pytest.raises(ValueError, match="device"):
        TranscribeConfig(device="gpu")


@without_gpu
@pytest.mark.parametrize("section", ["transcribe", "embed"])
def test_a_build_that_asks_for_a_missing_gpu_says_so_and_stops(section: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    options = [
        "--workspace",
        str(tmp_path / "ws"),
        "--workers",
        "0",
        "--stage",
        section,
        "--set",
        f"{section}.device=cuda",
    ]
    if section == "embed":
        checkpoint = tmp_path / "clip.safetensors"
        checkpoint.write_bytes(b"weights")
        options += ["--set", f"embed.pretrained={checkpoint}"]
    else:
        options += ["--set", "transcribe.captions=none", "--set", "transcribe.model=tiny.en"]
    done = CliRunner().invoke(app, ["build", str(DEMO), *options])
    assert done.exit_code == 3, done.output
    said = " ".join(done.output.split())
    assert f"{section}.device = 'cuda', but there is no such GPU" in said
    assert f"leave out `{section}.device`" in said


@without_gpu
@pytest.mark.parametrize("engine", ["faster-whisper", "openai-whisper"])
def test_both_engines_say_so(engine: str) -> None:
    if engine == "openai-whisper":
        pytest.importorskip("whisper", reason="openai-whisper is an extra")
    config = TranscribeConfig.model_validate({"engine": engine, "device": "cuda"})
    with pytest.raises(SetupError, match=r"transcribe\.device = 'cuda', but there is no such GPU"):
        load_recogniser(config, Path("nowhere"), 1)


@without_gpu
def test_the_doctor_says_it_before_a_build(tmp_path: Path) -> None:
    options = ["--workspace", str(tmp_path / "ws"), "--set", "transcribe.model=tiny.en"]
    done = CliRunner().invoke(app, ["doctor", "--json", *options, "--set", "transcribe.device=cuda"])
    (line,) = (line for line in json.loads(done.stdout)["lines"] if line["name"] == "GPU for transcribe")
    assert done.exit_code == 3
    assert line["state"] == "error"
    assert "leave out" in line["fix"]
    done = CliRunner().invoke(app, ["doctor", "--json", *options])
    assert not [line for line in json.loads(done.stdout)["lines"] if line["name"].startswith("GPU")]


@pytest.mark.parametrize(
    ("lanes", "gpus", "taken"), [(4, 1, [0, 0, 0, 0]), (4, 2, [0, 1, 0, 1]), (3, 8, [0, 1, 2]), (5, 4, [0, 1, 2, 3, 0])]
)
def test_lanes_go_round_the_gpus(lanes: int, gpus: int, taken: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for lane in range(lanes):
        monkeypatch.setenv(LANE_VARIABLE, str(lane))
        found.append(own_gpu(gpus))
    assert found == taken
    monkeypatch.delenv(LANE_VARIABLE)
    assert own_gpu(gpus) == 0


def test_a_child_process_knows_its_lane(tmp_path: Path) -> None:
    config = make_config(tmp_path, run={"workers": 3})
    workspace = fakes.corpus(config, "ok")
    spec = run_spec(workspace, config, plan_stages(config, fakes.PATHS))
    executor = LocalExecutor(spec, config.run, ["cpu"], Observer())
    try:
        lanes = []
        for sandbox in executor._sandboxes:
            sandbox.start()
            lanes.append(psutil.Process(sandbox.pid).environ()[LANE_VARIABLE])
        assert lanes == ["0", "1", "2"]
    finally:
        executor.close()
    alone = Sandbox(spec, "cpu")
    try:
        alone.start()
        assert psutil.Process(alone.pid).environ()[LANE_VARIABLE] == "0"
    finally:
        alone.close()
    assert LANE_VARIABLE not in os.environ
