"""`fimad doctor`: what this machine has, line by line, and what to type where something is missing."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from fimad.cli.options import ConfigOption, JsonOption, SetOption, WorkspaceOption, read_config, with_run
from fimad.cli.output import out, print_json
from fimad.config import Config

OK, WARNING, ERROR = "ok", "warning", "error"
# YouTube changes faster than that.
_OLD_DAYS = 60
_ROOM_BYTES = 5 * 1000**3
_MEMORY_BYTES = 4 * 1000**3
_COLOURS = {OK: "green", WARNING: "yellow", ERROR: "red"}


@dataclass(frozen=True)
class Line:
    """One thing that was looked at: `state` is ok, warning or error, `fix` what to type."""

    name: str
    state: str
    what: str
    fix: str = ""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("doctor", epilog="Examples: `fimad doctor`, `fimad doctor --json`")(doctor)


def doctor(
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to ask.")] = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at everything that a build needs. Exit code 3 if something is missing without which it can't work."""
    chosen = with_run(read_config(config, workspace, None, settings), scheduler=scheduler)
    lines = list(examine(chosen))
    good = all(line.state != ERROR for line in lines)
    if as_json:
        print_json({"ok": good, "lines": [asdict(line) for line in lines]})
    else:
        for line in lines:
            out.print(f"[{_COLOURS[line.state]}]{line.state:<8}[/]", end="")
            out.print(f"{line.name:<22} {line.what}", markup=False, highlight=False)
            if line.fix and line.state != OK:
                out.print(f"{'':<8}{'':<22} Next: {line.fix}", markup=False, highlight=False)
    raise typer.Exit(0 if good else 3)


def examine(config: Config) -> Iterator[Line]:
    """All lines, in order; a check that fails by itself is an error of its own."""
    checks: tuple[Callable[[Config], Iterator[Line]], ...] = (
        _python,
        _stages,
        _hub,
        _gpus,
        _codecs,
        _youtube,
        _machine,
        _workspace,
        _scheduler,
    )
    for check in checks:
        try:
            yield from check(config)
        except Exception as error:  # noqa: BLE001  (whatever a broken installation throws is what is looked for)
            yield Line(check.__name__.strip("_"), ERROR, f"{type(error).__name__}: {error}"[:300], "Reinstall fimad.")


def _python(config: Config) -> Iterator[Line]:
    known = sys.version_info >= (3, 11)
    yield Line("Python", OK if known else ERROR, platform.python_version(), "Install Python 3.11 or newer.")


def _stages(config: Config) -> Iterator[Line]:
    """Libraries and weights of each stage, and of what runs them."""
    from fimad import libraries
    from fimad.pipeline.inspect.readiness import runner_requires
    from fimad.pipeline.stages.registry import plan_stages

    lacking = libraries.needs("The run itself", runner_requires(config))
    yield Line("runner", ERROR if lacking else OK, lacking.what if lacking else "ready", lacking.fix if lacking else "")
    plan = plan_stages(config)
    for name, stage in plan.stages.items():
        why = plan.unavailable.get(name)
        if why is None:
            versions = ", ".join(f"{module} {_version(module)}" for module in stage.requires())
            weights = ", ".join(stage.weights())
            yield Line(f"stage {name}", OK, "; ".join(filter(None, (versions, weights))) or "ready")
        elif why.agreed:
            yield Line(f"stage {name}", OK, why.what)
        else:
            # Weights are fetched by a build; that they can be had is not sure before.
            yield Line(
                f"stage {name}",
                WARNING if why.reason in ("no_weights", "upstream_unavailable") else ERROR,
                why.what,
                why.fix,
            )


def _hub(config: Config) -> Iterator[Line]:
    """Whether CLIP's weights are here, or can be had."""
    from fimad import clip_weights, models

    if "embed" in config.run.without or not clip_weights.installed():
        return
    if own := clip_weights.own_checkpoint(config.embed.pretrained):
        yield Line("CLIP", OK, f"{own}: your own checkpoint")
        return
    name = f"{clip_weights.PREFIX}{config.embed.model}/{config.embed.pretrained}"
    if models.unavailable(name, config) is None:
        yield Line("CLIP", OK, f"{name}: on this machine")
        return
    try:
        clip_weights.check_hub(name)
    except models.ModelUnavailableError as error:
        yield Line("CLIP", WARNING, error.what, f"{error.fix} Or do without: fimad build --without embed")
    else:
        yield Line("CLIP", OK, f"{name}: the hub can be reached, a build fetches it")


def _gpus(config: Config) -> Iterator[Line]:
    """Whether a GPU that was asked for computes; one that nobody asked for is only told of."""
    from fimad import libraries
    from fimad.errors import SetupError
    from fimad.pipeline.stages.registry import plan_stages

    plan = plan_stages(config)
    asked = [
        name
        for name in ("transcribe", "embed")
        if name not in plan.unavailable and getattr(config, name).device != "cpu"
    ]
    for name in asked:
        try:
            plan.stages[name].setup()
        except SetupError as error:
            yield Line(f"GPU for {name}", ERROR, error.what, error.fix)
        else:
            yield Line(f"GPU for {name}", OK, "computes")
        finally:
            plan.stages[name].close()
    if asked or libraries.missing(("ctranslate2",)):
        # What is missing is said by the stages.
        return
    import ctranslate2

    if count := ctranslate2.get_cuda_device_count():
        yield Line("GPU", OK, f"{count}, not used: --set transcribe.device=cuda --set embed.device=cuda")


def _version(module: str) -> str:
    distributions = {
        "cv2": "opencv-contrib-python",
        "yt_dlp": "yt-dlp",
        "open_clip": "open_clip_torch",
        "PIL": "pillow",
    }
    distributions |= {"webvtt": "webvtt-py", "whisper": "openai-whisper", "imageio_ffmpeg": "imageio-ffmpeg"}
    try:
        return version(distributions.get(module, module.replace("_", "-")))
    except PackageNotFoundError:
        return "?"


def _codecs(config: Config) -> Iterator[Line]:
    import av

    missing = [name for name in ("h264", "hevc", "vp9", "av1", "aac", "opus") if name not in av.codecs_available]
    what = f"missing: {', '.join(missing)}" if missing else "h264, hevc, vp9, av1, aac, opus"
    yield Line("codecs", WARNING if missing else OK, what, "Reinstall PyAV: pip install --force-reinstall av")


def _youtube(config: Config) -> Iterator[Line]:
    update = "pip install -U 'yt-dlp[default,deno]'"
    installed = version("yt-dlp")
    released = datetime.date(*map(int, installed.split(".")[:3]))
    age = (datetime.datetime.now(tz=datetime.UTC).date() - released).days
    yield Line("yt-dlp", WARNING if age > _OLD_DAYS else OK, f"{installed}, {age} days old", update)
    try:
        yield Line("yt-dlp-ejs", OK, version("yt-dlp-ejs"))
    except PackageNotFoundError:
        yield Line("yt-dlp-ejs", WARNING, "YouTube's player can't be solved without it.", update)
    engines = [name for name in ("deno", *(config.http.ytdlp.get("js_runtimes") or {})) if _engine(name)]
    found = ", ".join(engines)
    yield Line("JavaScript runtime", OK if engines else WARNING, found or "none: most of YouTube fails.", update)


def _engine(name: str) -> bool:
    return bool(shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable)))


def _machine(config: Config) -> Iterator[Line]:
    import psutil

    memory = psutil.virtual_memory().total
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    state = WARNING if memory < _MEMORY_BYTES else OK
    yield Line("memory", state, f"{memory / 1e9:.1f} GB, {cores} cores", "Build with fewer workers: --workers 1")


def _workspace(config: Config) -> Iterator[Line]:
    if "://" in config.workspace:
        from fimad.storage.store import open_store

        open_store(config.workspace).check_writable()
        yield Line("workspace", OK, f"{config.workspace}: writable")
        return
    folder = Path(config.workspace).absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fimad-doctor-") as scratch:
            Path(scratch, "a").write_bytes(b"1")
            os.replace(Path(scratch, "a"), Path(scratch, "b"))
    except OSError as error:
        yield Line("workspace", ERROR, f"{folder}: {error.strerror}", "Give another folder: --workspace FOLDER")
        return
    yield Line("workspace", OK, f"{folder}: writable, renames are atomic")
    free = shutil.disk_usage(folder).free
    state = WARNING if free < _ROOM_BYTES else OK
    yield Line("disk", state, f"{free / 1e9:.1f} GB free", "Make room, or give another folder: --workspace FOLDER")


def _scheduler(config: Config) -> Iterator[Line]:
    if not config.run.scheduler:
        return
    from distributed import Client

    try:
        with Client(config.run.scheduler, timeout=10) as client:
            workers = len(client.scheduler_info()["workers"])
    except (OSError, TimeoutError, ValueError) as error:
        yield Line("scheduler", ERROR, f"{config.run.scheduler}: {error}", "Start it, or mend the address.")
        return
    state = OK if workers else WARNING
    yield Line("scheduler", state, f"{config.run.scheduler}: {workers} workers", "Start workers: docs/scale-out.md")
