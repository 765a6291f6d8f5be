"""The one form that every set is read into: recordings of one sensor each, and windows cut from them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from fimad.errors import ConfigError
from fimad.labels import load_mapping

ACC = ("acc_x", "acc_y", "acc_z")
GYR = ("gyr_x", "gyr_y", "gyr_z")

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """What one sensor measured without a gap while one thing was done.

    Parameters
    ----------
    x : (t, 3) or (t, 6). Specific force in m/s² (a sensor at rest reads 9.81 m/s² upwards), then, where the sensor has
        a gyroscope, angular rate in rad/s; right-handed axes of the sensor.
    label : one of the set's classes.
    person : who must not be in training and test at once; the set's `unit` says what it is where that is not a person.
    placement : where the sensor sits, by fimad's names where there is one.
    session : what the sensors of one moment share; recordings of one session have the same length.
    """

    x: Samples
    label: str
    person: str
    placement: str
    session: str

    def __repr__(self) -> str:
        return f"Recording({self.label!r}, person {self.person}, {self.placement}, {len(self.x)} x {self.x.shape[1]})"

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the columns of `x`."""
        return (ACC + GYR)[: self.x.shape[1]]


@dataclass(frozen=True)
class About:
    """Where a set comes from and what one has to know of it.

    Parameters
    ----------
    title, where, licence, citation : its name, where to get it, what it may be used for, what to cite.
    files : what `load` reads, in its publisher's form.
    rate_hz : of what `load` returns.
    unit : what `Recording.person` stands for.
    traps : what was handled, and what can't be.
    mapping : its table in `fimad.labels`, "" where it has none.
    splits : name to persons; `split_source` says whose they are.
    checksums : SHA-256 by file name where the publisher states them.
    """

    title: str
    where: str
    licence: str
    citation: str
    files: str
    rate_hz: float
    classes: tuple[str, ...]
    placements: tuple[str, ...]
    null: str = ""
    unit: str = "person"
    traps: tuple[str, ...] = ()
    mapping: str = ""
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split_source: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)


class Windows(NamedTuple):
    """Windows of equal length.

    `x` is (n, c, t) float32 in m/s² and rad/s, `y` (n,) the number of the class in `HarDataset.classes`, `groups` (n,)
    the person of each window.
    """

    x: Samples
    y: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]


@dataclass(frozen=True)
class HarDataset:
    """A set of real recordings.

    >>> from fimad.har import load
    >>> motionsense = load("motionsense", "A_DeviceMotion_data")            # doctest: +SKIP
    >>> x, y, groups = motionsense.split("train").windows(2.56, rate_hz=50)  # doctest: +SKIP
    """

    name: str
    about: About
    recordings: tuple[Recording, ...]
    #: What was left out when the files were read, with the reason.
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        seconds = sum(len(each.x) for each in self.recordings) / self.rate_hz
        return (
            f"HarDataset({self.name}: {len(self.recordings)} recordings of {len(self.persons)} {self.about.unit}s, "
            f"{seconds / 3600:.1f} h at {self.rate_hz:g} Hz, {len(self.classes)} classes; {', '.join(self.placements)})"
        )

    @property
    def rate_hz(self) -> float:
        """Samples a second of each recording."""
        return self.about.rate_hz

    @property
    def classes(self) -> tuple[str, ...]:
        """The set's own names; `y` of a window is a place in this list."""
        return self.about.classes

    @property
    def null(self) -> str:
        """The class of what is no exercise, "" where the set has none."""
        return self.about.null

    @property
    def persons(self) -> tuple[str, ...]:
        """Who was recorded, numbers in their order."""
        return tuple(sorted({each.person for each in self.recordings}, key=_natural))

    @property
    def placements(self) -> tuple[str, ...]:
        """Where sensors sit in these recordings."""
        return tuple(dict.fromkeys(each.placement for each in self.recordings))

    def exercise_of(self, label: str) -> str | None:
        """The exercise of fimad's taxonomy that a class is; None for NULL and where nothing corresponds."""
        return load_mapping(self.about.mapping).exercise_of(label) if self.about.mapping else None

    def select(
        self, persons: Sequence[str] | None = None, placement: str | None = None, classes: Sequence[str] | None = None
    ) -> HarDataset:
        """The recordings of some persons, one placement or some classes; class numbers stay what they are."""
        return replace(
            self,
            recordings=tuple(
                each
                for each in self.recordings
                if (persons is None or each.person in persons)
                and (placement is None or each.placement == placement)
                and (classes is None or each.label in classes)
            ),
        )

    def split(self, name: str) -> HarDataset:
        """The persons of a pinned split. Raises `ConfigError` where the set has none of that name."""
        if name not in self.about.splits:
            raise ConfigError(
                f"{self.about.title} has no split {name!r}.",
                f"It has {', '.join(self.about.splits) or 'no pinned split'}.",
                "Split by `groups` instead, with `GroupKFold` for example.",
            )
        return self.select(persons=self.about.splits[name])

    def windows(
        self,
        length_s: float,
        rate_hz: float | None = None,
        overlap: float = 0.5,
        *,
        placement: str | Sequence[str] | None = None,
        channels: str = "acc",
        null: bool = False,
        short: str = "drop",
    ) -> Windows:
        """Windows that lie within one recording each.

        Parameters
        ----------
        length_s : of each window.
        rate_hz : resampled to, with an anti-aliasing filter; the set's own rate where it is None.
        overlap : share of a window that the next one repeats, from 0 to below 1.
        placement : needed where the set has several. Several names stack what was measured at one moment along the
            channels, in this order.
        channels : "acc" for 3 a placement, "all" for acceleration and angular rate.
        null : keep windows of the NULL class.
        short : "drop" recordings shorter than a window, with a warning that counts them, or "pad" with their last sample.

        Raises
        ------
        ConfigError : a placement or channel that the set does not have, or a length that makes no window.
        """
        placements = self._placements(placement)
        rate = float(rate_hz or self.rate_hz)
        if not (length_s > 0 and rate > 0 and 0 <= overlap < 1) or channels not in ("acc", "all"):
            raise ConfigError(
                f"No windows of {length_s} s at {rate} Hz with an overlap of {overlap} and channels {channels!r}.",
                "Length and rate are above 0, the overlap is from 0 to below 1, the channels are acc or all.",
                'For example: windows(2.56, rate_hz=50, overlap=0.5, channels="all").',
            )
        size = max(1, round(length_s * rate))
        step = max(1, round(size * (1 - overlap)))
        number = {label: place for place, label in enumerate(self.classes)}
        xs: list[Samples] = []
        ys: list[int] = []
        groups: list[str] = []
        dropped = 0
        for first, x in self._moments(placements, channels):
            if first.label == self.null and self.null and not null:
                continue
            x = resample(x, self.rate_hz, rate)
            if len(x) < size and short == "pad":
                x = np.pad(x, ((0, size - len(x)), (0, 0)), mode="edge")
            if len(x) < size:
                dropped += 1
                continue
            cut = [x[start : start + size].T for start in range(0, len(x) - size + 1, step)]
            xs += cut
            ys += [number[first.label]] * len(cut)
            groups += [first.person] * len(cut)
        if dropped:
            logging.getLogger(__name__).warning(
                "%s: %d recordings are shorter than %g s and make no window", self.about.title, dropped, length_s
            )
        width = len(placements) * (3 if channels == "acc" else 6)
        stacked = np.stack(xs) if xs else np.zeros((0, width, size), np.float32)
        return Windows(np.ascontiguousarray(stacked, np.float32), np.array(ys, np.int64), np.array(groups, np.str_))

    def _placements(self, asked: str | Sequence[str] | None) -> tuple[str, ...]:
        have = self.placements
        placements = have if asked is None else (asked,) if isinstance(asked, str) else tuple(asked)
        if (asked is None and len(have) > 1) or not placements or not set(placements) <= set(have):
            raise ConfigError(
                f"{self.about.title} has no single placement {asked!r}."
                if asked
                else f"{self.about.title}: which placement?",
                f"These recordings have {', '.join(have) or 'none'}.",
                f"Name one or several, for example placement={have[0] if have else 'left_wrist'!r}.",
            )
        return placements

    def _moments(self, placements: tuple[str, ...], channels: str) -> list[tuple[Recording, Samples]]:
        """What the placements measured at once, stacked, with the first placement's recording."""
        moments: dict[str, dict[str, Recording]] = {}
        for each in self.recordings:
            if each.placement in placements:
                moments.setdefault(each.session, {})[each.placement] = each
        found = []
        for at_once in moments.values():
            if len(at_once) < len(placements):
                continue
            parts = [at_once[placement] for placement in placements]
            if channels == "all" and any(part.x.shape[1] < 6 for part in parts):
                lacking = next(part.placement for part in parts if part.x.shape[1] < 6)
                raise ConfigError(
                    f"{self.about.title} has no gyroscope at {lacking}.",
                    "The sensor there, or the file that was read, has the accelerometer alone.",
                    'Ask for channels="acc", or for another placement.',
                )
            width = 3 if channels == "acc" else 6
            found.append((parts[0], np.concatenate([part.x[:, :width] for part in parts], axis=1)))
        if moments and not found:
            raise ConfigError(
                f"{self.about.title} has nothing that {' and '.join(placements)} measured at once.",
                "Each of these sensors was worn, or is cut into recordings, on its own.",
                "Cut windows of one placement at a time.",
            )
        return found


def resample(x: Samples, from_hz: float, to_hz: float) -> Samples:
    """Samples (t, c) at another rate, by a polyphase filter that keeps aliases out."""
    if from_hz == to_hz:
        return x
    ratio = Fraction(to_hz / from_hz).limit_denominator(1000)
    made = resample_poly(x.astype(np.float64), ratio.numerator, ratio.denominator, axis=0, padtype="line")
    return np.asarray(made, np.float32)


def _natural(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isascii() and text.isdigit() else (0, text)
