"""How far an expansion of sources has come: a list of a thousand channels that breaks off does not ask for them all again.

    listings/<16 hex of the sources>/<16 hex of a listing's address>.json    the addresses that a listing gave to its end

They are used by the next expansion of the same sources, for a day, and deleted as soon as one comes to its end: a channel that is named
again later is asked again, as it may have more videos by then.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence

from fimad.pipeline.state.workspace import Workspace

_FOLDER = "listings"
_MOST_AGE_S = 86_400.0


class StoredListings:
    """The listings of an expansion that may have been broken off before.

    Parameters
    ----------
    sources : what is expanded.
    """

    def __init__(self, workspace: Workspace, sources: Sequence[str]) -> None:
        self._workspace = workspace
        self._folder = f"{_FOLDER}/{_digest(json.dumps(list(sources)))}"
        # One request tells that there is none, which is how it is nearly always.
        self._names = set(workspace.store.files(self._folder))

    def read(self, url: str) -> list[str] | None:
        """The addresses of a listing's videos, if it was read to its end lately."""
        name = f"{_digest(url)}.json"
        if name not in self._names:
            return None
        try:
            data = json.loads(self._workspace.store.read(f"{self._folder}/{name}"))
            age_s, found = time.time() - float(data["read_at"]), [str(each) for each in data["videos"]]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        # A clock that was set back makes it older than it can be, too.
        return [self._workspace.secrets.whole(each) for each in found] if 0 <= age_s < _MOST_AGE_S else None

    def write(self, url: str, videos: Sequence[str]) -> None:
        """Keep a listing that was read to its end."""
        data = {"read_at": time.time(), "videos": [self._workspace.secrets.public(each) for each in videos]}
        self._workspace.secrets.save()
        name = f"{_digest(url)}.json"
        self._workspace.store.write(f"{self._folder}/{name}", json.dumps(data, ensure_ascii=False).encode())
        self._names.add(name)

    def clear(self) -> None:
        """The expansion came to its end."""
        if self._names:
            self._workspace.store.delete_folder(self._folder)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
