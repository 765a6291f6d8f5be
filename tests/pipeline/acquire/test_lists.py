"""Lists as spreadsheets, data sets and people write them: each row is a video, or a failure of its own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import config

from fimad.errors import PermanentError
from fimad.pipeline.acquire.columns import BadRow, Row
from fimad.pipeline.acquire.given import Given
from fimad.pipeline.acquire.lists import read_list
from fimad.pipeline.acquire.sources import SourceFailure, expand
from fimad.pipeline.contract import Video

A, B, C = "aaaaaaaaaaa", "bbbbbbbbbbb", "-cccccccccc"
WATCH = "https://www.youtube.com/watch?v="


def rows(path: Path) -> list[str]:
    """Addresses, and where bad rows are."""
    return [each.address if isinstance(each, Row) else f"bad {each.at}" for each in read_list(path)]


def expanded(path: Path, **sections: Any) -> tuple[list[Video], list[str]]:
    found = list(expand([str(path)], config(**sections)))
    failed = [
        f"{Path(each.source.partition(': ')[0]).name} {each.error.reason}"
        for each in found
        if isinstance(each, SourceFailure)
    ]
    return [each for each in found if isinstance(each, Video)], failed


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.tsv", f'url\ttitle\n{A}\t"Squats\n{B}\tLunges\n{C}\t5" plank\n', [A, B, C]),
        ("b.tsv", f'{WATCH}{A}\t"\n{WATCH}{B}\t""x\n', [WATCH + A, WATCH + B]),
        ("a.csv", f'url,title\n{WATCH}{A},"Squats\n{WATCH}{B},Lunges\n{WATCH}{C},Plank\n', ["bad row 2", WATCH + B, WATCH + C]),
        ("b.csv", f'url,title\n{WATCH}{A},Squats\n{WATCH}{B},"Lunges" x\n{WATCH}{C},Plank\n', [WATCH + A, "bad row 3", WATCH + C]),
        ("c.csv", f'title,url\n"Squats,{A}\n"Lunges, slow",{B}\n', ["bad row 2", B]),
        ("d.csv", f'url,title\n{A},"two\nlines"\n{B},x\n', [A, B]),
        ("e.csv", f"title,url\nSquats,{A}\nLunges\n\nPlank,{C}\n", [A, "bad row 3", C]),
        ("f.csv", f"url,label\n{A},Squats, deep\n{B},Lunges\n", ["bad row 2", B]),
        ("a.jsonl", f'"{A}"\n{{"url": \n{{"url": "{B}"}}\nnull\n{{"title": "x"}}\n"{C}"\n', [A, "bad line 2", B, "bad line 4", "bad line 5", C]),
        ("b.json", f'["{A}", 5.5, {{"id": "{B}"}}, {{}}]', [A, "bad item 2", B, "bad item 4"]),
    ],
)  # fmt: skip
def test_a_bad_row_costs_itself_alone(tmp_path: Path, name: str, text: str, expected: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert rows(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", f"{WATCH}{A};Squats, lunges\n{WATCH}{B};Plank\n"),
        ("b.csv", f"{WATCH}{A}\tSquats\n{WATCH}{B}\tPlank, long\n"),
        ("c.csv", f"sep=;\nurl;title, long\n{WATCH}{A};x, y\n{WATCH}{B};z\n"),
        ("d.csv", f'"sep=\t"\ntitle\turl\nx\t{WATCH}{A}\ny\t{WATCH}{B}\n'),
        ("j.csv", f"sep=\t\ntitle, long\turl\nx, y\t{WATCH}{A}\nz\t{WATCH}{B}\n"),
        ("k.csv", f"sep=|\nurl|title, long\n{WATCH}{A}|x; y\n{WATCH}{B}|z\n"),
        ("e.csv", f"title|url\nx, y|{WATCH}{A}\nz|{WATCH}{B}\n"),
        ("f.csv", f"Title, URL\nx, {WATCH}{A}\n\"y, z\", {WATCH}{B}\n"),
        ("g.csv", f"# a remark\n# title, url\nx, {WATCH}{A}\nz, {WATCH}{B}\n"),
        ("h.txt", f"# a remark\n{WATCH}{A} squats\n{WATCH}{B}\tplank\n"),
        ("i.tsv", f"Title\tURL\nx\t{WATCH}{A}\ny\t{WATCH}{B}\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_delimiters_and_encodings(tmp_path: Path, name: str, text: str, encoding: str, newline: str) -> None:
    (tmp_path / name).write_bytes(text.replace("\n", newline).encode(encoding))
    assert rows(tmp_path / name) == [WATCH + A, WATCH + B]


@pytest.mark.parametrize(
    ("line", "address"),
    [
        (f"{A} squat", A),
        (f"{A}, squat", A),
        (f"{C}\tlunge; slow", C),
        (f'"{A}", squat', A),
        (f"\u200b{WATCH}{A}", WATCH + A),
        (f"\u200e{WATCH}{A}\u200f squat", WATCH + A),
        (f"\ufeff{A}\u200b", A),
        ("kettlebells 1.mp4", "kettlebells 1.mp4"),
        ("a-folder-of mine", "a-folder-of mine"),
        ("ytsearch3:home workout", "ytsearch3:home workout"),
        ("my squat", "my squat"),
    ],
)
def test_remarks_and_invisible_signs_in_a_text(tmp_path: Path, line: str, address: str) -> None:
    (tmp_path / "a-folder-of mine").mkdir()
    path = tmp_path / "a.txt"
    path.write_text(f"{line}\n{B}\n", encoding="utf-8")
    assert [row.address for row in read_list(path) if isinstance(row, Row)] == [address, B]


SHOP = "https://shop.example/abc"


@pytest.mark.parametrize(
    "description",
    [
        f"Leg day!\nShop: discount 10%, {SHOP}\nBye",
        f"Leg day!\n{SHOP}, discount 10%\n{SHOP},x\nBye",
        f"Leg day!\nall here, {SHOP}",
        f"Leg day!\n{SHOP}",
        f'Leg "day"!\n\n{SHOP}, {SHOP}\nsay "more, {SHOP}" please\n',
        f"{SHOP},\n{SHOP}\n, {SHOP}",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_description_of_several_lines_is_one_cell(tmp_path: Path, description: str, newline: str) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator=newline)
        writer.writerow(["title", "url", "description", "label"])
        for address, label in ((WATCH + A, "squat"), (WATCH + B, "lunge"), (WATCH + C, "plank")):
            writer.writerow(["Legs", address, description, label])
    found = list(read_list(path))
    assert [(row.address, row.given) for row in found if isinstance(row, Row)] == [
        (WATCH + A, Given(label="squat")),
        (WATCH + B, Given(label="lunge")),
        (WATCH + C, Given(label="plank")),
    ]
    assert len(found) == 3


def test_rows_are_never_taken_for_lines_of_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'url,title,label\n{WATCH}{A},"x,squat\n{WATCH}{B},y,lunge\n{WATCH}{C},z",plank\n')
    assert rows(path) == ["bad row 2", WATCH + B, WATCH + C]
    path.write_text(f'url,title,label\n{WATCH}{A},"x\n{WATCH}{B},"y, z",lunge\n{WATCH}{C},"z"\n')
    assert rows(path) == ["bad row 2", WATCH + B, WATCH + C]


def test_labels_of_a_list_in_an_old_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for encoding, label in (
        ("latin-1", "Flexión de piernas, más abajo"),
        ("cp1251", "Приседания со штангой"),
        ("cp1252", "Füße"),
    ):
        path.write_bytes(f"url;label\n{A};{label}\n".encode(encoding))
        (row,) = read_list(path)
        assert isinstance(row, Row)
        assert row.given == Given(label=label)


KINETICS = f"label,youtube_id,time_start,time_end,split\nsquat,{A},10,20,train\nlunge,{A},30,40,train\npull ups,{C},0,7.5,test\n"
AUDIOSET = f"""# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=2, num_segs=3
# YTID, start_seconds, end_seconds, positive_labels
{A}, 10.000, 20.000, "squat"
{A}, 30.000, 40.000, "lunge"
{C}, 0.000, 7.500, "pull ups"
"""
OWN = f"video\tstart\tend\tlabel\tperson\n{A}\t0:10\t0:20\tsquat\tAnn\n{WATCH}{A}\t30\t40\tlunge\tAnn\n{C}\t0\t7,5\tpull ups\tBo\n"


@pytest.mark.parametrize(("name", "text"), [("k.csv", KINETICS), ("a.csv", AUDIOSET), ("o.tsv", OWN)])
def test_times_and_labels_of_a_list(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found, failed = expanded(tmp_path / name)
    assert not failed
    assert [each.video_id for each in found] == [A, C]
    said = [Given.from_text(each.given) for each in found]
    clips = [[(clip.start_s, clip.end_s, clip.label) for clip in each.clips] for each in said]
    assert clips == [[(10, 20, "squat"), (30, 40, "lunge")], [(0, 7.5, "pull ups")]]
    assert [each.split for each in said] == (["train", "test"] if name == "k.csv" else [None, None])
    assert [each.person for each in said] == (["Ann", "Bo"] if name == "o.tsv" else [None, None])
    assert len({each.fingerprint for each in found}) == 2


def test_parquet_and_json_say_as_much(tmp_path: Path) -> None:
    table = pa.table(
        {"url": [A, B, None], "start": [1.5, None, 0], "end": [3.0, None, 1], "class": ["squat", "plank", "x"]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    lines = [{"url": A, "start": 1.5, "end": 3, "class": "squat"}, {"url": B, "class": "plank"}, {"class": "x"}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for name in ("a.parquet", "b.jsonl"):
        found, failed = expanded(tmp_path / name)
        assert failed == [f"{name} bad_list"]
        assert [each.given for each in found] == ['{"clips":[[1.5,3.0,"squat"]]}', '{"label":"plank"}']


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("url,start (s),end (s),label", "10,20,squat"),
        ("url,Start [sec],End [sec],Label", "10,20,squat"),
        ("url,startTime,endTime,className", "10,0:20,squat"),
        ("url,start_ms,end_ms,label", "10000,20000,squat"),
        ("url,startTimeMs,stopTimeMs,label", "10000,0:20,squat"),
        ("url,Start Time (ms),End Time (ms),label", "10000,20000,squat"),
        ("url,start_time_seconds,end_time_seconds,label", "10.0,20.0,squat"),
        ("url,t-start,t-end,label", "10,20,squat"),
        ("url,begin (min),stop (min),label", '0.16666666666666666,"0:20",squat'),
        ("url,start,duration,label", "10,10,squat"),
        ("url,start_s,Duration (s),label", "0:10,10,squat"),
        ("videoUrl,start_ms,duration_ms,label", "10000,10000,squat"),
        # Of several the one in s; the length of the video is none of a clip's.
        ("url,start_frame,start,end_frame,end,label", "250,10,500,20,squat"),
        ("url,start,end,duration,label", "10,20,600,squat"),
    ],
)
def test_times_under_other_names(tmp_path: Path, header: str, row: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n{A},{row}\n")
    names, cells = (next(csv.reader([line])) for line in (header, f"{A},{row}"))
    (tmp_path / "b.jsonl").write_text(json.dumps(dict(zip(names, cells, strict=True))) + "\n")
    pq.write_table(pa.Table.from_pylist([dict(zip(names, cells, strict=True))]), tmp_path / "c.parquet")
    for name in ("a.csv", "b.jsonl", "c.parquet"):
        found, failed = expanded(tmp_path / name)
        assert failed == []
        assert [each.given for each in found] == ['{"clips":[[10.0,20.0,"squat"]]}'], name


def test_thousandths_are_exact(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"url,start_ms,end_ms\n{A},1001,2003\n")
    assert [each.given for each in expanded(tmp_path / "a.csv")[0]] == ['{"clips":[[1.001,2.003,null]]}']


@pytest.mark.parametrize("header", ["url,duration,label", "url,Duration (s),label", "url,endurance,label"])
def test_a_length_alone_is_no_clip(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n{A},600,squat\n")
    assert [each.given for each in expanded(tmp_path / "a.csv")[0]] == ['{"label":"squat"}']


@pytest.mark.parametrize("header", ["start_frame,end_frame", "startFrame,endFrame", "clip start idx,clip end idx"])
def test_times_in_frames_are_told(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_text(f"url,{header},label\n{A},10,20,squat\n")
    one, other = header.split(",")
    (tmp_path / "b.jsonl").write_text(json.dumps({"url": A, one: 10, other: 20}) + f'\n"{B}"\n')
    pq.write_table(pa.table({"url": [A], one: [10], other: [20]}), tmp_path / "c.parquet")
    for name, kept in (("a.csv", []), ("b.jsonl", [B]), ("c.parquet", [])):
        found = list(expand([str(tmp_path / name)], config()))
        assert [each.video_id for each in found if isinstance(each, Video)] == kept
        (failure,) = [each for each in found if isinstance(each, SourceFailure)]
        assert "numbers of frames" in failure.error.what


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (f"classname,youtube_id,subset,start,end,label\nSquat,{A},training,1,3,1\nSquat,{A},training,5,7,-1\n", ["Squat", None]),
        (f"url,label,class_name,start,end\n{A},0,squat,1,3\n{A},12,lunge,5,7\n", ["squat", "lunge"]),
        (f"url,label,label_name,start,end\n{A},squat,strength,1,3\n{A},7,,5,7\n", ["squat", "7"]),
    ],
)  # fmt: skip
def test_a_number_is_no_label_beside_the_name_of_its_class(tmp_path: Path, text: str, labels: list[Any]) -> None:
    (tmp_path / "a.csv").write_text(text)
    ((video,), failed) = expanded(tmp_path / "a.csv")
    assert failed == []
    clips = Given.from_text(video.given).clips
    assert [(clip.start_s, clip.end_s, clip.label) for clip in clips] == [(1, 3, labels[0]), (5, 7, labels[1])]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (f"{A},20,10,squat,train", "ends at 10 s, and begins at 20 s"),
        (f"{A},soon,10,squat,train", "'soon' is not a time"),
        (f"{A},-3,10,squat,train", "'-3' is not a time"),
        (f"{A},inf,,squat,train", "'inf' is not a time"),
        (f"{A},1,2,squat,../train", "split '../train' is no plain word"),
        (f"{B},5,6,squat,test", "its split is 'test' here and 'train'"),
        (f"{B},,,squat,train", "times in one row and none in another"),
    ],
)
def test_what_can_not_be_meant_is_a_failure_of_its_row(tmp_path: Path, row: str, why: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"url,start,end,label,split\n{B},1,2,plank,train\n{row}\n")
    found = list(expand([str(path)], config()))
    (failure,) = [each for each in found if isinstance(each, SourceFailure)]
    assert why in failure.error.what
    assert "row 3" in failure.source
    assert [each.video_id for each in found if isinstance(each, Video)] == [B]


def test_what_two_sources_say_of_one_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"url,label\n{A},squat\n")
    (tmp_path / "b.csv").write_text(f"url,label\nhttps://youtu.be/{A},lunge\n")
    found = list(expand([str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), A], config()))
    assert [each.given for each in found if isinstance(each, Video)] == ['{"label":"squat"}']
    assert [each.error.reason for each in found if isinstance(each, SourceFailure)] == ["named_twice"]


def test_folders_are_labels_where_asked(tmp_path: Path) -> None:
    for name in ("squat/1.mp4", "squat/ann/2.mp4", "jumping_jacks/1.mp4", "loose.mp4", "test/plank/3.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    found, _ = expanded(tmp_path, labels_from_folders=True)
    said = {str(Path(each.location).relative_to(tmp_path)): Given.from_text(each.given) for each in found}
    assert said == {
        "squat/1.mp4": Given(label="squat"),
        "squat/ann/2.mp4": Given(label="squat"),
        "jumping_jacks/1.mp4": Given(label="jumping jacks"),
        "loose.mp4": Given(),
        "test/plank/3.mp4": Given(label="plank", split="test"),
    }
    assert {each.given for each in expanded(tmp_path)[0]} == {""}


CELL = st.text(alphabet=st.sampled_from('ab",;\t|\n#\u200bé0:.'), max_size=12)


@given(st.lists(st.lists(CELL | st.just(WATCH + A), min_size=1, max_size=4), max_size=8), st.sampled_from(",;\t|"))
def test_any_table_gives_rows_or_says_why(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], sign: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    body = "\n".join(sign.join(row) for row in table)
    path.write_text(f"url{sign}label{sign}start{sign}end\n{body}\n{WATCH}{B}{sign}squat{sign}{sign}\n", newline="")
    found = list(read_list(path))
    # The sound row at the end is never swallowed by what comes before.
    assert isinstance(found[-1], Row)
    assert found[-1].address == WATCH + B


@given(st.binary(max_size=300), st.sampled_from(["csv", "tsv", "txt", "json", "jsonl", "parquet"]))
def test_any_bytes_are_survived(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz.{suffix}"
    path.write_bytes(data)
    try:
        found = list(read_list(path))
    except PermanentError:
        return
    assert all(each.address if isinstance(each, Row) else isinstance(each, BadRow) for each in found)


def labels_of(path: Path) -> list[str | None]:
    return [Given.from_text(each.given).label for each in expand([str(path)], config()) if isinstance(each, Video)]


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("latin-1", "Fléchissements"),
        ("cp1251", "приседания"),
        ("utf-8", "スクワット"),
        ("cp1252", "Größere Kniebeugen"),
        ("koi8-r", "Приседания со штангой"),
    ],
)
@pytest.mark.parametrize("before", [0, 3000])
def test_the_first_letter_beyond_ascii_may_come_late(tmp_path: Path, encoding: str, label: str, before: int) -> None:
    plain = "".join(f"{WATCH}{at:011d},squat\n" for at in range(before))
    path = tmp_path / "late.csv"
    path.write_bytes(f"url,label\n{plain}{WATCH}{A},{label}\n{WATCH}{B},squat\n".encode(encoding))
    assert labels_of(path)[-2:] == [label, "squat"]


@pytest.mark.parametrize("label", ["Fléchissements", "приседания", "スクワット"])
def test_a_stray_byte_in_a_list_costs_itself_alone(tmp_path: Path, label: str) -> None:
    rows = f"{WATCH}{A},{label}\n{WATCH}{B},bad".encode()
    for name, head, tail in (("a.csv", b"url,label\n", b"\xff\n"), ("b.csv", b"# \xff\nurl,label\n", b"\n")):
        (tmp_path / name).write_bytes(head + rows + tail)
        assert labels_of(tmp_path / name) == [label, "bad\ufffd" if name == "a.csv" else "bad"]
    path = tmp_path / "c.json"
    path.write_bytes(json.dumps([{"url": WATCH + A, "label": label}], ensure_ascii=False).encode()[:-1] + b',"\xff"]')
    assert labels_of(path) == [label]
