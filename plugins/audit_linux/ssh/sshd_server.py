"""The SSH server as its checks see it: effective values, and what is not known."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Check,
    Judgement,
    Message,
    Need,
    Severity,
    Verdict,
    capped,
    check,
    first_of,
    known,
    known_or_absent,
    msg,
    not_applicable,
    optional,
    shortened,
    undetermined,
)
from audit_linux.ssh.sshd import (
    RUNNING,
    RUNNING_SEEN,
    SERVERS,
    SERVERS_SEEN,
    SSHD,
    SSHD_SEEN,
    TIMES,
    TIMES_SEEN,
    Running,
    Servers,
    Sshd,
    SshdTimes,
    as_running,
)
from audit_linux.ssh.sshd_files import FILES_SEEN, SSHD_FILES, SSHD_SET, Override, SshdFiles
from audit_linux.ssh.sshd_match import NAMES, Names, concerns, in_force
from audit_linux.ssh.sshd_nobody import SSHD_OUTSIDE
from audit_linux.ssh.sshd_offered import SHOWN, OfferedAlgorithms

# Match blocks and the times of files only take a pass away; what the server was started with may
# also take a fail away.
# An ordinary account asks the same as far as it can; then what no file sets is not known.
_PROGRAMS = first_of(SERVERS, SERVERS_SEEN)
SSHD_SETTINGS = first_of(SSHD, SSHD_OUTSIDE, SSHD_SEEN, SSHD_SET)
"""The settings of the server, from the best of their sources."""
_SETTINGS = optional(SSHD_SETTINGS)
_FILES = known_or_absent(optional(first_of(SSHD_FILES, FILES_SEEN)))
_RUNNING = optional(first_of(RUNNING, RUNNING_SEEN))
_REST = (
    known_or_absent(optional(first_of(TIMES, TIMES_SEEN))),
    known_or_absent(optional(NAMES)),
)
_NEEDS = (_PROGRAMS, _SETTINGS, _FILES, _RUNNING, *_REST)
# What the server shows to every client counts whatever else is not known of it.
_SHOWN_NEEDS = (
    known_or_absent(optional(_PROGRAMS)), known_or_absent(_SETTINGS), _FILES,
    known_or_absent(_RUNNING), *_REST, known_or_absent(optional(SHOWN)),
)  # fmt: skip
_NO_SERVER = not_applicable(msg("No SSH server program is installed"))


class Server(Struct, frozen=True, kw_only=True):
    """The distribution's SSH server with the values that hold, and what else there is."""

    programs: Servers
    sshd: Sshd
    files: SshdFiles
    unread: str = ""
    names: Names | None = None
    shown: OfferedAlgorithms | None = None

    def overrides(self, *keys: str, of_root: bool = False) -> list[Override]:
        """What Match blocks set for `keys`, but for those that concern nobody, or not root."""
        given = in_force(one for one in self.files.overrides if one.key in keys)
        return [one for one in given if self._concerns(one, of_root) is not False]

    def surely(self, overrides: list[Override]) -> list[Override]:
        """Those of `overrides` that surely concern somebody's login."""
        return [one for one in overrides if self._concerns(one)]

    def _concerns(self, one: Override, of_root: bool = False) -> bool | None:
        ports = frozenset(self.sshd.values.get("port", ()))
        return True if self.names is None else concerns(one, self.names, ports, of_root=of_root)

    def settled(self, judgement: Judgement) -> Judgement:
        """`judgement`, but no pass where another server or file was not checked.

        Nor where the checked files are newer than the running server's last read.
        """
        why = self._unseen()
        if judgement.verdict is not Verdict.PASS or not why:
            return judgement
        return undetermined(*judgement.detail, *why, expected=judgement.expected)

    def _unseen(self) -> list[Message]:
        why = []
        if not self.programs.distribution or self.programs.others:
            why.append(_another(self.programs))
        if not self.programs.searched:
            why.append(_CLOSED)
        other = self.shown.other_than(self.sshd) if self.shown else None
        if other is not None:
            why.append(other)
        if self.files.foreign:
            why.append(
                msg("Included files were not read: {names}", names=capped(self.files.foreign))
            )
        if self.unread:
            why.append(
                msg(
                    "{path} was changed after the running server was started or last read it",
                    path=shortened(self.unread),
                )
            )
        return why


def _another(programs: Servers) -> Message:
    return msg("Another SSH server was not checked: {names}", names=capped(programs.others))


def _marked(judgement: Judgement, sshd: Sshd) -> Judgement:
    """`judgement` with the mark that the program was not asked, where it was not."""
    if not sshd.from_files:
        return judgement
    return structs.replace(judgement, detail=(*judgement.detail, _FROM_FILES))


_CLOSED = msg("A directory that may hold another SSH server was closed to the login")
_FROM_FILES = msg(
    "Taken from the readable configuration files; the server itself could not be asked (sshd -T "
    "needs root)"
)


def _names(names: Names | Absent | None) -> Names | None:
    return Names(groups_of={}, whole=False) if isinstance(names, Absent) else names


def _otherwise(running: Running) -> Message:
    return msg(
        "The SSH server runs with other settings than its usual files, which were not checked: "
        "{names}",
        names=capped(running.other),
    )


def sshd_check(
    id: str,
    *,
    severity: Severity,
    remedy: Message,
    version: int = 1,
    also: tuple[Need, ...] = (),
    when_absent: Judgement = _NO_SERVER,
) -> Callable[[Callable[..., Judgement]], Check]:
    """Make a function of a Server (and of what `also` needs) a check.

    It is not asked where there is no SSH server (the judgement is `when_absent` then), nor where
    only another one is installed.
    """

    def make(judge: Callable[..., Judgement]) -> Check:
        @functools.wraps(judge)
        def asked(
            programs: Servers,
            sshd: Sshd | None,
            files: SshdFiles | Absent | None,
            running: Running | None = None,
            times: SshdTimes | Absent | None = None,
            names: Names | Absent | None = None,
            *more: Any,
            **parameters: Any,
        ) -> Judgement:
            why = _not_judged(programs, sshd, running)
            if why is not None or sshd is None:
                return undetermined(why or _another(programs))
            server = _server(programs, sshd, known(files), running, known(times))
            server = structs.replace(server, names=_names(names))
            return _marked(judge(server, *more, **parameters), sshd)

        wanted = (*_NEEDS, *also)
        return check(
            id, needs=wanted, severity=severity, version=version, when_absent=when_absent,
            remedy=remedy,
        )(asked)  # fmt: skip

    return make


def _not_judged(programs: Servers, sshd: Sshd | None, running: Running | None) -> Message | None:
    """Why the settings tell nothing of the server that runs."""
    if sshd is None or (sshd.from_files and not programs.distribution):
        return _another(programs)
    if running is not None and not running.usual:
        return _otherwise(running)
    return None


def _server(
    programs: Servers, sshd: Sshd, files: SshdFiles | None, running: Running | None,
    times: SshdTimes | None,
) -> Server:  # fmt: skip
    programs, sshd = as_running(programs, sshd, running)
    unread = times.path if times and times.unread(running) else ""
    return Server(programs=programs, sshd=sshd, files=files or SshdFiles(), unread=unread)


def shown_check(
    id: str, *, severity: Severity, remedy: Message, version: int = 1, also: tuple[Need, ...] = ()
) -> Callable[[Callable[..., Judgement]], Check]:
    """As `sshd_check`, for what the server shows to every client before a login.

    Where it was shown it is judged whatever else is not known; `Server.sshd` is empty where the
    settings could not be had.
    """

    def make(judge: Callable[..., Judgement]) -> Check:
        @functools.wraps(judge)
        def asked(
            programs: Servers | Absent | None,
            sshd: Sshd | Absent | None,
            files: SshdFiles | Absent | None,
            running: Running | Absent | None = None,
            times: SshdTimes | Absent | None = None,
            names: Names | Absent | None = None,
            shown: OfferedAlgorithms | Absent | None = None,
            *more: Any,
            **parameters: Any,
        ) -> Judgement:
            key_exchange, settings, there = known(shown), known(sshd), known(programs)
            if key_exchange is None and (
                there is None or settings is None or isinstance(running, Absent)
            ):
                return _unasked(programs, sshd)
            there = there or Servers(distribution=True, others=())
            why = None if key_exchange else _not_judged(there, settings, known(running))
            if why is not None:
                return undetermined(why)
            server = _server(
                there, settings or _NO_SETTINGS, known(files), known(running), known(times)
            )
            server = structs.replace(server, names=_names(names), shown=key_exchange)
            judgement = judge(server, *more, **parameters)
            return judgement if key_exchange else _marked(judgement, server.sshd)

        return check(
            id, needs=(*_SHOWN_NEEDS, *also), severity=severity, version=version, remedy=remedy
        )(asked)

    return make


_NO_SETTINGS = Sshd(values={}, from_files=True)


def _unasked(programs: Servers | Absent | None, sshd: Sshd | Absent | None) -> Judgement:
    """The judgement where neither the server nor enough of its settings was seen."""
    if programs is None and sshd is None:
        return _NO_SERVER
    if isinstance(programs, Servers) and sshd is None:
        return undetermined(_another(programs))
    return undetermined(
        msg("Neither the key exchange of the SSH server nor its settings are known")
    )
