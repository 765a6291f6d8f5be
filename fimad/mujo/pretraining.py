"""Pretraining: one space for all modalities, from the windows of a dataset; resumable at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fimad.errors import ConfigError
from fimad.mujo.augment import augment, part_of
from fimad.mujo.batches import device_of, epoch_order, hold_out, in_order, on, repeatable, seeded, tensors
from fimad.mujo.checkpoint import built, load_tensors, optimizer_tensors, restore_optimizer, save_model, save_tensors
from fimad.mujo.config import MujoConfig, mujo_config_toml
from fimad.mujo.model import Mujo, Sizes
from fimad.mujo.telling import read_log, write_card, write_curves, write_log
from fimad.mujo.windows import WindowSet

Tell = Callable[[str], None]
# A picture takes as long as a small epoch.
_DRAW_EVERY_S = 30.0


def pretrain(
    windows: WindowSet,
    folder: str | Path,
    config: MujoConfig | None = None,
    *,
    device: str = "auto",
    max_minutes: float | None = None,
    source: str = "",
    tell: Tell = lambda _: None,
) -> Path:
    """Train a model, or go on with one that was interrupted.

    On a CPU the same seed gives the same bits, interrupted or not. A run that is finished is not trained again.

    Parameters
    ----------
    windows : of all modalities; a dataset's split ``val`` is validated with, or `train.val_share` of the groups.
    folder : of the run: ``last.safetensors`` (to go on from), ``best.safetensors`` (by the loss on what is validated with),
        ``config.toml``, ``log.csv``, ``curves.png`` (with matplotlib), ``MODEL_CARD.md``.
    device : "auto" takes a GPU if there is one.
    max_minutes : stop after so long; the same call goes on.
    source : what the windows are of, for the model's card.

    Returns
    -------
    The path of the best model so far.

    Raises
    ------
    ConfigError : there are no windows to learn from, or the folder holds a run with other options or data.
    """
    config, folder = config or MujoConfig(), Path(folder)
    run = _Run(windows, folder, config, device_of(device), source, tell)
    with repeatable(run.device):
        run.train(None if max_minutes is None else time.monotonic() + 60 * max_minutes)
    return folder / "best.safetensors"


class _Run:
    def __init__(
        self, windows: WindowSet, folder: Path, config: MujoConfig, device: torch.device, source: str, tell: Tell
    ) -> None:
        self.windows, self.folder, self.config, self.device, self.tell = windows, folder, config, device, tell
        self.source = source
        part_of(config.augment)
        self.train_rows, self.val_rows = split_rows(windows, config)
        if len(self.train_rows) < 2:
            raise ConfigError(
                f"{len(self.train_rows)} windows to learn from.",
                "The dataset is too small, or all of it is validated with.",
                "Take more clips, or shorter windows: --set windows.length_s=1",
            )
        self.batch = min(config.train.batch, len(self.train_rows))
        self.steps_an_epoch = len(self.train_rows) // self.batch
        self.step, self.best = 0, math.inf
        self.sums: dict[str, float] = {}
        self.log: list[dict[str, Any]] = []
        self.data = {"windows": len(windows), "train": len(self.train_rows), "classes": list(windows.classes)}
        last = folder / "last.safetensors"
        if last.is_file():
            self._resume(last)
        else:
            torch.manual_seed(seeded(config.train.seed, 0))
            sizes = Sizes(
                windows.size("video"),
                windows.size("text"),
                windows.size("pose"),
                windows.classes,
                windows.take(self.train_rows).gyro_scale(),
            )
            self.model = Mujo(config, sizes).to(device)
            self.optimizer = self._optimizer()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(mujo_config_toml(config), encoding="utf-8")

    def _optimizer(self) -> torch.optim.Optimizer:
        options = self.config.train
        return torch.optim.AdamW(self.model.parameters(), options.learning_rate, weight_decay=options.weight_decay)

    def _resume(self, path: Path) -> None:
        found, said = load_tensors(path)
        state = said.get("state") or {}
        if said.get("config") != self.config.model_dump(mode="json") or state.get("data") != self.data:
            raise ConfigError(
                f"{self.folder} holds a run with other options or other data.",
                "Half a run with one and half with another would be neither.",
                "Give another folder with --out, or delete this one.",
            )
        weights = {name: each for name, each in found.items() if not name.startswith("optimizer/")}
        self.model = built(weights, said, path).to(self.device)
        self.optimizer = self._optimizer()
        restore_optimizer(self.optimizer, found)
        self.step, self.sums = int(state["step"]), dict(state["sums"])
        self.best = math.inf if state["best"] is None else float(state["best"])
        # Lines that were written after the state that is gone on from would come twice.
        self.log = [row for row in read_log(self.folder / "log.csv") if int(row["step"]) <= self.step]
        self.tell(f"going on from step {self.step} of {self.steps_an_epoch * self.config.train.epochs}")

    def train(self, until: float | None) -> None:
        """All epochs that are left, or as many as there is time for."""
        total = self.steps_an_epoch * self.config.train.epochs
        saved = drawn = time.monotonic()
        while self.step < total:
            epoch, at = divmod(self.step, self.steps_an_epoch)
            order = epoch_order(len(self.train_rows), self.config.train.seed, epoch)
            rows = self.train_rows[order[at * self.batch : (at + 1) * self.batch]]
            self._learn(np.sort(rows), total)
            ended = self.step % self.steps_an_epoch == 0
            if ended:
                self._end_epoch(epoch)
            now = time.monotonic()
            if ended or now - saved > self.config.train.save_every_s or (until is not None and now > until):
                self._save()
                saved = now
            if ended and now - drawn > _DRAW_EVERY_S:
                self._describe()
                drawn = time.monotonic()
            if until is not None and now > until:
                self._describe()
                self.tell(f"stopped at step {self.step} of {total}; the same command goes on")
                return
        self._describe()
        self.tell(f"{self.step} of {total} steps done")

    def _describe(self) -> None:
        if self.log:
            write_curves(self.folder / "curves.png", self.log)
            card = self.folder / "MODEL_CARD.md"
            write_card(card, self.model, self.windows, self.log, self.source, len(self.train_rows))

    def _learn(self, rows: NDArray[np.intp], total: int) -> None:
        options = self.config.train
        generator = torch.Generator().manual_seed(seeded(options.seed, 3, self.step))
        batch = augment(tensors(self.windows, rows), self.config.augment, self.windows.rate_hz, generator)
        # What layers draw (dropout) comes from the global numbers.
        torch.manual_seed(seeded(options.seed, 4, self.step))
        self.model.train()
        losses = self.model.losses(on(batch, self.device))
        loss = self.model.weighting(losses, generator)
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * schedule(self.step, total, options.warmup)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.clip_gradient)
        self.optimizer.step()
        self.step += 1
        for name, value in {"loss": loss, **_flat(losses)}.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.item()
            self.sums[f"{name} count"] = self.sums.get(f"{name} count", 0.0) + 1

    def _end_epoch(self, epoch: int) -> None:
        means = {
            f"train {name}": self.sums[name] / self.sums[f"{name} count"]
            for name in self.sums
            if not name.endswith(" count")
        }
        self.sums = {}
        row: dict[str, Any] = {"epoch": epoch + 1, "step": self.step, **means, "scale": self.model.scale.item()}
        if len(self.val_rows):
            row |= {f"val {name}": value for name, value in validation(self.model, self.windows, self.val_rows).items()}
        self.log.append(row)
        write_log(self.folder / "log.csv", self.log)
        score = row.get("val loss", row["train loss"])
        better = score < self.best
        if better:
            self.best = score
            save_model(self.model, self.folder / "best.safetensors", epoch=epoch + 1, loss=score, source=self.source)
        self.tell(
            f"epoch {epoch + 1}/{self.config.train.epochs}: loss {row['train loss']:.3f}"
            + (f", validated {row['val loss']:.3f}" if "val loss" in row else "")
            + (" (best)" if better else "")
        )

    def _save(self) -> None:
        state = {"step": self.step, "sums": self.sums, "data": self.data}
        state["best"] = None if math.isinf(self.best) else self.best
        weights = dict(self.model.state_dict())
        save_tensors(
            self.folder / "last.safetensors",
            weights | optimizer_tensors(self.optimizer),
            {**self.model.described(), "state": state},
        )


def split_rows(windows: WindowSet, config: MujoConfig) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to learn from and to validate with: the dataset's own split, or whole groups drawn by the seed."""
    if windows.split is not None and (np.asarray(windows.split) == "val").any():
        split = np.asarray(windows.split)
        return np.flatnonzero((split != "val") & (split != "test")), np.flatnonzero(split == "val")
    held = hold_out(np.asarray(windows.group), config.train.val_share, config.train.seed)
    return np.flatnonzero(~held), np.flatnonzero(held)


def schedule(step: int, total: int, warmup: float) -> float:
    """Share of the highest learning rate: a rise, then a cosine to 0."""
    rise = max(1, round(warmup * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


@torch.no_grad()  # type: ignore[untyped-decorator]
def validation(model: Mujo, windows: WindowSet, rows: NDArray[np.intp]) -> dict[str, float]:
    """Mean of the single losses without augmentation, in batches as large as in training; "loss" is their weighted sum."""
    model.eval()
    device = next(model.parameters()).device
    sums: dict[str, list[float]] = {}
    # Neighbours of one clip are alike, and would be each other's negatives.
    mixed = rows[np.random.default_rng(0).permutation(len(rows))]
    for batch in in_order(windows, mixed, model.config.train.batch):
        losses = model.losses(on(batch, device))
        for name, value in _flat(losses).items():
            sums.setdefault(name, []).append(value.item())
    means = {name: float(np.mean(values)) for name, values in sums.items()}
    kinds = {"contrastive": model.config.loss.contrastive, "classification": model.config.loss.classification}
    total = 0.0
    for kind, weight in kinds.items():
        of_kind = [value for name, value in means.items() if name.startswith(f"{kind}/")]
        total += weight * float(np.mean(of_kind)) if of_kind else 0.0
    return {"loss": total, **means}


def _flat(losses: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{kind}/{name}": value for kind, of_kind in losses.items() for name, value in of_kind.items()}
