"""Training: what it learns, what it repeats, what it goes on with, and what it does without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mujo_makers import SMALL, make_windows

from fimad.errors import ConfigError
from fimad.mujo import Classifier, MujoConfig, WindowSet, finetune, load_model, load_mujo_config, pretrain
from fimad.mujo.augment import augment, rotations
from fimad.mujo.batches import tensors
from fimad.mujo.checkpoint import load_tensors
from fimad.mujo.config import mujo_config_toml
from fimad.mujo.embedding import classify, embed, retrieval, text_vectors, zero_shot
from fimad.mujo.finetuning import draw_labels
from fimad.mujo.model import Mujo, Sizes
from fimad.mujo.scores import by_person, chance_at, macro_f1, over_persons, recall_at, subsets
from fimad.mujo.telling import read_log


def same(first: Path, second: Path) -> bool:
    a, b = load_tensors(first)[0], load_tensors(second)[0]
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="session")
def run(windows: WindowSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned the small windows well, without being augmented."""
    folder = tmp_path_factory.mktemp("run")
    settings = (*SMALL, "train.epochs=70", "train.learning_rate=0.01", "augment.sensor=", "augment.rotation_deg=0")
    pretrain(
        windows, folder, load_mujo_config(settings=(*settings, "augment.drop_modality=0")), source="made-up | windows"
    )
    return folder


def test_seeds_repeat_bit_for_bit_and_others_differ(windows: WindowSet, small: MujoConfig, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train = small.train.model_copy(update={"seed": seed})
        torch.manual_seed(torch.seed() % 2**31)
        pretrain(windows, tmp_path / name, small.model_copy(update={"train": train}))
    assert same(tmp_path / "a" / "last.safetensors", tmp_path / "b" / "last.safetensors")
    assert (tmp_path / "a" / "log.csv").read_bytes() == (tmp_path / "b" / "log.csv").read_bytes()
    assert not same(tmp_path / "a" / "last.safetensors", tmp_path / "c" / "last.safetensors")


@pytest.mark.parametrize("weighting", ["uncertainty", "random"])
def test_interrupted_training_ends_as_if_it_had_not_been(
    windows: WindowSet, small: MujoConfig, tmp_path: Path, weighting: str
) -> None:
    config = small.model_copy(update={"loss": small.loss.model_copy(update={"weighting": weighting})})
    pretrain(windows, tmp_path / "whole", config)
    said: list[str] = []
    for _ in range(20):
        # No time at all: one step, and it is stopped in the middle of an epoch.
        pretrain(windows, tmp_path / "pieces", config, max_minutes=0, tell=said.append)
        if "steps done" in said[-1]:
            break
    assert sum("stopped at" in line for line in said) >= 3
    for name in ("last.safetensors", "best.safetensors"):
        assert same(tmp_path / "whole" / name, tmp_path / "pieces" / name)
    for name in ("log.csv", "config.toml", "MODEL_CARD.md"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "pieces" / name).read_bytes()


def test_a_run_with_other_options_or_data_is_not_gone_on_with(
    windows: WindowSet, small: MujoConfig, tmp_path: Path
) -> None:
    pretrain(windows, tmp_path, small, max_minutes=0)
    other = small.model_copy(update={"train": small.train.model_copy(update={"learning_rate": 0.5})})
    for data, config in ((windows, other), (windows.take(np.arange(30)), small)):
        with pytest.raises(ConfigError, match="other options or other data"):
            pretrain(data, tmp_path, config)


def test_a_tiny_set_is_learned_by_heart(run: Path, windows: WindowSet) -> None:
    log = read_log(run / "log.csv")
    assert log[-1]["train classification/imu"] < 0.2 * log[0]["train classification/imu"]
    assert log[-1]["train contrastive/pose-imu"] < 0.6 * log[0]["train contrastive/pose-imu"]
    model, about = load_model(run)
    assert about["source"] == "made-up | windows"
    assert model.parameter_count() < 20_000
    found = retrieval(model, windows)
    assert len(found) == 12
    # Three texts are searched among, each once.
    assert found["imu to text"]["recall"][1] > 0.9
    assert found["imu to text"]["chance"][1] == pytest.approx(1 / 3)
    assert found["text to imu"]["recall"][1] > 0.9
    names, texts = text_vectors(windows)
    assert names == windows.classes
    assert macro_f1(windows.label, zero_shot(model, windows, texts)) > 0.9
    assert "made-up \\| windows" in (run / "MODEL_CARD.md").read_text()
    assert (run / "curves.png").is_file()


@pytest.mark.parametrize("encoder", ["trained", "frozen", "scratch"])
def test_fine_tuning_learns_repeats_and_is_saved(run: Path, encoder: str, tmp_path: Path) -> None:
    model = None if encoder == "scratch" else load_model(run)[0]
    config = load_mujo_config(
        settings=(
            *SMALL,
            "finetune.learning_rate=0.01",
            "finetune.rotation_deg=0",
            # The encoder that is trained is not given up for the head that was fitted before, which is as good here.
            "finetune.probe_first=false",
            f"finetune.encoder={'trained' if encoder == 'scratch' else encoder}",
        )
    )
    windows, val, test = (make_windows(24, seed) for seed in (1, 2, 3))
    before = {name: each.clone() for name, each in model.state_dict().items()} if model is not None else {}
    made = [finetune(windows, val, config, model=model, seed=3, only=["imu"]) for _ in range(2)]
    guesses = [each.probabilities(test, ["imu"]) for each in made]
    assert np.array_equal(*guesses)
    assert macro_f1(test.label, guesses[0].argmax(1)) > 0.8
    if model is not None:
        # The model that was given is as it was; of the copy a frozen encoder is, too.
        assert all(torch.equal(each, model.state_dict()[name]) for name, each in before.items())
        unchanged = torch.equal(
            made[0].model.state_dict()["encoders.imu.out.0.weight"], before["encoders.imu.out.0.weight"]
        )
        assert unchanged == (encoder == "frozen")
    made[0].save(tmp_path / "classifier.safetensors")
    loaded = Classifier.load(tmp_path)
    assert np.array_equal(loaded.probabilities(test, ["imu"]), guesses[0])
    assert loaded.classes == windows.classes


def test_all_15_sets_of_modalities_can_be_asked(run: Path, windows: WindowSet) -> None:
    classifier = finetune(windows, None, load_mujo_config(settings=SMALL), model=load_model(run)[0])
    assert len(subsets()) == 15
    for chosen in subsets():
        found = classifier.probabilities(windows, chosen)
        lacking = {
            f"{name}_there": np.zeros(len(windows), bool) for name in ("video", "text", "pose") if name not in chosen
        }
        if "imu" not in chosen:
            lacking["imu_there"] = np.zeros_like(windows.imu_there)
        # What is not asked for and what is not there are the same, whatever stands in its place.
        without = classifier.probabilities(replace(windows, **lacking))
        np.testing.assert_allclose(found, without, atol=1e-6)
        assert np.isfinite(found).all()


def test_heads_of_pretraining_classify_whatever_is_there(run: Path, windows: WindowSet) -> None:
    model, _ = load_model(run)
    for chosen in subsets():
        assert macro_f1(windows.label, classify(model, windows, chosen)) > 0.8
    # A modality that isn't there does not vote; the others do.
    blind = replace(windows, pose=np.zeros_like(windows.pose), pose_there=np.zeros(len(windows), bool))
    np.testing.assert_array_equal(classify(model, blind), classify(model, windows, ("video", "text", "imu")))
    assert set(classify(model, windows, among=("class2", "class0"))) == {0, 2}
    assert set(classify(model, blind, ["pose"], ("class1",))) == {1}
    with pytest.raises(ConfigError, match="no head"):
        classify(model, windows, among=("squat",))


def test_windows_of_one_class_can_be_positives_however_it_is_put(windows: WindowSet) -> None:
    texts = np.asarray(windows.text).copy()
    texts[::2, 0] += 1
    batch = tensors(replace(windows, text=texts), np.arange(12))
    sizes = Sizes(6, 12, windows.size("pose"), windows.classes, 1.0)
    losses = {}
    for how in ("class", "positive"):
        torch.manual_seed(0)
        model = Mujo(load_mujo_config(settings=(*SMALL, f"loss.same_text={how}")), sizes).eval()
        losses[how] = model.losses(batch)["contrastive"]
    whole = {**batch, "text_id": batch["label"]}
    assert torch.equal(losses["class"]["text-imu"], model.losses(whole)["contrastive"]["text-imu"])
    assert not torch.equal(losses["class"]["text-imu"], losses["positive"]["text-imu"])
    assert torch.equal(losses["class"]["pose-imu"], losses["positive"]["pose-imu"])


def test_a_head_is_fitted_to_the_end_and_kept_if_training_makes_nothing_better(run: Path) -> None:
    model, _ = load_model(run)
    train, val = make_windows(24, 1), make_windows(24, 2)
    frozen = finetune(
        train, val, load_mujo_config(settings=(*SMALL, "finetune.encoder=frozen")), model=model, only=["imu"]
    )
    assert [row["step"] for row in frozen.log] == [0.0]
    assert frozen.log[0]["loss"] < np.log(3)
    assert frozen.log[0]["val f1"] > 0.9
    wild = load_mujo_config(settings=(*SMALL, "finetune.learning_rate=10.0", "finetune.steps=20"))
    kept = finetune(train, val, wild, model=model, only=["imu"])
    assert np.array_equal(kept.predict(val, ["imu"]), frozen.predict(val, ["imu"]))
    # Who has no label of a class never guesses it.
    lacking = train.take(train.label != 1)
    assert 1 not in finetune(
        lacking, None, load_mujo_config(settings=(*SMALL, "finetune.encoder=frozen")), model=model, only=["imu"]
    ).predict(val, ["imu"])


@pytest.mark.parametrize("lacking", ["video", "text", "pose", "imu", "labels", "gyro"])
def test_training_does_without_any_modality(
    windows: WindowSet, small: MujoConfig, tmp_path: Path, lacking: str
) -> None:
    if lacking == "imu":
        windows = replace(windows, imu_there=np.zeros_like(windows.imu_there))
    elif lacking == "labels":
        windows = replace(windows, label=np.full(len(windows), -1))
    elif lacking == "gyro":
        windows = replace(windows, imu_there=windows.imu_there & np.array([True, False]))
    else:
        windows = replace(windows, **{lacking: None, f"{lacking}_there": None})
    pretrain(windows, tmp_path, small)
    vectors, there = embed(load_model(tmp_path)[0], windows)
    assert set(vectors) == {"video", "text", "pose", "imu"} - ({lacking} - {"imu"})
    assert all(np.isfinite(each).all() for each in vectors.values())
    if lacking == "imu":
        assert not there["imu"].any()
        assert not vectors["imu"].any()


def test_one_sensor_of_several_and_places_that_are_not_known(windows: WindowSet, small: MujoConfig) -> None:
    model = Mujo(small, Sizes(0, 0, 0, (), 2.0)).eval()
    batch = tensors(windows, np.arange(6))
    alone = {**batch, "imu_there": batch["imu_there"].clone()}
    alone["imu_there"][:, 1:] = False
    first = {name: batch[name][:, :1] for name in ("imu", "imu_there", "place")}
    torch.testing.assert_close(model.fused(alone), model.fused(first))
    # Which order sensors come in does not matter.
    turned = {name: batch[name].flip(1) for name in ("imu", "imu_there", "place")}
    torch.testing.assert_close(model.fused(batch), model.fused(turned), atol=1e-5, rtol=1e-5)
    nowhere = {**batch, "imu_there": torch.zeros_like(batch["imu_there"])}
    assert not model.fused(nowhere).any()


def test_augmentation_turns_mounts_and_never_leaves_a_window_empty(windows: WindowSet) -> None:
    batch = tensors(windows, np.arange(48))
    config = MujoConfig().augment.model_copy(
        update={"sensor": "", "time_scale": 0.0, "drop_gyro": 0.0, "keep_placements": 9, "drop_modality": 0.9}
    )
    changed = augment(dict(batch), config, 25.0, torch.Generator().manual_seed(1))
    there = torch.stack(
        [changed["imu_there"].flatten(1).any(1), *(changed[f"{name}_there"] for name in ("pose", "video", "text"))]
    )
    assert (there.sum(0) >= 2).all()
    assert there.sum() < 4 * 48 * 0.7
    keep = changed["imu_there"].any(2)
    for triad in (slice(0, 3), slice(3, 6)):
        # A mounting changes axes, not lengths.
        before, after = (each["imu"][:, :, triad].norm(dim=2)[keep] for each in (batch, changed))
        torch.testing.assert_close(before, after, atol=1e-4, rtol=1e-4)
    assert (changed["imu"] - batch["imu"])[keep].abs().max() > 5
    again = augment(dict(batch), config, 25.0, torch.Generator().manual_seed(1))
    assert all(torch.equal(changed[name], again[name]) for name in changed)
    turn = rotations(500, 30.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(3).expand(500, 3, 3), atol=1e-5, rtol=0)
    angle = torch.rad2deg(torch.arccos(((turn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1)))
    assert 25 < angle.max() <= 30.01
    few = augment(
        dict(batch),
        config.model_copy(update={"keep_placements": 2, "drop_modality": 0.0}),
        25.0,
        torch.Generator().manual_seed(2),
    )
    assert few["imu"].shape[1] == 2
    assert few["imu_there"].any(2).any(1).all()
    with pytest.raises(ConfigError, match="no part"):
        augment(batch, config.model_copy(update={"sensor": "unheard-of"}), 25.0, torch.Generator())


def test_sensor_errors_have_the_size_of_the_part(windows: WindowSet) -> None:
    from fimad.simulate import SENSORS

    config = MujoConfig().augment.model_copy(
        update={"time_scale": 0.0, "drop_gyro": 0.0, "rotation_deg": 0.0, "drop_modality": 0.0}
    )
    still = {
        "imu": torch.zeros(2000, 1, 6, 50),
        "imu_there": torch.ones(2000, 1, 2, dtype=torch.bool),
        "place": torch.zeros(2000, 1, dtype=torch.long),
    }
    read = augment(still, config, 25.0, torch.Generator().manual_seed(0))["imu"]
    part = SENSORS["bmi160"].acc
    bias, noise = read[:, 0, 0].mean(1).std(), (read[:, 0, 0] - read[:, 0, 0].mean(1, keepdim=True)).std()
    assert bias.item() == pytest.approx(np.broadcast_to(part.turn_on_bias, 3)[0], rel=0.1)
    assert noise.item() == pytest.approx(np.broadcast_to(part.noise_density, 3)[0] * np.sqrt(12.5), rel=0.1)


def test_labels_are_drawn_alike_and_of_every_class() -> None:
    label = np.array([0] * 100 + [1] * 10 + [2] + [-1] * 5)
    rows = draw_labels(label, 0.1, seed=4)
    assert np.array_equal(rows, draw_labels(label, 0.1, seed=4))
    assert np.bincount(label[rows]).tolist() == [10, 1, 1]
    assert not np.array_equal(rows, draw_labels(label, 0.1, seed=5))
    assert len(draw_labels(label, 1.0, seed=0)) == 111
    with pytest.raises(ConfigError, match="share"):
        draw_labels(label, 0.0, seed=0)


def test_scores_on_known_answers() -> None:
    truth, guess = np.array([0, 0, 1, 1, -1]), np.array([0, 0, 1, 2, 0])
    assert macro_f1(truth, guess) == pytest.approx((1 + 2 / 3) / 2)
    persons = by_person(truth, guess, np.array(["a", "a", "b", "b", "c"]))
    assert persons == {"a": 1.0, "b": pytest.approx(2 / 3)}
    spread = over_persons({"a": 0.0, "b": 1.0})
    assert spread == (0.5, 0.0, 1.0, 2)
    eye = np.eye(20)
    assert recall_at(eye, eye) == {1: 1.0, 5: 1.0, 10: 1.0}
    assert recall_at(eye, np.roll(eye, 1, axis=0))[1] == 0
    # A constant embedding finds nothing, whatever the order of the gallery.
    assert recall_at(np.ones((20, 1)), np.ones((20, 1)))[10] == 0
    assert chance_at(np.eye(20, dtype=bool))[5] == pytest.approx(0.25)
    random = np.random.default_rng(0)
    words = random.integers(0, 4, 40)
    drawn = [recall_at(*random.normal(size=(2, 40, 8)), words[:, None] == words)[5] for _ in range(50)]
    assert np.mean(drawn) == pytest.approx(chance_at(words[:, None] == words)[5], abs=0.02)


def test_damaged_and_foreign_files_are_refused(run: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    model, _ = load_model(run)
    whole = (run / "best.safetensors").read_bytes()
    save_file({"x": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    (tmp_path / "short.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04cposix\nsystem\n.")
    (tmp_path / "wide.safetensors").write_bytes(whole.replace(b'\\"width\\": 16', b'\\"width\\": 99'))
    assert (tmp_path / "wide.safetensors").read_bytes() != whole
    for name in ("foreign", "short", "pickle", "wide", "none"):
        with pytest.raises(ConfigError, match="no model that can be read"):
            load_model(tmp_path / f"{name}.safetensors")
    with pytest.raises(ConfigError, match="no classifier"):
        Classifier.load(run / "best.safetensors")
    with pytest.raises(ConfigError, match="numbers"):
        finetune(replace(make_windows(12), text=np.zeros((12, 5), np.float32)), model=model)


def test_windows_are_kept_in_a_folder(windows: WindowSet, tmp_path: Path) -> None:
    windows.save(tmp_path)
    loaded = WindowSet.load(tmp_path)
    assert isinstance(loaded.imu, np.memmap)
    assert loaded.modalities == ("video", "text", "pose", "imu")
    np.testing.assert_allclose(loaded.imu, windows.imu, atol=0.01)
    for name in ("label", "group", "imu_there", "text_there"):
        assert np.array_equal(getattr(loaded, name), getattr(windows, name))
    (tmp_path / "windows.json").write_text('{"form": "fimad-windows-1", "arrays": ["../x"]}')
    with pytest.raises(ConfigError, match="no windows"):
        WindowSet.load(tmp_path)
    with pytest.raises(ConfigError, match="does not fit"):
        replace(windows, group=windows.group[:3])


def test_options_go_to_toml_and_back(tmp_path: Path) -> None:
    config = load_mujo_config(
        settings=("train.epochs=7", "augment.sensor=", "loss.weighting=uncertainty", 'windows.placements=["chest"]')
    )
    (tmp_path / "mujo.toml").write_text(mujo_config_toml(config))
    assert load_mujo_config(tmp_path / "mujo.toml") == config
    for wrong in ("train.epochs=0", "train.epoch=3", "trian.epochs=3", "epochs"):
        with pytest.raises(ConfigError):
            load_mujo_config(settings=(wrong,))
