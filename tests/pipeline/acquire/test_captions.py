"""Caption files, well-formed and not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import LOG

from fimad.errors import PermanentError
from fimad.pipeline.acquire import beside
from fimad.pipeline.acquire.captions import parse_captions
from fimad.pipeline.acquire.infojson import captions_beside
from fimad.pipeline.acquire.languages import choose_language, tag_of
from fimad.pipeline.acquire.timeline import Published

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


def vtt(*cues: str, length_s: float = 2.0) -> bytes:
    """Cues one after the other; ``/`` breaks a line, and a cue that begins with ``!`` lasts 10 ms."""
    text, at = "WEBVTT\n", 0.0
    for cue in cues:
        end = at + (0.01 if cue.startswith("!") else length_s)
        text += (
            f"\n{at // 60:02.0f}:{at % 60:06.3f} --> {end // 60:02.0f}:{end % 60:06.3f}\n"
            + cue.lstrip("!").replace("/", "\n")
            + "\n"
        )
        at = end
    return text.encode()


@pytest.mark.parametrize(
    "cues",
    [
        ("A", "A/B", "A/B/C", "B/C/D"),
        ("A/B", "B/C", "C/D"),
        ("A", "!A", "A/B", "!B", "B/C", "!C", "C/D", "!D"),
        ("A", "A", "B", "B", "B", "C", "C", "D", "D"),
        ("A", "!A", "B", "!B", "C", "!C", "D", "!D"),
        ("A B", "B C", "B C D"),
        ("A", "A/B", "B", "B/C", "C", "C/D", "D"),
    ],
)
def test_rolling_captions_of_every_shape(cues: tuple[str, ...]) -> None:
    words = {"A": "lift your", "B": "knees up", "C": "and hold", "D": "now breathe out"}
    shown = ["".join(words.get(char, char) for char in cue) for cue in cues]
    found = parse_captions(vtt(*shown), "vtt")
    assert " ".join(cue.text for cue in found) == "lift your knees up and hold now breathe out"
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("cues", "words"),
    [
        ([(0, 2, "a\nb"), (2, 4, "b\nc"), (5, 7, "c\nd"), (7, 9, "d\ne")], "a b c d e"),
        ([(0, 2, "a\nb"), (2.1, 4, "b\nc"), (4.1, 7, "c\nd"), (7.1, 9, "d\ne")], "a b c d e"),
        ([(0, 2, "a b c"), (2.2, 4, "b c d"), (4.2, 7, "c d e")], "a b c d e"),
        ([(0, 2, "a\nb"), (2, 4, "b\nc"), (34, 36, "c\nd"), (36, 38, "d\ne")], "a b c c d e"),
        ([(0, 2, "a"), (2.5, 4, "a"), (5, 6, "b"), (6.5, 7, "b"), (8, 9, "c"), (9.5, 10, "c")], "a a b b c c"),
        ([(0, 2, "a\nb"), (2.1, 4, "b\nc"), (4.1, 7, "x\ny"), (7.1, 9, "z\nv"), (9.1, 10, "w\nu")], "a b b c x y z v w u"),
    ],
)  # fmt: skip
def test_rolling_captions_go_on_after_a_pause(cues: list[tuple[float, float, str]], words: str) -> None:
    text = "".join(f"\n00:{start:06.3f} --> 00:{end:06.3f}\n{said}\n" for start, end, said in cues)
    assert " ".join(cue.text for cue in parse_captions(f"WEBVTT\n{text}".encode(), "vtt")) == words


@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_same_cue_at_the_same_time_is_one(times: int) -> None:
    lines = [
        f"Dialogue: {{}},0:00:0{at}.00,0:00:0{at + 1}.00,{word}\n"
        for at, word in enumerate(("Squat", "Squat", "Lunge"))
    ]
    whole = "[Events]\nFormat: Layer, Start, End, Text\n" + "".join(
        line.format(layer) for line in lines for layer in range(times)
    )
    cues = parse_captions(whole.encode(), "ass")
    assert [(cue.start_s, cue.text) for cue in cues] == [(0, "Squat"), (1, "Squat"), (2, "Lunge")]


@pytest.mark.parametrize(
    "cues",
    [
        ("Jump!", "Jump!", "Jump!"),
        ("One", "two", "two", "three", "three", "three", "go"),
        ("go go go", "go on", "on and on", "and stop"),
        ("down/down", "up/up", "up and down"),
        ("Jump!/Jump!", "Jump!/Squat!", "Rest", "Go", "Now", "Down"),
    ],
)
def test_what_people_say_again_stays(cues: tuple[str, ...]) -> None:
    found = parse_captions(vtt(*cues), "vtt")
    assert [cue.text for cue in found] == [cue.replace("/", " ") for cue in cues]
    assert [cue.start_s for cue in found] == [2.0 * at for at in range(len(cues))]


ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\an8}Keep, {\\i1}going{\\i0}\\Nand breathe\n"
    "Comment: 0,0:00:02.00,0:00:02.50,Default,,0,0,0,,not shown\n"
    "Dialogue: 0,0:00:02.60,0:00:02.70,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}\n"
    "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\k20}St{\\k30}op\n"
)
MARKED = "1\n00:00:01,000 --> 00:00:02,500\n{\\an8}Keep, <i>going</i>\n{\\pos(10,20)}and breathe\n\n2\n00:00:03,000 --> 00:00:04,000\n{y:i}Stop\n"


@pytest.mark.parametrize(
    ("extension", "text"), [("ass", ASS), ("ssa", ASS), ("srt", MARKED), ("srt", MARKED.replace("\n", "\r\n"))]
)
def test_marks_of_substation_alpha_go(extension: str, text: str) -> None:
    cues = parse_captions(text.encode(), extension)
    assert [(cue.start_s, cue.end_s, cue.text) for cue in cues] == [(1, 2.5, "Keep, going and breathe"), (3, 4, "Stop")]


@pytest.mark.parametrize(
    "text",
    [
        "\n\n1\n{0}\nDown\n\n2\n{1}\nUp\n",
        "made by somebody\n\n1\n{0}\nDown\n\n2\n{1}\nUp\n",
        "{0}\nDown\n\n{1}\nUp\n",
        " 1 \n{0}\nDown\n\n\n\n 2\n{1}\nUp",
        "0\n{0}\nDown\n{1}\nUp\n",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_srt_without_numbers_or_with_more_before_is_read(text: str, newline: str) -> None:
    whole = text.format("00:00:01,000 --> 00:00:02,000", "00:00:03,000 --> 00:00:04,000").replace("\n", newline)
    cues = parse_captions(whole.encode(), "srt")
    assert [(cue.start_s, cue.text) for cue in cues] == [(1, "Down"), (3, "Up")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("00:01,000 --> 00:02,000", "00:03,000 --> 00:04,500"),
        ("00:00:01 --> 00:00:02", "00:00:03 --> 00:00:04.5"),
        ("00:00:01, 000 --> 00:00:02, 000", "00:00:03, 000 --> 00:00:04, 500"),
        ("00:00:01:000 --> 00:00:02:000", "00:00:03:000 --> 00:00:04:500"),
        ("00:01:000 --> 00:02:000", "00:03:000 --> 00:04:500"),
        ("00:00:01,000 -> 00:00:02,000", "00:00:03,000 -> 00:00:04,500"),
        ("0:1.0-->0:2.0", "0:3.0-->0:4.5"),
        ("00:00:01,000 —> 00:00:02,000", "00:00:03,000 → 00:00:04,500"),
        ("00:00:01.000000 --> 00:00:02.000000", "00:00:03.000000 --> 00:00:04.500000 line:90%"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r\r\n", "\r"])
def test_times_in_any_form(first: str, second: str, newline: str) -> None:
    expected = [(1, 2, "Squat & 2"), (3, 4.5, "Lunge")]
    numbered = f"1\n{first}\nSquat\n& 2\n\n2\n{second}\nLunge\n"
    plain = f"WEBVTT\n\n{first}\nSquat\n& 2\n\n{second}\nLunge\n"
    for extension in ("srt", "vtt"):
        for text in (numbered, plain):
            cues = parse_captions(text.replace("\n", newline).encode(), extension)
            assert [(cue.start_s, cue.end_s, cue.text) for cue in cues] == expected


@pytest.mark.parametrize(
    "times", ["0:00:01.000,0:00:02.000", "0:01.0,0:02.0", "00:00:01,000,00:00:02,000", "0:00:01 , 0:00:02"]
)
def test_times_of_sbv_in_any_form(times: str) -> None:
    assert [(cue.start_s, cue.end_s) for cue in parse_captions(f"{times}\nSquat\n".encode(), "sbv")] == [(1, 2)]


LOST = [
    ("vtt", "WEBVTT\n\n{}\nA\n\n00:00:xx --> 00:00:05.000\nB\n", "00:01.000 --> 00:02.000"),
    ("srt", "1\n00:00:01;000 --> 00:00:02;000\nB\n\n2\n{}\nA\n", "00:00:01,000 --> 00:00:02,000"),
    ("srt", "1\n{}\nA\n\n2\n00:00:06,000 --> 00:00:05,000\nB\n", "00:00:01,000 --> 00:00:02,000"),
    ("sbv", "{}\nA\n\n0:00:03.000,0:00:xx.000\nB\n", "0:00:01.000,0:00:02.000"),
    ("ttml", '<tt><p {}>A</p><p begin="soon" end="5s">B</p></tt>', 'begin="1s" end="2s"'),
    ("srv1", '<transcript><text {}>A</text><text start="x" dur="1">B</text></transcript>', 'start="1" dur="1"'),
    ("srv3", '<timedtext><body><p {}>A</p><p t="3000">B</p></body></timedtext>', 't="1000" d="1000"'),
    ("json3", '{{"events": [{{"tStartMs": {}, "segs": [{{"utf8": "A"}}]}}, {{"segs": [{{"utf8": "B"}}]}}]}}', '1000, "dDurationMs": 1000'),
    ("ass", "[Events]\nFormat: Start, End, Text\nDialogue: bad,0:00:05.00,B\nDialogue: {},A\n", "0:00:01.00,0:00:02.00"),
]  # fmt: skip


@pytest.mark.parametrize(("extension", "text", "times"), LOST)
def test_a_bad_cue_costs_itself_alone_and_is_told(
    extension: str, text: str, times: str, caplog: pytest.LogCaptureFixture
) -> None:
    cues = parse_captions(text.format(times).encode(), extension, log=LOG)
    assert [(cue.start_s, cue.end_s, cue.text) for cue in cues] == [(1, 2, "A")]
    (message,) = caplog.messages
    assert message.startswith("1 of 2 cues are left out: ")


@pytest.mark.parametrize(
    ("extension", "text"),
    [
        ("vtt", "WEBVTT\n\n00:00:xx --> 00:00:05.000\nB\n"),
        ("vtt", "WEBVTT\n\nSquat\n\nLunge\n"),
        ("srt", "1\n00:00:01;000 --> 00:00:02;000\nSquat\n"),
        ("ttml", "<tt><body><div><p>Squat</p></div></body></tt>"),
        ("srv1", '<transcript><text start="4">Squat</text></transcript>'),
        ("json3", '{"events": [{"tStartMs": 1, "segs": [{"utf8": "Squat"}]}]}'),
        ("ass", "[Events]\nFormat: Start, End, Text\nDialogue: bad,0:00:05.00,Squat\n"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_not_empty(extension: str, text: str) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_captions(text.encode(), extension)
    assert caught.value.reason == "bad_captions"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("knee < 90 degrees, hip > 45", "knee < 90 degrees, hip > 45"),
        ("<3 you >> COACH: go <i>now</i>", "<3 you >> COACH: go now"),
        ("hold <ten> seconds, rest <= 5 s, 3 <-> 4", "hold <ten> seconds, rest <= 5 s, 3 <-> 4"),
        ('<font color="#ff0">down</font> <b>and</b><br/> <u>up</u>', "down and up"),
    ],
)
def test_words_between_less_and_greater_stay(written: str, words: str) -> None:
    times = "00:00:01.000 --> 00:00:02.000"
    for extension, head in (("srt", "1"), ("vtt", "WEBVTT\n")):
        (cue,) = parse_captions(f"{head}\n{times}\n{written}\n".encode(), extension)
        assert cue.text == words


TTML_ROOT = (
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="{}"{}>'
    "<head><metadata><desc>p</desc></metadata></head><body><div{}>{}</div></body></tt>"
)


@pytest.mark.parametrize(
    ("root", "div", "text", "expected"),
    [
        ("", ' begin="10s"', '<p begin="1s" end="2s">Squat</p>', [(11, 12, "Squat")]),
        ("", ' begin="10s" end="12s"', '<p begin="1s">Squat</p>', [(11, 12, "Squat")]),
        ("", ' begin="10s" dur="2s"', "<p>Squat<br/>down</p>", [(10, 12, "Squat down")]),
        ("", "", '<p><span begin="1s" end="2s">Squat</span><span begin="2s" end="3s">Lunge</span></p>', [(1, 2, "Squat"), (2, 3, "Lunge")]),
        ("", "", '<p begin="10s" end="14s">So <span begin="1s" dur="1s">squat</span></p>', [(10, 11, "So"), (11, 12, "squat")]),
        ("", "", '<p begin="1s">Squat</p><p begin="2s">Lunge</p>', [(1, 2, "Squat"), (2, 7, "Lunge")]),
        ("", "", '<p begin="25f" end="50f">Squat</p>', [(1, 2, "Squat")]),
        ("", "", '<p begin="00:00:01:05" end="00:00:02:00">Squat</p>', [(1.2, 2, "Squat")]),
        (' ttp:tickRate="10000000"', "", '<p begin="10000000t" end="20000000t">Squat</p>', [(1, 2, "Squat")]),
        (' ttp:frameRateMultiplier="1000 1001"', "", '<p begin="25f" dur="250ms">Squat</p>', [(1.001, 1.251, "Squat")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "\n\n"])
def test_times_of_ttml(root: str, div: str, text: str, expected: list[Any], before: str) -> None:
    cues = parse_captions((before + TTML_ROOT.format("25", root, div, text)).encode(), "ttml")
    assert [(cue.start_s, cue.end_s, cue.text) for cue in cues] == [
        (pytest.approx(start_s), pytest.approx(end_s), words) for start_s, end_s, words in expected
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Format:", "format:").replace("Dialogue:", "dialogue:"),
        lambda text: text.replace("\n", "\n  "),
        lambda text: text.replace("0:00:01.00,", "-0:00:01.00,").replace("Dialogue:", "Dialogue :"),
    ],
)
def test_substation_alpha_as_programs_write_it(change: Callable[[str], str]) -> None:
    cues = parse_captions(change(ASS).encode(), "ass")
    assert [(cue.end_s, cue.text) for cue in cues] == [(2.5, "Keep, going and breathe"), (4, "Stop")]


@pytest.mark.parametrize(
    ("language", "encoding", "words"),
    [
        ("", "latin-1", "Fléchissez les genoux"),
        ("", "cp1252", "Kniebeuge für Anfänger – Füße"),
        ("", "utf-16", "Squat lentement, déjà"),
        ("", "utf-8-sig", "Приседания"),
        ("", "cp1251", "Приседания со штангой"),
        ("", "shift_jis", "スクワットを始めましょう"),
        ("pl", "cp1250", "łokcie wąsko"),
        ("tr", "cp1254", "Şimdi çömelme, ağır"),
        ("ru", "koi8-r", "Приседания со штангой"),
        ("", "koi8-r", "Привет! Сегодня мы делаем выпады."),
        ("", "koi8-u", "Присідання зі штангою, тримайте спину рівно"),
        ("", "cp1250", "Zaczynamy ćwiczenie, trzymaj plecy prosto. Świetnie, jeszcze pięć!"),
        ("", "cp1250", "Začínáme cvičit, pokrčte kolena. Výborně, ještě pět opakování!"),
        ("", "iso8859-2", "Zaczynamy ćwiczenie, trzymaj plecy prosto. Świetnie, jeszcze pięć!"),
        ("cs", "iso8859-2", "Dřepy s činkou, držte záda rovně"),
        ("", "cp1252", "Ahora hacemos sentadillas, ¿estás listo? ¡Muy bien, señor!"),
        ("", "cp1254", "Şimdi çömelme, ağır ağır, sırtınızı düz tutun, güzel"),
        ("", "cp1257", "Pritūpimai su štanga, laikykite nugarą tiesiai, dar penkis kartus"),
        ("", "euc-jp", "スクワットを始めましょう"),
        ("", "gb18030", "深蹲开始，背部挺直"),
        ("zh-TW", "big5", "深蹲開始，背部挺直"),
    ],
)
def test_encodings(language: str, encoding: str, words: str) -> None:
    (cue,) = parse_captions(f"1\n00:00:01,000 --> 00:00:03,000\n{words}\n".encode(encoding), "srt", language)
    assert cue.text == words


@pytest.mark.parametrize(
    "words",
    [
        "Fléchissez",
        "Fléchissez les genoux, à droite",
        "Приседания со штангой",
        "スクワットを始めましょう",
        "深蹲开始",
        "Ćwiczenie",
        "“Squat” – now",
        "👍 squat",
    ],
)
@pytest.mark.parametrize("stray", [b"\xff", b"\xe9", b"\x80"])
@pytest.mark.parametrize("language", ["", "ru", "ja"])
def test_a_stray_byte_costs_itself_alone(words: str, stray: bytes, language: str) -> None:
    text = f"1\n00:00:01,000 --> 00:00:03,000\n{words}\n\n2\n00:00:03,000 --> 00:00:04,000\nbad"
    first, second = parse_captions(text.encode() + stray + b" one\n", "srt", language)
    assert (first.text, second.text) == (words, "bad\ufffd one")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", "É” FLÉCHISSEZ LES GENOUX, À DROITE “CAFÉ”"),
        ("euc-jp", "さあ、いくのに、にたる。ひざをまげて、はい、いち、に"),
        ("cp874", "ทำท่าสควอท รอก วัด ลง ขึ้นลง เอาล่ะ"),
        ("gb18030", "大家好，今天我们做深蹲，往下，联通"),
        ("cp949", "안녕하세요 오늘은 스쿼트, 무릎을 굽히고"),
    ],
)
def test_what_holds_characters_of_utf_8_by_chance_is_not_that(encoding: str, words: str) -> None:
    (cue,) = parse_captions(f"1\n00:00:01,000 --> 00:00:03,000\n{words}\n".encode(encoding), "srt")
    assert cue.text == words


@pytest.mark.parametrize(
    ("offered", "wanted", "spoken", "chosen"),
    [
        (["ar", "de", "en"], ("en",), "en", "en"),
        (["ar", "de", "en"], ("de", "en"), "en", "de"),
        (["ar", "de", "fr"], ("en",), "de", "de"),
        (["ar", "en-GB", "en-US"], ("en",), "", "en-GB"),
        (["ar", "en"], ("en-GB",), "", "en"),
        (["ar", ""], ("en",), "", ""),
        (["ar"], ("en",), "", "ar"),
        (["ar"], ("en",), "en", None),
        (["ar", "de"], ("en",), "", None),
        ([], ("en",), "en", None),
        (["en-GB", "en-US"], ("en",), "en-US", "en-US"),
        (["en-AU", "en-GB", "en-US"], ("en",), "en_gb", "en-GB"),
        (["zh-Hans", "zh-Hant"], ("zh",), "zh-TW", "zh-Hant"),
        (["zh-Hans", "zh-Hant"], ("zh-CN",), "zh-TW", "zh-Hans"),
        (["pt-BR", "pt-PT"], ("en",), "pt-PT", "pt-PT"),
        (["en", "en-GB"], ("en-GB",), "en", "en-GB"),
        (["en-AU", "en"], ("en-GB",), "en-AU", "en"),
        (["EN", "de"], ("en",), "", "EN"),
        (["de", "eng"], ("en",), "", "eng"),
        (["iw", "de"], ("he",), "", "iw"),
        (["en", "de"], ("German",), "", "de"),
    ],
)
def test_the_right_language(offered: list[str], wanted: tuple[str, ...], spoken: str, chosen: str | None) -> None:
    assert choose_language(offered, wanted, spoken) == chosen


@pytest.mark.parametrize(
    ("names", "tag"),
    [
        (("en", "EN", "eng", "English"), "en"),
        (("pt-BR", "PT_BR", "por-BR", "pob"), "pt-BR"),
        (("ger", "deu", "Deutsch"), "de"),
        (("fre", "fra", "français"), "fr"),
        (("xx",), "xx"),
        (("",), ""),
    ],
)
def test_one_tag_for_each_language(names: tuple[str, ...], tag: str) -> None:
    assert {tag_of(name) for name in names} == {tag}


CUE = "1\n00:00:00,000 --> 00:00:01,000\n{}\n"


def beside_of(folder: Path, names: list[str], info: dict[str, Any], *languages: str) -> list[tuple[str, str, str]]:
    """The kind, language and text of what is taken of caption files that hold their names."""
    (folder / "squat.mp4").write_bytes(b"x")
    for name in names:
        text = ("WEBVTT\n\n" if name.endswith("vtt") else "") + CUE.format(name)
        (folder / name).write_text(text)
    rows = captions_beside(folder / "squat.mp4", info, languages or ("en",), Published(), 10.0, LOG)
    return [(row["kind"], row["language"], row["text"]) for row in rows]


@pytest.mark.parametrize(
    ("names", "info", "taken"),
    [
        (["squat.eng.srt", "squat.spa.srt"], {}, ("en", "squat.eng.srt")),
        (["squat.eng.srt"], {"language": "en"}, ("en", "squat.eng.srt")),
        (["squat.English.srt", "squat.Deutsch.srt"], {}, ("en", "squat.English.srt")),
        (["squat.en.hi.srt"], {}, ("en", "squat.en.hi.srt")),
        (["squat.hi.srt"], {}, ("hi", "squat.hi.srt")),
        (["squat.hi.srt", "squat.eng.hi.sdh.srt"], {}, ("en", "squat.eng.hi.sdh.srt")),
        (["squat.EN_us.srt", "squat.en-GB.srt"], {"language": "en-US"}, ("en-US", "squat.EN_us.srt")),
        (["squat.en.forced.vtt", "squat.en.srt"], {}, ("en", "squat.en.srt")),
        (["squat.forced.en.vtt", "squat.de.srt"], {"language": "de"}, ("de", "squat.de.srt")),
        (["squat.forced.vtt", "squat.srt"], {}, ("", "squat.srt")),
    ],
)
def test_languages_as_files_are_named(
    tmp_path: Path, names: list[str], info: dict[str, Any], taken: tuple[str, str]
) -> None:
    assert beside_of(tmp_path, names, info) == [("human", *taken)]


def test_a_machines_translation_is_not_what_is_spoken(tmp_path: Path) -> None:
    names = ["squat.de.vtt", "squat.en.vtt", "squat.en-orig.vtt"]
    info: dict[str, Any] = {"automatic_captions": {"de": [], "en": [], "en-orig": []}}
    heard = [("automatic", "en", "squat.en-orig.vtt")]
    assert beside_of(tmp_path, names, info, "de", "en") == heard
    assert beside_of(tmp_path, names, info, "de") == heard
    assert beside_of(tmp_path, names, info | {"language": "de-AT"}, "en") == [("automatic", "de", "squat.de.vtt")]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("squat.en.vtt", b"broken", "bad_captions"),
        ("squat.srt", CUE.replace("00:00:0", "never").encode(), "bad_captions"),
        ("squat.de.json3", b"{", "bad_captions"),
        ("squat.en.forced.srt", CUE.encode(), "forced_captions"),
    ],
)
def test_captions_that_can_not_be_used_are_not_none(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PermanentError) as caught:
        beside_of(tmp_path, [], {})
    assert caught.value.reason == reason
    # What others beside it say is enough.
    assert [text for _, _, text in beside_of(tmp_path, ["squat.en.srt"], {})] == ["squat.en.srt"]


@pytest.mark.parametrize("name", ["squat.part2.srt", "squat.a.en.vtt", "squat.en.de.srt"])
def test_a_name_that_says_no_language_is_told(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert beside_of(tmp_path, [name], {}) == []
    assert caplog.messages == [f"{name} is left out: its name says no language"]


def test_captions_of_neighbours(tmp_path: Path) -> None:
    for name in ("squat.mp4", "squat.2.mp4", "squat.2.b.mkv", "langs.webm"):
        (tmp_path / name).write_bytes(b"x")
    cue = "1\n00:00:00,000 --> 00:00:01,000\n{}\n"
    files = [
        "squat.en.srt",
        "squat.2.srt",
        "squat.2.de.srt",
        "squat.2.b.srt",
        "squat.3.srt",
        "squats.srt",
        "squat.en.forced.srt",
    ]
    files += ["langs.ar.srt", "langs.en.srt", "langs.en.vtt", "langs.de.srt", "langs.en-orig.srt"]
    for name in files:
        (tmp_path / name).write_text(
            ("WEBVTT\n\n" if name.endswith("vtt") else "")
            + cue.format(name).replace(",0", ".0" if name.endswith("vtt") else ",0")
        )

    def taken(name: str, info: dict[str, Any], *languages: str) -> list[tuple[str, str, str]]:
        rows = captions_beside(tmp_path / name, info, languages or ("en",), Published(), 10.0, LOG)
        return sorted((row["kind"], row["language"], row["text"]) for row in rows)

    assert taken("squat.mp4", {}) == [("human", "en", "squat.en.srt")]
    assert taken("squat.2.mp4", {}) == [("human", "", "squat.2.srt")]
    assert taken("squat.2.mp4", {"language": "de"}) == [("human", "de", "squat.2.de.srt")]
    assert taken("squat.2.b.mkv", {}) == [("human", "", "squat.2.b.srt")]
    assert taken("langs.webm", {"language": "en"}) == [
        ("automatic", "en", "langs.en-orig.srt"),
        ("human", "en", "langs.en.vtt"),
    ]
    assert taken("langs.webm", {"language": "en"}, "de", "en") == [
        ("automatic", "en", "langs.en-orig.srt"),
        ("human", "de", "langs.de.srt"),
    ]
    info = {"language": "ar", "automatic_captions": {"ar": []}, "subtitles": {"de": []}}
    assert taken("langs.webm", info, "fr") == [("automatic", "ar", "langs.ar.srt")]


def test_one_listing_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(50):
        (tmp_path / f"v{at}.mp4").write_bytes(b"x")
        (tmp_path / f"v{at}.en.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nx\n")
    listings = 0

    class Counted(beside.Folder):
        def __init__(self, folder: Path) -> None:
            nonlocal listings
            listings += 1
            super().__init__(folder)

    monkeypatch.setattr(beside, "Folder", Counted)
    for at in range(50):
        assert len(captions_beside(tmp_path / f"v{at}.mp4", {}, ("en",), Published(), 9.0, LOG)) == 1
    assert listings == 1


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
        ("sbv", b"\n\n"),
        ("json3", b'{"events": [{"tStartMs": 1' + b"0" * 400 + b', "segs": [{"utf8": "x"}]}]}'),
        ("ass", b"[Events]\nDialogue: 0,x"),
        ("vtt", b" " * (16 * 1024 * 1024 + 1)),
    ],
)
def test_damaged_files_say_so(extension: str, data: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_captions(data, extension)
    assert caught.value.reason == "bad_captions"


@given(st.sampled_from(["vtt", "srt", "sbv", "json3", "ttml", "srv1", "ass"]), st.binary(max_size=300))
def test_any_bytes_are_survived(extension: str, data: bytes) -> None:
    try:
        cues = parse_captions(data, extension)
    except PermanentError:
        return
    assert all(0 <= cue.start_s < cue.end_s and cue.text for cue in cues)
