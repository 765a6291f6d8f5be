"""One budget of downloads for all workers: how many an hour, how far apart per host, and when to stop asking.

It lives in the driver, which releases a download only when there is a slot; workers know nothing of it. Pure bookkeeping:
the clock is injected, nothing sleeps, and the state is plain JSON, so that a run that follows another within the hour
goes on with the same budget.
"""

from __future__ import annotations

import math
import time
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fimad.config import HttpConfig
from fimad.errors import SetupError
from fimad.pipeline.acquire.infojson import media_beside
from fimad.pipeline.acquire.network.yterrors import ENVIRONMENT
from fimad.pipeline.contract import Video
from fimad.pipeline.task import StageResult

# Reasons that open the breaker, with the first pause in s; it doubles each time, up to the limit.
_PAUSES = {"bot_wall": 900.0, "rate_limited": 60.0}
_MAX_PAUSE_S = 6 * 3600.0
# So many downloads in a row that fail for reasons that lie here and not in the videos close a host for the run. They must
# be of several videos: one may be at fault itself.
_STREAK = 5
_STREAK_VIDEOS = 3
# After a quiet time so much of an hour's budget may go at once: a short list need not wait.
_BURST_SHARE = 0.1


def host_of(video: Video) -> str:
    """The host that a download of this video would ask; empty if none, because the media file is already here."""
    if video.kind == "file":
        return ""
    if video.kind == "info":
        return "" if media_beside(Path(video.location)) is not None else "saved metadata"
    try:
        host = (urllib.parse.urlsplit(video.location).hostname or "").lower()
    except ValueError:
        host = ""
    return host.removeprefix("www.") or "unknown"


class Politeness:
    """When a download may begin. `used` says whether any did.

    Parameters
    ----------
    http : `videos_per_hour` (a token bucket that holds a tenth of an hour's budget) and `host_spacing_s`.
    clock : seconds that only increase over runs as well (`time.time`).
    state : what `state()` of an earlier run gave.
    on_pause : called when a breaker opens.
    """

    def __init__(
        self,
        http: HttpConfig,
        clock: Callable[[], float] = time.time,
        state: Mapping[str, Any] | None = None,
        on_pause: Callable[[], None] = lambda: None,
    ) -> None:
        self.used = False
        self._on_pause = on_pause
        self._per_s = http.videos_per_hour / 3600.0
        self._capacity = max(1.0, http.videos_per_hour * _BURST_SHARE)
        self._spacing_s = http.host_spacing_s
        self._clock = clock
        self._now = clock()
        self._tokens = self._capacity
        self._at = self._now
        self._requests_per_s = http.requests_per_hour / 3600.0
        self._requests_capacity = max(1.0, http.requests_per_hour * _BURST_SHARE)
        self._requests = self._requests_capacity
        self._streaks: dict[str, list[str]] = {}
        self.error: SetupError | None = None
        self._closed: set[str] = set()
        self._last: dict[str, float] = {}
        self._paused: dict[str, float] = {}
        self._strikes: dict[str, int] = {}
        self._why: dict[str, str] = {}
        if state:
            self._restore(state)

    def acquire(self, host: str) -> float:
        """Seconds until a download from `host` may begin; 0 takes the slot. An empty host needs none.

        Infinity once a host is closed for this run: see `ended`.
        """
        if not host:
            return 0.0
        if host in self._closed:
            return math.inf
        now = self._refill()
        wait_s = max(
            self._paused.get(host, 0.0) - now,
            self._last.get(host, -math.inf) + self._spacing_s - now,
            (1.0 - self._tokens) / self._per_s if self._tokens < 1.0 else 0.0,
            # What a download costs is known afterwards: it may be owed, and is waited for then.
            (1.0 - self._requests) / self._requests_per_s if self._requests < 1.0 else 0.0,
        )
        if wait_s > 1e-6:
            return wait_s
        self._tokens -= 1.0
        self._last[host] = now
        self.used = True
        return 0.0

    def report(self, host: str, reason: str, retry_after_s: float | None = None) -> None:
        """How a download from `host` ended: an empty reason for success, else the failure's.

        Bot walls and 429 open the breaker of that host: for the time the server asked for, or 15 minutes (bot wall) and 1
        minute (429), doubling with each in a row, at most 6 hours.
        """
        if not host:
            return
        first_s = _PAUSES.get(reason)
        if first_s is None:
            if not reason:
                self._strikes.pop(host, None)
            return
        now = self._refill()
        if self._paused.get(host, 0.0) > now:
            # Downloads that were on their way when the breaker opened tell nothing new.
            return
        strikes = self._strikes.get(host, 0)
        pause_s = retry_after_s if retry_after_s else first_s * 2**strikes
        self._strikes[host] = strikes + 1
        self._paused[host] = now + min(pause_s, _MAX_PAUSE_S)
        self._why[host] = reason
        self._on_pause()

    @property
    def paused_until(self) -> dict[str, float]:
        """Hosts whose breaker is open, and when it closes, on the injected clock."""
        now = self._clock()
        return {host: until for host, until in self._paused.items() if until > now}

    def explain(self) -> str:
        """What the user should know now, with what to do; empty if nothing is paused."""
        now = self._clock()
        lines = []
        for host, until in sorted(self.paused_until.items()):
            what = (
                "takes this machine for a bot" if self._why.get(host) == "bot_wall" else "asks for fewer requests (429)"
            )
            lines.append(
                f"Downloads from {host} pause for {math.ceil((until - now) / 60)} min: it {what}. Other stages go on. "
                "To get through: set `http.cookies_file` to your browser's cookies, lower `http.videos_per_hour`, or wait."
            )
        lines += [] if self.error is None else [f"{self.error.what} Other stages go on. Next: {self.error.fix}"]
        return "\n".join(lines)

    def time_for_s(self, videos: int) -> float:
        """Seconds that the budget alone needs for so many downloads."""
        self._refill()
        return max(0.0, (videos - self._tokens) / self._per_s)

    def state(self) -> dict[str, Any]:
        """What a later run needs to go on with the same budget, as plain JSON."""
        self._refill()
        return {
            "at": self._at,
            "tokens": self._tokens,
            "requests": self._requests,
            "last": dict(self._last),
            "paused": self.paused_until,
            "strikes": dict(self._strikes),
            "why": dict(self._why),
        }

    def wait_s(self, video: Video) -> float:
        """`acquire` for a video."""
        return self.acquire(host_of(video))

    def ended(self, video: Video, result: StageResult) -> None:
        """`report` for the result of a `download`; its requests count against their budget.

        Failures that lie in this machine, its address or its yt-dlp (`yterrors.ENVIRONMENT`), five in a row of at least
        three videos, close the host for this run, so that it does not go through a whole list. `error` has the remedy.
        """
        host = host_of(video)
        self._refill()
        self._requests -= result.requests
        self.report(host, "" if result.end == "done" else result.reason or result.end, result.retry_after_s)
        if result.end == "done":
            self._streaks.pop(host, None)
        elif host and result.reason in ENVIRONMENT and host not in self._closed:
            streak = self._streaks.setdefault(host, [])
            streak.append(video.video_id)
            if len(streak) >= _STREAK and len(set(streak[-_STREAK:])) >= _STREAK_VIDEOS:
                self._closed.add(host)
                self.error = self.error or SetupError(
                    f"Downloads from {host} stopped: {len(streak)} in a row ended alike. The last: {result.what}",
                    result.why,
                    f"{result.fix} Then run the same command again: no other video was marked.",
                    reason=result.reason,
                )
                self._on_pause()

    def _refill(self) -> float:
        now = self._clock()
        if now < self._now:
            # A clock that is set back must not freeze the budget: all times go with it, so that waits keep their length.
            self._shift(now - self._now)
        self._now = now
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_s)
        earned = (now - self._at) * self._requests_per_s
        self._requests = min(self._requests_capacity, self._requests + earned)
        self._at = now
        return now

    def _shift(self, by_s: float) -> None:
        self._at += by_s
        self._last = {host: each + by_s for host, each in self._last.items()}
        self._paused = {host: each + by_s for host, each in self._paused.items()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        try:
            at = float(state["at"])
            tokens = float(state["tokens"])
            requests = float(state.get("requests", self._requests))
            last = {str(host): float(value) for host, value in state["last"].items()}
            paused = {str(host): float(value) for host, value in state["paused"].items()}
            strikes = {str(host): int(value) for host, value in state["strikes"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            # A damaged state file costs a full bucket, not the run.
            return
        self._at, self._tokens = at, min(tokens, self._capacity)
        self._requests = min(requests, self._requests_capacity)
        self._last, self._paused, self._strikes = last, paused, strikes
        self._why = {str(host): str(value) for host, value in dict(state.get("why", {})).items()}
        if at > self._now:
            # The clock was set back between the runs.
            self._shift(self._now - at)
