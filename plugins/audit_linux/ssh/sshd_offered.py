"""The SSH server as every client sees it: the algorithms and host keys of its key exchange.

The connector tells them of the very server that the login was made to. They are what holds; the
settings may be those of another server, or of the next start.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import Message, capped, derive, msg
from audit_linux.ssh.public_keys import PublicKey, public_key
from audit_linux.ssh.sshd import Sshd

_COMPARED = ("kexalgorithms", "ciphers", "macs", "hostkeyalgorithms")
# Taken in besides those that `kexalgorithms` names, each with the mark of a mechanism at its end.
_GSS = "gss-"
_RELEASE = re.compile(r"SSH-2\.0-OpenSSH_(\d{1,3})\.(\d{1,3})")


class OfferedAlgorithms(Struct, frozen=True, kw_only=True):
    """What a server shows: the algorithms by the keyword that sets them, and its keys by type.

    `unread`: algorithms of host keys whose length was not looked at. `through`: the jump host over
    which it was reached, empty where there is none. `server` is how it names itself.
    """

    algorithms: dict[str, tuple[str, ...]]
    keys: dict[str, PublicKey] = {}
    unread: tuple[str, ...] = ()
    through: str = ""
    server: str = ""

    def is_since(self, major: int, minor: int) -> bool:
        """Whether this is OpenSSH of this release or later, by its own words."""
        named = _RELEASE.match(self.server)
        return named is not None and (int(named[1]), int(named[2])) >= (major, minor)

    def other_than(self, sshd: Sshd) -> Message | None:
        """In which lists the server differs from its settings; None where it does in none.

        Of the host key algorithms a server shows those that it has a key for.
        """
        differing = [key for key in _COMPARED if self._differs(key, sshd)]
        if not differing:
            return None
        return msg(
            "The server that was logged in to offers other algorithms than sshd -T lists "
            "({names}): it was not restarted, reads another file, or is another server",
            names=capped(differing),
        )

    def _differs(self, key: str, sshd: Sshd) -> bool:
        names = {name for name in sshd.algorithms(key) if not name.startswith(_GSS)}
        if sshd.from_files or not names or sshd.one(key).startswith(("+", "-", "^")):
            return False  # the settings do not tell the whole list
        offered = {name for name in self.algorithms.get(key, ()) if not name.startswith(_GSS)}
        return not offered <= names if key == "hostkeyalgorithms" else offered != names


def shown_server(exchange: Any) -> OfferedAlgorithms:
    """The exchange that the connector stored, with its keys read."""
    read = {kind: public_key(kind, text) for kind, text in exchange.keys.items()}
    bad = tuple(kind for kind, key in read.items() if key is None)
    return OfferedAlgorithms(
        algorithms=dict(exchange.algorithms),
        keys={kind: key for kind, key in read.items() if key is not None},
        unread=(*exchange.unread, *bad),
        through=exchange.through,
        server=exchange.server,
    )


SHOWN = derive(
    "linux.sshd-shown",
    OfferedAlgorithms,
    needs="shell.ssh-key-exchange",
    make=shown_server,
    kind="host",
)
FACTS = (SHOWN,)
