"""What the inventory may declare of a Linux host."""

from __future__ import annotations

import re
from typing import Annotated

from audit_core.api.sdk import AbsolutePath, KindSettings, PortRange, Schema, Valid, msg


def _is_home(path: str) -> bool:
    return path.rstrip("/") != "" and not set(path.removesuffix("/*")) & set("*?[\\")


Home = Annotated[
    AbsolutePath,
    Valid(holds=_is_home, expected=msg("an absolute path without .., or one that ends in /*")),
]

FileSystem = Annotated[
    str,
    Valid(
        holds=lambda name: re.fullmatch(r"[a-z][a-z0-9_.-]{0,31}", name) is not None,
        expected=msg("a type of file systems as in /proc/self/mountinfo, such as fuse.mergerfs"),
    ),
]


class LinuxSettings(Schema, frozen=True, kw_only=True):
    """Settings that the checks of Linux hosts look at. None: not declared.

    `data_mounts` are the folders in which important data lie; `needed_…` what this host needs
    of that which others do not; over `service_ports` nobody administers the host; `…_agents`
    are process names of the site's own agents; `admin_sources` are the networks from which the
    host is administered; `admin_groups` are the groups of its administrators;
    `second_factor_at` is where the second factor is asked for, as with a bastion host;
    `process_accounting` is the file in which the kernel records each program that ends, where
    the site wants that; `file_sweep` is false where the file systems shall not be searched;
    `file_systems` are types besides the usual ones whose files lie on the host (`fuse.mergerfs`);
    `homes` are home directories outside of /home, /root, /var/lib and /opt, with `/*` at the end
    all directories in one; `setuid_files` are all that may be setuid, setgid or have file
    capabilities; with `verify_all_packages` the files of all packages are compared with the
    package database, and not only those of the programs that intruders replace.
    """

    allowed_ports: tuple[PortRange, ...] | None = None
    service_ports: tuple[PortRange, ...] | None = None
    data_mounts: tuple[str, ...] | None = None
    needed_packages: tuple[str, ...] | None = None
    needed_services: tuple[str, ...] | None = None
    malware_agents: tuple[str, ...] | None = None
    intrusion_agents: tuple[str, ...] | None = None
    admin_sources: tuple[str, ...] | None = None
    admin_groups: tuple[str, ...] | None = None
    second_factor_at: str | None = None
    process_accounting: AbsolutePath | None = None
    file_sweep: bool | None = None
    file_systems: tuple[FileSystem, ...] | None = None
    setuid_files: tuple[str, ...] | None = None
    homes: tuple[Home, ...] | None = None
    verify_all_packages: bool | None = None


KINDS = (KindSettings(kind="host", settings=LinuxSettings),)
