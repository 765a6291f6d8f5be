"""What a title states beside a name: repetitions, sets, times and the side."""

from __future__ import annotations

import pytest

from fimad.labels import label_title


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Steel Mace 360s", "mace_360"),
        ("21s bicep curl", "bicep_curl_21s"),
        ("90/90 stretch", "stretch_90_90"),
        ("3/4 sit-up", "sit_up"),
        ("Figure 8", "figure_8"),
        ("8-count bodybuilders", "bodybuilder"),
        ("Warrior 2", "warrior_two"),
        ("180 jump squats", "jump_squat"),
    ],
)
def test_numbers_that_belong_to_names_stay(title: str, name: str) -> None:
    label = label_title(title)
    assert label.exercises == (name,)
    assert (label.repetitions, label.sets, label.duration_s) == (None, None, None)


@pytest.mark.parametrize(
    ("title", "repetitions", "sets", "duration_s", "rest_s"),
    [
        ("Squats 3x12", 12, 3, None, None),
        ("Squats 3 x 30s", None, 3, 30, None),
        ("3 sets of 10 push-ups", 10, 3, None, None),
        ("10 burpees", 10, None, None, None),
        ("Squats x15", 15, None, None, None),
        ("Squat x 10 x 3", 10, 3, None, None),
        ("Dips 3 x max", None, 3, None, None),
        ("Chin-ups 3 x AMRAP", None, 3, None, None),
        ("2 → push-ups", None, None, None, None),
        ("20 squats → 20 lunges", 20, None, None, None),
        ("Squats x10x3", 10, 3, None, None),
        ("Squat x3 x10", 10, 3, None, None),
        ("Squat x 10 x 3 sets", 10, 3, None, None),
        ("Row x 5 x 5", 5, 5, None, None),
        ("Plank x 3 x 30s", None, 3, 30, None),
        ("Squats x 8 x 60kg", 8, None, None, None),
        ("Squat x 100 x 200", None, None, None, None),
        ("Burpees 40s on 20s off", None, None, 40, 20),
        ("Burpees 40/20", None, None, 40, 20),
        ("Plank 1:30", None, None, 90, None),
        ("Plank 1 min 30 sec", None, None, 90, None),
        ("WORK: 30 seconds of High Knees", None, None, 30, None),
        ("Deadlift 5x5 @ 100 kg", 5, 5, None, None),
        ("20 lb goblet squat", None, None, None, None),
        ("400m run", None, None, None, None),
        ("7. Squats", None, None, None, None),
        ("Squats (20)", 20, None, None, None),
        ("Dips 8-12", 8, None, None, None),
        ("Curls 2-3sets x10-12", 10, 2, None, None),
        ("2-3 sets x 8-12 curls", 8, 2, None, None),
        ("1-2 punch", None, None, None, None),
        ("Squats 10 to 12 reps", 10, None, None, None),
        ("Bench 4 sets of 6 to 8", 6, 4, None, None),
        ("Squats five sets of five", 5, 5, None, None),
        ("Squats, resting 2 min", None, None, None, 120),
        ("Bench 3x10 @ 70s", 10, 3, None, None),
        ("Curls 3x10 30s", 10, 3, None, None),
        ("Squat 3x10, 30s rest", 10, 3, None, 30),
        ("Press 4 sets 12 10 8 8 at 50 55 60 60", None, 4, None, None),
        ("Squat 3x5 at 100", 5, 3, None, None),
        ("Did 3 sets of 5 at 185 on bench", 5, 3, None, None),
        ("Flies 12 12 12", 12, 3, None, None),
        ("Curls 12, 10, 8", None, 3, None, None),
        ("Curls 12,10,8", None, 3, None, None),
        ("Push 12/10/08", None, None, None, None),
        ("Split squat | 3 | 10", 10, 3, None, None),
        ("| Squat (high bar) | 4 | 8-10 | 90s |", 8, 4, 90, None),
        ("Squats | 30 | 10", None, None, None, None),
        ("Affondi 12 per gamba", 12, None, None, None),
        ("Thirty second plank", None, None, 30, None),
        ("Kniebeugen 3 Sätze 12 Wiederholungen", 12, 3, None, None),
        ("休憩20秒", None, None, 20, None),
        ("Tempo squats 3-1-3", None, None, None, None),
        ("00:35 Warm up", None, None, None, None),
        ("[12:05] Crunches", None, None, None, None),
        ("0:30 High Knees", None, None, 30, None),
        ("02 INCLINE PRESS", None, None, None, None),
        ("(3) Inchworms", None, None, None, None),
        ("Ex. 7: Push-ups", None, None, None, None),
        ("Farmer carry, 40 m", None, None, None, None),
        ("10 x 20m sprints", None, 10, None, None),
        ("Side plank - 30", None, None, 30, None),
        ("Hollow hold 20", None, None, 20, None),
        ("Lunges (20 total)", 20, None, None, None),
        ("Ab circuit x2", None, 2, None, None),
        ("Rest 15", None, None, 15, None),
        ("Round break 1:00", None, None, 60, None),
        ("Deadlift 180x3", 3, None, None, None),
        ("Interval 5 of 12: burpees", None, None, None, None),
        ("Curtsy lunges 12 ea. leg", 12, None, None, None),
        ("Side lunges: 12 on each side", 12, None, None, None),
        ("Lunges (10 per side)", 10, None, None, None),
        ("Lunges [12 on each leg]", 12, None, None, None),
        ("Lunges (8 e/s)", 8, None, None, None),
        ("Lunges 12 a side", 12, None, None, None),
        ("Ausfallschritte (10 pro Seite)", 10, None, None, None),
        ("Turkish get-up (1 per side)", 1, None, None, None),
        ("Squats (5 every day)", None, None, None, None),
        ("Squats (minimum 40)", 40, None, None, None),
        ("Jab (2 – 3 minutes)", None, None, 120, None),
        ("Lunges (every 3rd step)", None, None, None, None),
        ("Plank at the 30 minute mark", None, None, None, None),
        ("2 rounds of 6:00 on / 3:00 rest", None, 2, 360, 180),
        ("Sumo deadlift 3-3-3-3-3", 3, 5, None, None),
        ("Thrusters 21-15-9", None, 3, None, None),
        ("Squat 4-0-2-0", None, None, None, None),
        ("Squat tempo 10-0-10", None, None, None, None),
        ("Rowing ladder 10-20-30", None, 3, None, None),
        ("Push day 26-11-2025", None, None, None, None),
        ("Squats, vlog 12-24-25", None, None, None, None),
        ("Skull crushers – 35x10x3", 10, 3, None, None),
        ("Bench 3x10x60kg", 10, 3, None, None),
        ("Every 90 s x 4: cleans", None, 4, 90, None),
        ('Plank 45" x 3', None, 3, 45, None),
        ("Min 3 - sprint", None, None, None, None),
        ("Walking lunges (at 4:50 AM)", None, None, None, None),
        ("20 round kicks", 20, None, None, None),
        ("20 bridges with a 2-second squeeze", 20, None, None, None),
        ("P90X Core Synergistics", None, None, None, None),
        ("Back squat top set @8", None, None, None, None),
        ("3 sec pause squats", None, None, None, None),
        ("DB shrugs, 2 sec hold", None, None, None, None),
        ("Lunges 10/10", 10, None, None, None),
        ("Lunges – 12 per side x 3", 12, 3, None, None),
        ("Side-steps 10/side", 10, None, None, None),
        ("Barbell curl 21 reps", 21, None, None, None),
        ("Deadlift 405", None, None, None, None),
        ("Deadlift 1 rep max", None, None, None, None),
        ("Three deep breaths", 3, None, None, None),
        ("Rest (10)", None, None, 10, None),
        ("Minute rest", None, None, 60, None),
        ("Repeat x3", None, 3, None, None),
        ("Mountain climbers - 5 ways", None, None, None, None),
        ("Squats 3x (10 reps)", 10, 3, None, None),
        ("4x(20 sec burpees, 10 sec rest)", None, 4, 20, 10),
        ("5000 steps", None, None, None, None),
        ("Side plank 3x30-45s", None, 3, 30, None),
        ("Side plank 3 x 30 - 45 sec", None, 3, 30, None),
        ("Squat 3x1 - 2 min rest", 1, 3, None, None),
        ("Side plank – 30s/side x3", None, 3, 30, None),
        ("Plank 30s each side x 3", None, 3, 30, None),
        ("Lunges x 12", 12, None, None, None),
        ("3-way lunges", None, None, None, None),
        ("Lunges – 4 directions", None, None, None, None),
        ("0640-0650: Cool Down", None, None, None, None),
        ("10-12 push-ups", 10, None, None, None),
    ],
)
def test_numbers_are_taken_off(
    title: str, repetitions: int | None, sets: int | None, duration_s: float | None, rest_s: float | None
) -> None:
    label = label_title(title)
    assert (label.repetitions, label.sets, label.duration_s, label.rest_s) == (repetitions, sets, duration_s, rest_s)


@pytest.mark.parametrize(
    ("title", "side"),
    [
        ("Side Plank (L)", "left"),
        ("Lunges - R", "right"),
        ("Lunges, 30 seconds left", "left"),
        ("30 seconds left", None),
        ("30s left to go", None),
        ("Lunges R leg", "right"),
        ("Kettlebell press L arm, slow", "left"),
        ("R5 heavy bag work", None),
        ("R5: squats", None),
        ("20 lunges, right leg forward", "right"),
        ("Curtsy lunge L/R", "both"),
        ("Lunges each side", "both"),
        ("T push-ups (one push-up, then turn into a side plank and reach up, alternate sides)", None),
        ("Rows x 12/side", "both"),
        ("Left and right lunges", "both"),
        ("Seitstütz rechts", "right"),
        ("Plancha lateral izquierda", "left"),
        ("L-sit", None),
        ("R", "right"),
        ("Squats", None),
        ("Fire hydrants (both)", "both"),
        ("Free push-up program (link below)", None),
        ("Kniehebelauf auf der Stelle", None),
        ("Gatto e mucca", None),
        ("Shuffle R to L", None),
        ("Bird dog opposite arm/leg", None),
        ("SL glute bridge ea", "both"),
        ("Seitstütz li.", "left"),
    ],
)
def test_the_side_is_kept(title: str, side: str | None) -> None:
    assert label_title(title).side == side


def test_the_iliotibial_band_is_no_equipment() -> None:
    assert (
        label_title("IT band stretch with band").equipment == label_title("Pull-apart with band").equipment == ("band",)
    )
    assert not label_title("Foam roll quads / IT band").equipment


def test_rounds_that_are_counted_are_no_repetitions() -> None:
    label = label_title("Round 3 of 4")
    assert (label.kind, label.repetitions) == ("section", None)


@pytest.mark.parametrize(
    ("title", "equipment"),
    [
        ("Calf raises off the step", ("box",)),
        ("Mountain climbers (hands on step)", ("box",)),
        ("Push-ups (step)", ("box",)),
        ("Step clap", ()),
        ("Cross step", ()),
        ("Small step-out squats", ()),
    ],
)
def test_a_step_is_something_to_stand_on_or_one_of_the_feet(title: str, equipment: tuple[str, ...]) -> None:
    assert label_title(title).equipment == equipment


@pytest.mark.parametrize(
    ("title", "equipment"),
    [
        ("Body weight squats", ()),
        ("Squats with weights", ("weight",)),
        ("Walking lunges - 3x12 steps each leg", ()),
        ("Plate loaded shoulder press", ("machine",)),
    ],
)
def test_what_it_is_done_with(title: str, equipment: tuple[str, ...]) -> None:
    assert label_title(title).equipment == equipment


def test_a_tempo_alone_is_no_punches() -> None:
    assert label_title("Tempo 3-1-1").exercises == ()
    assert label_title("1-1-2").exercises == ("punch",)
