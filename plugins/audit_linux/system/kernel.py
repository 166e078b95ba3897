"""Settings of the running kernel that make attacks harder."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Answers,
    Command,
    FileStatus,
    ParseError,
    Partial,
    ReadFiles,
    Severity,
    capped,
    check,
    expect,
    fact,
    msg,
    partial,
    undetermined,
    verbatim,
)
from audit_core.model import Judgement

KEYS = (
    "kernel.randomize_va_space", "kernel.dmesg_restrict", "kernel.kptr_restrict",
    "kernel.yama.ptrace_scope", "kernel.core_pattern", "fs.suid_dumpable",
    "fs.protected_hardlinks", "fs.protected_symlinks", "net.ipv4.tcp_syncookies",
    "net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.default.accept_redirects", "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.send_redirects", "net.ipv6.conf.all.accept_redirects",
    "net.ipv6.conf.all.disable_ipv6",
)  # fmt: skip


# What each network interface has for itself: the key is a path, for names hold dots.
_INTERFACE = re.compile(
    r"/proc/sys/(net/ipv[46]/conf/[^/\s]{1,64}/(?:accept_redirects|forwarding|disable_ipv6))"
    r":(\d{1,3})",
    re.ASCII,
)
_ROOT = "/proc/sys/"


def parse_sysctl(answers: Answers) -> dict[str, str] | Partial:
    """Values by key; a key that this kernel does not have is missing.

    Those of the single interfaces stand under `net/ipv4/conf/eth0/forwarding` and the like.
    """
    values, unread = _named(answers["settings"], KEYS)
    if "kernel.randomize_va_space" not in {*values, *unread}:
        raise ParseError(msg("the kernel settings were not read completely"))
    problem = msg("Settings that exist but cannot be read: {keys}", keys=capped(unread))
    return partial(values | _of_interfaces(answers["interfaces"].lines), (problem,) * bool(unread))


def _named(answer: Answer, keys: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """The values of `keys`, and those that could not be read."""
    values: dict[str, str] = {}
    unread: list[str] = []
    for file in answer.files:
        key = file.path.removeprefix(_ROOT).replace("/", ".")
        if key not in keys:
            raise ParseError(msg("{name} was not requested", name=key))
        if file.status is FileStatus.READ:
            values[key] = file.text.removesuffix("\n").strip()
        elif file.status is not FileStatus.NOT_PRESENT:
            unread.append(key)
    return values, unread


def _of_interfaces(lines: list[str]) -> dict[str, str]:
    # What one line says of an interface may excuse another: all of them or none.
    rows = [_INTERFACE.fullmatch(line) for line in lines]
    if None in rows:
        raise ParseError(msg("not a setting: {text}", text=verbatim(lines[rows.index(None)])))
    return {row[1]: row[2] for row in rows if row}


# /proc/sys is what sysctl itself reads; keys hold no `/`, so `.` and `/` map one to one.
SYSCTL = fact(
    "linux.sysctl",
    dict[str, str], kind="host",
    asks={
        "settings": ReadFiles(paths=tuple(_ROOT + key.replace(".", "/") for key in KEYS)),
        "interfaces": Command(
            argv=(
                "find", f"{_ROOT}net/ipv4/conf", f"{_ROOT}net/ipv6/conf", "-mindepth", "2",
                "-maxdepth", "2", "(", "-name", "accept_redirects", "-o", "-name", "forwarding",
                "-o", "-name", "disable_ipv6", ")", "-exec", "grep", "-H", "", "{}", "+",
            ),
            ok=(0, 1),
        ),
    },
    parse=parse_sysctl,
)  # fmt: skip


class Setting(Struct, frozen=True, kw_only=True):
    """The values that are fine, the one the kernel starts with (None: its build decides), source.

    `source` is where the value is asked for, `kernel` is documented in Documentation/admin-guide/
    sysctl and Documentation/networking/ip-sysctl.rst of Linux 6.1.
    """

    wanted: tuple[str, ...]
    kernel: str | None
    source: str


def _setting(source: str, kernel: str | None, *wanted: str) -> Setting:
    return Setting(wanted=wanted, kernel=kernel, source=source)


_CIS = "CIS Debian Linux 12 Benchmark 1.1.0 (2024-09)"
_CIS_NET = f"{_CIS}, 3.3"
_CIS_MEMORY = f"{_CIS}, 1.5"
_STIG = "DISA STIG RHEL 9 V2R4 (2025-04)"
SETTINGS: dict[str, Setting] = {
    "kernel.randomize_va_space": _setting(_CIS_MEMORY, "2", "2"),
    "fs.protected_hardlinks": _setting(_STIG, "0", "1"),
    "fs.protected_symlinks": _setting(_STIG, "0", "1"),
    "net.ipv4.tcp_syncookies": _setting(_CIS_NET, "1", "1", "2"),
    "net.ipv4.conf.all.accept_redirects": _setting(_CIS_NET, "1", "0"),
    "net.ipv4.conf.all.accept_source_route": _setting(_CIS_NET, "0", "0"),
    "net.ipv6.conf.all.accept_redirects": _setting(_CIS_NET, "1", "0"),
    "fs.suid_dumpable": _setting(_CIS_MEMORY, "0", "0"),
    "kernel.dmesg_restrict": _setting(_STIG, None, "1"),
    "kernel.kptr_restrict": _setting(_STIG, "0", "1", "2"),
    "kernel.yama.ptrace_scope": _setting(_CIS_MEMORY, None, "1", "2", "3"),
    "net.ipv4.ip_forward": _setting(f"{_CIS_NET}, where the host is no router", "0", "0"),
    "net.ipv4.conf.default.accept_redirects": _setting(_CIS_NET, "1", "0"),
    "net.ipv4.conf.all.send_redirects": _setting(_CIS_NET, "1", "0"),
    "net.ipv4.conf.default.accept_source_route": _setting(_CIS_NET, "1", "0"),
    "net.ipv4.conf.all.rp_filter": _setting(f"{_CIS_NET}; 2 for several ways out", "0", "1", "2"),
    "net.ipv4.icmp_echo_ignore_broadcasts": _setting(_CIS_NET, "1", "1"),
    "net.ipv6.conf.default.accept_redirects": _setting(_CIS_NET, "1", "0"),
    "net.ipv6.conf.all.accept_source_route": _setting(_CIS_NET, "0", "0", "-1"),
    "fs.protected_fifos": _setting("systemd sysctl.d/50-default.conf", "0", "1", "2"),
    "fs.protected_regular": _setting("systemd sysctl.d/50-default.conf", "0", "1", "2"),
    "kernel.unprivileged_bpf_disabled": _setting(_STIG, None, "1", "2"),
    "kernel.perf_event_paranoid": _setting(_STIG, "2", "2", "3", "4"),
}  # fmt: skip
# What every server is held to unless the profile says otherwise.
REQUIRED = frozenset(tuple(SETTINGS)[:7])

# Asked apart, so that stored runs keep their answer for `SYSCTL`.
MORE = tuple(key for key in SETTINGS if key not in KEYS)


def parse_more(answer: Answer) -> dict[str, str] | Partial:
    """Values by key of `MORE`; a key that this kernel does not have is missing."""
    values, unread = _named(answer, MORE)
    problem = msg("Settings that exist but cannot be read: {keys}", keys=capped(unread))
    return partial(values, (problem,) * bool(unread))


def _asked(keys: tuple[str, ...]) -> ReadFiles:
    return ReadFiles(paths=tuple(_ROOT + key.replace(".", "/") for key in keys))


SYSCTL_MORE = fact(
    "linux.sysctl-more", dict[str, str], kind="host", ask=_asked(MORE), parse=parse_more
)

_V6 = frozenset({"net.ipv6.conf.all.accept_redirects"})
_REDIRECTS = _V6 | {"net.ipv4.conf.all.accept_redirects"}


def _by_interface(sysctl: dict[str, str], family: str, name: str) -> dict[str, str]:
    """The values of `name` by interface; not of `all` and `default`, nor of the loopback."""
    path = re.compile(rf"net/{family}/conf/([^/]+)/{name}")
    found = {m[1]: value for key, value in sysctl.items() if (m := path.fullmatch(key))}
    return {k: v for k, v in found.items() if k not in ("all", "default", "lo")}


def interfaces(sysctl: dict[str, str]) -> tuple[str, ...]:
    """The names of the network interfaces, without the loopback interface."""
    return tuple(sorted(_by_interface(sysctl, "ipv4", "forwarding")))


def ipv6_off(sysctl: dict[str, str]) -> bool:
    """True when no interface but the loopback has IPv6; `all` counts where none is told."""
    own = _by_interface(sysctl, "ipv6", "disable_ipv6")
    return all(v == "1" for v in own.values()) if own else (
        sysctl.get("net.ipv6.conf.all.disable_ipv6") != "0"
    )  # fmt: skip


def _redirected(sysctl: dict[str, str]) -> list[str]:
    """Settings of interfaces that accept redirects whatever `all` says.

    Documentation/networking/ip-sysctl.rst: on IPv4 `all` or the interface is enough unless the
    interface forwards, then both are needed; on IPv6 the interface alone counts, and only where
    it does not forward.
    """
    # It always is there; where it could not be read, nothing is certain of the interfaces.
    both = sysctl.get("net.ipv4.conf.all.accept_redirects", "0") != "0"
    forwards = {f: _by_interface(sysctl, f, "forwarding") for f in ("ipv4", "ipv6")}
    off = _by_interface(sysctl, "ipv6", "disable_ipv6")
    wrong = {
        "ipv4": [i for i, v in _by_interface(sysctl, "ipv4", "accept_redirects").items()
                 if v != "0" and (both or forwards["ipv4"].get(i) != "1")],
        "ipv6": [i for i, v in _by_interface(sysctl, "ipv6", "accept_redirects").items()
                 if v != "0" and forwards["ipv6"].get(i) != "1" and off.get(i) != "1"],
    }  # fmt: skip
    return [f"net.{f}.conf.{i}.accept_redirects = {sysctl[f'net/{f}/conf/{i}/accept_redirects']}"
            for f, names in wrong.items() for i in names]  # fmt: skip


@check(
    "linux.kernel-hardening",
    needs=SYSCTL,
    severity=Severity.LOW,
    version=2,
    remedy=msg("Set the values in /etc/sysctl.d and run sysctl --system"),
)
def kernel_hardening(sysctl: dict[str, str], *, keys: frozenset[str] = REQUIRED) -> Judgement:
    """The kernel randomises addresses and refuses redirects and source routes."""
    unknown = keys - set(SETTINGS).intersection(KEYS)
    if unknown:
        return undetermined(msg("No required value is defined for {keys}", keys=capped(unknown)))
    wanted_keys = keys - _V6 if ipv6_off(sysctl) else keys
    values = {key: sysctl[key] for key in wanted_keys if key in sysctl}
    wrong = [f"{k} = {v}" for k, v in values.items() if v not in SETTINGS[k].wanted]
    if keys & _REDIRECTS:
        wrong += _redirected(sysctl)
    detail = msg("{settings}; not as expected: {wrong}",
               settings=capped(f"{k} = {v}" for k, v in values.items()),
               wrong=capped(wrong))  # fmt: skip
    wanted = capped(f"{k} = {'/'.join(SETTINGS[k].wanted)}" for k in keys)
    expected = msg("{settings}", settings=wanted)
    if not wrong and (missing := wanted_keys - set(values)):
        not_provided = msg("This kernel does not provide {keys}", keys=capped(missing))
        return undetermined(detail, not_provided, expected=expected)
    return expect(not wrong, detail=detail, expected=expected)


FACTS = (SYSCTL, SYSCTL_MORE)
CHECKS = (kernel_hardening,)
