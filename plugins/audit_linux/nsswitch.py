"""Where accounts and sudo rules come from besides the files of the host (LDAP, SSSD, NIS …).

As glibc 2.36 reads nsswitch.conf (compared with getent): a name ends at white space or a colon and
its case matters; of a database that is named twice the last line holds; `#` begins a comment only
at the start of a line, so that `passwd: files # sss` asks sss, too; no line goes on in the next.
sudo reads its own line: case does not matter there, and `#` begins a comment anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    Judgement,
    ReadFiles,
    Reason,
    Verdict,
    capped,
    fact,
    known,
    known_or_absent,
    msg,
    optional,
    undetermined,
)
from audit_core.model import NamedAsk
from audit_linux.config_files import whole_files


class Sources(Struct, frozen=True, kw_only=True):
    """What nsswitch.conf names besides files, per database; empty where only files are used."""

    passwd: tuple[str, ...] = ()
    sudoers: tuple[str, ...] = ()
    group: tuple[str, ...] = ()


# nss-systemd adds accounts of services, and root and nobody; + and - entries of compat are read
# with /etc/passwd. Everything else holds accounts that no file of the host shows.
_FILES = frozenset({"files", "compat", "systemd", "mymachines"})
_DOMAIN = re.compile(r"(?:^|\s)--domain[= ](\S+)")


# Modules that may stand behind a `#`; any other word there is taken for a comment.
_MODULES = frozenset({
    "sss", "ldap", "ldapd", "nis", "nisplus", "winbind", "db", "extrausers", "altfiles", "hesiod",
    "centrifydc", "lsass", "vas3", "vas4", "oslogin", "cache_oslogin", "homed", "libvirt", "unixd",
    "aad", "himmelblau", "kanidm",
})  # fmt: skip
_LINE = re.compile(r"([^\s:]+)[\s:]+(.*)", re.DOTALL)


def _asked(lines: Iterable[str], database: str) -> list[str]:
    """The services that glibc asks for `database`; none where no line names it."""
    rows = (_LINE.match(line.strip()) for line in lines if not line.lstrip().startswith("#"))
    texts = [row[2] for row in rows if row and row[1] == database]
    before, _, behind = re.sub(r"\[[^\]]*\]", " ", texts[-1] if texts else "").partition("#")
    return [*before.replace(":", " ").split(), *(w for w in behind.split() if w in _MODULES)]


def _named(lines: Iterable[str], database: str) -> list[str]:
    """The sources that sudo takes from its line."""
    found: list[str] = []
    for raw in lines:
        name, colon, services = raw.split("#", 1)[0].partition(":")
        if colon and name.strip().lower() == database:
            found += re.sub(r"\[[^\]]*\]", " ", services).split()
    return list(dict.fromkeys(found))


def _domains(lines: Iterable[str]) -> list[str] | None:
    """The domains that SSSD serves now, but for its copy of the local files; None: not seen."""
    rows = [line.split(None, 1) for line in lines if line.strip()]
    if not any(row[0] == "1" for row in rows):  # /proc hides the processes of others
        return None
    domains = [_DOMAIN.search(row[1]) for row in rows if row[0] != "1" and len(row) == 2]
    return [found[1] for found in domains if found and found[1] != "implicit_files"]


def parse_sources(answers: Answers) -> Sources | Absent:
    """The sources of nsswitch.conf; `sss` counts only while SSSD serves a domain, or may do."""
    files = whole_files(answers["nsswitch"])
    if isinstance(files, Absent) and files.unknown:
        return files
    lines = () if isinstance(files, Absent) else files[0].lines
    domains = None if answers["sssd"] is None else _domains(answers["sssd"].lines)

    def elsewhere(database: str) -> tuple[str, ...]:
        services = _named if database == "sudoers" else _asked
        found = [n for n in services(lines, database) if n not in _FILES]
        if "sss" in found and domains is not None:
            at = found.index("sss")
            found[at : at + 1] = [f"sss ({domain})" for domain in domains]
        return tuple(sorted(found))

    # initgroups says where the groups of an account are sought, `group` where it is not set
    group = dict.fromkeys((*elsewhere("group"), *elsewhere("initgroups")))
    return Sources(passwd=elsewhere("passwd"), sudoers=elsewhere("sudoers"), group=tuple(group))


ASKS: dict[str, NamedAsk] = {
    # The vendor's file counts where there is no other; paths come sorted, /etc first.
    "nsswitch": ReadFiles(paths=("/etc/nsswitch.conf", "/usr/etc/nsswitch.conf"), aside=True),
    "sssd": optional(
        Command(
            argv=("ps", "-ww", "-p", "1", "-C", "sssd_be", "-o", "pid=", "-o", "args="),
            ok=(0, 1),
            not_found=Reason.NOT_PRESENT,
            aside=True,
        )
    ),
}
"""What is asked for `parse_sources`."""

SOURCES = fact(
    "linux.account-sources",
    Sources,
    kind="host",
    asks=ASKS,
    parse=parse_sources,
)


ELSEWHERE = known_or_absent(SOURCES)
"""What checks need that fail on what the files of the host show, whatever other sources say."""


def unless_more_sources(
    judgement: Judgement,
    sources: Sources | Absent,
    *databases: str,
    also: tuple[str, ...] = (),
) -> Judgement:
    """`judgement`, but no pass where accounts or rules exist that were not checked.

    `databases` are `passwd`, `sudoers` or both; `also` names further sources. Where the sources
    are not known, the engine lets nothing pass.
    """
    services = known(sources) or Sources()
    elsewhere = (*also, *(name for one in databases for name in getattr(services, one)))
    if judgement.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE) or not elsewhere:
        return judgement
    unseen = msg(
        "Only local files of the host were checked, not: {sources}",
        sources=capped(elsewhere, sort=False),
    )
    return undetermined(*judgement.detail, unseen, expected=judgement.expected)
