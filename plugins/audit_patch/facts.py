"""The facts of this plugin, each with a provider per package manager."""

from __future__ import annotations

from audit_core.sdk import fact, provider
from audit_patch import apk, apt, host, rpm, zypper
from audit_patch.model import (
    Automatic,
    Kernels,
    Metadata,
    Pending,
    Release,
    Security,
    Signatures,
    Sources,
)

PENDING = fact(
    "patch.pending",
    Pending,
    providers=(
        provider(apt.UPGRADABLE, apt.parse_pending, package_manager="apt"),
        provider(rpm.check_update("dnf"), rpm.parse_check_update, package_manager="dnf"),
        provider(rpm.check_update("yum"), rpm.parse_check_update, package_manager="yum"),
        provider(zypper.UPDATES, zypper.parse_updates, package_manager="zypper"),
        provider(apk.UPDATES, apk.parse_pending, package_manager="apk"),
    ),
)
SECURITY = fact(
    "patch.security",
    Security,
    providers=(
        provider(apt.UPGRADABLE, apt.parse_security, package_manager="apt"),
        provider(rpm.updateinfo("dnf"), rpm.parse_updateinfo, package_manager="dnf"),
        provider(rpm.updateinfo("yum"), rpm.parse_updateinfo, package_manager="yum"),
        provider(zypper.PATCHES, zypper.parse_patches, package_manager="zypper"),
        provider(apk.UPDATES, apk.parse_security, package_manager="apk"),
    ),
)
SOURCES = fact(
    "patch.sources",
    Sources,
    providers=(
        provider(apt.POLICY, apt.parse_policy, package_manager="apt"),
        provider(rpm.REPOS, rpm.parse_sources, package_manager=("dnf", "yum")),
        provider(zypper.REPOS, zypper.parse_sources, package_manager="zypper"),
    ),
)
METADATA = fact(
    "patch.metadata",
    Metadata,
    providers=(
        provider(apt.LISTS, apt.parse_lists, package_manager="apt"),
        provider(rpm.CACHES, rpm.parse_caches, package_manager=("dnf", "yum")),
        provider(zypper.CACHES, rpm.parse_caches, package_manager="zypper"),
    ),
)
SIGNATURES = fact(
    "patch.signatures",
    Signatures,
    providers=(
        provider(apt.OPTIONS, apt.parse_options, package_manager="apt"),
        provider(rpm.REPOS, rpm.parse_signatures, package_manager=("dnf", "yum")),
        provider(zypper.REPOS, zypper.parse_signatures, package_manager="zypper"),
    ),
)
AUTOMATIC = fact(
    "patch.automatic",
    Automatic,
    providers=(
        provider(apt.AUTOMATIC, apt.parse_automatic, package_manager="apt"),
        provider(rpm.AUTOMATIC, rpm.parse_automatic, package_manager=("dnf", "yum")),
    ),
)
UPDATERS = fact("patch.updaters", tuple[str, ...], ask=host.UPDATERS, parse=host.parse_updaters)
KERNELS = fact("patch.kernels", Kernels, ask=host.KERNELS, parse=host.parse_kernels)
RELEASE = fact("patch.release", Release, ask=host.RELEASE, parse=host.parse_release)

FACTS = (
    PENDING, SECURITY, SOURCES, METADATA, SIGNATURES, AUTOMATIC, UPDATERS, KERNELS, RELEASE,
)  # fmt: skip
