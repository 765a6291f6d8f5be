"""The videos of a run: an expansion of sources, or all that the workspace knows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from fimad.config import Config
from fimad.errors import ConfigError
from fimad.pipeline.contract import Video
from fimad.pipeline.state.listings import StoredListings
from fimad.pipeline.state.workspace import Workspace
from fimad.storage.store import Store, open_store

# Between two words about a long expansion.
_SAY_S = 10.0


@dataclass(frozen=True)
class SourceProblem:
    """Something in a source that is no video: a damaged line of a list, a playlist that can't be read."""

    source: str
    reason: str
    what: str
    why: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Corpus:
    """The videos of a run.

    Parameters
    ----------
    videos : to be read as often as needed.
    batches : names of the expansions in the workspace that they come from; empty for all that it knows.
    problems : what in the sources is no video.
    """

    videos: Callable[[], Iterable[Video]]
    batches: tuple[str, ...] = ()
    problems: tuple[SourceProblem, ...] = ()


def corpus(
    workspace: Workspace,
    config: Config,
    sources: Sequence[str],
    batches: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Corpus:
    """The videos of a run: those of `sources`, of the configuration, of `batches`, or all that the workspace knows.

    A new expansion of sources is stored in the workspace, so that later commands find the videos by listing. One that was broken off
    goes on after the last listing that it read to its end.

    Parameters
    ----------
    say : is told now and then how far a long expansion is.
    """
    wanted = tuple(sources) or config.sources
    if not wanted:
        known = known_videos(workspace)
        chosen = tuple(workspace.current(batch) for batch in batches)
        if chosen and set(chosen) <= set(workspace.batches()):
            return Corpus(up_to_date(lambda: workspace.videos(chosen)), chosen)
        return Corpus(up_to_date(known))
    problems: list[SourceProblem] = []
    listings = StoredListings(workspace, wanted)
    videos = _counted(expand_sources(wanted, config, problems, listings), say)
    name, count = workspace.add_batch(videos)
    listings.clear()
    workspace.write_problems(name, [asdict(problem) for problem in problems])
    if not count:
        raise _no_videos(problems)
    return Corpus(lambda: workspace.videos([name]), (name,), tuple(problems))


def packed_name(store: Store) -> str:
    """Name of the note of what a dataset was last built and packed from."""
    return "packed-" + hashlib.sha256(store.url.encode()).hexdigest()[:12]


def begun_with(workspace: Workspace, config: Config) -> list[str]:
    """The expansions of sources that the dataset was last built from, whether it came to be packed or not; empty for all that
    the workspace knows.

    Raises `ConfigError` where that can't be told: videos of other datasets must not get into this one.
    """
    store = open_store(config.dataset)
    note = workspace.read_state(packed_name(store))
    if "batches" not in note and not config.sources and len(workspace.batches()) > 1:
        raise ConfigError(
            f"{store.url} was never built from {workspace.url}.",
            "The dataset's name is misspelt, or it was built from another workspace; this one has videos of several builds.",
            "Name the dataset with `--dataset`, or what is to be in it: fimad build SOURCES",
        )
    return [str(each) for each in note.get("batches", ())]


def note_begun(workspace: Workspace, config: Config, chosen: Corpus) -> None:
    """Before the first task: what stops before it is packed is tried again with the same videos."""
    store = open_store(config.dataset)
    memory = packed_name(store)
    note = workspace.read_state(memory)
    begun = {**note, "batches": list(chosen.batches), "dataset": store.url}
    if begun != note:
        workspace.write_state(memory, begun)


def up_to_date(videos: Callable[[], Iterable[Video]]) -> Callable[[], Iterable[Video]]:
    """The same videos, local ones with the fingerprints that they have now. Each file is looked at once."""
    known: dict[str, Video] = {}

    def fresh() -> Iterator[Video]:
        from fimad.pipeline.acquire.sources import refreshed

        for video in videos():
            if video.kind == "url":
                yield video
                continue
            if video.video_id not in known:
                known[video.video_id] = refreshed(video)
            yield known[video.video_id]

    return fresh


def _counted(videos: Iterator[Video], say: Callable[[str], None]) -> Iterator[Video]:
    said = time.monotonic()
    for count, video in enumerate(videos, 1):
        if time.monotonic() - said > _SAY_S:
            said = time.monotonic()
            say(f"{count} videos found so far")
        yield video


def expand_sources(
    sources: Sequence[str], config: Config, problems: list[SourceProblem], listings: StoredListings | None = None
) -> Iterator[Video]:
    """The videos that sources name; what is none goes to `problems`."""
    from fimad.pipeline.acquire.addresses import redacted
    from fimad.pipeline.acquire.sources import SourceFailure, expand

    try:
        for item in expand(sources, config, listings):
            if isinstance(item, SourceFailure):
                error = item.error
                what, why, fix = redacted(error.what), redacted(error.why), redacted(error.fix)
                problems.append(SourceProblem(redacted(item.source), error.reason, what, why, fix))
            else:
                yield item
    except OSError as error:
        # A share that went away, say: what is wrong with a source is not the workspace's fault.
        what = f"The sources could not be read to their end: {error}."
        fix = "Mend it and repeat the command."
        problems.append(SourceProblem(", ".join(sources), "unreadable", what, "A disk or a share is gone.", fix))


def find_videos(workspace: Workspace, config: Config, sources: Sequence[str]) -> Callable[[], Iterable[Video]]:
    """The videos of a run, without storing anything."""
    wanted = tuple(sources) or config.sources
    if not wanted:
        return up_to_date(known_videos(workspace))
    problems: list[SourceProblem] = []
    found = list(expand_sources(wanted, config, problems))
    if not found:
        raise _no_videos(problems)
    return lambda: found


def known_videos(workspace: Workspace) -> Callable[[], Iterable[Video]]:
    """All videos that the workspace knows; raises `ConfigError` if there are none."""
    if not workspace.batches():
        raise ConfigError(
            f"The workspace {workspace.url!r} knows no videos yet.",
            "Nothing was named on the command line, and `sources` in the configuration is empty.",
            "Name a video, a folder, a list or a URL: fimad build VIDEO",
        )
    return lambda: workspace.videos()


def _no_videos(problems: Sequence[SourceProblem]) -> ConfigError:
    first = problems[0]
    more = f" ({len(problems) - 1} more like this)" if len(problems) > 1 else ""
    return ConfigError(f"{first.what}{more}", first.why, first.fix, reason=first.reason)
