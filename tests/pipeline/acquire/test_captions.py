"""Caption files, well-formed and not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimad.errors import PermanentError
from fimad.pipeline.acquire.captions import parse_captions

VTT = """WEBVTT
Kind: captions

00:00:01.000 --> 00:00:02.500 align:start
<v Ann>Keep <i>going</i> &amp; breathe

00:03.000 --> 00:04.000
When <00:03.500>the <c.yellow>moon</c>
"""
SRT = "1\n00:00:01,000 --> 00:00:02,500\n<i>Keep going</i>\nand breathe\n\n2\n00:00:03,000 --> 00:00:04,000\nStop\n"
SBV = "0:00:01.000,0:00:02.500\nKeep going\n\n0:00:03.000,0:00:04.000\nStop\n\n0:00:17.484,0:00:16.543\nbackwards\n"
SRV1 = '<?xml version="1.0"?><transcript><text start="1" dur="1.5">it&amp;#39;s &lt;i&gt;on&lt;/i&gt;</text><text start="3"></text></transcript>'
SRV3 = '<timedtext><body><p t="1000" d="1500">Keep<s> going</s></p></body></timedtext>'
TTML = (
    '<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="00:00:01.000" end="00:00:02.500">Keep<br/>going</p>'
    '<p begin="3s" dur="1s">Stop</p></div></body></tt>'
)
JSON3 = json.dumps(
    {
        "events": [
            {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
            {"tStartMs": 1000, "dDurationMs": 3000, "segs": [{"utf8": "keep"}, {"utf8": " going", "tOffsetMs": 400}]},
            {"tStartMs": 2500, "aAppend": 1, "segs": [{"utf8": "\n"}]},
            {"tStartMs": 2500, "dDurationMs": 1000, "segs": [{"utf8": "stop"}]},
        ]
    }
)


@pytest.mark.parametrize(
    ("extension", "text", "expected"),
    [
        ("vtt", VTT, [(1.0, 2.5, "Keep going & breathe"), (3.0, 4.0, "When the moon")]),
        ("srt", SRT, [(1.0, 2.5, "Keep going and breathe"), (3.0, 4.0, "Stop")]),
        ("sbv", SBV, [(1.0, 2.5, "Keep going"), (3.0, 4.0, "Stop")]),
        ("srv1", SRV1, [(1.0, 2.5, "it's on")]),
        ("srv3", SRV3, [(1.0, 2.5, "Keep going")]),
        ("ttml", TTML, [(1.0, 2.5, "Keep going"), (3.0, 4.0, "Stop")]),
        ("json3", JSON3, [(1.0, 2.5, "keep going"), (2.5, 3.5, "stop")]),
    ],
)
def test_each_format(extension: str, text: str, expected: list[tuple[float, float, str]]) -> None:
    cues = parse_captions(text.encode(), extension)
    assert [(cue.start_s, cue.end_s, cue.text) for cue in cues] == expected


def test_rolling_captions_are_said_once() -> None:
    rolling = "WEBVTT\n\n00:00.000 --> 00:02.000\nlift your\n\n00:02.000 --> 00:04.000\nlift your\nknees up\n\n" + (
        "00:04.000 --> 00:06.000\nknees up\n\n"
    )
    assert " ".join(cue.text for cue in parse_captions(rolling.encode(), "vtt")) == "lift your knees up"


def test_a_file_without_lines_is_no_failure() -> None:
    assert parse_captions(b"WEBVTT\n", "vtt") == []
    assert parse_captions(b'{"events": []}', "json3") == []


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        ("vtt", b"not captions"),
        ("json3", b"{"),
        ("json3", b"[1]"),
        ("json3", b'{"events": [{"segs": [{"utf8": "x"}]}]}'),
        ("ttml", b"<tt"),
        ("srv1", b'<!DOCTYPE a [<!ENTITY b "c">]><transcript>&b;</transcript>'),
        ("ttml", b'<tt><p begin="soon" end="later">x</p></tt>'),
        ("exe", b"MZ"),
        ("vtt", b" " * (16 * 1024 * 1024 + 1)),
    ],
)
def test_damaged_files_say_so(extension: str, data: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_captions(data, extension)
    assert caught.value.reason == "bad_captions"


@given(st.sampled_from(["vtt", "srt", "sbv", "json3", "ttml", "srv1"]), st.binary(max_size=300))
def test_any_bytes_are_survived(extension: str, data: bytes) -> None:
    try:
        cues = parse_captions(data, extension)
    except PermanentError:
        return
    assert all(0 <= cue.start_s < cue.end_s and cue.text for cue in cues)
