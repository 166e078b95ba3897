"""The groups whose members become root on a Linux host, each with the reason. Data."""

from __future__ import annotations

from audit_core.api.sdk import Message, msg

_CONTAINERS = msg("start containers with the files of the host in them")
_MACHINES = msg("start virtual machines with the disks or files of the host in them")
_DISKS = msg("read and write disks below the file system")
_MEMORY = msg("read the memory of the kernel")
_HASHES = msg("read the password hashes of all accounts")
_FILES = msg("change the files that the group of root may change")

# Debian and Red Hat give memory to kmem, some others to mem.
ROOT_GROUPS: dict[str, Message] = {
    "docker": _CONTAINERS,
    "podman": _CONTAINERS,
    "microk8s": _CONTAINERS,
    "lxd": _CONTAINERS,
    "incus": _CONTAINERS,
    "incus-admin": _CONTAINERS,
    "mock": _CONTAINERS,  # builds packages in containers that root fills (Fedora)
    "libvirt": _MACHINES,
    "libvirtd": _MACHINES,
    "disk": _DISKS,
    "kmem": _MEMORY,
    "mem": _MEMORY,
    "shadow": _HASHES,
    "root": _FILES,
}

# Their members administer the host by the sudoers files that distributions ship.
ADMIN_GROUPS = frozenset({"sudo", "wheel", "admin"})
