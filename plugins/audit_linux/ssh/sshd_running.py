"""The SSH servers that run: their options, and whether they have read their settings of now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Message,
    ParseError,
    Privilege,
    Reason,
    fact,
    msg,
    not_present,
    provider,
    shortened,
    verbatim,
)
from audit_linux.find_errors import refused
from audit_linux.ssh.sshd import DISTRIBUTION, Servers, Sshd, plainly
from audit_linux.ssh.sshd_files import ADDING


class Named(Struct, frozen=True, kw_only=True):
    """A server that reads the file `path` (-f), with what is set by its other options."""

    path: str
    line: str
    set: dict[str, tuple[str, ...]] = {}


class Running(Struct, frozen=True, kw_only=True):
    """The options on the command lines of running SSH servers, which override every file.

    `set` maps a keyword to the values that were given with -o to servers that read the usual files;
    `named` are the servers that read another file (-f); `other` are command lines of other
    programs, and those with options whose effect is not worked out.
    `started`: when the oldest that listens was, by the clock of the host, None where none listens.
    `usual`: nothing listens, or one of those that do reads the usual files.
    """

    set: dict[str, tuple[str, ...]]
    other: tuple[str, ...] = ()
    started: datetime | None = None
    usual: bool = True
    named: tuple[Named, ...] = ()


_USUAL_FILES = ("/etc/ssh/sshd_config", "")


def parse_running(answer: Answer) -> Running:
    """The options of `ps -o args` for sshd; empty where none runs, or none has options."""
    if answer.stderr.strip():
        raise ParseError(msg("ps reported an error: {line}", line=verbatim(answer.stderr)))
    processes = [_process(line) for line in answer.lines if line.strip()]
    listening = [(at, line) for at, line in processes if _listens(line)]
    found = servers_of(line for _, line in listening)
    if not listening and any(not _asks(line) for _, line in processes):
        found = structs.replace(found, other=(PER_CONNECTION,))
    return structs.replace(
        found, usual=found.usual or not listening,
        started=min((at for at, _ in listening), default=None),
    )  # fmt: skip


def servers_of(lines: Iterable[str]) -> Running:
    """What the command lines of servers set; `usual` where one of them reads the usual files."""
    given: dict[str, list[str]] = {}
    other: list[str] = []
    named: list[Named] = []
    usual = False
    for line in lines:
        program, *words = _command(line)
        own: dict[str, list[str]] = {}
        path = _take_options(words, own) if program in _DISTRIBUTIONS else None
        if path is None:
            other.append(line)
        elif path not in _USUAL_FILES:
            named.append(Named(path=path, line=" ".join(_command(line)), set=_values(own)))
        else:
            usual = True
            for key, values in own.items():
                given.setdefault(key, []).extend(values)
    return Running(
        set=_values(given), other=tuple(dict.fromkeys(other)), usual=usual, named=tuple(named)
    )


def _values(given: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(values) for key, values in given.items()}


def _take_options(words: list[str], given: dict[str, list[str]]) -> str | None:
    """Adds the settings among `words` to `given`; the file after -f, empty where there is none.

    None at an option whose effect is not worked out. ps shows no quotes: a word without a dash in
    front belongs to the option before it, for the server takes no other words.
    """
    path = ""
    for letter, argument in _options(words):
        if letter == "f" and argument.startswith("/"):
            path = argument
            continue
        if letter == "q":  # outweighs -o LogLevel, before it and behind (OpenSSH 9.2)
            given["loglevel"] = ["QUIET"]
            continue
        setting = _setting(letter, argument)
        if setting is None:
            return None
        if setting[0] in ADDING or setting[0] not in given:  # else the first holds
            given.setdefault(setting[0], []).append(setting[1])
    given.pop("", None)
    return path


def _setting(letter: str, argument: str) -> tuple[str, str] | None:
    """The keyword that an option sets, with its value; None at one that is not worked out."""
    if letter == "o" and (option := _OPTION.fullmatch(argument)):
        return option[1].lower(), option[2]
    if letter in _SETS and argument.isascii() and argument.isdigit():
        return _SETS[letter], argument
    if letter == "E":
        return LOG_FILE, argument
    return ("", "") if letter in _NO_SETTING else None


_OPTION = re.compile(r"[ \t]*([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+)(.*)")
_SETS = {"p": "port", "g": "logingracetime"}
LOG_FILE = "-E"
"""The key, none of sshd_config, under which a file stands that takes the place of the syslog."""
# The length of names in wtmp, a certificate of the host key.
_NO_SETTING = ("", "u", "c")
_WITH_ARGUMENT = "CEVbcfghkopu"


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """The letters of options with their arguments; an empty letter for all that set nothing."""
    waiting = words[::-1]
    while waiting:
        found = _LETTERS.fullmatch(waiting.pop())
        if found is None:
            yield "?", ""
            return
        if "q" in found[1]:
            yield "q", ""
        letter, rest = found[2] or "", [found[3]] if found[3] else []
        while letter and waiting and (not rest or not waiting[-1].startswith("-")):
            rest.append(waiting.pop())
        yield letter, " ".join(rest)


_LETTERS = re.compile(rf"-([46DdeiqRr]*)(?:([{_WITH_ARGUMENT}])(.*))?", re.DOTALL)


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
    return name == "dropbear" or (name == "sshd" and program.startswith("/") and not _asks(line))


def _asks(line: str) -> bool:
    """Whether this is a test of the settings (-t, -T, -G), as dengbao and restarts run one."""
    program, *words = _command(line)
    return program.endswith("/sshd") and any(_TEST.fullmatch(word) for word in words)


_TEST = re.compile(r"-[46DdeiqRr]*[tTG][46DdeiqRrtTG]*")


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


# openSUSE has the files of the vendor below /usr/etc.
_SETTINGS = ("/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config")
_PID_FILE = "/run/sshd.pid"


class SshdTimes(Struct, frozen=True, kw_only=True):
    """By the clock of the host: when its settings were last changed, and when they were last read.

    `placed` is when a file was last put in place or given other attributes (its ctime): cp -p, mv
    and rsync -a keep the older time of the change. Directories are not in it.
    The server writes its pid file when it starts and when it reads its settings anew (SIGHUP).
    """

    changed: datetime
    path: str
    placed: datetime | None = None
    placed_path: str = ""
    read: datetime | None = None

    def unread(self, running: Running | None) -> Message | None:
        """Why the running server may not have read the files as they are, if it may not."""
        if running is None or running.started is None:
            return None
        last = max(at for at in (self.read, running.started) if at) + _SLACK
        if self.changed > last:
            return msg("{path} was changed after the running server was started or last read it",
                       path=shortened(self.path))  # fmt: skip
        if self.placed and self.placed > last:
            return msg("{path} was put in place or its attributes were changed after the running "
                       "server was started or last read it; restart or reload sshd",
                       path=shortened(self.placed_path))  # fmt: skip
        return None


# ps tells a start to the second, reckoned from when the system was started.
_SLACK = timedelta(seconds=5)
_TIME = r"([0-9]{4}(?:-[0-9]{2}){2} [0-9]{2}(?::[0-9]{2}){2})[.0-9]* "
_TIMES = re.compile(rf"{_TIME}{_TIME}([a-zA-Z?]) (/.*)", re.DOTALL)
_FORM = "%Y-%m-%d %H:%M:%S"


def parse_times(answer: Answer) -> SshdTimes | Absent:
    """The newest change of the server's settings; NOT_PRESENT where it has no file of them."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    rows = [_TIMES.fullmatch(part) for part in answer.text.split("\0")[:-1]]
    if None in rows or (answer.stdout and not answer.stdout.endswith(b"\0")):
        raise ParseError(msg("not a list of times"))
    times = {row[4]: _moment(row[1], _FORM) for row in rows if row}
    read = times.pop(_PID_FILE, None)
    if times.keys().isdisjoint(_SETTINGS):
        return not_present(msg("There is no /etc/ssh/sshd_config"))
    placed = {
        row[4]: _moment(row[2], _FORM) for row in rows if row and row[3] == "f" and row[4] in times
    }
    path, placed_path = _newest(times), _newest(placed)
    return SshdTimes(
        changed=times[path], path=path, placed=placed.get(placed_path), placed_path=placed_path,
        read=read,
    )  # fmt: skip


def _newest(times: dict[str, datetime]) -> str:
    return max(times, key=lambda one: (times[one], one), default="")


# As root, because RHEL closes the folder. Another crypto policy is a new link in its folder.
_ASK_TIMES = Command(
    argv=(
        "/usr/bin/find", "-L", *_SETTINGS, *(f"{main}.d" for main in _SETTINGS),
        "/etc/crypto-policies/back-ends", _PID_FILE,
        "-maxdepth", "1", "-printf",
        "%TY-%Tm-%Td %TH:%TM:%TS %CY-%Cm-%Cd %CH:%CM:%CS %y %p\\0",
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
    others = (*servers.others, *running.other)
    return structs.replace(servers, others=others), with_options(sshd, running.set)


def with_options(sshd: Sshd, given: dict[str, tuple[str, ...]]) -> Sshd:
    """The settings with what was given by -o, which is what holds."""
    settings = {
        key: values if key == "port" else (_plain(values),) for key, values in given.items()
    }
    return structs.replace(sshd, values=sshd.values | settings)


def _plain(values: tuple[str, ...]) -> str:
    """The one value in force; empty where it adds to a default or servers differ."""
    one = values[0] if len(set(values)) == 1 else ""
    return "" if one.startswith(("+", "-", "^")) else one


FACTS = (RUNNING, RUNNING_SEEN, TIMES, TIMES_SEEN)
