"""Mapping tables: every class of the published sets is an exercise of the taxonomy or NULL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fimad.errors import ConfigError
from fimad.labels import label_title, load_mapping, load_taxonomy, mapping_names
from fimad.labels.taxonomy import taxonomy_version

#: How many classes each set has, NULL included where it has one.
SIZES = {
    "mm-fit": 11, "recofit": 75, "recgym": 12, "mhealth": 13, "motionsense": 6, "utd-mhad": 27, "myogym": 31, "dsads": 19,
    "berkeley-mhad": 12, "spar": 7, "gymwatch": 10,
}  # fmt: skip


def test_the_tables_are_those_of_the_published_sets() -> None:
    assert {name: len(load_mapping(name).classes) for name in mapping_names()} == SIZES


@pytest.mark.parametrize("name", SIZES)
def test_every_class_is_an_exercise_or_null(name: str) -> None:
    table = load_mapping(name)
    _, exercises = load_taxonomy()
    assert all(meant is None or meant in exercises for meant in table.classes.values())
    assert not table.null or table.classes[table.null] is None
    for meant in {meant for meant in table.classes.values() if meant}:
        folded = table.fold(meant)
        assert folded is not None
        assert table.classes[folded] == meant
    assert all(table.classes[label] == exercise for exercise, label in table.preferred.items())


@pytest.mark.parametrize("name", ["mm-fit", "recofit", "myogym", "recgym"])
def test_titles_and_tables_agree(name: str) -> None:
    for label, meant in load_mapping(name).classes.items():
        if meant is None or label in ("Adductor",):
            continue
        told = label_title(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).replace("_", " ")).exercises
        related = {each for exercise in told for each in ancestors(exercise)} | {told[0] if told else ""}
        assert meant in related or (told and told[0] in ancestors(meant)), (label, told, meant)


def ancestors(exercise: str) -> list[str]:
    _, exercises = load_taxonomy()
    chain = []
    while exercise:
        chain.append(exercise)
        exercise = exercises[exercise].parent if exercise in exercises else ""
    return chain


def test_a_special_exercise_folds_to_what_it_is_a_kind_of() -> None:
    table = load_mapping("MM-Fit")
    assert table.fold("goblet_squat") == "squats"
    assert table.fold("plank") is None
    assert table.fold(None) is None


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('null = "rest"\n[classes]\nrest = ""\nkniebeugen = "Squats"\n', encoding="utf-8")
    assert load_mapping(str(file)).fold("jump_squat") == "kniebeugen"
    file.write_text('[classes]\nx = "no such exercise at all"\n', encoding="utf-8")
    with pytest.raises(ConfigError):
        load_mapping(str(file))
    with pytest.raises(ConfigError):
        load_mapping("no-such-set")


def test_the_taxonomy_is_whole() -> None:
    version, exercises = load_taxonomy()
    assert version == taxonomy_version() >= 1
    assert len(exercises) >= 300
    for each in exercises.values():
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", each.id)
        assert not each.parent or each.parent in exercises
        assert each.pattern
        assert each.body
        assert len(ancestors(each.id)) < 6
    for language in ("de", "es", "fr", "pt", "it"):
        assert sum(language in each.names for each in exercises.values()) >= 100, language
