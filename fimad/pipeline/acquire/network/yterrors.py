"""What yt-dlp's and HTTP's errors mean: a reason, whether trying again helps, and what the user can do."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Iterator

from fimad.errors import Filtered, FimadError, PermanentError, TransientError
from fimad.pipeline.acquire.network.broadcast import not_recorded

_COOKIES = (
    "Wait some hours, or export your browser's cookies and set `http.cookies_file`; downloads also go easier with a lower "
    "`http.videos_per_hour`."
)
_LATER = "Run the command again later; `fimad retry` tries what failed."
_DROP = "Take it off the list."

# (pattern in yt-dlp's message, reason, kind, why, what to do); the first match counts, so the special ones come first.
_MESSAGES: tuple[tuple[str, str, str, str, str], ...] = (
    (
        r"not a bot|confirm you.re not|captcha|cloudflare anti-bot|automated (queries|requests)",
        "bot_wall",
        "transient",
        "The platform takes this machine for a bot: too many requests, or an address of a data centre.",
        _COOKIES,
    ),
    (
        r"rate.?limit|too many requests|try again later|been blocked due to",
        "rate_limited",
        "transient",
        "The platform limits how many videos one visitor may fetch.",
        _COOKIES,
    ),
    (
        r"members.?only|join this channel|requires (channel )?membership|premium|purchase|requires payment|paid",
        "members_only",
        "permanent",
        "Only paying members may see it.",
        "If you are one, set `http.cookies_file`.",
    ),
    (
        r"confirm your age|age.?restricted|inappropriate for some users",
        "age_restricted",
        "permanent",
        "The platform asks for a signed-in adult.",
        "Set `http.cookies_file` to the cookies of a signed-in browser.",
    ),
    (
        r"private video|video is private|is private|sign in if you've been granted access",
        "private",
        "permanent",
        "The owner shows it to invited people only.",
        _DROP,
    ),
    (
        r"not available (in|from) your (country|location)|geo.?restrict|in your country|blocked it in",
        "geo_blocked",
        "permanent",
        "The owner or the platform blocks this country.",
        "Set `http.proxy` to a proxy in another country, if the platform's terms and the law allow that.",
    ),
    (
        r"removed|deleted|terminated|no longer available|copyright (claim|grounds)|does not exist|account.*closed",
        "removed",
        "permanent",
        "The owner or the platform took it down.",
        _DROP,
    ),
    (
        r"premieres? in|live event will begin|is not currently live|livestream|live stream",
        "live",
        "transient",
        "It has not ended, or not begun.",
        "A later `fimad build` asks again by itself.",
    ),
    (r"drm", "drm", "permanent", "The stream is protected against copying.", _DROP),
    (
        r"sign in|log ?in|account (is )?required|authentication",
        "login_required",
        "permanent",
        "Only signed-in visitors may see it.",
        "Set `http.cookies_file` to the cookies of a signed-in browser.",
    ),
    (r"page too large", "too_large", "permanent", "It sent more than any web page has: perhaps a trap.", _DROP),
    (
        r"timed out|timeout|the read operation",
        "timeout",
        "transient",
        "The server, or the way to it, is slow or broken.",
        _LATER,
    ),
    (
        r"did not get any data blocks|bytes read|more expected|incomplete|connection (reset|aborted|refused|broken)"
        r"|remote end closed|end of file|eof occurred|content too short|downloaded .* bytes, expected|giving up after",
        "connection_lost",
        "transient",
        "The server, or the way to it, broke off.",
        _LATER,
    ),
    (
        r"name or service not known|getaddrinfo|temporary failure in name|nodename nor servname|no address associated",
        "name_unknown",
        "transient",
        "The host's name can't be found: the network is down, or the host is gone.",
        _LATER,
    ),
    (r"certificate", "certificate", "permanent", "The server can't prove who it is.", "Look at the site in a browser."),
    (
        r"unsupported url|no suitable extractor|not a valid url|unsupported url scheme",
        "unsupported_url",
        "permanent",
        "There is no video at that address that yt-dlp knows how to fetch.",
        "Look at the page in a browser; a newer yt-dlp may know it: pip install -U yt-dlp",
    ),
    (
        r"no video formats|requested format is not available|no media|no video (could be )?found|there's no video",
        "no_video",
        "permanent",
        "The page holds no video, or yt-dlp is too old for the site.",
        "Update yt-dlp: pip install -U yt-dlp",
    ),
    (r"video unavailable|unavailable", "removed", "permanent", "The owner or the platform took it down.", _DROP),
    (
        r"conversion failed|invalid data found|postprocessing|error opening (input|output)",
        "corrupt",
        "permanent",
        "What the server sent is damaged.",
        _LATER,
    ),
)


def explain(error: BaseException, url: str) -> FimadError:
    """The three-part form of whatever yt-dlp raised for a URL."""
    from yt_dlp.networking.exceptions import HTTPError
    from yt_dlp.utils import GeoRestrictedError, UnsupportedError, UserNotLive

    chain = list(_chain(error))
    text = _clean(str(chain[0]))
    for each in chain:
        if isinstance(each, FimadError):
            return each
    known = _from_message(text, url)
    for each in chain:
        if isinstance(each, HTTPError):
            if known is not None and known.reason in ("bot_wall", "members_only", "private", "geo_blocked"):
                return known
            return _from_status(each, url)
        if isinstance(each, GeoRestrictedError):
            return _make("geo_blocked", text, url)
        if isinstance(each, UnsupportedError):
            return _make("unsupported_url", text, url)
        if isinstance(each, UserNotLive):
            return _make("live", text, url)
    if known is not None:
        return known
    for each in chain[1:]:
        known = _from_message(_clean(str(each)), url)
        if known is not None:
            return known
    return PermanentError(
        f"yt-dlp can't fetch {url}: {text}",
        "The site changed, or the page is not what it seems.",
        "Look at the page in a browser; then try a newer yt-dlp: pip install -U yt-dlp",
        reason="extractor",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it wraps, in yt-dlp's several ways."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        each = pending.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = getattr(each, "exc_info", None)
        candidates = [
            inner[1] if isinstance(inner, tuple) and len(inner) > 1 else None,
            getattr(each, "cause", None),
            getattr(each, "orig_msg", None),
            each.__cause__,
            each.__context__,
            *(getattr(each, "unexpected_errors", None) or ()),
        ]
        pending += [one for one in candidates if isinstance(one, BaseException)]


def _clean(text: str) -> str:
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).removeprefix("ERROR: ")
    return re.sub(r"; please report this issue.*", "", text, flags=re.DOTALL).strip()[:500]


def _from_message(text: str, url: str) -> FimadError | None:
    lowered = text.lower().replace(url.lower(), "").replace("’", "'")
    for pattern, reason, kind, why, fix in _MESSAGES:
        if re.search(pattern, lowered):
            return _build(kind, f"{url}: {text}", why, fix, reason)
    return None


def _make(reason: str, text: str, url: str) -> FimadError:
    _, _, kind, why, fix = next(row for row in _MESSAGES if row[1] == reason)
    return _build(kind, f"{url}: {text}", why, fix, reason)


def _build(kind: str, what: str, why: str, fix: str, reason: str) -> FimadError:
    if reason == "live":
        return not_recorded(what)
    classes: dict[str, type[FimadError]] = {
        "transient": TransientError,
        "permanent": PermanentError,
        "filtered": Filtered,
    }
    return classes[kind](what, why, fix, reason=reason)


def _from_status(error: object, url: str) -> FimadError:
    status = int(getattr(error, "status", 0))
    what = f"{url} answered {status} {getattr(error, 'reason', '') or ''}".strip() + "."
    if getattr(error, "redirect_loop", False):
        return PermanentError(
            what, "It redirects in a circle.", "Look at the page in a browser.", reason="redirect_loop"
        )
    if 300 <= status < 400:
        return PermanentError(
            what, "It redirects to something that is not on the web.", _DROP, reason="unsupported_url"
        )
    if status == 429:
        return TransientError(
            what,
            "The server limits how much one visitor may fetch.",
            _COOKIES,
            reason="rate_limited",
            retry_after_s=_retry_after(error),
        )
    if status in (404, 410):
        return PermanentError(what, "The page or file is gone, or never was there.", _DROP, reason=f"http_{status}")
    if status == 401:
        return PermanentError(
            what, "It asks for a password.", "Set `http.cookies_file`, or fetch it yourself.", reason="login_required"
        )
    if status == 403:
        return PermanentError(
            what,
            "The server refuses this visitor, or the address was valid for a short time only.",
            "Set `http.cookies_file`, wait, or update yt-dlp: pip install -U yt-dlp",
            reason="http_403",
        )
    if status == 451:
        return PermanentError(what, "It is blocked for legal reasons.", _DROP, reason="geo_blocked")
    if status == 408 or status >= 500:
        return TransientError(
            what, "The server is overloaded or broken.", _LATER, reason="http_5xx", retry_after_s=_retry_after(error)
        )
    return PermanentError(what, "The server rejects the request.", _DROP, reason=f"http_{status}")


def _retry_after(error: object) -> float | None:
    """The wait that a server asks for, s: a number, or a date (RFC 9110, 10.2.3)."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    value = (headers.get("Retry-After") if headers is not None else None) or ""
    if value.strip().isdigit():
        return min(float(value), 7 * 86400.0)
    try:
        parsed = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return min(max(0.0, parsed.timestamp() - time.time()), 7 * 86400.0)
