"""Keys name what is stored in workspaces: only a change of what a stage does may change them."""

from __future__ import annotations

import pytest

from fimad.config import Config
from fimad.errors import FimadError
from fimad.pipeline.contract import stage_key
from fimad.pipeline.stages.registry import STAGES, load_stage, plan_stages

#: The key of each stage under the default configuration, as if it read nothing. Where one differs, every workspace of its
#: users is done again: raise the stage's `version` if that is meant, and write the new key here. CLIP's weights have no hash
#: of their own, so `embed` is not among them.
KEYS = {
    "download": "01b2210a41bd7125",
    "captions": "e1107e66d63448a0",
    "segment": "79ad4dcd93bdc7a1",
    "transcribe": "5680cbc4ef780eb0",
    "pose": "aadfbd689443a53d",
    "camera": "8dd135da5bbe844c",
    "flow": "2f4568292fc03ed6",
    "simulate": "791619c7dc380f70",
    "label": "704148c03d690465",
}


def test_keys_change_only_where_that_is_meant() -> None:
    keys = {}
    for path in STAGES:
        stage = load_stage(path, Config())
        try:
            keys[stage.name] = stage_key(stage, {})
        except FimadError:
            assert stage.name == "embed"
    keys.pop("embed", None)
    assert keys == KEYS


def test_a_key_holds_the_keys_of_what_is_upstream() -> None:
    segment = load_stage(STAGES[2], Config())
    assert len({stage_key(segment, upstream) for upstream in ({}, {"download": "a"}, {"download": "b"})}) == 3
    # What a stage does not read is not in its key.
    assert stage_key(segment, {"pose": "a"}) == stage_key(segment, {})


@pytest.mark.parametrize("section", [{"rate_hz": 25.0}, {"placements": ["pelvis"]}])
def test_an_option_makes_what_lies_downstream_stale_and_nothing_else(section: dict[str, object]) -> None:
    before = plan_stages(Config()).keys
    after = plan_stages(Config.model_validate({"simulate": section})).keys
    assert {name for name in before if before[name] != after[name]} == {"simulate"} & before.keys()
