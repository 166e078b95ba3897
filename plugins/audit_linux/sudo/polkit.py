"""Whether polkit(8) lets ordinary accounts become root, or do what only root may.

Rules (.rules) of four directories are asked in the order of their names, /etc first where names
are equal: the first that returns something holds. Entries (.pkla) are read by polkit 0.105, which
has no rules, and by others where polkit-pkla-compat is installed. Where nothing returns, the
defaults of the action (.policy) hold.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from msgspec import Struct, structs

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Answer,
    Answers,
    FileEntry,
    FileStatus,
    Judgement,
    Message,
    Partial,
    Privilege,
    ReadFiles,
    Severity,
    Target,
    capped,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    not_present,
    optional,
    partial,
    passed,
    provider,
    undetermined,
)
from audit_linux.declared import declared
from audit_linux.processes import FIRST_PERSON
from audit_linux.root_groups import ADMIN_GROUPS
from audit_linux.ssh.sshd_match import NAMES, Names
from audit_linux.sudo.polkit_entries import (
    COMPAT,
    CONF,
    TOPS,
    Entry,
    admin_script,
    entries,
    is_old,
)
from audit_linux.sudo.polkit_script import ANYTHING, Request, Rule, likeness, rules_of
from audit_linux.sudo.sudo_risks import starts_anything

_RULES = tuple(
    f"{top}/polkit-1/rules.d" for top in ("/etc", "/run", "/usr/local/share", "/usr/share")
)
_ACTIONS = "/usr/share/polkit-1/actions"
# Whoever may do one of these is root, or as good as root.
ROOT_ACTIONS = (
    "org.freedesktop.policykit.exec",
    "org.freedesktop.systemd1.manage-units",
    "org.freedesktop.systemd1.manage-unit-files",
    "org.freedesktop.systemd1.set-environment",
    "org.freedesktop.machine1.host-shell",
    "org.freedesktop.accounts.user-administration",
    "org.freedesktop.packagekit.package-install-untrusted",
)
_POLICIES = ("policykit", "systemd1", "machine1", "accounts")


class Polkit(Struct, frozen=True, kw_only=True):
    """The rules in their order, the entries of .pkla files that are read, and what is granted.

    `defaults` are results of .policy files that ask for no administrator; `loose` are files of
    rules that others may change, with whom.
    """

    rules: tuple[Rule, ...] = ()
    entries: tuple[Entry, ...] = ()
    defaults: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()


def parse_polkit(answers: Answers) -> Polkit | Partial | Absent:
    """What the files of polkit say; NOT_PRESENT where it is not installed."""
    policies = _read(answers["policies"].files)
    if not policies:
        return not_present(msg("polkit is not installed"))
    read = _read(answers["rules"].files)
    return partial(_of_files(policies, read), _unread(answers["rules"]))


def _read(files: Sequence[FileEntry]) -> list[FileEntry]:
    return [f for f in files if f.status is FileStatus.READ]


def _of_files(policies: Sequence[FileEntry], read: Sequence[FileEntry]) -> Polkit:
    old = is_old(read)
    rules = sorted((f for f in read if f.path.endswith(".rules")), key=_order)
    taken = [(f.path, f.text) for f in rules if not old and f.path != COMPAT]
    if old or len(taken) < len(rules):  # what is taken from it stands first
        taken.insert(0, (CONF, admin_script(read)))
    return Polkit(
        rules=tuple(rule for path, text in taken for rule in rules_of(path, text)),
        entries=tuple(entries(read)),
        defaults=tuple(text for f in policies for text in _defaults(f.text)),
        loose=tuple(f"{f.path} ({who})" for f in read if (who := _writer(f))),
    )


def _unread(rules: Answer) -> list[Message]:
    settled = (FileStatus.READ, FileStatus.NOT_PRESENT)
    unread = [f.path for f in rules.files if f.status not in settled]
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    if rules.truncated:
        problems.append(msg("There are more files than one answer can hold"))
    return problems


def _order(file: FileEntry) -> tuple[str, int]:
    folder, _, name = file.path.rpartition("/")
    return name, _RULES.index(folder) if folder in _RULES else len(_RULES)


def _writer(file: FileEntry) -> str:
    if file.uid >= FIRST_PERSON:
        return f"uid {file.uid}"
    return f"{file.mode & 0o7777:04o}" if file.mode & 0o002 else ""


_ACTION = re.compile(r"<action\s+id=\"([\w.-]+)\">(.*?)</action>", re.DOTALL)
_ALLOW = re.compile(r"<(allow_\w+)>\s*(yes|auth_self\w*)\s*</")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def _defaults(text: str) -> Iterator[str]:
    """The results of a .policy file that make whoever asks root."""
    for action, body in _ACTION.findall(_COMMENT.sub("", text)):
        if action in ROOT_ACTIONS:
            for allow, result in _ALLOW.findall(body):
                yield f"{action}: {allow} {result}"


def _ask(privilege: Privilege) -> dict[str, Any]:
    return {
        "rules": ReadFiles(
            paths=(*_RULES, *TOPS, CONF), names=("*.rules", "*.pkla", "*.conf"), depth=2,
            privilege=privilege, partial_ok=True,
        ),
        "policies": ReadFiles(
            paths=tuple(f"{_ACTIONS}/org.freedesktop.{name}.policy" for name in _POLICIES)
        ),
    }  # fmt: skip


POLKIT = fact(
    "linux.polkit",
    Polkit,
    kind="host",
    providers=(
        provider(asks=_ask(Privilege.ROOT), parse=parse_polkit, root="yes"),
        provider(asks=_ask(Privilege.USER), parse=parse_polkit, root="no"),
    ),
)


# --- who may do what ----------------------------------------------------------------------------

_FRESH = "\0"  # what a caller chooses, and no rule names
_VERBS = ("start", "restart", "stop", "reload")


class Grant(Struct, frozen=True, kw_only=True):
    """That somebody may do something: who, which action, with which result; `sure` or perhaps."""

    who: str
    action: str
    result: str
    path: str
    sure: bool = True

    @property
    def text(self) -> str:
        """The grant for a reader."""
        return f"{self.who}: {self.action} {self.result} ({self.path})"


class _Host(Struct, frozen=True, kw_only=True):
    """The accounts that rules are tried with."""

    names: Names
    admins: frozenset[str]

    def people(self) -> Iterator[tuple[str | None, frozenset[str] | None]]:
        """Each account that can log in with its groups; None for accounts that are not known."""
        for name in self.names.shells:
            if name != "root":
                yield name, self.names.groups_of.get(name, frozenset())
        if not self.names.whole:
            yield None, None

    def is_admin(self, groups: frozenset[str] | None) -> bool:
        return groups is None or bool(groups & self.admins)


def _answers(rules: Sequence[Rule], request: Request) -> Iterator[tuple[Any, str, bool]]:
    """What the rules may answer, by which file, and whether nothing before may answer else."""
    sure = True
    for rule in rules:
        found = rule.returns(request)
        for result in found - {None}:
            yield result, rule.path, sure and len(found) == 1
        if None not in found:
            return
        sure = sure and found == {None}


def _requests(
    action: str, who: str | None, groups: frozenset[str] | None
) -> Iterator[tuple[Request, bool]]:
    """What an account may ask for; the second is True where it chooses all by itself."""
    for present in (True, False):
        for verb in _VERBS if "manage-unit" in action else ("",):
            yield Request(action=action, user=who, groups=groups, present=present,
                          details={"verb": verb} if verb else {}), True  # fmt: skip
        yield Request(action=action, user=who, groups=groups, present=present, details=None), False


def _grants(polkit: Polkit, host: _Host) -> Iterator[Grant]:
    rules = [rule for rule in polkit.rules if not rule.admin]
    alike, found = likeness(rules), dict[Hashable, tuple[Grant, ...]]()
    for who, groups in host.people():
        admin = host.is_admin(groups) and who is not None
        sort: Hashable = None
        if who is not None and groups is not None:  # a host may have 40,000 that are alike
            sort = (admin, alike(who, groups), _fitting(polkit.entries, who, groups))
        if sort not in found:
            found[sort] = tuple(_granted_to(polkit.entries, rules, who, groups, admin=admin))
        yield from (structs.replace(grant, who=who or "?") for grant in found[sort])


def _granted_to(
    entries: Sequence[Entry], rules: Sequence[Rule], who: str | None,
    groups: frozenset[str] | None, *, admin: bool,
) -> Iterator[Grant]:  # fmt: skip
    for action in ROOT_ACTIONS:
        grant = _granted(rules, action, who, groups, admin=admin)
        yield from [grant] if grant else _by_entries(entries, action, who, groups, admin)


def _fitting(
    entries: Sequence[Entry], who: str, groups: frozenset[str]
) -> tuple[bool, ...]:  # fmt: skip
    """Which of the entries are for an account, whatever it does."""
    return tuple(one.is_for(_identities(who, groups)) for one in entries)


def _granted(
    rules: Sequence[Rule], action: str, who: str | None, groups: frozenset[str] | None, *,
    admin: bool,
) -> Grant | None:  # fmt: skip
    """What the account may do by the rules, or perhaps may; what is sure comes first."""
    answers = [
        (free, *answer)
        for request, free in _requests(action, who, groups)
        for answer in _answers(rules, request)
    ]
    found: list[Grant] = []
    for free, result, path, sure in answers:
        if not _is_root(result, admin=admin):
            continue
        if not free and not _matters(rules, path, action, result):
            continue
        certain = sure and result != ANYTHING if free else _starts_anything(rules, path, action)
        found.append(Grant(who=who or "?", action=action, result=str(result), path=path,
                           sure=certain and who is not None))  # fmt: skip
    return next((one for one in found if one.sure), found[0] if found else None)


def _is_root(result: Any, *, admin: bool) -> bool:
    if result in (ANYTHING, "yes"):
        return True
    return not admin and str(result).startswith("auth_self")


def _programs(rules: Sequence[Rule], path: str) -> list[str]:
    return [t for rule in rules if rule.path == path for t in rule.texts if t.startswith("/")]


def _starts_anything(rules: Sequence[Rule], path: str, action: str) -> bool:
    """Whether a program that a rule names for pkexec gives its caller a shell or any file."""
    return action == ROOT_ACTIONS[0] and any(map(starts_anything, _programs(rules, path)))


def _matters(rules: Sequence[Rule], path: str, action: str, result: Any) -> bool:
    """Whether what is granted only for details that a rule names needs a look: certain units do
    not, programs of pkexec do."""
    if result == ANYTHING:
        return True
    return action == ROOT_ACTIONS[0] and bool(_programs(rules, path))


def _by_entries(
    entries: Sequence[Entry], action: str, who: str | None, groups: frozenset[str] | None,
    admin: bool,
) -> list[Grant]:  # fmt: skip
    held = [one for one in entries if _may_concern(one, action, who, groups)]
    results = held[-1].results if held else ()
    return [Grant(who=who or "?", action=action, result=result, path=held[-1].path,
                  sure=who is not None)
            for result in results if _is_root(result, admin=admin)][:1]  # fmt: skip


def _may_concern(entry: Entry, action: str, who: str | None, groups: frozenset[str] | None) -> bool:
    """Whether an entry is for an account, or may be for one that is not known."""
    if who is None or groups is None:
        return entry.concerns(action, entry.identities)
    return entry.concerns(action, _identities(who, groups))


def _identities(who: str, groups: frozenset[str] | None) -> tuple[str, ...]:
    return (f"unix-user:{who}", *(f"unix-group:{name}" for name in groups or ()))


def _administrators(polkit: Polkit, host: _Host) -> tuple[list[str], bool]:
    """The ordinary accounts whose own password counts as an administrator's; True where unclear."""
    request = Request(action=ROOT_ACTIONS[0], user=None, groups=None, present=False)
    named: list[str] = []
    unclear = False
    for result, _, sure in _answers([r for r in polkit.rules if r.admin], request):
        if result == ANYTHING or not sure:
            unclear = True
        elif isinstance(result, tuple):
            named += [str(one) for one in result]
    extra = {
        who for who, groups in host.people() for one in named
        if who is not None and not host.is_admin(groups) and one in _identities(who, groups)
    }  # fmt: skip
    return sorted(extra), unclear


@check(
    "linux.polkit-rules",
    needs=(TARGET, POLKIT, known_or_absent(optional(NAMES))),
    severity=Severity.HIGH,
    version=3,
    when_absent=not_applicable(msg("polkit is not installed")),
    remedy=msg(
        "Remove the named rules, or let them return AUTH_ADMIN; limit rules for units to single "
        "units, and make root the owner of the files"
    ),
)
def polkit_rules(target: Target, polkit: Polkit, names: Names | Absent | None) -> Judgement:
    """polkit lets nobody become root, or manage units, without an administrator's password."""
    admins = frozenset(ADMIN_GROUPS | set(declared(target, "admin_groups") or ()))
    host = _Host(names=known(names) or Names(groups_of={}, whole=False), admins=admins)
    grants = list(_grants(polkit, host))
    extra, unclear = _administrators(polkit, host)
    expected = msg("an administrator's password for what makes root, for every account")
    if bad := [*_failures(polkit, [g.text for g in grants if g.sure], extra)]:
        return failed(*bad, expected=expected)
    count = msg("{count} rules of polkit were read", count=len(polkit.rules))
    doubts = [g.text for g in grants]
    if unclear:
        doubts.append("addAdminRule")
    if doubts:
        more = msg("What these rules allow depends on what was not read: {names}",
                   names=capped(doubts))  # fmt: skip
        return undetermined(count, more, expected=expected)
    return passed(count, expected=expected)


def _failures(polkit: Polkit, grants: list[str], extra: list[str]) -> Iterator[Message]:
    rows = (
        (grants, msg("polkit lets these accounts act as root: {names}", names=capped(grants))),
        (extra, msg("polkit counts these accounts as administrators: {names}",
                    names=capped(extra))),
        (polkit.defaults, msg("Actions that ask for no administrator: {names}",
                              names=capped(polkit.defaults))),
        (polkit.loose, msg("Rules that others may change: {names}", names=capped(polkit.loose))),
    )  # fmt: skip
    return (message for wanted, message in rows if wanted)


FACTS = (POLKIT,)
CHECKS = (polkit_rules,)
