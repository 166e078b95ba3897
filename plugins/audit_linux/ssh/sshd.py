"""The SSH server: its effective configuration, and the options that it was started with."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    ParseError,
    Partial,
    Privilege,
    Reason,
    Request,
    fact,
    msg,
    not_present,
    partial,
    provider,
    read_rows,
    verbatim,
)
from audit_linux.find_errors import refused

DISTRIBUTION = "/usr/sbin/sshd"
AnyRequest = TypeVar("AnyRequest", bound=Request)


def plainly(request: AnyRequest) -> AnyRequest:
    """The same request without the rights of root."""
    return structs.replace(request, privilege=Privilege.USER)


class Servers(Struct, frozen=True, kw_only=True):
    """The SSH server programs that are installed besides the distribution's.

    `searched` is False where a directory that may hold another one was closed.
    """

    distribution: bool
    others: tuple[str, ...]
    searched: bool = True


def parse_servers(answer: Answer) -> Servers | Absent:
    """Which SSH servers are installed; NOT_PRESENT only when everything could be searched."""
    found = [p.decode("utf-8", "surrogateescape") for p in answer.stdout.split(b"\0") if p]
    if any(not path.startswith("/") for path in found):
        raise ParseError(msg("not a list of paths"))
    if DISTRIBUTION in found:
        others = tuple(sorted(path for path in found if path.startswith("/usr/local/")))
        return Servers(distribution=True, others=others)
    denied = refused(answer.stderr)
    if found:
        return Servers(distribution=False, others=tuple(sorted(found)))
    return denied or not_present(msg("No SSH server program is installed"))


_FIND_SERVERS = Command(
    argv=(
        "/usr/bin/find", "/usr/sbin", "/usr/bin", "/usr/local", "/opt", "-xdev", "-maxdepth",
        "4", "(", "-name", "sshd", "-o", "-name", "dropbear", ")", "-not", "-type", "d",
        "-print0",
    ),
    privilege=Privilege.ROOT,  # a folder that is closed to others may hold a second server
    ok=(0, 1),
    aside=True,
)  # fmt: skip
SERVERS = fact("linux.sshd-programs", Servers, kind="host", ask=_FIND_SERVERS, parse=parse_servers)


def parse_servers_seen(answer: Answer) -> Servers | Absent:
    """The same as an ordinary account sees it: a folder closed to it may hold another server."""
    got = parse_servers(answer)
    if isinstance(got, Absent):
        return got
    return structs.replace(got, searched=refused(answer.stderr) is None)


# Without sudo an ordinary account asks the same.
SERVERS_SEEN = fact(
    "linux.sshd-programs-seen",
    Servers,
    kind="host",
    ask=plainly(_FIND_SERVERS),
    parse=parse_servers_seen,
)


class Sshd(Struct, frozen=True, kw_only=True):
    """What `sshd -T` prints: for each keyword its values, in order, as the server will use them.

    `unread`: some lines could not be read, so that a keyword that is missing may have been set.
    `from_files`: the program was not asked, so that what no file sets is not known.
    """

    values: dict[str, tuple[str, ...]]
    unread: bool = False
    from_files: bool = False

    def one(self, key: str) -> str:
        """The first value of `key`, empty where it was not printed."""
        return self.values.get(key, ("",))[0]

    def algorithms(self, key: str) -> tuple[str, ...]:
        """The names in the comma-separated list under `key`."""
        return tuple(name for name in self.one(key).split(",") if name)


def _lower(raw: str) -> tuple[str, str]:
    return _keyword(raw, "[a-z0-9]+")


def _mixed(raw: str) -> tuple[str, str]:
    return _keyword(raw, "[A-Za-z0-9]+")


def _keyword(raw: str, form: str) -> tuple[str, str]:
    key, _, value = raw.strip().partition(" ")
    if not re.fullmatch(form, key):
        raise ParseError(msg("not a line of sshd -T: {line}", line=verbatim(raw)))
    return key.lower(), value.strip()


def parse_sshd_t(answer: Answer) -> Sshd | Partial:
    """The effective configuration; an answer without the keywords every version prints fails.

    OpenSSH 10.4 and later print keywords as in the manual (PermitRootLogin), others in lower case.
    """
    mixed = any(line.startswith("Port ") for line in answer.lines)
    rows, problems = read_rows(enumerate(answer.lines, 1), _mixed if mixed else _lower)
    values: dict[str, list[str]] = {}
    for key, value in rows:
        values.setdefault(key, []).append(value)
    missing = {"port", "permitrootlogin", "ciphers", "macs", "maxauthtries"} - set(values)
    if missing:
        raise ParseError(msg("sshd -T did not list {names}", names=tuple(sorted(missing))))
    settings = {key: tuple(each) for key, each in values.items()}
    return partial(Sshd(values=settings, unread=bool(problems)), problems)


SSHD = fact(
    "linux.sshd",
    Sshd,
    kind="host",
    ask=Command(
        argv=("/usr/sbin/sshd", "-T"), privilege=Privilege.ROOT, not_found=Reason.NOT_PRESENT
    ),
    parse=parse_sshd_t,
)


# Since OpenSSH 9.3; it needs no host key, so that an ordinary account may ask where it may read the
# files.
SSHD_SEEN = fact(
    "linux.sshd-seen",
    Sshd,
    kind="host",
    ask=Command(argv=("/usr/sbin/sshd", "-G"), not_found=Reason.NOT_PRESENT),
    parse=parse_sshd_t,
)


class Running(Struct, frozen=True, kw_only=True):
    """The options on the command lines of running SSH servers, which override every file.

    `set` maps a keyword to the values that were given for it with -o; `other` are command lines of
    other servers, and those with options whose effect is not worked out, such as another file.
    `started`: when the oldest that listens was, by the clock of the host, None where none listens.
    `usual`: nothing listens, or one of those that do reads the usual files.
    """

    set: dict[str, tuple[str, ...]]
    other: tuple[str, ...] = ()
    started: datetime | None = None
    usual: bool = True


# Options without an effect on the settings that are judged: -D, -e, -q, -t … and ports.
_PLAIN_OPTION = re.compile(r"-[46DdeiqRrtT]+|-E\S+|-p\d+")


def parse_running(answer: Answer) -> Running:
    """The options of `ps -o args` for sshd; empty where none runs, or none has options."""
    if answer.stderr.strip():
        raise ParseError(msg("ps reported an error: {line}", line=verbatim(answer.stderr)))
    given: dict[str, list[str]] = {}
    other: list[str] = []
    processes = [_process(line) for line in answer.lines if line.strip()]
    listening = [(at, line) for at, line in processes if _listens(line)]
    if not listening and processes:
        other.append(PER_CONNECTION)
    usual = not listening
    for _, line in listening:
        program, *words = _command(line)
        if program not in _DISTRIBUTIONS or not _take_options(words, given):
            other.append(line)
        else:
            usual = True
    known = {key: tuple(values_) for key, values_ in given.items()}
    started = min((at for at, _ in listening), default=None)
    return Running(set=known, other=tuple(dict.fromkeys(other)), started=started, usual=usual)


def _take_options(words: list[str], given: dict[str, list[str]]) -> bool:
    """Adds the settings among `words` to `given`; False at one whose effect is not worked out."""
    while words:
        word = words.pop(0)
        if word == "-o" and words:
            word += words.pop(0)
        if word in ("-p", "-E") and words:
            words.pop(0)
        elif option := re.fullmatch(r"-o[ \t]*([A-Za-z0-9]+)[ \t]*=(\S*)", word):
            given.setdefault(option[1].lower(), []).append(option[2])
        elif not _PLAIN_OPTION.fullmatch(word):
            return False
    return True


_STARTED = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}) (.*)")


def _process(line: str) -> tuple[datetime, str]:
    """When a process was started, without a time zone, and its command line."""
    found = _STARTED.fullmatch(line)
    if found is None:
        raise ParseError(msg("not a line of ps: {line}", line=verbatim(line)))
    return _moment(found[1], "%b %d %H:%M:%S %Y"), found[2]


def _moment(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 (only compared on the same clock)
    except ValueError as error:
        raise ParseError(msg("not a time: {text}", text=verbatim(text))) from error


_DISTRIBUTIONS = (DISTRIBUTION, "/sbin/sshd")
# Sessions without a server that listens: inetd or ssh@.service starts one for each connection,
# with options that no process shows.
PER_CONNECTION = "sshd -i"


def _command(line: str) -> list[str]:
    text = re.sub(r"\[listener\].*$", "", line.strip().removeprefix("sshd: "))
    return text.split() or [""]


def _listens(line: str) -> bool:
    """Whether this is a server that waits for connections, not the process of a session."""
    program = _command(line)[0]
    name = program.rsplit("/", 1)[-1]
    return name == "dropbear" or (name == "sshd" and program.startswith("/"))


# Since OpenSSH 9.8 a session is an `sshd-session`.
_PS = ("-ww", "-C", "sshd", "-C", "sshd-session", "-C", "dropbear", "-o", "lstart=", "-o", "args=")
# RHEL 8 and what is made from its time (openEuler, Kylin V10) hand the crypto policy over as -o
# options of the running server: `sshd -T` knows nothing of them.
_ASK_PS = tuple(
    Command(argv=(ps, *_PS), privilege=Privilege.ROOT, ok=(0, 1), aside=True)
    for ps in ("/usr/bin/ps", "/bin/ps")
)
RUNNING = fact(
    "linux.sshd-running",
    Running,
    kind="host",
    # As root, because /proc may hide the processes of others. Older systems have /bin/ps only.
    providers=tuple(provider(ask, parse_running) for ask in _ASK_PS),
)


_NUMBERED = re.compile(r"[ ]*([0-9]+) (.*)")


def parse_running_seen(answer: Answer) -> Running | Absent:
    """The same as an ordinary account sees it; NOT_PERMITTED where /proc hides others' processes.

    Process 1 is asked for besides: who sees it sees all.
    """
    rows = [_NUMBERED.fullmatch(line) for line in answer.lines if line.strip()]
    if None in rows:
        raise ParseError(msg("not a line of ps: {line}", line=verbatim(answer.text)))
    pairs = [(row[1], row[2]) for row in rows if row]
    if not any(number == "1" for number, _ in pairs):
        return Absent(
            reason=Reason.NOT_PERMITTED,
            detail=msg("/proc hides the processes of others from the login"),
        )
    kept = [line for number, line in pairs if number != "1" or _listens(_process(line)[1])]
    return parse_running(
        structs.replace(answer, stdout="\n".join(kept).encode("utf-8", "surrogateescape"))
    )


RUNNING_SEEN = fact(
    "linux.sshd-running-seen",
    Running,
    kind="host",
    providers=tuple(
        provider(
            Command(
                argv=(ask.argv[0], "-ww", "-p", "1", *_PS[1:-4], "-o", "pid=", *_PS[-4:]),
                ok=(0, 1),
                aside=True,
            ),
            parse_running_seen,
        )
        for ask in _ASK_PS
    ),
)


_SETTINGS = ("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d")
_PID_FILE = "/run/sshd.pid"


class SshdTimes(Struct, frozen=True, kw_only=True):
    """By the clock of the host: when its settings were last changed, and when they were last read.

    The server writes its pid file when it starts and when it reads its settings anew (SIGHUP).
    """

    changed: datetime
    path: str
    read: datetime | None = None

    def unread(self, running: Running | None) -> bool:
        """Whether the files were changed after the running server read them."""
        reads = [at for at in (self.read, running.started if running else None) if at]
        listens = running is not None and running.started is not None
        return listens and self.changed > max(reads) + _SLACK


# ps tells a start to the second, reckoned from when the system was started.
_SLACK = timedelta(seconds=5)
_TIME = re.compile(r"([0-9]{4}(?:-[0-9]{2}){2} [0-9]{2}(?::[0-9]{2}){2})[.0-9]* (/.*)", re.DOTALL)


def parse_times(answer: Answer) -> SshdTimes | Absent:
    """The newest change of the server's settings; NOT_PRESENT where it has no file of them."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    rows = [_TIME.fullmatch(part) for part in answer.text.split("\0")[:-1]]
    if None in rows or (answer.stdout and not answer.stdout.endswith(b"\0")):
        raise ParseError(msg("not a list of times"))
    times = {row[2]: _moment(row[1], "%Y-%m-%d %H:%M:%S") for row in rows if row}
    read = times.pop(_PID_FILE, None)
    if _SETTINGS[0] not in times:
        return not_present(msg("There is no /etc/ssh/sshd_config"))
    path = max(times, key=lambda one: (times[one], one))
    return SshdTimes(changed=times[path], path=path, read=read)


# As root, because RHEL closes the folder. Another crypto policy is a new link in its folder.
_ASK_TIMES = Command(
    argv=(
        "/usr/bin/find", "-L", *_SETTINGS, "/etc/crypto-policies/back-ends", _PID_FILE,
        "-maxdepth", "1", "-printf", "%TY-%Tm-%Td %TH:%TM:%TS %p\\0",
    ),
    privilege=Privilege.ROOT,
    ok=(0, 1),
    aside=True,
)  # fmt: skip
TIMES = fact("linux.sshd-times", SshdTimes, kind="host", ask=_ASK_TIMES, parse=parse_times)
TIMES_SEEN = fact(
    "linux.sshd-times-seen", SshdTimes, kind="host", ask=plainly(_ASK_TIMES), parse=parse_times
)


def as_running(servers: Servers, sshd: Sshd, running: Running | None) -> tuple[Servers, Sshd]:
    """Both as the running server has them: a value of its command line is the one that holds."""
    if running is None:
        return servers, sshd
    settings = {key: (_plain(values),) for key, values in running.set.items()}
    others = (*servers.others, *running.other)
    return structs.replace(servers, others=others), structs.replace(
        sshd, values=sshd.values | settings
    )


def _plain(values: tuple[str, ...]) -> str:
    """The one value in force; empty where it adds to a default or servers differ."""
    one = values[0] if len(set(values)) == 1 else ""
    return "" if one.startswith(("+", "-", "^")) else one


FACTS = (
    SERVERS, SERVERS_SEEN, SSHD, SSHD_SEEN, RUNNING, RUNNING_SEEN, TIMES, TIMES_SEEN,
)  # fmt: skip
