"""What yt-dlp's and HTTP's errors mean: a reason, whether trying again helps, and what the user can do."""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
import time
import urllib.parse
from collections.abc import Collection, Iterator, Sequence

from fimad.errors import Filtered, FimadError, PermanentError, TransientError
from fimad.pipeline.acquire.network.broadcast import not_recorded

_COOKIES = (
    "Wait some hours, or export your browser's cookies and set `http.cookies_file`; downloads also go easier with a lower "
    "`http.videos_per_hour`."
)
_LATER = "Run the command again later; `fimad retry` tries what failed."
_DROP = "Take it off the list."
_UPDATE = "Update yt-dlp (pip install -U 'yt-dlp[default,deno]'), then run the command again."
_YOUTUBE = "docs/youtube.md"

# (pattern in yt-dlp's message, reason, kind, why, what to do); the first match counts, so the special ones come first.
# They are looked for in the extractor's own words, without the address, the id and the title, and match whole words.
_MESSAGES: tuple[tuple[str, str, str, str, str], ...] = (
    (
        r"\bnot a bot\b|confirm you.re not|\bcaptcha\b|cloudflare anti-bot|automated (queries|requests)",
        "bot_wall",
        "transient",
        "The platform takes this machine for a bot: too many requests, or an address of a data centre.",
        _COOKIES,
    ),
    (
        r"no supported javascript runtime|javascript runtime (could not|is not)|no js runtime",
        "no_js_runtime",
        "transient",
        "YouTube's player needs a JavaScript runtime, and there is none that yt-dlp may use.",
        "pip install 'yt-dlp[default,deno]' brings one; `fimad doctor` says whether it is found.",
    ),
    (
        r"\b(ip|address) is likely (being )?blocked|all player responses are invalid",
        "ip_blocked",
        "transient",
        "The platform gives this machine's address another answer than visitors: it is blocked for a while.",
        "Wait some hours, or use another network (`http.proxy`); then a lower `http.requests_per_hour`.",
    ),
    (
        r"page needs to be reloaded|needs to be reloaded|failed to extract any player response",
        "reload",
        "transient",
        "The platform doesn't serve its player to this version of yt-dlp, or not without a token.",
        f"{_UPDATE} If that doesn't help: cookies or a token provider, {_YOUTUBE}.",
    ),
    (
        r"\bsabr\b",
        "sabr_only",
        "transient",
        "The platform offers these formats through its own streaming protocol alone, which yt-dlp can't fetch yet.",
        f"{_UPDATE} Signed-out visitors and other clients may get formats: {_YOUTUBE}.",
    ),
    (
        r"\bpo[ _-]?tokens?\b|\bgvs po\b",
        "token_required",
        "transient",
        "The platform wants a proof of origin (PO token) that a browser would make.",
        f"Run a token provider and set `http.token_provider` to its address: {_YOUTUBE}.",
    ),
    (
        r"\brate.?limit(ed|ing)?\b|\btoo many requests\b|\btry again later\b|been blocked due to",
        "rate_limited",
        "transient",
        "The platform limits how many videos one visitor may fetch.",
        _COOKIES,
    ),
    (
        r"\bmembers.?only\b|\bjoin this channel\b|requires (channel )?membership|\bpremium (members|users|video|content|account)\b"
        r"|\b(music |youtube )premium\b|requires? (a )?(purchase|payment|subscription)|\bpurchased?\b|\bpaid (video|content|members)\b",
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
        r"\bprivate video\b|\bis private\b|sign in if you've been granted access",
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
        r"\b(been|was|were|is|are) (removed|deleted|terminated|taken down)\b|\bno longer (available|exists)\b"
        r"|\bremoved (by|for|due|because)\b|\bcopyright (claims?|grounds)\b|\bdoes(n't| not) exist\b|\baccount[^.]{0,80}\b(closed|terminated)\b",
        "removed",
        "permanent",
        "The owner or the platform took it down.",
        _DROP,
    ),
    (
        r"\bpremieres? in\b|live event will begin|is not currently live|\blive ?stream\b|this live event has ended|\bis (currently )?live now\b",
        "live",
        "transient",
        "It has not ended, or not begun.",
        "A later `fimad build` asks again by itself.",
    ),
    (r"\bdrm\b", "drm", "permanent", "The stream is protected against copying.", _DROP),
    (
        r"\bsign in\b|\blog ?in\b|\bonly available for registered users\b|\baccount (is )?required\b|\bauthentication (is )?required\b|\brequires authentication\b",
        "login_required",
        "permanent",
        "Only signed-in visitors may see it.",
        "Set `http.cookies_file` to the cookies of a signed-in browser.",
    ),
    (r"page too large", "too_large", "permanent", "It sent more than any web page has: perhaps a trap.", _DROP),
    (
        r"\btimed out\b|\btime-?out\b|the read operation",
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
    (
        r"\bcertificate\b",
        "certificate",
        "permanent",
        "The server can't prove who it is.",
        "Look at the site in a browser.",
    ),
    (
        r"unsupported url|no suitable extractor|not a valid url|unsupported url scheme",
        "unsupported_url",
        "permanent",
        "There is no video at that address that yt-dlp knows how to fetch.",
        "Look at the page in a browser; a newer yt-dlp may know it: pip install -U yt-dlp",
    ),
    (
        r"\bno video formats\b|requested format is not available|only images are available|\bno media\b"
        r"|no video (could be )?found|there's no video",
        "no_video",
        "permanent",
        "The page holds no video, or yt-dlp is too old for the site.",
        "Update yt-dlp: pip install -U yt-dlp",
    ),
    (
        r"\bvideo (is )?unavailable\b|\b(content|page) (is )?unavailable\b|\bunavailable$",
        "removed",
        "permanent",
        "The owner or the platform took it down.",
        _DROP,
    ),
    (
        r"conversion failed|invalid data found|postprocessing|error opening (input|output)",
        "corrupt",
        "permanent",
        "What the server sent is damaged.",
        _LATER,
    ),
)


def explain(error: BaseException, url: str, *, title: str = "", hints: Sequence[str] = ()) -> FimadError:
    """The three-part form of whatever yt-dlp raised for a URL.

    What went wrong on the network is told by the types of the exceptions behind it, the rest by the extractor's own words.

    Parameters
    ----------
    title : of the video, if it is known; not looked at for words, and neither are `url` and ids.
    hints : warnings of yt-dlp before the error; they tell why a video has no formats.
    """
    from yt_dlp.networking.exceptions import HTTPError
    from yt_dlp.utils import GeoRestrictedError, UnsupportedError, UserNotLive

    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, FimadError):
            return each
    ids = {str(getattr(each, "video_id", None) or "") for each in chain}
    texts = [_own_words(each, url, title, ids) for each in chain]
    shown = _clean(str(chain[0]))
    known = next((row for text in texts if (row := _row_of(text)) is not None), None)
    for each in chain:
        if isinstance(each, GeoRestrictedError):
            return _make("geo_blocked", shown, url)
        if isinstance(each, UnsupportedError):
            return _make("unsupported_url", shown, url)
        if isinstance(each, UserNotLive):
            return _make("live", shown, url)
    for each in chain:
        if isinstance(each, HTTPError):
            if known is not None and known[1] in ("bot_wall", "members_only", "private", "geo_blocked", "ip_blocked"):
                return _make(known[1], shown, url)
            return _from_status(each, url)
    reason = next((reason for each in chain if (reason := _network_reason(each))), None)
    if reason is not None:
        return _make(reason, shown, url)
    if known is None or known[1] in ("no_video", "token_required"):
        # Not the video's fault, if yt-dlp said before that it can't get at the formats here.
        for hint in hints:
            row = _row_of(_own_words(ValueError(hint), url, title, ids))
            if row is not None and row[1] in _ENVIRONMENT:
                return _make(row[1], f"{shown} ({_clean(hint)})", url)
    if known is not None:
        return _make(known[1], shown, url)
    return PermanentError(
        f"yt-dlp can't fetch {url}: {shown}",
        "The site changed, or the page is not what it seems.",
        f"Look at the page in a browser. {_UPDATE}",
        reason="extractor",
    )


# Reasons that lie in this machine, its address or its yt-dlp, not in a video: many of them in a row stop the downloads.
_ENVIRONMENT = ("no_js_runtime", "ip_blocked", "reload", "sabr_only", "token_required")
ENVIRONMENT = frozenset((*_ENVIRONMENT, "http_403"))


def _network_reason(error: BaseException) -> str | None:
    """What an exception of the network layers means, by its type."""
    from http.client import IncompleteRead as HttpIncompleteRead

    from yt_dlp.networking.exceptions import CertificateVerifyError, IncompleteRead
    from yt_dlp.utils import ContentTooShortError

    if isinstance(error, socket.gaierror):
        return "name_unknown"
    if isinstance(error, ssl.SSLCertVerificationError | CertificateVerifyError):
        return "certificate"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionError | IncompleteRead | HttpIncompleteRead | ContentTooShortError):
        return "connection_lost"
    return None


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


def _own_words(error: BaseException, url: str, title: str, ids: Collection[str]) -> str:
    """What an error says, in lower case, without what others chose: addresses, ids, the title."""
    original = getattr(error, "orig_msg", None)
    text = _clean(original if isinstance(original, str) else str(error)).replace("’", "'")
    # The name of the extractor and the id, which yt-dlp puts in front: `[youtube] dQw4w9WgXcQ: Private video`.
    text = (
        re.sub(r"^(\[[\w:.+-]{1,60}\] )?(?=\S{1,300}: )(?!unable\b)\S+: ", "", text, count=1)
        if text[:1] == "["
        else text
    )
    text = re.sub(r"\b[a-z][a-z0-9+.-]{1,20}://\S+", " ", text, flags=re.IGNORECASE)
    parts = urllib.parse.urlsplit(url)
    taken = {*parts.path.split("/"), *(value for _, value in urllib.parse.parse_qsl(parts.query)), *ids}
    # A plain word is more likely the extractor's own: `/video/private` must not hide what "is private" means.
    slugs = {each for each in taken if len(each) > 3 and re.search(r"[\d_.-]", each)}
    for each in sorted({url, title, parts.path, *slugs, *map(urllib.parse.unquote, slugs)}, key=len, reverse=True):
        if len(each) > 3:
            text = text.replace(each, " ")
    return " ".join(text.lower().split())


def _row_of(text: str) -> tuple[str, str, str, str, str] | None:
    return next((row for row in _MESSAGES if re.search(row[0], text)), None)


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
        return TransientError(
            what,
            "The server refuses this visitor for now, wants a token, or the address was valid for a short time only.",
            f"Wait, or {_UPDATE[0].lower()}{_UPDATE[1:]} Cookies or a token provider may help: {_YOUTUBE}.",
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
