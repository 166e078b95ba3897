"""Routes of nginx: the locations in its configuration, best as `nginx -T` prints it. Pure.

Directives of logins, limits and logs are inherited from the level above unless a level has some of
the same name. A location that only redirects or is internal is no route. What `include` names is
not read: `nginx -T` has it in the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct

from audit_api.model import Route
from audit_api.values import LONGEST

_TOKEN = re.compile(
    r"""#[^\n]*|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:\$\{[^}]*\}|\\.|[^\s{};])+)|([{};])""",
    re.DOTALL,
)
_DEEPEST = 30
_PRINTED = "# configuration file /"
_LOGINS = ("auth_basic", "auth_request", "auth_jwt", "auth_oidc", "ssl_verify_client")
_INHERITED = (*_LOGINS, "limit_req", "limit_conn", "access_log")


class NotNginx(ValueError):
    """The text is no configuration of nginx."""


class Directive(Struct, frozen=True, kw_only=True):
    """A directive: its words, and what is in its block; None where it has none."""

    words: tuple[str, ...]
    block: tuple[Directive, ...] | None = None

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0]


def parsed(text: str) -> tuple[Directive, ...]:
    """The directives of a configuration; NotNginx where braces or ends are missing."""
    tokens = _tokens(text)
    found = tuple(_directives(tokens, depth=0))
    if next(tokens, None) is not None:
        raise NotNginx
    return found


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Each word or mark, and whether it is a mark."""
    for found in _TOKEN.finditer(text):
        double, single, word, mark = found.groups()
        if mark is not None:
            yield mark, True
        elif not found[0].startswith("#"):
            held = next(one for one in (double, single, word) if one is not None)
            yield held, False


def _directives(tokens: Iterator[tuple[str, bool]], depth: int) -> Iterator[Directive]:
    words: list[str] = []
    for word, is_mark in tokens:
        if not is_mark:
            words.append(word)
        elif word == "}":
            if words or depth == 0:
                raise NotNginx
            return
        elif not words or depth > _DEEPEST:
            raise NotNginx
        else:
            block = tuple(_directives(tokens, depth + 1)) if word == "{" else None
            yield Directive(words=tuple(words), block=block)
            words = []
    if words or depth:
        raise NotNginx


Held = dict[str, tuple[Directive, ...]]


def routes_of_nginx(text: str, problems: list[str]) -> Iterator[Route]:
    """The locations of each server that do not only redirect."""
    root = parsed(text)
    # nginx -T prints the files of conf.d behind the one that includes them in its http block
    http = [one for d in root if d.name == "http" for one in d.block or ()]
    held = _inherited({}, http)
    servers = [d for d in (*http, *root) if d.name == "server" and d.block is not None]
    if _PRINTED not in text:
        _note_includes(chain(root, http, *(server.block or () for server in servers)), problems)
    for server in servers:
        yield from _server(server, _inherited(held, server.block or ()))


def _blocks(level: Directive, name: str) -> list[Directive]:
    return [d for d in level.block or () if d.name == name and d.block is not None]


def _note_includes(directives: Iterable[Directive], problems: list[str]) -> None:
    wanted = (d.words[1] for d in directives if d.name == "include" and len(d.words) > 1)
    problems += [f"include {name[:LONGEST]} was not read: use nginx -T" for name in wanted
                 if not name.endswith(("mime.types", "_params", "fastcgi.conf"))]  # fmt: skip


def _inherited(above: Held, directives: Iterable[Directive]) -> Held:
    own: dict[str, list[Directive]] = {}
    for one in directives:
        if one.name in _INHERITED:
            own.setdefault(one.name, []).append(one)
    return above | {name: tuple(found) for name, found in own.items()}


def _server(server: Directive, held: Held) -> Iterator[Route]:
    block = server.block or ()
    listens = [d.words[1:] for d in block if d.name == "listen"]
    encrypted = bool(listens) and all("ssl" in w or "quic" in w for w in listens)
    names = tuple(n for d in block if d.name == "server_name" for n in d.words[1:])[:20]
    if any(d.name == "return" for d in block):
        return
    found = list(_locations(server, held, names, encrypted=encrypted))
    if found:
        yield from found
    elif any(d.name in ("root", "proxy_pass") for d in block):
        yield _route("/", names, held, encrypted=encrypted)


def _locations(
    level: Directive, held: Held, names: tuple[str, ...], *, encrypted: bool
) -> Iterator[Route]:
    for location in _blocks(level, "location"):
        block, path = location.block or (), location.words[-1]
        mine = _inherited(held, block)
        only_redirects = any(d.name in ("return", "internal") for d in block)
        if not only_redirects and not path.startswith("@"):
            yield _route(path, names, mine, encrypted=encrypted)
        yield from _locations(location, mine, names, encrypted=encrypted)


def _route(path: str, names: tuple[str, ...], held: Held, *, encrypted: bool) -> Route:
    return Route(
        method="*", path=path[:LONGEST], names=tuple(name[:LONGEST] for name in names),
        authenticated=any(_is_on(held.get(name, ())) for name in _LOGINS) or None,
        encrypted=encrypted,
        limited=any(name in held for name in ("limit_req", "limit_conn")),
        monitored=_is_logged(held.get("access_log")),
    )  # fmt: skip


def _is_on(directives: Iterable[Directive]) -> bool:
    """Whether a login is asked for: the last directive counts, and `off` switches it off."""
    last = [d.words[1:] for d in directives][-1:]
    return bool(last) and last[0][:1] not in ((), ("off",), ("optional",), ("optional_no_ca",))


def _is_logged(directives: tuple[Directive, ...] | None) -> bool:
    """Without a directive nginx logs to a file of its own."""
    return directives is None or any(d.words[1:2] != ("off",) for d in directives)
