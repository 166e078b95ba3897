"""The values of the facts, the same for every package manager."""

from __future__ import annotations

from msgspec import Struct


class Update(Struct, frozen=True, kw_only=True):
    """A package that would be replaced by `candidate`. `installed` is empty where not told."""

    name: str
    candidate: str
    installed: str = ""


class Pending(Struct, frozen=True, kw_only=True):
    """Every update that the metadata on the host know of, held packages included."""

    updates: tuple[Update, ...]


class Security(Struct, frozen=True, kw_only=True):
    """The pending security updates. `labelled`: whether the metadata mark security updates.

    None where only the sources can tell (apt: a source of the security archive is in effect).
    """

    updates: tuple[Update, ...]
    labelled: bool | None


class Esm(Struct, frozen=True, kw_only=True):
    """What Ubuntu Pro would bring: updates by its own lists (`apps`, `infra`), and their dates."""

    published: dict[str, float]
    updates: tuple[Update, ...]


class Source(Struct, frozen=True, kw_only=True):
    """A package source in effect. `security` is None where its name does not tell.

    `suite` is the code name of the release that it is for (apt), empty where not told.
    """

    name: str
    security: bool | None = None
    suite: str = ""


class Sources(Struct, frozen=True, kw_only=True):
    """The package sources in effect, and the packages whose version is pinned (apt)."""

    items: tuple[Source, ...]
    pinned: tuple[str, ...] = ()


class Signatures(Struct, frozen=True, kw_only=True):
    """Which sources are used without a signature check, as `file: setting`.

    `doubtful` are settings that may or may not be in effect; `sources` counts what was read.
    """

    sources: int
    unverified: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()


class Listing(Struct, frozen=True, kw_only=True):
    """The metadata of one source, with the time of its file (epoch seconds, host clock).

    `published` is when the source made them, where that is told apart.
    """

    source: str
    at: float
    security: bool = False
    published: float | None = None


class Metadata(Struct, frozen=True, kw_only=True):
    """How fresh the metadata on the host are.

    `stamp` is when the package manager last noted a whole refresh, None where it notes none.
    `by_source`: `Listing.source` is the id of a source and its time is that of the last refresh;
    otherwise its time is when the archive published it.
    """

    listings: tuple[Listing, ...]
    stamp: float | None = None
    by_source: bool = False


class Kernels(Struct, frozen=True, kw_only=True):
    """Versions of the kernel images in /boot, and whether the system asks for a reboot."""

    installed: tuple[str, ...]
    reboot_required: bool


class Automatic(Struct, frozen=True, kw_only=True):
    """The settings of the distribution's own mechanism that installs updates by itself."""

    installs: bool
    settings: tuple[str, ...]


class Release(Struct, frozen=True, kw_only=True):
    """What /etc/os-release says; empty where it does not say."""

    id: str
    name: str
    version_id: str
    version: str
    codename: str = ""
