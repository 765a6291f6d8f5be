"""GPUs for what has networks: which one a process takes, and what is wrong where none can be had.

Whoever wants one says so (`device = "cuda"` in the stage's section, and so in its key): what a machine happens to have must not
decide what an artifact holds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fimad.errors import SetupError

# Tells a child process the how manieth lane of its machine it belongs to.
LANE_VARIABLE = "FIMAD_LANE"


def own_gpu(count: int) -> int:
    """Which of a machine's GPUs this process takes: the lanes of a build go round them."""
    return int(os.environ.get(LANE_VARIABLE, "0")) % count


def torch_device(device: str, section: str) -> Any:
    """The `torch.device` of a section's `device`; raises `SetupError` where PyTorch finds no GPU."""
    import torch

    if device == "cpu":
        return torch.device(device)
    if not torch.cuda.is_available():
        raise no_gpu(section, device, f"PyTorch {torch.__version__} finds none that it can use")
    # As on the processor: convolutions would be rounded to 10 bits while the rest is not.
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(device, own_gpu(torch.cuda.device_count()))


def faster_whisper(weights: Path, device: str, threads: int) -> Any:
    """A `faster_whisper.WhisperModel` that was seen to compute; raises `SetupError` where its GPU can't.

    CTranslate2 counts GPUs without the libraries that it needs to compute on one, and misses them with the first sound.
    """
    import ctranslate2
    import numpy as np
    from faster_whisper import WhisperModel

    if device == "cpu":
        return WhisperModel(
            str(weights), device=device, compute_type="int8", cpu_threads=threads, local_files_only=True
        )
    if not (count := ctranslate2.get_cuda_device_count()):
        raise no_gpu("transcribe", device, f"CTranslate2 {ctranslate2.__version__} finds none")
    try:
        model = WhisperModel(
            str(weights), device=device, device_index=own_gpu(count), compute_type="float16", local_files_only=True
        )
        model.encode(np.zeros((model.feature_extractor.mel_filters.shape[0], 3000), np.float32))
    except (RuntimeError, ValueError) as error:
        raise SetupError(
            f"transcribe.device = {device!r}, but CTranslate2 {ctranslate2.__version__} can't compute there: {error}.",
            "It is built for CUDA 12 and brings neither cuBLAS nor cuDNN, and PyTorch brings those of the CUDA that it was built "
            "for, which may be another one; or the GPU's memory is full.",
            "pip install nvidia-cublas-cu12 'nvidia-cudnn-cu12>=9', with their `lib` folders in LD_LIBRARY_PATH; or let the "
            "processor do it: leave out `transcribe.device`.",
            reason="no_gpu",
        ) from error
    return model


def no_gpu(section: str, device: str, what: str) -> SetupError:
    """The error where a GPU is asked for and none can be had."""
    return SetupError(
        f"{section}.device = {device!r}, but there is no such GPU: {what}.",
        "The machine has none, hides it (CUDA_VISIBLE_DEVICES), or its driver is older than the library's CUDA.",
        f"Look at `nvidia-smi`; or let the processor do it: leave out `{section}.device`.",
        reason="no_gpu",
    )
