"""A classifier from a pretrained model, or from none: fine-tuning on few or many labels."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fimad.errors import ConfigError
from fimad.libraries import needs
from fimad.mujo.augment import augment, in_finetuning
from fimad.mujo.batches import device_of, in_order, on, repeatable, seeded, tensors
from fimad.mujo.checkpoint import built, load_tensors, save_tensors
from fimad.mujo.config import FinetuneConfig, MujoConfig
from fimad.mujo.model import Mujo, Sizes
from fimad.mujo.scores import macro_f1
from fimad.mujo.windows import WindowSet

#: Shares of labels that the paper and most others look at.
LABEL_SHARES = (0.01, 0.02, 0.05, 0.1, 1.0)


@dataclass
class Classifier:
    """A model with a head for some classes.

    Attributes
    ----------
    model, head : the encoder, and (n, width) features to logits.
    classes : names of the outputs.
    log : of training, a row for each look at the validation windows.
    """

    model: Mujo
    head: nn.Module
    classes: tuple[str, ...]
    log: list[dict[str, float]]

    def probabilities(self, windows: WindowSet, only: Iterable[str] | None = None) -> NDArray[np.float32]:
        """(n, classes) of some windows; `only` names the modalities to look at."""
        self.model.eval()
        self.head.eval()
        device = next(self.head.parameters()).device
        with torch.no_grad():
            parts = [
                torch.softmax(self.head(self.model.fused(on(batch, device), only)), 1).cpu()
                for batch in in_order(windows)
            ]
        return (
            np.asarray(torch.cat(parts).numpy(), np.float32) if parts else np.zeros((0, len(self.classes)), np.float32)
        )

    def predict(self, windows: WindowSet, only: Iterable[str] | None = None) -> NDArray[np.int64]:
        """(n,) positions in `classes`."""
        return np.asarray(self.probabilities(windows, only).argmax(1), np.int64)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file."""
        heads = {f"head/{name}": each for name, each in self.head.state_dict().items()}
        about = {**self.model.described(), "classifier": list(self.classes), "log": self.log}
        save_tensors(Path(path), {**self.model.state_dict(), **heads}, about)

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """Read what `save` wrote; raises `ConfigError` for another file."""
        path = Path(path)
        found, said = load_tensors(path / "classifier.safetensors" if path.is_dir() else path)
        if not isinstance(said.get("classifier"), list):
            raise ConfigError(
                f"{path} holds no classifier.",
                "It is a pretrained model, which knows no classes of yours.",
                "Make one: fimad mujo finetune",
            )
        model = built({name: each for name, each in found.items() if not name.startswith("head/")}, said, path)
        classes = tuple(str(name) for name in said["classifier"])
        head = _head(model.config.model.width, len(classes))
        try:
            head.load_state_dict({name[5:]: each for name, each in found.items() if name.startswith("head/")})
        except RuntimeError as error:
            raise ConfigError(
                f"{path}: its head does not fit its classes.",
                "The file is damaged.",
                "Make it anew: fimad mujo finetune",
            ) from error
        return cls(model, head.eval(), classes, list(said.get("log") or []))


def finetune(
    train: WindowSet,
    val: WindowSet | None = None,
    config: MujoConfig | None = None,
    *,
    model: Mujo | None = None,
    seed: int = 0,
    device: str = "auto",
    only: Iterable[str] | None = None,
) -> Classifier:
    """Train a classifier; on a CPU the same seed gives the same bits.

    Parameters
    ----------
    train : windows with labels; those without are not used. See `draw_labels` for a share of them.
    val : of other persons: what is best on them (macro F1) is kept. Without, the last step is.
    config : `finetune` and `augment` count; sizes too where there is no model.
    model : a pretrained one, which is not changed; None begins from scratch.
    only : modalities to learn from; all that the windows and the model have by default.

    Raises
    ------
    ConfigError : no labels, or no modality that both the windows and the model have.
    """
    config = config or (model.config if model is not None else MujoConfig())
    train = train.take(train.label >= 0)
    if not len(train):
        raise ConfigError("No window has a label.", "The selection is empty.", "Give windows with labels.")
    torch.manual_seed(seeded(seed, 0))
    where = device_of(device)
    net = _fresh(train, config) if model is None else copy.deepcopy(model)
    _check_modalities(net, train, only)
    net, head = net.to(where), _head(net.config.model.width, len(train.classes)).to(where)
    classifier = Classifier(net, head, train.classes, [])
    with repeatable(where):
        _fit(classifier, train, val, config, model is not None, seed, None if only is None else tuple(only))
    return classifier


def draw_labels(label: NDArray[np.int64], share: float, seed: int) -> NDArray[np.intp]:
    """Rows of a share of the labelled windows, of each class at least one; the same for the same seed, whoever learns.

    >>> draw_labels(np.array([0, 0, 0, 0, 1, 1, -1]), 0.5, seed=0).tolist()
    [2, 3, 5]
    """
    if not 0 < share <= 1:
        raise ConfigError(
            f"A share of {share:g} of the labels can't be used.",
            "It goes from above 0 to 1.",
            "For example: --labels 2",
        )
    random = np.random.default_rng([seed, 5])
    parts = []
    for each in np.unique(label[label >= 0]):
        rows = random.permutation(np.flatnonzero(label == each))
        parts.append(rows[: max(1, round(share * len(rows)))])
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.intp)


def _fit(
    classifier: Classifier,
    train: WindowSet,
    val: WindowSet | None,
    config: MujoConfig,
    pretrained: bool,
    seed: int,
    only: tuple[str, ...] | None,
) -> None:
    options = config.finetune
    net, head = classifier.model, classifier.head
    where = next(head.parameters()).device
    frozen = options.encoder == "frozen"
    best, kept = -1.0, _weights(classifier)
    if frozen or options.probe_first:
        _probe(classifier, train, val, options, only)
        if val is not None and len(val):
            best, kept = classifier.log[-1]["val f1"], _weights(classifier)
    if frozen:
        return
    rate = options.learning_rate * (options.encoder_rate if pretrained else 1.0)
    groups = [
        {"params": list(head.parameters()), "lr": options.learning_rate},
        {"params": list(net.encoders.parameters()), "lr": rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
    highest = [group["lr"] for group in optimizer.param_groups]
    change = in_finetuning(config.augment, options.rotation_deg)
    order = _endless(len(train), min(options.batch, len(train)), seed)
    labels = torch.from_numpy(np.asarray(train.label))
    for step in range(options.steps):
        rows = next(order)
        torch.manual_seed(seeded(seed, 4, step))
        net.train()
        head.train()
        batch = tensors(train, rows)
        if options.augment:
            batch = augment(batch, change, train.rate_hz, torch.Generator().manual_seed(seeded(seed, 3, step)))
        loss = functional.cross_entropy(head(net.fused(on(batch, where), only)), labels[rows].to(where))
        for group, rate in zip(optimizer.param_groups, highest, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / 10) * (1 - step / options.steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = step + 1 == options.steps
        if last or (step + 1) % options.evaluate_every == 0:
            row = {"step": float(step + 1), "loss": loss.item()}
            if val is not None and len(val):
                row["val f1"] = macro_f1(val.label, classifier.predict(val, only))
                if row["val f1"] > best:
                    best, kept = row["val f1"], _weights(classifier)
            classifier.log.append(row)
    if best >= 0:
        for part, state in zip((net, head), kept, strict=True):
            part.load_state_dict(state)
    net.eval()
    head.eval()


def _probe(
    classifier: Classifier,
    train: WindowSet,
    val: WindowSet | None,
    options: FinetuneConfig,
    only: tuple[str, ...] | None,
) -> None:
    """Fit the head alone, to the end, on the features of the encoder as it is: logistic regression on standardised features.

    The strength of the penalty is what is best on `val`; without, the middle one of `finetune.probe_c`.
    """
    lacking = needs("Fitting a head", ["sklearn"])
    if lacking is not None:
        raise lacking
    from sklearn.linear_model import LogisticRegression

    net, head = classifier.model, classifier.head
    norm, linear = head[0], head[1]
    where = linear.weight.device

    def seen(windows: WindowSet) -> NDArray[np.float64]:
        with torch.no_grad():
            return np.asarray(norm(_features(net, windows, where, only)).cpu().numpy(), np.float64)

    features = seen(train)
    mean, spread = features.mean(0), features.std(0) + 1e-6
    known = np.unique(train.label)
    looked = None if val is None or not len(val) else (seen(val) - mean) / spread
    strengths = sorted(options.probe_c) if looked is not None else [sorted(options.probe_c)[len(options.probe_c) // 2]]
    found: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None
    for strength in strengths:
        weight, bias = np.zeros((len(known), features.shape[1])), np.zeros(len(known))
        if len(known) > 1:
            fitted = LogisticRegression(C=strength, max_iter=options.probe_steps)
            with warnings.catch_warnings():
                # Stopping early is a penalty, too.
                warnings.simplefilter("ignore")
                fitted.fit((features - mean) / spread, train.label)
            weight, bias = fitted.coef_, fitted.intercept_
            if len(known) == 2:
                weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
        score = 0.0
        if looked is not None and val is not None:
            score = macro_f1(val.label, known[(looked @ weight.T + bias).argmax(1)])
        if found is None or score > found[0]:
            found = score, weight / spread, bias - weight @ (mean / spread)
    if found is None:
        return
    with torch.no_grad():
        # Classes without a label are never guessed.
        linear.weight.zero_()
        linear.bias.fill_(found[2].min() - 20.0)
        linear.weight[known] = torch.as_tensor(found[1], dtype=linear.weight.dtype, device=where)
        linear.bias[known] = torch.as_tensor(found[2], dtype=linear.bias.dtype, device=where)
        loss = functional.cross_entropy(
            linear(torch.as_tensor(features, dtype=linear.weight.dtype, device=where)),
            torch.as_tensor(np.asarray(train.label), device=where),
        )
    row = {"step": 0.0, "loss": loss.item()}
    if looked is not None and val is not None:
        row["val f1"] = macro_f1(val.label, classifier.predict(val, only))
    classifier.log.append(row)


def _fresh(train: WindowSet, config: MujoConfig) -> Mujo:
    sizes = Sizes(train.size("video"), train.size("text"), train.size("pose"), (), train.gyro_scale())
    return Mujo(config, sizes)


def _check_modalities(net: Mujo, train: WindowSet, only: Iterable[str] | None) -> None:
    both = set(net.encoders) & set(train.modalities) & set(net.encoders if only is None else only)
    for name in both - {"imu"}:
        if getattr(net.sizes, name) != train.size(name):
            raise ConfigError(
                f"The model takes {name} of {getattr(net.sizes, name)} numbers; these windows have {train.size(name)}.",
                "They were made by another model, or with other options.",
                "Take windows as in pretraining, or other modalities.",
            )
    if not both:
        raise ConfigError(
            f"The model knows {', '.join(net.encoders)}; the windows hold {', '.join(train.modalities) or 'nothing'}.",
            "No modality is in both.",
            "Pretrain with one of the windows' modalities.",
        )


def _head(width: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))


@torch.no_grad()  # type: ignore[untyped-decorator]
def _features(net: Mujo, windows: WindowSet, where: torch.device, only: tuple[str, ...] | None) -> Tensor:
    net.eval()
    return torch.cat([net.fused(on(batch, where), only) for batch in in_order(windows)])


def _endless(count: int, batch: int, seed: int) -> Any:
    """Rows of batches without end, each pass shuffled anew."""
    epoch = 0
    while True:
        order = np.random.default_rng([seed, 1, epoch]).permutation(count)
        for start in range(0, count - batch + 1, batch):
            yield order[start : start + batch]
        epoch += 1


def _weights(classifier: Classifier) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return copy.deepcopy(classifier.model.state_dict()), copy.deepcopy(classifier.head.state_dict())
