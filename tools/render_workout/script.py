"""What happens when: the workout's chapters, and any time line of motions as one smooth pose over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.render_workout.motions import MOTIONS
from tools.render_workout.pose import Floats, Pose, smoothstep, standing

#: Within a chapter: the coach speaks, the person starts, fades into the full motion, and comes to rest before the end.
LEAD_S, FADE_S, REST_S = 1.2, 0.8, 0.3


@dataclass(frozen=True)
class Chapter:
    """One exercise of a video."""

    title: str
    motion: str
    start_s: float
    end_s: float
    cue: str


WORKOUT: tuple[Chapter, ...] = (
    Chapter(
        "Warm-up: march in place", "march", 0.0, 9.0, "Welcome! We warm up and march in place. Lift your knees high."
    ),
    Chapter("Squats", "squat", 9.0, 18.0, "Next, squats. Sit back, and keep your chest up."),
    Chapter("Jumping jacks", "jumping_jack", 18.0, 26.0, "Now jumping jacks. Land softly on your feet."),
    Chapter("Reverse lunges, left and right", "lunge", 26.0, 37.0, "Reverse lunges. Step back, and lower your knee."),
    Chapter(
        "Overhead press",
        "overhead_press",
        37.0,
        46.0,
        "Last one, the overhead press. Push both hands up to the ceiling.",
    ),
)
DURATION_S = WORKOUT[-1].end_s


def workout_pose(time_s: Floats, chapters: Sequence[Chapter] = WORKOUT) -> Pose:
    """The pose at each time: standing, and in each chapter its motion."""
    pose = standing(time_s)
    for chapter in chapters:
        begin_s = chapter.start_s + LEAD_S
        fade_in = smoothstep((time_s - begin_s) / FADE_S)
        fade_out = smoothstep((time_s - (chapter.end_s - REST_S - FADE_S)) / FADE_S)
        motion = MOTIONS[chapter.motion]
        pose = pose.mixed(motion.pose(time_s - begin_s, motion.period_s), fade_in - fade_out)
    return pose


def clip_pose(motion: str, period_s: float | None = None, amplitude: float = 1.0) -> Callable[[Floats], Pose]:
    """One motion without beginning or end; `amplitude` scales how far it goes from standing."""
    chosen = MOTIONS[motion]

    def pose(time_s: Floats) -> Pose:
        moved = chosen.pose(time_s, period_s or chosen.period_s)
        return standing(time_s).mixed(moved, 0 * time_s + amplitude)

    return pose
