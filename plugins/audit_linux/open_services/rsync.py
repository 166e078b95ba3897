"""Modules of the rsync daemon that everybody may write or read: rsyncd.conf(5).

`[name]` begins a module; what stands before the first one, or under `[global]`, holds for modules
after it. Names of parameters ignore case and blanks; the last value holds; `#` and `;` begin
comments at the start of a line; a backslash at its end continues it. `&include` reads a file, or
the `*.conf` of a directory, `&merge` the `*.inc`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import capped, msg
from audit_linux.open_services.service import (
    Service,
    ServiceState,
    about,
    is_loopback,
    not_read,
    options,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFiles

_MAIN = "/etc/rsyncd.conf"
_DEEPEST = 8
_NO, _YES = ("no", "false", "0"), ("yes", "true", "1")


_EVERYBODY = frozenset({"*", "0.0.0.0/0", "::/0"})


def _split(hosts: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", hosts) if word]


class Module(Struct, frozen=True, kw_only=True):
    """A module: its name and its parameters, names in small letters without blanks."""

    name: str
    values: dict[str, str]

    def on(self, name: str, default: bool) -> bool:
        """A parameter that is yes or no; any other value leaves the default."""
        value = self.values.get(name, "").lower()
        return value in _YES if value in (*_YES, *_NO) else default

    @property
    def without_login(self) -> bool:
        """Whether nobody is asked for a name and a password."""
        return not self.values.get("authusers", "")

    @property
    def limits(self) -> str:
        """The addresses that are let in; empty where all are."""
        allowed, denied = (self.values.get(f"hosts{w}", "") for w in ("allow", "deny"))
        # Who is in neither list is let in where both are there.
        rest_in = bool(denied) and not _EVERYBODY.intersection(_split(denied))
        return "" if rest_in or _EVERYBODY.intersection(_split(allowed)) else allowed

    @property
    def only_loopback(self) -> bool:
        """Whether `hosts allow` names loopback addresses only."""
        words = _split(self.limits)
        return bool(words) and all(map(is_loopback, words))

    @property
    def text(self) -> str:
        """The module for a reader: `[backup] /srv/backup`."""
        return f"[{self.name}] {self.values.get('path', '')}"


class Missing(Struct, frozen=True, kw_only=True):
    """A file or directory that is included and was not read."""

    path: str


def _joined(lines: tuple[str, ...]) -> Iterator[str]:
    held = ""
    for line in lines:
        text = line.rstrip()
        if text.endswith("\\") and not text.lstrip().startswith(("#", ";")):
            held += text[:-1]
            continue
        yield held + text
        held = ""
    if held:
        yield held


def _statements(files: ServiceFiles, path: str, depth: int = 0) -> Iterator[str | Missing]:
    file = files.at(path)
    if file is None or file.lines is None or depth > _DEEPEST:
        yield Missing(path=path)
        return
    for line in _joined(file.lines):
        text = line.strip()
        include = re.fullmatch(r"&(include|merge)\s+(\S.*)", text, re.IGNORECASE)
        if include:
            for place in _included(files, include[1].lower(), include[2]):
                yield from _statements(files, place, depth + 1)
        elif text and text[0] not in "#;":
            yield text


def _included(files: ServiceFiles, how: str, place: str) -> list[str]:
    """The files that a directive reads: the one that it names, or those in the directory."""
    ending = ".conf" if how == "include" else ".inc"
    below = [
        f.path
        for f in files.files
        if f.path.rpartition("/")[0] == place.rstrip("/") and f.path.endswith(ending)
    ]
    return below or [place]


def modules(files: ServiceFiles) -> tuple[tuple[Module, ...], tuple[str, ...]]:
    """The modules, and what of the configuration was not read."""
    shared: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    missing: list[str] = []
    current = shared
    for text in _statements(files, _MAIN):
        if isinstance(text, Missing):
            missing.append(text.path)
        elif head := re.fullmatch(r"\[\s*([^\]]+?)\s*\]", text):
            is_global = head[1].lower() == "global"
            # A module takes what the global part says when the module begins.
            current = shared if is_global else found.setdefault(head[1], dict(shared))
        elif text.startswith("["):
            missing.append(
                f"{_MAIN}: {text[:60]}"
            )  # a head without its end: rsync reads no further
        else:
            name, _, value = text.partition("=")
            current[re.sub(r"\s", "", name).lower()] = value.strip()
    return tuple(Module(name=n, values=v) for n, v in found.items()), tuple(missing)


@service_check(
    "linux.rsync-modules",
    names=("rsync",),
    argument="--daemon",
    ports=("873/tcp",),
    places=(_MAIN, "/etc/rsyncd.d", "/etc/rsync.d"),
    files=("*.conf", "*.inc"),
    expected=msg("auth users in every module, at least in those that can be written"),
    remedy=msg("Set auth users and secrets file, read only = yes and hosts allow in rsyncd.conf"),
)
def rsync_modules(files: ServiceFiles, service: Service) -> ServiceState:
    """No module of the rsync daemon accepts files without a login."""
    found, missing = modules(files)
    naked = [m for m in found if m.without_login and not m.only_loopback]
    bad, limited = _writable(naked)
    readable = [m.text for m in naked if m.on("readonly", True) and not m.on("writeonly", False)]
    other = [path for path in options(service.words, "--config") if path != _MAIN]
    bad = [] if service.only_loopback else bad
    certain = about((bad, msg("Everybody can write without a login: {names}", names=capped(bad))))
    rows = (
        (limited, msg("Only the address decides who can write: {names}", names=capped(limited))),
        (readable, msg("Everybody can read without a login: {names}", names=capped(readable))),
    )
    doubts = about(*rows)
    if service.only_loopback:
        doubts = ()
    elsewhere = msg("Started with another configuration: {names}", names=capped(other))
    return ServiceState(
        open=certain, overrides=(elsewhere,) if other else (),
        doubts=(*doubts, *not_read(missing)), files=files.matching(_MAIN),
        fine=msg("{count} modules, each with auth users or for this host only", count=len(found)),
    )  # fmt: skip


def _writable(naked: list[Module]) -> tuple[list[str], list[str]]:
    """The modules that everybody can write, and those that only addresses limit."""
    found = [m for m in naked if not m.on("readonly", True)]
    open_ = [m.text for m in found if not m.limits]
    return open_, [f"{m.text} ({m.limits})" for m in found if m.limits]


READERS = (rsync_modules,)
