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
_YOUTUBE = r"(?:\w{1,20}\.)?youtube(?:-nocookie|kids|education)?\.com|(?:www\.)?youtu\.be"
# An address of YouTube as people write it, without a scheme.
_BARE_YOUTUBE = re.compile(rf"^(?://)?(?:{_YOUTUBE})/", re.IGNORECASE)
# Sites that show YouTube's videos under YouTube's ids, as yt-dlp's extractor knows them (but for hidden services).
_MIRRORS = (
    *(
        "youtube.googleapis.com",
        "pwnyoutube.com",
        "hooktube.com",
        "yourepeat.com",
        "tube.majestyc.net",
        "vid.plus",
        "zwearz.com",
    ),
    *(
        "cleanvideosearch.com",
        "invidio.us",
        "invidiou.sh",
        "invidiou.site",
        "redirect.invidious.io",
        "yewtu.be",
        "y.com.sb",
        "il.ax",
    ),
    *(
        "inv.bp.projectsegfau.lt",
        "inv.odyssey346.dev",
        "inv.riverside.rocks",
        "inv.skyn3t.in",
        "inv.vern.cc",
        "iv.ggtyler.dev",
    ),
    *(
        "iv.melmac.space",
        "listen.whatever.social",
        "music.adminforge.de",
        "pd.vern.cc",
        "tube.connect.cafe",
        "tube.poal.co",
    ),
    *("vid.mint.lgbt", "vid.priv.au", "vid.puffyan.us", "vid.wxzm.sx", "watch.leptons.xyz", "watch.nettohikari.com"),
    *(
        "watch.thekitty.zone",
        "watch.whatever.social",
        "watch.whatevertinfoil.de",
        "yt.artemislena.eu",
        "yt.cyberhost.uk",
    ),
    *(
        "yt.elukerio.org",
        "yt.funami.tech",
        "yt.jae.fi",
        "yt.lelux.fi",
        "yt.maisputain.ovh",
        "yt.oelrichsgarcia.de",
        "ytb.trom.tf",
    ),
    "ytprivate.com",
)
# Of the three programs that such sites run there are new ones every month, called by the program's name.
_YOUTUBE_HOST = re.compile(
    rf"{_YOUTUBE}|(?:\w{{1,20}}\.)?(?:(?:invidious(?:-us)?|piped(?:-libre)?|hyperpipe)\.[\w.-]+|"
    + "|".join(map(re.escape, _MIRRORS))
    + ")"
)
# Embedded players of playlists and of what a channel shows now: as long as an id, and none.
_NO_ID = frozenset(("videoseries", "live_stream"))
_BEFORE_ID = frozenset(("shorts", "embed", "live", "v", "vi", "e", "watch", "clip", "source"))
_WITH_QUERY = frozenset(
    (
        "",
        "watch",
        "watch_popup",
        "watch.php",
        "ytscreeningroom",
        "embed",
        "movie",
        "movie_popup",
        "media/action/yt/watch",
    )
)
# An ampersand as HTML has it, once or several times over.
_AMPERSAND = re.compile(r"&(?:amp;|#0{0,4}38;|#x0{0,4}26;)+", re.IGNORECASE)
# Names that Windows keeps for devices.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

# Parameters that let their owner in, by name; the second kind only where a value is long, or one of the first is there.
_SECRET = re.compile(
    r"(?:x-(?:amz|goog|oss|cos|bce|obs|ms)-.*|"
    r".*(?:token|signature|secret|passw(?:or)?d|passphrase|passcode|credential|(?:api|auth|access)[_-]?key).*|"
    r"sig|sign|pwd|pass|auth|authorization|jwt|hmac|hdn.*|jsessionid|.*sessid|cookies?|tok|rlkey|__gda__|"
    r"awsaccesskeyid|key-pair-id|wssecret|lsig)",
    re.IGNORECASE,
)
_COMPANION = re.compile(
    r"(?:key|k|sid|session(?:_?id)?|policy|hash|md5|expires?|expiry|exp|e|st|se|sp|sr|sv|spr|skoid|sktid|skt|ske|sks|skv|sip|sdd|"
    r"wstime|validfrom|validto|ticket|tk|verify|oh)",
    re.IGNORECASE,
)
# Two that together are a signature of Facebook's, or a login that came back; a code alone may be that of a video.
_PAIRS = (frozenset(("oh", "oe")), frozenset(("code", "state")))
# The key of a video that Vimeo does not list: ?h=KEY, or vimeo.com/ID/KEY.
_VIMEO = re.compile(r"(?:\w+\.)?vimeo\.com", re.IGNORECASE)
_VIMEO_KEY = re.compile(r"(/\d+)/[0-9a-f]{8,}/?", re.IGNORECASE)
_LONG = 16
_SECRET_STEP = re.compile(r"(?:hdn\w*|\w*token|sig|signature|jsessionid|policy|exp)=[^/;]*", re.IGNORECASE)
_USER = re.compile(r"(://)[^/@\s?#]+@")
_SEPARATOR = re.compile(r"(&(?:amp;)?|[;?])", re.IGNORECASE)
# Addresses within addresses within addresses; deeper ones are not looked into.
_MOST_NESTED = 3
# In JSON a slash may have a backslash before it.
_ANY_URL = re.compile(r"[a-z][a-z0-9+.-]{0,20}:(?:\\?/){2}[^\s\"'<>`]+", re.IGNORECASE)
_ANY_FIELD = re.compile(r"(?:(?<=[?&;#])|(?<=u0026))([\w.%-]{1,64})=([^\s&;#\\\"'<>`]+)")
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,40}(?:key|token))([\"']?\s{0,9}[:=]\s{0,9}[\"']?)[^\r\n\"'}]+",
    re.IGNORECASE,
)


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


def is_youtube(host: str) -> bool:
    """Whether a host shows YouTube's videos: its own, or a site that does nothing else."""
    return _YOUTUBE_HOST.fullmatch(host.lower().rstrip(".")) is not None


def _youtube_id(url: str, depth: int) -> str | None:
    try:
        parts = urllib.parse.urlsplit(_AMPERSAND.sub("&", url))
        host = (parts.hostname or "").lower().rstrip(".")
    except ValueError:
        return None
    if not is_youtube(host):
        return None
    steps = [urllib.parse.unquote(step) for step in parts.path.split("/") if step]
    query = urllib.parse.parse_qs(parts.query.replace(";", "&"))
    found = ""
    if len(steps) >= 2 and steps[0].lower() in _BEFORE_ID:
        found = steps[1]
    elif "/".join(steps) in _WITH_QUERY:
        found = next((query[name][0] for name in ("v", "vi", "videoId") if name in query), "")
    elif steps[:1] in (["attribution_link"], ["redirect"], ["oembed"]) and depth < 2:
        inner = (query.get("u") or query.get("q") or query.get("url") or [""])[0]
        return _youtube_id(urllib.parse.urljoin(url, inner), depth + 1)
    elif host.endswith("youtu.be") or not (steps[0].isalpha() and steps[0].islower()):
        # youtu.be/ID. Elsewhere a word of small letters is a page: "preferences" is as long as an id.
        found = "" if "youtube" in host else steps[0]
    inner = parts.fragment.removeprefix("!")
    if not found and inner.startswith(("/", "v=")) and depth < 2:
        # Old addresses of the mobile site: m.youtube.com/#/watch?v=...
        inner = inner if inner.startswith("/") else f"/watch?{inner}"
        return _youtube_id(urllib.parse.urljoin(url, inner), depth + 1)
    match = _YOUTUBE_ID_FIRST.match(found)
    return match[1] if match and match[1].lower() not in _NO_ID else None


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
    return url if PLAIN_YOUTUBE.fullmatch(url) else _without_secrets(url, _MOST_NESTED)


def _without_secrets(url: str, depth: int) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return _USER.sub(r"\1", url).partition("?")[0]
    is_vimeo = _VIMEO.fullmatch(parts.hostname or "") is not None
    clean = parts._replace(
        netloc=parts.netloc.rpartition("@")[2],
        path=_clean_path(parts.path, is_vimeo),
        query=_clean_fields(parts.query, depth, is_vimeo),
        fragment=_clean_fields(parts.fragment, depth, is_vimeo),
    )
    return url if clean == parts else urllib.parse.urlunsplit(clean)


def _clean_path(path: str, is_vimeo: bool) -> str:
    if is_vimeo:
        path = _VIMEO_KEY.sub(r"\1", path)
    path = _USER.sub(r"\1", path)
    if "=" not in path:
        return path
    steps = [
        (step, ";".join(part for part in step.split(";") if not _SECRET_STEP.match(part))) for step in path.split("/")
    ]
    return "/".join(new for old, new in steps if new or not old)


def _clean_fields(text: str, depth: int, is_vimeo: bool) -> str:
    """The fields of a query, or of a fragment that has some, without those that are secret."""
    if "=" not in text:
        return text
    pieces = _SEPARATOR.split(text)
    names = [urllib.parse.unquote_plus(field.partition("=")[0]).lower() for field in pieces[::2]]
    among = any(map(_SECRET.fullmatch, names))
    paired = {name for pair in _PAIRS if pair.issubset(names) for name in pair} | ({"h"} if is_vimeo else set())
    kept: list[str] = []
    # What stands before a field that is left out stands before the next one.
    before = ""
    for field, name, after in zip(pieces[::2], names, [*pieces[1::2], ""], strict=True):
        if name in paired or _is_secret(name, field, among):
            continue
        kept += before, _clean_value(field, depth)
        before = after
    return "".join(kept)


def _is_secret(name: str, field: str, among_secrets: bool) -> bool:
    if _SECRET.fullmatch(name):
        return True
    value = field.partition("=")[2]
    return _COMPANION.fullmatch(name) is not None and (among_secrets or len(value) >= _LONG)


def _clean_value(field: str, depth: int) -> str:
    """A field whose value may be an address, as it is or escaped."""
    name, sign, value = field.partition("=")
    plain = urllib.parse.unquote(value)
    if not depth or not sign or ("://" not in plain and "%3a%2f%2f" not in plain.lower()):
        return field
    clean = _without_secrets(plain, depth - 1) if "://" in plain else _clean_value(f"={plain}", depth - 1)[1:]
    if clean == plain:
        return field
    return f"{name}={clean if plain == value else urllib.parse.quote(clean, safe='')}"


def redacted(text: str) -> str:
    """A text without secrets, for messages, logs and records: in addresses, whole or not, and in headers of requests."""
    if "/" in text:
        text = _ANY_URL.sub(_redacted_url, text)
    if "=" in text:
        # An address ends at a quote, or has lost its beginning.
        text = _ANY_FIELD.sub(lambda field: f"{field[1]}=***" if _SECRET.fullmatch(field[1]) else field[0], text)
    return _HEADER.sub(r"\1\2***", text)


def _redacted_url(match: re.Match[str]) -> str:
    plain = match[0].replace("\\/", "/").replace("\\u0026", "&")
    clean = without_secrets(plain)
    if clean == plain:
        return match[0]
    return clean.replace("/", "\\/") if "\\/" in match[0] else clean
