"""For all tests: weights, fetched once into the cache; a dataset that every real stage had a part in; an S3 server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import settings

from fimad import models

# Tests do not time: a machine that is busy fails no example.
settings.register_profile("fimad", deadline=None)
settings.load_profile("fimad")
# Native thread pools of many test processes would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="session")
def weights() -> Callable[[str], Path]:
    """`weights("pose/full")`: where a known model is, fetched and checked if need be; skips if it can't be had."""
    found: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in found:
            try:
                found[name] = models.fetch(name)
            except models.ModelUnavailableError as error:
                pytest.skip(f"no weights: {error.what}")
        return found[name]

    return get


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket on a moto server."""
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    pytest.importorskip("moto", reason="moto is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    # The first start on a machine compiles all of moto, which takes longer than anything else here.
    for _ in range(1800):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        if server.poll() is not None:
            pytest.fail(f"the moto server ended with exit code {server.returncode}")
        time.sleep(0.1)
    # fsspec keeps file systems by their arguments, and the address comes from the environment: another module that uses
    # this fixture would get the file system of a server that is gone.
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    fsspec.filesystem("s3", use_listings_cache=False).mkdir("bucket")
    yield "s3://bucket"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.kill()
    server.wait()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


# The shape of a CLIP, small enough to be made up for a test.
_TINY_CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="session")
def demo_dataset(weights: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own workout as a dataset of five clips; CLIP is untrained, all else is what users have."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    from fimad.config import parse_config
    from fimad.demo import VIDEO
    from fimad.pipeline.build import build

    for name in ("pose/detector", "pose/lite", "faster-whisper/base"):
        weights(name)
    folder = tmp_path_factory.mktemp("demo")
    (folder / "fimad-demo-tiny.json").write_text(json.dumps(_TINY_CLIP))
    open_clip.add_model_config(folder / "fimad-demo-tiny.json")
    torch.manual_seed(0)
    save_file(open_clip.create_model("fimad-demo-tiny", pretrained=None).state_dict(), folder / "clip.safetensors")
    config = parse_config(
        {
            "workspace": str(folder / "workspace"),
            "dataset": str(folder / "dataset"),
            "pose": {"model": "lite", "rate_hz": 15},
            "embed": {"model": "fimad-demo-tiny", "pretrained": str(folder / "clip.safetensors")},
            "run": {"workers": 0},
        }
    )
    summary = build(config, [str(VIDEO)])
    assert summary.exit_code == 0, summary.failures
    return folder / "dataset"
