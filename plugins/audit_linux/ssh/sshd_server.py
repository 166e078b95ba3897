"""The SSH server as its checks see it: effective values, and what is not known."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from msgspec import Struct

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
    SERVERS,
    SSHD,
    TIMES,
    Running,
    Servers,
    Sshd,
    SshdTimes,
    as_running,
)
from audit_linux.ssh.sshd_files import SSHD_FILES, Override, SshdFiles
from audit_linux.ssh.sshd_match import NAMES, Names, concerns, in_force

# Match blocks and the times of files only take a pass away; what the server was started with may
# also take a fail away.
_NEEDS = (
    SERVERS,
    optional(SSHD),
    known_or_absent(optional(SSHD_FILES)),
    optional(RUNNING),
    known_or_absent(optional(TIMES)),
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
            if sshd is None:
                return undetermined(_another(programs))
            if running is not None and not running.usual:
                return undetermined(_otherwise(running))
            programs, sshd = as_running(programs, sshd, running)
            dated, told = known(times), known(files) or SshdFiles()
            unread = dated.path if dated and dated.unread(running) else ""
            server = Server(
                programs=programs, sshd=sshd, files=told, unread=unread, names=_names(names)
            )
            return judge(server, *more, **parameters)

        wanted = (*_NEEDS, *also)
        return check(
            id, needs=wanted, severity=severity, version=version, when_absent=when_absent,
            remedy=remedy,
        )(asked)  # fmt: skip

    return make
