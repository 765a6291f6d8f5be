"""What a build hangs onto its runner: the removal of used media, and signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fimad.config import Config
from fimad.errors import DamagedArtifactError
from fimad.pipeline.run.runner import Runner
from fimad.pipeline.stages.registry import StagePlan
from fimad.pipeline.state.records import DONE
from fimad.pipeline.state.survey import Survey, VideoWork
from fimad.pipeline.state.workspace import Workspace
from fimad.pipeline.task import StageResult


class MediaRemover:
    """With `http.keep_media = false`: deletes a video's downloaded media once every stage that needs it is done."""

    def __init__(self, workspace: Workspace, config: Config, plan: StagePlan, survey: Survey) -> None:
        self._workspace = workspace
        self._plan = plan
        self._survey = survey
        self._consumers = plan.media_consumers()
        self._on = not config.http.keep_media and "download" in plan.keys

    def __call__(self, work: VideoWork) -> StageResult | None:
        """Delete the media of a video that is through; what is wrong if its `download` artifact is damaged."""
        if not self._on:
            return None
        names = self._survey.names
        for name in self._consumers:
            # An unavailable consumer (no weights yet) keeps the media: a later build must not download it again.
            if name not in names and not (
                name in self._plan.keys and self._workspace.exists(name, self._plan.keys[name], work.video.video_id)
            ):
                return None
            if name in names and work.states[names.index(name)] == 0:
                return None
        if "download" in names and work.states[names.index("download")] != DONE:
            return None
        key = self._plan.keys["download"]
        video_id = work.video.video_id
        try:
            media = self._workspace.read("download", key, video_id, columns=["media"]).column("media")[0].as_py()
        except DamagedArtifactError as error:
            self._workspace.discard("download", key, video_id)
            return StageResult("download", "gone", reason=error.reason, what=error.what)
        except FileNotFoundError:
            # Deleted meanwhile; the listing at the end tells.
            return None
        self._workspace.delete_media(key, video_id, media)
        return None


@contextmanager
def stopped_by_signals(runner: Runner, *, raise_at_once: bool) -> Iterator[None]:
    """SIGINT and SIGTERM end the run cleanly; a second one ends it at once.

    What is raised where nobody can catch it (a weak reference's callback, a finaliser) is not printed: the runner knows already.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            # Child processes end when their pipe to us closes.
            os._exit(130)
        asked = True
        runner.stop("interrupted")
        if raise_at_once:
            raise KeyboardInterrupt

    told = sys.unraisablehook

    def unraisable(what: sys.UnraisableHookArgs) -> None:
        if not (asked and issubclass(what.exc_type, KeyboardInterrupt)):
            told(what)

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = told
        for each, handler in before.items():
            signal.signal(each, handler)
