"""Pretrained on virtual sensors against from scratch, on real ones: `python -m benchmarks.transfer_real --data FOLDER --models FOLDER --json FILE`.

`--models` holds what `benchmarks.transfer_models` made. All methods have the same windows, the same draws of labels, and the same persons to train, to select
and to test with, who are never the same. On DSADS and MotionSense the selecting persons are always the same and never tested. They stop training and pick the head's
penalty; nothing else was chosen, and nothing on tested persons. On UTD-MHAD each person is tested with a model that saw no motion of them.

"trained" begins with the head that was fitted on the encoder's features as they are, and ends with what is best on the selecting persons; "frozen" is that head. Both
are also made of an encoder with random numbers ("scratch"): the procedure is the same. Statistics are those of `benchmarks.transfer`.

Scores go to the file after every fold, and what is there is not computed again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.transfer import statistics, trees
from fimad.har import load
from fimad.mujo import MujoConfig, WindowSet, finetune, load_model
from fimad.mujo.embedding import classify
from fimad.mujo.finetuning import draw_labels
from fimad.mujo.scores import by_person

#: Of a class and person so many windows are looked at in selection and test.
MOST_SELECTED, MOST_TESTED = 12, 40
ABLATIONS = ("contrastive_alone", "no_augmentation", "savitzky_golay")
METHODS = ("scratch, trained", "pretrained, trained", "scratch, frozen", "pretrained, frozen", "ExtraTrees")


@dataclass(frozen=True)
class Real:
    """A set: its file below the data folder, its placement, who selects (none: the next person in turn), who is tested in one go."""

    name: str
    file: str
    placement: str
    selecting: tuple[str, ...] = ()
    at_once: int = 1


SETS = {
    "dsads, chest": Real("dsads", "har/dsads.npz", "chest", ("7", "8"), 2),
    "dsads, right wrist": Real("dsads", "har/dsads.npz", "right_wrist", ("7", "8"), 2),
    "dsads, right knee": Real("dsads", "har/dsads.npz", "right_knee", ("7", "8"), 2),
    "motionsense, right thigh": Real("motionsense", "har/motionsense.npz", "right_thigh", ("3", "8", "12", "20"), 5),
    "pte, unit 2": Real("pte", "har/pte_accgyr.npz", "unit_2"),
    "utd-mhad, right wrist": Real("utd-mhad", "paired/utd-mhad", "right_wrist"),
    "utd-mhad, right thigh": Real("utd-mhad", "paired/utd-mhad", "right_thigh"),
}


def some(windows: WindowSet, most: int) -> WindowSet:
    """At most so many windows of each class and person, drawn once."""
    random = np.random.default_rng(11)
    kept = []
    for person in np.unique(windows.group):
        for label in np.unique(windows.label):
            rows = np.flatnonzero((windows.group == person) & (windows.label == label))
            kept.append(random.permutation(rows)[:most])
    return windows.take(np.sort(np.concatenate(kept)))


def folds(real: Real, persons: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Tested and selecting persons."""
    tested = [person for person in persons if person not in real.selecting]
    for at in range(0, len(tested), real.at_once):
        now = tested[at : at + real.at_once]
        yield now, list(real.selecting) or [tested[(at + real.at_once) % len(tested)]]


def model_for(real: Real, tested: list[str]) -> str:
    """The model that may be tested with these persons."""
    if real.name != "utd-mhad":
        return "without_5"
    return {"1": "without_12", "2": "without_12", "3": "without_34", "4": "without_34"}.get(tested[0], "without_5")


def options(base: MujoConfig, encoder: str, share: float, steps: tuple[int, int]) -> MujoConfig:
    """Of fine-tuning, with few labels and with many: sizes and augmentation are those of the pretrained model."""
    few = share < 0.5
    count = steps[0 if few else 1]
    change = {"encoder": encoder, "steps": count, "batch": 32 if few else 64, "evaluate_every": max(20, count // 5)}
    return base.model_copy(update={"finetune": base.finetune.model_copy(update=change)})


def methods(
    few: WindowSet, val: WindowSet, test: WindowSet, seed: int, share: float, steps: tuple[int, int], models: dict[str, Any], fold_model: str, ablations: bool
) -> dict[str, Callable[[], np.ndarray]]:  # fmt: skip
    """What is compared: a name, and what guesses the tested windows."""
    base = models[fold_model].config

    def network(encoder: str, model: str | None) -> Callable[[], np.ndarray]:
        return lambda: finetune(
            few,
            val,
            options(base, encoder, share, steps),
            model=None if model is None else models[model],
            seed=seed,
            device="cpu",
        ).predict(test)

    found: dict[str, Callable[[], np.ndarray]] = {
        "scratch, trained": network("trained", None),
        "pretrained, trained": network("trained", fold_model),
        "scratch, frozen": network("frozen", None),
        "pretrained, frozen": network("frozen", fold_model),
        "ExtraTrees": lambda: (
            trees(seed)
            .fit(statistics(few.imu.reshape(len(few), 6, -1)), few.label)
            .predict(statistics(test.imu.reshape(len(test), 6, -1)))
        ),
    }
    # Of the changed models there is one each, which knows some of UTD-MHAD's persons.
    if ablations and share < 0.5:
        found |= {f"pretrained, frozen: {name}": network("frozen", name) for name in ABLATIONS if name in models}
    return found


@lru_cache(maxsize=2)
def windows_of(name: str, data: Path) -> tuple[WindowSet, tuple[str, ...]]:
    """A set's windows at its placement, and its persons in order."""
    real = SETS[name]
    source = load(real.name, data / real.file)
    chosen = source.select(placement=real.placement)
    gyro = all(each.x.shape[1] == 6 for each in chosen.recordings)
    windows = WindowSet.from_har(
        chosen, MujoConfig().windows, placements=real.placement, overlap=0.0, channels="all" if gyro else "acc"
    )
    return windows, tuple(person for person in source.persons if (windows.group == person).any())


@lru_cache(maxsize=1)
def models_of(folder: Path) -> dict[str, Any]:
    """The pretrained models of a folder."""
    return {
        path.name: load_model(path)[0] for path in sorted(folder.iterdir()) if (path / "best.safetensors").is_file()
    }


@dataclass(frozen=True)
class Job:
    """What is computed in one go: a fold with one draw of labels."""

    name: str
    share: float
    seed: int
    tested: tuple[str, ...]
    selecting: tuple[str, ...]
    steps: tuple[int, int]


def compute(job: Job, data: Path, folder: Path, wanted: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Macro F1 by method and tested person, for the methods that are wanted."""
    torch.set_num_threads(1)
    # One label a class is what is asked for.
    warnings.filterwarnings("ignore", message="The number of unique classes")
    windows, _ = windows_of(job.name, data)
    real, models = SETS[job.name], models_of(folder)
    test = some(windows.take(np.isin(windows.group, job.tested)), MOST_TESTED)
    val = some(windows.take(np.isin(windows.group, job.selecting)), MOST_SELECTED)
    learn = windows.take(~np.isin(windows.group, [*job.tested, *job.selecting]))
    few = learn.take(draw_labels(learn.label, job.share, job.seed))
    compared = methods(
        few, val, test, job.seed, job.share, job.steps, models, model_for(real, list(job.tested)), real.name != "utd-mhad"
    )  # fmt: skip
    return {
        method: by_person(test.label, guess(), test.group) for method, guess in compared.items() if method in wanted
    }


def jobs_of(name: str, data: Path, share: float, seeds: int, steps: tuple[int, int]) -> Iterator[Job]:
    """All folds of a set with all draws of labels."""
    _, persons = windows_of(name, data)
    for seed in range(seeds):
        for tested, selecting in folds(SETS[name], list(persons)):
            yield Job(name, share, seed, tuple(tested), tuple(selecting), steps)


def missing(job: Job, report: dict[str, Any], asked: tuple[str, ...]) -> tuple[str, ...]:
    """Methods of which a score isn't there yet."""
    few = job.share < 0.5 and SETS[job.name].name != "utd-mhad"
    every = (*METHODS, *(f"pretrained, frozen: {name}" for name in ABLATIONS if few))
    scores = report.get(job.name, {}).get("scores", {}).get(f"{100 * job.share:g} %", {})
    return tuple(
        method
        for method in every
        if (not asked or method in asked)
        and not all(str(job.seed) in scores.get(method, {}).get(person, {}) for person in job.tested)
    )


def measure(
    jobs: list[Job], data: Path, folder: Path, asked: tuple[str, ...], workers: int, report: dict[str, Any], save: Callable[[], None],
) -> None:  # fmt: skip
    """Fill the scores: set, share, method, person, one a seed; saved after every fold."""
    for name in dict.fromkeys(job.name for job in jobs):
        windows, persons = windows_of(name, data)
        report.setdefault(name, {}).setdefault("scores", {})
        report[name] |= {
            "persons": list(persons),
            "selecting": list(SETS[name].selecting),
            "windows": len(windows),
            "classes": len(np.unique(windows.label)),
        }
    left = [(job, wanted) for job in jobs if (wanted := missing(job, report, asked))]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(compute, job, data, folder, wanted): job for job, wanted in left}
        for done, future in enumerate(as_completed(running), 1):
            job = running[future]
            scores = report[job.name]["scores"].setdefault(f"{100 * job.share:g} %", {})
            for method, of_person in future.result().items():
                for person, f1 in of_person.items():
                    scores.setdefault(method, {}).setdefault(person, {})[str(job.seed)] = f1
            save()
            print(f"{done}/{len(left)}: {job.name}, {job.share:g}, seed {job.seed}, tested {', '.join(job.tested)}", flush=True)  # fmt: skip


def without_labels(data: Path, models: dict[str, Any], made: Path, report: dict[str, Any]) -> None:
    """UTD-MHAD's real wrist by what learned from virtual readings alone: the model's own head, and ExtraTrees on lengths, which no mounting changes."""
    real = WindowSet.load(made / "real")
    virtual = WindowSet.load(made / "simulated")
    wrist, worn = (each.placements.index("right_wrist") for each in (virtual, real))
    real = real.take(np.flatnonzero(real.imu_there[:, worn, 0]))
    scores: dict[str, dict[str, dict[str, float]]] = {}
    names = np.array(real.classes)

    def lengths(imu: np.ndarray) -> np.ndarray:
        return statistics(np.linalg.norm(np.asarray(imu, np.float32).reshape(len(imu), 2, 3, -1), axis=2))

    for person in ("1", "2", "3", "4", "5"):
        test = real.take(np.flatnonzero(real.group == f"utd{person}"))
        among = [name for name in names[np.unique(real.label)]]
        model = models[model_for(SETS["utd-mhad, right wrist"], [person])]
        guess = np.array(model.sizes.classes)[classify(model, test, ["imu"], among)]
        guesses = {"virtual, pretrained head": guess}
        usable = np.isin(np.array(virtual.classes)[virtual.label], among) & virtual.imu_there[:, wrist].all(1)
        rows = np.flatnonzero(usable & (virtual.group != f"utd{person}") & np.char.startswith(virtual.group, "utd"))
        learned = trees(0).fit(lengths(virtual.imu[rows, wrist]), np.array(virtual.classes)[virtual.label[rows]])
        guesses["virtual, ExtraTrees on lengths"] = learned.predict(lengths(test.imu[:, worn]))
        for method, guess in guesses.items():
            number = {each: at for at, each in enumerate(names)}
            f1 = by_person(test.label, np.array([number[each] for each in guess]), test.group)
            scores.setdefault(method, {})[person] = {"0": next(iter(f1.values()))}
    report.setdefault("utd-mhad, right wrist", {"scores": {}})["scores"]["0 %"] = scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with har/ and paired/utd-mhad/")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument(
        "--windows", type=Path, help="folder of benchmarks.transfer_models: also UTD-MHAD without a label"
    )
    parser.add_argument("--sets", default=";".join(SETS), help="separated by semicolons")
    parser.add_argument("--shares", default="0.02,1", help="of the labels")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seeds-of-all", type=int, default=2, help="with all labels")
    parser.add_argument("--steps", default="120,400", help="of fine-tuning, with few labels and with many")
    parser.add_argument("--methods", default="", help="separated by semicolons; all by default")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    report: dict[str, Any] = json.loads(args.json.read_text()) if args.json.is_file() else {}

    def save() -> None:
        args.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")

    if args.windows:
        without_labels(args.data, models_of(args.models), args.windows, report)
        save()
    few, many = map(int, args.steps.split(","))
    jobs = [
        job
        for share in map(float, args.shares.split(","))
        for name in filter(None, args.sets.split(";"))
        for job in jobs_of(name, args.data, share, args.seeds if share < 0.5 else args.seeds_of_all, (few, many))
    ]
    measure(jobs, args.data, args.models, tuple(filter(None, args.methods.split(";"))), args.workers, report, save)
    save()
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
