"""What the SSH server asks of each account: its settings with the Match blocks that fit."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from audit_linux.ssh.sshd_files import Override, Term
from audit_linux.ssh.sshd_match import Names, fits_account, like, others_of
from audit_linux.ssh.sshd_server import Server

_METHODS = "authenticationmethods"
_ENABLING = {
    "password": "passwordauthentication",
    "publickey": "pubkeyauthentication",
    "keyboard-interactive": "kbdinteractiveauthentication",
}
KEYS = (_METHODS, *_ENABLING.values())
_MOST_ACCOUNTS = 1000


class Login(Struct, frozen=True, kw_only=True):
    """How an account may log in: `methods` is AuthenticationMethods, `on` which are enabled."""

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
    """The logins of local accounts with a shell for which every setting is certain.

    Of several Match blocks that fit the first that sets a keyword holds. A block with criteria of
    connections (Address) makes a login of its own; beside it, the account's other logins are not
    certain.
    """
    names = server.names
    overrides = server.overrides(*KEYS)
    if names is None:
        return
    sure = server.surely(overrides)
    places = dict.fromkeys([frozenset[Term](), *(others_of(one) for one in sure)])
    for name in names.shells[:_MOST_ACCOUNTS]:
        fitting = [one for one in overrides if fits_account(one, name, names)]
        if may_log_in(server, names, name):
            yield from _logins(server, name, fitting, tuple(places))


def _logins(
    server: Server, name: str, fitting: list[Override], places: tuple[frozenset[Term], ...]
) -> Iterator[Login]:
    for place in places:
        values = {key: _value(server, key, fitting, place) for key in KEYS}
        methods = values[_METHODS]
        on = {m for m, key in _ENABLING.items() if (values[key] or "").lower() == "yes"}
        if methods is not None:
            yield Login(name=name, methods=methods, on=frozenset(on))


def _value(server: Server, key: str, fitting: list[Override], place: frozenset[Term]) -> str | None:
    """What holds for `key` where the criteria `place` do; None where others may, too."""
    for one in fitting:
        if one.key == key:
            return one.value if others_of(one) <= place else None
    return server.sshd.one(key)


def may_log_in(server: Server, names: Names, name: str) -> bool:
    """Whether nothing shuts the account out: PermitRootLogin, or a list that names others."""
    if name == "root" and server.sshd.one("permitrootlogin").lower() != "yes":
        return False
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
