"""PAM: the modules that run for a service, with includes, jumps and controls resolved.

As libpam (pam_handlers.c, pam_dispatch.c of Linux-PAM 1.5 to 1.7) reads the files: words end at
blanks or tabs, or stand in brackets; `#` begins a comment wherever it stands; a backslash at the
end of a line goes on in the next. A result that a control in brackets does not name is `bad`. A
rule that cannot be carried out (unknown type, no control, no module) fails when it is reached; so
does a jump over more rules than follow. Compared with pam_authenticate(3) in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Message,
    ReadFiles,
    fact,
    msg,
    shortened,
)
from audit_linux.closed_files import STACKS, also_as_root
from audit_linux.config_files import files_below

_TYPES = ("auth", "account", "password", "session")
_PLAIN = {
    "required": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "bad"},
    "requisite": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "die"},
    "sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
    "optional": {"success": "ok", "new_authtok_reqd": "ok", "default": "ignore"},
}
# Possessive: a "[" that nothing closes costs one look to the end of the line, no way back.
_WORD = re.compile(r"\[([^\]\\]*+(?:\\\]?[^\]\\]*+)*)\]|(\S+)")
_DEEPEST = 16
_MOST_RULES = 300
_MOST_PATHS = 256


class Line(Struct, frozen=True, kw_only=True):
    """One line of a PAM file. `kind` is a module type, or `@include` with the file in `module`.

    `path` is that of a module which is named by it. `loose`: a dash stands before the line, so that
    libpam passes over a module that is not installed.
    """

    kind: str
    control: str
    module: str
    args: tuple[str, ...] = ()
    loose: bool = False
    path: str = ""


class Pam(Struct, frozen=True, kw_only=True):
    """The PAM services of a host by name; the file under /etc wins over the vendor's.

    `files` are all of them by path.
    """

    services: dict[str, tuple[Line, ...]]
    files: dict[str, tuple[Line, ...]] = {}

    def lines(self, name: str) -> tuple[Line, ...] | None:
        """The lines of the file that an include names by path or name; None without one."""
        return self.files.get(name) if "/" in name else self.services.get(name)


class Rule(Struct, frozen=True, kw_only=True):
    """One step of a resolved stack; `inner` is a substack, whose ends and jumps stay inside it.

    `loose`: nobody knows whether the module is there.
    """

    module: str
    actions: dict[str, str]
    args: tuple[str, ...] = ()
    inner: tuple[Rule, ...] = ()
    loose: bool = False

    def action(self, outcome: str) -> str:
        """What the stack does when the module returns `outcome`."""
        return self.actions.get(outcome, self.actions.get("default", "bad"))

    @property
    def faillock(self) -> str:
        """What pam_faillock does here: the last of its three words, `preauth` without one."""
        words = [arg for arg in self.args if arg in ("preauth", "authfail", "authsucc")]
        return words[-1] if words else "preauth"

    def option(self, name: str) -> str | None:
        """The value of the last argument `name=value`; None where there is none."""
        values = [a.partition("=")[2] for a in self.args if a.startswith(name + "=")]
        return values[-1] if values else None


def _joined(lines: list[str]) -> Iterator[str]:
    pending: list[str] = []
    for raw in lines:
        line = raw.rstrip("\r").split("#", 1)[0]
        if line.rstrip().endswith("\\"):
            pending.append(line.rstrip()[:-1])
            continue
        yield " ".join([*pending, line]).strip()
        pending = []
    if pending:
        yield " ".join(pending).strip()


def _line(text: str) -> Line:
    """One rule; one that libpam cannot carry out fails whenever it is reached (MUST_FAIL)."""
    if len(text) > _LONGEST:
        return Line(kind=_line(text[:_LONGEST]).kind, control="required", module=MUST_FAIL)
    words = [
        (m[1] is not None, m[2] if m[1] is None else m[1].replace("\\]", "]"))
        for m in _WORD.finditer(text)
    ]
    kind = words[0][1].lower().removeprefix("-")
    if kind == "@include" and len(words) == 2:
        return Line(kind=kind, control="", module=words[1][1])
    bracketed, control_word = words[1] if len(words) > 1 else (False, "required")
    control = f"[{control_word}]" if bracketed else control_word.lower()
    if kind not in _TYPES or len(words) < 3:
        return Line(kind=kind if kind in _TYPES else "", control=control, module=MUST_FAIL)
    file = words[2][1]
    return Line(
        kind=kind,
        control=control,
        module=file if control in _INCLUDES else file.rsplit("/", 1)[-1],
        args=tuple(word for _, word in words[3:]),
        loose=words[0][1].startswith("-"),
        path=file if file.startswith("/") and control not in _INCLUDES else "",
    )


_INCLUDES = frozenset({"include", "substack"})
# libpam takes lines of 1024 bytes before 1.6; nobody writes longer ones, and cutting one into words
# must not cost the square of its length.
_LONGEST = 4096
# Stands for the module of a rule that libpam could not read: it fails.
MUST_FAIL = "?"
_BROKEN = Line(kind="broken", control="", module="")
# The first that has a file for a service counts. The last three are vendor directories that
# distributions set when they build Linux-PAM 1.4 and later (openSUSE, Fedora, and the default of
# 1.7).
_FOLDERS = (
    "/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d", "/usr/share/pam.d", "/usr/share/pam/pam.d",
)  # fmt: skip


def _service(file: FileEntry) -> tuple[Line, ...]:
    """The lines of one file; a file that was not read breaks only the services that include it."""
    if file.status is not FileStatus.READ:
        return (_BROKEN,)
    return tuple(_line(text) for text in _joined(file.lines) if text)


def parse_pam(answer: Answer) -> Pam | Absent:
    """The services of /etc/pam.d, with those of the vendor that it does not replace."""
    files = files_below(answer, _FOLDERS)
    if isinstance(files, Absent):
        return files
    services, by_path = dict[str, tuple[Line, ...]](), dict[str, tuple[Line, ...]]()
    for file in sorted(files, key=_place, reverse=True):
        name = file.path.rsplit("/", 1)[-1]
        if not re.search(r"\.(?:dpkg-\w+|rpm\w+|bak|orig)$|~$", name):
            services[name] = by_path[file.path] = _service(file)
    return Pam(services=services, files=by_path)


def _place(file: FileEntry) -> int:
    folder = file.path.rpartition("/")[0]
    return _FOLDERS.index(folder) if folder in _FOLDERS else len(_FOLDERS)


PAM = fact(
    "linux.pam",
    Pam,
    kind="host",
    providers=also_as_root(ReadFiles(paths=_FOLDERS, depth=1), STACKS, parse_pam),
)


class Unresolved(Exception):
    """The stack is not certain; `detail` says why."""

    def __init__(self, detail: Message) -> None:
        super().__init__(detail.id)
        self.detail = detail


def _actions(control: str) -> dict[str, str]:
    if control in _INCLUDES:  # of a file that is not named
        return _PLAIN["required"]
    if not control.startswith("["):
        if control not in _PLAIN:
            raise Unresolved(msg("PAM control {control} is unknown", control=shortened(control)))
        return _PLAIN[control]
    pairs = [word.partition("=") for word in control[1:-1].split()]
    return {key: value for key, _, value in pairs}


def _resolve(
    pam: Pam, name: str, kind: str, depth: int, budget: list[int], *, asked: bool = False
) -> Iterator[Rule]:
    """The rules of `kind` in one file. `asked`: it is included for this kind only.

    A line of an unknown type counts for the kind that is asked for, else for auth, as in libpam.
    """
    lines = pam.lines(name)
    if lines is None:
        raise Unresolved(msg("PAM file {name} was not found", name=shortened(name)))
    if depth > _DEEPEST:
        raise Unresolved(msg("PAM files include one another in a loop"))
    for line in lines:
        budget[0] -= 1
        if budget[0] < 0:
            raise Unresolved(msg("The PAM stack is too long to follow"))
        if line == _BROKEN:
            raise Unresolved(msg("PAM file {name} was not read", name=shortened(name)))
        of = line.kind or (kind if asked else "auth")
        if line.kind == "@include":
            yield from _resolve(pam, line.module, kind, depth + 1, budget, asked=asked)
        elif of != kind:
            continue
        elif line.module != MUST_FAIL and line.control == "include":
            yield from _resolve(pam, line.module, kind, depth + 1, budget, asked=True)
        elif line.module != MUST_FAIL and line.control == "substack":
            inner = tuple(_resolve(pam, line.module, kind, depth + 1, budget, asked=True))
            yield Rule(module="", actions=_PLAIN["required"], inner=inner)
        else:
            yield Rule(
                module=line.module,
                actions=_actions(line.control),
                args=line.args,
                loose=line.loose,
            )


def stack(pam: Pam, service: str, kind: str) -> tuple[Rule, ...]:
    """The rules of `kind` that libpam runs for `service`.

    `other` stands in for a missing file, and for one without a rule of this kind. Raises Unresolved
    when an included file is missing or the includes do not end.
    """
    for name in (service, "other") if service in pam.services else ("other",):
        rules = tuple(_resolve(pam, name, kind, 0, [_MOST_RULES]))
        if rules or "other" not in pam.services:
            return rules
    return ()


def flat(rules: tuple[Rule, ...]) -> Iterator[Rule]:
    """The rules with those of their substacks."""
    for rule in rules:
        yield rule
        yield from flat(rule.inner)


def entrances(pam: Pam) -> tuple[str, ...]:
    """The services through which people log in: the console and SSH, as far as they exist."""
    return tuple(name for name in ("login", "sshd") if name in pam.services) or ("other",)


Outcomes = Callable[[Rule], tuple[str, ...]]
Reached = tuple[Rule, ...]


class StackPath(Struct, frozen=True, kw_only=True):
    """One way through a stack: the rules that ran, and whether libpam answers success."""

    rules: Reached
    granted: bool


class _Path(Struct, kw_only=True):
    """A way so far: whether something failed, whether something succeeded, whether it has ended."""

    rules: Reached = ()
    failed: bool = False
    proven: bool = False
    ended: bool = False


def _step(path: _Path, rule: Rule, outcome: str) -> tuple[_Path, int]:
    action = rule.action(outcome)
    skip = int(action) if re.fullmatch("[0-9]{1,3}", action) else 0
    taken = action in ("ok", "done")
    bad = action in ("bad", "die") or (taken and outcome != "success")
    failed = bad or (path.failed and action != "reset")
    proven = (taken and not failed) or (path.proven and action != "reset")
    ended = action == "die" or (action == "done" and not path.failed)
    return _Path(rules=(*path.rules, rule), failed=failed, proven=proven, ended=ended), skip


def _left(path: _Path) -> _Path:
    return _Path(rules=path.rules, failed=path.failed, proven=path.proven)


def _results(rule: Rule, outcomes: Outcomes) -> tuple[str, ...]:
    """What a rule may return; one that cannot be carried out returns PAM_PERM_DENIED."""
    return ("perm_denied",) if rule.module == MUST_FAIL else outcomes(rule)


def _beyond(path: _Path) -> _Path:
    """`path` after a jump over more rules than follow: libpam takes it for a failure."""
    return _Path(rules=path.rules, failed=True, ended=path.ended)


def _run(rules: tuple[Rule, ...], at: int, path: _Path, outcomes: Outcomes) -> list[_Path]:
    work, done = [(at, path)], []
    while work:
        index, now = work.pop()
        if now.ended or index >= len(rules):
            done.append(now)
        elif rules[index].inner:
            inner = _run(rules[index].inner, 0, now, outcomes)
            work.extend((index + 1, _left(after)) for after in inner)
        else:
            # Results with the same effect are one path, not two.
            steps = [_step(now, rules[index], one) for one in _results(rules[index], outcomes)]
            found = {(a.failed, a.proven, a.ended, skip): (a, skip) for a, skip in steps}
            work.extend(
                (index + 1 + skip, _beyond(after) if index + 1 + skip > len(rules) else after)
                for after, skip in found.values()
            )
        if len(work) + len(done) > _MOST_PATHS:
            raise Unresolved(msg("The PAM stack branches too often to follow"))
    return done


def ways(rules: tuple[Rule, ...], outcomes: Outcomes) -> tuple[StackPath, ...]:
    """Each way the stack can go when modules return `outcomes`, and what comes of it."""
    done = _run(rules, 0, _Path(), outcomes)
    return tuple(
        StackPath(rules=path.rules, granted=path.proven and not path.failed) for path in done
    )


def paths(rules: tuple[Rule, ...], outcomes: Outcomes) -> tuple[Reached, ...]:
    """The rules that run, once for each way the stack can go when modules return `outcomes`."""
    found = {tuple(id(rule) for rule in way.rules): way.rules for way in ways(rules, outcomes)}
    return tuple(found.values())


# Modules that ask for a password or another proof: for a wrong one they return auth_err.
PROOF = frozenset({
    "pam_unix.so", "pam_unix2.so", "pam_sss.so", "pam_ldap.so", "pam_winbind.so", "pam_krb5.so",
    "pam_pwdb.so", "pam_tcb.so",
})  # fmt: skip
LOCAL_PROOF = frozenset({"pam_unix.so", "pam_unix2.so", "pam_pwdb.so", "pam_tcb.so"})
_FAILS = frozenset({MUST_FAIL, "pam_deny.so", "pam_fprintd.so", "pam_systemd_home.so"})
# pam_rootok among them: sshd and login run as root.
_SUCCEEDS = frozenset({
    "pam_permit.so", "pam_cap.so", "pam_rootok.so", "pam_faillock.so", "pam_tally2.so",
    "pam_tally.so", "pam_localuser.so", "pam_securetty.so", "pam_shells.so",
    "pam_selinux.so", "pam_sepermit.so", "pam_loginuid.so", "pam_limits.so", "pam_umask.so",
    "pam_access.so", "pam_time.so",
    "pam_lastlog.so",
})  # fmt: skip
# They take no part in the answer of an auth stack: neither in a success nor in a failure.
_IGNORED = frozenset({
    "pam_env.so", "pam_faildelay.so", "pam_group.so", "pam_nologin.so", "pam_issue.so",
    "pam_warn.so", "pam_echo.so", "pam_mail.so", "pam_motd.so", "pam_keyinit.so",
})  # fmt: skip
PREDICATES = frozenset({"pam_usertype.so", "pam_succeed_if.so"})
_ORDERS = frozenset({(">=",), (">",), ("<",), ("<=",)})
_BORDERS = frozenset({("1000",), ("500",), ("999",)})


def _predicate(rule: Rule, *, regular: bool = True) -> tuple[str, ...]:
    """What a module of PREDICATES returns for an ordinary local user, or for one of the system."""
    words = tuple(
        word for word in rule.args if word not in ("quiet", "quiet_success", "debug", "use_uid")
    )
    if rule.module == "pam_usertype.so":
        holds = regular != ("issystem" in words)
    elif words[0:1] == ("uid",) and words[1:2] in _ORDERS and words[2:] in _BORDERS:
        holds = regular != words[1].startswith("<")
    else:
        return ("success", "auth_err")
    return ("success",) if holds else ("auth_err",)


def wrong_password(rule: Rule, *, regular: bool = True) -> tuple[str, ...]:
    """What a module may return when a local user gives a wrong password.

    The user is an ordinary one or, without `regular`, one of the system, such as root.
    """
    if rule.module in PREDICATES:
        return _predicate(rule, regular=regular)
    if rule.module in _IGNORED or (
        rule.module == "pam_faillock.so" and rule.faillock == "authfail"
    ):
        return ("success",) if "successok" in rule.args else ("ignore",)
    if rule.module in PROOF - LOCAL_PROOF:
        return ("auth_err", "user_unknown", "authinfo_unavail")
    if rule.module in LOCAL_PROOF | _FAILS:
        return ("auth_err",)
    return ("success",) if rule.module in _SUCCEEDS else ("success", "auth_err")


def right_password(rule: Rule) -> tuple[str, ...]:
    """What a module may return when an ordinary local user gives the right password."""
    return ("success",) if rule.module in LOCAL_PROOF else wrong_password(rule)


def accepted(rule: Rule) -> tuple[str, ...]:
    """What a module may return when an ordinary local user sets a password that all accept."""
    if rule.module in PREDICATES:
        return _predicate(rule)
    if rule.module in PROOF - LOCAL_PROOF:
        return ("success", "user_unknown")
    return ("auth_err",) if rule.module in _FAILS | {"pam_rootok.so"} else ("success",)


def installed(rule: Rule) -> None:
    """Raises Unresolved where libpam would pass over the rule if its module were missing."""
    if rule.loose:
        raise Unresolved(msg("Whether {module} is installed is not known", module=rule.module))


# Modules of a password stack that ask for a new password where none is left; with use_authtok they
# fail instead.
_ASKING = LOCAL_PROOF | {
    "pam_pwquality.so",
    "pam_cracklib.so",
    "pam_passwdqc.so",
    "pam_pwhistory.so",
}


def enforced(way: Reached, at: int) -> bool:
    """Whether no password is set when the module at `at` of a password stack refuses it.

    It must stand before the module that sets the password. It takes the password away when it
    refuses; where the stack goes on all the same, whoever comes next asks for another one unless
    it has use_authtok. A refusal that leads elsewhere (a jump for success) is not followed.
    """
    rule, later = way[at], [r for r in way[at + 1 :] if r.module in _ASKING]
    if any(r.module in LOCAL_PROOF for r in way[:at]):
        return False
    refused = {rule.action(outcome) for outcome in ("authtok_err", "maxtries")}
    if refused == {"die"}:
        return True
    jumps = any(action.isdigit() for action in rule.actions.values())
    safe = all("use_authtok" in r.args for r in later)
    return refused <= {"bad", "die", "ignore"} and not jumps and bool(later) and safe
