"""Every Python example of docs/dataset.md runs as it stands, on the dataset that the demo makes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "dataset.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def folder(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the demo's dataset, under the name that the page gives it."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(demo_dataset, folder / "dataset")
    return folder


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda code: code.split("\n", 1)[0])
def test_example(example: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    exec(compile(example, str(PAGE), "exec"), {})  # noqa: S102  (our own page)


def test_the_day_and_the_biases_are_those_of_the_videos(folder: Path) -> None:
    manifest = json.loads((folder / "dataset" / "manifest.json").read_text())
    croissant = json.loads((folder / "dataset" / "croissant.json").read_text())
    assert croissant["datePublished"] == manifest["newest"] > "2025"
    card = (folder / "dataset" / "README.md").read_text()
    assert "There are 5 labels" in card
    assert "somebody is found in 100% of a clip" in card
