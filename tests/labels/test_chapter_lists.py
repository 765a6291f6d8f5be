"""Kinds of titles that chapter lists of others showed: said of something, of a side, in another language's short forms."""

from __future__ import annotations

import pytest

from fimad.labels import label_title
from fimad.labels.context.lists import without_places


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Let me break the chorus down for you", "talk"),
        ("Let me show you my warm up", "talk"),
        ("Weights I'm using today", "talk"),
        ("Exercises I don't recommend", "talk"),
        ("Phase I: core", "section"),
        ("20 min full body workout I Anna Smith", "section"),
        ('Cool down – "Someone Like You"', "section"),
        ('Warm up: "Like a Prayer"', "section"),
        ("Warm up like a pro", "talk"),
        ("Warm-up protocol", "section"),
        ("Recovery protocol", "talk"),
        ("Song: Rust & Bone - Heavy Hitter", "other"),
        ("Music: Break Free", "other"),
        ("Mile 1", "section"),
        ("km 3", "section"),
        ("Post-workout meal", "other"),
        ("Gym etiquette", "talk"),
        ("PDF + link below", "talk"),
        ("My calisthenics journey", "talk"),
        ("Post run stretches", "section"),
        ("Tour 2 - abdos", "section"),
        ("Travail du quadriceps", "section"),
        ("Übungen im Sitzen", "section"),
        ("Movements to avoid in the first 12 weeks", "talk"),
        ("Exercises to avoid", "talk"),
        ("Música 1: Despacito", "other"),
        ("Chanson 2 : Djadja", "other"),
        ("Station 6 – Ladder raise", "exercise"),
        ("Station 1: Cardio", "section"),
        ("Station 4: Rest", "rest"),
    ],
)
def test_what_is_said_is_no_part_of_a_workout(title: str, kind: str) -> None:
    assert label_title(title).kind == kind
    assert not label_title(title).exercises


@pytest.mark.parametrize(
    ("title", "exercises"),
    [
        ("Standing behind the chair: heel raises", ("calf_raise",)),
        ("Holding the wall - leg swings", ("leg_swing",)),
        ("Chair pose", ("chair_pose",)),
        ("Chair", ("chair_pose",)),
        ("Recovery: foam rolling quads", ("foam_roll",)),
        ("Recovery - pigeon pose", ("pigeon_pose",)),
        ("Heel raises / toe raises", ("calf_raise", "tibialis_raise")),
        ("Toe raises", ("calf_raise",)),
        ("Crow to handstand", ("crow_pose_to_handstand",)),
        ("Getting up from a chair without hands", ("sit_to_stand",)),
        ("Burpees (no jump, no push up)", ("half_burpee",)),
        ("Log clean & press up to 110", ("clean_and_press",)),
        ("Deadlifts up to 200 kg", ("deadlift",)),
        ("Remada curvada c/ barra 4x8", ("bent_over_row",)),
        ("Burpee s/ salto", ("burpee",)),
        ("20 abdos", ("sit_up",)),
        ("Addominali: sit up con pugni", ("sit_up_punch",)),
        ("Im Liegen Beine heben", ("leg_raise",)),
        ("Taube links", ("pigeon_pose",)),
        ("Bauchlage: Beine heben", ("prone_leg_lift",)),
        ("Side-lying: leg raise", ("side_leg_raise",)),
        ("LH Rudern", ("bent_over_row",)),
        ("Lever les talons", ("calf_raise",)),
        ("Lever seated fly", ("chest_fly",)),
        ("Étirement du cou, chaise", ("neck_stretch",)),
        ("Squat + développé", ("thruster",)),
        ("Elevação de quadril no chão", ("glute_bridge",)),
        ("Counter push-ups", ("incline_push_up",)),
        ("Darts + typewriter push-ups", ("superman", "archer_push_up")),
        ("Cat/cow to release your back", ("cat_cow",)),
        ("Cat/cow for a stiff back", ("cat_cow",)),
        ("Pliés to warm up", ("sumo_squat",)),
        ("Jog to cool down", ("running",)),
        ("Squat warm-up sets", ()),
        ('Step-ups, 24" box x 20', ("step_up",)),
        ('24" box jumps', ("box_jump",)),
        ("09 | Suspended Lunge, Rear Foot in Strap (R)", ("bulgarian_split_squat",)),
        ("Push-ups on the barre", ("incline_push_up",)),
        ("Barre push-ups 3x12", ("incline_push_up",)),
        ("Sentadillas con música", ("squat",)),
        ("Squats con musica", ("squat",)),
        ("8 / Bein Ausfallschritte", ("lunge",)),
    ],
)
def test_what_stands_beside_it_is_not_done(title: str, exercises: tuple[str, ...]) -> None:
    assert label_title(title).exercises == exercises


@pytest.mark.parametrize(
    ("title", "side"),
    [
        ("Picking the right bell", None),
        ("The right way to brace", None),
        ("Squats with the right leg", "right"),
        ("Lunge to the right", "right"),
        ("My program (link below)", None),
        ("Seitstütz links", "left"),
        ("Bulgarian split squats links", "left"),
        ("Le fil dans l'aiguille (g.)", "left"),
        ("Le fil dans l'aiguille (dr.)", "right"),
        ("Squat (d.)", None),
        ("Sentadillas (d.)", "right"),
        ("Parte (i)", None),
        ("LH Bankdrücken", None),
        ("Adler links", "left"),
        ("Gainage latéral G - 30s", "left"),
        ("Fentes arrière D", "right"),
        ("Fente G/D", "both"),
        ("Vitamine D", None),
        ("Plank d'une main", None),
        ("Squat G 12 reps", None),
        ("Rematore con manubrio 3x12 per braccio", "both"),
        ("Fentes bulgares 4x10/jambe", "both"),
    ],
)
def test_a_side_is_where_it_is_done(title: str, side: str | None) -> None:
    assert label_title(title).side == side


@pytest.mark.parametrize(
    ("title", "repetitions", "sets", "duration_s"),
    [
        ("Squat jacks / plank jacks (20/10 x 8)", None, 8, 20.0),
        ("Thrusters (50/35)", None, None, None),
        ('Burpee box jump overs 24"', None, None, None),
        ('Plank 30"', None, None, 30.0),
        ("Quad sets – hold 5 secs x 10", 10, None, 5.0),
        ("Plank hold 30 s x 3", None, 3, 30.0),
        ("Push-ups up to 10 reps", 10, None, None),
        ("Esercizio n.5 - Avvicinare le scapole", None, None, None),
        ("Exercice n° 3 : squats x12", 12, None, None),
        ("Übung Nr. 4: 10 Kniebeugen", 10, None, None),
        ("Desplantes hacia atrás (12 c/pierna)", 12, None, None),
        ("Barra fixa 4x até a falha", None, 4, None),
        ("Liegestütze 3x bis zum Versagen", None, 3, None),
        ("Dominadas lastradas +15kg, 4 series de 4", 4, 4, None),
        ("3 rounds of 10", None, 3, None),
        ("Récup 1'30", None, None, 90.0),
        ("Plank 1'", None, None, 60.0),
        ("Trazioni australiane 3xMAX", None, 3, None),
        ("Force : back squat 5x3 @80%", 3, 5, None),
        ("Easy jog - 2 laps", None, None, None),
        ("Round 1 – Jab, Cross (1-2)", None, None, None),
        ("Squats (8-12)", 8, None, None),
        ("Bear crawl 3 lengths", None, None, None),
        ("Clean and jerks, every 90 seconds", None, None, None),
        ("Burpees every 2 min x 5", None, 5, None),
        ("Every 90 seconds: clean and jerks", None, None, 90.0),
        ("Kniebeugen alle 90 Sekunden", None, None, None),
        ("3 series cada 2 min", None, 3, 120.0),
        ("Cada 90 segundos: sentadillas", None, None, 90.0),
        ("Sentadillas cada 90 segundos", None, None, None),
        ("Burpees toutes les 2 min x 5", None, 5, None),
        ("Agachamento a cada 2 minutos", None, None, None),
        ("Burpees ogni 60 secondi", None, None, None),
        ("8/Bein Ausfallschritte", 8, None, None),
        ("8 rounds, every 2 minutes on the minute", None, 8, 120.0),
        ("Suspension à la barre 1min30", None, None, 90.0),
        ("Plank 1min 30", None, None, 60.0),
        ("Pistol squat 6/jambe", 6, None, None),
        ("Sentadilla búlgara 3x8/pierna", 8, 3, None),
        ("Kniebeugen 10/Seite", 10, None, None),
        ('Step-ups, 24" box x 20', 20, None, None),
        ('Plank 24" x 3', None, 3, 24.0),
    ],
)
def test_numbers_count_what_they_count(
    title: str, repetitions: int | None, sets: int | None, duration_s: float | None
) -> None:
    label = label_title(title)
    assert (label.repetitions, label.sets, label.duration_s) == (repetitions, sets, duration_s)


@pytest.mark.parametrize(
    ("titles", "repetitions"),
    [
        (
            ["Intro", "1 Squats", "2 Lunges", "3 Crunches x20", "Rest", "4 Plank jacks"],
            [None, None, None, 20, None, None],
        ),
        (["08 Criss cross", "09 The saw", "10 Swan prep", "11 Teaser"], [None, None, None, None]),
        (["01 Criss cross", "02 The saw", "03 Swan prep", "04 Teaser"], [None, None, None, None]),
        ([f"{at} {name}" for at, name in enumerate(("Swan", "Saw", "Teaser", "Seal"), 2)], [None] * 4),
        (["1 burpee", "2 burpees", "3 burpees", "4 burpees"], [None, 2, 3, 4]),
        (["10 squats", "11 lunges", "12 crunches"], [10, 11, 12]),
        (["10 squats", "20 lunges", "30 crunches"], [10, 20, 30]),
        (["2 squats", "3 lunges"], [2, 3]),
        (["1 Squats", None, "2 Lunges", "3 Plank jacks"], [None, None, None, None]),
    ],
)
def test_places_of_a_list_are_no_repetitions(titles: list[str | None], repetitions: list[int | None]) -> None:
    labels = without_places(titles, [label_title(title) for title in titles])
    assert [label.repetitions for label in labels] == repetitions
    placed = ["a place in its list" in label.evidence for label in labels]
    assert placed == [
        label_title(title).repetitions != label.repetitions for title, label in zip(titles, labels, strict=True)
    ]


@pytest.mark.parametrize(
    "title",
    [
        "Burpees 🔥🔥 nicht aufgeben",
        "Burpees don't give up",
        "Squats, give it your all!",
        "Plank stay strong",
        "Burpees no te rindas",
        "Squat non mollare",
        "Gainage jusqu'au bout",
        "Squats on lâche rien",
        "Agachamento, não desista",
    ],
)
def test_who_does_an_exercise_may_be_cheered_on(title: str) -> None:
    assert label_title(title).exercises in (("burpee",), ("squat",), ("plank",))


@pytest.mark.parametrize(
    "title", ["Nicht aufgeben", "Never give up!", "Don't quit now!", "On ne lâche rien !", "Non mollare"]
)
def test_cheers_alone_are_talk(title: str) -> None:
    assert label_title(title).kind == "talk"


@pytest.mark.parametrize(
    ("title", "side", "repetitions", "sets", "duration_s"),
    [
        ("Rematore a un braccio 8+8", "both", 8, None, None),
        ("Split squats 10 + 10 reps", "both", 10, None, None),
        ("One arm swings 10 L / 10 R", "both", 10, None, None),
        ("Lunges 12 R 12 L", "both", 12, None, None),
        ("Puente a una pierna 12 x lado", "both", 12, None, None),
        ("Afundo 3x10 x perna", "both", 10, 3, None),
        ("Prancha lateral 30s x lado", "both", None, None, 30.0),
        ("Ankle circles, both feet", "both", None, None, None),
        ("Patada de burro pierna izda 40 seg", "left", None, None, 40.0),
        ("Zancada lado dcho", "right", None, None, None),
        # So many, from side to side; two of so many kilograms; sets that go down.
        ("3 x lado a lado", None, 3, None, None),
        ("Goblet squat 8+8 kg", None, None, None, None),
        ("Pull-ups 8+6+4", None, None, None, None),
    ],
)
def test_sides_with_their_counts(
    title: str, side: str | None, repetitions: int | None, sets: int | None, duration_s: float | None
) -> None:
    label = label_title(title)
    assert label.side == side
    if side or repetitions:
        assert (label.repetitions, label.sets, label.duration_s) == (repetitions, sets, duration_s)


@pytest.mark.parametrize("title", ["80s throwback track", "70's disco", "90s hip hop track", "80s music"])
def test_decades_are_no_durations(title: str) -> None:
    assert label_title(title).duration_s is None


@pytest.mark.parametrize(("title", "duration_s"), [("Plank 80s", 80.0), ("90s plank", 90.0), ("50s squats", 50.0)])
def test_seconds_stay(title: str, duration_s: float) -> None:
    assert label_title(title).duration_s == duration_s


@pytest.mark.parametrize(
    "title", ["Round 3 - 1-2-3 combo", "ROUND 3: 1-2-3-2 COMBO", "Round 1 1-1-2 combination", "1-2-3 combo"]
)
def test_numbers_of_punches_are_no_tempo(title: str) -> None:
    label = label_title(title)
    assert (label.exercises, label.tempo) == (("punch",), None)


@pytest.mark.parametrize("title", ["Sit back down for our cool down", "Down our street", "Stand up for our cool down"])
def test_our_is_no_bear(title: str) -> None:
    assert "bear_crawl" not in label_title(title).exercises


def test_a_bear_is_still_one_in_french() -> None:
    assert label_title("Marche de l'ours").exercises == label_title("Ours 10 fois").exercises == ("bear_crawl",)
