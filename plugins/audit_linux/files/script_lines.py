"""What scripts run and source, without what else stands in them.

Scripts hold passwords. So sed(1) looks for the commands on the host, and only the names and paths
of what they start leave it:

    #script NEWLINE PATH NEWLINE (run WORDS | source PATH | cd PATH | set NAME=PATH | NAME=VALUE)*

Texts in quotes, here-documents and comments are passed over; what runs as another user is not
followed, as its name is no word that stands in front of a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import join, normpath

from audit_linux.files.command_lines import of_variable, started_by_words

HEAD = "#script"
"""The line in front of the path of each file."""

_ENDS = r"(EOF|END|EOT|EOL|EOS|HERE|SQL|_+EOF_*|EOM)"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REST = r"[^]\n[:space:]\"'*?<>;&|()`]*"
_PATH = rf"((\$HOME|~|\.|\.\.)?/{_REST}|\${_NAME}(/{_REST})?)"
# What may stand in front of a command: words of the shell, options, numbers, programs that start
# what follows.
_FRONT = (
    r"^[[:space:]]*((if|then|else|elif|do|while|until|!|\{|exec|eval|command|nohup|time|nice|ionice"
    r"|chrt|setsid|stdbuf|timeout|env|xargs|sudo|doas|root|run-parts|make|git|su"
    r"|([^[:space:]]*/)?(ba|da|k|z)?sh|([^[:space:]]*/)?(python|perl|ruby|node|php|java)[0-9.]*"
    r"|flock([[:space:]]+-[A-Za-z]+)*[[:space:]]+[^[:space:]]+"
    rf"|-[^[:space:]]*|[0-9]+([.][0-9]+)?[smhd]?|{_NAME}=[^[:space:]]*)[[:space:]]+)*"
)
_TOPS = r"(home|opt|srv|usr|var|tmp|data[0-9]*|apps?|mnt|root|etc|dev|run|bin|sbin)"
_SET = r"^[[:space:]]*((export|declare|readonly|local|typeset)[[:space:]]+(-[a-z]+[[:space:]]+)*)?"
_LOADED = r"(PATH|LD_PRELOAD|LD_LIBRARY_PATH|BASH_ENV|ENV|PYTHONPATH|PERL5LIB|RUBYLIB|NODE_PATH)"
# The hold space keeps whether the file begins with `#!`: binaries do not.
_OF_SCRIPTS = (
    r"1{x;s%.*%%;x;/^#!/{x;s%^%y%;x}}", "x;/^y/!{x;d};x",
    f"1i{HEAD}", "1F",
)  # fmt: skip
# What stands in front of a command in settings of programs: their keys.
_KEYS = (
    # systemd.exec(5), wg-quick(8), fail2ban, PHP, dnsmasq(8), smb.conf(5)
    r"(Exec[A-Za-z]+[[:space:]]*=[-@:+!|]*|Environment=[\"']?"
    r"|(Pre|Post)(Up|Down)[[:space:]]*=|action(start|stop|ban|unban|check|flush)[[:space:]]*="
    r"|(zend_)?extension[[:space:]]*=|auto_(pre|ap)pend_file[[:space:]]*="
    r"|(dhcp-script|dhcp-luascript|conf-script)[[:space:]]*="
    r"|(root )?(pre|post)exec[[:space:]]*=|[a-z ]+ (script|command|program)[[:space:]]*="
    # git-config(1), openvpn(8), auto.master(5), actions of dnf
    r"|(fsmonitor|hooksPath|sshCommand|pager|editor|askPass|helper|external|textconv|smudge|clean"
    r"|process|program|templateDir)[[:space:]]*=[[:space:]]*!?"
    r"|(up|down|ipchange|route-up|route-pre-down|tls-verify|client-(dis)?connect|learn-address"
    r"|auth-user-pass-verify|plugin)[[:space:]]+|[^#[:space:]]+[[:space:]]+program:"
    r"|[^#:]+:(any|in|out):)[[:space:]]*"
)
_COMMANDS = (
    r"1{/^#!/{s%^#![[:space:]]*%run %p;d}}",
    rf"s%^[[:space:]]*{_KEYS}%%I",
    # what python adds to its search path: *.pth, finders of packages that are edited in place
    r"s%^(import[[:space:]].*|MAPPING.*:[[:space:]]*)[\"'](/[^\"']*)[\"'].*%\2%",
    r"s%^[[:space:]]*#.*|[[:space:]]#.*%%",
    rf"/<<-?[[:space:]]*[\"'\\]?{_ENDS}/,/^[[:space:]]*{_ENDS}$/d",
    rf"s%\$\{{({_NAME})\}}%$\1%g",
    r"s%^[[:space:]]*alias[[:space:]]+[A-Za-z0-9_.-]+=[\"']?%%",
    # variables that name code keep their quotes away; other quoted paths stand for themselves
    rf"s%{_SET}{_LOADED}=[\"']?([^\n[:space:];&|\"']+).*%\x01\4=\5%",
    rf"s%[\"']{_PATH}[\"']%\1%g",
    r"s%\"\$\(% $(%g", r"s%'[^']*'%Q%g", r"s%\"[^\"]*\"%Q%g",
    r"/^\x01/!s%[;&|()`]+%\n%g",
    rf"s%{_SET}({_NAME})=(/{_TOPS}[A-Za-z0-9_./-]*)[[:space:]]*$%\x01set \4=\5%Mg",
    rf"s%{_FRONT}%%Mg",
    rf"s%^cd[[:space:]]+{_PATH}([[:space:]][^\n]*)?$%\x01cd \1%Mg",
    rf"s%^(\.|source)[[:space:]]+{_PATH}([[:space:]][^\n]*)?$%\x01source \2%Mg",
    rf"s%^{_PATH}([[:space:]][^\n]*)?$%\x01run \1%Mg",
    r"s%^[^\x01\n][^\n]*$%%Mg", r"s%\x01%%g", r"s%\n+%\n%g", r"s%^\n|\n$%%g", r"/./p",
)  # fmt: skip


def sed(*, scripts: bool) -> tuple[str, ...]:
    """The words of sed(1) that look for commands: in files with `#!` only, or in all."""
    lines = (*(_OF_SCRIPTS if scripts else (f"1i{HEAD}", "1F")), *_COMMANDS)
    return ("/bin/sed", "-snE", *(word for line in lines for word in ("-e", line)))


# --- reading ------------------------------------------------------------------------------------

_USED = re.compile(r"\$(\w+)")
_HOME = re.compile(r"(?<![\w/])(?:~|\$HOME)(?=/)")


def programs_of(lines: Iterable[str]) -> tuple[str, ...]:
    """The paths that a script, of which sed(1) told these lines, makes root run or read."""
    return tuple(dict.fromkeys(_programs(lines)))


def _programs(lines: Iterable[str]) -> Iterator[str]:
    values: dict[str, str] = {}
    folder = ""
    for line in lines:
        verb, blank, rest = line.partition(" ")
        if not blank or verb not in ("run", "source", "cd", "set"):
            yield from of_variable(_HOME.sub("/root", line))
        elif verb == "set":
            name, _, value = rest.partition("=")
            values.setdefault(name, value)
        elif " " in rest:  # the interpreter with its options
            yield from started_by_words(rest.split()).paths
        elif path := _absolute(_replaced(rest, values), folder):
            folder = path if verb == "cd" else folder
            yield from () if verb == "cd" else (path,)


def _replaced(text: str, values: dict[str, str]) -> str:
    plain = _HOME.sub("/root", text)
    return _USED.sub(lambda hit: values.get(hit[1], hit[0]), plain)


def _absolute(text: str, folder: str) -> str:
    """The path; empty where it stays unknown, or where it is a pattern of another language."""
    if "$" in text or "\\" in text or text.endswith("/"):
        return ""
    if text.startswith("."):
        return normpath(join(folder, text)) if folder else ""
    return text


_TOLD = re.compile(r"(?:run|source|cd|set) .*|[A-Z][A-Z0-9_]*=.*")


def files_of(rows: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Path and lines of each file in what sed(1) printed; other rows are passed over."""
    path, lines, is_path = "", list[str](), False
    for row in rows:
        if row == HEAD:
            if path:
                yield path, tuple(lines)
            path, lines, is_path = "", [], True
        elif is_path:
            path, is_path = row, False
        elif path and _TOLD.fullmatch(row):
            lines.append(row)
    if path:
        yield path, tuple(lines)


def without(rows: Iterable[str]) -> Iterator[str]:
    """The rows that another program printed before, between and after."""
    is_path = inside = False
    for row in rows:
        if row == HEAD:
            is_path = inside = True
        elif is_path:
            is_path = False
        elif not (inside and _TOLD.fullmatch(row)):
            yield row
