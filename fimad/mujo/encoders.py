"""One encoder a modality: each makes (n, width) features of windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from fimad.mujo.config import ModelConfig
from fimad.skeleton import PLACEMENTS

#: Number of a placement in the encoder's table; 0 is any other place, or one that isn't told.
PLACEMENT_NUMBER: Final[dict[str, int]] = {name: at for at, name in enumerate(PLACEMENTS, 1)} | {
    # What other sets call a watch's place.
    "left_forearm": PLACEMENTS.index("left_wrist") + 1,
    "right_forearm": PLACEMENTS.index("right_wrist") + 1,
}
#: Axes, magnitudes (less 1 g for the accelerometer), and whether each sensor is there.
_INPUTS: Final = {"axes": (0, 1, 2, 3, 4, 5, 8, 9), "magnitude": (6, 7, 8, 9), "both": tuple(range(10))}


def placement_numbers(names: Sequence[str]) -> list[int]:
    """Numbers of placements, 0 for those that are not fimad's.

    >>> placement_numbers(["unit_3"])
    [0]
    """
    return [PLACEMENT_NUMBER.get(name, 0) for name in names]


class _Residual(nn.Module):  # type: ignore[misc]
    """Two convolutions over time with a short cut; the first one halves the rate."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        super().__init__()
        # Group norm: batches mix sensors and, in fine-tuning, are small.
        self.body = nn.Sequential(
            nn.Conv1d(inside, outside, kernel, stride=2, padding=kernel // 2, bias=False),
            nn.GroupNorm(_groups(outside), outside),
            nn.ReLU(),
            nn.Conv1d(outside, outside, kernel, padding=kernel // 2, bias=False),
            nn.GroupNorm(_groups(outside), outside),
        )
        self.short = nn.Conv1d(inside, outside, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.short(x))


class ImuEncoder(nn.Module):  # type: ignore[misc]
    """Any number of sensors at any placements.

    One residual network for all placements (ResNet over time, He et al. 2016); its mean and maximum over time, with a
    vector that says where the sensor sits, become features; those of a window's sensors are averaged.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.inputs = _INPUTS[config.imu_input]
        channels = (len(self.inputs), *config.imu_channels)
        self.net = nn.Sequential(
            *(_Residual(a, b, 5) for a, b in pairwise(channels)),
        )
        self.place = nn.Embedding(len(PLACEMENTS) + 1, config.width)
        nn.init.normal_(self.place.weight, std=0.02)
        self.out = nn.Sequential(
            nn.Linear(2 * channels[-1], config.width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, config.width),
        )

    def forward(self, imu: Tensor, there: Tensor, place: Tensor) -> Tensor:
        """(n, width) features.

        Parameters
        ----------
        imu : (n, p, 6, t) specific force in g and angular rate on the model's scale; zeros where nothing was measured.
        there : (n, p, 2) whether accelerometer and gyroscope of each placement are there.
        place : (n, p) numbers of placements.
        """
        n, p, _, t = imu.shape
        there = there.to(imu.dtype)
        used = there.amax(2)
        flat = torch.nonzero(used.flatten() > 0).flatten()
        x = imu.reshape(n * p, 6, t)[flat]
        sensors = there.reshape(n * p, 2)[flat]
        gravity = sensors[:, :1]
        magnitudes = torch.stack(
            [torch.linalg.vector_norm(x[:, :3], dim=1) - gravity, torch.linalg.vector_norm(x[:, 3:], dim=1)], 1
        )
        x = torch.cat([x, magnitudes, sensors[:, :, None].expand(-1, -1, t)], 1)[:, list(self.inputs)]
        hidden = self.net(x)
        pooled = torch.cat([hidden.mean(2), hidden.amax(2)], 1)
        features = self.out(pooled) + self.place(place.reshape(-1)[flat])
        # A sum over the sensors of a window: windows differ in how many they have.
        whose = torch.div(flat, p, rounding_mode="floor")
        total = torch.zeros(n, features.shape[1], dtype=features.dtype, device=imu.device).index_add(0, whose, features)
        return total / used.sum(1, keepdim=True).clamp(min=1)


class PoseEncoder(nn.Module):  # type: ignore[misc]
    """(n, t, 3k) joints around the hips, in torso lengths: convolutions over time."""

    def __init__(self, size: int, config: ModelConfig) -> None:
        super().__init__()
        self.net = nn.Sequential(
            _Residual(2 * size, config.pose_channels, 3), _Residual(config.pose_channels, config.pose_channels, 3)
        )
        self.out = nn.Sequential(
            nn.Linear(2 * config.pose_channels, config.width), nn.ReLU(), nn.Dropout(config.dropout),
            nn.Linear(config.width, config.width),
        )  # fmt: skip

    def forward(self, pose: Tensor) -> Tensor:
        x = pose.transpose(1, 2)
        # Joints, and how they differ from the window's mean: posture and motion.
        x = torch.cat([x, x - x.mean(2, keepdim=True)], 1)
        hidden = self.net(x)
        features: Tensor = self.out(torch.cat([hidden.mean(2), hidden.amax(2)], 1))
        return features


class VectorEncoder(nn.Module):  # type: ignore[misc]
    """(n, d) embeddings of a frozen model (CLIP, a sentence model): two layers."""

    def __init__(self, size: int, config: ModelConfig) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, config.width), nn.ReLU(), nn.Dropout(config.dropout),
            nn.Linear(config.width, config.width),
        )  # fmt: skip

    def forward(self, vectors: Tensor) -> Tensor:
        features: Tensor = self.net(vectors)
        return features


def _groups(channels: int) -> int:
    return next(count for count in (8, 4, 2, 1) if channels % count == 0)
