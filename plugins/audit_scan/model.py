"""What a report says, whatever wrote it. Pure."""

from __future__ import annotations

import enum

from msgspec import Struct


class Rating(enum.StrEnum):
    """How bad a finding is. UNRATED: the scanner says that it is vulnerable, and not how much."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    UNRATED = "unrated"


class Head(Struct, frozen=True, kw_only=True):
    """The file, which scanner wrote it, and when the scan began and ended (ISO 8601, UTC).

    `rates`: the scanner looks for vulnerabilities, not for ports only. `problems` say why the
    report is not whole.
    """

    format: str
    file: str
    sha256: str
    size: int
    started: str = ""
    ended: str = ""
    rates: bool = True
    lower: int = 0
    problems: tuple[str, ...] = ()


class ScannedHost(Struct, frozen=True, kw_only=True):
    """A host that the scanner reached: its address and its names."""

    host: str
    names: tuple[str, ...] = ()


class Vulnerability(Struct, frozen=True, kw_only=True):
    """A finding on a host: the scanner's id for it, where (`443/tcp`), and its title."""

    host: str
    port: str
    id: str
    title: str
    rating: Rating

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same finding in another report."""
        return self.host, self.port, self.id
