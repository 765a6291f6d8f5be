"""Live streams and premieres: when their recording is worth asking for."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from fimad.errors import TransientError

# After a stream has begun: most have ended, and are published, six hours later.
_RECORDED_S = 6 * 3600.0
# Whoever announces a stream for the year after next is asked again before.
_MOST_S = 30 * 86_400.0
_BEGINS_IN = re.compile(r"\bin (?:an?|(\d{1,4})) ?(minute|hour|day|week)", re.IGNORECASE)
_UNIT_S = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}


def not_recorded(what: str, info: Mapping[str, Any] | None = None) -> TransientError:
    """The failure of a stream without a recording; `retry_after_s` is when a later run should ask again.

    The beginning is taken from the metadata (`release_timestamp`), else from the message ("Premieres in 3 hours").
    """
    begins_s = 0.0
    release = (info or {}).get("release_timestamp")
    told = _BEGINS_IN.search(what)
    if isinstance(release, int | float) and not isinstance(release, bool) and 0 < release < 1e11:
        begins_s = max(0.0, release - time.time())
    elif told:
        begins_s = float(told[1] or 1) * _UNIT_S[told[2].lower()]
    return TransientError(
        what,
        "It has not ended, or not begun: there is no recording yet.",
        "A later `fimad build` asks again by itself, once it can be there.",
        reason="live",
        retry_after_s=min(begins_s + _RECORDED_S, _MOST_S),
    )
