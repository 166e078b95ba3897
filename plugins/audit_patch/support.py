"""Whether the release is supported, and by whom: what no pending update means."""

from __future__ import annotations

import re
from datetime import datetime

from audit_core.api.sdk import (
    COLLECTED_AT,
    DAY,
    Judgement,
    Message,
    Severity,
    Values,
    capped,
    check,
    failed,
    msg,
    passed,
    undetermined,
)
from audit_patch.facts import RELEASE
from audit_patch.model import Esm, Metadata, Release, Sources, Update
from audit_patch.releases import Support, find_support, iso_day, support_over

_BY_MINOR = frozenset({"rhel", "rocky", "almalinux", "ol"})


def names_of(updates: tuple[Update, ...]) -> Values:
    """The packages to be replaced, each with its new version, as a record names them."""
    return capped((f"{u.name} {u.candidate}" for u in updates), sort=False)


def fixed_to_minor(fixed: tuple[str, ...] | None, release: Release) -> Message | None:
    """Why nothing may be offered: the sources are those of one minor release."""
    if not fixed or release.id not in _BY_MINOR:
        return None
    return msg(
        "The package sources are fixed to one minor release ({files}): later fixes come only under "
        "a contract for it (EUS). Provide the contract",
        files=capped(fixed),
    )


_PRO = {"apps": "UbuntuESMApps", "infra": "UbuntuESM"}


def _without_pro(sources: Sources, over: Support | None) -> list[str]:
    """The services of Ubuntu Pro whose fixes this LTS release lacks; `infra` once support ended."""
    held = {source.name.partition(" ")[0] for source in sources.items if source.security}
    return [service for service in _needed(over) if _PRO[service] not in held]


def _needed(over: Support | None) -> tuple[str, ...]:
    return ("apps", "infra") if over else ("apps",)


def pro_only(
    esm: Esm | None, sources: Sources, release: Release, now: float, max_published_days: int
) -> Message | None:
    """Why the archives of Ubuntu are not sufficient: fixes that only Ubuntu Pro provides."""
    if release.id != "ubuntu" or "LTS" not in release.version:
        return None
    lacking = _without_pro(sources, support_over(release, now))
    if not lacking:
        return None
    if esm is not None and esm.updates:
        return msg(
            "{count} fixes exist only under Ubuntu Pro (ESM), among them {names}",
            count=len(esm.updates), names=names_of(esm.updates),
        )  # fmt: skip
    fresh = now - max_published_days * DAY
    current = [] if esm is None else [s for s, at in esm.published.items() if at >= fresh]
    unseen = tuple(f"esm-{service}" for service in lacking if service not in current)
    if not unseen:
        return None
    return msg("Whether fixes exist that only Ubuntu Pro provides ({services}) is not known: "
               "the host holds no recent list of them", services=unseen)  # fmt: skip


def old_pro(
    metadata: Metadata, sources: Sources, release: Release, now: float, max_published_days: int
) -> Message | None:
    """Why configured sources of Ubuntu Pro say nothing: their lists were not fetched of late."""
    if release.id != "ubuntu" or "LTS" not in release.version:
        return None
    over = support_over(release, now)
    lacking = _without_pro(sources, over)
    fresh = now - max_published_days * DAY
    old = tuple(
        f"esm-{service}"
        for service in _needed(over)
        if service not in lacking and _newest(metadata, f"-{service}-security_") < fresh
    )
    if not old:
        return None
    return msg("The lists of Ubuntu Pro ({services}) on the host are not recent: run `pro status` "
               "and `apt update` to see whether the contract is still valid",
               services=old)  # fmt: skip


def _newest(metadata: Metadata, part: str) -> float:
    return max((x.at for x in metadata.listings if part in x.source), default=0)


# By what their names are known: sources that bring security fixes after the end of support.
_EXTENDED = {
    "debian": re.compile(r"^Freexian\b|\bextended.lts\b|\belts\b|-lts\b", re.IGNORECASE),
    "rhel": re.compile(r"-els(-|$)|-elsp?-rpms", re.IGNORECASE),
    "sles": re.compile(r"ltss", re.IGNORECASE),
}


def _extended(release: Release, sources: Sources, over: Support, now: float) -> bool:
    """Whether a source of the contract that extends the support is in effect, and still runs."""
    if over.extended is None or iso_day(now) > over.extended:
        return False
    if release.id == "ubuntu":
        return not _without_pro(sources, over)
    known_by = _EXTENDED.get(release.id)
    return known_by is not None and any(
        known_by.search(f"{source.name} {source.archive}") for source in sources.items
        if source.security is not False
    )  # fmt: skip


def unsupported(release: Release, sources: Sources, now: float) -> Message | None:
    """The note that an unsupported release has no pending updates; a contract extends support."""
    over = support_over(release, now)
    if over is None:
        return _perhaps_over(release, now)
    if _extended(release, sources, over, now):
        return None
    return msg("Support of this release ended on {end}: no pending update does not mean that "
               "it is up to date",
               end=over.end)  # fmt: skip


def _perhaps_over(release: Release, now: float) -> Message | None:
    """The same where the end of support is known from memory only."""
    label, row = find_support(release.id, release.name, release.version, release.version_id)
    if row is None or row.confidence == "read" or not row.end or iso_day(now) <= row.end:
        return None
    return msg("Support of {release} may have ended on {end} (unverified): provide the vendor's "
               "statement or the contract for extended support",
               release=label, end=row.end)  # fmt: skip


@check(
    "patch.release-supported",
    needs=(RELEASE, COLLECTED_AT),
    severity=Severity.HIGH,
    version=4,
    remedy=msg("Upgrade to a supported release, or provide the contract for extended support"),
)
def release_supported(release: Release, collected_at: str) -> Judgement:
    """The release of the distribution still receives security updates."""
    label, row = find_support(release.id, release.name, release.version, release.version_id)
    today = datetime.fromisoformat(collected_at).date().isoformat()
    wanted = msg("a release that is supported on {day}", day=today)
    if row is None or row.confidence != "read" or row.end is None:
        return undetermined(_end_unknown(label, row), expected=wanted)
    detail = msg(
        "{release} is supported until {end} (source: {source})",
        release=label, end=row.end, source=row.source,
    )  # fmt: skip
    if today <= row.end:
        return passed(detail, *_long_term(row, today), expected=wanted)
    if row.extended and today <= row.extended:
        more = msg(
            "Until {end} it is supported only under a contract for extended support: provide "
            "the contract",
            end=row.extended,
        )
        return undetermined(detail, more, expected=wanted)
    return failed(detail, expected=wanted)


def _end_unknown(label: str, row: Support | None) -> Message:
    """Why it is not known when the support of a release ends."""
    if row is None or row.confidence == "read":
        return msg("No end of support is known for {release}", release=label)
    return msg("End of support of {release}: {end} (unverified, provide the vendor's statement)",
               release=label, end=row.end or "?")  # fmt: skip


def _long_term(row: Support, today: str) -> tuple[Message, ...]:
    """The note that the support has become that of another team."""
    if not row.regular or today <= row.regular:
        return ()
    return (msg("The regular security support ended on {day}: since then it is long-term support "
                "(LTS) by another team, for part of the packages and architectures",
                day=row.regular),)  # fmt: skip


CHECKS = (release_supported,)
