"""What is missing is said before any video is touched, and never taken for a video's fault."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import runner_fakes as fakes
from test_build import go, make_config

import fimad
from fimad import libraries, models
from fimad.config import Config, RunConfig, load_config
from fimad.dataset.manifest import FORMAT, sealed
from fimad.errors import ConfigError, SetupError
from fimad.model_sources import SourceError
from fimad.pipeline.build import _left_out_before, build
from fimad.pipeline.inspect.readiness import prepared
from fimad.pipeline.stages.registry import AGREED, STAGES, load_stage
from fimad.schema import SCHEMA_VERSION

PACKAGE = Path(fimad.__file__).parent
WEIGHTS = b"weights" * 1000


def paths(kind: str) -> tuple[str, ...]:
    return tuple(path.replace("FakePose", kind) for path in fakes.PATHS)


class Source:
    def __init__(self, content: bytes | None) -> None:
        self.content = content

    def describe(self) -> str:
        return "a source"

    def fetch(self, folder: Path, max_bytes: int, say: Callable[[str], None]) -> None:
        if self.content is None:
            raise SourceError("no way there")
        say("7 of 7 MB")
        (folder / "a.bin").write_bytes(self.content)


def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None) -> None:
    monkeypatch.setenv("FIMAD_MODELS", str(tmp_path / "cache"))
    files = {"a.bin": hashlib.sha256(WEIGHTS).hexdigest()}
    made = models.Model("kind/one", files, len(WEIGHTS), "MIT", "nobody", (Source(content),))
    monkeypatch.setitem(models.MODELS, "kind/one", made)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_library_is_said_before_anything_is_touched(tmp_path: Path, workers: int) -> None:
    config = make_config(tmp_path, run={"workers": workers})
    with pytest.raises(SetupError, match="no_such_library") as caught:
        build(config, ["nothing.mp4"], stage_paths=paths("NeedsLibrary"))
    assert caught.value.reason == "not_installed"
    assert caught.value.fix.startswith("pip install ")
    assert "[build" in caught.value.fix
    assert "json" not in caught.value.what
    assert not (tmp_path / "ws").exists()


def test_the_runners_own_libraries_are_looked_for_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name in ("dask", "distributed") else name)
    fakes.corpus(make_config(tmp_path), "ok")
    with pytest.raises(SetupError, match="dask, distributed"):
        go(make_config(tmp_path, run={"scheduler": "tcp://127.0.0.1:1"}))
    assert go(make_config(tmp_path)).exit_code == 0


@pytest.mark.parametrize(
    ("workers", "behaviour", "reason", "says"),
    [
        (0, "no_library", "not_installed", "[build"),
        (0, "no_libgl", "library_broken", "apt-get install libgl1"),
        (0, "no_cuda", "library_broken", "libcudart.so.13"),
        (1, "no_library", "not_installed", "[build"),
    ],
)
def test_a_failed_import_in_a_stage_ends_the_run_and_blames_no_video(
    tmp_path: Path, workers: int, behaviour: str, reason: str, says: str
) -> None:
    config = make_config(tmp_path, run={"workers": workers})
    workspace = fakes.corpus(config, f"{behaviour}@pose", "ok")
    summary = go(config)
    assert (summary.exit_code, summary.stopped, summary.failed) == (3, reason, 0)
    assert summary.error is not None
    assert says in str(summary.error)
    assert workspace.read_record("pose", summary.stages["pose"]["key"], "v00") is None


def test_missing_weights_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(monkeypatch, tmp_path, WEIGHTS)
    config = make_config(tmp_path)
    fakes.corpus(config, "ok")
    assert go(config, paths=paths("NeedsWeights")).exit_code == 0
    assert models.locate("kind/one").read_bytes() == WEIGHTS


def test_a_stage_that_is_not_asked_for_may_lack_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(monkeypatch, tmp_path, None)
    config = make_config(tmp_path)
    fakes.corpus(config, "ok")
    assert go(config, "transcribe", paths=paths("NeedsWeights")).exit_code == 0
    with pytest.raises(SetupError, match="no way there") as caught:
        go(config, "simulate", paths=paths("NeedsWeights"))
    assert "--without pose" in caught.value.fix


def test_what_rests_on_a_stage_that_is_left_out_is_left_out_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(monkeypatch, tmp_path, None)
    config = make_config(tmp_path, run={"without": ["pose"]})
    fakes.corpus(config, "ok")
    summary = go(config, paths=paths("NeedsWeights"))
    assert list(summary.stages) == ["download", "segment", "transcribe"]
    assert summary.unavailable["simulate"].agreed
    with pytest.raises(ConfigError):
        go(config, "pose", paths=paths("NeedsWeights"))


def test_only_stages_that_a_row_can_do_without_may_be_left_out() -> None:
    names = {load_stage(path, Config()).name for path in STAGES}
    (kinds,) = {get_args(each) for each in get_args(RunConfig.model_fields["without"].annotation) if each is not ...}
    assert set(kinds) == names - {"download", "segment"}
    for name in ("download", "embd"):
        with pytest.raises(ConfigError):
            load_config(None, (f'run.without=["{name}"]',))


def test_what_the_dataset_was_built_without_need_not_be_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(monkeypatch, tmp_path, None)
    (tmp_path / "ds").mkdir()
    said: list[str] = []
    for what, agreed in ((f"pose {AGREED}", ["pose"]), ("The weights are not on this machine.", [])):
        manifest = sealed({"format": FORMAT, "schema_version": SCHEMA_VERSION, "unavailable": {"pose": what}})
        (tmp_path / "ds" / "manifest.json").write_bytes(manifest)
        assert _left_out_before(make_config(tmp_path)) == agreed
    config, plan = prepared(
        make_config(tmp_path), paths("NeedsWeights"), lambda plan: list(plan.stages), agreed=["pose"], say=said.append
    )
    assert config.run.without == ("pose",)
    assert plan.left_out == ["pose", "simulate"]
    assert "pose is left out" in said[-1]


def digest(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def cut_off(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """An empty cache, and no way to any source."""
    monkeypatch.setenv("FIMAD_MODELS", str(cache))
    for name, known in list(models.MODELS.items()):
        monkeypatch.setitem(models.MODELS, name, replace(known, sources=(Source(None),)))


@pytest.mark.parametrize(
    ("stage", "changes"), [(None, {}), (None, {"pose": {"model": "heavy"}}), ("pose", {"pose": {"model": "heavy"}})]
)
def test_a_good_dataset_is_never_replaced_by_a_hollow_one(
    demo_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str | None,
    changes: dict[str, dict[str, str]],
) -> None:
    from fimad.demo import VIDEO

    cut_off(monkeypatch, tmp_path / "cache")
    embed = {"model": "fimad-demo-tiny", "pretrained": str(demo_dataset.parent / "clip.safetensors")}
    config = make_config(tmp_path, **{"pose": {"model": "lite", "rate_hz": 15}, "embed": embed, **changes})
    config = config.model_copy(
        update={"workspace": str(demo_dataset.parent / "workspace"), "dataset": str(demo_dataset)}
    )
    before = digest(demo_dataset.parent)
    with pytest.raises(SetupError) as caught:
        build(config, [str(VIDEO)], stage)
    assert caught.value.reason == "no_weights"
    assert digest(demo_dataset.parent) == before


def test_a_stage_that_is_still_to_be_done_is_not_packed_as_null(demo_dataset: Path, tmp_path: Path) -> None:
    from fimad.demo import VIDEO

    embed = {"model": "fimad-demo-tiny", "pretrained": str(demo_dataset.parent / "clip.safetensors")}
    config = make_config(tmp_path, pose={"model": "lite", "rate_hz": 14}, embed=embed)
    config = config.model_copy(
        update={"workspace": str(demo_dataset.parent / "workspace"), "dataset": str(demo_dataset)}
    )
    before = digest(demo_dataset)
    summary = build(config, [str(VIDEO)], "transcribe")
    assert (summary.exit_code, summary.dataset) == (0, "")
    with pytest.raises(ConfigError, match=r"of 1 video is still to be done"):
        build(config, [str(VIDEO)], "pack")
    assert digest(demo_dataset) == before


_BARE = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
import fimad
from fimad.cli import app
sys.argv = ["fimad", *sys.argv[1:]]
app()
"""


def test_an_installation_without_extras_reads_simulates_and_says_what_a_build_needs(tmp_path: Path) -> None:
    program = _BARE.format(blocked=sorted(libraries.EXTRA_OF))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("--help").returncode == 0
    rows = "\n".join(f"{at / 50},0,{at / 5000},1" for at in range(100))
    (tmp_path / "wrist.csv").write_text(f"time_s,left_wrist_x,left_wrist_y,left_wrist_z\n{rows}\n")
    (tmp_path / "x.mp4").write_bytes(b"no video")
    done = run("build", "x.mp4")
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("pip install") == done.stderr.count("[build,embed]'") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["wrist.csv", "x.mp4"]


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_every_library_of_the_pipeline_is_known_with_its_extra() -> None:
    core = {"fimad", "numpy", "scipy", "pyarrow", "pydantic", "typer", "rich", "fsspec", "platformdirs", "rapidfuzz"}
    for path in PACKAGE.rglob("*.py"):
        if not path.is_relative_to(PACKAGE / "dataset"):
            unknown = imports_of(path) - core - set(sys.stdlib_module_names) - libraries.EXTRA_OF.keys()
            assert not unknown, f"{path.name} imports {unknown}, which no extra in fimad/libraries.py brings"


def test_stages_require_what_is_known() -> None:
    for engine in ("faster-whisper", "openai-whisper"):
        for backend in ("litert", "mediapipe"):
            config = load_config(None, (f"transcribe.engine={engine}", f"pose.backend={backend}"))
            for path in STAGES:
                required = load_stage(path, config).requires()
                assert set(required) <= libraries.EXTRA_OF.keys()
                assert not libraries.missing(required)
