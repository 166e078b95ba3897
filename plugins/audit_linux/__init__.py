"""What a Linux host tells about itself, one package per subject.

The subjects import the shared modules beside this file and, in one direction, each other:
`sudo`, `files` → `accounts` → `ssh`, and `network` → `system`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import hookimpl
from audit_core.model import Check, Fact


@hookimpl
def dengbao_facts() -> Iterable[Fact]:
    """Facts about a Linux host."""
    from audit_linux import accounts, files, logs, network, ssh, sudo, system

    subjects = (accounts, sudo, ssh, files, logs, network, system)
    return tuple(fact for subject in subjects for fact in subject.FACTS)


@hookimpl
def dengbao_checks() -> Iterable[Check]:
    """Checks of a Linux host."""
    from audit_linux import accounts, files, logs, network, ssh, sudo, system

    subjects = (accounts, sudo, ssh, files, logs, network, system)
    return tuple(check for subject in subjects for check in subject.CHECKS)


@hookimpl
def dengbao_locales() -> Iterable[Path]:
    """The Chinese of this plugin's messages."""
    return [Path(__file__).parent / "locale"]
