"""Pending updates. An empty list counts only with fresh, labelled metadata."""

from __future__ import annotations

import re
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    DAY,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Subset,
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
from audit_patch import doubts, modules
from audit_patch.facts import (
    AUTOMATIC,
    BESIDE,
    COMPONENTS,
    EMPTY,
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
    STREAMS,
    UNATTENDED,
    UNFINISHED,
    UNSOURCED,
    UPDATERS,
)
from audit_patch.freshness import (
    QUIET,
    decisive,
    epoch,
    has_metadata,
    made,
    refreshed,
    stale,
)
from audit_patch.model import (
    Automatic,
    Esm,
    Metadata,
    Newer,
    Pending,
    Release,
    Security,
    Signatures,
    Sources,
    Stream,
    Unattended,
)
from audit_patch.support import (
    fixed_to_minor,
    names_of,
    old_pro,
    pro_only,
    unsupported,
)


def _certain(
    security: Security, newer: Newer | None, sources: Sources | None, release: Release | None
) -> Message | None:
    """The security updates that are pending whatever else is not known."""
    if security.updates:
        return msg(
            "{count} security updates are pending, among them {names}",
            count=len(security.updates), names=names_of(security.updates),
        )  # fmt: skip
    if hidden := doubts.hidden(newer, sources, release):
        return msg(
            "{count} security updates are hidden by the priorities of sources or pinning, among"
            " them {names}",
            count=len(hidden), names=names_of(hidden),
        )  # fmt: skip
    return None


def _unusable(
    security: Security, sources: Sources, release: Release, newer: Newer | Absent | None
) -> Message | None:
    """Why the list of security updates tells nothing by itself."""
    if doubts.unlabelled(security, sources, release):
        return msg("The package sources in effect do not show which updates are security updates")
    if security.base is False:
        return msg(
            "No advisory for the base system (kernel, glibc, openssl …) is known: the source of its"
            " updates may be disabled"
        )
    return doubts.pinned(sources, newer)


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
        known_or_absent(optional(PENDING)),
        known_or_absent(optional(UNSOURCED)),
        known_or_absent(optional(COMPONENTS)),
        known_or_absent(optional(EMPTY)),
        known_or_absent(optional(STREAMS)),
        known_or_absent(optional(BESIDE)),
    ),
    severity=Severity.HIGH,
    version=13,
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
    pending: Pending | Absent | None,
    unsourced: tuple[str, ...] | Absent | None,
    components: frozenset[str] | Absent | None,
    empty: tuple[str, ...] | Absent | None,
    streams: tuple[Stream, ...] | Absent | None,
    beside: tuple[str, ...] | Absent | None,
    *,
    max_days: Annotated[int, Down] = 7,
    max_published_days: Annotated[int, Down] = 14,
    quiet_sources: Annotated[frozenset[str], Subset] = QUIET,
    max_stream_days: Annotated[int, Down] = 180,
    supported_streams: Annotated[frozenset[str], Subset] = frozenset(),
) -> Judgement:
    """No security update of the distribution is pending."""
    none = msg("no pending security update, by metadata at most {days} days old", days=max_days)
    if sure := _certain(security, known(newer), known(sources), known(release)):
        return failed(sure, expected=none)
    if isinstance(metadata, Absent) or isinstance(sources, Absent) or isinstance(release, Absent):
        # The engine says what is missing.
        return undetermined(msg("No security update is listed as pending"), expected=none)
    if why := _unusable(security, sources, release, newer):
        return undetermined(why, expected=none)
    now = epoch(collected_at)
    lists = decisive(metadata, sources, release, now, quiet_sources)
    if why := stale(metadata, sources, lists, now, max_days, max_published_days):
        return undetermined(msg("No security update is listed as pending"), why, expected=none)
    found = (
        doubts.lost(known(lost)),
        doubts.uncovered(sources, release, known(components), known(empty)),
        doubts.unfinished(known(unfinished)),
        doubts.unsourced(known(unsourced)),
        doubts.unmarked(known(pending), metadata, sources),
        fixed_to_minor(known(fixed), release),
        unsupported(release, sources, now),
        pro_only(known(esm), sources, release, now, max_published_days),
        old_pro(metadata, sources, release, now, max_published_days),
        *modules.retired(known(streams), supported_streams, now, max_stream_days),
    )
    if reasons := [detail for detail in found if detail is not None]:
        listed = msg("No security update is listed as pending")
        return undetermined(listed, *reasons, expected=none)
    # A refresh may have left out the very source that carries security updates.
    age = rounded_up(now - min(map(made, lists)), DAY)
    detail = msg("No security update is pending; the metadata are {days} days old", days=age)
    notes = (*doubts.local(known(newer)), *doubts.beside(known(beside)))
    return passed(detail, *notes, expected=none)


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
    version=11,
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
    now = epoch(collected_at)
    if not pending.updates:
        if isinstance(sources, Absent):
            return undetermined(msg("No update is listed as pending"), expected=wanted)
        lists = decisive(metadata, sources, known(release), now)
        why = (
            stale(metadata, sources, lists, now, max_days, max_published_days)
            or doubts.lost(known(lost))
            or doubts.pinned(sources, newer)
            or (unsupported(release, sources, now) if isinstance(release, Release) else None)
        )
        if why:
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
    version=4,
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
    now = epoch(collected_at)
    at = refreshed(metadata, sources, now)
    if isinstance(at, Message):
        future = has_metadata(metadata, sources)
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
    version=6,
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
