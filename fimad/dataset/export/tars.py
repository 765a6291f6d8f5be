"""WebDataset export: plain tar files that stream, without pickles."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from fimad.dataset.folding import Clip
from fimad.dataset.reader import open_dataset


def to_webdataset(path: str, target: Path, clips_per_shard: int = 500) -> list[Path]:
    """One ``{clip_id}.json`` (scalars and text) and one ``{clip_id}.npz`` (arrays) per clip, in tar files by split.

    The key of a sample is its clip's id with ``.`` as ``%2E`` and ``%`` as ``%25``; the JSON has the id as it is.
    """
    dataset = open_dataset(path)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for split, info in dataset.manifest["splits"].items():
        if not info["clips"]:
            continue
        tar: tarfile.TarFile | None = None
        for number, clip in enumerate(dataset.select(split=split).clips()):
            if number % clips_per_shard == 0:
                if tar is not None:
                    tar.close()
                written.append(target / f"{split}-{number // clips_per_shard:06d}.tar")
                tar = tarfile.open(written[-1], "w")  # noqa: SIM115  (closed when the next one begins)
            if tar is not None:
                _add(tar, clip)
        if tar is not None:
            tar.close()
    return written


def _add(tar: tarfile.TarFile, clip: Clip) -> None:
    arrays = {name: value for name, value in clip.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in clip.items() if name not in arrays}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    # The library takes what follows the first dot for the kind of file.
    key = clip["clip_id"].replace("%", "%25").replace(".", "%2E")
    _file(tar, f"{key}.json", json.dumps(rest, sort_keys=True, default=_plain).encode())
    _file(tar, f"{key}.npz", buffer.getvalue())


def _file(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _plain(value: Any) -> Any:
    return float(value)
