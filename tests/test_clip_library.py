"""open_clip without PyTorch's compiler: the compiler is spared, and is there for whoever wants it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("open_clip")


def said(code: str) -> str:
    """What a fresh interpreter prints: modules that other tests imported don't count."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[-2]


def test_the_compiler_is_not_imported_and_can_be_afterwards() -> None:
    code = """
import sys
from fimad import clip_library
library = clip_library.open_clip()
spared = "torch._dynamo" not in sys.modules
import torch, torchvision
twice = torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(2)).tolist()
pooled = torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), torch.tensor([[0.0, 0, 0, 4, 4]]), 2).sum().item()
print(spared, "torch._dynamo" in sys.modules, twice, pooled, library is clip_library.open_clip() is sys.modules["open_clip"])
"""
    assert said(code) == "True True [2.0, 2.0] 4.0 True"


def test_who_asks_the_compiler_meanwhile_gets_the_real_one() -> None:
    code = """
import sys, torch
from fimad import clip_library
with clip_library._without_compiler():
    from torch._dynamo.utils import is_compile_supported, same
    import torch._dynamo
print(is_compile_supported("cpu"), same(torch.ones(1), torch.ones(1)), callable(torch._dynamo.optimize))
"""
    assert said(code) == "False True True"


def test_where_it_was_imported_already_nothing_is_hidden() -> None:
    code = """
import sys, torch._dynamo
from fimad import clip_library
compiler = sys.modules["torch._dynamo"]
clip_library.open_clip()
print(sys.modules["torch._dynamo"] is compiler)
"""
    assert said(code) == "True"


def test_a_library_that_fails_leaves_no_placeholder() -> None:
    code = """
import sys
from fimad import clip_library
sys.modules["timm"] = None
sys.modules["open_clip.factory"] = None
try:
    clip_library.open_clip()
except ImportError as error:
    print("torch._dynamo" in sys.modules, error.name)
"""
    assert said(code) == "False open_clip.factory"
