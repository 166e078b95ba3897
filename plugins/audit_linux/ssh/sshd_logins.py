"""What the SSH server asks of each account: its settings with the Match blocks that fit."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from audit_linux.ssh.sshd_connections import Connection, value_at
from audit_linux.ssh.sshd_files import INCLUDE, Override
from audit_linux.ssh.sshd_match import Names, like
from audit_linux.ssh.sshd_server import Server

_METHODS = "authenticationmethods"
_ENABLING = {
    "password": "passwordauthentication",
    "publickey": "pubkeyauthentication",
    "keyboard-interactive": "kbdinteractiveauthentication",
}
KEYS = (_METHODS, *_ENABLING.values())
_ROOT = "permitrootlogin"
_KEYS_ALONE = ("prohibit-password", "without-password")
_MOST_ACCOUNTS = 1000


class Login(Struct, frozen=True, kw_only=True):
    """How an account may log in: `methods` is AuthenticationMethods, `on` what surely works."""

    name: str
    methods: str
    on: frozenset[str]

    @property
    def single(self) -> frozenset[str]:
        """The methods each of which alone is enough for the server."""
        lists = [one for one in self.methods.split() if one != "any"]
        if not lists:
            return self.on
        return frozenset(one for one in lists if one.partition(":")[0] in self.on)


def sure_logins(server: Server) -> Iterator[Login]:
    """The logins of local accounts with a shell, each as it may surely come."""
    names = server.names
    if names is None:
        return
    overrides = [one for one in server.files.overrides if one.key in (*KEYS, _ROOT, INCLUDE)]
    connections = [
        connection for connection in server.tried(overrides).connections if connection.sure
    ]
    for name in names.shells[:_MOST_ACCOUNTS]:
        if _is_let_in(server, names, name):
            found = (
                _login(server, names, overrides, name, connection) for connection in connections
            )
            yield from dict.fromkeys(login for login in found if login)


def _login(
    server: Server, names: Names, overrides: list[Override], name: str, connection: Connection
) -> Login | None:
    """How the account logs in from there; None where it cannot, or that is not known."""
    values = {
        key: value_at(overrides, key, name, connection, names, server.sshd.one(key))
        for key in (*KEYS, _ROOT)
    }
    root = (values[_ROOT] or "").lower() if name == "root" else "yes"
    methods = values[_METHODS]
    if methods is None or root not in ("yes", *_KEYS_ALONE):
        return None
    on = {m for m, key in _ENABLING.items() if (values[key] or "").lower() == "yes"}
    return Login(
        name=name, methods=methods, on=frozenset(on & {"publickey"} if root != "yes" else on)
    )


def _is_let_in(server: Server, names: Names, name: str) -> bool:
    """Whether no list shuts the account out."""
    groups = names.groups_of.get(name, frozenset())

    def of_lists(key: str, texts: frozenset[str]) -> list[bool]:
        inside = (one.value.split() for one in server.overrides(key))
        outside = [p for line in server.sshd.values.get(key, ()) for p in line.split()]
        return [
            any(like(text, p.partition("@")[0]) for p in each for text in texts)
            for each in (outside, *inside) if each
        ]  # fmt: skip

    own = frozenset({name})
    denied = any((*of_lists("denyusers", own), *of_lists("denygroups", groups)))
    return not denied and all((*of_lists("allowusers", own), *of_lists("allowgroups", groups)))
