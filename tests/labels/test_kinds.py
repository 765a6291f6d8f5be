"""What a title is by its words: exercise, rest, section, talk or other."""

from __future__ import annotations

import pytest

from fimad.labels import label_title
from fimad.labels.context.lists import in_list


@pytest.mark.parametrize(
    "title", ["Hammer to Fall", "Chop Suey!", "Drowning in the Pain of Consciousness", "Sound Waves"]
)
def test_songs_and_lectures_are_no_exercises(title: str) -> None:
    assert label_title(title).kind != "exercise"
    assert label_title("Hammers").exercises == ("hammer_curl",)


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("My pull-up journey", "talk"),
        ("Squat shoes I use", "talk"),
        ("Are burpees overrated", "talk"),
        ("Bench press world record story", "talk"),
        ("The problem with sit-ups", "talk"),
        ("Deadlift stance width", "talk"),
        ("Pull-ups for beginners: where to start", "talk"),
        ("Your squat sucks, here's why", "talk"),
        ("No more crunches", "talk"),
        ("From 0 to 10 pull-ups", "talk"),
        ("Deadlift vs RDL", "talk"),
        ("30 day plank challenge", "section"),
        ("Warm up for squats", "section"),
        ("Music: Run the World", "other"),
        ("🎵 Jump Around", "other"),
        ("Box opening", "talk"),
        ("100 push-ups a day: my results", "talk"),
        ("Butt wink in the squat", "talk"),
        ("Squatting with back pain", "talk"),
        ("Try this plank variation", "talk"),
        ("Warm up & breathing", "section"),
        ("3 rounds: 40s on / 20s rest", "section"),
        ("5 rounds of:", "section"),
        ("Every 90 s x 4", "section"),
        ("Repeat series on the other side", "section"),
        ("Finisher (without burpees)", "section"),
        ("10s off", "rest"),
        ("Don't do this on deadlifts!", "talk"),
        ("Ausführung der Kniebeuge", "talk"),
        ("Push up challenge day 12", "section"),
        ("Hip mobility for better squats", "section"),
        ("Deadlift day warm-up", "section"),
        ("Quads & calves", "section"),
        ("Back & rear delts", "section"),
        ("Rear delts 3x15", "exercise"),
        ("Full body B: hinge / pull / overhead", "section"),
        ("Squat, hinge, push", "section"),
        ("Squats, push-ups, pull-ups", "exercise"),
        ("Main lifts", "section"),
        ("Bench flow", "section"),
        ("Cobra flow", "exercise"),
        ("Squat rack 2", "other"),
        ("New exercise: lunges", "exercise"),
        ("Deadlift - new PR", "exercise"),
        ("Fitness news", "talk"),
        ("Rest-pause curls", "exercise"),
        ("Squats five sets of five, resting three minutes between sets", "exercise"),
        ("Bands or chains can be helpful for the speed work", "talk"),
        ("Training philosophy", "talk"),
        ("Crunch time at the office", "other"),
        ("Jumping to conclusions", "other"),
        ("Jump - Van Halen", "other"),
        ("Hammer throw finals", "other"),
        ("Ponte di Rialto", "other"),
        ("Child's pose - well done!", "exercise"),
        ("Time for squats", "exercise"),
        ("Next up is squats", "exercise"),
        ("My squats", "exercise"),
        ("Lat pulldown wide grip", "exercise"),
        ("Squats in my shoes", "exercise"),
        ("Kettlebell vs dumbbell", "talk"),
        ("Bench press: arch or no arch", "talk"),
        ("Bench press: elbow position", "talk"),
        ("The one cue that fixed my squat", "talk"),
        ("3 reasons you can't do a pull-up", "talk"),
        ("Jump rope for weight loss", "talk"),
        ("Dog joins the plank", "talk"),
        ("Review: Concept2 rower", "talk"),
        ("Weights down, warm up", "section"),
        ("Squat warm up sets", "section"),
        ("Partner stretches", "section"),
        ("Jump (For My Love)", "other"),
        ("Swing Low Sweet Chariot", "other"),
        ("100 jumping jacks challenge", "exercise"),
        ("His 300kg squat", "talk"),
        ("Her deadlift PR", "talk"),
        ("Today's plan: heavy squats", "talk"),
        ("Form tip: bench press", "talk"),
        ("Finisher: burpees", "exercise"),
        ("Losing 40 lbs with jump rope", "talk"),
        ("Returning to running", "talk"),
        ("Scaling the muscle ups", "talk"),
        ("Recovering from heavy squats", "talk"),
        ("Returning to child's pose", "exercise"),
        ("Finishing with calf raises", "exercise"),
        ("Floating lunges", "exercise"),
        ("Knee extension torque", "talk"),
        ("Hip thrust kinematics", "talk"),
        ("Tuck jumps x lots", "exercise"),
        ("Other side: reverse lunges", "exercise"),
        ("Other side", "rest"),
        ("Monday: Push", "section"),
        ("The Climb", "other"),
        ("Lift yourself up", "talk"),
        ("Jump (remix)", "other"),
        ("Round 5: freestyle", "section"),
        ("Round 5: plank", "exercise"),
        ("Finish time + splits", "other"),
        ("Squatting after 60", "talk"),
        ("Pull up bar weight limit", "talk"),
        ("Sit-ups: good or bad", "talk"),
        ("Squat week 4 results", "talk"),
        ("Plank warm-up routine", "section"),
        ("Deadlift PR attempt day", "section"),
        ("Lunges during pregnancy", "talk"),
        ("Daily planks for 30 days", "talk"),
        ("2 squat drills you need", "talk"),
        ("Let's talk deadlifts", "talk"),
        ("Filming burpees", "talk"),
        ("Build a bigger bench press", "talk"),
        ("Build to a heavy deadlift", "exercise"),
        ("Snatch technique work", "exercise"),
        ("Push-ups and keep going", "exercise"),
        ("The case against sit-ups", "talk"),
        ("Going from 5 to 20 pull-ups", "talk"),
        ("Missed squat attempt", "talk"),
        ("Squats and the lower back", "talk"),
        ("Push-ups changed my life", "talk"),
        ("Glute activation in the squat", "talk"),
        ("Squats and arm circles", "exercise"),
        ("We did 1000 burpees", "talk"),
        ("Top 5 push-up variations", "talk"),
        ("World record plank attempt", "talk"),
        ("Plank facing the wall", "exercise"),
        ("Deadlifts for back health", "talk"),
        ("Swing swing swing", "other"),
        ("Hop hop", "other"),
        ("She learned to squat at 60", "talk"),
        ("Everybody hates burpees", "talk"),
        ("Everyone burpees", "exercise"),
        ("We tried the viral plank challenge", "talk"),
        ("We start with planks", "exercise"),
        ("Watch me fail a pull-up", "talk"),
        ("Swap squats for this", "talk"),
        ("Swap: squats", "exercise"),
        ("Lesson 2: the squat", "talk"),
        ("Part 2: squats", "exercise"),
        ("The squat in detail", "talk"),
        ("A closer look at the deadlift", "talk"),
        ("Straight into the deadlift", "exercise"),
        ("Strong enough to deadlift", "talk"),
        ("On to the deadlift", "exercise"),
        ("Apart from squats", "talk"),
        ("My squat max", "talk"),
        ("Squats and why they matter", "talk"),
        ("Squats and hold", "exercise"),
        ("Squats, the king of exercises", "talk"),
        ("Squats - the last set", "exercise"),
        ("Squats - a bit slower", "exercise"),
        ("Squats in your 40s", "talk"),
        ("Push-ups in 2024", "talk"),
        ("Rowing in 2000 m", "exercise"),
        ("Squats as low as you can", "exercise"),
        ("Add in squats", "exercise"),
        ("Squats are up next", "exercise"),
        ("Squats are overrated", "talk"),
        ("The art of the squat", "talk"),
        ("A couple of squats", "exercise"),
        ("The right way to squat", "talk"),
        ("Time to squat", "exercise"),
        ("The push-up test and longevity", "talk"),
        ("Before you deadlift, read this", "talk"),
        ("Doctors love squats", "talk"),
        ("Squats to avoid", "talk"),
        ("Squats to jump", "exercise"),
        ("Don't squat like this", "talk"),
        ("Shin splints after burpees", "talk"),
        ("Grandma squats 100 kg", "talk"),
        ("The trouble with squats", "talk"),
        ("The press behind the neck", "exercise"),
        ("Squats did this to me", "talk"),
        ("Squats with me", "exercise"),
        ("Squat of the week", "talk"),
        ("Last squats of the day", "exercise"),
        ("Come into a squat", "exercise"),
        ("Come fare lo squat", "talk"),
        ("Burpees: friend or foe", "talk"),
        ("Squats, no equipment", "exercise"),
        ("Flat abs home workout // no equipment", "section"),
        ("Equipment-free workout", "section"),
        ("Séance HIIT sans matériel", "section"),
        ("No equipment, no excuses", "talk"),
        ("Recovery", "rest"),
        ("Recovery between sets", "rest"),
        ("Recovery circuit", "section"),
        ("Active recovery workout", "section"),
        ("Squat workout | no repeats", "section"),
        ("Jump rope HIIT", "section"),
        ("Running workout, squats", "exercise"),
        ("Full body stretch // fusion flow", "section"),
        ("30 min follow along HIIT", "section"),
        ("20s work", "section"),
        ("Keep going!", "talk"),
        ("Jumping jacks HD", "exercise"),
        ("Tool: Jumping Rope", "talk"),
        ("Tools: Walking, Running & Zone 2", "talk"),
        ("Pro or con: the squat", "talk"),
        ("The requirements needed to perform a squat", "talk"),
        ("Sit-ups, crunches, and spinal health", "talk"),
        ("Squats, deadlifts & back pain", "talk"),
        ("The most overrated exercise: upright rows", "talk"),
        ("Running a business", "other"),
    ],
)
def test_what_speaks_of_an_exercise_is_none(title: str, kind: str) -> None:
    assert label_title(title).kind == kind


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Inversions & arm balances (10 poses)", "section"),
        ("Sun salutation (12 poses)", "exercise"),
        ("5 sets | 30 sec rest", "section"),
        ("Rest 1 min between 5 sets", "rest"),
        ("Hold 30s each side", "other"),
        ("Balance each leg", "exercise"),
        ("Leg press, high foot position", "exercise"),
        ("Leg press, foot position", "talk"),
        ("Chair yoga flow", "section"),
        ("Core – Anti-Extension", "section"),
        ("Anti-rotation press", "exercise"),
    ],
)
def test_what_is_counted_and_where_it_is_done_tells_the_kind(title: str, kind: str) -> None:
    assert label_title(title).kind == kind


def test_one_word_of_many_meanings_needs_a_workout_around_it() -> None:
    def kinds(*titles: str) -> list[str]:
        labels = [label_title(title) for title in titles]
        return [in_list(label, [*labels[:at], *labels[at + 1 :]]).kind for at, label in enumerate(labels)]

    songs = ("Intro", "Bounce", "Paper Moon", "Fly", "Kings of Nothing", "Slow Rain", "Bridge")
    assert "exercise" not in kinds(*songs)
    assert kinds("Warm up", "Bridge", "Squats", "Rest", "Row") == [
        "section",
        "exercise",
        "exercise",
        "rest",
        "exercise",
    ]
    assert set(kinds("Row", "Press", "Curl", "Swing")) == {"exercise"}
    assert kinds("Bridge") == ["exercise"]
    assert kinds("Rows 3x10", "Paper Moon", "Slow Rain")[0] == "exercise"


def test_what_may_be_an_exercise_needs_one_beside_it() -> None:
    def kinds(*titles: str) -> list[str]:
        labels = [label_title(title) for title in titles]
        return [in_list(label, [*labels[:at], *labels[at + 1 :]]).kind for at, label in enumerate(labels)]

    course = ("Intro", "Installing the tools", "Git push", "Branches", "Conflicts of many people", "Summary")
    assert label_title("Git push").kind == "exercise"
    assert "exercise" not in kinds(*course)
    assert "exercise" in kinds(*course, "Squats", "Lunges")
    # Of a list of nothing else it is no sign.
    assert set(kinds("Keg toss", "Log lift", "Axle lift", "Stone lift", "Keg lift", "Tyre lift")) == {"exercise"}
    # Of few titles none is a sign.
    assert kinds("Intro", "Sqauts", "Outro")[1] == "exercise"


def test_swimming_among_exercises_of_pilates_is_on_the_mat() -> None:
    labels = [label_title(title) for title in ("The Hundred", "Swimming", "Teaser", "Corkscrew")]
    assert in_list(labels[1], [labels[0], *labels[2:]]).exercises == ("prone_swimming",)
    laps = [label_title(title) for title in ("Warm up", "Swimming", "Running", "Cycling")]
    assert in_list(laps[1], [laps[0], *laps[2:]]).exercises == ("swimming",)


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Hydration, sodium, magnesium & fasting", "other"),
        ("REST vs GraphQL", "talk"),
        ("Recovery tools", "talk"),
        ("Water break", "rest"),
        ("Have a little sip of water", "rest"),
        ("The importance of core strength", "talk"),
        ("Core strength", "section"),
        ("Everyone has a weak core that does not respond to training", "talk"),
    ],
)
def test_what_is_told_of_is_no_rest_and_no_part(title: str, kind: str) -> None:
    assert label_title(title).kind == kind


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Props you'll need: chair, light weights, ball", "talk"),
        ("Props needed: block and strap", "talk"),
        ("Child's pose with props", "exercise"),
        ("Supported fish pose (props)", "exercise"),
    ],
)
def test_what_is_needed_is_talk_and_what_is_used_is_not(title: str, kind: str) -> None:
    assert label_title(title).kind == kind


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Ruhetag", "rest"),
        ("20s Recupera", "rest"),
        ("Seitliches Rutschen im Dunkeln", "other"),
        ("Spannung 5 Sekunden halten", "other"),
    ],
)
def test_german_and_italian_words_are_told(title: str, kind: str) -> None:
    label = label_title(title)
    assert (label.kind, label.exercises) == (kind, ())
