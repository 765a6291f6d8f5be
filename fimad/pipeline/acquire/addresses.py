"""Addresses of videos: one id for each video however its address is written, and no secret in what is stored."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import urllib.parse
from functools import lru_cache

SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}")
YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
# As nearly all of a list of a million are written: nothing in it has to be looked at again.
PLAIN_YOUTUBE = re.compile(r"https://www\.youtube\.com/watch\?v=([A-Za-z0-9_-]{11})")
# As yt-dlp does, what follows the id is ignored, unless it could belong to it.
_YOUTUBE_ID_FIRST = re.compile(r"([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")
IS_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# An address of YouTube as people write it, without a scheme.
_BARE_YOUTUBE = re.compile(
    r"^(?://)?(?:(?:www|m|music|gaming)\.)?(?:youtube\.com|youtube-nocookie\.com|youtu\.be)/", re.IGNORECASE
)
YOUTUBE_HOSTS = frozenset(
    (
        *("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "gaming.youtube.com"),
        *("youtube-nocookie.com", "www.youtube-nocookie.com", "youtubekids.com", "www.youtubekids.com"),
        *("youtu.be", "www.youtu.be"),
    )
)
# Names that Windows keeps for devices.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

# Parameters that let their owner in, by name; the second kind only where a value is long, or one of the first is there.
_SECRET = re.compile(
    r"(?:x-(?:amz|goog|oss|cos|bce|obs|ms)-.*|.*(?:token|signature|secret|passw(?:or)?d|credential|api[_-]?key|access[_-]?key).*|"
    r"sig|sign|pwd|auth|authorization|jwt|hmac|hdn.*|jsessionid|phpsessid|awsaccesskeyid|key-pair-id|wssecret|lsig)",
    re.IGNORECASE,
)
_COMPANION = re.compile(
    r"(?:key|k|sid|session(?:_?id)?|policy|hash|md5|expires?|expiry|exp|e|st|se|sp|sr|sv|spr|skoid|sktid|skt|ske|sks|skv|sip|sdd|"
    r"wstime|validfrom|validto)",
    re.IGNORECASE,
)
_LONG = 16
_SECRET_STEP = re.compile(r"(?:hdn\w*|\w*token|sig|signature|jsessionid|policy|exp)=[^/;]*", re.IGNORECASE)
_ANY_URL = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^\s\"'<>`]+", re.IGNORECASE)


def with_scheme(text: str) -> str:
    """An address of YouTube with its scheme; any other text as it is."""
    return f"https://{text.lstrip('/')}" if _BARE_YOUTUBE.match(text) else text


def youtube_id(url: str) -> str | None:
    """The video id of a YouTube address in any of its forms; None for anything else.

    >>> youtube_id("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0")
    'dQw4w9WgXcQ'
    """
    plain = PLAIN_YOUTUBE.fullmatch(url)
    return plain[1] if plain else _other_youtube_id(url)


# Asked of each address three times in a row.
@lru_cache(maxsize=16)
def _other_youtube_id(url: str) -> str | None:
    return _youtube_id(with_scheme(url.strip()), 0)


def _youtube_id(url: str, depth: int) -> str | None:
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "").lower().rstrip(".")
    except ValueError:
        return None
    if host not in YOUTUBE_HOSTS:
        return None
    steps = [urllib.parse.unquote(step) for step in parts.path.split("/") if step]
    query = urllib.parse.parse_qs(parts.query)
    found = ""
    if host.endswith("youtu.be"):
        found = steps[0] if steps else ""
    elif len(steps) >= 2 and steps[0].lower() in ("shorts", "embed", "live", "v", "vi", "e", "watch", "clip", "source"):
        found = steps[1]
    elif steps[:1] in ([], ["watch"], ["watch_popup"], ["ytscreeningroom"], ["embed"], ["movie"]):
        found = (query.get("v") or query.get("vi") or [""])[0]
    elif steps[:1] in (["attribution_link"], ["redirect"], ["oembed"]) and depth < 2:
        inner = (query.get("u") or query.get("q") or query.get("url") or [""])[0]
        return _youtube_id(urllib.parse.urljoin(url, inner), depth + 1)
    if not found and parts.fragment.startswith(("/watch", "!v=")) and depth < 2:
        # Old addresses of the mobile site: m.youtube.com/#/watch?v=...
        inner = parts.fragment if parts.fragment.startswith("/") else f"/watch?{parts.fragment[1:]}"
        return _youtube_id(urllib.parse.urljoin(url, inner), depth + 1)
    match = _YOUTUBE_ID_FIRST.match(found)
    return match[1] if match else None


def watch_url(video_id: str) -> str:
    """The one address that a YouTube video goes by here."""
    return f"https://www.youtube.com/watch?v={video_id}"


def url_id(url: str) -> str:
    """A stable, file-safe id for an address: YouTube's own, else a readable slug and 64 bits of a hash.

    Secrets do not count, so that a newly signed address is the same video.
    """
    own = youtube_id(url)
    if own:
        return own
    address = identity(url)
    path = urllib.parse.unquote(urllib.parse.urlsplit(address).path).rstrip("/")
    stem = path.rpartition("/")[2].rpartition(".")[0] or path.rpartition("/")[2]
    return f"{slug(stem)}-{short_hash(address.encode())}"


def identity(url: str) -> str:
    """An address without what does not matter to which video it is: secrets, fragment, case of scheme and host."""
    own = youtube_id(url)
    if own:
        return watch_url(own)
    parts = urllib.parse.urlsplit(without_secrets(url))
    netloc = parts.netloc.lower()
    for scheme, port in (("http", ":80"), ("https", ":443")):
        if parts.scheme.lower() == scheme:
            netloc = netloc.removesuffix(port)
    return urllib.parse.urlunsplit((parts.scheme.lower(), netloc, parts.path or "/", parts.query, ""))


def short_hash(data: bytes) -> str:
    """64 bits of SHA-256 in hex: two of ten million differ with a probability of 0.999997."""
    return hashlib.sha256(data).hexdigest()[:16]


def slug(text: str) -> str:
    """Lower-case letters, digits and hyphens of a text, at most 40; `video` if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "video"


def safe_id(text: object) -> str | None:
    """A given id, if it can be a file name as it is: on file systems that ignore case as well.

    Ids with capitals are kept only if they look like YouTube's, whose 64-letter alphabet makes two that differ in case
    alone all but impossible; such a pair in one run is refused.
    """
    if not isinstance(text, str) or not SAFE_ID.fullmatch(text) or _RESERVED.fullmatch(text) or text.endswith("."):
        return None
    return text if text == text.lower() or YOUTUBE_ID.fullmatch(text) else None


def without_secrets(url: str) -> str:
    """An address as it may be shared: without user and password, tokens, signatures and what expires with them.

    >>> without_secrets("https://ann:pw@a.example/squat.mp4?id=7&X-Amz-Signature=0f&X-Amz-Expires=60")
    'https://a.example/squat.mp4?id=7'
    """
    if PLAIN_YOUTUBE.fullmatch(url):
        return url
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return re.sub(r"//[^/@\s]*@", "//", url).partition("?")[0]
    netloc = parts.netloc.rpartition("@")[2]
    fields = parts.query.split("&") if parts.query else []
    names = [urllib.parse.unquote_plus(each.partition("=")[0]) for each in fields]
    secret = any(_SECRET.fullmatch(name) for name in names)
    kept = [each for each, name in zip(fields, names, strict=True) if not _is_secret(name, each, secret)]
    path = parts.path
    if "=" in path:
        steps = [";".join(part for part in step.split(";") if not _SECRET_STEP.match(part)) for step in path.split("/")]
        dropped = [not new and bool(old) for new, old in zip(steps, path.split("/"), strict=True)]
        path = "/".join(step for step, gone in zip(steps, dropped, strict=True) if not gone)
    fragment = "" if "=" in parts.fragment and _SECRET.fullmatch(parts.fragment.partition("=")[0]) else parts.fragment
    if (netloc, len(kept), path, fragment) == (parts.netloc, len(fields), parts.path, parts.fragment):
        return url
    return urllib.parse.urlunsplit((parts.scheme, netloc, path, "&".join(kept), fragment))


def _is_secret(name: str, field: str, among_secrets: bool) -> bool:
    if _SECRET.fullmatch(name):
        return True
    value = field.partition("=")[2]
    return _COMPANION.fullmatch(name) is not None and (among_secrets or len(value) >= _LONG)


def redacted(text: str) -> str:
    """A text whose addresses hold no secrets: for messages, logs and records."""
    return _ANY_URL.sub(lambda match: without_secrets(match[0]), text) if "://" in text else text
