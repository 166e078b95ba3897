"""Which variables and directories of its users sudo hands to what it starts.

As sudo 1.9.13 does it, tried with it: with env_reset (the default) only what env_keep and env_check
name is passed on, also where it stands on the command line (`sudo LD_PRELOAD=… command`). `*` in a
name is the only wildcard. Without env_reset everything is passed on but what env_delete names, and
env_keep counts for nothing. A list is replaced by `=` and emptied by `!`; `-=` takes away the names
as they are written. Of a line for all and one for some users the later holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from msgspec import Struct

# They load a library into every program that is linked dynamically.
_LOADING = ("LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH")
# They make programs of some kind run code: their own man pages.
_STARTING = (
    "BASH_ENV", "BASH_FUNC_x%%", "ENV", "SHELLOPTS", "PS4", "PYTHONPATH", "PYTHONHOME",
    "PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONINSPECT", "PERL5LIB", "PERLLIB",
    "PERL5OPT", "PERL5DB", "RUBYLIB", "RUBYOPT", "GEM_PATH", "GEM_HOME", "BUNDLE_GEMFILE",
    "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS",
    "CLASSPATH", "LUA_INIT", "LUA_PATH", "LUA_CPATH", "PHPRC", "PHP_INI_SCAN_DIR", "R_PROFILE",
    "GCONV_PATH", "LOCPATH", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_CONFIG_GLOBAL",
    "LESSOPEN", "LESSCLOSE", "MANPAGER", "BROWSER", "PROMPT_COMMAND", "OPENSSL_CONF",
    "OPENSSL_ENGINES", "OPENSSL_MODULES", "GIO_MODULE_DIR", "GTK_MODULES", "QT_PLUGIN_PATH",
    "MAKEFLAGS", "ANSIBLE_CONFIG", "TCLLIBPATH", "ZDOTDIR", "FPATH", "GLIBC_TUNABLES",
)  # fmt: skip
# The variables that a program of this name surely follows, by the beginning of its name.
_FOLLOWS = {
    "python": ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE"), "perl": ("PERL5LIB", "PERL5OPT"),
    "ruby": ("RUBYLIB", "RUBYOPT"), "node": ("NODE_OPTIONS",), "bash": ("BASH_ENV",),
    "java": ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"), "lua": ("LUA_INIT",),
}  # fmt: skip
_OF_USERS = re.compile(r"/(?:home|tmp|var/tmp|dev/shm|run/user)(?:/|$)")
_LISTS = ("env_keep", "env_check", "env_delete")
_NAMES = frozenset({"env_reset", "setenv", "env_file", "secure_path", *_LISTS})


class Passed(Struct, frozen=True, kw_only=True):
    """One line of Defaults that hands something of a user to commands; `scope` "" is everybody.

    `loads`: a library of his is loaded into every command. `variables`: which other variables, or
    nothing where it is directories, or all that is not named.
    """

    scope: str
    line: str
    loads: bool = False
    variables: tuple[str, ...] = ()


class Environment:
    """The settings of Defaults about variables and paths, in their order."""

    def __init__(self) -> None:
        self._set: dict[tuple[str, str], tuple[str | None, str]] = {}
        self._lists: dict[tuple[str, str], dict[str, str]] = {}
        self._whole: dict[str, str] = {}  # scopes whose env_delete lets LD_* through

    def takes(self, scope: str, name: str, value: str | None, how: str, line: str) -> bool:
        """Whether `name` is such a setting, which is then remembered; `value` None: switched off.

        `how` is `=`, `+=` or `-=`, or empty.
        """
        if name not in _NAMES:
            return False
        if name in _LISTS:
            self._list(scope, name, (value or "").split(), how if value is not None else "=", line)
        else:
            if not scope:
                self._forget(name)
            self._set[scope, name] = value, line
        return True

    def _forget(self, name: str) -> None:
        """What was set for some users: a line for all that comes later holds for them, too."""
        for scope, other in [*self._set]:
            if other == name and not scope.startswith("!"):
                del self._set[scope, other]

    def _list(self, scope: str, name: str, words: list[str], how: str, line: str) -> None:
        if name == "env_delete":
            if (how == "=" and "LD_*" not in words) or (how == "-=" and "LD_*" in words):
                self._whole[scope] = line
            elif "LD_*" in words:
                self._whole.pop(scope, None)
            return
        held = self._lists.setdefault((scope, name), {})
        if how == "=":
            held.clear()
        for word in words:
            held.pop(word, None) if how == "-=" else held.update({word: line})

    def _value(self, scope: str, name: str) -> tuple[str | None, str] | None:
        return self._set.get((scope, name), self._set.get(("", name)))

    def passed(self) -> Iterator[Passed]:
        """What is handed on, by line."""
        scopes = dict.fromkeys(["", *(s for s, _ in self._set), *(s for s, _ in self._lists)])
        for scope in scopes:
            yield from self._of(scope)

    def _of(self, scope: str) -> Iterator[Passed]:
        own = {name: value for (s, name), value in self._set.items() if s == scope}
        if "setenv" in own and own["setenv"][0] is not None:
            yield Passed(scope=scope, line=own["setenv"][1], loads=True)
        file = own.get("env_file", (None, ""))
        if file[0] and _OF_USERS.match(file[0]):
            yield Passed(scope=scope, line=file[1], loads=True)
        path = own.get("secure_path", (None, ""))
        if path[0] is not None and any(map(_is_users, path[0].split(":"))):
            yield Passed(scope=scope, line=path[1])
        reset = self._value(scope, "env_reset")
        if reset is None or reset[0] is not None:
            yield from self._kept(scope)
        elif "env_reset" in own:
            whole = self._whole.get(scope, self._whole.get("", ""))
            yield Passed(scope=scope, line=whole or reset[1], loads=bool(whole))

    def _kept(self, scope: str) -> Iterator[Passed]:
        for name, line in self._lists.get((scope, "env_keep"), {}).items():
            loads, found = _matching(name, _LOADING), _matching(name, _STARTING)
            if loads or found:
                yield Passed(scope=scope, line=line, loads=bool(loads), variables=found)
        for name, line in self._lists.get((scope, "env_check"), {}).items():
            if found := _matching(name, (*_LOADING, *_STARTING)):  # only values without / and %
                yield Passed(scope=scope, line=line, variables=found)

    def files(self) -> tuple[str, ...]:
        """The files whose variables every command gets."""
        values = (v for (_, name), (v, _) in self._set.items() if name == "env_file")
        return tuple(dict.fromkeys(value for value in values if value))

    def path(self) -> tuple[str, ...]:
        """The directories in which commands without a path are looked for, where they are set."""
        values = (v for (_, name), (v, _) in self._set.items() if name == "secure_path")
        return tuple(dict.fromkeys(part for value in values if value for part in value.split(":")))


def _matching(written: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of `names` an entry of env_keep lets through; `NAME=…` only where the value agrees."""
    name, equals, value = written.partition("=")
    if equals and "*" not in value:
        return ()
    rule = re.sub(r"[?\[]", r"[\g<0>]", name)
    return tuple(one for one in names if fnmatchcase(one, rule))


def _is_users(folder: str) -> bool:
    """Whether a directory of secure_path is where its user stands, or may write."""
    return not folder.startswith("/") or _OF_USERS.match(folder) is not None


def follows(program: str, variables: tuple[str, ...]) -> bool:
    """Whether a program of this name runs what one of `variables` says, for certain."""
    return any(
        program.startswith(name) and not set(ones).isdisjoint(variables)
        for name, ones in _FOLLOWS.items()
    )
