"""Which programs, scripts and directories a command line makes its user run or read as code.

Read as sh(1) does (`shell_words`), with subshells, `$(…)`, `cd` and variables that the text itself
sets. Programs that start others are followed: shells with -c, wrappers, find -exec, xargs; those
that start them as another user are not. Programs that take their orders from the directory they
are in (git, make), and those that read `*` as options (tar), lead to that directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from posixpath import join, normpath

from msgspec import Struct

from audit_linux.accounts.shell_words import Word, simple_commands


class Started(Struct, frozen=True, kw_only=True):
    """What is run: paths, and names that PATH leads to; `unclear` where one stays unknown."""

    programs: tuple[str, ...]
    unclear: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Those that are paths, and are known."""
        return tuple(
            p for p in self.programs
            if p == HERE or (p.startswith("/") and not _UNKNOWN.search(p))
        )  # fmt: skip


def started_by(text: str, folder: str = "") -> Started:
    """What a script or a line of a shell starts; `folder` is where it stands, if that is known."""
    reader = _Reader(folder)
    reader.script(text)
    return reader.result()


def started_by_words(words: Sequence[str], folder: str = "") -> Started:
    """The same for a command without a shell."""
    reader = _Reader(folder)
    reader.start(list(words))
    return reader.result()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Variables that make a program load or start what they name, or list where it looks for code.
_LEADING = _names("""
    PATH LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH GCONV_PATH OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES
    KRB5_CONFIG BASH_ENV ENV SHELL ZDOTDIR PROMPT_COMMAND BASH_LOADABLES_PATH FPATH
    PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PERL5LIB PERLLIB PERL5OPT PERL5DB
    RUBYLIB RUBYOPT GEM_HOME GEM_PATH BUNDLE_GEMFILE NODE_PATH NODE_OPTIONS CLASSPATH
    JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS JAVA_HOME LUA_PATH LUA_CPATH LUA_INIT
    TCLLIBPATH PHPRC PHP_INI_SCAN_DIR R_LIBS R_PROFILE EDITOR VISUAL PAGER MANPAGER LESSOPEN
    LESSCLOSE SYSTEMD_EDITOR SYSTEMD_PAGER SUDO_EDITOR SUDO_ASKPASS SSH_ASKPASS GIT_SSH
    GIT_SSH_COMMAND GIT_EDITOR GIT_PAGER GIT_ASKPASS GIT_EXEC_PATH GIT_TEMPLATE_DIR
    GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM RSYNC_RSH CVS_RSH XDG_CONFIG_HOME
""")
# Also behind an option and its letter: `-I/opt/lib`, `-javaagent:/opt/x.jar`.
_PLACES = re.compile(r"(?:^|[:;,\s=|!\"']|(?<![\w/])-[A-Za-z])(/[^:;,\s\"'|&]*)")
HERE = "."
"""A directory of PATH that is the one at hand: an empty entry, or one that does not begin with /"""
_AT_HAND = re.compile(r"(?:^|:)(?:\.[^:]*)?(?=:|$)")


def of_variable(setting: str) -> Iterator[str]:
    """The paths that `NAME=VALUE` makes a program load, or look for programs in."""
    name, _, value = setting.partition("=")
    name = name.removesuffix("+")
    if name in _LEADING:
        yield from _PLACES.findall(value)
    if name == "PATH" and "{" not in value and (plain := value.strip().strip("\"'")):
        yield from [HERE] if _AT_HAND.search(plain) else []


_OPEN = re.compile(r"[$`*?]")
_UNKNOWN = re.compile(r"[$`]")
_ASSIGNED = re.compile(r"(\w+)\+?=(.*)", re.DOTALL)
_ALIAS = re.compile(r"[\w.+-]+=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_NUMBER = re.compile(r"[0-9.]+[smhd]?|\{\}|0x[0-9a-f]+|[0-9,-]+")
_MOST_DEEP = 8
_MOST_VALUES = 4
_NOTHING = _names("""
    [ [[ test echo printf true false : exit return umask set shift break continue read wait sleep
    for case select function unset ulimit hash type getopts
""")
_SETTERS = _names("export declare typeset readonly local")
_SHELLS = _names("sh bash dash ash ksh mksh zsh csh tcsh busybox")
_INTERPRETERS = _names("python perl ruby php node lua tclsh expect Rscript pwsh groovy")
_OWN_CODE = re.compile(r"-[A-Za-z]*[cem]$|--(?:command|eval|execute)")
# Words in front of the command that these start, besides options.
_WRAPPERS = {
    **dict.fromkeys(_names("""
        nice ionice nohup setsid stdbuf time chronic xargs exec command builtin env strace watch
        systemd-cat systemd-inhibit systemd-run unshare nsenter cgexec prlimit ifne parallel
        dbus-run-session fakeroot chpst linux64 linux32 setpriv sudo doas daemon logsave
    """), 0),
    **dict.fromkeys(_names("timeout flock chrt taskset faketime setarch chroot"), 1),
}  # fmt: skip
# Their options that take the next word.
_WITH_WORD = {
    name: _names(options)
    for name, options in {
        "timeout": "-s -k --signal --kill-after", "nice": "-n", "ionice": "-c -n", "env": "-u -C",
        "xargs": "-I -n -P -L -d -s -a -E", "flock": "-w -E", "stdbuf": "-i -o -e",
        "sudo": "-u -g -h -p -C -D -R -T", "doas": "-u -C", "strace": "-o -e -s", "watch": "-n",
        "systemd-run": "-p -u -E -H -M", "systemd-cat": "-t -p", "chpst": "-u -U -e -n -l",
        "parallel": "-j -I", "prlimit": "", "setpriv": "--reuid --regid --ruid --euid",
        "java": "", "python": "-W -X", "perl": "", "php": "-c -d", "su": "-s -g -G -w",
        "runuser": "-u -s -g -G -w", "exec": "-a",
    }.items()
}  # fmt: skip
_FOR_USERS = _names("sudo doas chpst setpriv chroot runuser")
_AS_OTHER = re.compile(r"(?:-u|-U|--user|--reuid|--ruid|--userspec)(?:=(.*))?")
_ROOT = frozenset({"root", "0", "#0", "+0"})
_BY_DIRECTORY = _names("""
    git make gmake ninja npm yarn composer bundle rake mvn gradle docker-compose podman-compose
    gunicorn uvicorn hypercorn daphne celery flask terraform tofu ansible-playbook
""")
# Options whose word is read as code, or as settings that name code; `*`: each other word that is a
# path. Behind `:` a word without which the program does nothing of that.
_CODE = {
    name: options
    for names, options in (
        ("awk gawk mawk sed expect at batch gdb psql", "-f --file --command"),
        ("nginx apachectl supervisord supervisorctl monit smartd acpid snmpd uwsgi php-fpm named"
         " filebeat telegraf fluent-bit", "-c --config --ini -y"),
        ("apache2 httpd rsyslogd syslog-ng keepalived haproxy sshd xinetd logstash tmux", "-f"),
        ("dnsmasq", "-C --conf-file --conf-script"), ("openvpn", "--config"), ("screen", "-c"),
        ("logrotate crontab ansible-playbook insmod lsyncd wg-quick puppet", "* -i --inventory"),
        ("systemd-nspawn", "-D --directory -i --image"), ("perl ruby", "-I"),
        ("dpkg", "*:-i *:--install *:--unpack"), ("pip pip3 pipx", "*:install -r"),
        ("rpm", "*:-i *:-U *:-F *:-Uvh *:-ivh *:-Fvh *:--install *:--upgrade"),
        ("apt apt-get dnf yum zypper", "*:install *:reinstall *:localinstall *:upgrade *:in"),
        ("systemctl", "*:link *:enable"),
    )
    for name in names.split()
}  # fmt: skip
# Copied to these, a file becomes a program, a job or a unit of root.
_OF_ROOT = re.compile(
    r"/(?:usr/)?(?:local/)?(?:s?bin|lib\w*|boot)(?:/|$)|/$|/usr/?$"
    r"|/etc/(?:cron|systemd|init\.d|rc|profile|sudoers|ld\.so|pam\.d|udev)"
)
_COPIERS = _names("cp mv install rsync ln")
_OPTIONS_OF_FILES = _names("tar rsync chown chmod chgrp zip 7z 7za scp")


class _Reader:
    """Follows commands one after the other, with the directory and the variables at hand."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._values: dict[str, tuple[str, ...]] = {}
        self._found: dict[str, None] = {}
        self._deep = 0

    def result(self) -> Started:
        """What was found."""
        found = tuple(self._found)
        return Started(programs=found, unclear=any(map(_OPEN.search, found)))

    def script(self, text: str) -> None:
        """Takes the commands of a shell script."""
        if self._deep >= _MOST_DEEP or "\0" in text:
            return
        self._deep += 1
        for simple in simple_commands(text, subshells=True):
            for word in simple.words:
                for inner in _substituted(word):
                    self.script(inner)
            for words in self._expanded(simple.words):
                self._command(words)
        self._deep -= 1

    def _expanded(self, words: Sequence[Word]) -> Iterator[list[str]]:
        """The words with the values of variables that were set; several where there are several."""
        for at in range(_MOST_VALUES):
            yield [word.text if word.plain else self._replaced(word.text, at) for word in words]
            if all(len(self._values.get(name, "1")) <= at + 1 for name in _used(words)):
                return

    def _replaced(self, text: str, at: int) -> str:
        def value(hit: re.Match[str]) -> str:
            values = self._values.get(hit[1] or hit[2], ())
            return values[min(at, len(values) - 1)] if values else hit[0]

        return _VARIABLE.sub(value, text)

    def _command(self, words: list[str]) -> None:
        if words[:1] == ["for"] and words[2:3] == ["in"]:
            self._values[words[1]] = tuple(words[3 : 3 + _MOST_VALUES])
        while words and (words[0] in _SETTERS or _ASSIGNED.match(words[0])):
            setting = _ASSIGNED.fullmatch(words[0])
            if setting is not None:
                self._set(setting, alone=len(words) == 1)
            words = words[1:]
            words = [word for word in words if not word.startswith("-")] if not setting else words
        self.start(words)

    def _set(self, setting: re.Match[str], *, alone: bool) -> None:
        self._add(*(self._path(place) for place in of_variable(setting[0])))
        if alone and not _OPEN.search(setting[2]):
            values = (*self._values.get(setting[1], ()), setting[2])
            self._values[setting[1]] = tuple(dict.fromkeys(values))[:_MOST_VALUES]

    def _add(self, *paths: str) -> None:
        self._found.update(dict.fromkeys(paths))

    def _path(self, word: str) -> str:
        """A path of a command line as an absolute one, where the directory is known."""
        return normpath(join(self._folder, word)) if self._folder and word[:1] != "/" else word

    def start(self, words: list[str]) -> None:
        """Takes a command: its program, and what that starts in turn."""
        if not words or words[0] in _NOTHING or self._deep > _MOST_DEEP:
            return
        name = re.sub(r"[0-9.]+$", "", words[0].rsplit("/", 1)[-1]) or words[0]
        if name == "cd":
            self._folder = self._path(words[1]) if len(words) > 1 else "/root"
            return
        self._deep += 1
        if words[0] not in _QUIET:
            self._add(self._path(words[0]) if "/" in words[0] else words[0])
        self._code(name, words[1:])
        handler = _HANDLERS.get(name)
        if handler is not None:
            handler(self, name, words[1:])
        elif any(word.startswith("*") for word in words) and name in _OPTIONS_OF_FILES:
            self._add(self._folder)
        self._deep -= 1

    def _code(self, name: str, words: list[str]) -> None:
        """The files that options of a program name, or its arguments, and that it reads as code."""
        for option in _CODE.get(name, "").split():
            plain, _, verb = option.partition(":")
            if plain == "*" and (not verb or verb in words):
                self._add(*(self._path(w) for w in words if "/" in w and w[:1] not in "-:"))
            elif plain != "*":
                self._add(*map(self._path, _values_of(plain, words)))

    def copied(self, _name: str, words: list[str]) -> None:
        """cp(1) and its kin: the sources of what becomes a program."""
        plain = [word for word in words if not word.startswith("-")]
        target = next(iter(_values_of("-t", words)), plain[-1] if len(plain) > 1 else "")
        if _OF_ROOT.match(self._path(target)):
            self._add(*(self._path(word) for word in plain if word != target and "/" in word))
        elif "*" in "".join(word[:1] for word in words):
            self._add(self._folder)

    def unpacked(self, _name: str, words: list[str]) -> None:
        """tar(1): the archive that is unpacked among programs."""
        into = [*_values_of("-C", words), *_values_of("--directory", words)]
        if any(map(_OF_ROOT.match, into)) and re.match(r"-?-?[a-z]*x", " ".join(words)):
            self._add(*(self._path(word) for word in words if "/" in word and word not in into))
        if any(word.startswith("*") for word in words):
            self._add(self._folder)

    def netns(self, _name: str, words: list[str]) -> None:
        """ip(8): `netns exec NAME COMMAND`."""
        plain = _behind_options("", words)
        if plain[:2] == ["netns", "exec"]:
            self.start(plain[3:])

    def docker(self, name: str, words: list[str]) -> None:
        """docker(1): `compose` reads the files of a directory."""
        if "compose" in words:
            self.directory(name, words)

    def wrapper(self, name: str, words: list[str]) -> None:
        """nice, timeout, env, sudo, …: the command behind their options."""
        if name in _FOR_USERS and _is_of_other(words):
            return
        skipped = _WRAPPERS[name]
        rest = _behind_options(name, words)
        if name == "chroot" and rest:
            self._add(rest[0])
        while rest and (skipped > 0 or _ASSIGNED.match(rest[0]) or _NUMBER.fullmatch(rest[0])):
            self._add(*of_variable(rest[0]))
            skipped -= 0 if _ASSIGNED.match(rest[0]) else 1
            rest = rest[1:]
        if "-c" in words and name == "flock":
            self.script(" ".join(words[words.index("-c") + 1 :][:1]))
        elif name == "watch":
            self.script(" ".join(rest))
        else:
            self.start(_behind_options("", rest))

    def shell(self, _name: str, words: list[str]) -> None:
        """`sh -c TEXT`, or `sh SCRIPT`."""
        code = [at for at, word in enumerate(words) if re.fullmatch(r"-[a-zA-Z]*c", word)]
        plain = _behind_options("", words[code[0] + 1 :] if code else words)
        if code:
            self.script(plain[0] if plain else "")
        elif plain:
            self._add(self._path(plain[0]))

    def interpreter(self, name: str, words: list[str]) -> None:
        """`python SCRIPT`; what stands in the command line itself is not followed."""
        plain = _behind_options(name, words)
        options = words[: len(words) - len(plain)]
        if plain and not any(map(_OWN_CODE.match, options)):
            self._add(self._path(plain[0]))
        if name == "python" and "-m" in options and self._folder not in ("", "/"):
            self._add(self._folder)  # modules are looked for there first

    def java(self, _name: str, words: list[str]) -> None:
        """The archives that java(1) loads."""
        for at, word in enumerate(words):
            if word in ("-jar", "-cp", "-classpath", "--class-path"):
                paths = " ".join(words[at + 1 : at + 2]).split(":")
                self._add(*(self._path(path.removesuffix("/*")) for path in paths if path))
            elif found := re.match(r"-(?:javaagent|agentpath):([^=]+)", word):
                self._add(self._path(found[1]))

    def switch(self, name: str, words: list[str]) -> None:
        """su(1), runuser(1): a command as root, if it is for root."""
        if name == "runuser" and _AS_OTHER.match(words[0] if words else ""):
            if not _is_of_other(words):
                self.start(_behind_options(name, words))
            return
        script, users = "", list[str]()
        rest = iter(words)
        for word in rest:
            if word in ("-c", "--command", "--session-command"):
                script = next(rest, "")
            elif word in _WITH_WORD[name]:
                next(rest, "")
            elif word.startswith("--command="):
                script = word.partition("=")[2]
            elif not word.startswith("-"):
                users.append(word)
        if not users or users[0] in _ROOT:
            self.script(script)

    def find(self, _name: str, words: list[str]) -> None:
        """The commands behind -exec and its kin."""
        for at, word in enumerate(words):
            if re.fullmatch(r"-(?:exec|ok)(?:dir)?", word):
                rest = words[at + 1 :]
                ends = [n for n, one in enumerate(rest) if one in (";", "\\;", "+")]
                self.start(rest[: ends[0]] if ends else rest)

    def parts(self, _name: str, words: list[str]) -> None:
        """run-parts(8): all in a directory."""
        self._add(*(self._path(word) for word in _behind_options("", words)[:1]))

    def sourced(self, _name: str, words: list[str]) -> None:
        """`.` and `source`."""
        self._add(*(self._path(word) for word in words[:1] if "/" in word))

    def text(self, name: str, words: list[str]) -> None:
        """eval, trap, alias: words that are commands."""
        if name == "alias":
            for found in filter(None, map(_ALIAS.fullmatch, words)):
                self.script(found[1])
        else:
            self.script(" ".join(words if name == "eval" else words[:1]))

    def daemon(self, _name: str, words: list[str]) -> None:
        """start-stop-daemon(8)."""
        if any(re.match(r"-c$|--chuid", word) for word in words):
            return
        for at, word in enumerate(words):
            if word in ("-x", "--exec", "-a", "--startas") and len(words) > at + 1:
                self._add(words[at + 1])

    def directory(self, name: str, words: list[str]) -> None:
        """git, make, …: the directory that they are in, or that is named."""
        for at, word in enumerate(words):
            if word in _INTO and len(words) > at + 1:
                self._folder = self._path(words[at + 1])
            elif word.startswith("-chdir="):
                self._folder = self._path(word.partition("=")[2])
            elif word in ("-f", "--file") and len(words) > at + 1:
                self._add(self._path(words[at + 1]))
        if name != "git" or not {"clone", "ls-remote"} & set(words):
            self._add(*([self._folder] if self._folder else []))


_INTO = _names("-C --prefix --directory --chdir --app-dir --project-directory")
_QUIET = _names("exec command builtin eval trap alias . source time")
_HANDLERS: dict[str, Callable[[_Reader, str, list[str]], None]] = {
    **dict.fromkeys(_WRAPPERS, _Reader.wrapper),
    **dict.fromkeys(_SHELLS, _Reader.shell),
    **dict.fromkeys(_INTERPRETERS, _Reader.interpreter),
    **dict.fromkeys(_BY_DIRECTORY, _Reader.directory),
    **dict.fromkeys(("eval", "trap", "alias"), _Reader.text),
    **dict.fromkeys((".", "source"), _Reader.sourced),
    **dict.fromkeys(("su", "runuser"), _Reader.switch),
    "java": _Reader.java, "find": _Reader.find, "run-parts": _Reader.parts,
    "start-stop-daemon": _Reader.daemon, "tar": _Reader.unpacked, "ip": _Reader.netns,
    "docker": _Reader.docker, "podman": _Reader.docker,
    **dict.fromkeys(_COPIERS, _Reader.copied),
}  # fmt: skip


def _used(words: Sequence[Word]) -> Iterator[str]:
    for word in words:
        if not word.plain:
            yield from (one or other for one, other in _VARIABLE.findall(word.text))


_SUBSTITUTED = re.compile(r"\$\(((?:[^()]|\([^()]*\))*)\)|`([^`]*)`")


def _substituted(word: Word) -> Iterator[str]:
    """The commands whose output stands in a word."""
    if not word.plain:
        yield from (new or old for new, old in _SUBSTITUTED.findall(word.raw) if new[:1] != "(")


def _values_of(option: str, words: list[str]) -> Iterator[str]:
    """The words that an option takes: the next, or what is attached to it."""
    for at, word in enumerate(words):
        attached = "=" if option.startswith("--") else ""
        if word == option:
            yield from words[at + 1 : at + 2]
        elif word.startswith(option + attached) and (attached or len(option) == 2):
            yield word.removeprefix(option + attached).removeprefix("=")


def _behind_options(name: str, words: list[str]) -> list[str]:
    """The words behind the options of a program, and behind the words that these take."""
    taking = _WITH_WORD.get(name, frozenset())
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        if words[at] == "--":
            return words[at + 1 :]
        at += 2 if words[at] in taking else 1
    return words[at:]


def _is_of_other(words: list[str]) -> bool:
    """Whether an option says that the command runs as somebody else than root."""
    for at, word in enumerate(words):
        found = _AS_OTHER.fullmatch(word)
        if found:
            user = found[1] or (words[at + 1] if len(words) > at + 1 else "")
            return user.partition(":")[0] not in _ROOT
        if not word.startswith("-") and at and not words[at - 1].startswith("-"):
            break
    return False
