"""Every choice of the reference model in one file: TOML in, TOML out.

Fritsch et al., "MuJo: Multimodal Joint Feature Space Learning for Human Activity Recognition" (arXiv 2406.03857), say that
contrastive and multitask learning are combined, and for which modalities. Its code was not published: sizes, schedules,
augmentation and the weights of the losses are choices of this project, and each is an option here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from fimad.config import Section
from fimad.config_text import section_lines
from fimad.errors import ConfigError


class WindowsConfig(Section):
    """How windows are cut. Fine-tuning takes those of the pretrained model."""

    length_s: float = Field(2.0, gt=0, le=60, description="length of a window")
    stride_s: float = Field(1.0, gt=0, description="from one window's start to the next one's")
    rate_hz: float = Field(
        25.0, gt=0, le=200, description="samples a second of the IMU; 25 is what all public sets can give"
    )
    placements: tuple[str, ...] = Field((), description="sensors to learn from; empty takes all of the dataset")
    min_valid: float = Field(0.8, ge=0, le=1, description="share of a placement's samples that must be measured")
    pose_samples: int = Field(20, ge=2, le=400, description="poses in a window")


class ModelConfig(Section):
    """Sizes of the network."""

    imu_channels: tuple[int, ...] = Field(
        (32, 64, 96), min_length=1, description="channels of the residual blocks; each halves the rate"
    )
    imu_input: Literal["both", "axes", "magnitude"] = Field(
        "both", description="what a sensor's encoder sees: axes, their magnitudes, or both"
    )
    width: int = Field(128, ge=4, le=4096, description="features of each modality")
    embedding: int = Field(64, ge=2, le=4096, description="dimensions of the joint space")
    pose_channels: int = Field(64, ge=4, le=1024, description="channels of the pose's temporal convolutions")
    dropout: float = Field(0.1, ge=0, lt=1, description="before heads and projections")


class AugmentConfig(Section):
    """What is changed at random in training, so that real sensors look familiar."""

    sensor: str = Field("bmi160", description="part whose errors are added (`fimad.simulate.SENSORS`); empty adds none")
    rotation_deg: float = Field(
        60.0, ge=0, le=180, description="largest turn of a sensor on its body; 180 is any mounting, and hides which way is up"
    )  # fmt: skip
    time_scale: float = Field(0.15, ge=0, lt=1, description="largest relative change of speed")
    keep_placements: int = Field(3, ge=1, description="at most so many sensors of a window, drawn anew each time")
    drop_modality: float = Field(0.1, ge=0, lt=1, description="probability that a modality is missing from a window")
    drop_gyro: float = Field(0.2, ge=0, le=1, description="probability that a sensor has no gyroscope")
    forget_placement: float = Field(
        0.3, ge=0, le=1, description="probability that the model isn't told where a sensor sits"
    )


class LossConfig(Section):
    """What is minimised in pretraining."""

    contrastive: float = Field(1.0, ge=0, description="weight of the mean of the pairwise contrastive losses")
    classification: float = Field(1.0, ge=0, description="weight of the mean of the modalities' classification losses")
    weighting: Literal["fixed", "uncertainty", "random"] = Field(
        "fixed",
        description="weights of single losses: all the same, learned as uncertainties (Kendall et al. 2018), "
        "or drawn anew for each step (Lin et al. 2022)",
    )
    temperature: float = Field(0.1, gt=0, le=1, description="of the contrastive loss at the start; it is learned")
    same_text: Literal["positive", "class", "negative"] = Field(
        "positive",
        description="what windows with the very same text are to each other where text is one side of a pair; as negatives "
        "they would be asked to differ from themselves. class: those of the same class are positives, too, however it is put",
    )


class TrainConfig(Section):
    """Pretraining."""

    seed: int = Field(0, ge=0, description="of everything that is drawn")
    epochs: int = Field(30, ge=1, description="passes over the training windows")
    batch: int = Field(128, ge=2, description="windows in a step; more negatives with more")
    learning_rate: float = Field(1e-3, gt=0, description="of AdamW at its highest; cosine to 0")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the rate rises")
    weight_decay: float = Field(1e-2, ge=0)
    clip_gradient: float = Field(1.0, gt=0, description="longest gradient")
    val_share: float = Field(
        0.1, ge=0, lt=1, description="share of groups (persons, channels, videos) that are validated with, where the"
        " dataset has no split val"
    )  # fmt: skip
    save_every_s: float = Field(120.0, ge=0, description="a checkpoint at least so often; always after an epoch")


class FinetuneConfig(Section):
    """Training of a classifier on labels."""

    encoder: Literal["trained", "frozen"] = Field("trained", description="whether the pretrained encoder is changed")
    probe_first: bool = Field(
        True, description="whether a trained encoder, too, begins with a head that was fitted on its features as they are, and keeps them if "
        "nothing better comes (Kumar et al. 2022)"
    )  # fmt: skip
    probe_c: tuple[float, ...] = Field(
        (0.003, 0.03, 0.3), min_length=1, description="inverse strengths of the penalty of that head's logistic regression; the best on "
        "the validation persons is taken"
    )  # fmt: skip
    probe_steps: int = Field(100, ge=1, description="of that regression at most")
    steps: int = Field(200, ge=1, description="optimiser's steps of a trained encoder, whatever the number of labels")
    batch: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0, description="of the head, and of an encoder from scratch")
    encoder_rate: float = Field(1.0, gt=0, description="a pretrained encoder's learning rate as a share of the head's")
    weight_decay: float = Field(1e-2, ge=0)
    evaluate_every: int = Field(20, ge=1, description="steps between looks at the validation persons; the best is kept")
    augment: bool = Field(True, description="sensor errors, rotations and speed in training, as in [augment]")
    rotation_deg: float = Field(
        20.0, ge=0, le=180, description="largest turn in fine-tuning: real sensors sit roughly where they sit"
    )


class MujoConfig(Section):
    """All options of the reference model."""

    windows: WindowsConfig = Field(default_factory=WindowsConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    augment: AugmentConfig = Field(default_factory=AugmentConfig)
    loss: LossConfig = Field(default_factory=LossConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    finetune: FinetuneConfig = Field(default_factory=FinetuneConfig)


def parse_mujo_config(data: dict[str, object]) -> MujoConfig:
    """A configuration from plain values. Raises `ConfigError` that names the first option that is wrong."""
    try:
        return MujoConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{where}: {first['msg']}.",
            "The option is misspelt, or its value can't be used.",
            "`fimad mujo config` prints all options with their meaning.",
        ) from error


def load_mujo_config(path: str | Path | None = None, settings: tuple[str, ...] = ()) -> MujoConfig:
    """The configuration of a TOML file (defaults without one), with changes such as ``train.epochs=5``.

    >>> load_mujo_config(settings=("train.epochs=5",)).train.epochs
    5
    """
    data: dict[str, object] = {}
    if path is not None:
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path} can't be read: {error}.", "It is no TOML file.", "`fimad mujo config > mujo.toml` writes one."
            ) from error
    for setting in settings:
        key, separator, text = setting.partition("=")
        section, dot, name = key.strip().partition(".")
        if not separator or not dot:
            raise ConfigError(
                f"{setting!r} sets nothing.", "It is not SECTION.KEY=VALUE.", "For example: --set train.epochs=5"
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        part = data.setdefault(section, {})
        if isinstance(part, dict):
            part[name] = value
    return parse_mujo_config(data)


def mujo_config_toml(config: MujoConfig | None = None) -> str:
    """Every option with its meaning; those at their default are commented out."""
    config = config or MujoConfig()
    lines = ["# Configuration of fimad's reference model. A line that begins with # shows an option at its default."]
    for name in MujoConfig.model_fields:
        lines += ["", *section_lines(name, getattr(config, name))]
    return "\n".join(lines) + "\n"
