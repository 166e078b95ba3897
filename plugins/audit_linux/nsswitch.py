"""Where accounts and sudo rules come from besides the files of the host (LDAP, SSSD, NIS …)."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Judgement,
    ParseError,
    Verdict,
    capped,
    fact,
    known,
    known_or_absent,
    msg,
    undetermined,
)
from audit_linux.find_files import refused


class Sources(Struct, frozen=True, kw_only=True):
    """What nsswitch.conf names besides files, per database; empty where only files are used."""

    passwd: tuple[str, ...] = ()
    sudoers: tuple[str, ...] = ()


# nss-systemd adds accounts of services, and root and nobody; + and - entries of compat are read
# with /etc/passwd. Everything else holds accounts that no file of the host shows.
_FILES = frozenset({"files", "compat", "systemd", "mymachines"})
_DOMAIN = re.compile(r"(?:^|\s)--domain[= ](\S+)")


def _named(lines: list[str], database: str) -> list[str]:
    found: list[str] = []
    for raw in lines:
        name, colon, services = raw.split("#", 1)[0].partition(":")
        if colon and name.strip().lower() == database:
            found += re.sub(r"\[[^\]]*\]", " ", services).split()
    return list(dict.fromkeys(found))


def _domains(lines: list[str]) -> list[str] | None:
    """The domains that SSSD serves now, but for its copy of the local files; None: not seen."""
    if "1" not in lines:  # not even process 1: ps is missing, or /proc hides those of others
        return None
    told = [_DOMAIN.search(line) for line in lines if "sssd_be" in line.split()[0]]
    return [found[1] for found in told if found and found[1] != "implicit_files"]


def parse_sources(answer: Answer) -> Sources | Absent:
    """The sources of nsswitch.conf; `sss` counts only while SSSD serves a domain, or may do."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    conf, mark, processes = answer.text.rpartition("== processes\n")
    if not mark:
        raise ParseError("the list of processes is missing")
    domains = _domains([line.strip() for line in processes.split("\n") if line.strip()])

    def elsewhere(database: str) -> tuple[str, ...]:
        found = [n for n in _named(conf.split("\n"), database) if n not in _FILES]
        if "sss" in found and domains is not None:
            at = found.index("sss")
            found[at : at + 1] = [f"sss ({domain})" for domain in domains]
        return capped(found)

    return Sources(passwd=elsewhere("passwd"), sudoers=elsewhere("sudoers"))


SOURCES = fact(
    "linux.account-sources",
    Sources,
    ask=Command(
        argv=(
            "sh",
            "-c",
            "for f in /etc/nsswitch.conf /usr/etc/nsswitch.conf; do "
            'if [ -e "$f" ]; then cat -- "$f"; echo; break; fi; done; '
            "echo '== processes'; ps -o pid= -p 1 2>/dev/null; "
            "ps -ww -o args= -C sssd_be 2>/dev/null; exit 0",
        )
    ),
    parse=parse_sources,
)


ELSEWHERE = known_or_absent(SOURCES)
"""What checks need that fail on what the files of the host show, whatever other sources say."""


def seen_here(
    judgement: Judgement,
    sources: Sources | Absent,
    *databases: str,
    also: tuple[str, ...] = (),
) -> Judgement:
    """`judgement`, but nothing good where there are accounts or rules that nobody looked at.

    `databases` are `passwd`, `sudoers` or both; `also` names further sources. Where the sources
    are not known, the engine lets nothing pass.
    """
    told = known(sources) or Sources()
    elsewhere = (*also, *(name for one in databases for name in getattr(told, one)))
    if judgement.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE) or not elsewhere:
        return judgement
    unseen = msg("Only files of the host were looked at, not: {sources}", sources=elsewhere)
    return undetermined(*judgement.said, unseen, expected=judgement.expected)
