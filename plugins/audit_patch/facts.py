"""The facts of this plugin, each with a provider per package manager."""

from __future__ import annotations

from typing import Any

from audit_core.api.sdk import Command, Fact, Provider, fact, provider
from audit_core.model import Answers, NamedAsk, Parser
from audit_patch import (
    apk,
    apt,
    apt_lists,
    apt_options,
    host,
    modules,
    owners,
    rpm,
    rpm_sources,
    zypper,
)
from audit_patch.model import (
    Automatic,
    Builds,
    Esm,
    Kernels,
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

AskAndParse = tuple[Command | dict[str, NamedAsk], Parser]


def _each(id: str, type_: Any, **ways: AskAndParse) -> Fact:
    """The fact `id`, learnt from each package manager in its way; yum's is dnf's unless given."""
    if "dnf" in ways:
        ways.setdefault("yum", ways["dnf"])
    return fact(
        id, type_, kind="host", providers=tuple(_provider(m, *way) for m, way in ways.items())
    )


def _of_packages(ask: Command | dict[str, NamedAsk], parse: Parser, own: Command) -> AskAndParse:
    """`ask`, read only where the package database lists a package that `own` asks for.

    A database that was lost or emptied lists no package, so that nothing is pending.
    """
    asks: dict[str, NamedAsk] = {"list": ask} if isinstance(ask, Command) else ask

    def read(answers: Answers) -> Any:
        host.require_packages(answers["own"])
        return parse(answers["list"] if isinstance(ask, Command) else answers)

    return {**asks, "own": own}, read


def _provider(manager: str, ask: Command | dict[str, NamedAsk], parse: Parser) -> Provider:
    if isinstance(ask, Command):
        return provider(ask, parse, package_manager=manager)
    return provider(asks=ask, parse=parse, package_manager=manager)


PENDING = _each(
    "patch.pending", Pending,
    apt=(apt.VERSIONS, apt.parse_pending),
    dnf=_of_packages(rpm.check_update("dnf"), rpm.parse_check_update, rpm.OWN),
    yum=_of_packages(rpm.check_update("yum"), rpm.parse_check_update, rpm.OWN),
    zypper=_of_packages(zypper.UPDATES, zypper.parse_updates, rpm.OWN),
    apk=_of_packages(apk.UPDATES, apk.parse_pending, apk.OWN),
)  # fmt: skip
SECURITY = _each(
    "patch.security", Security,
    apt=(apt.VERSIONS, apt.parse_security),
    dnf=_of_packages(rpm.ADVISORIES, rpm.parse_advisories, rpm.OWN),
    yum=_of_packages(rpm.YUM_ADVISORIES, rpm.parse_updateinfo, rpm.OWN),
    zypper=_of_packages(zypper.PATCHES, zypper.parse_patches, rpm.OWN),
    apk=_of_packages(apk.UPDATES, apk.parse_security, apk.OWN),
)  # fmt: skip
NEWER = fact(
    "patch.newer",
    Newer,
    kind="host",
    providers=(
        provider(apt.VERSIONS, apt.parse_versions, package_manager="apt"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
FIXED = fact(
    "patch.fixed-release",
    tuple[str, ...],
    kind="host",
    providers=(
        provider(
            asks=rpm_sources.FIXED, parse=rpm_sources.parse_fixed, package_manager=("dnf", "yum")
        ),
        provider(host.RELEASE, host.unheard_of),
    ),
)
BUILDS = fact(
    "patch.kernel-builds",
    Builds,
    kind="host",
    providers=(
        provider(asks=host.BUILDS, parse=host.parse_builds, package_manager="apt"),
        provider(
            asks=host.BUILDS_OF_RPM,
            parse=host.parse_builds_of_rpm,
            package_manager=("dnf", "yum"),
        ),
        provider(
            asks=host.BUILDS_OF_RPM, parse=host.parse_builds_of_suse, package_manager="zypper"
        ),
        provider(host.RELEASE, host.unheard_of),
    ),
)
EMPTY = fact(
    "patch.empty-lists",
    tuple[str, ...],
    kind="host",
    providers=(
        provider(asks=apt_lists.LOST, parse=apt_lists.parse_empty, package_manager="apt"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
UNFINISHED = fact(
    "patch.unfinished",
    tuple[str, ...],
    kind="host",
    providers=(
        provider(host.STATES, host.parse_unfinished, package_manager="apt"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
UNSOURCED = fact(
    "patch.unsourced",
    tuple[str, ...],
    kind="host",
    providers=(
        provider(asks=owners.OF_APT, parse=owners.unsourced_of_apt, package_manager="apt"),
        provider(asks=owners.OF_DNF, parse=owners.unsourced_of_rpm, package_manager="dnf"),
        provider(asks=owners.OF_YUM, parse=owners.unsourced_of_rpm, package_manager="yum"),
        provider(asks=owners.OF_ZYPPER, parse=owners.unsourced_of_suse, package_manager="zypper"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
STREAMS = fact(
    "patch.module-streams",
    tuple[Stream, ...],
    kind="host",
    providers=(
        provider(asks=modules.STREAMS, parse=modules.parse_streams, package_manager="dnf"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
BESIDE = fact(
    "patch.other-installers",
    tuple[str, ...],
    kind="host",
    providers=(
        provider(host.STATES, host.installers_of_apt, package_manager="apt"),
        provider(host.NAMES, host.installers_of_rpm, package_manager=("dnf", "yum", "zypper")),
        provider(host.RELEASE, host.unheard_of),
    ),
)
COMPONENTS = fact(
    "patch.components",
    frozenset[str],
    kind="host",
    providers=(
        provider(owners.OWNERS, owners.parse_components, package_manager="apt"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
LOST = fact(
    "patch.lost-lists",
    tuple[str, ...],
    kind="host",
    providers=(
        provider(asks=apt_lists.LOST, parse=apt_lists.parse_lost, package_manager="apt"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
SOURCES = _each(
    "patch.sources", Sources,
    apt=(apt.POLICY, apt.parse_policy),
    dnf=(rpm_sources.REPOS, rpm_sources.parse_sources),
    zypper=(zypper.REPOS, zypper.parse_sources),
)  # fmt: skip
METADATA = _each(
    "patch.metadata", Metadata,
    apt=(apt.LISTS, apt.parse_lists),
    dnf=(rpm_sources.CACHES, rpm_sources.parse_caches),
    zypper=(zypper.CACHES, zypper.parse_caches),
)  # fmt: skip
SIGNATURES = _each(
    "patch.signatures", Signatures,
    apt=(apt_options.OPTIONS, apt_options.parse_options),
    dnf=(rpm_sources.REPOS, rpm_sources.parse_signatures),
    zypper=(zypper.REPOS, zypper.parse_signatures),
)  # fmt: skip
AUTOMATIC = _each(
    "patch.automatic", Automatic,
    apt=(apt.AUTOMATIC, apt.parse_automatic),
    dnf=(rpm.AUTOMATIC, rpm.parse_automatic),
)  # fmt: skip
UNATTENDED = fact(
    "patch.unattended",
    Unattended,
    kind="host",
    providers=(
        provider(apt.UNATTENDED, apt.parse_unattended, package_manager="apt"),
        provider(host.RELEASE, host.unheard_of),
    ),
)
ESM = fact(
    "patch.esm",
    Esm,
    kind="host",
    providers=(
        provider(asks=apt.ESM, parse=apt.parse_esm, os_id="ubuntu"),
        provider(host.RELEASE, apt.no_esm),
    ),
)
UPDATERS = fact(
    "patch.updaters", tuple[str, ...], kind="host", ask=host.UPDATERS, parse=host.parse_updaters
)
STARTERS = fact(
    "patch.starters", tuple[str, ...], kind="host", ask=host.STARTERS, parse=host.parse_starters
)
RESTART = fact("patch.restart", bool, kind="host", ask=host.RESTART, parse=host.parse_restart)
KERNELS = fact(
    "patch.kernels",
    Kernels,
    kind="host",
    providers=(
        provider(asks=host.KERNELS_OF_SUSE, parse=host.parse_kernels, package_manager="zypper"),
        provider(asks=host.KERNELS, parse=host.parse_kernels),
    ),
)
RELEASE = fact("patch.release", Release, kind="host", ask=host.RELEASE, parse=host.parse_release)

FACTS = (
    PENDING, SECURITY, NEWER, FIXED, BUILDS, SOURCES, METADATA, SIGNATURES, AUTOMATIC, UPDATERS,
    STARTERS, RESTART, KERNELS, RELEASE, ESM, UNATTENDED, LOST, UNFINISHED,
    UNSOURCED, COMPONENTS, EMPTY, STREAMS, BESIDE,
)  # fmt: skip
