"""For which logins each setting of a Match block holds, tried on connections that may come.

sshd takes of every keyword the first block that fits a login (servconf.c of OpenSSH 10). So the
blocks are tried in their order for each account and for connections from, to and by what the
criteria name, and for one that none of them names.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_linux.ssh.sshd_files import INCLUDE, Override
from audit_linux.ssh.sshd_match import Names, fits, in_group
from audit_linux.ssh.sshd_sockets import Sockets, fits_address, listens_on, reachable

_MOST_CONNECTIONS = 400
_LOOSE = ("203.0.113.77", "198.51.100.77", "9.9.9.9", "2001:db8::77")  # nobody names them
_NUMERIC = re.compile(r"[0-9a-fA-F.:*?,!]+")
_OF_ACCOUNTS = ("user", "group")
# Of these every line adds to the list.
LISTS = frozenset({
    "allowusers", "denyusers", "allowgroups", "denygroups", "acceptenv", "permitopen",
    "permitlisten", "setenv", INCLUDE,
})  # fmt: skip


class Connection(Struct, frozen=True, kw_only=True):
    """A connection; `sure`: it may come, else that is not known."""

    address: str
    host: str
    own: str
    port: str
    domain: str = ""
    sure: bool = True


class Tried(Struct, frozen=True, kw_only=True):
    """Accounts that fit the same criteria, and the connections; `whole`: these are all there are.

    `by_root`: it is about root alone.
    """

    accounts: tuple[str, ...]
    connections: tuple[Connection, ...]
    names: Names
    by_root: bool = False
    whole: bool = True


def tried_for(
    overrides: Iterable[Override], names: Names, sockets: Sockets, *, of_root: bool = False
) -> Tried:
    """The logins on which blocks are tried."""
    terms = list(dict.fromkeys(term for one in overrides for term in one.terms))
    classes: dict[tuple[bool, ...], str] = {}
    accounts = ("root",) if of_root else tuple(names.groups_of)
    named = [term for term in terms if term[0] in _OF_ACCOUNTS]
    for name in accounts:
        classes.setdefault(tuple(_account_fits(*term, name, names) for term in named), name)
    options = _options(terms, sockets)
    domains = _domains([text for term, text in terms if term == "rdomain"], sockets)
    found = tuple(itertools.islice(_connections(*options, domains), _MOST_CONNECTIONS + 1))
    return Tried(
        accounts=tuple(classes.values()), connections=found[:_MOST_CONNECTIONS], names=names,
        by_root=of_root, whole=len(found) <= _MOST_CONNECTIONS,
    )  # fmt: skip


Options = list[tuple[str, bool]]
"""Texts to try, each with whether it may surely come."""


def _connections(
    addresses: list[str], hosts: Options, owns: Options, ports: Options, domains: Options
) -> Iterator[Connection]:
    for address, host, own, port, domain in itertools.product(
        addresses, hosts, owns, ports, domains
    ):
        yield Connection(
            address=address, host=host[0] or address, own=own[0], port=port[0],
            domain=domain[0], sure=host[1] and own[1] and port[1] and domain[1],
        )  # fmt: skip


def _options(
    terms: list[tuple[str, str]], sockets: Sockets
) -> tuple[list[str], Options, Options, Options]:
    """The addresses and names of clients, and the addresses and ports of the host, to be tried."""
    arguments = {kind: [text for term, text in terms if term == kind] for kind, _ in terms}
    hosts = arguments.get("host", [])
    numeric = [text for text in hosts if _NUMERIC.fullmatch(text)]
    addresses = [*arguments.get("address", []), *numeric]
    examples = [_example(p) for text in addresses for p in text.split(",")]
    loose = [a for a in _LOOSE if not any(fits_address(a, text) for text in addresses)]
    named = [_sample(p) for text in hosts for p in text.split(",")]
    names = [] if sockets.names is False else _few(["client.invalid", *named] if hosts else [])
    # without a name the server takes the address for it
    given = [("", True)] if not sockets.names or not hosts else []
    return (
        _few([*(loose or _LOOSE)[:1], *examples]),
        [*given, *((name, bool(sockets.names)) for name in names)],
        _owns(arguments.get("localaddress", []), sockets),
        _ports(arguments.get("localport", []), sockets),
    )


def _few(found: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(found) if text]


def _sample(pattern: str) -> str:
    """A text that fits the pattern."""
    return pattern.removeprefix("!").replace("*", "x").replace("?", "x")


def _example(pattern: str) -> str:
    """An address that fits a pattern or lies in a network."""
    text = pattern.removeprefix("!").split("/")[0].strip()
    if text.endswith((".0", "::")) and "/" in pattern:
        text = text[:-1] + "1" if text.endswith(".0") else text + "1"
    if text.endswith(".*"):
        text = text[:-1] + ".".join("7" * (4 - text.count(".")))
    return text.replace("*", "7").replace("?", "7")


def _owns(wanted: list[str], sockets: Sockets) -> Options:
    if not wanted:
        return [("", True)]
    known, whole = reachable(sockets)
    kept = {tuple(fits_address(one, text) for text in wanted): (one, True) for one in known}
    more = [] if whole else [(_example(p), False) for text in wanted for p in text.split(",")]
    return [*kept.values(), *more]


def _ports(wanted: list[str], sockets: Sockets) -> Options:
    if not wanted:
        return [("", True)]
    every = dict.fromkeys((*wanted, *sorted(sockets.ports), *sorted(sockets.open or ())))
    found = [(port, holds) for port in every if (holds := listens_on(sockets, port)) is not False]
    surely = [(port, True) for port, holds in found if holds]
    others = [pair for pair in surely if pair[0] not in wanted][:1]
    asked = [(port, bool(holds)) for port, holds in found if port in wanted]
    return [*asked, *others] if surely else [*asked, ("0", True)]


def _domains(wanted: list[str], sockets: Sockets) -> Options:
    """The routing domains of connections: those of the listening sockets, if not of all."""
    if not wanted:
        return [("", True)]
    more = [_sample(p) for text in wanted for p in text.split(",")] if sockets.any_domain else []
    return [*(dict.fromkeys(more, False) | dict.fromkeys(sockets.domains, True)).items()]


def _account_fits(term: str, argument: str, name: str, names: Names) -> bool:
    return fits(name, argument) if term == "user" else in_group(name, argument, names)


def holds(override: Override, name: str, connection: Connection, names: Names) -> bool | None:
    """Whether the block fits a login; None where a criterion is not known."""
    found = [_term_holds(*term, name, connection, names) for term in override.terms]
    if False in found:
        return False
    return None if None in found else True


def _term_holds(
    term: str, argument: str, name: str, connection: Connection, names: Names
) -> bool | None:
    if term in _OF_ACCOUNTS:
        return _account_fits(term, argument, name, names)
    match term:
        case "all":
            return True
        case "invalid-user":
            return False
        case "host":
            return fits(connection.host, argument)
        case "rdomain":
            return fits(connection.domain, argument)
        case "address" | "localaddress":
            return fits_address(
                connection.address if term == "address" else connection.own, argument
            )
        case "localport":
            return connection.port == argument
    return None


def effects(overrides: list[Override], tried: Tried) -> list[bool | None]:
    """Of each override, all of one keyword, whether it holds for a login; None where not known.

    Those of files that were not read may stand among them: they leave open what comes after them.
    """
    found: list[bool | None] = [False] * len(overrides)
    for name, connection in itertools.product(tried.accounts, tried.connections):
        sure = connection.sure
        for at, one in enumerate(overrides):
            fitting = holds(one, name, connection, tried.names)
            if fitting is False:
                continue
            found[at] = True if (sure and fitting) or found[at] else None
            if fitting and one.key not in LISTS:
                break  # the first holds
            sure = sure and (bool(fitting) or one.key in LISTS) and one.key != INCLUDE
    return [_of_others(one, held, tried) for one, held in zip(overrides, found, strict=True)]


def outside_holds(overrides: list[Override], tried: Tried) -> bool | None:
    """Whether what stands outside of blocks holds for a login; None where that is not known.

    It does for none where blocks that set the keyword, all of `overrides`, fit every login.
    """
    logins = list(itertools.product(tried.accounts, tried.connections))
    found = [
        [holds(one, name, connection, tried.names) for one in overrides]
        for name, connection in logins
    ]
    if not found or any(not any(held is not False for held in each) for each in found):
        return True
    of_accounts = any(term in _OF_ACCOUNTS for one in overrides for term, _ in one.terms)
    others = of_accounts and not tried.names.whole and not tried.by_root
    sure = all(True in each for each in found) and tried.whole and not others
    return False if sure else None


def _of_others(override: Override, held: bool | None, tried: Tried) -> bool | None:
    """The same with what accounts of other sources may bring.

    Of another source an account may be in more groups, root too.
    """
    kinds = {term for term, _ in override.terms}
    if held is not False or not kinds & set(_OF_ACCOUNTS) or "invalid-user" in kinds:
        return held if tried.whole or held else None
    unknown = not tried.names.whole and (not tried.by_root or "group" in kinds)
    if not unknown and tried.whole:
        return False
    nobody = any(
        term in ("user", "group") and not any(p[:1] != "!" for p in argument.split(","))
        for term, argument in override.terms
    )
    return False if nobody else None


def value_at(
    overrides: list[Override],
    key: str,
    name: str,
    connection: Connection,
    names: Names,
    outside: str,
) -> str | None:
    """What holds for a login: of the first block that fits, else `outside`; None: not known."""
    for one in overrides:
        if one.key not in (key, INCLUDE):
            continue
        if (fitting := holds(one, name, connection, names)) is not False:
            return one.value if fitting and one.key == key else None
    return outside
