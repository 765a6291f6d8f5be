"""Losses against loops that can be read, and gradients against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mujo_makers import make_windows

from fimad.mujo.batches import tensors
from fimad.mujo.config import load_mujo_config
from fimad.mujo.losses import Weighting, classification, contrastive, pairwise
from fimad.mujo.model import Mujo, Sizes


def unit(n: int, d: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn / drawn.norm(dim=1, keepdim=True)


def slowly(a: np.ndarray, b: np.ndarray, scale: float, positives: np.ndarray) -> float:
    """Symmetric InfoNCE with several positives, one window at a time."""

    def one_way(x: np.ndarray, y: np.ndarray) -> float:
        total = 0.0
        for i in range(len(x)):
            likely = [math.exp(scale * float(np.dot(x[i], y[j]))) for j in range(len(y))]
            mine = [j for j in range(len(y)) if positives[i, j]]
            total -= sum(math.log(likely[j] / sum(likely)) for j in mine) / len(mine)
        return total / len(x)

    return (one_way(a, b) + one_way(b, a)) / 2


@pytest.mark.parametrize("kind", ["diagonal", "same text", "all"])
def test_contrastive_is_what_the_slow_loop_says(kind: str) -> None:
    a, b = unit(7, 5, 1), unit(7, 5, 2)
    words = torch.tensor([0, 1, 0, 2, 1, 0, 3])
    positives = {
        "diagonal": torch.eye(7, dtype=torch.bool),
        "same text": words[:, None] == words,
        "all": torch.ones(7, 7) > 0,
    }[kind]
    expected = slowly(a.numpy(), b.numpy(), 8.0, positives.numpy())
    assert contrastive(a, b, 8.0, positives).item() == pytest.approx(expected, rel=1e-10)
    if kind == "diagonal":
        assert contrastive(a, b, 8.0).item() == pytest.approx(expected, rel=1e-10)


def test_one_window_holds_no_negative() -> None:
    a = unit(1, 4, 1).requires_grad_()
    loss = contrastive(a, unit(1, 4, 2), 5.0)
    loss.backward()
    assert loss.item() == 0
    assert not a.grad.any()


def test_gradients_are_the_differences() -> None:
    words = torch.tensor([0, 1, 0, 2])
    scale = torch.tensor(4.0, dtype=torch.float64, requires_grad=True)
    inputs = unit(4, 3, 3).requires_grad_(), unit(4, 3, 4).requires_grad_(), scale
    assert torch.autograd.gradcheck(lambda a, b, s: contrastive(a, b, s, words[:, None] == words), inputs)


def test_pairs_are_of_the_windows_that_have_both() -> None:
    names = ("video", "text", "imu")
    vectors = {name: unit(6, 4, at) for at, name in enumerate(names)}
    there = {
        "video": torch.tensor([1, 1, 1, 0, 0, 0]) > 0,
        "text": torch.tensor([1, 1, 0, 1, 1, 0]) > 0,
        "imu": torch.tensor([0, 0, 1, 1, 1, 1]) > 0,
    }
    same = torch.eye(6) > 0
    found = pairwise(vectors, there, 3.0, same)
    # One window alone has both video and imu.
    assert set(found) == {"video-text", "text-imu"}
    rows = [3, 4]
    expected = slowly(vectors["text"][rows].numpy(), vectors["imu"][rows].numpy(), 3.0, np.eye(2))
    assert found["text-imu"].item() == pytest.approx(expected, rel=1e-10)


def test_classification_leaves_out_what_has_no_label_or_no_modality() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    there, labels = torch.tensor([True, True, False]), torch.tensor([0, -1, 1])
    found = classification({"imu": logits, "pose": logits}, {"imu": there, "pose": ~there}, labels)
    assert found["imu"].item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert found["pose"].item() == pytest.approx(math.log(2))
    assert classification({"imu": logits}, {"imu": there}, torch.tensor([-1, -1, 0])) == {}


def test_weights_of_the_losses() -> None:
    losses = {
        "contrastive": {"a-b": torch.tensor(3.0), "a-c": torch.tensor(1.0)},
        "classification": {"a": torch.tensor(5.0)},
    }
    tasks = ("contrastive/a-b", "contrastive/a-c", "classification/a")
    assert Weighting("fixed", 2.0, 0.5, tasks)(losses).item() == pytest.approx(2 * 2.0 + 0.5 * 5)
    learned = Weighting("uncertainty", 1.0, 1.0, tasks)
    assert learned(losses).item() == pytest.approx(2 + 5)
    with torch.no_grad():
        learned.log_variance[:] = torch.tensor([1.0, 0.0, -1.0])
    expected = 0.5 * (3 * math.exp(-1) + 1) + 0.5 * 1 + 5 * math.e - 1
    assert learned(losses).item() == pytest.approx(expected, rel=1e-6)
    drawn = [Weighting("random", 1.0, 1.0, tasks)(losses, torch.Generator().manual_seed(s)).item() for s in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    # One kind alone: the other one counts nothing.
    assert Weighting("fixed", 1.0, 0.0, tasks)(losses).item() == pytest.approx(2)
    assert Weighting("fixed", 0.0, 0.0, tasks)(losses).item() == 0


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_every_parameter_learns(weighting: str) -> None:
    config = load_mujo_config(
        settings=(
            "model.imu_channels=[4]",
            "model.width=8",
            "model.embedding=4",
            "model.pose_channels=4",
            "model.dropout=0",
            f"loss.weighting={weighting}",
        )
    )
    windows = make_windows(12)
    torch.manual_seed(0)
    model = Mujo(config, Sizes(6, 12, 39, windows.classes, 2.0))
    batch = tensors(windows, np.arange(12))
    model.weighting(model.losses(batch)).backward()
    still = [name for name, each in model.named_parameters() if each.grad is None or not each.grad.any()]
    assert not still


def test_the_models_gradient_is_the_difference_quotient() -> None:
    config = load_mujo_config(
        settings=(
            "model.imu_channels=[4]",
            "model.width=8",
            "model.embedding=4",
            "model.pose_channels=4",
            "model.dropout=0",
        )
    )
    windows = make_windows(8)
    torch.manual_seed(1)
    model = Mujo(config, Sizes(6, 12, 39, windows.classes, 2.0))
    batch = tensors(windows, np.arange(8))
    model.weighting(model.losses(batch)).backward()
    # Along the gradient of a smooth layer the loss falls as fast as its length says.
    weight = model.projections["imu"][1].weight
    step = 1e-3 * weight.grad / weight.grad.norm()
    with torch.no_grad():
        up, down = [], []
        for sign, out in ((1, up), (-2, down)):
            weight += sign * step
            out.append(model.weighting(model.losses(batch)).item())
    assert (up[0] - down[0]) / 2e-3 == pytest.approx(weight.grad.norm().item(), rel=0.02)
