"""`fimad status`, `fimad why`, `fimad plan`: look at a workspace, change nothing."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from fimad.cli.options import ConfigOption, JsonOption, SetOption, WorkspaceOption, read_config
from fimad.cli.output import out, print_json, printable, size_text
from fimad.flags import FLAGS

if TYPE_CHECKING:
    from fimad.config import Config
    from fimad.pipeline.inspect.status import Status
    from fimad.pipeline.inspect.videos import VideoStory

_WATCH_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("status", epilog="Examples: `fimad status`, `fimad status --watch`, `fimad status --json`")(status)
    app.command("why", epilog="Example: `fimad why dQw4w9WgXcQ`")(why)
    app.command("plan", epilog="Example: `fimad plan list.txt --set pose.model=heavy`")(plan)


def status(
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    settings: SetOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every five seconds, until Ctrl-C.")] = False,
    videos: Annotated[
        bool, typer.Option("--videos", help="List the videos with their clips, and why others are not done.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how many videos are done, failed, filtered, pending and stale in each stage."""
    from fimad.pipeline.inspect.status import status as read_status
    from fimad.pipeline.inspect.videos import stories
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.workspace import Workspace

    chosen = read_config(config, workspace, settings=settings)
    place = Workspace(chosen.workspace)
    stages = plan_stages(chosen)
    while True:
        now = read_status(place, chosen, stages)
        if as_json:
            listed = [asdict(each) for each in stories(place, stages, place.videos)] if videos else []
            print_json({**now.to_json(), "bad": _bad_videos(place, now) if videos else [], "listed": listed})
        else:
            if watch:
                out.clear()
            _print_status(now, chosen)
            for each in stories(place, stages, place.videos) if videos else ():
                _print_video(each)
            for record in _bad_videos(place, now) if videos else ():
                out.print(
                    f"{record['state']:<9}{escape(record['video_id'])}  {record['stage']}  "
                    f"{escape(record['reason'])}: {escape(printable(record['what']))}"
                )
        if not watch:
            return
        try:
            time.sleep(_WATCH_S)
        except KeyboardInterrupt:
            return


def _print_video(story: VideoStory) -> None:
    """A video with its source and what is not done of it, and a line for each clip: times, label, quality, flags."""
    left = ", ".join(f"{stage} {state}" for stage, state in story.states.items() if state != "done")
    title = f"  {escape(printable(story.title))}" if story.title else ""
    out.print(f"[bold]{escape(story.video_id)}[/]{title}  {escape(printable(story.source))}  {left or 'done'}")
    if story.note:
        out.print(f"  published times: {escape(printable(story.note))}")
    if story.sound_note:
        out.print(f"  no transcript: {escape(printable(story.sound_note))}")
    for clip in story.clips:
        name = escape(printable(clip.label or clip.title or ""))
        told = [f"left out: {clip.filtered}"] if clip.filtered else []
        told += [f"pose {clip.pose_share:.0%}"] if clip.pose_share is not None else []
        told += [f"quality {clip.quality:.2f}"] if clip.quality is not None else []
        told += [", ".join(clip.flags)] if clip.flags else []
        span = f"{clip.start_s:8.1f} to {clip.end_s:.1f} s"
        out.print(f"  {escape(clip.clip_id)}  {span}  {name}  {escape('; '.join(told))}".rstrip())
        if clip.no_pose is not None:
            what, fix = (escape(printable(each)) for each in clip.no_pose)
            out.print(f"    no pose: {what}\n    Next: {fix}")
    for flag in sorted({flag for clip in story.clips for flag in clip.flags} & FLAGS.keys()):
        out.print(f"  [dim]{flag}: {escape(FLAGS[flag].about)} {escape(FLAGS[flag].effect)}[/]")


def _bad_videos(place: Any, now: Status) -> list[dict[str, Any]]:
    from fimad.pipeline.inspect.status import records

    return [asdict(record) for stage in now.stages if stage.key for record in records(place, stage.stage, stage.key)]


def _print_status(now: Status, config: Config) -> None:
    from fimad.pipeline.inspect.progress import duration
    from fimad.pipeline.inspect.status import COLUMNS

    table = Table(box=None, pad_edge=False)
    table.add_column("stage")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("reasons")
    for stage in now.stages:
        reasons = ", ".join(f"{name} {count}" for name, count in stage.reasons.items())
        table.add_row(
            stage.stage,
            *(str(stage.counts[name]) if stage.counts[name] else "·" for name in COLUMNS),
            escape(reasons) if not stage.unavailable else "unavailable",
        )
    out.print(f"{escape(now.workspace)}: {now.videos} video{'' if now.videos == 1 else 's'}\n")
    out.print(table)
    for stage in now.stages:
        if stage.unavailable:
            out.print(f"\n{stage.stage} can't run here: {escape(stage.unavailable)}\n  Next: {escape(stage.fix)}")
    for problem in now.problems[:10]:
        source, what = escape(printable(problem["source"])), escape(printable(problem["what"]))
        out.print(f"\n[red]no video[/] {source} ({escape(problem['reason'])}): {what}")
    if len(now.problems) > 10:
        out.print(f"... and {len(now.problems) - 10} more: fimad status --json")
    if now.paused:
        out.print(f"\n{escape(now.paused)}")
    if now.budget_s:
        rate = config.http.videos_per_hour
        out.print(f"\nDownloads need at least {duration(now.budget_s)} more at {rate:g} videos an hour.")
    if any(stage.counts["failed"] for stage in now.stages):
        out.print("\nNext: fimad why VIDEO, fimad status --videos, fimad retry --reason REASON")
    elif any(stage.counts["pending"] + stage.counts["stale"] for stage in now.stages if not stage.unavailable):
        out.print("\nNext: fimad build")


def why(
    video: Annotated[
        str,
        typer.Argument(help="A video's id as `fimad status --videos` shows it, a clip's id, an address, or a file."),
    ],
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything about one video: each stage's state, tries, reason, timings and the end of its log."""
    from fimad.pipeline.inspect import status as module
    from fimad.pipeline.inspect.videos import find_video
    from fimad.pipeline.inspect.videos import story as describe
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.workspace import Workspace

    chosen = read_config(config, workspace, settings=settings)
    place, stages = Workspace(chosen.workspace), plan_stages(chosen)
    stories = module.why(place, stages, video)
    if as_json:
        print_json([asdict(story) for story in stories])
        return
    states = {each.stage: each.state for each in stories}
    _print_video(describe(place, stages, find_video(place, stages, video), states))
    for story in stories:
        out.print(f"[bold]{story.stage}[/]: {story.state}")
        for entry in story.tries:
            when = datetime.fromtimestamp(float(entry["at"])).astimezone().isoformat(" ", "seconds")
            peak = f", peak {size_text(entry['peak_bytes'])}" if entry.get("peak_bytes") else ""
            reason = f" ({entry['reason']})" if entry.get("reason") else ""
            out.print(f"  {when}  {entry['end']}{escape(str(reason))} in {entry['seconds']:.2f} s{peak}")
        record = story.record
        if record is not None:
            out.print(f"  {escape(printable(record.what))}")
            if record.why:
                out.print(f"  Why:  {escape(printable(record.why))}")
            if record.fix:
                out.print(f"  Next: {escape(printable(record.fix))}")
            tries = f"{record.attempts} {'try' if record.attempts == 1 else 'tries'}"
            extra = f", signal {record.signal}" if record.signal else ""
            extra += f", peak memory {size_text(record.peak_bytes)}" if record.peak_bytes else ""
            out.print(f"  {tries}, the last on {record.failed_on}{extra}")
            for line in record.log:
                out.print(f"    | {escape(printable(line))}")


def plan(
    sources: Annotated[list[str] | None, typer.Argument(help="Videos, as for `fimad build`.")] = None,
    config: ConfigOption = None,
    workspace: WorkspaceOption = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes to reckon with.")] = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a build would do, and what it would cost in hours and GB, without doing it."""
    from fimad.cli.options import with_run
    from fimad.pipeline.inspect.estimate import estimate
    from fimad.pipeline.inspect.progress import duration
    from fimad.pipeline.inspect.videos import stories
    from fimad.pipeline.stages.registry import plan_stages
    from fimad.pipeline.state.changed import find_changed
    from fimad.pipeline.state.corpus import find_videos
    from fimad.pipeline.state.workspace import Workspace

    chosen = with_run(read_config(config, workspace, settings=settings), workers=workers)
    place = Workspace(chosen.workspace)
    stages = plan_stages(chosen)
    videos = find_videos(place, chosen, tuple(sources or ()))
    result = estimate(place, chosen, stages, videos)
    if as_json:
        listed = [asdict(each) for each in stories(place, stages, videos)]
        print_json({**result.to_json(), "changed": find_changed(place, stages, videos), "listed": listed})
        return
    table = Table(box=None, pad_edge=False)
    for name in ("stage", "videos", "core time", "writes", "rates"):
        table.add_column(name, justify="left" if name in ("stage", "rates") else "right")
    for cost in result.stages:
        table.add_row(
            cost.stage,
            str(cost.videos),
            duration(cost.core_s),
            size_text(cost.bytes),
            "measured" if cost.measured else "assumed",
        )
    out.print(
        f"{result.videos} videos of {duration(result.length_s)} "
        f"({'measured' if result.length_measured else 'assumed'}), {result.workers} workers\n"
    )
    out.print(table)
    out.print(f"\nAbout {duration(result.hours * 3600)} and {size_text(result.bytes)}.")
    if result.rate_limit_hours:
        limit = duration(result.rate_limit_hours * 3600)
        out.print(f"The rate limit alone ({chosen.http.videos_per_hour:g} videos an hour) takes {limit}.")


def print_profile(config: Config) -> None:
    """Where the time of the last run went; the whole of it goes to files beside the run's diary."""
    from fimad.pipeline.inspect import estimate
    from fimad.pipeline.state.workspace import Workspace

    workspace = Workspace(config.workspace)
    result = estimate.profile(workspace)
    table = Table(box=None, pad_edge=False, title="Where the time went", title_justify="left")
    for name in ("stage", "videos", "seconds", "video-s per s"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for name, each in result["stages"].items():
        speed = each["video_s"] / each["seconds"] if each["seconds"] else 0.0
        table.add_row(name, f"{each['videos']:.0f}", f"{each['seconds']:.1f}", f"{speed:.1f}" if speed else "")
    out.print(table)
    for video_id, seconds in list(result["videos"].items())[:10]:
        out.print(f"  {seconds:8.1f} s  {escape(video_id)}")
    written = ", ".join(estimate.write_profile(workspace))
    out.print(f"Each stage of each video: {escape(written)} in {escape(config.workspace)}")
