"""Which packets the packet filter that boot loads refuses, by the files of each loader.

| loader | what it loads |
|---|---|
| nftables | `/etc/nftables.conf`; Red Hat: `/etc/sysconfig/nftables.conf`; SUSE: `main.nft` |
| netfilter-persistent, iptables-persistent | `/etc/iptables/rules.v4`, `rules.v6` |
| iptables, ip6tables | `/etc/sysconfig/iptables`, `ip6tables`; Arch: `/etc/iptables/*.rules` |
| firewalld | the default zone of `firewalld.conf`, which refuses unless its target is ACCEPT |
| ufw | `ENABLED` of `ufw.conf`, `DEFAULT_INPUT_POLICY` of `/etc/default/ufw` |

The files of iptables are read as `iptables-restore` does. Scripts and units that call one of these
programs are named and not followed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from audit_core.api.sdk import (
    Answers,
    FileEntry,
    FileStatus,
    ParseError,
    Privilege,
    ReadFiles,
    fact,
)
from audit_linux.network.iptables import chains_saved, words_of
from audit_linux.network.netfilter_model import (
    EVERY,
    IPV4,
    IPV6,
    NONE,
    ON_THE_WAY_IN,
    by_name,
    verdict_on,
)
from audit_linux.network.nft_files import Written, written

_NFT = ("/etc/sysconfig/nftables.conf", "/etc/nftables.conf", "/etc/nftables/rules/main.nft")
_RULES = {
    "iptables": ("/etc/sysconfig/iptables", "/etc/iptables/iptables.rules"),
    "ip6tables": ("/etc/sysconfig/ip6tables", "/etc/iptables/ip6tables.rules"),
    "persistent4": ("/etc/iptables/rules.v4",),
    "persistent6": ("/etc/iptables/rules.v6",),
}
_FIREWALLD, _UFW, _UFW_POLICY = (
    "/etc/firewalld/firewalld.conf", "/etc/ufw/ufw.conf", "/etc/default/ufw",
)  # fmt: skip
_FOLDERS = ("/etc/nftables", "/etc/nftables.d", "/etc/firewalld/zones")
SCRIPTS = (
    "/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/boot.local", "/etc/network/interfaces",
    "/etc/network/interfaces.d", "/etc/network/if-pre-up.d", "/etc/network/if-up.d",
    "/etc/NetworkManager/dispatcher.d", "/etc/networkd-dispatcher", "/etc/crontab", "/etc/cron.d",
    "/etc/systemd/system",
)  # fmt: skip
_OF_CRON = ("/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/var/spool/cron/tabs/root")
_UNITS = "/etc/systemd/system"
_CONFIG = "/etc/sysconfig/{}-config"


class Loader(Struct, frozen=True, kw_only=True):
    """What one loader refuses at boot; `of` are the files that say so; `there`: one of them is."""

    of: tuple[str, ...]
    rules: Written
    there: bool = True


class BootRules(Struct, frozen=True, kw_only=True):
    """What each loader would load, by the name of its unit, and what else may load rules.

    `scripts` are scripts that name nft or iptables, and `units` the units of the site that do, or
    that run a program of the site once when the system starts, `unprivileged` those that run as
    an ordinary account, which may load none.
    """

    loaders: dict[str, Loader]
    scripts: tuple[str, ...] = ()
    units: frozenset[str] = frozenset()
    unprivileged: frozenset[str] = frozenset()


# Lines that are no comments: a packet filter is named, or a job of cron runs at boot.
_CALLS = re.compile(
    r"(?m)^(?![ \t]*[#;]).*(?:\b(?:nft|ip6?tables(?:-\w+)*|firewall\w*|ufw|ipset|ferm|shorewall)\b"
    r"|@reboot)"
)
_SITE = r"/(?:usr/local|opt|root|srv|home|data)/"
_STARTS_OF_SITE = re.compile(rf"(?m)^(?![ \t]*#).*{_SITE}")
_ONCE = re.compile(r"(?m)^[ \t]*Type[ \t]*=[ \t]*oneshot\b")
_OF_SITE = re.compile(rf"(?m)^[ \t]*ExecStart[ \t]*=(?:.*\s)?[-@:+!]*(?:{_SITE}|/etc/)")


def parse_boot_rules(answers: Answers) -> BootRules:
    """What the loaders load. A file that was not read may refuse, and a script may load rules."""
    closed = answers["rules"].files
    rules = [f for f in closed if f.path not in _OF_CRON]
    more = [*answers["scripts"].files, *(f for f in closed if f.path in _OF_CRON)]
    unread = {f.path for f in rules if f.status not in (*_GONE, FileStatus.READ)}
    cut = ("...",) if answers["scripts"].truncated else ()
    return BootRules(
        loaders=_loaders({f.path: f.text for f in rules if f.status is FileStatus.READ}, unread),
        scripts=(*(f.path for f in more if _may_load(f)), *cut),
        units=frozenset(map(_name, filter(_is_loading_unit, more))),
        unprivileged=frozenset(map(_name, filter(_is_unprivileged_unit, more))),
    )


# A link to /dev/null, or one that leads nowhere, masks a unit or disables a script.
_GONE = (FileStatus.NOT_PRESENT, FileStatus.NOT_REGULAR, FileStatus.BROKEN_LINK)


def _name(file: FileEntry) -> str:
    return file.path.rpartition("/")[2]


def _may_load(file: FileEntry) -> bool:
    """Whether a script names a packet filter, starts a program of the site, or was not read."""
    if file.path.startswith(f"{_UNITS}/") or file.status in _GONE:
        return False
    starts = "cron" not in file.path and _STARTS_OF_SITE.search(file.text)
    return file.status is not FileStatus.READ or bool(starts or _CALLS.search(file.text))


def _is_loading_unit(file: FileEntry) -> bool:
    """Whether a unit of the site calls a packet filter, or runs a program of the site once."""
    if not file.path.startswith(f"{_UNITS}/") or file.status is not FileStatus.READ:
        return False
    once = _ONCE.search(file.text) and _OF_SITE.search(file.text)
    return file.path.endswith(".service") and bool(once or _CALLS.search(file.text))


_ORDINARY = re.compile(
    r"(?m)^[ \t]*(?:User[ \t]*=[ \t]*(?!root\b|0\b)\S|DynamicUser[ \t]*=[ \t]*(?:y|t|1|on))"
)
# `+` and `!` in front of a program start it as root.
_AS_ROOT = re.compile(
    r"(?m)^(?![ \t]*[#;])(?:.*CAP_NET_ADMIN|.*\bsudo\b|[ \t]*Exec\w+[ \t]*=[ \t]*[-@:]*[+!])"
)


def _is_unprivileged_unit(file: FileEntry) -> bool:
    """Whether a unit of the site runs as an ordinary account, without the right to load rules."""
    if not file.path.startswith(f"{_UNITS}/") or file.status is not FileStatus.READ:
        return False
    ordinary = _ORDINARY.search(file.text) and not _AS_ROOT.search(file.text)
    return file.path.endswith(".service") and bool(ordinary)


def _loaders(texts: Mapping[str, str], unread: set[str]) -> dict[str, Loader]:
    saved = {name: _saved(places, texts, unread) for name, places in _RULES.items()}
    both = _both(saved["persistent4"], saved["persistent6"])
    return {
        "nftables": _of_nft(texts, unread),
        "iptables": _kept_at_stop("iptables", saved["iptables"], texts, IPV4),
        "ip6tables": _kept_at_stop("ip6tables", saved["ip6tables"], texts, IPV6),
        "netfilter-persistent": both,
        "iptables-persistent": both,
        "firewalld": _of_firewalld(texts, unread),
        "ufw": _of_ufw(texts, unread),
    }


def _both(one: Loader, other: Loader) -> Loader:
    rules = Written(
        refused=one.rules.refused | other.rules.refused,
        maybe=one.rules.maybe | other.rules.maybe,
    )
    return Loader(of=one.of + other.of, rules=rules)


def _of_nft(texts: Mapping[str, str], unread: set[str]) -> Loader:
    """The file that nftables.service loads; of several that exist it is not known which."""
    there = [path for path in _NFT if path in texts]
    found = [written(path, texts) for path in there]
    if unread & set(_NFT) or any(path.startswith(_FOLDERS[:2]) for path in unread):
        found.append(Written(maybe=EVERY))
    if len(found) == 1:
        return Loader(of=tuple(there), rules=found[0])
    maybe = frozenset[str]().union(*(one.refused | one.maybe for one in found))
    return Loader(of=tuple(there) or _NFT, rules=Written(maybe=maybe))


def _saved(places: tuple[str, ...], texts: Mapping[str, str], unread: set[str]) -> Loader:
    """The files that iptables-restore loads: a line that it does not read loads nothing of it."""
    there = tuple(path for path in places if path in texts)
    family = "ip6" if any("6" in path for path in places) else "ip"
    packets = IPV6 if family == "ip6" else IPV4
    if unread & set(places):
        return Loader(of=places, rules=Written(maybe=packets))
    if not there:
        return Loader(of=places, rules=Written())
    return Loader(of=there, rules=_restored(texts[there[0]], family, packets))


_SAVES = re.compile(r"(?m)^[ \t]*IP6?TABLES_SAVE_ON_(?:STOP|RESTART)=['\"]?yes")


def _kept_at_stop(
    name: str, loader: Loader, texts: Mapping[str, str], packets: frozenset[str]
) -> Loader:
    """`loader`, whose file may be written with the rules of now when the system stops."""
    place = _CONFIG.format(name)
    if not _SAVES.search(texts.get(place, "")):
        return loader
    rules = Written(refused=loader.rules.refused, maybe=packets)
    return Loader(of=(*loader.of, place), rules=rules)


def _restored(text: str, family: str, packets: frozenset[str]) -> Written:
    try:
        rows = [words_of(line) for line in text.split("\n")]
    except ParseError:
        return Written(maybe=packets)
    chains = by_name(chains_saved(rows, "iptables", family))
    kept = ["COMMIT"] in rows  # without it iptables-restore loads nothing
    refused = {
        packet for packet in packets for chain in chains.values()
        if kept and chain.hook in ON_THE_WAY_IN and verdict_on(packet, "", chain, chains) == "drop"
    }  # fmt: skip
    return Written(refused=frozenset(refused))


_ZONE = re.compile(r"(?m)^[ \t]*DefaultZone[ \t]*=[ \t]*(\S*)")
_ACCEPTS = re.compile(r"<zone\b[^>]*\btarget\s*=\s*[\"']ACCEPT[\"']")


def _of_firewalld(texts: Mapping[str, str], unread: set[str]) -> Loader:
    """The default zone refuses unless its target is ACCEPT, as that of `trusted` is."""
    if any(path.startswith("/etc/firewalld") for path in unread):
        return Loader(of=(_FIREWALLD,), rules=Written(maybe=EVERY))
    zone = (_ZONE.findall(texts.get(_FIREWALLD, "")) or ["public"])[-1] or "public"
    place = f"/etc/firewalld/zones/{zone}.xml"
    accepts = _ACCEPTS.search(texts[place]) if place in texts else zone == "trusted"
    of = (_FIREWALLD, place) if place in texts else (_FIREWALLD,)
    rules = Written(refused=NONE if accepts else EVERY)
    return Loader(of=of, rules=rules, there=any(path in texts for path in of))


def _of_ufw(texts: Mapping[str, str], unread: set[str]) -> Loader:
    """Both families are refused: without IPV6=yes ufw drops all of IPv6 but for the loopback."""
    of = (_UFW, _UFW_POLICY)
    if unread & set(of):
        return Loader(of=of, rules=Written(maybe=EVERY))
    on = _setting(texts.get(_UFW, ""), "ENABLED").lower() == "yes"
    policy = _setting(texts.get(_UFW_POLICY, ""), "DEFAULT_INPUT_POLICY").upper()
    closed = on and policy in ("DROP", "REJECT")
    return Loader(of=of, rules=Written(refused=EVERY if closed else NONE))


def _setting(text: str, name: str) -> str:
    """The last value of a variable of sh."""
    found = re.findall(rf"(?m)^[ \t]*{name}=['\"]?([^'\"\s#]*)", text)
    return found[-1] if found else ""


_FILES = (
    *(path for places in _RULES.values() for path in places),
    *(_CONFIG.format(name) for name in ("iptables", "ip6tables")), *_OF_CRON,
)  # fmt: skip
BOOT_RULES = fact(
    "linux.firewall-boot",
    BootRules,
    kind="host",
    asks={
        "rules": ReadFiles(
            paths=(*_NFT[:2], *_FILES, _FIREWALLD, _UFW, _UFW_POLICY, *_FOLDERS),
            depth=2,
            names=("*.nft", "*.conf", "*.rules", "*.xml"),
            privilege=Privilege.ROOT,
        ),
        "scripts": ReadFiles(paths=SCRIPTS, depth=1, partial_ok=True),
    },
    parse=parse_boot_rules,
)
