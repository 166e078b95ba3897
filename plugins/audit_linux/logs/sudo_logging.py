"""Whether sudo records the commands that it runs, and where.

sudo 1.9.13 writes a record of every command to syslog (authpriv.notice), or to a file as well.
`!log_allowed`, `!syslog` and `syslog_goodpri=none` end that; the last valid setting counts. A file
such as /dev/null keeps nothing, and one in a directory that is not there is not written. PAM still
writes that a session was opened, without the command. What the log daemon does with the facility
of sudo decides, too.
"""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
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
    not_applicable,
    optional,
    passed,
    present,
    undetermined,
)
from audit_linux.logs.audited_logins import AUDITED, AuditedLogin
from audit_linux.logs.forwards import Forwards
from audit_linux.logs.journald import JOURNAL_CONF, JournalConf
from audit_linux.logs.log_files import LOG_TREE, LogTree
from audit_linux.logs.routes import LOGINS, PASSING, Fate
from audit_linux.logs.routing import Recorders, audit_trail, fate_of_sudo, recorders
from audit_linux.logs.rsyslog import RSYSLOG
from audit_linux.logs.syslog_ng import SYSLOG_NG
from audit_linux.processes import PROCESSES, Process
from audit_linux.sudo.sudoers import LogSetting, Sudoers
from audit_linux.sudo.sudoers_files import SUDOERS


class _Folders(Struct, frozen=True):
    """The directories below /var/log, as far as they are known."""

    tree: LogTree | None

    def keep(self, file: str | None) -> bool:
        """Whether a log file can be written, and outlives a restart."""
        return file is not None and not file.startswith(PASSING) and not self._lack(file)

    def _lack(self, file: str) -> bool:
        folder, _, _ = file.removeprefix("/var/log/").rpartition("/")
        if self.tree is None or not folder or not file.startswith("/var/log/"):
            return False
        seen = {f.path for f in self.tree.files if f.folder} | {*self.tree.links}
        return folder.split("/")[0] not in seen


Settings = dict[str, str | None]


def _in_force(settings: tuple[LogSetting, ...], scope: str) -> Settings:
    """The settings of a scope, those for everybody below them."""
    values = {s.name: s.value for s in settings if not s.scope}
    return values | {s.name: s.value for s in settings if s.scope == scope}


def _records(values: Settings, what: str, priority: str, folders: _Folders) -> bool:
    """Whether a record of what was allowed, or denied, is written somewhere."""
    if values.get(what, "") is None:
        return False
    to_syslog = _facility(values) and values.get(priority) != "none"
    return bool(to_syslog) or folders.keep(values.get("logfile"))


def _facility(values: Settings) -> str:
    """The facility of syslog that sudo writes to; empty where it does not."""
    return "" if values.get("syslog", "") is None else values.get("syslog") or "authpriv"


def _silent(sudoers: Sudoers, scope: str, folders: _Folders) -> bool:
    values = _in_force(sudoers.logging, scope)
    return not (
        _records(values, "log_allowed", "syslog_goodpri", folders)
        and _records(values, "log_denied", "syslog_badpri", folders)
    )


def _lines(sudoers: Sudoers, scopes: list[str]) -> Values:
    return capped(dict.fromkeys(s.line for s in sudoers.logging if s.scope in scopes))


def _places(values: Settings) -> tuple[Message, ...]:
    """Where records go."""
    facility = _facility(values)
    return present(
        msg("sudo writes to syslog ({facility})", facility=facility) if facility else None,
        msg("sudo writes to {file}", file=values["logfile"]) if values.get("logfile") else None,
        msg("sudo records what is shown in a session (log_output)")
        if values.get("log_output") is not None
        else None,
    )


@check(
    "linux.sudo-logging",
    needs=(
        SUDOERS,
        known_or_absent(complete(PROCESSES)),
        known_or_absent(optional(RSYSLOG)),
        known_or_absent(optional(SYSLOG_NG)),
        known_or_absent(optional(JOURNAL_CONF)),
        known_or_absent(LOG_TREE),
        known_or_absent(optional(AUDITED)),
    ),
    severity=Severity.MEDIUM,
    version=3,
    when_absent=not_applicable(msg("There is no sudoers file: sudo grants nothing")),
    remedy=msg("Remove !syslog, !log_allowed, !log_denied and syslog_goodpri=none from sudoers, or "
               "set Defaults logfile=/var/log/sudo.log"),
)  # fmt: skip
def sudo_logging(
    sudoers: Sudoers,
    processes: tuple[Process, ...] | Absent,
    rsyslog: Forwards | Absent | None,
    syslog_ng: Forwards | Absent | None,
    journal: JournalConf | Absent | None,
    tree: LogTree | Absent,
    audited: AuditedLogin | Absent | None,
) -> Judgement:
    """sudo writes a record of every command that it runs or denies."""
    expected = msg("records of allowed and denied commands in syslog or in a file")
    folders, values = _Folders(known(tree)), _in_force(sudoers.logging, "")
    places = _places(values)
    if _silent(sudoers, "", folders):
        none = msg("sudo records no commands: {lines}", lines=_lines(sudoers, [""]))
        away = _away(values)
        return (undetermined if away else failed)(none, *away, expected=expected)
    if not folders.keep(values.get("logfile")):
        live = known(processes) or ()
        daemons = recorders(live, rsyslog, syslog_ng, journal, tree)
        beside = audit_trail(live, audited, tree)
        if lost := _lost(values, daemons):
            sure = lost[0] is Fate.DISCARDED and not beside
            verdict = failed if sure else undetermined
            return verdict(lost[1], *beside, *places, expected=expected)
    if quiet := [s for s in _scopes(sudoers) if _silent(sudoers, s, folders)]:
        some = msg("sudo records nothing of some users or commands; whether that is intended is "
                   "not known: {lines}", lines=_lines(sudoers, quiet))  # fmt: skip
        return undetermined(some, *places, expected=expected)
    if sudoers.unread:
        unread = msg("Not understood or not read: {lines}", lines=capped(sudoers.unread))
        return undetermined(unread, *places, expected=expected)
    return passed(*places, expected=expected)


def _scopes(sudoers: Sudoers) -> list[str]:
    """The users, hosts and commands that have settings of their own."""
    return list(dict.fromkeys(s.scope for s in sudoers.logging if s.scope))


def _away(values: Settings) -> tuple[Message, ...]:
    servers = values.get("log_servers")
    sent = msg("sudo sends its records to {servers}; whether they arrive is not known",
               servers=servers or "")  # fmt: skip
    return (sent,) if servers else ()


def _lost(values: Settings, daemons: Recorders) -> tuple[Fate, Message] | None:
    """What becomes of records that sudo writes to syslog where that is not known to be well.

    Records of auth and authpriv of unknown fate are what linux.log-routing is about.
    """
    facility = _facility(values)
    fate = fate_of_sudo(daemons, facility, values.get("syslog_goodpri") or "notice")
    if fate is Fate.DISCARDED:
        return fate, msg("The log daemon keeps no record of sudo ({facility})", facility=facility)
    if fate is Fate.UNKNOWN and facility not in LOGINS:
        return fate, msg("Whether the log daemon keeps records of sudo ({facility}) is not known",
                         facility=facility)  # fmt: skip
    return None


CHECKS = (sudo_logging,)
