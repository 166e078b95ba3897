"""Where syslog-ng writes and sends the records of the host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from audit_core.api.sdk import Absent, ParseError, fact, msg
from audit_core.model import Answer
from audit_linux.config_files import ConfigPaths
from audit_linux.logs.daemon_files import in_use
from audit_linux.logs.forwards import Forward, Forwards
from audit_linux.logs.routes import LOGINS, SAMPLES, SUDO_SAMPLES, Route, by_every_name
from audit_linux.logs.syslog_ng_errors import refusal
from audit_linux.logs.syslog_ng_rules import (
    Group,
    Item,
    Named,
    Trial,
    Word,
    inputs,
    outputs,
    read,
    tree,
)

_MAIN, _FOLDER = "/etc/syslog-ng/syslog-ng.conf", "/etc/syslog-ng/conf.d"
_FILES = ConfigPaths(files=(_MAIN,), folders=(_FOLDER,), pattern="*.conf")
_PRAGMA = re.compile(r"[ \t]*@(version|include|define|module|requires)\b[: \t]*([^\n]*)")
_DEEPEST = 8
_LONGEST = 4 << 20


def parse_syslog_ng(answer: Answer) -> Forwards | Absent:
    """What the log paths of syslog-ng do with the host's records, includes in their place."""
    files = _FILES.read(answer)
    if isinstance(files, Absent):
        return files
    texts = {f.path: "\n".join(f.lines) for f in files}
    if _MAIN not in texts:
        raise ParseError(msg("conf.d without syslog-ng.conf"))
    reader = _Preprocessor(texts)
    items = tree(reader.whole(_MAIN, 0))
    named = read(items)
    return _forwards(named, refusal(texts[_MAIN], tuple(reader.used.values()), items, named))


class _Preprocessor:
    """A configuration with includes and definitions (`@define`) in place."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts, self._defined, self._size = texts, dict[str, str](), 0
        self.used: dict[str, str] = {}

    def whole(self, path: str, depth: int) -> str:
        """The text of a file with what it includes."""
        self.used[path] = self._texts[path]
        self._size += len(self._texts[path])
        if depth > _DEEPEST or self._size > _LONGEST:
            raise ParseError(msg("files are included too deeply"))
        lines = (self._line(line, depth) for line in self._texts[path].split("\n"))
        return "\n".join(lines)

    def _line(self, line: str, depth: int) -> str:
        found = _PRAGMA.fullmatch(line)
        if found is None:
            return self._placed(line)
        if found[1] == "define":
            name, _, value = found[2].partition(" ")
            self._defined[name] = value.strip().strip('"')[:4096]
        if found[1] == "include":
            return self._included(found[2].strip().strip("\"'"), depth)
        return ""

    def _placed(self, line: str) -> str:
        if "`" not in line or not self._defined:
            return line
        return re.sub(r"`([\w-]{1,100})`", lambda m: self._defined.get(m[1], m[0]), line)

    def _included(self, place: str, depth: int) -> str:
        if place == "scl.conf":  # definitions only
            return ""
        if not place.startswith("/"):
            place = f"/etc/syslog-ng/{place}"
        folder, _, name = place.rpartition("/")
        if folder != _FOLDER or not name.endswith(".conf"):
            return f'@unread "{place[:200]}";'.replace("\\", "/")
        names = [p for p in self._texts if p != _MAIN and fnmatchcase(p.rpartition("/")[2], name)]
        return "\n".join(self.whole(path, depth + 1) for path in names)


def _forwards(named: Named, refused: str) -> Forwards:
    routes = tuple(by_every_name(sample, lambda one: Trial(named, one).run()) for sample in SAMPLES)
    sudo = tuple(Trial(named, sample).run() for sample in SUDO_SAMPLES)
    if refused:
        routes = tuple(route.doubted(refused) for route in routes)
        sudo = tuple(route.doubted(refused) for route in sudo)
    every = [pair for body in _used(named) for pair in outputs(body)]
    hosts = dict.fromkeys(place for kind, place in every if kind == "host")
    others = {kind for kind, _ in every} - {"", "file", "host"}
    taken = {driver for body in named.sources.values() for driver in inputs(body)}
    return Forwards(
        forwards=tuple(Forward(target=host, every=_whole(routes, host), file=_MAIN)
                       for host in hosts),
        unread=tuple(sorted(named.unread)),
        others=tuple(sorted(others)),
        routes=routes,
        sudo=sudo,
        inputs=tuple(sorted(taken)),
    )  # fmt: skip


def _used(named: Named) -> Iterator[tuple[Item, ...]]:
    """The destinations that a log path uses: by name, or defined in place."""
    waiting = [item for body in named.paths for item in body][::-1]
    before = ""
    while waiting:
        item = waiting.pop()
        if isinstance(item, Group):
            if before == "destination" and item.opening == "{":
                yield item.items
            waiting += item.items[::-1]
        elif item.text in named.destinations:
            yield named.destinations[item.text]
        before = item.text if isinstance(item, Word) else before if item.opening == "(" else ""


def _whole(routes: tuple[Route, ...], host: str) -> bool:
    """True when all records about logins go to `host`."""
    return all(host in route.sent for route in routes if route.facility in LOGINS)


SYSLOG_NG_FILES = fact(
    "linux.syslog-ng-forwards",
    Forwards,
    kind="host",
    ask=_FILES.request,
    parse=parse_syslog_ng,
)
SYSLOG_NG = in_use("linux.syslog-ng-in-use", SYSLOG_NG_FILES, "syslog-ng", _MAIN)
