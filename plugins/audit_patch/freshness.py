"""How old the package metadata are: what an empty list of updates is worth.

Each source that security updates come from must be fresh by itself: a mirror of the base system
that stands still beside a fresh EPEL shows no update, and so does a security archive of last year
beside the daily lists of another program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from audit_core.api.sdk import DAY, Message, msg, rounded_up
from audit_patch.model import Listing, Metadata, Release, Sources
from audit_patch.releases import support_over

_SLACK = 300  # seconds that two clocks may differ before a time stamp is in the future

# Sources with advisories that may publish nothing for weeks: additions to the base system, by the
# names that the distributions give them. A site names its own by the parameter.
QUIET = frozenset(
    {
        "*extras*", "*crb*", "*powertools*", "*codeready*", "*optional*", "*supplementary*",
        "*plus*", "*highavailability*", "*high-availability*", "ha", "*resilientstorage*", "rs",
        "*nfv*", "rt", "*sap*", "*debug*", "*source*", "*non-oss*", "*openh264*", "*live-patching*",
        "*module-legacy*", "*module-containers*", "*module-public-cloud*", "*module-web-script*",
        "*module-desktop*", "*module-development*", "*module-python*", "*module-certifications*",
        "*module-transactional*", "*module-hpc*", "*module-confidential*",
    }
)  # fmt: skip


def epoch(moment: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def own_suite(release: Release) -> str:
    """The code name that the security archive of Debian and Ubuntu bears; empty elsewhere."""
    return release.codename if release.id in ("debian", "ubuntu") else ""


def in_use(metadata: Metadata, sources: Sources) -> list[Listing]:
    """The newest listing of each source; empty where that of one is missing.

    A repository whose address changed leaves an older cache behind. Where the id of a repository
    holds a variable, any value of it fits.
    """
    found = []
    for source in sources.items:
        words = re.split(r"\$\{?\w+\}?", source.name)
        pattern = re.compile(".+".join(map(re.escape, words)))
        fitting = [x for x in metadata.listings if pattern.fullmatch(x.source)]
        if not fitting:
            return []
        found.append(max(fitting, key=lambda x: x.at))
    return found


def decisive(
    metadata: Metadata,
    sources: Sources,
    release: Release | None,
    now: float,
    quiet: frozenset[str] = QUIET,
) -> list[Listing]:
    """The listings that must be fresh, each by itself; empty where there is none at all.

    rpm: of the repositories with advisories, but for `quiet` ones. apt: of the security archives;
    a release archive is hardly ever published. Where nothing marks security: the newest.
    """
    if metadata.by_source:
        held = in_use(metadata, sources)
        bring = [x for x in held if x.advisories or brings_updates(x)]
        marked = [x for x in bring if not _is_one_of(x, quiet)]
        return _of_support(marked, release, now) or _newest(held)
    own = _of_support(_own_lists(metadata, release), release, now)
    return _by_archive(own) or _newest(metadata.listings)


# Names of the sources in which the distributions publish updates, with advisories or without.
_UPDATES = frozenset({"*baseos*", "*appstream*", "*updates*", "update"})


def brings_updates(listing: Listing) -> bool:
    """Whether a source of rpm is by its name one of the distribution's updates."""
    return _is_one_of(listing, _UPDATES) and not _is_one_of(listing, QUIET)


def _is_one_of(listing: Listing, patterns: frozenset[str]) -> bool:
    return any(fnmatchcase(listing.source.lower(), pattern.lower()) for pattern in patterns)


def made(listing: Listing) -> float:
    """When the source made it, as far as that is known."""
    return listing.published or listing.at


def _newest(listings: Iterable[Listing]) -> list[Listing]:
    return sorted(listings, key=made)[-1:]


# The sources of a contract that goes on after the end of support: Ubuntu Pro's, that of Freexian,
# ELS of Red Hat, LTSS of SUSE.
_EXTENDED = re.compile(r"-(apps|infra)-security$|-lts$|-elsp?(-|$)|ltss", re.IGNORECASE)


def _of_support(listings: list[Listing], release: Release | None, now: float) -> list[Listing]:
    """`listings` without those of a contract; once support is over, those of the contract only.

    What came before stands still for good then.
    """
    over = release is not None and support_over(release, now) is not None
    extended = [x for x in listings if _EXTENDED.search(x.archive or x.source)]
    regular = [x for x in listings if x not in extended]
    return (extended if over else regular) or listings


def _own_lists(metadata: Metadata, release: Release | None) -> list[Listing]:
    """The security lists of the release.

    Others are fresh by themselves, such as that of the next release, beside a mirror of the
    release's own that stands still.
    """
    suite = own_suite(release) if release else ""
    marked = [x for x in metadata.listings if x.security]
    return [x for x in marked if suite in ("", x.suite)] or marked


def _by_archive(listings: Iterable[Listing]) -> list[Listing]:
    """The newest of each archive: of two mirrors apt takes what either has."""
    found = {x.archive: x for x in sorted(listings, key=lambda x: x.at)}
    return list(found.values())


def _dates(metadata: Metadata, sources: Sources) -> list[float]:
    """The times that tell when the host last asked, oldest first; empty where one is missing."""
    if metadata.by_source:
        return sorted(x.at for x in in_use(metadata, sources))
    marked = [x.at for x in metadata.listings if x.security] or [x.at for x in metadata.listings]
    return [max(marked)] if marked else []


def has_metadata(metadata: Metadata, sources: Sources) -> bool:
    """Whether the host holds metadata of each source in effect."""
    return bool(sources.items) and bool(_dates(metadata, sources))


def refreshed(metadata: Metadata, sources: Sources, now: float) -> float | Message:
    """When the metadata were last known to be fresh, or why that is not known."""
    if not sources.items:
        return msg("No package source is in effect, so pending updates are not known")
    dates = _dates(metadata, sources)
    if not dates:
        return msg("The host holds no metadata for its package sources")
    stamps = [metadata.stamp] if metadata.stamp is not None else []
    if max(dates + stamps) > now + _SLACK:
        return msg("The time stamp of the package metadata is in the future")
    return max([dates[0], *stamps])


def stale(
    metadata: Metadata,
    sources: Sources,
    lists: list[Listing],
    now: float,
    max_days: int,
    max_published_days: int,
) -> Message | None:
    """Why an empty list of updates is not conclusive, or None. `lists` are `decisive`."""
    at = refreshed(metadata, sources, now)
    if isinstance(at, Message):
        return at
    if not metadata.by_source and metadata.stamp is None:
        at = min(x.at for x in lists)
    if now - at > max_days * DAY:
        return msg(
            "The package metadata are {days} days old: later updates are not known",
            days=rounded_up(now - at, DAY),
        )
    oldest = min(lists, key=made)
    if now - made(oldest) > max_published_days * DAY:
        return msg(
            "The newest metadata of {source} were published {days} days ago: its mirror may be"
            " frozen",
            source=oldest.source, days=rounded_up(now - made(oldest), DAY),
        )  # fmt: skip
    return _expired(lists, now)


def _expired(lists: Iterable[Listing], now: float) -> Message | None:
    """Why the host does not hold the archive's newest list: the date is past until it is valid."""
    past = [x.source for x in lists if x.valid_until and now > x.valid_until + _SLACK]
    if not past:
        return None
    return msg("This list is past the date until which its archive calls it valid, so the archive "
               "has published a newer one: {source}", source=past[0])  # fmt: skip
