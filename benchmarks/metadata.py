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
from collections.abc import Callable, Sequence
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

# Hypothesis takes far longer to draw a list of pieces than a text, so that a text is drawn, of one private character a piece.
_PRIVATE, _ANY = 0xE000, "\uf000"


def _made_of(pieces: Sequence[str], most: int) -> SearchStrategy[str]:
    """Texts of so many pieces at most, and of any characters between them."""
    letters = "".join(chr(_PRIVATE + at) for at in range(len(pieces)))

    def text(drawn: tuple[str, str]) -> str:
        others = itertools.cycle(drawn[1] or " ")
        return "".join(next(others) if each == _ANY else pieces[ord(each) - _PRIVATE] for each in drawn[0])

    # One in five is any character.
    alphabet = letters + _ANY
    return st.tuples(st.text(alphabet, max_size=most), st.text(max_size=6)).map(text)


_TEXT = _made_of(
    (
        *("#1. ", "1️⃣ ", "1 ", "1) ", "Exercise 1 ", "0:10", "0:10 ", "00:00:30,500 ", "0:10 - ", "0:10〜", " to ", " à "),
        *("\u202e", "(0:45) ", "[", "【", "](", "https://a/", "<a ", "<br>", "\n", " ", "\u200b", "a", "スクワット", "-", ":"),
        *("٣", ".", "99:59", "\n", "\n0:00 a", "\n0:20 ", "\n0:40 squat", "\n1:00 b", "\n1:30 plank"),
    ),
    40,
)  # fmt: skip
_TABLE = _made_of(
    (
        *("a", '"', '""', ",", ";", "\t", "|", "\n", "\n", "\n", "\r", "0:10", "-1", "nan", _WATCH, "#", "sep=;", "é", "\0"),
        *("{", "}", "[", "]", '{"url": "aaaaaaaaaaa"}', "null", '"url"', ": "),
    ),
    50,
)  # fmt: skip
_CAPTIONS = _made_of(
    (
        *("WEBVTT\n\n", "1\n", "00:00:01,000 --> 00:00:02,000\n", "00:01.000 --> 00:02.000 align:start\n", "{\\an8}"),
        *("{\\p1}", "<i>", "Jump! ", "\n", "\n\n", "--> ", "<v Ann>", "&amp;", "[Events]\nFormat: Start, End, Text\n"),
        *("Dialogue: 0:00:01.00,0:00:02.00,x\n", '{"events":[', '{"tStartMs":1000,"dDurationMs":5,"segs":[{"utf8":"a"}]},'),
        *("]}", '<text start="1" dur="2">a</text>', "<tt>", "</tt>"),
    ),
    30,
)  # fmt: skip
_FORMATS = ("srt", "srt", "srt", "vtt", "sbv", "json3", "ttml", "srv1", "srv3", "ass", "ssa")
_SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7.5, 30.0, 1e5, -0.0, 1e-9, 1e308, float("nan"), float("inf"), -float("inf"), 10**400),
    *("", "a", " ", _WATCH, "0:00 a\n0:10 b", "12", "en", "skip", "chapter", "\0", "\ud800", "<Untitled Chapter 1>"),
)  # fmt: skip
_INNER = ("start_time", "end_time", "title", "category", "type", "ext", "url", "x")
_NAMES = (
    *("id", "_type", "title", "description", "duration", "chapters", "sponsorblock_chapters", "section_start", "section_end"),
    *("subtitles", "automatic_captions", "language", "tags", "categories", "webpage_url", "thumbnail", "channel_id", "entries"),
)  # fmt: skip


def _info(steps: bytes) -> dict[str, Any]:
    """An info.json by what bytes say, one after the other: a name and what it is; scalars, lists and objects in each other."""
    left = iter(steps)

    def value(depth: int) -> Any:
        step = next(left, 0)
        if step < 160 or depth > 3:
            return _SCALARS[step % len(_SCALARS)]
        if step < 215:
            return [value(depth + 1) for _ in range(step % 5)]
        return {_INNER[next(left, 0) % len(_INNER)]: value(depth + 1) for _ in range(step % 6)}

    made: dict[str, Any] = {}
    for step in left:
        name = _NAMES[step % len(_NAMES)]
        if name.endswith("chapters") and step > 50:
            entry = (dict(zip(_INNER[:3], (value(3), value(3), value(3)), strict=True)) for _ in range(step % 7))
            made[name] = [value(1) if each["title"] is None else each for each in entry]
        else:
            made[name] = value(0)
    return made


_INFO = st.binary(max_size=80).map(_info)
# What went in and what came of it: kept, or given with a reason. Whatever is neither is lost.
_Counts = tuple[int, int, int]


def chapters(text: str) -> _Counts:
    """A description: what is kept increases, and each kept or stray line has a row of `segment`."""
    kept, strays = read_description(text, 30.0)
    assert all(one.start_s < other.start_s for one, other in itertools.pairwise(kept))
    assert len(kept) != 1
    video = {"duration_s": 30.0, "description": text, "chapters": None, "container_chapters": None}
    source, clips = find_chapters(video, _LIMITS.chapters, _LIMITS)
    if not source:
        return 0, 0, 0
    return len(kept) + len(strays), sum(not clip.filtered for clip in clips), sum(bool(clip.filtered) for clip in clips)


def captions(text: str, extension: str, encoding: str) -> _Counts:
    """A caption file: cues within their times, or the reason; of sound cues between the fuzz none is lost."""
    if extension != "srt":
        try:
            cues = parse_captions(text.encode(encoding, errors="replace"), extension)
        except PermanentError:
            return 1, 0, 1
        assert all(0 <= cue.start_s < cue.end_s and cue.text.strip() for cue in cues)
        return 1, 1, 0
    parts = text.split("\n\n")
    sound = [f"{at}\n00:01:{at:02d},000 --> 00:01:{at:02d},900\nword{at}x\n" for at in range(len(parts))]
    whole = "\n\n".join(itertools.chain.from_iterable(zip(parts, sound, strict=True)))
    try:
        cues = parse_captions(whole.encode(encoding, errors="replace"), extension)
    except PermanentError:
        return len(sound), 0, len(sound)
    heard = " ".join(cue.text for cue in cues).split()
    return len(sound), sum(f"word{at}x" in heard for at in range(len(sound))), 0


def lists(path: Path, text: str, encoding: str) -> _Counts:
    """A list: every line that is there is a row, or a failure with its number; a sound row after each line is always read."""
    lines = text.split("\n")
    if path.stem == "rows":
        separator = "," if path.suffix == ".csv" else "\t"
        sound = [separator.join((f"{_WATCH}&n={at}", "squat", "", "")) for at in range(len(lines))]
        lines = [
            separator.join(("url", "label", "start", "end")),
            *itertools.chain(*zip(lines, sound, strict=True)),
            "",
        ]
    path.write_bytes("\n".join(lines).encode(encoding, errors="replace"))
    try:
        rows = list(read_list(path))
    except PermanentError:
        assert path.stem != "rows"
        return 1, 0, 1
    kept = sum(isinstance(row, Row) for row in rows)
    if path.stem == "rows":
        read = {row.address for row in rows if isinstance(row, Row)}
        return len(sound), sum(each.split(separator)[0] in read for each in sound), 0
    # Lines in the encoding that is found.
    found = [line for line in io.StringIO(decoded(path.read_bytes()), newline=None) if line.strip()]
    if path.suffix == ".jsonl":
        return len(found), kept, len(rows) - kept
    if path.suffix == ".txt":
        remarks = sum(line.split()[0].startswith("#") for line in found)
        nothing = sum(len(line.split()) == 1 and not line.strip().strip(",;\"'<>") for line in found)
        return len(found), kept, len(rows) - kept + remarks + nothing
    return len(rows), kept, len(rows) - kept


def info(data: dict[str, Any], length_s: float) -> _Counts:
    """An info.json: columns of the right types, chapters within the file, each of them a clip or a reason."""
    columns = infojson.metadata_of(data)
    published = compare(data, length_s)
    stated = data.get("chapters")
    told = stated if isinstance(stated, list) else []
    found = infojson.chapters_of(data) or []
    rows = chapters_in_file(found, published) or []
    assert len(mend([Chapter(row["start_s"], row["end_s"], row["title"]) for row in rows], length_s, _LIMITS)) == len(
        rows
    )
    assert columns["title"] is None or isinstance(columns["title"], str)
    assert published.ranges != () or published.note
    url = data.get("webpage_url")
    if isinstance(url, str):
        without_secrets(url)
        youtube_id(url)
    # What a cut file does not hold is given by the note.
    return len(told), len(rows), len(told) - len(rows) if published.note else 0


def fuzz(examples: int) -> dict[str, dict[str, float]]:
    """Run each reader on so many examples; an example that fails raises.

    Returns
    -------
    For each reader how many examples there were, how many records went in, were kept and were given with a reason, how many
    were lost, and what an example took at most.
    """
    ran: dict[str, dict[str, float]] = {}

    def counted(name: str, test: Callable[..., _Counts], *strategies: SearchStrategy[Any]) -> None:
        mine = ran[name] = dict.fromkeys(
            ("examples", "records", "kept", "with_reason", "lost", "slowest_ms", "seconds"), 0
        )
        began = time.monotonic()

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.tuples(*strategies))
        def run(values: tuple[Any, ...]) -> None:
            at = time.process_time()
            told, kept, reasons = test(*values)
            mine["slowest_ms"] = max(mine["slowest_ms"], round(1000 * (time.process_time() - at), 1))
            assert kept + reasons >= told, f"{told - kept - reasons} of {told} records are lost"
            mine["examples"] += 1
            for key, count in (("records", told), ("kept", kept), ("with_reason", reasons)):
                mine[key] += count
            mine["lost"] += max(0, told - kept - reasons)

        run()
        mine["seconds"] = round(time.monotonic() - began, 1)

    encodings = st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1251", "shift_jis"))
    with tempfile.TemporaryDirectory() as folder:
        names = ("list.csv", "list.tsv", "list.txt", "list.json", "list.jsonl", "rows.csv", "rows.tsv")
        paths = st.sampled_from([Path(folder) / name for name in names])
        counted("chapters", chapters, _TEXT)
        counted("captions", captions, _CAPTIONS, st.sampled_from(_FORMATS), encodings)
        counted("lists", lists, paths, _TABLE, encodings)
        counted("info.json", info, _INFO, st.sampled_from((0.01, 1.0, 5.0, 7.5, 30.0, 1e5)))
    return ran


def growth() -> dict[str, tuple[float, float]]:
    """How the time of hostile texts grows when they are eight times as long, and what a character then takes, in µs."""
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


def _growth(run: Callable[[str], object], make: Callable[[int], str]) -> tuple[float, float]:
    """The longer text's time over the shorter one's, and a character's in µs; the best of three, for busy machines."""
    size = 3000
    short, long = make(size), make(size * _TIMES)
    run(short)
    took_s = min(_seconds(run, long) for _ in range(3))
    return took_s / max(1e-4, min(_seconds(run, short) for _ in range(5))), 1e6 * took_s / len(long)


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
    print(f"{'time of 8 times the text':>28}         a character")
    for name, (ratio, micros) in grown.items():
        print(f"{name:>28} {ratio:6.1f} times {micros:7.2f} µs")
    ran = fuzz(options.examples)
    for name, each in ran.items():
        print(
            f"{name:>28} {each['examples']:6.0f} examples in {each['seconds']:.0f} s, at most {each['slowest_ms']:.0f} ms each; of "
            f"{each['records']:.0f} records {each['kept']:.0f} kept, {each['with_reason']:.0f} with a reason, {each['lost']:.0f} lost"
        )
    worst = max(grown, key=lambda name: grown[name][1])
    print(f"slowest: {worst}, {grown[worst][1]:.2f} µs a character")
    if options.json:
        figures = {
            "growth": {
                name: {"times": round(ratio, 2), "us_per_character": round(micros, 3)}
                for name, (ratio, micros) in grown.items()
            },
            "worst_us_per_character": round(grown[worst][1], 3),
            "records_lost": sum(int(each["lost"]) for each in ran.values()),
            "fuzzing": ran,
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    steep = {name: ratio for name, (ratio, _) in grown.items() if ratio > _MOST_GROWTH}
    if steep:
        raise SystemExit(f"Time grows faster than the text: {steep}; at most {_MOST_GROWTH:g} is linear with noise.")


if __name__ == "__main__":
    main()
