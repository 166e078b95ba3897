"""Pending updates. An empty list counts only with fresh, labelled metadata."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from msgspec import structs

from audit_core.api.sdk import (
    COLLECTED_AT,
    DAY,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    capped,
    check,
    expect,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    rounded_up,
    undetermined,
)
from audit_patch.facts import (
    AUTOMATIC,
    ESM,
    FIXED,
    LOST,
    METADATA,
    NEWER,
    PENDING,
    RELEASE,
    SECURITY,
    SIGNATURES,
    SOURCES,
    STARTERS,
    UNATTENDED,
    UNFINISHED,
    UPDATERS,
)
from audit_patch.model import (
    Automatic,
    Esm,
    Listing,
    Metadata,
    Newer,
    Pending,
    Release,
    Security,
    Signatures,
    Sources,
    Unattended,
    Update,
)
from audit_patch.releases import Support
from audit_patch.support import (
    fixed_to_minor,
    names_of,
    old_pro,
    pro_only,
    support_over,
    unsupported,
)

_SLACK = 300  # seconds that two clocks may differ before a time stamp is in the future


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _in_use(metadata: Metadata, sources: Sources) -> list[Listing]:
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


def _dates(metadata: Metadata, sources: Sources) -> list[float]:
    """The times that tell how fresh the metadata are, oldest first; empty where one is missing.

    apt: a security archive is published every few days, a release archive hardly ever, so the
    newest security list counts where there is one. rpm: every repository in effect counts.
    """
    if metadata.by_source:
        return sorted(x.at for x in _in_use(metadata, sources))
    marked = [x.at for x in metadata.listings if x.security] or [x.at for x in metadata.listings]
    return [max(marked)] if marked else []


def _refreshed(metadata: Metadata, sources: Sources, now: float) -> float | Message:
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


def _published(metadata: Metadata, sources: Sources) -> float:
    """When what the host holds was published: the newest of it where every source tells."""
    listings = _in_use(metadata, sources) if metadata.by_source else ()
    times = [x.published for x in listings if x.published]
    return max(times) if times else _dates(metadata, sources)[0]


def _stale(
    metadata: Metadata, sources: Sources, now: float, max_days: int, max_published_days: int
) -> Message | None:
    """Why an empty list of updates is not conclusive, or None."""
    at = _refreshed(metadata, sources, now)
    if isinstance(at, Message):
        return at
    if now - at > max_days * DAY:
        return msg(
            "The package metadata are {days} days old: later updates are not known",
            days=rounded_up(now - at, DAY),
        )
    published = _published(metadata, sources)
    if now - published > max_published_days * DAY:
        return msg(
            "The newest metadata that the mirror served were published {days} days ago:"
            " it may be frozen",
            days=rounded_up(now - published, DAY),
        )
    return None


def _own_suite(release: Release) -> str:
    """The code name that the security archive of Debian and Ubuntu bears; empty elsewhere."""
    return release.codename if release.id in ("debian", "ubuntu") else ""


def _own_lists(metadata: Metadata, release: Release, over: Support | None) -> Metadata:
    """`metadata` in which only the archive that brings fixes to the release counts for security.

    Others are fresh by themselves: Ubuntu Pro's, or that of the next release, beside a mirror of
    the release's own that stands still. Once support is over the release's own stands still for
    good, and that of the contract counts.
    """
    suite = re.escape(_own_suite(release))
    extended = rf"_dists_{suite}(?:-lts|-(?:apps|infra)-security)_"
    for pattern in ([extended] if over else []) + [rf"_dists_{suite}(?:-security|_updates)_"]:
        own = re.compile(pattern)
        if any(x.security and own.search(x.source) for x in metadata.listings):
            lists = (
                structs.replace(x, security=bool(own.search(x.source))) for x in metadata.listings
            )
            return structs.replace(metadata, listings=tuple(lists))
    return metadata


def _unlabelled(security: Security, sources: Sources, release: Release) -> bool:
    """Whether no source marks security updates.

    On Debian and Ubuntu a security archive counts for its own release only: the one that was
    left in the sources when the rest was moved on offers nothing, whatever is pending.
    """
    own = _own_suite(release)
    by_name = any(s.security and (not own or s.suite in ("", own)) for s in sources.items)
    return not (by_name if security.labelled is None else security.labelled)


# The components of which the security archive of Debian and Ubuntu has updates for every host.
_COMPONENTS = ("main", "universe")


def _uncovered(sources: Sources, release: Release) -> Message | None:
    """Why a security archive is not sufficient: it is in effect for other components only."""
    own = [s for s in sources.items if s.suite == _own_suite(release) != "" and s.component]
    covered = {s.component for s in own if s.security}
    rest = {s.component for s in own if not s.security} - covered
    names = tuple(name for name in _COMPONENTS if name in rest and covered)
    if not names:
        return None
    return msg("The security archive is not in effect for these components of the release: {names}",
               names=names)  # fmt: skip


def _unfinished(packages: tuple[str, ...] | None) -> Message | None:
    """Why an update may not be in effect: its installation did not end."""
    if not packages:
        return None
    return msg("The installation of these packages did not end (dpkg --configure -a): {names}",
               names=capped(packages))  # fmt: skip


def _local(newer: Newer | None) -> tuple[Message, ...]:
    """The note on packages of which nothing is known."""
    if newer is None or not newer.local:
        return ()
    return (msg("No source holds these packages, so nothing is known of their updates: {names}",
                names=capped(newer.local)),)  # fmt: skip


def _hidden(
    newer: Newer | None, sources: Sources | None, release: Release | None
) -> tuple[Update, ...]:
    """The newer versions that a security archive of this very release has."""
    own = _own_suite(release) if release else ""
    if newer is None or sources is None or not own:
        return ()
    archives = {
        s.archive for s in sources.items if s.suite == own and not s.name.startswith("UbuntuESM")
    }
    return tuple(u for u in newer.security if archives.intersection(u.archives))


def _pinned(sources: Sources, newer: Newer | Absent | None) -> Message | None:
    """Why updates may be hidden: by pinning, where it is not known that it hides nothing."""
    names = [text.partition(" -> ")[0] for text in sources.pinned]
    if isinstance(newer, Newer):
        names = [name for name in names if name in newer.packages]
    if not names:
        return None
    return msg("Updates of these packages are hidden by pinning: {names}", names=capped(names))


def _lost(lists: tuple[str, ...] | None) -> Message | None:
    """Why updates may not be known: apt holds no list of a component of its sources."""
    if not lists:
        return None
    return msg("The host holds no whole package list of these components of its sources, so their "
               "updates are not known: {names}", names=capped(lists))  # fmt: skip


@check(
    "patch.security-updates",
    needs=(
        SECURITY,
        known_or_absent(METADATA),
        known_or_absent(SOURCES),
        known_or_absent(RELEASE),
        COLLECTED_AT,
        known_or_absent(optional(ESM)),
        known_or_absent(optional(NEWER)),
        known_or_absent(optional(FIXED)),
        known_or_absent(optional(LOST)),
        known_or_absent(optional(UNFINISHED)),
    ),
    severity=Severity.HIGH,
    version=11,
    remedy=msg("Assess and install the pending security updates, then restart what uses them"),
)
def security_updates(
    security: Security,
    metadata: Metadata | Absent,
    sources: Sources | Absent,
    release: Release | Absent,
    collected_at: str,
    esm: Esm | Absent | None,
    newer: Newer | Absent | None,
    fixed: tuple[str, ...] | Absent | None,
    lost: tuple[str, ...] | Absent | None,
    unfinished: tuple[str, ...] | Absent | None,
    *,
    max_days: Annotated[int, Down] = 7,
    max_published_days: Annotated[int, Down] = 14,
) -> Judgement:
    """No security update of the distribution is pending."""
    none = msg("no pending security update, by metadata at most {days} days old", days=max_days)
    if security.updates:
        detail = msg(
            "{count} security updates are pending, among them {names}",
            count=len(security.updates), names=names_of(security.updates),
        )  # fmt: skip
        return failed(detail, expected=none)
    if hidden := _hidden(known(newer), known(sources), known(release)):
        detail = msg(
            "{count} security updates are hidden by the priorities of sources or pinning, among"
            " them {names}",
            count=len(hidden), names=names_of(hidden),
        )  # fmt: skip
        return failed(detail, expected=none)
    if isinstance(metadata, Absent) or isinstance(sources, Absent) or isinstance(release, Absent):
        # The engine says what is missing.
        return undetermined(msg("No security update is listed as pending"), expected=none)
    if _unlabelled(security, sources, release):
        detail = msg("The package sources in effect do not show which updates are security updates")
        return undetermined(detail, expected=none)
    if security.base is False:
        detail = msg(
            "No advisory for the base system (kernel, glibc, openssl …) is known: the source of its"
            " updates may be disabled"
        )
        return undetermined(detail, expected=none)
    if why := _pinned(sources, newer):
        return undetermined(why, expected=none)
    now = _epoch(collected_at)
    metadata = _own_lists(metadata, release, support_over(release, now))
    if why := _stale(metadata, sources, now, max_days, max_published_days):
        return undetermined(msg("No security update is listed as pending"), why, expected=none)
    doubts = (
        _lost(known(lost)),
        _uncovered(sources, release),
        _unfinished(known(unfinished)),
        fixed_to_minor(known(fixed), release),
        unsupported(release, sources, now),
        pro_only(known(esm), sources, release, now, max_published_days),
        old_pro(metadata, sources, release, now, max_published_days),
    )
    if found := [detail for detail in doubts if detail is not None]:
        listed = msg("No security update is listed as pending")
        return undetermined(listed, *found, expected=none)
    # A refresh may have left out the very source that carries security updates.
    age = rounded_up(now - _published(metadata, sources), DAY)
    detail = msg("No security update is pending; the metadata are {days} days old", days=age)
    return passed(detail, *_local(known(newer)), expected=none)


@check(
    "patch.other-updates",
    needs=(
        PENDING,
        METADATA,
        known_or_absent(SOURCES),
        COLLECTED_AT,
        known_or_absent(optional(NEWER)),
        known_or_absent(optional(RELEASE)),
        known_or_absent(optional(LOST)),
    ),
    severity=Severity.MEDIUM,
    version=9,
    remedy=msg("Install the pending updates at the next maintenance window"),
)
def other_updates(
    pending: Pending,
    metadata: Metadata,
    sources: Sources | Absent,
    collected_at: str,
    newer: Newer | Absent | None,
    release: Release | Absent | None,
    lost: tuple[str, ...] | Absent | None,
    *,
    max_waiting_days: Annotated[int, Down] = 90,
    max_days: Annotated[int, Down] = 7,
    max_published_days: Annotated[int, Down] = 14,
) -> Judgement:
    """No update of any kind has been pending for longer than the site allows."""
    wanted = msg("no update pending for more than {days} days", days=max_waiting_days)
    now = _epoch(collected_at)
    if not pending.updates:
        if isinstance(sources, Absent):
            return undetermined(msg("No update is listed as pending"), expected=wanted)
        if why := _stale(metadata, sources, now, max_days, max_published_days):
            return undetermined(msg("No update is listed as pending"), why, expected=wanted)
        if why := _lost(known(lost)) or _pinned(sources, newer):
            return undetermined(why, expected=wanted)
        if isinstance(release, Release) and (why := unsupported(release, sources, now)):
            return undetermined(msg("No update is listed as pending"), why, expected=wanted)
        return passed(msg("No update is pending"), expected=wanted)
    detail = msg(
        "{count} updates are pending, among them {names}",
        count=len(pending.updates), names=names_of(pending.updates),
    )  # fmt: skip
    newest = max((x.at for x in metadata.listings), default=now)
    if now - newest > max_waiting_days * DAY:
        days = int(now - newest) // DAY
        why = msg("All of them have been known for at least {days} days", days=days)
        return failed(detail, why, expected=wanted)
    why = msg("The metadata do not show how long each of them has been pending")
    return undetermined(detail, why, expected=wanted)


@check(
    "patch.metadata-fresh",
    needs=(METADATA, SOURCES, COLLECTED_AT),
    severity=Severity.LOW,
    version=3,
    remedy=msg("Let the host refresh its package metadata daily (apt update, dnf makecache)"),
)
def metadata_fresh(
    metadata: Metadata,
    sources: Sources,
    collected_at: str,
    *,
    max_days: Annotated[int, Down] = 7,
) -> Judgement:
    """The package metadata on the host are recent enough to show new updates."""
    wanted = msg("metadata at most {days} days old", days=max_days)
    now = _epoch(collected_at)
    at = _refreshed(metadata, sources, now)
    if isinstance(at, Message):
        future = bool(sources.items) and bool(_dates(metadata, sources))
        return undetermined(at, expected=wanted) if future else failed(at, expected=wanted)
    detail = msg("The package metadata are {days} days old", days=rounded_up(now - at, DAY))
    fresh = now - at <= max_days * DAY
    if not fresh and not metadata.by_source and metadata.stamp is None:
        # apt does not touch a list that the archive had no newer version of.
        why = msg("Whether the host has checked for newer metadata since is not known")
        return undetermined(detail, why, expected=wanted)
    return expect(fresh, detail=detail, expected=wanted)


@check(
    "patch.automatic-updates",
    needs=(AUTOMATIC, UPDATERS, optional(STARTERS), known_or_absent(optional(UNATTENDED))),
    severity=Severity.LOW,
    version=4,
)
def automatic_updates(
    automatic: Automatic,
    updaters: tuple[str, ...],
    starters: tuple[str, ...] | None,
    unattended: Unattended | Absent | None,
) -> Judgement:
    """The host installs updates by the distribution's own automatic mechanism."""
    wanted = msg("automatic updates, or records of manual updates")
    if automatic.installs and updaters:
        detail = msg(
            "Automatic updates are configured: {settings}; installed: {programs}",
            settings=capped(automatic.settings), programs=capped(updaters),
        )  # fmt: skip
        without = _without(known(unattended))
        if not automatic.refreshes:
            without.append(msg("The lists of packages are not fetched beforehand"))
        if not starters:
            without.append(msg("No active timer of systemd starts them"))
        if without or not starters:
            return undetermined(detail, *without, expected=wanted)
        started = msg("They are started by {units}", units=capped(starters))
        return passed(detail, started, expected=wanted)
    detail = msg("No automatic update mechanism is configured: updates are installed manually")
    return undetermined(detail, expected=wanted)


# An origin of security updates, or a pattern that every origin fits.
_OF_SECURITY = re.compile(r"security|^[\s,:*]*$|^(?:o|origin|a|archive|suite|l|label)=\*$", re.I)


def _without(unattended: Unattended | None) -> list[Message]:
    """What unattended-upgrades does not install."""
    found: list[Message] = []
    if unattended is None:
        return found
    if unattended.left_out:
        found.append(msg("Automatic updates leave out the packages whose names begin like these "
                         "patterns; check that they are updated: {names}",
                         names=capped(unattended.left_out)))  # fmt: skip
    if unattended.only:
        found.append(msg("Automatic updates are for these packages only: {names}",
                         names=capped(unattended.only)))  # fmt: skip
    if not any(_OF_SECURITY.search(origin) for origin in unattended.origins):
        found.append(msg("No origin of automatic updates is one of security updates: {names}",
                         names=capped(unattended.origins)))  # fmt: skip
    return found


@check(
    "patch.sources-verified",
    needs=SIGNATURES,
    severity=Severity.HIGH,
    version=5,
    remedy=msg("Remove trusted=yes / gpgcheck=0 and install the key of the source"),
)
def sources_verified(signatures: Signatures) -> Judgement:
    """Every package source is used only with its signature checked."""
    wanted = msg("signature checks on for every source")
    if signatures.unverified:
        detail = msg(
            "Sources used without a signature check: {sources}",
            sources=capped(signatures.unverified),
        )
        return failed(detail, expected=wanted)
    if not signatures.sources:
        return undetermined(msg("No package source is configured"), expected=wanted)
    detail = msg("{count} sources, all with their signature checked", count=signatures.sources)
    return passed(detail, expected=wanted)


CHECKS = (
    security_updates, other_updates, metadata_fresh, automatic_updates, sources_verified,
)  # fmt: skip
