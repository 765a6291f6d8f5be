"""Time stamps that restart, wrap or jump on the way, put on one rising line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fimad.pipeline.media.tracks import Floats, Ints, Shifts, Track

# A time stamp that goes back by more than this begins a new part, s; where only presentation times are known, those of
# reordered pictures go back too, by a few pictures. The first and the last are those of ffmpeg (`fftools/ffmpeg_demux.c`).
_BACK_S = 0.1
_BACK_REORDERED_S, _BACK_PICTURES = 1.0, 16
_FORWARD_S = 10.0
# Sound that goes on for longer than this after the pictures of a part holds the next part back.
_TRAILING_SOUND_S = 0.5
# Parts of sound and of picture belong together if they begin within this, s.
_TOGETHER_S = 5.0
_MOST_PARTS = 1000
# Of parts with fewer pictures nobody puts a recording together: the clock itself is broken.
_FEWEST = 10
# A decoder holds back at most so many pictures.
_REORDERED = 20


def unrolled(video: Track, audio: Track | None, *, jumping: bool) -> dict[int, Shifts] | None:
    """For each stream, from which packet on how many ticks are added; None if there is no telling.

    Parameters
    ----------
    jumping : whether the format's clock may leap forward; elsewhere a leap is a hole in what was recorded.
    """
    tracks = [video] if audio is None or not len(audio.pts) else [video, audio]
    edges = [[_first_of_part(track, edge) for edge in _edges(track, tracks, jumping)] for track in tracks]
    if len(edges[0]) > _MOST_PARTS or (len(edges[0]) > 1 and len(video.pts) < _FEWEST * len(edges[0])):
        return None
    pictures = _parts(video, edges[0])
    sounds = _parts(tracks[1], edges[1]) if len(tracks) > 1 else []
    partners = _partners(pictures, sounds)
    shifts_s: list[float] = []
    end_s = 0.0
    for at, (low, high) in enumerate(pictures):
        shifts_s.append(end_s - low if shifts_s else 0.0)
        end_s = high + shifts_s[-1]
        trailing_s = max((sounds[n][1] for n, each in enumerate(partners) if each == at), default=high) + shifts_s[-1]
        if trailing_s > end_s + _TRAILING_SOUND_S:
            end_s = trailing_s
    result = {video.index: _ticks(edges[0], shifts_s, video.base)}
    if len(tracks) > 1:
        heard_s: list[float] = []
        for (low, high), partner in zip(sounds, partners, strict=True):
            heard_s.append(shifts_s[partner] if partner is not None else end_s - low if heard_s else 0.0)
            end_s = high + heard_s[-1]
        result[tracks[1].index] = _ticks(edges[1], heard_s, tracks[1].base)
    return result


def _edges(track: Track, tracks: Sequence[Track], jumping: bool) -> list[int]:
    """Numbers of a track's packets that begin a part. A leap forward is a hole if another track goes on in it."""
    stamps, decoding = track.stamps()
    known = np.flatnonzero(np.isfinite(stamps))
    if len(known) < 2:
        return [0]
    rising, sure = stamps[known], decoding[known]
    step = np.diff(rising)
    # However pictures are reordered, a quarter of the steps are of one picture.
    reordered_s = max(_BACK_REORDERED_S, _BACK_PICTURES * float(np.quantile(np.abs(step), 0.25)))
    new = np.where(sure[1:] & sure[:-1], step < -_BACK_S, step < -reordered_s)
    for at in np.flatnonzero(step > _FORWARD_S) if jumping else ():
        place = track.numbers()[known[[at, at + 1]]]
        beside = (_running(other, place) for other in tracks if other is not track)
        new[at] = not any(((each > rising[at] + 1) & (each < rising[at + 1] - 1)).any() for each in beside)
    return [0, *(int(known[at + 1]) for at in np.flatnonzero(new))]


def _running(track: Track, place: Ints) -> Floats:
    """Stamps that a track runs through, without a leap of its own, around two places in the file: other parts may have any."""
    stamps = track.stamps()[0]
    step = np.diff(stamps, prepend=stamps[:1])
    runs = np.cumsum((step < -_BACK_S) | (step > _FORWARD_S))
    near = np.clip(np.searchsorted(track.numbers(), place), 0, len(runs) - 1)
    through: Floats = stamps[(runs >= runs[near[0]]) & (runs <= runs[near[1]])]
    return through


def _first_of_part(track: Track, edge: int) -> int:
    """The packet that begins the part which was found to begin at `edge`.

    Where a format states no decoding times, FFmpeg makes them up from the last few presentation times, which are still those of
    the part before.
    """
    if edge == 0:
        return 0
    low = max(0, edge - _REORDERED)
    times = track.presented()[low : edge + 1]
    fall = np.maximum.accumulate(times)[:-1] - times[1:]
    far = np.flatnonzero(fall > max(_BACK_REORDERED_S, 0.5 * np.nanmax(fall)))
    return low + 1 + int(far[0]) if len(far) else edge


def _parts(track: Track, edges: list[int]) -> list[tuple[float, float]]:
    """(start, end) of each part as stamped, s."""
    parts = []
    for begin, end in zip(edges, [*edges[1:], None], strict=True):
        times, stated_s = track.shown(begin, end)
        if not len(times):
            parts.append((0.0, 0.0))
            continue
        step_s = float(np.median(np.diff(np.sort(times)))) if len(times) > 1 else 0.0
        parts.append((float(times.min()), float(times.max()) + (stated_s or step_s)))
    return parts


def _partners(pictures: Sequence[tuple[float, float]], sounds: Sequence[tuple[float, float]]) -> list[int | None]:
    """For each part of the sound, the part of the picture that belongs to it."""
    if len(pictures) == 1:
        # A picture without jumps is the clock.
        return [0 if at == 0 else None for at in range(len(sounds))]
    partners: list[int | None] = []
    free = 0
    for start, _ in sounds:
        found = next((at for at in range(free, len(pictures)) if abs(pictures[at][0] - start) <= _TOGETHER_S), None)
        if found is not None:
            free = found + 1
        partners.append(found)
    return partners


def _ticks(edges: Sequence[int], shifts_s: Sequence[float], base: float) -> Shifts:
    return tuple((number, round(shift / base)) for number, shift in zip(edges, shifts_s, strict=True))
