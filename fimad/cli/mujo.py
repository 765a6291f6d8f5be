"""`fimad mujo`: the reference model, from a dataset to a classifier of real sensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fimad.cli.output import out, print_json, printable
from fimad.errors import ConfigError

mujo = typer.Typer(no_args_is_help=True, help="Train and use the reference model (extra: mujo).")

_LIBRARIES = ("torch", "safetensors", "sklearn")
Run = Annotated[Path, typer.Argument(help="Folder of a run, or a .safetensors file.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="Options (`fimad mujo config` prints all).")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set an option, as in train.epochs=5.")
]
DatasetOption = Annotated[str | None, typer.Option("--dataset", "-d", help="Folder or URL of a fimad dataset.")]
HarOption = Annotated[str | None, typer.Option("--har", metavar="NAME", help="A real set that fimad.har reads.")]
FilesOption = Annotated[Path | None, typer.Option("--files", help="Where the files of --har are.")]
PlacementOption = Annotated[
    list[str] | None, typer.Option("--placement", "-p", help="Sensor to use; may be repeated. By default all.")
]
DeviceOption = Annotated[str, typer.Option(help="auto takes a GPU if there is one; cpu, cuda.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    mujo.command()(config)
    mujo.command()(pretrain)
    mujo.command()(finetune)
    mujo.command()(evaluate)
    mujo.command()(embed)
    app.add_typer(mujo, name="mujo")


def config() -> None:
    """Print every option with its meaning, as TOML.

    Example: fimad mujo config > mujo.toml
    """
    from fimad.mujo.config import mujo_config_toml

    typer.echo(mujo_config_toml(), nl=False)


def pretrain(
    dataset: Annotated[str, typer.Argument(help="Folder or URL of a fimad dataset, or a folder of saved windows.")],
    to: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the run; one that was interrupted goes on.")
    ] = Path("mujo-run"),
    config: ConfigOption = None,
    settings: SetOption = None,
    target: Annotated[str, typer.Option(help="Column of the class: label or class_label.")] = "label",
    max_minutes: Annotated[float | None, typer.Option(help="Stop after so long; the same command goes on.")] = None,
    device: DeviceOption = "auto",
) -> None:
    """Learn one space for video, text, pose and IMU from a dataset.

    Example: fimad mujo pretrain demo-dataset --out mujo-run --set train.epochs=20
    """
    _check_libraries()
    from fimad.mujo import WindowSet, load_mujo_config
    from fimad.mujo.pretraining import pretrain as learn

    chosen = load_mujo_config(config, tuple(settings or ()))
    if (Path(dataset) / "windows.json").is_file():
        windows = WindowSet.load(dataset)
    else:
        from fimad import open_dataset

        windows = WindowSet.from_dataset(open_dataset(dataset), chosen.windows, target=target)
    _say(repr(windows))
    best = learn(windows, to, chosen, device=device, max_minutes=max_minutes, source=f"{Path(dataset).name}", tell=_say)
    _say(f"{best}: the best so far; log.csv, curves.png and MODEL_CARD.md lie beside it")


def finetune(
    run: Annotated[Path | None, typer.Argument(help="Folder of a pretrained run; without it, from scratch.")] = None,
    dataset: DatasetOption = None,
    har: HarOption = None,
    files: FilesOption = None,
    placement: PlacementOption = None,
    labels: Annotated[float, typer.Option(min=0.0, max=100.0, help="Percent of the training labels to use.")] = 100.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of labels, of the split and of training.")] = 0,
    frozen: Annotated[bool, typer.Option("--frozen", help="Keep the encoder; train the head alone.")] = False,
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder for classifier.safetensors.")] = Path(
        "mujo-classifier"
    ),
    config: ConfigOption = None,
    settings: SetOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Train a classifier on a share of the labels; a fifth of the persons select, a fifth test, once.

    Example: fimad mujo finetune mujo-run --har motionsense --files A_DeviceMotion_data --labels 2
    """
    _check_libraries()
    from fimad.mujo import load_model, load_mujo_config
    from fimad.mujo.batches import three_parts
    from fimad.mujo.finetuning import draw_labels
    from fimad.mujo.finetuning import finetune as train
    from fimad.mujo.scores import by_person, over_persons

    model = None if run is None else load_model(run)[0]
    chosen = load_mujo_config(config, tuple(settings or ()))
    if model is not None:
        chosen = chosen.model_copy(update={"windows": model.config.windows, "model": model.config.model})
    if frozen:
        chosen = chosen.model_copy(update={"finetune": chosen.finetune.model_copy(update={"encoder": "frozen"})})
    windows = _windows(dataset, har, files, placement, chosen.windows)
    _say(repr(windows))
    learn, select, test = (windows.take(rows) for rows in three_parts(windows.group, windows.split, seed))
    rows = draw_labels(learn.label, labels / 100, seed)
    classifier = train(learn.take(rows), select, chosen, model=model, seed=seed, device=device)
    classifier.save(to / "classifier.safetensors")
    score = over_persons(by_person(test.label, classifier.predict(test), test.group))
    _say(
        f"{len(rows)} labels: macro F1 {score.mean:.3f} (95 % of {score.persons} persons drawn anew: {score.low:.3f} to "
        f"{score.high:.3f}) on who was neither trained nor selected with"
    )
    _say(f"{to / 'classifier.safetensors'}")


def evaluate(
    run: Run,
    dataset: DatasetOption = None,
    har: HarOption = None,
    files: FilesOption = None,
    placement: PlacementOption = None,
    split: Annotated[str, typer.Option(help="Only this split of a dataset; empty takes all.")] = "",
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """A classifier: macro F1 with every set of modalities. A pretrained model: retrieval, and zero-shot by text.

    Example: fimad mujo evaluate mujo-run --dataset demo-dataset --json
    """
    _check_libraries()
    from fimad.mujo.evaluation import evaluate as score

    report = score(run, lambda options: _windows(dataset, har, files, placement, options, split))
    if json:
        print_json(report)
        return
    for name, values in report.items():
        _say(f"{name}: " + (", ".join(f"{k} {_figure(v)}" for k, v in values.items())))


def embed(
    run: Run,
    to: Annotated[Path, typer.Option("--out", "-o", help="NumPy archive to write.")] = Path("embeddings.npz"),
    dataset: DatasetOption = None,
    har: HarOption = None,
    files: FilesOption = None,
    placement: PlacementOption = None,
) -> None:
    """Write where windows lie in the joint space: an array (n, d) for each modality, and `NAME_there`, label, group.

    Example: fimad mujo embed mujo-run --dataset demo-dataset --out embeddings.npz
    """
    _check_libraries()
    import numpy as np

    from fimad.mujo import load_model
    from fimad.mujo.embedding import embed as place

    model, _ = load_model(run)
    windows = _windows(dataset, har, files, placement, model.config.windows)
    vectors, there = place(model, windows)
    arrays: dict[str, Any] = {**vectors, **{f"{name}_there": each for name, each in there.items()}}
    np.savez_compressed(to, label=windows.label, group=windows.group, classes=np.array(windows.classes), **arrays)
    _say(f"{to}: {', '.join(f'{name} {each.shape}' for name, each in vectors.items())}")


def _windows(
    dataset: str | None,
    har: str | None,
    files: Path | None,
    placement: list[str] | None,
    options: Any,
    split: str = "",
) -> Any:
    """Windows of a fimad dataset, of a folder of saved windows, or of a real set."""
    from fimad.mujo import WindowSet

    if (dataset is None) == (har is None) or (har is None) != (files is None):
        raise ConfigError(
            "There is no data, or there are two.",
            "A fimad dataset is given by --dataset, a real set by --har and --files.",
            "For example: --har motionsense --files A_DeviceMotion_data",
        )
    if har is not None and files is not None:
        from fimad.har import load

        read = load(har, files)
        wanted = tuple(placement or read.placements)
        six = all(each.x.shape[1] == 6 for each in read.recordings if each.placement in wanted)
        return WindowSet.from_har(read, options, placements=wanted, channels="all" if six else "acc")
    if (Path(str(dataset)) / "windows.json").is_file():
        return WindowSet.load(str(dataset))
    from fimad import open_dataset

    opened = open_dataset(str(dataset))
    if placement:
        options = options.model_copy(update={"placements": tuple(placement)})
    return WindowSet.from_dataset(opened[split] if split else opened, options)


def _check_libraries() -> None:
    from fimad.libraries import needs

    lacking = needs("The reference model", _LIBRARIES)
    if lacking is not None:
        raise lacking


def _say(line: str) -> None:
    out.print(printable(line), markup=False)


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
