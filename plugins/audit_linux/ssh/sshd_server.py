"""The SSH server as its checks see it: effective values, and what is not known."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from datetime import datetime
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
    derive,
    first_of,
    known,
    known_or_absent,
    msg,
    not_applicable,
    optional,
    shortened,
    undetermined,
)
from audit_linux.ssh.sshd import SERVERS, SERVERS_SEEN, SSHD, SSHD_SEEN, Servers, Sshd
from audit_linux.ssh.sshd_connections import Tried, effects, outside_holds, tried_for
from audit_linux.ssh.sshd_files import (
    FILES,
    INCLUDE,
    SSHD_SET,
    Override,
    SshdFiles,
    settings_of_files,
)
from audit_linux.ssh.sshd_match import NAMES, Names
from audit_linux.ssh.sshd_nobody import SSHD_OUTSIDE
from audit_linux.ssh.sshd_offered import SHOWN, OfferedAlgorithms
from audit_linux.ssh.sshd_per_connection import STARTED
from audit_linux.ssh.sshd_running import (
    RUNNING,
    RUNNING_SEEN,
    TIMES,
    TIMES_SEEN,
    Named,
    Running,
    SshdTimes,
    as_running,
    with_options,
)
from audit_linux.ssh.sshd_sockets import SOCKETS, Sockets, sockets_of

# Match blocks and the times of files only take a pass away; what the server was started with may
# also take a fail away.
# An ordinary account asks the same as far as it can; then what no file sets is not known.
_PROGRAMS = first_of(SERVERS, SERVERS_SEEN)
SSHD_SETTINGS = first_of(SSHD, SSHD_OUTSIDE, SSHD_SEEN, SSHD_SET)
"""The settings of the server, from the best of their sources."""
_SETTINGS = optional(SSHD_SETTINGS)
_FILES = known_or_absent(optional(FILES))
_RUNNING = optional(first_of(STARTED, RUNNING, RUNNING_SEEN))
_REST = (
    known_or_absent(optional(first_of(TIMES, TIMES_SEEN))),
    known_or_absent(optional(NAMES)),
    known_or_absent(optional(SOCKETS)),
)
_NEEDS = (_PROGRAMS, _SETTINGS, _FILES, _RUNNING, *_REST)
_NO_SETTINGS = Sshd(values={}, from_files=True)
# What the server shows to every client counts whatever else is not known of it: files that cannot
# be read (RHEL closes them) say nothing against it.
_NO_FILES = derive("linux.sshd-shown-alone", SshdFiles, needs=SHOWN, make=lambda _: SshdFiles())
_UNSET = derive("linux.sshd-shown-settings", Sshd, needs=SHOWN, make=lambda _: _NO_SETTINGS)
_UNTIMED = derive(
    "linux.sshd-shown-times", SshdTimes, needs=SHOWN,
    make=lambda _: SshdTimes(changed=datetime.min, path=""),  # noqa: DTZ901 (never later)
)  # fmt: skip
_SHOWN_NEEDS = (
    known_or_absent(optional(_PROGRAMS)),
    known_or_absent(optional(first_of(*SSHD_SETTINGS.facts, _UNSET))),
    known_or_absent(optional(first_of(*FILES.facts, _NO_FILES))),
    known_or_absent(_RUNNING),
    known_or_absent(optional(first_of(TIMES, TIMES_SEEN, _UNTIMED))),
    *_REST[1:],
    known_or_absent(optional(SHOWN)),
)
FACTS = (_NO_FILES, _UNSET, _UNTIMED)
_NO_SERVER = not_applicable(msg("No SSH server program is installed"))


# Only root's logins go by it.
_OF_ROOT = frozenset({"permitrootlogin"})
NO_NAMES = Names(groups_of={}, whole=False)


class Server(Struct, frozen=True, kw_only=True):
    """The distribution's SSH server with the values that hold, and what else there is.

    `path` is the file that it was started with (-f), empty for the usual one.
    """

    programs: Servers
    sshd: Sshd
    files: SshdFiles
    unread: Message | None = None
    names: Names | None = None
    shown: OfferedAlgorithms | None = None
    sockets: Sockets = Sockets()
    path: str = ""

    def overrides(self, *keys: str, of_root: bool = False) -> list[Override]:
        """What Match blocks set for `keys`, but for those that concern nobody, or not root."""
        return [one for one, held in self._effects(keys, of_root) if held is not False]

    def surely(self, overrides: list[Override]) -> list[Override]:
        """Those of `overrides` that surely concern somebody's login."""
        found = self._effects({one.key for one in overrides}, False)
        sure = [one for one, held in found if held]
        return [one for one in overrides if any(one is each for each in sure)]

    def outside(self, key: str) -> bool | None:
        """Whether the value outside of Match blocks holds for a login; None where not known."""
        given = [one for one in self.files.overrides if one.key == key]
        if not given or self.names is None:
            return True
        return outside_holds(given, self.tried(given, of_root=key in _OF_ROOT))

    def refuses_root(self) -> bool:
        """Whether blocks with RefuseConnection (OpenSSH 9.9) surely meet every login of root."""
        given = [one for one in self.files.overrides if one.key in ("refuseconnection", INCLUDE)]
        if not given or any(one.value.lower() != "yes" for one in given):
            return False
        return outside_holds(given, self.tried(given, of_root=True)) is False

    def _effects(self, keys: Iterable[str], of_root: bool) -> list[tuple[Override, bool | None]]:
        wanted = frozenset(keys)
        given = [one for one in self.files.overrides if one.key in wanted or one.key == INCLUDE]
        found: dict[int, bool | None] = {}
        for key in wanted if self.names is not None else ():
            found |= self._effects_of(key, given, of_root)
        return [(one, found.get(id(one), True)) for one in given if one.key in wanted]

    def _effects_of(self, key: str, given: list[Override], of_root: bool) -> dict[int, bool | None]:
        rows = [one for one in given if one.key in (key, INCLUDE)]
        held = effects(rows, self.tried(given, of_root=of_root or key in _OF_ROOT))
        return {id(one): how for one, how in zip(rows, held, strict=True) if one.key == key}

    def tried(self, overrides: Iterable[Override], *, of_root: bool = False) -> Tried:
        """The logins on which Match blocks are tried."""
        sockets = sockets_of(self.sockets, self.sshd)
        return tried_for(overrides, self.names or NO_NAMES, sockets, of_root=of_root)

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
        unread = (*self.files.foreign, *(one.value for one in self.overrides(INCLUDE)))
        if unread and not self.shown:
            why.append(msg("Included files were not read: {names}", names=capped(unread)))
        if self.files.unsettled and not self.shown:
            paths = capped(self.files.unsettled)
            why.append(msg("Whether the server has read these files as they are is not known: "
                           "{paths}", paths=paths))  # fmt: skip
        if self.unread:
            why.append(self.unread)
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
    return NO_NAMES if isinstance(names, Absent) else names


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
            sockets: Sockets | Absent | None = None,
            *more: Any,
            **parameters: Any,
        ) -> Judgement:
            base = _Base(programs=programs, names=_names(names), sockets=known(sockets))
            servers = _running_servers(base, sshd, known(files), running, known(times))
            return _worst([_judged(judge, one, *more, **parameters) for one in servers])

        wanted = (*_NEEDS, *also)
        return check(
            id, needs=wanted, severity=severity, version=version, when_absent=when_absent,
            remedy=remedy,
        )(asked)  # fmt: skip

    return make


class _Base(Struct, frozen=True, kw_only=True):
    """What holds for every server of the host."""

    programs: Servers
    names: Names | None
    sockets: Sockets | None
    shown: OfferedAlgorithms | None = None

    def server(self, sshd: Sshd, files: SshdFiles | None,
               unread: Message | None = None) -> Server:  # fmt: skip
        """A server with these settings."""
        return Server(
            programs=self.programs, sshd=sshd, files=files or SshdFiles(), unread=unread,
            names=self.names, sockets=self.sockets or Sockets(),
        )  # fmt: skip


def _running_servers(
    base: _Base, sshd: Sshd | None, files: SshdFiles | None, running: Running | None,
    times: SshdTimes | None,
) -> list[Server | Judgement]:  # fmt: skip
    """Each server that runs; in place of one whose settings are not known the judgement on it.

    The first is taken for the one that was logged in to, where that showed its algorithms.
    """
    programs, settings = as_running(base.programs, sshd or _NO_SETTINGS, running)
    base = structs.replace(base, programs=programs)
    defaults = _defaults(sshd, files)
    found = [
        _named_server(base, files, one, defaults) for one in (running.named if running else ())
    ]
    if running is None or running.usual or not found:
        why = _not_judged(base.programs, sshd, running)
        unread = times.unread(running) if times else None
        usual = base.server(settings, files, unread)
        found.insert(0, usual if why is None or base.shown else undetermined(why))
    if base.shown is None:
        return found
    first = found[0] if isinstance(found[0], Server) else base.server(_NO_SETTINGS, None)
    return [structs.replace(first, shown=base.shown), *found[1:]]


def _defaults(sshd: Sshd | None, files: SshdFiles | None) -> dict[str, tuple[str, ...]]:
    """What the program takes for keywords that its usual files do not set.

    Not known where those were not read, or not asked.
    """
    if sshd is None or sshd.from_files or files is None or files.foreign:
        return {}
    changed = {"port", "listenaddress", *files.settings, *(one.key for one in files.overrides)}
    return {key: values for key, values in sshd.values.items() if key not in changed}


def _named_server(
    base: _Base, files: SshdFiles | None, named: Named, defaults: dict[str, tuple[str, ...]]
) -> Server | Judgement:
    """The server that reads another file; `defaults` are those of the program."""
    own = files.others.get(named.path) if files else None
    settings = settings_of_files(own) if own else None
    if own is None or not isinstance(settings, Sshd):
        return undetermined(
            msg("The file of another SSH server was not read: {names}", names=(named.line,))
        )
    whole = structs.replace(settings, values=defaults | settings.values)
    server = base.server(with_options(whole, named.set), own)
    return structs.replace(server, path=named.path)


def _judged(
    judge: Callable[..., Judgement], server: Server | Judgement, *more: Any, **parameters: Any
) -> Judgement:
    if isinstance(server, Judgement):
        return server
    judgement = judge(server, *more, **parameters)
    if server.path:
        which = msg("The server that reads {path}", path=shortened(server.path))
        judgement = structs.replace(judgement, detail=(which, *judgement.detail))
    return judgement if server.shown else _marked(judgement, server.sshd)


def _worst(judged: list[Judgement]) -> Judgement:
    """What several servers come to: a fail of one is a fail, and all have to pass."""
    if len(judged) == 1:
        return judged[0]
    worst = next(
        v for v in (Verdict.FAIL, Verdict.UNDETERMINED, judged[0].verdict)
        if any(one.verdict is v for one in judged)
    )  # fmt: skip
    found = [one for one in judged if one.verdict is worst]
    return structs.replace(found[0], detail=tuple(line for one in found for line in one.detail))


def _not_judged(programs: Servers, sshd: Sshd | None, running: Running | None) -> Message | None:
    """Why the settings tell nothing of the server that runs."""
    if sshd is None or (sshd.from_files and not programs.distribution):
        return _another(programs)
    if running is not None and not running.usual:
        return _otherwise(running)
    return None


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
            sockets: Sockets | Absent | None = None,
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
            base = _Base(programs=there, names=_names(names), sockets=known(sockets))
            base = structs.replace(base, shown=key_exchange)
            servers = _running_servers(base, settings, known(files), known(running), known(times))
            return _worst([_judged(judge, one, *more, **parameters) for one in servers])

        return check(
            id, needs=(*_SHOWN_NEEDS, *also), severity=severity, version=version, remedy=remedy
        )(asked)

    return make


def _unasked(programs: Servers | Absent | None, sshd: Sshd | Absent | None) -> Judgement:
    """The judgement where neither the server nor enough of its settings was seen."""
    if programs is None and sshd is None:
        return _NO_SERVER
    if isinstance(programs, Servers) and sshd is None:
        return undetermined(_another(programs))
    return undetermined(
        msg("Neither the key exchange of the SSH server nor its settings are known")
    )
