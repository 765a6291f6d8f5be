"""Descriptions by an endpoint: a real HTTP server with scripted answers; nothing lost, nothing paid twice, the budget holds."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fimad.labels import label_title
from fimad.labels.descriptions.embedding import NearestExercise, NotEmbedded, TextEncoder, matched
from fimad.labels.descriptions.endpoint import PROMPT, Describer, Endpoint, Ledger
from fimad.labels.descriptions.vectors import EmbeddingEndpoint

pytest.importorskip("openai", reason="the `describe` extra is not installed")

GOOD = "The person lowers the hips and stands up again, the back straight."


def completion(
    content: str | None, finish: str = "stop", refusal: str | None = None, usage: tuple[int, int] = (90, 20)
) -> Any:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return 200, {}, {
        "id": "x", "object": "chat.completion", "created": 1, "model": "scripted-1", "usage": counted,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }  # fmt: skip


def vectors(texts: list[str], **changed: Any) -> Any:
    """Three numbers of each text: its length, its first letter, one; the last text first."""
    rows = [
        {"object": "embedding", "index": at, "embedding": [float(len(text)), float(ord(text[0])), 1.0]}
        for at, text in enumerate(texts)
    ][::-1]
    return 200, {}, {
        "object": "list", "model": "scripted-1", "data": rows, "usage": {"prompt_tokens": 5, "total_tokens": 5}, **changed,
    }  # fmt: skip


def good() -> Any:
    return completion(json.dumps({"description": GOOD}))


class Server:
    """Answers requests by a script; after its end every answer is good."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                embeds = self.path.endswith("/embeddings")
                step = outer.script.pop(0) if outer.script else vectors(body["input"]) if embeds else good()
                if isinstance(step, float):
                    time.sleep(step)
                    step = good()
                status, headers, answer = step
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    """The client did not wait."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def server(running: Server) -> Server:
    running.script, running.asked = [], []
    return running


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def describer(server: Server, folder: Path, waits: Waits | None = None, **options: Any) -> Describer:
    endpoint = replace(Endpoint(server.url, "scripted"), timeout_s=5.0, usd_per_million_in=1.0, usd_per_million_out=4.0)
    return Describer(replace(endpoint, **options), folder, sleep=Waits() if waits is None else waits)


def test_an_answer_is_kept_and_paid_once(server: Server, tmp_path: Path) -> None:
    first = describer(server, tmp_path).describe(["squat"], side="left", equipment=["dumbbell"])
    assert (first.text, first.source) == (GOOD, f"scripted {PROMPT}")
    assert first.provenance == {"model": "scripted-1", "prompt": PROMPT, "tokens": 110, "usd": 0.00017}
    again = describer(server, tmp_path)
    assert again.describe(["squat"], side="left", equipment=["dumbbell"]) == first
    assert len(server.asked) == 1
    assert again.ledger.spent() == (110, pytest.approx(0.00017))
    asked = server.asked[0]
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert "squat" in asked["messages"][1]["content"]


def test_a_rate_limit_is_waited_for(server: Server, tmp_path: Path) -> None:
    server.script = [(429, {"Retry-After": "7"}, {"error": {"message": "slow down"}})]
    waits = Waits()
    made = describer(server, tmp_path, waits)
    assert made.describe(["squat"]).text == GOOD
    assert waits == [7.0]
    assert made.ledger.spent()[0] == 110


def test_a_server_that_fails_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.script = [(500, {}, {"error": {"message": "oh"}}), (503, {}, b"<html>")]
    waits = Waits()
    assert describer(server, tmp_path, waits).describe(["squat"]).text == GOOD
    assert waits == [1.0, 2.0]


def test_a_slow_answer_is_asked_for_again_and_both_are_reckoned_with(server: Server, tmp_path: Path) -> None:
    server.script = [1.0]
    made = describer(server, tmp_path, timeout_s=0.3)
    assert made.describe(["squat"]).text == GOOD
    # Nobody knows whether the first one is charged: its worst case stays set aside.
    assert made.ledger.spent()[0] > 110 + 200


@pytest.mark.parametrize("content", ["no json", "{}", '{"description": 3}', '{"description": ""}', None])
def test_a_malformed_answer_is_asked_for_again_and_paid(server: Server, tmp_path: Path, content: str | None) -> None:
    server.script = [completion(content)]
    made = describer(server, tmp_path)
    told = made.describe(["squat"])
    assert told.text == GOOD
    assert told.provenance["tokens"] == made.ledger.spent()[0] == 220


def test_an_answer_that_is_cut_off_gets_more_room(server: Server, tmp_path: Path) -> None:
    server.script = [completion('{"description": "The per', finish="length")]
    assert describer(server, tmp_path).describe(["squat"]).text == GOOD
    assert [asked["max_tokens"] for asked in server.asked] == [200, 400]


def test_a_refusal_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.script = [completion(None, refusal="I can't help with that.")]
    told = describer(server, tmp_path).describe(["squat"])
    assert told.source == "template-1"
    assert told.text is not None
    assert told.provenance["why"] == "refused"
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_will_fail_again_is_not_tried_again(server: Server, tmp_path: Path, status: int) -> None:
    server.script = [(status, {}, {"error": {"message": "no"}})]
    told = describer(server, tmp_path).describe(["squat"])
    assert (told.source, told.provenance["why"]) == ("template-1", f"HTTP {status}")
    assert len(server.asked) == 1


def test_a_server_that_never_answers_costs_no_description(server: Server, tmp_path: Path) -> None:
    server.script = [(500, {}, {"error": {}})] * 4
    told = describer(server, tmp_path).describe(["squat"])
    assert (told.source, told.provenance["why"]) == ("template-1", "InternalServerError")
    # Once it is well again, it is asked: a failure is not kept.
    assert describer(server, tmp_path).describe(["squat"]).text == GOOD


def test_a_server_that_is_not_there(tmp_path: Path, server: Server) -> None:
    made = Describer(Endpoint("http://127.0.0.1:9/v1", "x", attempts=2), tmp_path, sleep=Waits())
    assert made.describe(["squat"]).source == "template-1"


@pytest.mark.parametrize("options", [{"max_tokens_total": 3000}, {"max_cost_usd": 0.004, "max_tokens_total": 0}])
def test_the_budget_is_never_exceeded(server: Server, tmp_path: Path, options: dict[str, Any]) -> None:
    names = ["squat", "lunge", "plank", "push_up", "burpee", "sit_up", "deadlift", "crunch", "dip", "pull_up"] * 3
    told = []
    for number, name in enumerate(names):
        made = describer(server, tmp_path, **options)
        told.append(made.describe([name], equipment=[f"thing {number}"]))
    tokens, usd = made.ledger.spent()
    assert tokens <= (options.get("max_tokens_total") or tokens)
    assert usd <= (options.get("max_cost_usd") or usd)
    assert {each.provenance.get("why") for each in told if each.source == "template-1"} == {"budget"}
    assert 0 < sum(each.source != "template-1" for each in told) == len(server.asked) < len(names)


def test_processes_share_a_ledger_and_a_torn_line_does_no_harm(tmp_path: Path) -> None:
    endpoint = Endpoint("http://127.0.0.1:9", "x", max_tokens_total=100)
    one, other = Ledger(tmp_path / "l"), Ledger(tmp_path / "l")
    assert one.reserve("a", 60, 0.0, endpoint)
    assert not other.reserve("b", 60, 0.0, endpoint)
    one.settle("a", 10, 0.0)
    with (tmp_path / "l").open("a") as file:
        file.write('{"id": "c", "tok\n')
    assert other.reserve("b", 60, 0.0, endpoint)
    assert one.spent() == (70, 0.0)


def embedder(server: Server, folder: Path, waits: Waits | None = None, **options: Any) -> EmbeddingEndpoint:
    endpoint = replace(Endpoint(server.url, "vectors"), timeout_s=5.0, usd_per_million_in=1.0)
    return EmbeddingEndpoint(replace(endpoint, **options), folder, sleep=Waits() if waits is None else waits)


def test_vectors_are_kept_and_paid_once(server: Server, tmp_path: Path) -> None:
    made = embedder(server, tmp_path)
    first = made.encode(["squat", "lunge", "squat"])
    assert first.shape == (3, 3)
    assert np.linalg.norm(first, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert first[0] == pytest.approx(np.array([5.0, ord("s"), 1.0]) / np.linalg.norm([5.0, ord("s"), 1.0]))
    assert first[1][1] != first[0][1]
    assert np.array_equal(first[0], first[2])
    again = embedder(server, tmp_path).encode(["lunge", "plank"])
    assert np.array_equal(again[0], first[1])
    # Each text was sent once, and both requests were paid as the server says.
    assert [asked["input"] for asked in server.asked] == [["squat", "lunge"], ["plank"]]
    assert made.ledger.spent() == (10, pytest.approx(10e-6))


def test_vectors_of_many_texts_come_in_batches(server: Server, tmp_path: Path) -> None:
    texts = [f"{'abc'[at % 3]} {at}" for at in range(150)]
    assert embedder(server, tmp_path).encode(texts).shape == (150, 3)
    assert [len(asked["input"]) for asked in server.asked] == [64, 64, 22]


@pytest.mark.parametrize(
    ("step", "waited"),
    [
        ((429, {"Retry-After": "7"}, {"error": {"message": "slow down"}}), [7.0]),
        ((500, {}, {"error": {"message": "oh"}}), [1.0]),
        (vectors(["squat"], data=[]), [0.0]),
        (vectors(["squat", "more"]), [0.0]),
        (vectors(["squat"], data=[{"index": 0, "embedding": [0.0, 0.0, 0.0]}]), [0.0]),
        (vectors(["squat"], data=[{"index": 0, "embedding": "no vector"}]), [0.0]),
        (vectors(["squat"], data=[{"index": 4, "embedding": [1.0, 0.0, 0.0]}]), [0.0]),
    ],
)
def test_vectors_that_fail_once_are_asked_for_again(
    server: Server, tmp_path: Path, step: Any, waited: list[float]
) -> None:
    server.script = [step]
    waits = Waits()
    assert embedder(server, tmp_path, waits).encode(["squat"]).shape == (1, 3)
    assert waits == waited
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("script", "options", "why"),
    [
        ([(400, {}, {"error": {"message": "no"}})], {}, "HTTP 400"),
        ([(500, {}, {"error": {}})] * 4, {}, "InternalServerError"),
        ([], {"max_tokens_total": 60}, "budget"),
        ([vectors(["squat"], data=[])] * 4, {}, "malformed"),
    ],
)
def test_vectors_that_can_not_be_had_say_why(
    server: Server, tmp_path: Path, script: list[Any], options: dict[str, Any], why: str
) -> None:
    server.script = list(script)
    encode = embedder(server, tmp_path, **options).encode
    with pytest.raises(NotEmbedded, match=why):
        encode(["squat"])
    server.script = list(script)
    row = TextEncoder("vectors", encode).columns(label_title("Squats"), "A squat.")
    assert row["label_embedding"] is None
    assert row["label_embedding_source"] == f"none: {why} (vectors)"
    server.script = list(script)
    label = label_title("Qwertz uiop")
    unmatched = matched(label, "Qwertz uiop", NearestExercise(encode), 0.5)
    assert (unmatched.kind, unmatched.evidence[-1]) == (label.kind, f"not embedded: {why}")


def test_descriptions_and_vectors_share_one_budget(server: Server, tmp_path: Path) -> None:
    describer(server, tmp_path, max_tokens_total=2000).describe(["squat"])
    spent = Ledger(tmp_path / "ledger.jsonl").spent()[0]
    with pytest.raises(NotEmbedded, match="budget"):
        embedder(server, tmp_path, max_tokens_total=spent + 60).encode(["squat"])
    assert Ledger(tmp_path / "ledger.jsonl").spent()[0] == spent
