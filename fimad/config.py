"""One typed configuration: TOML in, TOML out.

Each stage has one section; the section is part of the stage's key, so a changed option makes that stage and what lies
downstream of it stale, and nothing else. Options that only say *how* to run (workers, deadlines, politeness) live in
`RunConfig`, `HttpConfig` and `StoreConfig`, which are in no key.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from fimad.errors import ConfigError
from fimad.skeleton import DEFAULT_PLACEMENTS

# yt-dlp has some 300 options, of which several dozen start programs, write files, read other programs' secrets or load code, and
# new ones come: only those are passed on that can do none of it. Those of the second kind change which bytes come.
_YTDLP_MANNERS = frozenset(
    (
        *("age_limit", "check_formats", "concurrent_fragment_downloads", "extractor_retries"),
        *("file_access_retries", "force_ipv4", "force_ipv6", "fragment_retries", "geo_bypass", "geo_bypass_country"),
        *("geo_bypass_ip_block", "hls_use_mpegts", "http_chunk_size", "js_runtimes"),
        *("max_sleep_interval", "max_views", "min_views", "nopart", "password", "prefer_insecure"),
        *("retries", "sleep_interval", "sleep_interval_requests", "sleep_interval_subtitles", "source_address"),
        *("throttledratelimit", "username", "verbose", "videopassword", "youtube_include_dash_manifest"),
        *("youtube_include_hls_manifest", "skip_unavailable_fragments"),
    )
)
YTDLP_BYTES = frozenset(
    (
        *("audio_multistreams", "extractor_args", "format", "format_sort", "format_sort_force", "prefer_free_formats"),
        *("getcomments", "video_multistreams"),
    )
)


class Section(BaseModel):
    """Base of all sections: immutable, and an unknown key is an error, so that a typing mistake can't pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DownloadConfig(Section):
    """What is fetched. In the key of `download`."""

    max_height_px: int = Field(720, ge=144, le=4320, description="largest video height to download; pose needs no more")
    max_duration_s: float = Field(4 * 3600.0, gt=0, description="longer videos are filtered before the download")
    max_bytes: int = Field(4 * 1024**3, gt=0, description="larger files are filtered, before or while downloading")
    max_side_px: int = Field(8192, ge=144, description="pictures with a longer side are filtered: too large to decode")

    @model_validator(mode="before")
    @classmethod
    def _moved(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.keys() & {"captions", "caption_languages"}:
            raise ValueError(
                "captions have a section of their own: `captions.languages` is what was `download.caption_languages`, and an empty "
                "list is what was `download.captions = false`"
            )
        return data


class CaptionsConfig(Section):
    """What captions are fetched. In the key of `captions`."""

    languages: tuple[str, ...] = Field(
        ("en",), description="languages to fetch, best first; an empty list fetches none"
    )


class SegmentConfig(Section):
    """How videos are cut into clips. In the key of `segment`."""

    chapters: tuple[Literal["platform", "container", "description"], ...] = Field(
        ("platform", "container", "description"), description="where chapters may come from, best first"
    )
    fallback: Literal["whole", "scene", "fixed", "cues", "none"] = Field(
        "whole",
        description="what a video without chapters becomes: one clip, scene cuts, fixed windows, chapters proposed by comments, "
        "by what is said and by motion that changes, or filtered",
    )
    fixed_s: float = Field(30.0, gt=0, description="length of a fixed window")
    scene_threshold: float = Field(
        27.0, gt=0, le=255, description="mean change of hue, saturation and value (0 to 255) that counts as a scene cut"
    )
    min_clip_s: float = Field(1.0, ge=0, description="shorter clips are left out")
    max_clip_s: float = Field(120.0, gt=0, description="clips this long or longer are left out, as FiMAD does")


class DeviceSection(Section):
    """A section of networks that can run on a GPU."""

    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="what computes: the processor, or a GPU, whose results differ in the last digits"
    )

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # The processor is not told, so that what was made before there was such an option keeps its key.
        said: dict[str, Any] = handler(self)
        return {name: value for name, value in said.items() if (name, value) != ("device", "cpu")}


class TranscribeConfig(DeviceSection):
    """Speech to text. In the key of `transcribe`."""

    engine: Literal["faster-whisper", "openai-whisper"] = Field("faster-whisper", description="which Whisper to run")
    model: str = Field(
        "base", description="model name (see `fimad models`) or a local path; those that end in .en know English alone"
    )
    captions: Literal["human", "any", "none"] = Field(
        "human", description="use captions instead of Whisper where they exist: human-made, any, or none"
    )
    language: str = Field("", description="code of the spoken language, such as de; empty means detect")
    words: bool = Field(True, description="word times; otherwise segment times")
    vad: bool = Field(True, description="leave out stretches without speech before Whisper sees them (faster-whisper)")
    beam_size: int = Field(1, ge=1, le=16)

    @model_validator(mode="after")
    def _language_is_known_to_the_model(self) -> TranscribeConfig:
        if self.language not in ("", "en") and Path(self.model).stem.endswith(".en") | self.model.endswith(".en"):
            raise ValueError(
                f"language = {self.language!r}, but {self.model} knows English alone: take a model without .en, such as base"
            )
        return self


class LabelConfig(Section):
    """What clips are. In the key of `label`."""

    clip_evidence: bool = Field(True, description="weigh in what a clip shows where its title says nothing")
    corrections: str = Field("", description="CSV of corrected labels (`fimad labels --out`); wins over everything")
    describe: Literal["template", "endpoint"] = Field(
        "template",
        description="who says how an exercise is done: a template, or a model behind an OpenAI-compatible endpoint",
    )
    translate: Literal["none", "endpoint"] = Field(
        "none",
        description="who translates titles of which words say nothing into English; otherwise they stay as they are",
    )
    embedding: Literal["none", "sentence-transformers", "clip", "endpoint"] = Field(
        "none",
        description="what embeds labels and descriptions: a model of sentence-transformers, CLIP's text tower as in [embed], or a "
        "model behind the endpoint",
    )
    embedding_model: str = Field(
        "", description="folder of the model of sentence-transformers; its safetensors are in the key"
    )
    match_similarity: float = Field(
        1.0,
        ge=0,
        le=1,
        description="with an embedding: cosine similarity from which on a title that words leave unnamed gets the nearest "
        "exercise; 1 means never",
    )
    endpoint_url: str = Field("http://127.0.0.1:8000/v1", description="base address of the endpoint")
    endpoint_model: str = Field("", description="model to ask; its answers are in the key")
    endpoint_embedding_model: str = Field("", description="model of the endpoint that embeds; in the key")
    endpoint_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the endpoint's key")
    endpoint_max_tokens: int = Field(1_000_000, ge=0, description="tokens that may be spent in all; 0 means any number")
    endpoint_max_usd: float = Field(0.0, ge=0, description="money that may be spent in all; 0 means any sum")
    endpoint_usd_per_million_in: float = Field(0.0, ge=0, description="price of a million tokens of prompts")
    endpoint_usd_per_million_out: float = Field(0.0, ge=0, description="price of a million tokens of answers")

    @model_validator(mode="after")
    def _sentence_model_is_named(self) -> LabelConfig:
        if self.embedding == "sentence-transformers" and not self.embedding_model:
            raise ValueError(
                "embedding = 'sentence-transformers' needs embedding_model: the folder of a model, such as all-MiniLM-L6-v2"
            )
        if self.embedding == "endpoint" and not self.endpoint_embedding_model:
            raise ValueError("embedding = 'endpoint' needs endpoint_embedding_model: the name of a model that embeds")
        return self


#: What `pose.options` may say of the files in `pose.from`; what `fimad simulate` calls them, too.
RESULT_OPTIONS = ("subject", "up", "unit", "rate_hz", "map", "skeleton", "body_model")


class PoseConfig(Section):
    """3D pose. In the key of `pose`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, coerce_numbers_to_str=True)

    from_: str = Field(
        "",
        alias="from",
        description="folder of results of other programs that stand in for the estimate: VIDEO.npz, CLIP.bvh, ... "
        "(docs/motion-capture.md)",
    )
    model: Literal["lite", "full", "heavy"] = Field("full", description="BlazePose landmark model")
    backend: str = Field(
        "litert",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="raw landmarks at tracking speed (litert), MediaPipe Tasks (mediapipe), RTMPose (rtmpose), or a plug-in's name",
    )
    options: dict[str, str] = Field(
        default_factory=dict,
        description="what a plug-in is told, such as the paths of its weights; with `from`: subject, up, unit, rate_hz, map, "
        "skeleton, body_model, as of `fimad simulate`",
    )
    rate_hz: float = Field(0.0, ge=0, description="frames per second to look at; 0 means every frame")
    short_side_px: int = Field(
        720,
        ge=128,
        le=2160,
        description="pictures are scaled down to this short side; scaling costs more than it saves",
    )
    min_score: float = Field(0.5, ge=0, le=1, description="person score below which a frame counts as empty")

    @field_validator("from_")
    @classmethod
    def _from_anywhere(cls, value: str) -> str:
        # Workers need not run where the driver does.
        return os.path.abspath(os.path.expanduser(value)) if value else ""

    @model_validator(mode="after")
    def _results_know_their_options(self) -> PoseConfig:
        unknown = sorted(set(self.options) - set(RESULT_OPTIONS)) if self.from_ else []
        if unknown:
            raise ValueError(f"with `from`, options has no {unknown[0]!r}, but {', '.join(RESULT_OPTIONS)}")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Unset it is not told, so that what was made before there was such an option keeps its key.
        said: dict[str, Any] = handler(self)
        source = said.pop("from_", said.pop("from", ""))
        return {**said, "from": source} if source else said


class CameraConfig(Section):
    """Cuts and camera motion. In the key of `camera`."""

    short_side_px: int = Field(180, ge=64, le=1080, description="size at which the background is tracked")
    rate_hz: float = Field(15.0, ge=0, description="frames per second to look at; 0 means every frame")
    cut_threshold: float = Field(0.5, gt=0, le=1, description="histogram difference that counts as a cut")
    motion: Literal["estimate", "fixed"] = Field(
        "estimate", description="follow the background, or take it that the camera stands still (a tripod)"
    )


class FlowConfig(Section):
    """Motion of limbs from picture to picture. In the key of `flow`; it takes the pictures that `pose` takes."""

    short_side_px: int = Field(
        720, ge=128, le=2160, description="pictures are scaled down to this short side; flow needs fine detail"
    )


class EmbedConfig(DeviceSection):
    """CLIP embeddings. In the key of `embed`."""

    model: str = Field("ViT-B-32", description="open_clip architecture")
    pretrained: str = Field("laion2b_s34b_b79k", description="open_clip tag, or the path of a local checkpoint")
    rate_hz: float = Field(1.0, gt=0, description="frames per second to embed")
    templates: tuple[str, ...] = Field(
        ("a video of a person doing {label}.",), description="text prompts; {label} and {title} are filled in"
    )
    batch_size: int = Field(16, ge=1)
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32")


class SimulateConfig(Section):
    """Virtual IMU. In the key of `simulate`."""

    rate_hz: float = Field(50.0, gt=0, le=2000, description="samples per second")
    placements: tuple[str, ...] = Field(DEFAULT_PLACEMENTS, description="where virtual sensors sit")
    method: Literal["adaptive", "central", "transpose", "savitzky_golay", "butterworth", "spline_gcv", "kalman"] = (
        Field("adaptive", description="how trajectories are differentiated; all but the first are for comparison")
    )
    over_subtraction: float = Field(40.0, gt=0, description="how far a frequency must stand above the noise to count")
    flow_over_subtraction: float = Field(
        10.0, gt=0, description="the same where pixels told how landmarks moved, whose noise is less"
    )
    depth_over_subtraction: float = Field(500.0, gt=0, description="the same for the depth axis, which is far noisier")
    depth_place_over_subtraction: float = Field(
        30.0, gt=0, description="the same for places in depth, from which orientation and angular rate come"
    )
    capture_over_subtraction: float = Field(16.0, gt=0, description="the same for motion capture")
    focal: float = Field(0.0, ge=0, description="focal length over the picture's longer side; 0 takes a prior")
    pitch_deg: float | None = Field(None, ge=-90, le=90, description="how far the camera looks down; unset means level")
    height_m: float = Field(0.0, ge=0, le=3, description="how tall the person is; 0 takes the pose model's guess")
    longest_gap_s: float = Field(0.25, ge=0, description="longer gaps in the pose are not bridged")
    shortest_s: float = Field(0.6, gt=0, description="shorter stretches of pose give no signal")
    min_visibility: float = Field(0.3, ge=0, le=1, description="samples of a less visible placement are not valid")
    mounting_deg: tuple[float, float, float] = Field(
        (0.0, 0.0, 0.0), description="how sensors are turned on their segment: degrees about x, then y, then z"
    )
    offset_m: tuple[float, float, float] = Field(
        (0.0, 0.0, 0.0), description="where sensors sit off the bone, in the segment's axes"
    )
    calibration: str = Field("", description="calibration to a target device: a file that `fimad calibrate` wrote")
    sensor: Literal["none", "adxl345", "bmi160", "bmi270", "icm_20948", "icm_42688_p", "mpu_6050"] = Field(
        "none", description="part whose noise, bias, range and resolution the signals get (docs/sensors.md)"
    )
    sensor_seed: int = Field(0, ge=0, description="another seed gives other errors of the same kind")
    sensor_jitter_s: float = Field(0.0, ge=0, description="standard deviation of the times at which samples are taken")
    sensor_acc_drift_m_s2: float = Field(
        0.0, ge=0, description="standard deviation of a drifting bias of accelerometers"
    )
    sensor_gyro_drift_rad_s: float = Field(0.0, ge=0, description="standard deviation of a drifting bias of gyroscopes")
    sensor_drift_time_s: float = Field(100.0, gt=0, description="correlation time of drifting biases")


class PackConfig(Section):
    """What the dataset looks like. Packing is cheap and repeated whenever any of its inputs changed."""

    name: str = Field("fitness-dataset", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")
    splits: dict[str, float] = Field(
        {"train": 0.8, "val": 0.1, "test": 0.1}, description="target fractions; videos of a channel stay together"
    )
    split_file: str = Field("", description="JSON {split: [clip or video ids]} to use as it is (FiMAD's own form)")
    shard_bytes: int = Field(512 * 1024**2, ge=1024, description="target size of a shard")
    label_map: str = Field(
        "", description="fold classes to those of a published dataset (mm-fit, recofit, ...), or of a TOML file"
    )
    min_pose_share: float = Field(
        0.0, ge=0, le=1, description="clips with a smaller share of frames with pose are filtered"
    )
    min_quality: float = Field(0.0, ge=0, le=1, description="clips with a smaller median IMU quality are filtered")


class HttpConfig(Section):
    """How to behave on the network. In no key."""

    videos_per_hour: float = Field(300.0, gt=0, description="budget of all workers together")
    requests_per_hour: float = Field(
        900.0,
        gt=0,
        description="budget of requests of all workers together: pages, players and captions, not the media",
    )
    host_spacing_s: float = Field(1.0, ge=0, description="least time between two downloads from one host")
    cookies_file: str = Field("", description="cookies.txt (Netscape form) of a signed-in browser; it is only read")
    proxy: str = Field("", description="address of a proxy: http://, socks4:// or socks5://HOST:PORT")
    token_provider: str = Field(
        "",
        pattern=r"^(https?://[^\s/@]+/?)?$",
        description="address of a PO token provider, such as http://127.0.0.1:4416; it alone may be private (docs/youtube.md)",
    )
    rate_limit_bytes_s: int = Field(0, ge=0, description="0 means unlimited")
    timeout_s: float = Field(20.0, gt=0, description="a connection that is silent for so long is given up")
    min_rate_bytes_s: float = Field(
        1024.0, ge=0, description="a connection slower than this, over `timeout_s` of waiting, is given up"
    )
    listing_s: float = Field(3600.0, gt=0, description="a playlist, channel or search that takes longer is given up")
    allow_private_addresses: bool = Field(False, description="allow servers on this machine and in private networks")
    allowed_schemes: tuple[Literal["https", "http"], ...] = Field(
        ("https", "http"), description='leave one out to refuse it: ["https"] fetches nothing unencrypted'
    )
    keep_media: bool = Field(True, description="keep downloaded media after the last stage that needs it")
    ytdlp: dict[str, Any] = Field(
        {},
        description="further yt-dlp options, by their Python API names; those of formats are in the key of `download`",
    )

    @field_validator("ytdlp")
    @classmethod
    def _no_dangerous_options(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in _YTDLP_MANNERS | YTDLP_BYTES:
                known = ", ".join(sorted(_YTDLP_MANNERS | YTDLP_BYTES))
                raise ValueError(
                    f"yt-dlp's option {name!r} is not among those that can neither run programs, write elsewhere nor weaken "
                    f"fimad's checks: {known}"
                )
        engines = value.get("js_runtimes")
        if isinstance(engines, dict) and any(settings for settings in engines.values()):
            raise ValueError("yt-dlp's option 'js_runtimes' may name engines, but not paths of programs")
        return value


class RunConfig(Section):
    """How to run. In no key."""

    workers: int = Field(-1, ge=-1, description="local worker processes; 0 runs in this process; -1 means one a core")
    threads: int = Field(1, ge=1, description="native threads per worker")
    scheduler: str = Field("", description="address of a running Dask scheduler")
    slurm: dict[str, str] = Field(
        {}, description="submit workers to Slurm: jobs, rounds, cores, and sbatch's options such as partition and time"
    )
    downloads: int = Field(1, ge=1, le=64, description="downloads at the same time per local worker")
    connect_s: float = Field(20.0, gt=0, description="how long a scheduler may take to answer")
    no_worker_s: float = Field(
        300.0, gt=0, description="how long to wait for workers of a cluster: at the start, and when all are gone"
    )
    scratch: str = Field(
        "", description="folder for temporary files where the workspace is remote; by default TMPDIR, else the cache"
    )
    in_flight: int = Field(0, ge=0, description="most videos in work at once; 0 means 4 a worker")
    deadline_s: float = Field(3600.0, gt=0, description="hard limit for one video through one run of stages")
    memory_limit_bytes: int = Field(6 * 1024**3, gt=0, description="hard limit for one worker's child process")
    attempts: int = Field(3, ge=1, description="tries for transient failures")
    backoff_s: float = Field(2.0, ge=0, description="first wait between tries; doubles, with jitter")
    without: tuple[Literal["captions", "transcribe", "label", "pose", "camera", "flow", "embed", "simulate"], ...] = (
        Field((), description='stages to do without, such as ["embed"]: their columns are NULL')
    )
    fail_fast: bool = False
    max_failures: int = Field(0, ge=0, description="stop after so many failures; 0 means never")


class Config(Section):
    """The whole configuration of a workspace."""

    sources: tuple[str, ...] = Field((), description="URLs, searches, lists, files or folders")
    workspace: str = Field("workspace", description="folder or fsspec URL that holds artifacts and failures")
    dataset: str = Field("dataset", description="folder or fsspec URL that the packed dataset is written to")
    labels_from_folders: bool = Field(
        False, description="label videos of a source folder by the folder within it that they lie in: squat/1.mp4"
    )
    models_dir: str = Field("", description="extra folder in which pretrained weights are looked for")
    download: DownloadConfig = DownloadConfig()
    captions: CaptionsConfig = CaptionsConfig()
    segment: SegmentConfig = SegmentConfig()
    transcribe: TranscribeConfig = TranscribeConfig()
    label: LabelConfig = LabelConfig()
    pose: PoseConfig = PoseConfig()
    camera: CameraConfig = CameraConfig()
    flow: FlowConfig = FlowConfig()
    embed: EmbedConfig = EmbedConfig()
    simulate: SimulateConfig = SimulateConfig()
    pack: PackConfig = PackConfig()
    http: HttpConfig = HttpConfig()
    run: RunConfig = RunConfig()


def load_config(path: str | Path | None = None, overrides: tuple[str, ...] = ()) -> Config:
    """Read a TOML file and apply `section.key=value` overrides.

    Raises `ConfigError` naming the key, the value and what would be accepted.
    """
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(
                f"There is no config file {str(path)!r}.",
                "The path is wrong, or the workspace was not initialised yet.",
                "Run `fimad init` to write one, or give `--config FILE`.",
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{str(path)!r} is not valid TOML: {error}.",
                "A quote, bracket or equals sign is missing near that line.",
                "Mend the line, or compare with a fresh file from `fimad init`.",
            ) from error
    for override in overrides:
        _apply_override(data, override)
    return parse_config(data)


def parse_config(data: dict[str, Any]) -> Config:
    """Validate plain data; raises `ConfigError` that names each wrong key with its value."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in item['loc'])} = {item['input']!r}: {item['msg']}"
            for item in error.errors()
        ]
        raise ConfigError(
            "The configuration has "
            + ("a value" if len(lines) == 1 else "values")
            + " that can't be used:\n  "
            + "\n  ".join(lines),
            "A name is misspelt, or a value has another type or is out of range.",
            "Mend it in the TOML file or in `--set`; `fimad init` prints every option with its meaning.",
        ) from error


def _apply_override(data: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise ConfigError(
            f"--set {override!r} is not of the form section.key=value.",
            "The equals sign is missing.",
            "For example: --set pose.model=heavy",
        )
    *sections, last = key.strip().split(".")
    target = data
    for name in sections:
        target = target.setdefault(name, {})
    try:
        # The value as TOML would read it, so that numbers, booleans and lists work; anything else is a string.
        target[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        target[last] = text


def section_json(section: Section) -> str:
    """Canonical JSON of a section: what goes into a stage's key."""
    return json.dumps(section.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
