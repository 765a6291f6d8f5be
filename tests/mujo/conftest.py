"""What the tests of the reference model share; without the extra `mujo` there is nothing to test."""

from __future__ import annotations

import os

import pytest
from mujo_makers import SMALL, make_windows

from fimad.libraries import missing
from fimad.mujo import MujoConfig, WindowSet, load_mujo_config

# Small networks gain nothing from threads, which wait for each other on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
collect_ignore_glob = ["test_*.py"] if missing(["torch", "safetensors", "sklearn"]) else []


@pytest.fixture(scope="session")
def windows() -> WindowSet:
    return make_windows()


@pytest.fixture(scope="session")
def small() -> MujoConfig:
    return load_mujo_config(settings=SMALL)
