"""How well a spoken workout is understood: `python -m benchmarks.speech VIDEO --said FILE [--json FILE]`.

VIDEO has its info.json with chapters beside it; FILE is a table of what is said: the number of the chapter (from 0), a tab, the text.
The video is transcribed as a build does it. The word error rate is over all words; a clip's words are right where they align with
what is said in it. Then the chapters are taken away, and it is told how far from each true chapter one with the same exercise is proposed.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rapidfuzz.distance import Levenshtein

from fimad.config import parse_config
from fimad.labels import label_title
from fimad.pipeline.build import build

_WORD = re.compile(r"[a-z']+")
_WITHOUT = ("pose", "camera", "embed", "simulate", "flow")


def words(text: str | None) -> list[str]:
    """Lower-case words."""
    return _WORD.findall((text or "").lower())


def staged(video: Path, info: dict[str, Any], folder: Path, **segment: Any) -> dict[str, list[dict[str, Any]]]:
    """A build up to labels; the rows of each stage."""
    source = folder / "in"
    source.mkdir(parents=True)
    (source / video.name).symlink_to(video.absolute())
    (source / f"{video.stem}.info.json").write_text(json.dumps(info), encoding="utf-8")
    config = parse_config(
        {
            "workspace": str(folder / "work"),
            "dataset": str(folder / "dataset"),
            "segment": segment,
            "run": {"workers": 0, "without": list(_WITHOUT)},
        }
    )
    build(config, [str(source)])
    return {
        name: pq.read_table(next((folder / "work" / "stages").glob(f"{name}-*/**/*.parquet"))).to_pylist()
        for name in ("segment", "transcribe", "label")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--said", type=Path, required=True, help="what is said: number of the chapter, tab, text")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    info = json.loads(options.video.with_suffix(".info.json").read_text(encoding="utf-8"))
    with options.said.open(encoding="utf-8", newline="") as file:
        said = {int(row[0]): words(row[1]) for row in csv.reader(file, delimiter="\t")}
    bare = {**info, "chapters": None, "description": None}
    with tempfile.TemporaryDirectory() as scratch:
        plain = staged(options.video, info, Path(scratch) / "plain")
        cues = staged(options.video, bare, Path(scratch) / "cues", fallback="cues")
    heard = {row["clip_index"]: words(row["transcript"]) for row in plain["transcribe"]}
    total = [word for clip in sorted(said) for word in said[clip]]
    errors = Levenshtein.distance(total, [word for clip in sorted(heard) for word in heard[clip]])
    in_place = sum(
        block.size
        for clip in said
        for block in Levenshtein.editops(said[clip], heard.get(clip, [])).as_matching_blocks()
    )
    everywhere = sum(
        block.size
        for block in Levenshtein.editops(
            total, [word for clip in sorted(heard) for word in heard[clip]]
        ).as_matching_blocks()
    )
    exercises = {row["clip_index"]: row["exercise"] for row in cues["label"]}
    away = []
    for chapter in info["chapters"]:
        named = label_title(chapter["title"]).exercises
        starts = [row["start_s"] for row in cues["segment"] if exercises.get(row["clip_index"]) in named]
        away.append(min((abs(start - chapter["start_time"]) for start in starts), default=None))
    found = [each for each in away if each is not None]
    result = {
        "words": len(total),
        "word_error_rate": errors / len(total),
        "right_clip": in_place / everywhere if everywhere else 0.0,
        "chapters": len(away),
        "chapters_proposed": len(found),
        "furthest_s": max(found, default=None),
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
