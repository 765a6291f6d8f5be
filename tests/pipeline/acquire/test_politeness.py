"""The download budget and its breaker, on a clock of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimad.config import HttpConfig
from fimad.pipeline.acquire.network.politeness import Politeness, host_of
from fimad.pipeline.contract import Video
from fimad.pipeline.task import StageResult


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def polite(clock: Clock, state: object = None, **options: float) -> Politeness:
    return Politeness(HttpConfig(**{"host_spacing_s": 0.0, **options}), clock, state)  # type: ignore[arg-type]


def test_an_hour_holds_no_more_than_the_budget_and_its_burst() -> None:
    clock = Clock()
    budget = polite(clock, videos_per_hour=300)
    started = 0
    for _ in range(36_000):
        while budget.acquire("a.com") == 0:
            started += 1
        clock.now_s += 0.1
    assert 325 <= started <= 331


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 100)), max_size=60))
def test_waiting_as_told_is_enough_and_never_too_soon(steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    budget = polite(clock, videos_per_hour=60, host_spacing_s=2.0)
    starts: list[float] = []
    for host, pause_s in steps:
        clock.now_s += pause_s
        wait_s = budget.acquire(host)
        if wait_s:
            clock.now_s += wait_s + 1e-6
            assert budget.acquire(host) == 0
        starts.append(clock.now_s)
    for at, begin in enumerate(starts):
        within = [each for each in starts[at:] if each < begin + 3600]
        assert len(within) <= 60 + 6


def test_hosts_are_spaced_apart() -> None:
    clock = Clock()
    budget = polite(clock, videos_per_hour=36_000, host_spacing_s=5.0)
    assert budget.acquire("a.com") == 0
    assert budget.acquire("b.com") == 0
    assert budget.acquire("a.com") == pytest.approx(5.0)
    clock.now_s += 5.0
    assert budget.acquire("a.com") == 0


def test_the_breaker_opens_longer_each_time_and_closes_after_success() -> None:
    clock = Clock()
    budget = polite(clock, videos_per_hour=36_000)
    pauses = []
    for _ in range(8):
        budget.report("a.com", "bot_wall")
        budget.report("a.com", "bot_wall")  # another that was on its way
        pauses.append(budget.acquire("a.com"))
        assert budget.acquire("b.com") == 0
        assert "a.com" in budget.paused_until
        assert "cookies" in budget.explain()
        clock.now_s += pauses[-1]
    assert pauses[:3] == pytest.approx([900, 1800, 3600])
    assert pauses[-1] == pytest.approx(6 * 3600)
    assert budget.explain() == ""
    budget.report("a.com", "")
    budget.report("a.com", "rate_limited", retry_after_s=7)
    assert budget.acquire("a.com") == pytest.approx(7)
    clock.now_s += 7
    budget.report("a.com", "http_404")
    assert budget.acquire("a.com") == 0


def test_the_state_outlives_the_run() -> None:
    clock = Clock()
    budget = polite(clock, videos_per_hour=60)
    while budget.acquire("a.com") == 0:
        pass
    budget.report("b.com", "bot_wall")
    state = json.loads(json.dumps(budget.state()))
    again = polite(clock, state, videos_per_hour=60)
    assert again.acquire("a.com") == pytest.approx(budget.acquire("a.com"))
    assert again.acquire("b.com") == pytest.approx(900)
    assert again.time_for_s(10) == pytest.approx(600)
    for damaged in ({"at": "x"}, {"at": 1, "tokens": 1, "last": 5, "paused": {}, "strikes": {}}, {}):
        assert polite(clock, damaged, videos_per_hour=60).acquire("a.com") == 0


def test_a_clock_that_is_set_back_does_not_stop_downloads_for_ever() -> None:
    clock = Clock()
    budget = polite(clock, videos_per_hour=36_000)
    budget.acquire("a.com")
    clock.now_s -= 86_400
    assert budget.acquire("a.com") == 0


@pytest.mark.parametrize("between_runs", [False, True])
def test_a_clock_that_is_set_back_an_hour_costs_no_hour(between_runs: bool) -> None:
    """It once meant no download at all for that hour."""
    clock = Clock()
    budget = polite(clock, videos_per_hour=300)
    while budget.acquire("a.com") == 0:
        pass
    budget.report("walled.com", "rate_limited", 600.0)
    clock.now_s -= 3600
    if between_runs:
        budget = polite(clock, budget.state(), videos_per_hour=300)
    started = 0
    for _ in range(600):
        clock.now_s += 1
        started += budget.acquire("a.com") == 0
    assert 48 <= started <= 52
    # What was asked for is still kept to.
    clock.now_s -= 5
    assert budget.acquire("walled.com") > 0
    clock.now_s += 30
    assert budget.acquire("walled.com") == 0


def test_local_files_need_no_slot(tmp_path: Path) -> None:
    info = tmp_path / "x.info.json"
    info.write_text("{}")
    assert host_of(Video("x", "info", str(info))) == "saved metadata"
    (tmp_path / "x.mp4").write_bytes(b"x")
    assert host_of(Video("x", "info", str(info))) == ""
    assert host_of(Video("x", "file", str(tmp_path / "x.mp4"))) == ""
    assert host_of(Video("x", "url", "https://www.YouTube.com/watch?v=1")) == "youtube.com"
    assert host_of(Video("x", "url", "http://[bad")) == "unknown"
    budget = polite(Clock(), videos_per_hour=1)
    assert [budget.wait_s(Video("x", "file", "x")) for _ in range(5)] == [0.0] * 5


def failed(reason: str, requests: int = 0) -> StageResult:
    return StageResult(
        "download", "failed", reason=reason, what=f"It says {reason}.", fix="Mend it.", requests=requests
    )


def url(at: int, host: str = "a.com") -> Video:
    return Video(f"v{at}", "url", f"https://{host}/watch/{at}")


@pytest.mark.parametrize("reason", ["no_js_runtime", "http_403", "reload", "ip_blocked", "sabr_only", "token_required"])
def test_failures_alike_in_a_row_close_a_host_with_the_remedy(reason: str) -> None:
    budget = polite(Clock(), videos_per_hour=36_000)
    for at in range(5):
        assert budget.wait_s(url(at)) == 0
        assert budget.error is None
        budget.ended(url(at), failed(reason))
    assert budget.wait_s(url(9)) == float("inf")
    assert budget.wait_s(url(9, "b.com")) == 0
    assert budget.error is not None
    assert (budget.error.reason, budget.error.fix[:8]) == (reason, "Mend it.")
    assert "a.com" in budget.explain()


def test_one_stubborn_video_a_success_or_other_reasons_close_nothing() -> None:
    budget = polite(Clock(), videos_per_hour=36_000)
    for _ in range(20):
        budget.ended(url(1), failed("http_403"))
    assert budget.error is None
    budget = polite(Clock(), videos_per_hour=36_000)
    for at in range(40):
        budget.ended(url(at), StageResult("download", "done") if at % 4 == 3 else failed("http_403"))
        budget.ended(url(at), failed("private"))
    assert budget.error is None


def test_requests_count_against_a_budget_of_their_own() -> None:
    clock = Clock()
    budget = polite(clock, videos_per_hour=1e9, requests_per_hour=3600)
    assert budget.wait_s(url(1)) == 0
    budget.ended(url(1), StageResult("download", "done", requests=400))
    # A tenth of an hour's budget is there at once; 40 are owed.
    assert budget.wait_s(url(2)) == pytest.approx(41, abs=0.1)
    again = polite(clock, json.loads(json.dumps(budget.state())), videos_per_hour=1e9, requests_per_hour=3600)
    assert again.wait_s(url(2)) == pytest.approx(41, abs=0.1)
    clock.now_s += 42
    assert again.wait_s(url(2)) == 0
