"""doas.conf(5): who becomes root through doas without a password.

As parse.y of OpenDoas 6.8 reads it, compared with `doas -C` in the tests: words end at white space,
a brace or `#`, which begins a comment; double quotes and a backslash quote; a backslash at the end
of a line goes on. The last rule that matches decides, none denies; a file with an error grants
nothing. Alpine reads /etc/doas.d as well (from its documentation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    Message,
    ReadFiles,
    capped,
    fact,
    msg,
)
from audit_linux.config_files import whole_files
from audit_linux.groups import Groups
from audit_linux.passwd import Account, Accounts

_WORD = re.compile(r'#[^\n]*|\n|[{}]|(?:"(?:\\.|[^"\\\n])*"|\\.|[^ \t\n"{}#\\])+|"', re.DOTALL)
_OPTIONS = frozenset({"nopass", "persist", "nolog", "keepenv"})
_ROOT = ("", "root", "0")


class DoasRule(Struct, frozen=True, kw_only=True):
    """One rule; `target` and `command` are empty where it names none."""

    permits: bool
    identity: str
    nopass: bool = False
    target: str = ""
    command: str = ""


def _lines(text: str) -> Iterator[list[str]]:
    """The words of each line."""
    words: list[str] = []
    for found in _WORD.finditer(text.replace("\\\n", " ") + "\n"):
        if found[0] == "\n":
            if words:
                yield words
            words = []
        elif not found[0].startswith("#"):
            words.append(found[0])


def _plain(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word.replace('\\"', "\0").replace('"', "")).replace("\0", '"')


def _rule(words: list[str]) -> DoasRule | None:
    """The rule of one line; None where doas refuses the file for it."""
    action, options, at = words[0], set[str](), 1
    while at < len(words) and (words[at] in _OPTIONS or words[at] == "setenv"):
        options.add(words[at])
        at = words.index("}", at) + 1 if words[at] == "setenv" and "}" in words[at:] else at + 1
    rest = [*words[at:], "", "", ""]
    named = rest[1] == "as"
    left = words[at + (3 if named else 1) :]
    bad = (
        action not in ("permit", "deny"), not rest[0], named and not rest[2],
        {"nopass", "persist"} <= options, bool(left) and (left[0] != "cmd" or len(left) == 1),
    )  # fmt: skip
    return None if any(bad) else DoasRule(
        permits=action == "permit", nopass="nopass" in options, identity=_plain(rest[0]),
        target=_plain(rest[2]) if named else "", command=_plain(left[1]) if left else "",
    )  # fmt: skip


def parse_rules(text: str) -> tuple[DoasRule, ...]:
    """The rules of one file; none where it has an error."""
    rules = [_rule(words) for words in _lines(text)]
    return () if None in rules else tuple(rule for rule in rules if rule)


def parse_doas(answers: Answers) -> tuple[DoasRule, ...] | Absent:
    """The rules of doas, none where it is not installed."""
    if not answers["program"].lines:
        return ()
    files = whole_files(answers["files"])
    if isinstance(files, Absent):
        return files if files.unknown else ()
    return tuple(rule for file in files for rule in parse_rules(file.text))


DOAS = fact(
    "linux.doas",
    tuple[DoasRule, ...],
    kind="host",
    asks={
        "files": ReadFiles(
            paths=("/etc/doas.conf", "/etc/doas.d", "/usr/local/etc/doas.conf"),
            depth=1,
            names=("*.conf",),
        ),
        "program": Command(
            argv=("find", "/usr/bin/doas", "/usr/local/bin/doas", "-perm", "-4000"), ok=(0, 1)
        ),
    },
    parse=parse_doas,
)


def _has(rule: DoasRule, groups: Groups, accounts: Accounts) -> frozenset[str]:
    """The accounts besides root that a rule is for."""
    others = [a for a in accounts.rows if a.uid != 0]
    if not rule.identity.startswith(":"):
        return frozenset(a.name for a in others if rule.identity in (a.name, str(a.uid)))
    return _members(rule.identity[1:], others, groups)


def _members(name: str, others: list[Account], groups: Groups) -> frozenset[str]:
    """The accounts in a group, which is given by its name or number."""
    number = groups.gids.get(name, int(name) if re.fullmatch("[0-9]{1,9}", name) else None)
    same = [group for group, gid in groups.gids.items() if gid == number]
    members = {member for group in same for member in groups.members.get(group, ())}
    return frozenset(a.name for a in others if a.name in members or a.gid == number)


def without_password(
    rules: tuple[DoasRule, ...], groups: Groups, accounts: Accounts
) -> dict[str, str]:
    """The accounts that may run everything as root without a password, with the rule's identity."""
    found: dict[str, str] = {}
    for rule in rules:
        if rule.target in _ROOT and not rule.command:
            for name in _has(rule, groups, accounts):
                found.pop(name, None)
                if rule.permits and rule.nopass:
                    found[name] = rule.identity
    return found


def ways_without_password(
    rules: tuple[DoasRule, ...], groups: Groups, accounts: Accounts | None
) -> tuple[list[Message], list[Message]]:
    """What lets accounts become root without a password, and what may do so."""
    free = [rule for rule in rules if rule.permits and rule.nopass and rule.target in _ROOT]
    if accounts is None:
        unknown = msg("doas asks these for no password: {names}",
                      names=capped(rule.identity for rule in free))  # fmt: skip
        return [], [unknown] if free else []
    found = without_password(rules, groups, accounts)
    shown = capped(f"{name} ({identity})" for name, identity in found.items())
    roots = msg("doas lets these accounts become root without a password (their rule): {names}",
                names=shown)  # fmt: skip
    texts = [f"{r.identity} {r.command}" for r in free if r.command and _has(r, groups, accounts)]
    more = msg("doas runs these as root without a password; whether they lead to a shell was not "
               "judged: {names}", names=capped(texts))  # fmt: skip
    return [roots] if found else [], [more] if texts else []
