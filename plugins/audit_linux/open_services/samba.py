"""Shares of Samba that need no password: smb.conf(5).

Names of parameters ignore case and blanks; some are the opposite of another (`writable`). The last
value holds, sections of one name are one, `#` and `;` begin comments at the start of a line, a
backslash at the end goes on. What `[global]` says of a share is the default of shares. Somebody
without a name is let into a share with `guest ok` whatever `map to guest` is (Samba 4.17.12). A
value that is neither yes nor no, and a head without its end, keep Samba from starting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service import (
    Service,
    ServiceState,
    about,
    is_loopback,
    not_read,
    options,
    service_check,
    without_settings,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_MAIN = "/etc/samba/smb.conf"
_SAME = {
    "public": "guestok", "onlyguest": "guestonly", "printok": "printable",
    "allowhosts": "hostsallow", "denyhosts": "hostsdeny",
}  # fmt: skip
_OPPOSITE = {"writable", "writeable", "writeok"}
_BOOLEANS = {"guestok", "guestonly", "readonly", "printable", "available"}
_YES, _NO = {"yes", "true", "on", "1"}, {"no", "false", "off", "0"}


class Share(Struct, frozen=True, kw_only=True):
    """A share: its name and its parameters, names in small letters without blanks."""

    name: str
    values: dict[str, str]

    def on(self, name: str, *, default: bool = False) -> bool:
        """A parameter that is yes or no."""
        return self.values[name] in _YES if name in self.values else default

    @property
    def for_guests(self) -> bool:
        """Whether somebody without a password is let in."""
        listed = self.values.get("validusers", "")
        served = self.on("available", default=True) and not self.on("printable")
        guest = self.on("guestok") or self.on("guestonly")
        return served and guest and (not listed or "nobody" in re.split(r"[\s,]+", listed))

    @property
    def writable(self) -> bool:
        """Whether a guest may write."""
        by_list = "nobody" in re.split(r"[\s,]+", self.values.get("writelist", ""))
        return by_list or not self.on("readonly", default=True)

    @property
    def limits(self) -> str:
        """The hosts that are let in; empty where all are. `hosts deny` alone limits, too."""
        names = ("hostsallow", "hostsdeny", "invalidusers")
        return " ".join(self.values[name] for name in names if self.values.get(name))

    @property
    def only_loopback(self) -> bool:
        """Whether only this host itself is let in."""
        words = [w for w in re.split(r"[\s,]+", self.values.get("hostsallow", "")) if w]
        return bool(words) and all(w == "127." or is_loopback(w) for w in words)

    @property
    def text(self) -> str:
        """The share for a reader: `[scans] /srv/scans`."""
        return f"[{self.name}] {self.values.get('path', '')}"


def _lines(files: ServiceFiles, file: ServiceFile, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Names and values, sections as `[`; what was not read or is refused as `!`."""
    if file.lines is None or depth > 8:
        yield "!", file.path
        return
    for raw in re.sub(r"\\\n", " ", "\n".join(file.lines)).split("\n"):
        line = raw.strip().removeprefix("\ufeff")
        name, equals, value = line.partition("=")
        key = re.sub(r"\s", "", name).lower()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            yield ("[", line[1:-1].strip()) if line[-1] == "]" else ("!", line)
        elif key in ("include", "configbackend"):
            other = files.at(value.strip()) if key == "include" else None
            yield from _lines(files, other, depth + 1) if other else (("!", line),)
        elif equals:
            yield _setting(key, value.strip())


def _setting(key: str, value: str) -> tuple[str, str]:
    opposite = key in _OPPOSITE
    key = "readonly" if opposite else _SAME.get(key, key)
    small = value.lower()
    if key in _BOOLEANS:
        if small not in _YES | _NO:
            return "!", f"{key} = {value}"
        return key, "yes" if (small in _YES) is not opposite else "no"
    return key, value


def shares(files: ServiceFiles, file: ServiceFile) -> tuple[tuple[Share, ...], list[str]]:
    """[global] and the shares, and what was not read or keeps Samba from starting."""
    common: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    odd: list[str] = []
    current = common
    for name, value in _lines(files, file):
        if name == "!":
            odd.append(value)
        elif name == "[":
            head = value.lower()
            current = common if head in ("global", "globals") else found.setdefault(head, {})
        elif name == "copy":
            current.update({k: v for k, v in found.get(value.lower(), {}).items()
                            if k not in current})  # fmt: skip
        else:
            current[name] = value
    made = (Share(name=n, values={**common, **own}) for n, own in found.items())
    return (Share(name="global", values=common), *made), odd


def _of_users(found: tuple[Share, ...]) -> tuple[Message, ...]:
    """That shares which users made (`net usershare`) may be open to guests; they are not read."""
    allowed = any(share.values.get("usershareallowguests", "").lower() in _YES for share in found)
    none = any(share.values.get("usersharemaxshares") == "0" for share in found)
    ask = msg("Ask whether users made shares for guests (net usershare list)")
    return (ask,) if allowed and not none else ()


@service_check(
    "linux.samba-guests",
    names=("smbd",),
    ports=("445/tcp", "139/tcp"),
    places=("/etc/samba",),
    expected=msg("guest ok = no in every share, at least in those that can be written"),
    remedy=msg("Set guest ok = no and valid users in smb.conf, then restart smbd"),
    version=1,
)
def samba_guests(files: ServiceFiles, service: Service) -> ServiceState:
    """Samba lets nobody write into a share without a password."""
    main = files.at(_MAIN)
    if main is None:
        return without_settings(files, _MAIN, "445")
    (general, *found), odd = shares(files, main)
    open_ = [s for s in found if s.for_guests and not s.only_loopback]
    if service.only_loopback:
        open_ = []
    bad = [s.text for s in open_ if s.writable and not s.limits]
    limited = [f"{s.text} ({s.limits})" for s in open_ if s.writable and s.limits]
    readable = [s.text for s in open_ if not s.writable]
    other = [p for p in options(service.words, "-s", "--configfile") if p != _MAIN]
    certain = about((bad, msg("Everybody can write without a login: {names}", names=capped(bad))))
    rows = (
        (limited, msg("Only the address decides who can write: {names}", names=capped(limited))),
        (readable, msg("Everybody can read without a login: {names}", names=capped(readable))),
    )
    return ServiceState(
        open=certain,
        overrides=not_read([*odd, *other]),
        doubts=(*about(*rows), *_of_users((general, *found))),
        files=files.matching(r"/etc/samba/.*\.conf"),
        fine=msg("{count} shares, none for guests", count=len(found)),
    )


READERS = (samba_guests,)
