"""How a workspace tells the states of videos: codes, hashes of ids, and the record of why a video is not done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

State = Literal["pending", "done", "failed", "filtered"]
PENDING, DONE, FAILED, FILTERED = range(4)
STATES: tuple[State, ...] = ("pending", "done", "failed", "filtered")
SUFFIXES = ((".parquet", DONE), (".failed.json", FAILED), (".filtered.json", FILTERED))
Hashes = NDArray[np.uint64]


def id_digest(video_id: str) -> bytes:
    """SHA-256 of the id: its first byte is the folder, its first eight stand for the video in memory."""
    return hashlib.sha256(video_id.encode()).digest()


def id_hashes(video_ids: Iterable[str]) -> Hashes:
    """Eight bytes a video, so that a driver can know the state of ten million videos in 80 MB a stage.

    Two of ten million ids share a hash with a probability of 3e-6.
    """
    digests = [hashlib.sha256(each.encode()).digest()[:8] for each in video_ids]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


@dataclass(frozen=True)
class Record:
    """Why a video is not done in a stage.

    Parameters
    ----------
    state : ``failed`` or ``filtered``.
    reason : short word to group by.
    what, why, fix : the three parts of the message.
    transient : whether another run tries again by itself.
    attempts : tries in the run that gave up.
    signal : number of the signal that ended the process, 0 if none did.
    peak_bytes : largest resident memory of the process.
    seconds : how long the last attempt took.
    log : the last lines that the stage logged.
    failed_on : UTC time, ISO 8601.
    limit : the limit that it was left out for, as it was then (`Stage.limits`).
    not_before : when trying again first makes sense (a premiere, a limit of a day), the same way; empty means at once.
    source_fingerprint : that of the video when it was tried.
    """

    state: Literal["failed", "filtered"]
    stage: str
    video_id: str
    reason: str
    what: str
    why: str = ""
    fix: str = ""
    transient: bool = False
    attempts: int = 1
    signal: int = 0
    peak_bytes: int = 0
    seconds: float = 0.0
    log: tuple[str, ...] = ()
    failed_on: str = ""
    not_before: str = ""
    limit: float | None = None
    source_fingerprint: str = ""


# How a record's fields come out of JSON; those that are not here are texts.
_TYPES: dict[Any, Any] = {"bool": bool, "int": int, "float": (int, float), "float | None": (int, float, type(None))}
_KINDS = {each.name: _TYPES.get(each.type, str) for each in fields(Record) if each.name != "log"}


def record_from(data: Any, stage: str, video_id: str) -> Record:
    """A record as it was stored. One that can't be read counts as failed; what a newer version says besides is left out."""
    known = {name: data[name] for name in _KINDS if name in data} if isinstance(data, dict) else {}
    told = {"reason", "what"} <= known.keys() and known.get("state") in STATES[FAILED:]
    if told and all(isinstance(value, _KINDS[name]) for name, value in known.items()):
        log = data.get("log")
        lines = tuple(str(line) for line in log) if isinstance(log, list) else ()
        return Record(**{**known, "stage": stage, "video_id": video_id, "log": lines})
    return Record(
        "failed",
        stage,
        video_id,
        "damaged_record",
        "The failure record can't be read.",
        "Another version of fimad wrote it, or something other than fimad cut it.",
        "`fimad retry --reason damaged_record` tries the video again.",
    )


@dataclass
class StageIndex:
    """Which videos a stage is done with, as sorted hashes, from one listing."""

    done: Hashes
    failed: Hashes
    filtered: Hashes

    def states(self, hashes: Hashes) -> NDArray[np.uint8]:
        """The state of each video; an artifact wins over a record, and `filtered` over `failed`."""
        result = np.zeros(len(hashes), dtype=np.uint8)
        for code, known in ((FAILED, self.failed), (FILTERED, self.filtered), (DONE, self.done)):
            result[member(hashes, known)] = code
        return result


def member(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    at = np.searchsorted(known, hashes)
    at[at == len(known)] = 0
    return np.asarray(known[at] == hashes)
