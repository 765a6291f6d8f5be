"""Puts the report's page together: one HTML file that needs no network, under a content policy that allows none."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Mapping
from importlib.resources import files
from string import Template

from fimad.flags import FLAGS
from fimad.report.model import ClipCard, Report
from fimad.report.payload import POINTS, PREVIEW_FRAMES, PREVIEW_POINTS
from fimad.simulate.placements import PLACES
from fimad.skeleton import BONES

_SCRIPTS = (
    "base.js",
    "data.js",
    "charts.js",
    "preview.js",
    "gallery.js",
    "skeleton.js",
    "panels.js",
    "explorer.js",
    "main.js",
)
#: Longer texts are cut in the gallery, with an ellipsis; nobody reads 5,000 characters on a card.
_LONGEST_TEXT = 300
_LONGEST_FLAG = 40
# Written right-to-left marks would turn the page's own words around.
_DIRECTION = {ord(sign): "�" for sign in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"}


def asset(name: str) -> str:
    """The text of a file under assets/."""
    return (files("fimad.report") / "assets" / name).read_text("utf-8")


def clean(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Text from outside with control and direction signs replaced, and cut."""
    text = text[: longest + 1].translate(_DIRECTION)
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def page(
    report: Report, explorers: Mapping[str, str], media: Mapping[str, str] | None = None, single: str | None = None
) -> str:
    """The whole page.

    Parameters
    ----------
    explorers : explorer data by clip id (`payload.explorer`).
    media : addresses of videos by clip id, relative to the page; None shows skeletons alone.
    single : a clip id, for a page that is its explorer and nothing else.
    """
    data = _data(report, explorers, media or {}, single)
    style = asset("vendor/uplot.min.css") + asset("report.css")
    script = (
        asset("vendor/uplot.min.js") + "\n(() => {\n'use strict';\n" + "\n".join(map(asset, _SCRIPTS)) + "\n})();\n"
    )
    blocks = [f'<script type="text/plain" id="clip-data">{data}</script>']
    position = {clip.clip_id: at for at, clip in enumerate(report.clips)}
    blocks += [
        f'<script type="text/plain" id="x{position[clip_id]}">{text}</script>' for clip_id, text in explorers.items()
    ]
    return Template(asset("report.html")).substitute(
        title=html.escape(clean(report.name)),
        body_class="single" if single else "report",
        policy=_policy(style, script, bool(media)),
        style=style,
        script=script,
        data="\n".join(blocks),
        clips=f"{len(report.clips):,}",
        videos=f"{report.videos:,}",
        hours=f"{report.hours:,.1f}" if report.hours >= 1 else f"{report.hours * 60:,.1f}",
        hours_unit="hours" if report.hours >= 1 else "minutes",
        labels=f"{len({clip.label for clip in report.clips}):,}",
        origin=html.escape(clean(report.origin)),
        made_on=html.escape(report.made_on),
        version=html.escape(report.fimad_version),
    )


def _policy(style: str, script: str, media: bool) -> str:
    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    parts = ["default-src 'none'", f"script-src {digest(script)}", f"style-src {digest(style)}", "img-src data:"]
    parts += ["media-src 'self' file: data:"] if media else []
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def _data(report: Report, explorers: Mapping[str, str], media: Mapping[str, str], single: str | None) -> str:
    position = {clip.clip_id: at for at, clip in enumerate(report.clips)}
    content = {
        **report.to_json(),
        "name": clean(report.name),
        "columns": _columns(report.clips),
        "explorers": [position[clip_id] for clip_id in explorers],
        "media": {position[clip_id]: address for clip_id, address in media.items()},
        "single": None if single is None else position[single],
        "points": POINTS,
        "bones": [[POINTS.index(a), POINTS.index(b)] for a, b in BONES],
        "places": {
            name: [[POINTS.index(point), weight] for point, weight in place.point.items()]
            for name, place in PLACES.items()
        },
        "flag_words": {name: f"{flag.about} {flag.effect}" for name, flag in FLAGS.items()},
        "preview_points": PREVIEW_POINTS,
        "preview_frames": PREVIEW_FRAMES,
    }
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
    previews = b"".join(clip.preview for clip in report.clips)
    return base64.b64encode(zlib.compress(len(text).to_bytes(4, "little") + text + previews, 6)).decode()


def _columns(clips: list[ClipCard]) -> dict[str, object]:
    def rounded(value: float | None) -> float | None:
        return None if value is None or value != value else round(value, 3)

    return {
        "clip_id": [clip.clip_id for clip in clips],
        "title": [clean(clip.title) for clip in clips],
        "label": _dictionary([clean(clip.label) for clip in clips]),
        "channel": _dictionary([clean(clip.channel) for clip in clips]),
        "split": _dictionary([clip.split for clip in clips]),
        "language": _dictionary([clip.language for clip in clips]),
        "start_s": [rounded(clip.start_s) for clip in clips],
        "end_s": [rounded(clip.end_s) for clip in clips],
        "quality": [rounded(clip.quality) for clip in clips],
        "pose_share": [rounded(clip.pose_share) for clip in clips],
        "flags": [[clean(flag, _LONGEST_FLAG) for flag in clip.flags] for clip in clips],
        "preview": [int(bool(clip.preview)) for clip in clips],
        "similar": [clip.similar for clip in clips],
    }


def _dictionary(values: list[str]) -> dict[str, object]:
    """Each distinct text once, and where it stands."""
    known: dict[str, int] = {}
    codes = [known.setdefault(value, len(known)) for value in values]
    return {"values": list(known), "codes": codes}
