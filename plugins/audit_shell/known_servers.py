"""Which server an inventory names, by the host keys that known_hosts holds for it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

from audit_core.model.errors import ConfigError
from audit_shell import hostkeys
from audit_shell.access import SshLogin

# To compare hashed names costs time for each line and host.
_MOST_HASHED = 500


def identities(login: SshLogin) -> tuple[str, ...]:
    """The fingerprints of the keys that are known of the host; none where nothing is known.

    Names stand in known_hosts as they are, or hashed. Patterns tell no single server. A file that
    cannot be read is reported by the login.
    """
    host = (login.host_key_name or str(login.address)).lower()
    name = hostkeys.name_for(host, login.port)
    found = {
        key
        for path in login.known_hosts_files or hostkeys.DEFAULT_FILES
        for key in _of(os.path.expanduser(path), name)
    }
    return tuple(sorted(found))


def _of(path: str, name: str) -> Iterator[str]:
    try:
        stamp = os.stat(path)
        named, hashed = _file(path, stamp.st_mtime_ns, stamp.st_size)
    except (OSError, ConfigError):
        return
    yield from named.get(name, ())
    for entry, key in hashed if len(hashed) <= _MOST_HASHED else ():
        if hostkeys.matches_hashed(entry, name):
            yield key


_Named = dict[str, list[str]]
_Hashed = list[tuple[str, str]]


@functools.lru_cache(maxsize=8)
def _file(path: str, changed: int, size: int) -> tuple[_Named, _Hashed]:
    """The keys of one known_hosts file by name, and those of hashed names."""
    named: _Named = {}
    hashed: _Hashed = []
    for names, key in hostkeys.plain_keys(path):
        if names.startswith("|"):
            hashed.append((names, key))
        else:
            for name in names.lower().split(","):
                named.setdefault(name, []).append(key)
    return named, hashed
