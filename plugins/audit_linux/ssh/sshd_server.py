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

# Match blocks and the times of files only take a pass away; what the server was started with may
# also take a fail away.
# An ordinary account asks the same as far as it can; then what no file sets is not known.
_NEEDS = (
    first_of(SERVERS, SERVERS_SEEN),
    optional(first_of(SSHD, SSHD_SEEN, SSHD_SET)),
    known_or_absent(optional(first_of(SSHD_FILES, FILES_SEEN))),
    optional(first_of(RUNNING, RUNNING_SEEN)),
    known_or_absent(optional(first_of(TIMES, TIMES_SEEN))),
    known_or_absent(optional(NAMES)),
)
_NO_SERVER = not_applicable(msg("No SSH server program is installed"))


class Server(Struct, frozen=True, kw_only=True):
    """The distribution's SSH server with the values that hold, and what else there is."""

    programs: Servers
    sshd: Sshd
    files: SshdFiles
    unread: str = ""
    names: Names | None = None

    def overrides(self, *keys: str) -> list[Override]:
        """What Match blocks set for `keys`, but for those that concern nobody."""
        given = in_force(one for one in self.files.overrides if one.key in keys)
        return [one for one in given if self._concerns(one) is not False]

    def surely(self, overrides: list[Override]) -> list[Override]:
        """Those of `overrides` that surely concern somebody's login."""
        return [one for one in overrides if self._concerns(one)]

    def _concerns(self, one: Override) -> bool | None:
        ports = frozenset(self.sshd.values.get("port", ()))
        return True if self.names is None else concerns(one, self.names, ports)

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
            if sshd is None or (sshd.from_files and not programs.distribution):
                return undetermined(_another(programs))
            if running is not None and not running.usual:
                return undetermined(_otherwise(running))
            programs, sshd = as_running(programs, sshd, running)
            dated, told = known(times), known(files) or SshdFiles()
            unread = dated.path if dated and dated.unread(running) else ""
            server = Server(
                programs=programs, sshd=sshd, files=told, unread=unread, names=_names(names)
            )
            return _marked(judge(server, *more, **parameters), sshd)

        wanted = (*_NEEDS, *also)
        return check(
            id, needs=wanted, severity=severity, version=version, when_absent=when_absent,
            remedy=remedy,
        )(asked)  # fmt: skip

    return make
