"""Words to clips: from captions, and from the real Whisper."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import DEMO, config, ffmpeg, stage_input, video
from numpy.typing import NDArray

from fimad.config import parse_config
from fimad.errors import ConfigError, SetupError
from fimad.models import locate
from fimad.pipeline.contract import Video
from fimad.pipeline.stages.download import DownloadStage
from fimad.pipeline.stages.segment import SegmentStage
from fimad.pipeline.stages.speech import Language, Segment, Speech, Word, language_windows, tell_language
from fimad.pipeline.stages.transcribe import TranscribeStage, share_out, stretches
from fimad.schema import CAPTIONS, DOWNLOAD, SEGMENT, TRANSCRIBE
from tests.pipeline.stages.whisper_checkpoint import write_checkpoint


class Listener:
    """Hears "wN" at each whole second N of the video's clock: the sound that it is given carries the time."""

    detects = False

    def __init__(self) -> None:
        self.lengths_s: list[float] = []

    def languages(self, sound: NDArray[np.float32]) -> tuple[dict[str, float], float]:
        raise AssertionError("nobody asked for the language")

    def hear(self, sound: NDArray[np.float32], language: str = "") -> Speech:
        seconds = len(sound) / 16_000
        self.lengths_s.append(seconds)
        words = tuple(Word(at, at + 0.5, f" w{at}", 0.9) for at in range(int(seconds)))
        return Speech("en", (Segment(0.0, seconds, 0.1, words),))


def tables(clips: list[tuple[float, float, str | None]], **video: Any) -> dict[str, pa.Table]:
    captions = {"video_id": "v", "captions": video.pop("captions", [])}
    row = {"video_id": "v", "duration_s": 600.0, "has_audio": True, **video}
    rows = [
        {
            "clip_id": f"v___{at}",
            "clip_index": at,
            "start_s": start,
            "end_s": end,
            "chapter_source": "platform",
            "filtered": reason,
        }
        for at, (start, end, reason) in enumerate(clips)
    ]
    return {
        "download": pa.Table.from_pylist([row], schema=DOWNLOAD),
        "captions": pa.Table.from_pylist([captions], schema=CAPTIONS),
        "segment": pa.Table.from_pylist(rows, schema=SEGMENT),
    }


def run(stage: TranscribeStage, given_tables: dict[str, pa.Table], folder: Path, media: Path) -> list[dict[str, Any]]:
    table = stage.run(stage_input(Video("v", "file", str(media)), folder, given_tables, media))
    assert table.schema.equals(TRANSCRIBE)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


@given(
    st.lists(st.tuples(st.floats(0, 3000), st.floats(1, 119)), max_size=40).map(
        lambda pairs: [(start, start + length) for start, length in pairs]
    )
)
def test_stretches_cover_the_clips_without_overlap(ranges: list[tuple[float, float]]) -> None:
    made = stretches(ranges, 3200.0)
    assert sorted(at for stretch in made for at in stretch.clips) == list(range(len(ranges)))
    for before, after in itertools.pairwise(made):
        assert before.end_s <= after.start_s
    for stretch in made:
        for at in stretch.clips:
            start, end = ranges[at]
            assert stretch.start_s <= start
            assert min(end, 3200.0) <= stretch.end_s + 1e-9


def test_neighbours_are_heard_together_and_others_are_not_heard() -> None:
    made = stretches([(10, 20), (20, 30), (31, 40), (300, 310)], 600.0)
    assert [(stretch.start_s, stretch.end_s, stretch.clips) for stretch in made] == [
        (9, 41, (0, 1, 2)),
        (299, 311, (3,)),
    ]
    hour = stretches([(at * 60.0, at * 60.0 + 60) for at in range(60)], 3600.0)
    assert all(stretch.end_s - stretch.start_s <= 1201 for stretch in hour)
    assert [hour[0].end_s, hour[1].start_s] == [hour[0].clips[-1] * 60 + 60] * 2


def test_a_word_belongs_to_the_clip_with_its_middle() -> None:
    words = [Word(9.8, 10.1, "a", None), Word(9.9, 10.1, "b", None), Word(19.5, 20.4, "c", None)]
    assert [word.text for word in share_out(words, 0, 10)] == ["a"]
    assert [word.text for word in share_out(words, 10, 20)] == ["b", "c"]


def test_each_word_once_and_left_out_clips_stay_out(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mp4", 20)
    stage = TranscribeStage(config())
    stage._recogniser = listener = Listener()
    rows = run(stage, tables([(0, 4, None), (4, 8.2, None), (8.2, 15, "too_long"), (15, 19, None)]), tmp_path, path)
    assert [row["clip_id"] for row in rows] == ["v___0", "v___1", "v___3"]
    assert [row["transcript"] for row in rows[:2]] == ["w0 w1 w2 w3", "w4 w5 w6 w7"]
    # The second stretch begins a second before the clip.
    assert [word["start_s"] for word in rows[2]["transcript_words"]] == [15, 16, 17, 18]
    assert listener.lengths_s == pytest.approx([9.2, 6.0])
    assert rows[0]["transcript_language"] == "en"
    assert rows[0]["transcript_source"] == "faster-whisper"
    assert rows[0]["transcript_no_speech"] == pytest.approx(0.1)


def test_no_sound_and_silence_are_not_failures(tmp_path: Path) -> None:
    stage = TranscribeStage(config())
    stage._recogniser = listener = Listener()
    mute = video(tmp_path / "x.mp4", 2, tone=False)
    (row,) = run(stage, tables([(0, 2, None)], has_audio=False), tmp_path, mute)
    assert row["transcript"] is None
    assert row["transcript_source"] is None
    # The stream is announced, but nothing can be decoded from it.
    (row,) = run(stage, tables([(0, 2, None)]), tmp_path, mute)
    assert row["transcript"] is None
    # Beyond the end of the sound there is nothing but digital silence.
    loud = video(tmp_path / "y.mp4", 2)
    (row,) = run(stage, tables([(100, 110, None)]), tmp_path, loud)
    assert (row["transcript"], row["transcript_no_speech"], row["transcript_language"]) == ("", 1.0, None)
    assert listener.lengths_s == []
    assert run(stage, tables([]), tmp_path, loud) == []


def cue(start_s: float, end_s: float, text: str, kind: str = "human", language: str = "en") -> dict[str, Any]:
    return {"language": language, "kind": kind, "start_s": start_s, "end_s": end_s, "text": text}


def test_human_captions_win_and_are_cut_at_words(tmp_path: Path) -> None:
    stage = TranscribeStage(config())
    stage._recogniser = listener = Listener()
    captions = [
        cue(0, 4, "lift your knees"),
        cue(8, 12, "aaaa bbbb cccc dddd"),
        cue(0, 4, "hebt die knie", language="de"),
        cue(0, 4, "lifted niece", kind="automatic"),
    ]
    path = video(tmp_path / "x.mp4", 2)
    rows = run(stage, tables([(0, 10, None), (10, 20, None), (30, 40, None)], captions=captions), tmp_path, path)
    assert [row["transcript"] for row in rows] == ["lift your knees aaaa bbbb", "cccc dddd", ""]
    assert {row["transcript_source"] for row in rows} == {"human_captions"}
    assert rows[1]["transcript_words"][0]["start_s"] == pytest.approx(8 + 4 * 10 / 19)
    german = TranscribeStage(config(transcribe={"language": "de"}))
    german._recogniser = listener
    assert run(german, tables([(0, 10, None)], captions=captions), tmp_path, path)[0]["transcript"] == "hebt die knie"
    assert listener.lengths_s == []


@pytest.mark.parametrize(
    ("choice", "source"), [("human", "faster-whisper"), ("any", "automatic_captions"), ("none", "faster-whisper")]
)
def test_automatic_captions_are_used_on_request(tmp_path: Path, choice: str, source: str) -> None:
    stage = TranscribeStage(config(transcribe={"captions": choice}))
    stage._recogniser = Listener()
    captions = [cue(0, 4, "lifted niece", kind="automatic")]
    if choice == "none":
        captions.append(cue(0, 4, "lift your knees"))
    (row,) = run(stage, tables([(0, 2, None)], captions=captions), tmp_path, video(tmp_path / "x.mp4", 2))
    assert row["transcript_source"] == source


def real(folder: Path, *, clips: int = 5, repeat: bool = True, **section: Any) -> list[dict[str, Any]]:
    settings = config(transcribe=section)
    stage = TranscribeStage(settings)
    why = stage.unavailable()
    if why is not None:
        pytest.skip(f"{why.what} {why.fix}")
    item = Video("v", "file", str(DEMO))
    given_tables = {"download": DownloadStage(settings).run(stage_input(item, folder))}
    given_tables["segment"] = SegmentStage(settings).run(stage_input(item, folder, given_tables))[:clips]
    rows = run(stage, given_tables, folder, DEMO)
    if repeat:
        assert rows == run(stage, given_tables, folder, DEMO)
    stage.close()
    return rows


EXPECTED = (("warm", "march"), ("squat", "chest"), ("jumping", "jacks"), ("lunges", "knee"), ("overhead", "press"))


@pytest.mark.parametrize("vad", [True, False])
def test_the_demos_cues_are_heard_in_their_clips(tmp_path: Path, vad: bool) -> None:
    rows = real(tmp_path, repeat=vad, vad=vad)
    for row, words in zip(rows, EXPECTED, strict=True):
        assert all(word in row["transcript"].lower() for word in words), row["transcript"]
        assert not any(other[0] in row["transcript"].lower() for other in EXPECTED if other != words)
        assert row["transcript_no_speech"] < 0.9
        times = [word["start_s"] for word in row["transcript_words"]]
        assert times == sorted(times)
    # "Squat" is said about 1.5 s into the second clip.
    said = [word["start_s"] for word in rows[1]["transcript_words"] if word["text"].lower().startswith("squat")]
    assert said[0] == pytest.approx(10.7, abs=0.5)


def test_segment_times_instead_of_words(tmp_path: Path) -> None:
    rows = real(tmp_path, repeat=False, words=False)
    assert sum("jumping" in row["transcript"].lower() for row in rows) == 1
    assert any(" " in word["text"] for row in rows for word in row["transcript_words"])


def test_openai_whisper_hears_the_same(tmp_path: Path, weights: Callable[[str], Path]) -> None:
    pytest.importorskip("whisper", reason="openai-whisper is an extra")
    weights("faster-whisper/tiny.en")
    checkpoint = tmp_path / "tiny.en.pt"
    write_checkpoint(locate("faster-whisper/tiny.en") / "model.bin", checkpoint)
    rows = real(tmp_path, clips=2, repeat=False, engine="openai-whisper", model=str(checkpoint))
    assert {row["transcript_source"] for row in rows} == {"openai-whisper"}
    for row, words in zip(rows, EXPECTED[:2], strict=True):
        assert all(word in row["transcript"].lower() for word in words), row["transcript"]
    said = [word["start_s"] for word in rows[1]["transcript_words"] if word["text"].lower().startswith("squat")]
    assert said[0] == pytest.approx(10.7, abs=0.5)


class Polyglot(Listener):
    """Tells each window's language from its loudness: each 0.1 of it is another one."""

    detects = True
    _KNOWN: ClassVar[dict[int, tuple[dict[str, float], float]]] = {
        1: ({"en": 0.9, "de": 0.1}, 2.0),
        2: ({"en": 0.2, "de": 0.8}, 20.0),
        3: ({"yi": 0.6, "de": 0.4}, 20.0),
        4: ({"en": 0.9, "de": 0.1}, 0.0),
    }

    def languages(self, sound: NDArray[np.float32]) -> tuple[dict[str, float], float]:
        return self._KNOWN[round(10 * float(np.abs(sound).max()))]

    def hear(self, sound: NDArray[np.float32], language: str = "") -> Speech:
        return replace(super().hear(sound), language=language)


def test_the_language_is_told_from_all_of_a_video_at_once(tmp_path: Path) -> None:
    # A greeting or a song in another language, then two windows of German, one of which alone would be taken for Yiddish.
    levels = "if(lt(t\\,30)\\,0.1\\,if(lt(t\\,60)\\,0.2\\,if(lt(t\\,90)\\,0.3\\,0.4)))"
    media = tmp_path / "x.wav"
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc={levels}*sgn(sin(2*PI*100*t)):s=16000", "-t", 120, media)
    stage = TranscribeStage(config())
    stage._recogniser = Polyglot()
    rows = run(stage, tables([(0, 25, None)]), tmp_path, media)
    assert {row["transcript_language"] for row in rows} == {"en"}
    rows = run(stage, tables([(0, 60, None), (60, 90, None), (90, 120, None)]), tmp_path, media)
    assert {row["transcript_language"] for row in rows} == {"de"}
    expected = (2 * 0.1 + 20 * 0.8 + 20 * 0.4) / 42
    assert rows[0]["transcript_language_probability"] == pytest.approx(expected, rel=1e-6)
    # Captions and a language that was given say nothing about it.
    captions = [cue(0, 4, "hebt die Knie", language="de")]
    (row,) = run(stage, tables([(0, 29, None)], captions=captions), tmp_path, media)
    assert row["transcript_language_probability"] is None


def test_windows_that_tell_the_language_are_spread() -> None:
    assert language_windows([(0.0, 3600.0)]) == [
        (at, at + 30.0) for at in (300.0, 900.0, 1500.0, 2100.0, 2700.0, 3300.0)
    ]
    assert language_windows([(0.0, 30.2), (50.0, 60.0)]) == [(0.0, 30.0), (50.0, 60.0)]
    assert language_windows([(5.0, 5.5)]) == [(5.0, 5.5)]
    assert language_windows([]) == []
    assert tell_language(Polyglot(), []) is None
    # Nobody speaks anywhere: all windows count alike.
    quiet = np.full(16_000, 0.4, np.float32)
    assert tell_language(Polyglot(), [quiet, quiet]) == Language("en", 0.9)


SPOKEN = {
    "de": "Guten Morgen und willkommen zu unserem Training. Wir stellen die Füße schulterbreit auf, beugen langsam die Knie "
    "und halten den Rücken gerade. Danach atmen wir tief ein und aus und trinken ein Glas Wasser.",
    "es": "Buenos días y bienvenidos a nuestro entrenamiento. Separamos los pies, doblamos despacio las rodillas y mantenemos "
    "la espalda recta. Después respiramos hondo y bebemos un vaso de agua.",
}


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_speech_in_other_languages_is_detected_and_written_as_it_is_said(
    tmp_path: Path, weights: Callable[[str], Path]
) -> None:
    weights("faster-whisper/base")
    stage = TranscribeStage(config())
    for language, text in SPOKEN.items():
        media = tmp_path / f"{language}.wav"
        subprocess.run(["espeak-ng", "-v", language, "-s", "130", "-w", str(media), text], check=True)
        (row,) = run(stage, tables([(0, 16, None)]), tmp_path, media)
        assert row["transcript_language"] == language
        assert row["transcript_language_probability"] > 0.5
        # A synthetic voice is hard for the smallest model of many languages: most of the words, not all.
        said, heard = (set(re.findall(r"\w+", each.lower())) for each in (text, row["transcript"]))
        assert len(said & heard) > 0.5 * len(said), row["transcript"]
    stage.close()


def test_silence_and_music_have_no_words(tmp_path: Path, weights: Callable[[str], Path]) -> None:
    weights("faster-whisper/base")
    stage = TranscribeStage(config())
    sounds = {
        "silence": "anullsrc=r=16000:cl=mono",
        "noise": "anoisesrc=r=16000:a=0.05:c=pink:s=1",
        "chords": "aevalsrc='0.2*sin(2*PI*220*t)+0.2*sin(2*PI*277*t)+0.2*sin(2*PI*330*t)*gt(mod(t\\,1)\\,0.5)':s=16000",
    }
    for name, source in sounds.items():
        ffmpeg("-f", "lavfi", "-i", source, "-t", 8, tmp_path / f"{name}.wav")
        (row,) = run(stage, tables([(0, 8, None)]), tmp_path, tmp_path / f"{name}.wav")
        assert row["transcript"] == "", name
    stage.close()


@pytest.mark.parametrize("model", ["tiny.en", "weights/tiny.en.pt"])
def test_another_language_with_a_model_that_knows_english_alone_is_an_error(model: str) -> None:
    with pytest.raises(ConfigError, match="English alone"):
        parse_config({"transcribe": {"model": model, "language": "de"}})
    assert parse_config({"transcribe": {"model": model, "language": "en"}}).transcribe.language == "en"


def test_a_model_under_another_name_is_asked_what_it_knows(tmp_path: Path, weights: Callable[[str], Path]) -> None:
    own = tmp_path / "own"
    own.symlink_to(weights("faster-whisper/tiny.en"))
    stage = TranscribeStage(parse_config({"transcribe": {"model": str(own), "language": "de"}}))
    with pytest.raises(SetupError, match="English alone"):
        stage.setup()
