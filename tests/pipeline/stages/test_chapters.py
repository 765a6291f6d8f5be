"""Timestamps in descriptions, and labels."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimad.labels import label_title
from fimad.labels.text import clean
from fimad.pipeline.stages.chapters import label_of, parse_description, read_description

#: What stands below chapters, and is none of them.
CREDITS = "Music:\nSong A 3:21\nSong B 2:45\nSong C 4:05"
HOURS = "Monday 18:00\nWednesday 18:30\nFriday 19:00"

SHARED = Path(__file__).parents[4] / "shared" / "data"


def found(text: str) -> list[tuple[float, str]]:
    return [(line.start_s, line.title) for line in parse_description(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:00 Intro\n1:05 Squats", [(0, "Intro"), (65, "Squats")]),
        ("Intro 00:00\nSquats 1:05", [(0, "Intro"), (65, "Squats")]),
        ("[00:00] Intro\n(01:05) Squats", [(0, "Intro"), (65, "Squats")]),
        ("0:00 - Intro\n1:05 – Squats\n1:02:03 | Plank", [(0, "Intro"), (65, "Squats"), (3723, "Plank")]),
        ("▶ 0:00 Intro\n• 1:05: Squats", [(0, "Intro"), (65, "Squats")]),
        ("1. 0:00 Intro\n2. 1:05 Squats", [(0, "Intro"), (65, "Squats")]),
        ("1. Intro 0:00\n2. Squats 1:05", [(0, "1. Intro"), (65, "2. Squats")]),
        ("0:00 Intro 1:05 Squats 2:10 Plank", [(0, "Intro"), (65, "Squats"), (130, "Plank")]),
        ("75:30 Late\n80:00 Later", [(4530, "Late"), (4800, "Later")]),
        ("Know 12:32 (live)\nForest 13:00 [encore]", [(752, "Know (live)"), (780, "Forest [encore]")]),
        ('0:00 Intro<br />1:05 <a href="#">Squats</a>', [(0, "Intro"), (65, "Squats")]),
        ("0:00 Intro\n\nClass at 18:30 on Monday\n1:05 Squats", [(0, "Intro"), (65, "Squats")]),
        ("Doors 19:00 pm\nShow 20:00 pm", []),
        ("Only 1:00 in a sentence of text\nand 2:00 in another one", []),
        ("0:00 one alone", []),
        ("Ratio 1:1:1:10 mix\n2024/10:30 date", []),
        (
            "0:00 Intro\n5:00 Late\n6:00 More\n1:00 Stray\n7:00 End",
            [(0, "Intro"), (300, "Late"), (360, "More"), (420, "End")],
        ),
        ("0:00\n1:00\n2:00", []),
        ("", []),
    ],
)
def test_lines_as_people_write_them(text: str, expected: list[tuple[float, str]]) -> None:
    assert found(text) == expected


def test_ranges_give_both_ends() -> None:
    lines = parse_description("0:00-0:45 Squats\n1:00 to 1:30 Lunges")
    assert [(line.start_s, line.end_s, line.title) for line in lines] == [(0, 45, "Squats"), (60, 90, "Lunges")]


# Each reads as squats from 0 s to what is given (None: to the next), then lunges from 30 or 30.5 s.
TWO = [
    ("0:00〜0:04 スクワット", "0:30〜0:34 ランジ"),
    ("0:00～0:04 Squats", "0:30～0:34 Lunges"),
    ("0:00−0:04 Squats", "0:30−0:34 Lunges"),
    ("0:00―0:04: Squats", "0:30―0:34: Lunges"),
    ("0:00 ‒ 0:04 | Squats", "0:30 ‒ 0:34 | Lunges"),
    ("0:00 → 0:04 Squats", "0:30 ⇒ 0:34 Lunges"),
    ("0:00...0:04 Squats", "0:30…0:34 Lunges"),
    ("(0:00) - (0:04) Squats", "[0:30] – [0:34] Lunges"),
    ("0:00 a 0:04 Squats", "0:30 a 0:34 Lunges"),
    ("0:00 à 0:04 Squats", "0:30 à 0:34 Lunges"),
    ("de 0:00 à 0:04 : Squats", "de 0:30 à 0:34 : Lunges"),
    ("0:00 bis 0:04 Squats", "0:30 hasta 0:34 Lunges"),
    ("0:00から0:04まで スクワット", "0:30から0:34まで ランジ"),
    ("0:00/0:04 Squats", "0:30/0:34 Lunges"),
    ("0:00 đến 0:04 Squats", "0:30 tới 0:34 Lunges"),
    ("từ 0:00 - 0:04 Squats", "từ 0:30 - 0:34 Lunges"),
    ("dari 0:00 sampai 0:04 Squats", "0:30 hingga 0:34 Lunges"),
    ("0:00 से 0:04 तक Squats", "0:30 से 0:34 तक Lunges"),
    ("0:00'dan 0:04'ye kadar Squats", "0:30'den 0:34'e kadar Lunges"),
    ("من 0:00 إلى 0:04 Squats", "من ٠:٣٠ حتى ٠:٣٤ Lunges"),
    ("Squats: 0:00 - 0:04", "Lunges: 0:30 ~ 0:34"),
    ("Squats (0:00 - 0:04) https://a.example/1:23", "Lunges (0:30 - 0:34) https://a.example/x"),
]


@pytest.mark.parametrize(("one", "two"), TWO)
def test_ranges_in_any_sign_and_language(one: str, two: str) -> None:
    lines = parse_description(f"{one}\n{two}")
    names = [("スクワット", "ランジ") if "ス" in one else ("Squats", "Lunges")]
    assert [(line.start_s, line.end_s) for line in lines] == [(0, 4), (30, 34)]
    assert [tuple(line.title for line in lines)] == names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Where each ends as the next begins, what stands between joins two times, in whatever language.
        ("0:00 gang 0:20 Squats\n0:20 gang 0:40 Lunges\n0:40 gang 1:00 Plank", [(0, 20, "Squats"), (20, 40, "Lunges"), (40, 60, "Plank")]),
        ("0:00 & 0:20 Squats\n0:21 & 0:40 Lunges", [(0, 20, "Squats"), (21, 40, "Lunges")]),
        ("0:00 | 0:20 Squats\n0:20 | 0:40 Lunges", [(0, 20, "Squats"), (20, 40, "Lunges")]),
        # Where they do not, it may be what is done, and the second time what comes then.
        ("0:00 Squats 0:30 rest\n0:40 Squats 1:10 rest", [(0, None, "Squats 0:30 rest"), (40, None, "Squats 1:10 rest")]),
        ("0:00 gang 0:20 Squats\n0:30 Lunges", [(0, None, "gang 0:20 Squats"), (30, None, "Lunges")]),
        # Neither date nor score.
        ("2024/10:30 Squats\n1:20/2024 Lunges", []),
    ],
)  # fmt: skip
def test_words_that_join_the_times_of_ranges(text: str, expected: list[tuple[float, float | None, str]]) -> None:
    assert [(line.start_s, line.end_s, line.title) for line in parse_description(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:00 Squats\n0:20 AM stretch\n0:40 Lunges", [(0, "Squats"), (20, "AM stretch"), (40, "Lunges")]),
        ("0:00 Squats\n0:20 Est-ce que ça brûle", [(0, "Squats"), (20, "Est-ce que ça brûle")]),
        ("0:20 HR zone 2 jog\n0:50 HR zone 3 run", [(20, "HR zone 2 jog"), (50, "HR zone 3 run")]),
        ("0:00 Uhr-Kreisen\n0:20 Uhr-Pendel", [(0, "Uhr-Kreisen"), (20, "Uhr-Pendel")]),
        ("0:00 AM stretch\n0:20 PM stretch", [(0, "AM stretch"), (20, "PM stretch")]),
        ("7:00 AM Yoga\n8:00 PM Pilates", []),
        ("18:00 Uhr Yoga\n19:00 Uhr Pilates\n0:00 Squats\n0:20 Lunges", [(0, "Squats"), (20, "Lunges")]),
        ("0:00 Squats\n0:20 Lunges\nLive at 7:00 PM\n8:30 pm", [(0, "Squats"), (20, "Lunges")]),
    ],
)
def test_a_title_may_begin_like_a_time_of_day(text: str, expected: list[tuple[float, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:00\nSquats\n0:30\nLunges", [(0, "Squats"), (30, "Lunges")]),
        ("[0:00]\n\nSquats\n\n1. 0:30 -\n\nLunges\n\nThanks!", [(0, "Squats"), (30, "Lunges")]),
        ("0:00-0:20\nSquats\n0:30-0:50\nNote: slow Lunges", [(0, "Squats"), (30, "Note: slow Lunges")]),
        (f"0:00\nSquats\n0:30\nLunges\n{CREDITS}", [(0, "Squats"), (30, "Lunges")]),
        ("Squats\n0:00\nLunges\n0:30", [(0, "Squats"), (30, "Lunges")]),
        ("Squats\n0:00\n\nLunges\n0:30\n\nThanks!", [(0, "Squats"), (30, "Lunges")]),
        ("0:00 Squats\n0:30\n1:00 Lunges\n5:00\nThanks!", [(0, "Squats"), (60, "Lunges")]),
        ("0:00\n1:00\nSquats", []),
    ],
)
def test_a_time_alone_has_its_title_on_the_next_line(text: str, expected: list[tuple[float, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("1️⃣ 0:00 Squats", "2️⃣ 0:30 Lunges"),
        ("① 0:00 Squats", "② 0:30 Lunges"),
        ("Exercise 1 0:00 Squats", "Exercise 2 0:30 Lunges"),
        ("Übung 1: 0:00 Squats", "Übung 2: 0:30 Lunges"),
        ("1 0:00 Squats", "2 0:30 Lunges"),
        ("1.0:00 Squats", "2.0:30 Lunges"),
        ("(1) 0:00 Squats", "(2) 0:30 Lunges"),
        ("#1. 0:00 Squats", "#2. 0:30 Lunges"),
        ("【0:00】Squats", "【0:30】Lunges"),
        ("「0:00」 Squats", "「0:30」 Lunges"),
        ("（0:00）Squats", "（0:30）Lunges"),
        ("<0:00> Squats", "<0:30> Lunges"),
        ("**0:00** Squats", "**0:30** Lunges"),
        ("[0:00](https://a.example/?t=0) Squats", "[0:30](https://a.example/?t=30) Lunges"),
        ("0：00 Squats", "0：30 Lunges"),
        ("٠:٠٠ Squats", "٠:٣٠ Lunges"),
        ("0:00\u200b Squats", "\ufeff0:30 Lunges"),
        ("\u200f0:00\u200e Squats", "0:30\u2060\u200b Lunges\u200b"),
        ("0:00\u00ad - Squats", "\u202a0:30\u202c Lunges"),
        ("0:00\u3164Squats", "\u31640:30 Lunges\u3164"),
        ("0:00\u115f Squats", "0:30\uffa0Lunges\u1160"),
        ("\u034f0:00 Squ\u034fats", "0:30\u17b4 Lun\u17b5ges\u180b"),
        ("Squats 0:00 (0:20)", "Lunges 0:30 [0:45]"),
        ("0:00\u3164Squats", "0:30\u115f Lunges\uffa0"),
        ("0:00\u034f Squats", "0:30 L\u17b5unges"),
    ],
)
def test_numbers_brackets_and_invisible_signs_around_a_time(one: str, two: str) -> None:
    assert found(f"{one}\n{two}") == [(0, "Squats"), (30, "Lunges")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:00:00,000 Squats\n00:00:30,500 Lunges", [(0, "Squats"), (30.5, "Lunges")]),
        ("0:00.25 Squats\n0:30.5 Lunges", [(0.25, "Squats"), (30.5, "Lunges")]),
        ("0:00, 500 Squats\n0:30,Lunges", [(0, "500 Squats"), (30, "Lunges")]),
        ("0:00,10 Squats\n0:20,15 Lunges", [(0, "10 Squats"), (20, "15 Lunges")]),
        ("0:00,5 Squats\n1:00:20,5 Lunges", [(0, "5 Squats"), (3620, "5 Lunges")]),
    ],
)
def test_milliseconds(text: str, expected: list[tuple[float, str]]) -> None:
    assert found(text) == expected


# Where a line can be read in two ways.
TIES = [
    "0:00 Squats 0:03 work 0:01 rest\n0:04 Lunges 0:03 work 0:01 rest\n0:08 Plank 0:03 work",
    "0:00 Squats (0:45)\n1:00 Lunges (0:45)",
    "0:00 (0:45) Squats\n1:00 (0:45) Lunges",
    "0:00 - Squats - 0:45\n0:45 - Lunges - 1:30",
    "0:00 Squats\n1:00 Lunges\nIn all 5:00",
    "Squats 0:00\nLunges 1:00\n5:00 in all",
    "0:00 Squats\n5:00 Lunges\n3:00 Plank",
    f"0:00 Squats\n0:20 Lunges\n{CREDITS}",
    f"{CREDITS}\n\n0:00 Squats\n0:20 Lunges",
    f"0:00 Squats\n0:20 Lunges\n{HOURS}",
    "Squats 0:00\nLunges 0:30\nPlank 1:00\n1:10 and more in my other video\n1:20 too",
    "0:00\nSquats\n0:30\nLunges",
]


@pytest.mark.parametrize("text", TIES)
def test_ties_are_decided_as_by_yt_dlp(text: str) -> None:
    from yt_dlp import YoutubeDL
    from yt_dlp.extractor.common import InfoExtractor

    extractor = InfoExtractor(YoutubeDL({"quiet": True}))
    theirs = extractor._extract_chapters_from_description(text, 3600)
    if text == TIES[5]:
        # A single time-first line is no list.
        theirs = [{"start_time": 0, "title": "Squats"}, {"start_time": 60, "title": "Lunges"}]
    assert found(text) == [(each["start_time"], each["title"]) for each in theirs]


@pytest.mark.parametrize("end_s", [60, 600])
@pytest.mark.parametrize(
    "text",
    [
        "Squats 0:00\nLunges 0:30\n18:00 Monday\n18:30 Wednesday\n19:00 Friday",
        "18:00 Monday\n18:30 Wednesday\n19:00 Friday\n\nSquats 0:00\nLunges 0:30",
        f"0:00 Squats\n0:30 Lunges\n{HOURS}",
        f"{HOURS}\n\nSquats 0:00\nLunges 0:30",
    ],
)
def test_times_beyond_the_end_choose_no_list(text: str, end_s: float) -> None:
    from yt_dlp import YoutubeDL
    from yt_dlp.extractor.common import InfoExtractor

    theirs = InfoExtractor(YoutubeDL({"quiet": True}))._extract_chapters_from_description(text, end_s)
    lines = [(line.start_s, line.title) for line in parse_description(text, end_s) if line.start_s <= end_s]
    assert lines == [(0, "Squats"), (30, "Lunges")] == [(each["start_time"], each["title"]) for each in theirs]


def test_what_is_beyond_the_end_is_told_after_the_chapters() -> None:
    kept, strays = read_description("19:00 Friday\n18:00 Monday\n0:00 Squats\n0:30 Lunges\n19:00 Sunday", 60)
    assert [line.title for line in kept] == ["Squats", "Lunges", "Monday", "Sunday"]
    assert [line.title for line in strays] == ["Friday"]
    # All by themselves they are a list: each is told.
    assert [line.start_s for line in parse_description("0:30 Squats\n3:00 Lunges", 60)] == [30, 180]
    assert [line.start_s for line in parse_description("2:00 Squats\n3:00 Lunges", 60)] == [120, 180]


def test_lines_out_of_order_are_told() -> None:
    kept, strays = read_description("0:00 Intro\n5:00 Late\n6:00 More\n1:00 Stray\n7:00 End")
    assert [line.start_s for line in kept] == [0, 300, 360, 420]
    assert [(line.start_s, line.title) for line in strays] == [(60, "Stray")]
    kept, strays = read_description("0:00 Squats\n1:00 Lunges\n0:00 Sentadillas\n1:00 Zancadas")
    assert [line.title for line in kept] == ["Squats", "Lunges"]
    assert [line.title for line in strays] == ["Sentadillas", "Zancadas"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared material is not on this machine")
def test_real_descriptions() -> None:
    cases = json.loads((SHARED / "vectors" / "youtube_description_chapters.json").read_text())
    for path in sorted((SHARED / "chapters" / "crashcourse_infojson").glob("*.json")):
        cases.append(json.loads(path.read_text()))
    assert len(cases) == 30
    for case in cases:
        assert found(case["description"]) == [(each["start_time"], each["title"]) for each in case["chapters"]]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_survived(text: str) -> None:
    lines = parse_description(text)
    assert all(before.start_s < after.start_s for before, after in itertools.pairwise(lines))
    assert all(line.title for line in lines)
    label = label_of(text)
    assert label is None or (label == label.lower() and label.strip() == label)


@given(st.lists(st.integers(0, 359_999), min_size=2, max_size=30, unique=True))
def test_a_clean_list_comes_back(seconds: list[int]) -> None:
    seconds.sort()
    text = "\n".join(f"{s // 3600}:{s // 60 % 60:02}:{s % 60:02} move {at}" for at, s in enumerate(seconds))
    assert found(text) == [(s, f"move {at}") for at, s in enumerate(seconds)]


PIECES = [
    *("#1. ", "1️⃣ ", "1 ", "1) ", "Exercise 1 ", "0:10", "0:10 ", "00:00:30,500 ", "0:10 - ", "0:10〜", " to ", " à "),
    *(
        "(0:45) ",
        "[",
        "【",
        "](",
        "https://",
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
    ),
]
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40).map("".join)


@given(HOSTILE, st.integers(1, 50))
def test_hostile_lists_give_chapters_in_order(text: str, times: int) -> None:
    kept, strays = read_description(text * times)
    assert all(before.start_s < after.start_s for before, after in itertools.pairwise(kept))
    assert all(line.title and (line.end_s is None or line.end_s > line.start_s) for line in [*kept, *strays])
    assert len(kept) != 1
    assert kept or not strays


@given(st.lists(st.integers(0, 600), min_size=1, max_size=30))
def test_no_line_of_a_list_disappears(seconds: list[int]) -> None:
    text = "\n".join(f"{s // 60}:{s % 60:02} move {at}" for at, s in enumerate(seconds))
    kept, strays = read_description(text)
    if len(set(seconds)) < 2:
        assert not kept
    else:
        lines = sorted([(line.start_s, line.title) for line in [*kept, *strays]])
        assert lines == sorted((float(s), f"move {at}") for at, s in enumerate(seconds))


def test_blanks_and_numbers_before_a_time_take_no_time() -> None:
    # Each took minutes or years with patterns that try again what they tried before.
    for text in (
        "#1. " * 30,
        "#1. " * 40_000,
        "0:10" + " " * 190_000,
        ("0:10" + " " * 2000 + "\n") * 90,
        "1 " * 90_000,
        "0:10 am " * 24_000,
        "0:10 x " * 28_000,
        "0:10\nx\n" * 28_000,
        "0:10\n" * 39_000,
    ):
        parse_description(text + "x 0:10 squat")
        parse_description("0:00 a\n" + text)


def test_a_long_hostile_line_takes_no_time() -> None:
    parse_description("0:00 " + "[" * 100_000 + "\n" + "1:00" * 50_000 + "\n" + "<a " * 60_000)
    label_of("(" * 100_000 + "1." * 50_000)


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("0. Warm-up: Jumping Jacks 🔥", "jumping jacks"),
        ("1) SQUATS", "squats"),
        ("Bicep Curls (alternating)", "bicep curls"),
        ("High Knees - 30 sec", "high knees"),
        ("Warm-up", "warm-up"),
        ("(Squats)", "squats"),
        ("90/90 stretch", "90/90 stretch"),
        ("2/10 Push-ups x10", "push-ups"),
        ("3x12 Deadlift", "deadlift"),
        ("Round 2: Burpees 45 sec on / 15 off", "burpees"),
        ("1️⃣ Plank 30s each side", "plank"),
        ("#3 burpees", "burpees"),
        ("Exercise 4 - Mountain Climbers", "mountain climbers"),
        ("３. ＳＱＵＡＴ", "squat"),
        ("\u202eevil\u202c\u0007 Squats", "evil squats"),
        ("3 sets of 10 lunges", "lunges"),
        ("Day 1", "day 1"),
        ("T-spine rotation", "t-spine rotation"),
        ("Kniebeugen mit Überkopf", "kniebeugen mit überkopf"),
        ("スクワット", "スクワット"),
        ("🔥🔥", None),
        ("", None),
        ("Chapter 1", None),
        ("chapter 01", None),
        ("Kapitel 2", None),
        ("Capítulo 3", None),
        ("第1章", None),
        ("00:01:00.000", None),
        ("1:00", None),
        ("Chapter 1: Squats", "chapter 1: squats"),
        ("\u115fSquats\u3164now", "squats now"),
        ("Squ\u034fats", "squats"),
    ],
)
def test_labels(title: str, label: str | None) -> None:
    assert label_of(title) == label


@pytest.mark.parametrize("sign", [*"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2065\u3164\uffa0\u200b\ufeff"])
def test_what_is_not_seen_makes_no_other_label(sign: str) -> None:
    assert label_of(f"{sign}Jump{sign} squats{sign}") == "jump squats"
    assert label_of(f"{sign}1. {sign}Squats {sign}x10") == "squats"
    assert label_of(sign * 3) is None
    title = label_title(f"{sign}Jump{sign} squats{sign}")
    assert title.exercises == label_title("Jump squats").exercises
    assert clean(f"squat{sign} jump").split() == ["squat", "jump"]
