"""Hostile metadata: does any text, list, caption file or info.json crash a reader, take more than linear time, or lose something?

    python -m benchmarks.metadata [--examples 10000] [--json FILE]

Two parts. **Fuzzing** by hypothesis: so many examples a reader, made of the pieces that real files are made of and of any
characters; each reader must end with a result or a `PermanentError`, and account for what went in (kept, or named with a
reason). **Growth**: texts that pattern matching is known to choke on, at one size and at eight times it; the time may grow
as the length does (eightfold), with room for noise.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fimad.config import SegmentConfig
from fimad.errors import PermanentError
from fimad.pipeline.acquire import infojson
from fimad.pipeline.acquire.addresses import without_secrets, youtube_id
from fimad.pipeline.acquire.captions import parse_captions
from fimad.pipeline.acquire.columns import Row
from fimad.pipeline.acquire.encodings import decoded
from fimad.pipeline.acquire.lists import read_list
from fimad.pipeline.acquire.timeline import chapters_in_file, compare
from fimad.pipeline.stages.chapters import read_description
from fimad.pipeline.stages.segment import Chapter, find_chapters, mend

_LIMITS = SegmentConfig()
# The time of eight times the text, over that of the text: 8 is linear; a sort adds a little, a quadratic step makes it 64.
_TIMES, _MOST_GROWTH = 8, 20.0
_WATCH = "https://www.youtube.com/watch?v=aaaaaaaaaaa"

_LINE = st.sampled_from(
    (
        *(
            "#1. ",
            "1️⃣ ",
            "1 ",
            "1) ",
            "Exercise 1 ",
            "0:10",
            "0:10 ",
            "00:00:30,500 ",
            "0:10 - ",
            "0:10〜",
            " to ",
            " à ",
            "\u202e",
        ),
        *(
            "(0:45) ",
            "[",
            "【",
            "](",
            "https://a/",
            "<a ",
            "<br>",
            "\n",
            " ",
            "\u200b",
            "a",
            "スクワット",
            "-",
            ":",
            "٣",
            ".",
            "99:59",
        ),
    )
)
_TEXT = st.lists(_LINE | st.text(max_size=3), max_size=30).map("".join)
_CELL = st.sampled_from(
    ("a", '"', '""', ",", ";", "\t", "|", "\n", "\r", "0:10", "-1", "nan", _WATCH, "#", "sep=;", "é", "\0")
) | st.text(max_size=4)
_TABLE = st.lists(st.lists(_CELL, max_size=8).map("".join), max_size=8).map("\n".join)
_CUE = st.sampled_from(
    (
        *(
            "WEBVTT\n\n",
            "1\n",
            "00:00:01,000 --> 00:00:02,000\n",
            "00:01.000 --> 00:02.000 align:start\n",
            "{\\an8}",
            "{\\p1}",
            "<i>",
        ),
        *(
            "Jump! ",
            "\n",
            "\n\n",
            "--> ",
            "<v Ann>",
            "&amp;",
            "[Events]\nFormat: Start, End, Text\n",
            "Dialogue: 0:00:01.00,0:00:02.00,x\n",
        ),
        *(
            '{"events":[',
            '{"tStartMs":1000,"dDurationMs":5,"segs":[{"utf8":"a"}]},',
            "]}",
            '<text start="1" dur="2">a</text>',
            "<tt>",
            "</tt>",
        ),
    )
)
_CAPTIONS = st.lists(_CUE | st.text(max_size=3), max_size=25).map("".join)
_FORMATS = ("vtt", "srt", "sbv", "json3", "ttml", "srv1", "srv3", "ass", "ssa")
_VALUE: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from((_WATCH, "0:00 a\n0:10 b")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("start_time", "end_time", "title", "category", "type", "x")), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
_NAMES = (
    *(
        "id",
        "_type",
        "title",
        "description",
        "duration",
        "chapters",
        "sponsorblock_chapters",
        "section_start",
        "section_end",
    ),
    *(
        "subtitles",
        "automatic_captions",
        "language",
        "tags",
        "categories",
        "webpage_url",
        "thumbnail",
        "channel_id",
        "entries",
    ),
)
_INFO = st.dictionaries(st.sampled_from(_NAMES), _VALUE, max_size=8)


def chapters(text: str) -> None:
    """A description: what is kept increases, and each kept or stray line has a row of `segment`."""
    kept, strays = read_description(text)
    assert all(one.start_s < other.start_s for one, other in itertools.pairwise(kept))
    assert len(kept) != 1
    video = {"duration_s": 30.0, "description": text, "chapters": None, "container_chapters": None}
    source, clips = find_chapters(video, _LIMITS.chapters, _LIMITS)
    assert not source or len(clips) == len(kept) + len(strays)


def captions(text: str, extension: str, encoding: str) -> None:
    """A caption file: cues within their times, or the reason."""
    try:
        cues = parse_captions(text.encode(encoding, errors="replace"), extension)
    except PermanentError:
        return
    assert all(0 <= cue.start_s < cue.end_s and cue.text.strip() for cue in cues)


def lists(path: Path, text: str, encoding: str) -> None:
    """A list: every line that is there is a row, a failure, or blank; the sound one at the end is always read."""
    if path.suffix == ".csv":
        text = f"url,label,start,end\n{text}\n{_WATCH},squat,,\n"
    path.write_bytes(text.encode(encoding, errors="replace"))
    try:
        rows = list(read_list(path))
    except PermanentError:
        return
    if path.suffix == ".csv":
        assert isinstance(rows[-1], Row)
        assert rows[-1].address == _WATCH
    if path.suffix == ".jsonl":
        # Each line that is not blank, in the encoding that is found.
        lines = io.StringIO(decoded(path.read_bytes()), newline=None)
        assert len(rows) == sum(bool(line.strip()) for line in lines)


def info(data: dict[str, Any], length_s: float) -> None:
    """An info.json: columns of the right types, chapters within the file, each row of them a clip or a reason."""
    columns = infojson.metadata_of(data)
    published = compare(data, length_s)
    rows = chapters_in_file(infojson.chapters_of(data), published) or []
    found = [Chapter(row["start_s"], row["end_s"], row["title"]) for row in rows]
    assert len(mend(found, length_s, _LIMITS)) == len(rows)
    assert columns["title"] is None or isinstance(columns["title"], str)
    assert published.ranges != () or published.note
    url = data.get("webpage_url")
    if isinstance(url, str):
        without_secrets(url)
        youtube_id(url)


def fuzz(examples: int) -> dict[str, int]:
    """Run each reader on so many examples; returns how many it was. An example that fails raises."""
    ran: dict[str, int] = {}

    def counted(name: str, test: Callable[..., None], *strategies: SearchStrategy[Any]) -> None:
        ran[name] = 0

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.tuples(*strategies))
        def run(values: tuple[Any, ...]) -> None:
            ran[name] += 1
            test(*values)

        run()

    encodings = st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1251", "shift_jis"))
    with tempfile.TemporaryDirectory() as folder:
        paths = st.sampled_from([Path(folder) / f"list.{suffix}" for suffix in ("csv", "tsv", "txt", "json", "jsonl")])
        counted("chapters", chapters, _TEXT)
        counted("captions", captions, _CAPTIONS, st.sampled_from(_FORMATS), encodings)
        counted("lists", lists, paths, _TABLE, encodings)
        counted("info.json", info, _INFO, st.floats(0.01, 1e5))
    return ran


def growth() -> dict[str, float]:
    """How the time of hostile texts grows when they are eight times as long."""
    texts: dict[str, Callable[[int], str]] = {
        "numbers": lambda n: "#1. " * n + "x 0:10 squat",
        "bare numbers": lambda n: "1 " * n + "0:10 squat",
        "blanks": lambda n: ("0:10" + " " * n + "\n") * 4,
        "brackets": lambda n: "0:00 " + "[" * n,
        "times": lambda n: "0:00 " * n,
        "lines": lambda n: "0:00 a\n" * n,
        "links": lambda n: "<a " * n,
        "addresses": lambda n: "https://x 0:00 y " * n,
        "dashes": lambda n: "-" * n + "0:00",
    }
    found = {f"chapters: {name}": _growth(read_description, make) for name, make in texts.items()}
    cue = "00:00:01,000 --> 00:00:02,000\n"
    shown: dict[str, Callable[[int], str]] = {
        "cues": lambda n: "".join(f"{at}\n{cue}Jump!\n\n" for at in range(n // 8)),
        "braces": lambda n: f"1\n{cue}" + "{\\" * n + "\n",
        "tags": lambda n: f"1\n{cue}" + "<" * n + "\n",
        "one line": lambda n: f"1\n{cue}" + "a " * n + f"\n\n2\n{cue}" + "a " * n + "\n",
    }
    found |= {
        f"captions: {name}": _growth(lambda text: parse_captions(text.encode(), "srt"), make)
        for name, make in shown.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"

        def read(text: str) -> None:
            path.write_text(text)
            list(read_list(path))

        tables: dict[str, Callable[[int], str]] = {
            "open quotes": lambda n: "url,title\n" + f'{_WATCH},"x\n' * (n // 8),
            "one open quote": lambda n: f'url,title\n{_WATCH},"' + "x\n" * n,
            "quotes": lambda n: "url\n" + '"' * n,
            "rows": lambda n: "url,label,start,end\n" + f"{_WATCH},a,0,1\n" * (n // 8),
        }
        found |= {f"lists: {name}": _growth(read, make) for name, make in tables.items()}

    def segments(count: int) -> str:
        cut = [{"start_time": at, "end_time": at + 0.5, "category": str(at % 9)} for at in range(count // 64)]
        return json.dumps({"duration": count, "sponsorblock_chapters": cut})

    found["info.json: segments"] = _growth(lambda text: compare(json.loads(text), 5.0), segments)
    return found


def _growth(run: Callable[[str], object], make: Callable[[int], str]) -> float:
    """The longer text's time over the shorter one's; the best of three, so that a busy machine does no harm."""
    size = 3000
    short, long = make(size), make(size * _TIMES)
    run(short)
    return min(_seconds(run, long) for _ in range(3)) / max(1e-4, min(_seconds(run, short) for _ in range(5)))


def _seconds(run: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    run(text)
    return time.process_time() - began


def main() -> None:
    """Entry point; fails where an example does, or where time grows faster than the text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    grown = growth()
    print(f"{'time of 8 times the text':>28}")
    for name, ratio in grown.items():
        print(f"{name:>28} {ratio:6.1f} times")
    ran = fuzz(options.examples)
    for name, count in ran.items():
        print(f"{name:>28} {count:6d} examples, none failed")
    if options.json:
        options.json.write_text(json.dumps({"growth": grown, "examples": ran}, indent=2) + "\n", encoding="utf-8")
    steep = {name: ratio for name, ratio in grown.items() if ratio > _MOST_GROWTH}
    if steep:
        raise SystemExit(f"Time grows faster than the text: {steep}; at most {_MOST_GROWTH:g} is linear with noise.")


if __name__ == "__main__":
    main()
