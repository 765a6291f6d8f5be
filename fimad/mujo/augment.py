"""What is changed at random in training: sensors' errors, mountings, speed, which sensors and modalities there are.

All of it works on whole batches of tensors, and draws from one generator, so that a seed repeats it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fimad.errors import ConfigError
from fimad.mujo.config import AugmentConfig
from fimad.simulate.devices.parts import SENSORS
from fimad.simulate.devices.sensor import Axes, AxisErrors, SensorModel

Batch = dict[str, Tensor]


def part_of(config: AugmentConfig) -> SensorModel | None:
    """The part whose errors are drawn; raises `ConfigError` for an unknown name."""
    if not config.sensor:
        return None
    if config.sensor not in SENSORS:
        raise ConfigError(
            f"There is no part {config.sensor!r}.", "The name is misspelt.", f"The parts are: {', '.join(SENSORS)}."
        )
    return SENSORS[config.sensor]


def augment(batch: Batch, config: AugmentConfig, rate_hz: float, generator: torch.Generator) -> Batch:
    """Another version of a batch; labels, text and video stay. Expects the batch on the CPU."""
    batch = dict(batch)
    imu, there = batch["imu"], batch["imu_there"]
    if there.shape[1] > config.keep_placements:
        imu, there, batch["place"] = _fewer(imu, there, batch["place"], config.keep_placements, generator)
    if config.time_scale > 0:
        imu, pose = _speed(imu, batch.get("pose"), config.time_scale, generator)
        if pose is not None:
            batch["pose"] = pose
    if config.rotation_deg > 0:
        imu = _turned(imu, config.rotation_deg, generator)
    part = part_of(config)
    if part is not None:
        imu = _read(imu, part, rate_hz, generator)
    lost = torch.rand(there.shape[:2], generator=generator) < config.drop_gyro
    # A sensor without an accelerometer keeps its gyroscope.
    there = torch.stack([there[..., 0], there[..., 1] & ~(lost & there[..., 0])], -1)
    batch["imu"], batch["imu_there"] = imu * there.repeat_interleave(3, -1)[..., None], there
    hidden = torch.rand(batch["place"].shape, generator=generator) < config.forget_placement
    batch["place"] = torch.where(hidden, 0, batch["place"])
    return _without(batch, config.drop_modality, generator)


def in_finetuning(config: AugmentConfig, rotation_deg: float) -> AugmentConfig:
    """The part of it that a classifier of real sensors is trained with: all its sensors stay."""
    changes = {"rotation_deg": rotation_deg, "keep_placements": 10**6, "drop_modality": 0.0, "drop_gyro": 0.0}
    return config.model_copy(update=changes)


def _fewer(
    imu: Tensor, there: Tensor, place: Tensor, most: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """`most` of the placements of each window, those that were measured first, in an order that is drawn."""
    order = torch.rand(there.shape[:2], generator=generator) + there.any(2)
    chosen = order.argsort(1, descending=True)[:, :most]
    rows = torch.arange(len(imu))[:, None]
    # One sensor is what most people wear: how many are kept is drawn, too.
    count = torch.randint(1, most + 1, (len(imu), 1), generator=generator)
    kept = there[rows, chosen] & (torch.arange(most) < count)[..., None]
    return imu[rows, chosen], kept, place[rows, chosen]


def _speed(imu: Tensor, pose: Tensor | None, most: float, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
    """Windows played up to `most` quicker or slower around their middle, by linear interpolation.

    Angular rates grow with the speed. Specific force does not know which part of it is gravity, and keeps its size: for
    small changes the error is small; the exact way is to simulate at another speed.
    """
    speed = 1 + most * (2 * torch.rand(len(imu), generator=generator) - 1)
    turned = torch.ones(len(imu), 1, 6, 1)
    turned[:, :, 3:] = speed[:, None, None, None]
    played = _played(imu.flatten(1, 2).transpose(1, 2), speed).transpose(1, 2).reshape(imu.shape) * turned
    return played, None if pose is None else _played(pose, speed)


def _played(x: Tensor, speed: Tensor) -> Tensor:
    """(n, t, c) at `speed` (n,); beyond the ends a window is mirrored, so that no sample stands still."""
    t = x.shape[1]
    if t < 2:
        return x
    middle = (t - 1) / 2
    at = middle + (torch.arange(t) - middle) * speed[:, None]
    period = 2 * (t - 1)
    at = at.remainder(period)
    at = torch.where(at > t - 1, period - at, at)
    left = at.floor().clamp(max=t - 2).long()
    share = (at - left)[..., None]
    rows = torch.arange(len(x))[:, None]
    return x[rows, left] * (1 - share) + x[rows, left + 1] * share


def rotations(count: int, most_deg: float, generator: torch.Generator) -> Tensor:
    """(count, 3, 3) turns about axes that are drawn evenly; at 180° all rotations alike (Haar), below by up to `most_deg`."""
    if most_deg >= 180:
        quaternion = torch.randn(count, 4, generator=generator)
        quaternion = quaternion / quaternion.norm(dim=1, keepdim=True).clamp(min=1e-12)
    else:
        axis = torch.randn(count, 3, generator=generator)
        axis = axis / axis.norm(dim=1, keepdim=True).clamp(min=1e-12)
        half = torch.rand(count, 1, generator=generator) * math.radians(most_deg) / 2
        quaternion = torch.cat([torch.cos(half), torch.sin(half) * axis], 1)
    w, x, y, z = quaternion.T
    rows = [
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _turned(imu: Tensor, most_deg: float, generator: torch.Generator) -> Tensor:
    """Each sensor of each window mounted anew: both triads turn together."""
    n, p, _, t = imu.shape
    turn = rotations(n * p, most_deg, generator)
    return torch.einsum("nij,nkjt->nkit", turn, imu.reshape(n * p, 2, 3, t)).reshape(imu.shape)


def _read(imu: Tensor, part: SensorModel, rate_hz: float, generator: torch.Generator) -> Tensor:
    """What a part would have read, by the same errors as `fimad.simulate.apply_sensor`; without drift, which a window is too
    short for."""
    force, rate = (
        _triad(imu[:, :, at : at + 3], errors, rate_hz, generator) for at, errors in ((0, part.acc), (3, part.gyro))
    )
    return torch.cat([force, rate], 2)


def _triad(x: Tensor, errors: AxisErrors, rate_hz: float, generator: torch.Generator) -> Tensor:
    n, p, _, _ = x.shape
    share = errors.cross_axis * torch.randn(n, p, 3, 3, generator=generator)
    gain = _axes(errors.scale)[:, None] * torch.eye(3)
    mixed = torch.eye(3) + torch.where(
        torch.eye(3, dtype=torch.bool), torch.randn(n, p, 3, 3, generator=generator) * gain, share
    )
    bias = _axes(errors.turn_on_bias)[:, None] * torch.randn(n, p, 3, 1, generator=generator)
    noise = _axes(errors.noise_density)[:, None] * math.sqrt(rate_hz / 2) * torch.randn(x.shape, generator=generator)
    return (mixed @ x + bias + noise).clamp(-errors.full_scale, errors.full_scale)


def _axes(value: Axes) -> Tensor:
    return torch.tensor(value, dtype=torch.float32).expand(3)


def _without(batch: Batch, probability: float, generator: torch.Generator) -> Batch:
    """Modalities go missing from windows, never the last two of a window: a pair is what is learned from."""
    names = [name for name in ("video", "text", "pose", "imu") if name in batch]
    if probability <= 0 or len(names) < 3:
        return batch
    there = torch.stack(
        [batch["imu_there"].flatten(1).any(1) if name == "imu" else batch[f"{name}_there"] for name in names], 1
    )
    drawn = torch.rand(there.shape, generator=generator)
    # The two that were drawn highest, of those that are there, always stay.
    rank = (drawn + there).argsort(1, descending=True).argsort(1)
    gone = (drawn < probability) & (rank >= 2)
    for at, name in enumerate(names):
        if name == "imu":
            batch["imu_there"] = batch["imu_there"] & ~gone[:, at, None, None]
        else:
            batch[f"{name}_there"] = batch[f"{name}_there"] & ~gone[:, at]
    return batch
