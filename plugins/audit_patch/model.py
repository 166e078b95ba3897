"""The values of the facts, the same for every package manager."""

from __future__ import annotations

from msgspec import Struct


class Update(Struct, frozen=True, kw_only=True):
    """A package that would be replaced by `candidate`. `installed` is empty where not known.

    `archives` are the security archives that have it (apt), `source` the repository (dnf); empty
    where not known.
    """

    name: str
    candidate: str
    installed: str = ""
    archives: tuple[str, ...] = ()
    source: str = ""


class Pending(Struct, frozen=True, kw_only=True):
    """Every update that the metadata on the host know of, held packages included."""

    updates: tuple[Update, ...]


class Security(Struct, frozen=True, kw_only=True):
    """The pending security updates. `labelled`: whether the metadata mark security updates.

    None where only the sources can tell (apt: a source of the security archive is in effect).
    `base`: whether advisories of the base system are among those that are known; None is not known.
    """

    updates: tuple[Update, ...]
    labelled: bool | None
    base: bool | None = None


class Newer(Struct, frozen=True, kw_only=True):
    """Installed packages of which a source has a newer version, hidden by pinning or not.

    `security` are the newer versions that a security archive has, of any release, and `local` the
    packages that no source holds in any version.
    """

    packages: tuple[str, ...]
    security: tuple[Update, ...]
    local: tuple[str, ...] = ()


class Esm(Struct, frozen=True, kw_only=True):
    """What Ubuntu Pro would bring: updates by its own lists (`apps`, `infra`), and their dates."""

    published: dict[str, float]
    updates: tuple[Update, ...]


class Source(Struct, frozen=True, kw_only=True):
    """A package source in effect. `security` is None where its name does not tell.

    `suite` is the code name of the release that it is for, `archive` its name in lists, `component`
    a part such as main, and `priority` that of its versions (all apt), empty where not known.
    """

    name: str
    security: bool | None = None
    suite: str = ""
    archive: str = ""
    component: str = ""
    priority: int = 500


class Sources(Struct, frozen=True, kw_only=True):
    """The package sources in effect, and the packages whose version is pinned (apt)."""

    items: tuple[Source, ...]
    pinned: tuple[str, ...] = ()


class Signatures(Struct, frozen=True, kw_only=True):
    """Which sources are used without a signature check, as `file: setting`.

    `sources` counts what was read.
    """

    sources: int
    unverified: tuple[str, ...] = ()


class Listing(Struct, frozen=True, kw_only=True):
    """The metadata of one source, with the time of its file (epoch seconds, host clock).

    `published` is when the source made them, where that is known separately, and `advisories`
    whether they mark security updates (rpm). Of apt: whether the archive is of `security` updates,
    the release it is for, its name, and until when the archive says that the list is valid.
    """

    source: str
    at: float
    security: bool = False
    published: float | None = None
    advisories: bool = False
    suite: str = ""
    archive: str = ""
    valid_until: float | None = None


class Metadata(Struct, frozen=True, kw_only=True):
    """How fresh the metadata on the host are.

    `stamp` is when the package manager last noted a whole refresh, None where it notes none.
    `by_source`: `Listing.source` is the id of a source and its time is that of the last refresh;
    otherwise its time is when the archive published it.
    """

    listings: tuple[Listing, ...]
    stamp: float | None = None
    by_source: bool = False


class Stream(Struct, frozen=True, kw_only=True):
    """An enabled stream of a module (dnf), as `nodejs:18`, of which packages are installed.

    `built` is when the newest of them was built, 0 where not known.
    """

    name: str
    built: float = 0
    offered: bool = True


class Kernels(Struct, frozen=True, kw_only=True):
    """Versions of the kernel images in /boot, and the file in /run that asks for a reboot.

    `live`: the live patches in effect. `contained`: the host bears the mark of a container.
    """

    installed: tuple[str, ...]
    reboot_mark: str = ""
    live: tuple[str, ...] = ()
    contained: bool = False


class Builds(Struct, frozen=True, kw_only=True):
    """The build of the running kernel as it tells it, and the versions of kernel packages by name.

    A build is a whole version (Debian: 6.1.76-1) or its last part (Ubuntu: 101 of 5.15.0-91.101).
    """

    running: str
    installed: dict[str, str]


class Automatic(Struct, frozen=True, kw_only=True):
    """The settings of the distribution's own mechanism that installs updates by itself.

    `refreshes`: whether it also fetches new metadata first.
    """

    installs: bool
    settings: tuple[str, ...]
    refreshes: bool = True


class Unattended(Struct, frozen=True, kw_only=True):
    """What unattended-upgrades leaves out: patterns of packages, and the origins that it takes.

    `only` are patterns of packages beside which nothing is installed.
    """

    left_out: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class Release(Struct, frozen=True, kw_only=True):
    """What /etc/os-release says; empty where it does not say."""

    id: str
    name: str
    version_id: str
    version: str
    codename: str = ""
