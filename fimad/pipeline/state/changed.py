"""Videos whose source changed since they were built: an info.json was edited, captions were added, a list has other labels.

Keys depend on the configuration alone, so that one listing says what is done. What a source says of a video is in its
`fingerprint`, which its `download` artifact and its records repeat; where they differ from the source's, what was made of the
video is removed, under every key, and the run makes it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fimad.errors import PermanentError
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.batches import chunks
from fimad.pipeline.state.records import DONE, FAILED, FILTERED, Hashes, StageIndex, id_hashes, member
from fimad.pipeline.state.workspace import Workspace

_COLUMN = "source_fingerprint"


def find_changed(workspace: Workspace, plan: StagePlan, videos: Callable[[], Iterable[Video]]) -> list[str]:
    """Ids of the videos that were built from another state of their source. Only those of which something is or was said are
    looked at.
    """
    key = plan.keys.get("download")
    if key is None:
        return []
    index = workspace.index("download", key)
    told = workspace.told()
    return [video_id for chunk in chunks(videos(), 4096) for video_id in changed_of(workspace, key, index, told, chunk)]


def changed_of(workspace: Workspace, key: str, index: StageIndex, told: Hashes, videos: Sequence[Video]) -> list[str]:
    """Those of some videos that were built from another state of their source.

    Parameters
    ----------
    key, index : of `download`.
    told : sorted hashes of the ids of which something was said before (`Workspace.told`); there may be nothing any more.
    """
    earlier = member(id_hashes(video.video_id for video in videos), told).tolist()
    videos = [video for video, before in zip(videos, earlier, strict=True) if video.fingerprint or before]
    states = index.states(id_hashes(video.video_id for video in videos)).tolist()
    known = [video for video, state in zip(videos, states, strict=True) if state in (DONE, FAILED, FILTERED)]
    if not known:
        return []

    def differs(video: Video) -> bool:
        return _built_from(workspace, key, video.video_id) not in (None, video.fingerprint)

    with ThreadPoolExecutor(16) as pool:
        return [video.video_id for video, flag in zip(known, pool.map(differs, known), strict=True) if flag]


def _built_from(workspace: Workspace, key: str, video_id: str) -> str | None:
    """The fingerprint that `download` saw; None if that can't be told."""
    try:
        table = workspace.read("download", key, video_id, columns=[_COLUMN])
    except FileNotFoundError:
        record = workspace.read_record("download", key, video_id)
        return record.source_fingerprint if record is not None else None
    except PermanentError:
        return None
    # A stage of somebody's own may not say.
    return (table.column(_COLUMN)[0].as_py() or "") if _COLUMN in table.column_names else None


def forget(workspace: Workspace, video_ids: Iterable[str]) -> None:
    """Remove all that was made of videos, and why it was not, under every key. Their media stay."""
    keys = [(stage, key) for stage, each in workspace.keys().items() for key in each]
    for video_id in video_ids:
        for stage, key in keys:
            # The artifact that the others rest on goes last: a killed run finds the change again.
            if stage != "download":
                _forget(workspace, stage, key, video_id)
        for stage, key in keys:
            if stage == "download":
                _forget(workspace, stage, key, video_id)


def _forget(workspace: Workspace, stage: str, key: str, video_id: str) -> None:
    workspace.discard(stage, key, video_id)
    workspace.delete_record(stage, key, video_id)
    workspace.store.delete_folder(workspace.part_folder(stage, key, video_id))
