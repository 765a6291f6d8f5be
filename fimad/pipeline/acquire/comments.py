"""Comments of an info.json that list chapters: their lines with times, without who wrote them.

Viewers write chapters under videos that have none ("0:00 squats 1:05 lunges"); they also write when they laughed. Only
comments with two times and more are kept, and of their authors nothing but whether the video's own.
"""

from __future__ import annotations

import re
from typing import Any

from fimad.pipeline.acquire.infojson import number_of, text_of

_LOOKED_AT = 20_000
_KEPT = 20
_MOST_CHARACTERS = 20_000
_TIME = re.compile(r"\d{1,3}[:：]\d\d")


def comments_of(info: dict[str, Any]) -> list[dict[str, Any]]:
    """The comments with at least two times, the uploader's and pinned ones first, then by likes; at most 20.

    Returns rows of `schema.COMMENT`.
    """
    comments = info.get("comments")
    if not isinstance(comments, list):
        return []
    kept: list[dict[str, Any]] = []
    for each in comments[:_LOOKED_AT]:
        if not isinstance(each, dict):
            continue
        text = text_of(each.get("text"))
        if text is None or len(_TIME.findall(text[:_MOST_CHARACTERS])) < 2:
            continue
        likes = number_of(each.get("like_count"))
        kept.append(
            {
                "text": text[:_MOST_CHARACTERS],
                "likes": int(likes) if likes is not None and 0 <= likes < 2**31 else 0,
                "by_uploader": each.get("author_is_uploader") is True,
                "pinned": each.get("is_pinned") is True,
            }
        )
    kept.sort(key=lambda row: (not row["by_uploader"], not row["pinned"], -row["likes"], row["text"]))
    return kept[:_KEPT]
