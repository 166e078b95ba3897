"""The lines of pg_hba.conf and pg_ident.conf as PostgreSQL 15 to 17 read them.

Fields part at blanks; a comma continues a list; quotes hold blanks and take the meaning from
keywords; `#` begins a comment anywhere outside of quotes; a backslash at the end goes on. A line
that PostgreSQL refuses makes it refuse the whole file: it keeps the rules that it has, and does not
start with the file. `include`, `include_if_exists` and `include_dir` exist since 16.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
import socket
from collections.abc import Iterator, Mapping

from msgspec import Struct

from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_DEEPEST = 10
_INCLUDES = 16
_VERIFY, _OAUTH = 14, 18
_BLANK = " \t\r"
_TOKEN = re.compile(rf'[{_BLANK},]*((?:"(?:[^"]|"")*(?:"|$)|[^{_BLANK},"#])+)(,?)')
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Token(Struct, frozen=True, kw_only=True):
    """One word; in quotes it is a name, whatever it says."""

    text: str
    quoted: bool = False

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return not self.quoted and self.text in words


Fields = tuple[tuple[Token, ...], ...]


class Refused(Struct, frozen=True, kw_only=True):
    """A line that PostgreSQL does not accept."""

    text: str


class Missing(Struct, frozen=True, kw_only=True):
    """A file that is included and was not read."""

    path: str


class Rule(Struct, frozen=True, kw_only=True):
    """One line: `address` is as written, empty for local sockets, and `network` what it means."""

    type: str
    databases: tuple[Token, ...]
    users: tuple[Token, ...]
    method: str
    address: str = ""
    network: Network | None = None
    options: Mapping[str, str]

    @property
    def text(self) -> str:
        """The line with one blank between its words."""
        lists = (",".join(t.text for t in tokens) for tokens in (self.databases, self.users))
        return " ".join(filter(None, (self.type, *lists, self.address, self.method)))

    @property
    def loopback(self) -> bool:
        """Whether only connections of this host fit."""
        net = self.network
        return self.type == "local" or self.address == "samehost" or bool(net and net.is_loopback)

    def covers(self, other: Rule) -> bool:
        """Whether every connection that fits `other` fits this one."""
        types = {self.type} if self.type != "host" else set(_TYPES) - {"local"}
        return (
            other.type in types
            and _covers(self.databases, other.databases, database=True)
            and _covers(self.users, other.users, database=False)
            and self._address_covers(other)
        )

    def _address_covers(self, other: Rule) -> bool:
        if self.address in ("all", other.address):
            return True
        if self.network and other.network and self.network.version == other.network.version:
            return other.network.subnet_of(self.network)  # type: ignore[arg-type]
        return self.address == "samenet" and other.address == "samehost"


def _covers(wide: tuple[Token, ...], narrow: tuple[Token, ...], *, database: bool) -> bool:
    # `all` is no replication
    exempt = ("replication",) if database else ()
    whole = any(token.is_word("all") for token in wide)
    return all(token in wide or (whole and not token.is_word(*exempt)) for token in narrow)


_TYPES = ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")
_BY_METHOD = {
    "ident": "map", "peer": "map", "cert": "map", "gss": "map krb_realm include_realm",
    "pam": "pamservice pam_use_hostname",
    "ldap": "ldapurl ldaptls ldapscheme ldapserver ldapport ldapbinddn ldapbindpasswd "
            "ldapsearchattribute ldapsearchfilter ldapbasedn ldapprefix ldapsuffix",
    "radius": "radiusservers radiusports radiussecrets radiusidentifiers",
    "oauth": "map issuer scope validator delegate_ident_mapping",
}  # fmt: skip
_OPTIONS = {method: frozenset(names.split()) for method, names in _BY_METHOD.items()}
_METHODS = frozenset({
    "trust", "reject", "md5", "password", "scram-sha-256", "gss", "ident", "peer", "ldap",
    "radius", "cert", "pam", "oauth",
})  # fmt: skip
_ONLY_LOCAL, _NEVER_LOCAL = {"peer"}, {"gss", "cert"}
_NEEDED = {
    "radius": ({"radiusservers"}, {"radiussecrets"}),
    "ldap": ({"ldapserver", "ldapurl", "ldapbasedn"},
             {"ldapbasedn", "ldapprefix", "ldapsuffix", "ldapurl"}),
}  # fmt: skip


def fields(line: str) -> Fields:
    """The lists of words of a line."""
    found: list[tuple[Token, ...]] = []
    held: list[Token] = []
    for hit in _TOKEN.finditer(_uncommented(line)):
        text = re.sub(r'"((?:[^"]|"")*)("|$)', lambda q: q[1].replace('""', '"'), hit[1])
        held.append(Token(text=text, quoted=hit[1].startswith('"')))
        if not hit[2]:
            found.append(tuple(held))
            held = []
    return (*found, tuple(held)) if held else tuple(found)


def _uncommented(line: str) -> str:
    hit = re.match(r'(?:[^"#]|"(?:[^"]|"")*(?:"|$))*', line)
    return hit[0] if hit else ""


def _joined(file: ServiceFile) -> Iterator[str]:
    yield from re.sub(r"\\(\n|\Z)", "", "\n".join(file.lines or ())).split("\n")


def _version(path: str) -> int | None:
    """The major version of a server whose files lie where Debian and its builders put them."""
    found = re.search(r"/(?:postgresql|pgsql)(?:/|-)([0-9]{1,2})(?:\.[0-9])?/", path)
    return int(found[1]) if found else None


Row = Fields | Missing | Refused


def rows(files: ServiceFiles, file: ServiceFile, depth: int = 0) -> Iterator[Row]:
    """The lines of a file and of what it includes, in order."""
    if file.lines is None or depth > _DEEPEST:
        yield Missing(path=file.path)
        return
    includes = (_version(file.path) or _INCLUDES) >= _INCLUDES
    for line in _joined(file):
        row = fields(line)
        if (
            includes
            and len(row) == 2
            and row[0][0].text in ("include", "include_if_exists", "include_dir")
        ):
            yield from _included(files, file, row, depth)
        elif row:
            yield row


def _included(files: ServiceFiles, file: ServiceFile, row: Fields, depth: int) -> Iterator[Row]:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), row[1][0].text))
    if row[0][0].text == "include_dir":
        below = sorted(f.path for f in files.files if posixpath.dirname(f.path) == place
                       and f.path.endswith(".conf"))  # fmt: skip
    else:
        below = [place]
    known = posixpath.dirname(place) == posixpath.dirname(file.path) and place.endswith(".conf")
    for path in below or [place]:
        there = files.at(path)
        if there:
            yield from rows(files, there, depth + 1)
        elif not known or row[0][0].text != "include_if_exists":
            yield Missing(path=path)


def rules(files: ServiceFiles, file: ServiceFile) -> Iterator[Rule | Missing | Refused]:
    """The rules of a pg_hba.conf, what was not read, and what PostgreSQL refuses."""
    version = _version(file.path)
    for row in rows(files, file):
        yield row if isinstance(row, (Missing, Refused)) else _rule(row, version)


def _rule(row: Fields, version: int | None) -> Rule | Refused:
    text = Refused(text=" ".join(",".join(t.text for t in tokens) for tokens in row)[:200])
    kind = row[0][0].text
    if len(row[0]) > 1 or kind not in _TYPES or len(row) < (4 if kind == "local" else 5):
        return text
    address, network, at = "", None, 3
    if kind != "local":
        place = _address(row)
        if place is None or len(row) <= place[2]:
            return text
        address, network, at = place
    options = [token.text.partition("=") for tokens in row[at + 1 :] for token in tokens]
    rule = Rule(
        type=kind, databases=row[1], users=row[2], address=address, network=network,
        method=row[at][0].text if len(row[at]) == 1 else "",
        options={name: value for name, _, value in options},
    )  # fmt: skip
    accepted = all(equals for _, equals, _ in options) and _accepted(rule, version)
    return rule if accepted else text


def _address(row: Fields) -> tuple[str, Network | None, int] | None:
    """The address as text and as network, and where the method stands; None where it is refused."""
    if len(row[3]) > 1:
        return None
    token = row[3][0]
    if token.is_word("all", "samehost", "samenet"):
        return token.text, None, 4
    host, slash, bits = token.text.partition("/")
    first = _ip(host)
    if first is None:
        return None if slash else (token.text, None, 4)
    mask, at = (bits, 4) if slash else (row[4][0].text if len(row[4]) == 1 else "", 5)
    try:
        if not slash and ipaddress.ip_address(mask).version != first.version:
            return None
        length = int(mask) if slash else int(ipaddress.ip_address(mask)).bit_count()
        network = ipaddress.ip_network((first, length), strict=False)
    except ValueError:
        return None
    return (token.text if slash else f"{host} {mask}"), network, at


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as getaddrinfo(3) takes it: also `10` and `010.0.0.1`, which is 8.0.0.1."""
    try:
        if re.fullmatch(r"[0-9][0-9a-fA-FxX.]{0,40}", host):
            return ipaddress.IPv4Address(socket.inet_aton(host))
        return ipaddress.ip_address(host)
    except (ValueError, OSError):
        return None


def _accepted(rule: Rule, version: int | None) -> bool:
    """Whether PostgreSQL takes the method with this type of connection and these options."""
    method, local, tls = rule.method, rule.type == "local", rule.type == "hostssl"
    if method == "ident" and local:
        method = "peer"
    given = set(rule.options)
    return (
        method in _METHODS
        and (method != "oauth" or (version or _OAUTH) >= _OAUTH)
        and not (local and method in _NEVER_LOCAL)
        and (local or method not in _ONLY_LOCAL)
        and (tls or method != "cert")
        and all(one & given for one in _NEEDED.get(method, ()))
        and all(_option(o, value, method, version, tls=tls) for o, value in rule.options.items())
        and (
            (version or _INCLUDES) < _INCLUDES
            or all(map(_is_pattern, (*rule.databases, *rule.users)))
        )
    )


def _option(name: str, value: str, method: str, version: int | None, *, tls: bool) -> bool:
    """Whether PostgreSQL takes an option with this method."""
    if name == "clientcert":
        older = ("0", "1") if (version or 0) < _VERIFY else ()
        by_name = ("verify-ca", *older) if method != "cert" else ()
        return tls and value in ("verify-full", *by_name)
    if name == "clientname":
        return tls and value in ("CN", "DN")
    return name in _OPTIONS.get(method, ())


def _is_pattern(token: Token) -> bool:
    """Whether a word is no regular expression (`/…`, since 16) or one that has a form."""
    try:
        return token.text[:1] != "/" or bool(re.compile(token.text[1:200]))
    except re.error:
        return False


_ANYONE = re.compile(r"\^?(\(?\.[*+]\)?)?\$?")


def maps_of_everybody(files: ServiceFiles, file: ServiceFile) -> set[str]:
    """The maps of a pg_ident.conf that make everybody one account of the database."""
    found = set()
    for row in rows(files, file):
        if isinstance(row, (Missing, Refused)) or len(row) != 3:
            continue
        name, system, account = (tokens[0] for tokens in row)
        anyone = system.text[:1] == "/" and _ANYONE.fullmatch(system.text[1:])
        if anyone and "\\1" not in account.text:
            found.add(name.text)
    return found
