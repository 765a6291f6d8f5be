"""The vocabulary of `flags`: why a clip's virtual signals are not valid in places, or doubtful.

A flag is a property of the clip; where it acts on samples these are not valid. Details (shares, times, placements) stand in
`imu_report` under `flags`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Flag:
    """A reason to doubt a clip.

    Parameters
    ----------
    about : what was found, in one sentence.
    effect : what follows from it for the signals, in one sentence.
    """

    about: str
    effect: str


FLAGS: Final[dict[str, Flag]] = {
    "nobody": Flag("Nobody is found in half of the frames or more.", "There is no signal in those frames."),
    "outside": Flag(
        "Parts of the body are outside the picture, in 5 % of the frames or more.",
        "Placements that rest on them are not valid there.",
    ),
    "hidden": Flag(
        "A placement is hidden by the body or by things, in 30 % of the frames or more.",
        "It is not valid there; the placements are in the report.",
    ),
    "still_picture": Flag(
        "The picture of the person does not change at all for a second or more: a photo, an end card, a frozen video.",
        "Not valid there.",
    ),
    "dark": Flag(
        "The person is far darker than in the rest of the clip: a fade, or a card with text over the picture.",
        "Not valid there.",
    ),
    "other_person": Flag(
        "The tracked person changes, or leaps through the picture as nobody can.",
        "Signals end there and begin anew.",
    ),
    "camera_moves": Flag(
        "The camera moves.", "Its motion was measured on the background and undone; where that failed, not valid."
    ),
    "camera_unknown": Flag(
        "There is too little background to tell whether the camera moves, in a tenth of the pictures or more.",
        "The camera is taken to stand still; if it does not, its motion is in the signals.",
    ),
    "above": Flag(
        "The person is seen along the body, or lies on the floor under the camera: up in the picture is not up.",
        "Where trunk and legs point at the camera, not valid; else gravity may be a quarter turn off.",
    ),
    "behind": Flag(
        "The person is seen from behind, in half of the frames or more.",
        "Pose takes left for right more often there: arms and legs of one side may be the other's.",
    ),
    "swapped_sides": Flag(
        "Left and right were exchanged in some frames, and put back.", "Valid; the count of frames is in the report."
    ),
    "divided_sides": Flag(
        "Left and right are exchanged so often that neither way round has a clear majority.", "Not valid there."
    ),
    "leaping": Flag(
        "Landmarks leap faster than people move, in 2 % of all or more: limbs are hidden, blurred or guessed.",
        "The leaps are taken out and not valid; what lies between them is doubtful.",
    ),
    "short": Flag(
        "A fifth of the signal or more lies in stretches of pose shorter than 1.2 s.",
        "What is shorter than `simulate.shortest_s` is not valid; the rest is less sure.",
    ),
    "converted_rate": Flag(
        "Frames were repeated or left out when the video was converted to another frame rate.",
        "Repeated frames are dropped and the times respaced.",
    ),
    "implausible": Flag(
        "Somewhere the signals are what no human limb does: angular rates above 35 rad/s, accelerations above 150 m/s² "
        "(trunk: 80 m/s²), bones that change their length, or a height outside 1.0 to 2.3 m.",
        "Not valid there.",
    ),
    "no_result": Flag(
        "The folder of results has no file for the clip, or one that can't be used; `fimad why` says which and why.",
        "There is no pose and no signal.",
    ),
    "result_length": Flag(
        "The file that the pose was read from is longer or shorter than the clip or video that it is for.",
        "Valid where the file has frames; if it states the wrong rate, all is too fast or too slow.",
    ),
}
