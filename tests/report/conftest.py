"""A packed dataset, and Debian's or the user's own Chromium, for the report's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fimad.dataset.packing.pack import pack
from fimad.storage.store import open_store
from tests.dataset.synthetic import SyntheticSource, small_config

ARTIFACTS = Path(__file__).resolve().parents[2] / "test-artifacts"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

MakeDataset = Callable[..., str]


@pytest.fixture(scope="session")
def make_dataset(tmp_path_factory: pytest.TempPathFactory) -> MakeDataset:
    """`make_dataset(videos, **options)`: the folder of a packed synthetic dataset."""

    def make(videos: int, **options: Any) -> str:
        folder = tmp_path_factory.mktemp("dataset")
        config = small_config()
        pack(SyntheticSource(videos, config, **options), config, open_store(str(folder)))
        return str(folder)

    return make


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=program, args=_FLAGS)
        yield started
        started.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A page; anything that its console or the network shows as an error fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else problems.append(request.url)
    )
    yield page
    page.close()
    assert problems == []
