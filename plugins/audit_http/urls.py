"""Addresses of pages: which are taken, and where they lead. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

from audit_core.model.schemas import is_host

_PORTS = {"http": 80, "https": 443}
LONGEST = 2000


def is_url(text: str) -> bool:
    """Whether `text` is an http or https URL in ASCII, without a login and a fragment."""
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > LONGEST:
        return False
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError:
        return False
    plain = split.username is None and split.password is None and not split.fragment
    host = split.hostname
    return split.scheme in _PORTS and plain and host is not None and is_host(host) and port != 0


def is_place(text: str) -> bool:
    """Whether `text` is such a URL, or a path that begins with one slash."""
    if text.startswith("/") and not text.startswith("//"):
        return is_url("https://host.example" + text)
    return is_url(text)


def joined(base: str, place: str) -> str | None:
    """The URL that `place` means on the page `base`, without its fragment; None for no such URL."""
    try:
        found = urlsplit(urljoin(base, place))
        plain = found._replace(fragment="", scheme=found.scheme.lower()).geturl()
    except ValueError:
        return None
    return plain if is_url(plain) else None


def host_of(url: str) -> str:
    """The host of `url` in lower case."""
    return (urlsplit(url).hostname or "").lower()


def server_of(url: str) -> tuple[str, int]:
    """The host and port that `url` is asked at."""
    split = urlsplit(url)
    return host_of(url), split.port or _PORTS[split.scheme]


def same_page(one: str, other: str) -> bool:
    """Whether both name one page, whatever the scheme, the query and a slash at the end."""
    return _page(urlsplit(one)) == _page(urlsplit(other))


def _page(split: SplitResult) -> tuple[str, str]:
    return (split.hostname or "").lower(), split.path.rstrip("/")


def shown(url: str) -> str:
    """`url` without its query, which may hold what is not to be kept."""
    try:
        return urlsplit(url)._replace(query="", fragment="").geturl()[:LONGEST]
    except ValueError:
        return ""
