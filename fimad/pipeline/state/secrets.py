"""What lets a driver in somewhere, kept out of the workspace: addresses with passwords, tokens or signatures.

The workspace, its logs and the dataset hold addresses without them (`addresses.without_secrets`). The whole ones lie in a file
of the user who named them, on the driver's machine, that nobody else may read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path

import platformdirs

from fimad.pipeline.acquire.addresses import without_secrets

_LOG = logging.getLogger(__name__)


class Secrets:
    """The whole addresses of a workspace's videos, by the addresses that the workspace holds.

    Parameters
    ----------
    workspace_url : address of the workspace, absolute if it is local.
    folder : where the file lies; by default the user's folder for the state of programs.
    """

    def __init__(self, workspace_url: str, folder: Path | None = None) -> None:
        folder = folder or platformdirs.user_state_path("fimad") / "private"
        self.path = folder / f"{hashlib.sha256(workspace_url.encode()).hexdigest()[:16]}.json"
        self._whole: dict[str, str] | None = None
        self._changed = False

    def public(self, url: str) -> str:
        """The address as it may be stored; the whole one is remembered (`save`)."""
        shared = without_secrets(url)
        if shared != url and self._read().get(shared) != url:
            self._read()[shared] = url
            self._changed = True
        return shared

    def whole(self, url: str) -> str:
        """The address to download from."""
        return self._read().get(url, url)

    def save(self) -> None:
        """Write what is new: whole or not at all, readable for this user alone."""
        if not self._changed:
            return
        try:
            self._save()
        except OSError as error:
            _LOG.warning("%s can't be written (%s): other runs must name the videos' addresses again", self.path, error)

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A temporary file is made with mode 0600.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.stem}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self._read(), file, ensure_ascii=False)
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise
        self._changed = False

    def _read(self) -> dict[str, str]:
        if self._whole is None:
            try:
                data = json.loads(self.path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                data = {}
            self._whole = {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}
        return self._whole
