"""A gain for motion that does not repeat itself: its power is spread over all low frequencies, and falls from there on."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fimad.simulate.smoothing.floor import FLOOR_SLOPE, NOTHING, Bins
from fimad.simulate.types import Floats

# A median over this band passes over the peaks of what repeats, and varies little by chance.
_BAND_HZ = 4.0
_FROM_HZ = 0.3
_FEWEST = 8
_STEEPEST = 3.0


def broad_gain(squared: Floats, floor: Floats, bins: Bins) -> Floats:
    """(k, m) Wiener gains 1 − N/P (Wiener 1949) of spectra that fall with frequency: none is larger than one before it.

    P is the running median of the periodogram over its expected ratio to the mean, ln 2. Between the peaks of a motion that
    repeats itself that is the floor, so that nothing is kept there; of an irregular one it is the motion's own power.

    Parameters
    ----------
    squared, floor : (k, m) squared Fourier coefficients, and the noise's power.
    bins : of them. If noise falls faster than the floor does where it alone is expected, so it is taken to do below: what is
        correlated in time must not pass for motion.
    """
    frequency_hz, band_hz = bins.frequency_hz, bins.band_hz
    periodogram = squared / bins.length
    band = (frequency_hz > band_hz[0]) & (frequency_hz < band_hz[1])
    if np.count_nonzero(band) > _FEWEST:
        slope = -np.polyfit(np.log(frequency_hz[band]), np.log(periodogram[:, band] + NOTHING).mean(0), 1)[0]
        steeper = min(max(slope - FLOOR_SLOPE, 0.0), _STEEPEST)
        floor = floor * np.maximum(1, np.sqrt(band_hz[0] * band_hz[1]) / np.maximum(frequency_hz, _FROM_HZ)) ** steeper
    size = max(3, 2 * round(_BAND_HZ / 2 / (frequency_hz[1] - frequency_hz[0])) + 1)
    power = ndimage.median_filter(periodogram, (1, size), mode="reflect") / np.log(2)
    gain: Floats = np.clip(1 - floor / np.maximum(power, NOTHING), 0, 1)
    first = int(np.searchsorted(frequency_hz, _FROM_HZ))
    gain[:, first:] = np.minimum.accumulate(gain[:, first:], axis=1)
    gain[:, :first] = gain[:, first : first + 1]
    return gain
