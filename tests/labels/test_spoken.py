"""What is said: announcements of exercises, and words that speak of the exercise."""

from __future__ import annotations

import pytest

from fimad.labels.spoken.about import exercise_cues
from fimad.labels.spoken.announcements import announcements
from fimad.labels.spoken.utterances import Spoken, spread, utterances


def say(*lines: str) -> list[Spoken]:
    """Words as a recogniser gives them: a third of a second each, a second between lines."""
    words, now_s = [], 0.0
    for line in lines:
        for word in line.split():
            words.append(Spoken(now_s, now_s + 0.3, word))
            now_s += 0.35
        now_s += 1.0
    return words


@pytest.mark.parametrize(
    ("said", "exercise"),
    [
        ("Next up: lunges", "lunge"),
        ("okay next up is push-ups and keep your back flat", "push_up"),
        ("We start with dumping jacks.", "jumping_jack"),  # As Whisper hears it.
        ("thirty seconds of high knees", "high_knees"),
        ("Moving on to mountain climbers", "mountain_climber"),
        ("And now, 20 squats!", "squat"),
        ("Burpees!", "burpee"),
        ("get ready for russian twists", "russian_twist"),
        ("Als nächstes Kniebeugen", "squat"),
        ("siguiente ejercicio: zancadas", "lunge"),
        ("maintenant les fentes", "lunge"),
        ("agora agachamentos", "squat"),
        ("prossimo esercizio, affondi", "lunge"),
    ],
)
def test_an_exercise_is_announced(said: str, exercise: str) -> None:
    (found,) = announcements(utterances(say(said)))
    assert (found.kind, found.exercise) == ("exercise", exercise)
    assert 0.5 <= found.confidence < 1
    assert found.said == said


@pytest.mark.parametrize("said", ["and rest", "Take a break for twenty seconds", "jetzt dreißig Sekunden Pause"])
def test_a_rest_is_announced(said: str) -> None:
    assert [each.kind for each in announcements(utterances(say(said)))] == ["rest"]


@pytest.mark.parametrize(
    "said",
    [
        "five more squats",
        "today we will do squats, lunges and planks",
        "later we will move on to burpees",
        "have you tried squats?",
        "push your hips back",
        "rest your hands on your knees",
        "stand up tall",
        "subscribe to my channel",
        "ten seconds left",
        "let's go",
        "next time we will do squats",
    ],
)
def test_chatter_announces_nothing(said: str) -> None:
    assert announcements(utterances(say(said))) == []


def test_what_goes_on_already_is_not_announced_again() -> None:
    said = say("Next up, squats", "now squats", "and rest", "now squats")
    assert [each.exercise for each in announcements(utterances(said))] == ["squat", None, "squat"]


def test_a_stop_behind_the_phrase() -> None:
    (found,) = announcements(utterances(say("Next up. Squats.")))
    assert (found.exercise, found.start_s) == ("squat", 0.0)


def test_words_that_speak_of_the_exercise_are_told_from_chatter() -> None:
    words = say(
        "Next up, squats.", "Push your hips back", "I went to the shop yesterday", "three two one", "Subscribe to my channel",
        "Keep your chest up",
    )  # fmt: skip
    cues, chatter = exercise_cues(words, ["goblet_squat"])
    assert [(each.about, each.text.split()[0]) for each in cues] == [
        ("name", "Next"),
        ("form", "Push"),
        ("count", "three"),
        ("form", "Keep"),
    ]
    assert chatter == pytest.approx(10 / 24)
    assert exercise_cues(words, []) == ([], 1.0)
    assert exercise_cues([], ["squat"]) == ([], None)


def test_caption_lines_are_spread_over_their_time() -> None:
    words = list(spread(10.0, 12.0, "next up squats"))
    assert [word.text for word in words] == ["next", "up", "squats"]
    assert words[0].start_s == 10.0
    assert words[-1].end_s == pytest.approx(12.0)
