"""How finely numbers were printed."""

from __future__ import annotations

from collections.abc import Iterable


def resolution(numbers: Iterable[str]) -> float:
    """The value of the last digit of numbers that a program printed: 0.001 for 0.017 and 0.033.

    Numbers without a fraction or with an exponent tell nothing by themselves; the finest of all counts.
    """
    finest = 0
    for at, text in enumerate(numbers):
        _, _, digits = text.strip().lower().partition(".")
        if "e" in digits:
            return 0.0
        finest = max(finest, len(digits))
        if at > _ENOUGH:
            break
    return 10.0**-finest if finest else 1.0


_ENOUGH = 2000
