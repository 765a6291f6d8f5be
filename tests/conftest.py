"""Pretrained weights for all tests, fetched once into the user's cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fimad import models

# Native thread pools of many test processes would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="session")
def weights() -> Callable[[str], Path]:
    """`weights("pose/full")`: where a known model is, fetched and checked if need be; skips if it can't be had."""
    found: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in found:
            try:
                found[name] = models.fetch(name)
            except models.ModelUnavailableError as error:
                pytest.skip(f"no weights: {error.what}")
        return found[name]

    return get
