"""Why an empty list of updates may tell nothing: what hides updates, and what was not looked at."""

from __future__ import annotations

from audit_core.api.sdk import Absent, Message, capped, msg
from audit_patch.apt import is_security
from audit_patch.freshness import brings_updates, in_use, own_suite
from audit_patch.model import Metadata, Newer, Pending, Release, Security, Source, Sources, Update


def unlabelled(security: Security, sources: Sources, release: Release) -> bool:
    """Whether no source marks security updates.

    On Debian and Ubuntu a security archive counts for its own release only: the one that was
    left in the sources when the rest was moved on offers nothing, whatever is pending.
    """
    own = own_suite(release)
    by_name = any(s.security and (not own or s.suite in ("", own)) for s in sources.items)
    return not (by_name if security.labelled is None else security.labelled)


# The components of which the security archive of Debian and Ubuntu has updates for every host.
_COMPONENTS = ("main", "universe")


def uncovered(
    sources: Sources,
    release: Release,
    components: frozenset[str] | None,
    empty: tuple[str, ...] | None,
) -> Message | None:
    """Why a security archive is not sufficient: it is in effect for other components only.

    `components`: those of which packages are installed, such as the microcode of non-free-firmware.
    `empty`: those in effect that have no package yet, by release.
    """
    of_release = [s for s in sources.items if s.suite == own_suite(release) != ""]
    covered = _components(of_release, security=True)
    rest = _components(of_release, security=False) - covered - _without_packages(empty or ())
    names = sorted(rest.intersection({*_COMPONENTS, *(components or rest)}))
    if not covered or not names:
        return None
    return msg("The security archive is not in effect for these components of the release: {names}",
               names=tuple(names))  # fmt: skip


def _components(sources: list[Source], *, security: bool) -> set[str]:
    return {s.component for s in sources if s.component and bool(s.security) is security}


def _without_packages(empty: tuple[str, ...]) -> set[str]:
    """The components of which a security archive in effect has no package yet."""
    rows = (row.rpartition(" ") for row in empty)
    return {component for archive, _, component in rows if is_security(archive)}


def unsourced(packages: tuple[str, ...] | None) -> Message | None:
    """Why nothing is known of some packages: no source holds them, though they are the system's."""
    if not packages:
        return None
    return msg("No source in effect holds these packages of the distribution (its source was "
               "disabled, or they were left over by an upgrade), so their updates are not known: "
               "{names}", names=capped(packages))  # fmt: skip


def unmarked(pending: Pending | None, metadata: Metadata, sources: Sources) -> Message | None:
    """Why an update may be one for security: its source has no advisories (dnf)."""
    if not metadata.by_source:
        return None
    lacking = [x for x in in_use(metadata, sources) if not x.advisories]
    without = {x.source for x in lacking}
    if rest := [u for u in (pending.updates if pending else ()) if u.source in without]:
        return msg("These updates are from sources without advisories, so whether they are for "
                   "security is not known: {names}",
                   names=capped((f"{u.name} {u.candidate} ({u.source})" for u in rest), sort=False),
                  )  # fmt: skip
    if names := tuple(x.source for x in lacking if brings_updates(x)):
        return msg("These sources of updates have no advisories, so which of their updates are for "
                   "security is not known: {names}", names=names)  # fmt: skip
    return None


def unfinished(packages: tuple[str, ...] | None) -> Message | None:
    """Why an update may not be in effect: its installation did not end."""
    if not packages:
        return None
    return msg("The installation of these packages did not end (dpkg --configure -a): {names}",
               names=capped(packages))  # fmt: skip


def local(newer: Newer | None) -> tuple[Message, ...]:
    """The note on packages of which nothing is known."""
    if newer is None or not newer.local:
        return ()
    return (msg("No source holds these packages, so nothing is known of their updates: {names}",
                names=capped(newer.local)),)  # fmt: skip


def beside(installers: tuple[str, ...] | None) -> tuple[Message, ...]:
    """The note on software that the package manager knows nothing of."""
    if not installers:
        return ()
    return (msg("Not looked at: snaps, flatpaks and container images, which these programs bring "
                "and update by themselves: {names}", names=capped(installers)),)  # fmt: skip


def hidden(
    newer: Newer | None, sources: Sources | None, release: Release | None
) -> tuple[Update, ...]:
    """The newer versions that a security archive of this very release has."""
    own = own_suite(release) if release else ""
    if newer is None or sources is None or not own:
        return ()
    archives = {
        s.archive for s in sources.items if s.suite == own and not s.name.startswith("UbuntuESM")
    }
    return tuple(u for u in newer.security if archives.intersection(u.archives))


def pinned(sources: Sources, newer: Newer | Absent | None) -> Message | None:
    """Why updates may be hidden: by pinning, where it is not known that it hides nothing."""
    names = [text.partition(" -> ")[0] for text in sources.pinned]
    if isinstance(newer, Newer):
        names = [name for name in names if name in newer.packages]
    if not names:
        return None
    return msg("Updates of these packages are hidden by pinning: {names}", names=capped(names))


def lost(lists: tuple[str, ...] | None) -> Message | None:
    """Why updates may not be known: apt holds no list of a component of its sources."""
    if not lists:
        return None
    return msg("The host holds no whole package list of these components of its sources, so their "
               "updates are not known: {names}", names=capped(lists))  # fmt: skip
