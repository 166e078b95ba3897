"""Whether the log daemons that run keep the records of logins, or send them away."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, structs

from audit_core.api.sdk import (
    DAY,
    Absent,
    Judgement,
    Message,
    Severity,
    Values,
    capped,
    check,
    complete,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    present,
    undetermined,
)
from audit_linux.logs.audited_logins import AUDITED, AuditedLogin
from audit_linux.logs.forwards import Forwards
from audit_linux.logs.journald import JOURNAL_CONF, JournalConf, JournalStorage
from audit_linux.logs.log_files import LOG_TREE, SYSTEM_JOURNAL, LogTree, is_log
from audit_linux.logs.routes import LOGINS, PASSING, SEVERITIES, SUDO_LEVELS, Fate, Route
from audit_linux.logs.rsyslog import RSYSLOG
from audit_linux.logs.syslog_ng import SYSLOG_NG
from audit_linux.processes import PROCESSES, Process, running
from audit_linux.units import UNITS, Units

# Daemons whose rules are not read here.
_OTHERS = ("syslogd", "metalog", "socklog", "busybox-syslogd", "nxlog")
_SERVICES = ("rsyslog.service", "syslog-ng.service")
_EVENTS = {
    "login": msg("logins"),
    "failed login": msg("failed logins"),
    "privilege": msg("use of privilege (privilege)"),
    "account": msg("account changes (identity)"),
}


_WEEK = 7 * DAY


class Recorders(Struct, frozen=True, kw_only=True):
    """What is known of the log daemons of a host. None: it does not run, or says nothing."""

    rsyslog: Forwards | Absent | None
    syslog_ng: Forwards | Absent | None
    journal: JournalConf | Absent | None
    journald: bool
    tree: LogTree | Absent
    others: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def _journal(daemons: Recorders) -> JournalStorage | None:
    """Where journald keeps records of all levels that matter; None where that is not known."""
    if not daemons.journald:
        return JournalStorage.NOWHERE
    if isinstance(daemons.journal, Absent):
        return None
    conf = daemons.journal or JournalConf()
    if conf.store_level < SEVERITIES["info"]:
        return JournalStorage.NOWHERE
    if isinstance(daemons.tree, Absent):
        with_, without = conf.place(folder=True), conf.place(folder=False)
        return with_ if with_ is without else None
    folder = any(f.folder and f.path == "journal" for f in daemons.tree.files)
    place = conf.place(folder=folder)
    memory = place is JournalStorage.DISK and daemons.tree.filesystem in ("tmpfs", "ramfs")
    return JournalStorage.MEMORY if memory else place


def _read(daemons: Recorders) -> dict[str, Forwards]:
    """The daemons whose rules were read."""
    both = {"rsyslogd": daemons.rsyslog, "syslog-ng": daemons.syslog_ng}
    return {name: daemon for name, daemon in both.items() if isinstance(daemon, Forwards)}


def _deaf(daemons: Recorders) -> tuple[str, ...]:
    """The daemons that take records from a socket only, which journald does not serve."""
    journal = known(daemons.journal) if daemons.journald else None
    return tuple(name for name, daemon in _read(daemons).items() if not daemon.hears(journal))


def _lasting_routes(daemons: Recorders, of: Callable[[Forwards], tuple[Route, ...]]) -> list[Route]:
    """Where each daemon puts records, without files that do not last or are links."""
    links = set() if isinstance(daemons.tree, Absent) else set(daemons.tree.links)
    deaf = _deaf(daemons)
    hearing = [daemon for name, daemon in _read(daemons).items() if name not in deaf]
    return [_lasting(route.of(daemons.names), links) for d in hearing for route in of(d)]


def _sshd_writes_as(processes: tuple[Process, ...]) -> tuple[str, ...]:
    """The name under which sshd writes: since OpenSSH 9.8 that of the process of a session.

    Empty where no session shows it: a single sshd is the one that listens.
    """
    names = [p.name for p in processes if p.by_system]
    if "sshd-session" in names:
        return ("sshd-session",)
    return ("sshd",) if names.count("sshd") > 1 else ()


def _lasting(route: Route, links: set[str]) -> Route:
    """The route without files in memory; links are doubts, for where they lead is not known."""
    kept = [path for path in route.kept if not path.startswith(PASSING)]
    linked = [path for path in kept if path.removeprefix("/var/log/") in links]
    return structs.replace(
        route,
        kept=tuple(path for path in kept if path not in linked),
        doubts=(*route.doubts, *linked),
    )


def _unwritten(daemons: Recorders, routes: list[Route]) -> tuple[str, ...]:
    """Files that shall hold records of logins, where none was written for a week.

    Whoever looks at a host logs in to it, so that there is a record of today.
    """
    if isinstance(daemons.tree, Absent):
        return ()
    live = _written_since(daemons.tree, daemons.tree.now - _WEEK)
    every = [_places(route for route in routes if route.facility == one) for one in LOGINS]
    stale = (places for places in every if not _written(places, live))
    return tuple(dict.fromkeys(place for places in stale for place in places))


def _written_since(tree: LogTree, since: int) -> list[str]:
    """The files below /var/log with text that were written since."""
    return [f.path for f in tree.files if not f.folder and f.size and f.changed >= since]


def _places(routes: Iterable[Route]) -> list[str]:
    """Where records are kept or sent, each place once."""
    return list(dict.fromkeys(p for route in routes for p in (*route.kept, *route.sent)))


def _written(places: list[str], live: list[str]) -> bool:
    """Whether one of `places` is among the `live` files of /var/log, or one lies elsewhere."""
    if not all(place.startswith("/var/log/") for place in places):
        return True
    names = [place.removeprefix("/var/log/") for place in places]
    return any(is_log(path, name) for path in live for name in names)


def _best(routes: Iterable[Route]) -> Fate:
    fates = {route.fate for route in routes}
    return next(
        (fate for fate in (Fate.KEPT, Fate.SENT, Fate.UNKNOWN) if fate in fates), Fate.DISCARDED
    )


def _facility_text(facility: str, routes: list[Route]) -> Message:
    """What becomes of the records of a facility."""
    own = [route for route in routes if route.facility == facility]
    fates = {route.fate for route in own} or {Fate.DISCARDED}
    if fates == {Fate.DISCARDED}:
        return msg("{facility}: discarded", facility=facility)
    if Fate.UNKNOWN in fates:
        doubts = _each(own, lambda route: (*route.doubts, *route.perhaps))
        return msg("{facility}: depends on {rules}", facility=facility, rules=doubts)
    if Fate.DISCARDED in fates:
        return msg("{facility}: discarded in part", facility=facility)
    kept = _each(own, lambda route: route.kept)
    if any(route.sent for route in own):
        return msg("{facility}: kept in {files}, sent to {targets}", facility=facility,
                   files=kept, targets=_each(own, lambda route: route.sent))  # fmt: skip
    return msg("{facility}: kept in {files}", facility=facility, files=kept)


def _each(routes: list[Route], of: Callable[[Route], tuple[str, ...]]) -> Values:
    """What `of` says of the routes, each once."""
    return capped(dict.fromkeys(text for route in routes for text in of(route)))


def _lost(routes: list[Route]) -> list[Message]:
    """Facilities and kinds of events of which nothing is kept or sent."""
    lost: list[Message] = []
    for facility in LOGINS:
        own = [route for route in routes if route.facility == facility]
        if _best(own) is Fate.DISCARDED:
            lost.append(msg("No record of {facility} is kept or sent", facility=facility))
    for event, name in _EVENTS.items():
        own = [route for route in routes if route.event == event]
        if not lost and _best(own) is Fate.DISCARDED:
            lost.append(msg("No record of {events} is kept or sent", events=name))
    return lost


@check(
    "linux.log-routing",
    needs=(
        complete(PROCESSES),
        known_or_absent(optional(RSYSLOG)),
        known_or_absent(optional(SYSLOG_NG)),
        known_or_absent(optional(JOURNAL_CONF)),
        known_or_absent(LOG_TREE),
        known_or_absent(optional(AUDITED)),
        known_or_absent(optional(UNITS)),
    ),
    severity=Severity.HIGH,
    version=7,
    remedy=msg("Let the log daemon write auth and authpriv to a file before any rule that stops "
               "them, or set Storage=persistent in journald.conf"),
)  # fmt: skip
def log_routing(
    processes: tuple[Process, ...],
    rsyslog: Forwards | Absent | None,
    syslog_ng: Forwards | Absent | None,
    journal: JournalConf | Absent | None,
    tree: LogTree | Absent,
    audited: AuditedLogin | Absent | None,
    units: Units | Absent | None,
) -> Judgement:
    """The log daemons keep the records of logins and privilege, or send them to another host.

    Where they do not and auditd runs, its log may hold the same records: then nothing is certain.
    """
    expected = msg("records of auth and authpriv in a file, in a journal on disk, or on another "
                   "machine")  # fmt: skip
    daemons = recorders(processes, rsyslog, syslog_ng, journal, tree)
    routes, place = _lasting_routes(daemons, lambda daemon: daemon.routes), _journal(daemons)
    detail = (*_daemons(daemons, place), *(_facility_text(f, routes) for f in _facilities(routes)))
    gaps = _gaps(daemons, place)
    journal_seen = place is JournalStorage.DISK and _has_journal(tree)
    if dropped := _dropped(daemons, journal_seen=journal_seen):
        return failed(*dropped, *detail, expected=expected)
    if journal_seen:
        return passed(*detail, expected=expected)
    if lost := _lost(routes):
        beside = audit_trail(processes, audited, tree)
        sure = place is not JournalStorage.DISK and not beside and not gaps
        verdict = failed if sure else undetermined
        return verdict(*lost, *beside, *gaps, *detail, expected=expected)
    if stale := _unwritten(daemons, routes):
        old = msg("Nothing was written for {days} days to {files}", days=7, files=stale)
        return undetermined(old, *detail, expected=expected)
    found = known(units)
    if idle := found.until_restart(*_SERVICES) if found else ():
        return failed(*idle, *detail, expected=expected)
    if _sure(routes):
        return passed(*detail, expected=expected)
    return undetermined(*gaps, *detail, expected=expected)


_FEW = 20  # a login with a mistyped password and two commands of sudo writes as many


def _dropped(daemons: Recorders, *, journal_seen: bool) -> tuple[Message, ...]:
    """The limits with which records of a single login may be dropped."""
    journal, rsyslog = known(daemons.journal), daemons.rsyslog
    limits = {
        "journald": journal.burst if journal and daemons.journald else None,
        "rsyslogd": rsyslog.burst if isinstance(rsyslog, Forwards) and not journal_seen else None,
    }
    return tuple(
        msg("{daemon} takes {count} records of a service in an interval and drops the rest",
            daemon=name, count=burst)
        for name, burst in limits.items() if burst is not None and burst <= _FEW
    )  # fmt: skip


def audit_trail(
    processes: tuple[Process, ...], audited: AuditedLogin | Absent | None, tree: LogTree | Absent
) -> tuple[Message, ...]:
    """What the audit log may hold of logins, sudo and accounts; empty where it surely does not."""
    if audited is None or not running(processes, ("auditd",)):
        return ()
    if isinstance(audited, Absent) or not audited.readable:
        return (msg("auditd is running, and whether its log holds logins was not seen"),)
    now = None if isinstance(tree, Absent) else tree.now
    if audited.at is None or (now is not None and audited.at.timestamp() < now - _WEEK):
        return ()
    ask = msg("Ask whether the audit log also holds failed logins, use of privilege and account "
              "changes (ausearch -m USER_AUTH,USER_CMD,ADD_USER)")  # fmt: skip
    return present(audited.as_message, ask)


def recorders(
    processes: tuple[Process, ...],
    rsyslog: Forwards | Absent | None,
    syslog_ng: Forwards | Absent | None,
    journal: JournalConf | Absent | None,
    tree: LogTree | Absent,
) -> Recorders:
    """What is known of the daemons that run."""
    read = {"rsyslogd": rsyslog, "syslog-ng": syslog_ng}
    live = {p.name for p in running(processes, (*read, *_OTHERS))}
    return Recorders(
        rsyslog=rsyslog if "rsyslogd" in live else None,
        syslog_ng=syslog_ng if "syslog-ng" in live else None,
        journal=journal,
        journald=bool(running(processes, ("systemd-journald",))),
        tree=tree,
        others=tuple(sorted(name for name in live if not _rules(read.get(name)))),
        names=_sshd_writes_as(processes),
    )


def fate_of_sudo(daemons: Recorders, facility: str, level: str) -> Fate:
    """What becomes of what sudo writes to a facility; UNKNOWN where no daemon was read."""
    place = _journal(daemons)
    if place is JournalStorage.DISK:
        return Fate.KEPT if _has_journal(daemons.tree) else Fate.UNKNOWN
    event = f"sudo {level}" if level in SUDO_LEVELS else "sudo notice"
    routes = _lasting_routes(daemons, lambda daemon: daemon.sudo)
    fate = _best(r for r in routes if (r.facility, r.event) == (facility, event))
    unread = _gaps(daemons, place) or not (daemons.journald or routes)
    return Fate.UNKNOWN if fate is Fate.DISCARDED and unread else fate


def _sure(routes: list[Route]) -> bool:
    """Whether all records of logins are surely kept or sent."""
    own = (route for route in routes if route.facility in LOGINS)
    return all(route.fate in (Fate.KEPT, Fate.SENT) for route in own)


def _has_journal(tree: LogTree | Absent) -> bool:
    """Whether a journal of the system is on disk, so that the settings are in force."""
    return not isinstance(tree, Absent) and any(
        SYSTEM_JOURNAL.fullmatch(f.path) for f in tree.files
    )


def _rules(daemon: Forwards | Absent | None) -> bool:
    """True when what a daemon does was read, or why it was not is told."""
    return isinstance(daemon, Absent) or bool(daemon and daemon.routes)


def _facilities(routes: list[Route]) -> list[str]:
    return list(dict.fromkeys(route.facility for route in routes))


def _daemons(daemons: Recorders, place: JournalStorage | None) -> tuple[Message, ...]:
    """What the journal does, and which daemons get no records."""
    kept = {
        JournalStorage.DISK: msg("The journal is kept on disk")
        if _has_journal(daemons.tree)
        else msg("The journal is configured to be kept on disk, but no file of it was found"),
        JournalStorage.MEMORY: msg("The journal is kept in memory only"),
        JournalStorage.NOWHERE: msg("The journal keeps no such records"),
    }
    deaf = _deaf(daemons)
    none = (
        not daemons.journald and daemons.rsyslog is daemons.syslog_ng is None and not daemons.others
    )
    return present(
        kept.get(place) if place and daemons.journald else None,
        msg("No log daemon is running") if none else None,
        msg("journald gives no records to {names}", names=deaf) if deaf else None,
    )


def _gaps(daemons: Recorders, place: JournalStorage | None) -> tuple[Message, ...]:
    """What may keep records and was not looked at."""
    read = (daemons.rsyslog, daemons.syslog_ng)
    return present(
        *(daemon.detail for daemon in read if isinstance(daemon, Absent)),
        msg("Where the journal is kept is not known") if place is None else None,
        msg("{names} is running, whose rules are not read", names=daemons.others)
        if daemons.others
        else None,
    )


CHECKS = (log_routing,)
