"""Every Python example of docs/dataset.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from synthetic import SyntheticSource, small_config

from fimad.dataset.pack import pack
from fimad.pipeline.store import open_store

PAGE = Path(__file__).parents[2] / "docs" / "dataset.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    config = small_config()
    pack(SyntheticSource(8, config, embeddings=True), config, open_store(str(folder / "dataset")))
    return folder


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda code: code.split("\n", 1)[0])
def test_example(example: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    exec(compile(example, str(PAGE), "exec"), {})  # noqa: S102  (our own page)
