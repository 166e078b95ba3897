"""Rules of sudoers read here and by cvtsudoers(1), the parser of sudo itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_linux.sudo.sudoers import Sudoers
from audit_linux.sudo.sudoers_files import all_rules, parse_merged, parse_sudoers
from invented.answers import answer, files

ALIASES = """\
Defaults env_reset
User_Alias ADM = alice, "bob smith" : OPS = %wheel, !carl
User_Alias NEST = ADM, !OPS
Runas_Alias DB = oracle, #27
Cmnd_Alias X = /bin/ls, /bin/cat /etc/motd
Cmnd_Alias Y = X, !/bin/su
Host_Alias WEB = web1, web2
"""
_USERS = (
    "bob", '"%ops team=night"', '"%ops=night"', '"bob smith"', "%wheel", "%#27", "#1000", "+net",
    '"+net x"', r"%:ad\ group", "ADM", "OPS", "NEST", "!carl", "! carl", "!!dan", r"user\ x",
    r"u\,v", r"u\=v", '"u,v"', '"#5"', "ALL", "!ADM", r"%domain\ users", '"%domain users"', "joe@x",
    "张三", "%运维", "a-b.c$", '"a\\"b"', "!#5",
)  # fmt: skip
_HOSTS = ("ALL", "web1", "WEB", "10.0.0.0/8", "!web1", "WEB, web3", "ALL, !web1", "+net", '"web1"',
          "fe80::1", "!ALL")  # fmt: skip
_RUNAS = ("", "", "(root)", "(ALL)", "(ALL:ALL)", "(DB:adm)", "( : adm)", "()", "(!root)",
          "(ALL, !root)", "(#0)", '("root")', "(root, oracle : #5, %sys)", "(DB)", "(:)", "(%#0)",
          "(!DB)", r"(r\oot)")  # fmt: skip
_OPTIONS = ("", "", "CWD=/tmp ", "TIMEOUT=5m ", "NOTBEFORE=20200101000000Z ", "CHROOT=/ ",
            'CWD="/x y, z" ', "CWD=* ", "TIMEOUT = 10 ")  # fmt: skip
_TAGS = ("", "", "NOPASSWD:", "NOPASSWD :", "PASSWD:", "SETENV: NOPASSWD:", "NOSETENV:", "NOEXEC:",
         "LOG_INPUT:", "NOPASSWD:NOEXEC:", "FOLLOW:", "MAIL: ")  # fmt: skip
_COMMANDS = (
    "ALL", "/bin/ls", "X", "Y", "!X", "!ALL", "!/bin/su", "! /bin/su", '/bin/ls ""',
    r"/bin/x a\,b", r"/bin/x a\:b c", r"/bin/x a\=b", "/bin/x a=b", "/bin/x a*", "/usr/bin/",
    "sudoedit /etc/motd", "list", f"sha224:{'a' * 56} /bin/cat",
    f"sha256:{'a' * 64}, sha256:{'b' * 64} /bin/d", "^/bin/(a|b)$", "/bin/y ^a,b$",
    r"/bin/x \#c", "/bin/x # c", "/bin/x 'a' \"b\"", "!!/bin/z", "sudoedit", '/bin/x "a, /bin/y',
)  # fmt: skip


def _one(*lists: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.tuples(*map(st.sampled_from, lists)).map("".join)


_COMMAND_LIST = st.lists(
    _one(_RUNAS, ("", " "), _OPTIONS, _TAGS, ("", " "), _COMMANDS), min_size=1, max_size=3
)
_SPEC = st.tuples(_one(_HOSTS, (" = ", "=", " ="))).flatmap(
    lambda head: _COMMAND_LIST.map(lambda commands: head[0] + ", ".join(commands))
)
_RULE = st.tuples(
    st.lists(st.sampled_from(_USERS), min_size=1, max_size=3, unique=True).map(", ".join),
    st.sampled_from((" ", "\t")),
    st.lists(_SPEC, min_size=1, max_size=2).map(" : ".join),
).map("".join)

Row = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str, bool]
_KINDS = {"username": "", "usergroup": "%", "userid": "#", "usergid": "%#", "netgroup": "+",
          "nonunixgroup": "%:", "command": ""}  # fmt: skip


def _name(reported: dict[str, Any]) -> str:
    kind = next(kind for kind in _KINDS if kind in reported)
    return ("!" if reported.get("negated") else "") + _KINDS[kind] + str(reported[kind])


def _root(name: str) -> str:
    return re.sub(r"^(!?)(?:#0|%root|%#0)$", r"\1root", name)


def _rows(spec: dict[str, Any]) -> list[Row]:
    """The grants of one specification as cvtsudoers tells them."""
    who = tuple(name for name in map(_name, spec["User_List"]) if not name.startswith("!"))
    found = []
    for part in spec["Cmnd_Specs"]:
        users = tuple(_root(name) for name in map(_name, part.get("runasusers", ())))
        groups = tuple(_root(name).lstrip("%") for name in map(_name, part.get("runasgroups", ())))
        # Nobody named: the one who asks.
        itself = users == ("",) or (not users and groups)
        users = ("(self)",) if itself else users or ("root",)
        free = any(option.get("authenticate") is False for option in part.get("Options", ()))
        found += [(who, users, groups, _name(each), free) for each in part["Commands"]]
    return found


def _by_sudo(path: Path) -> list[Row] | None:
    done = subprocess.run(
        ["cvtsudoers", "-e", "-f", "json", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return None
    # Before sudo 1.9.15 these options are no objects.
    text = re.sub(r'^(\s*)("run(?:cwd|chroot)": "[^"]*")', r"\1{\2}", done.stdout, flags=re.M)
    return [row for spec in json.loads(text or "{}").get("User_Specs", ()) for row in _rows(spec)]


_WITHOUT = pytest.mark.skipif(
    shutil.which("cvtsudoers") is None, reason="cvtsudoers is not installed"
)


@_WITHOUT
def test_includes_from_other_places_are_read_as_cvtsudoers_prints_them(tmp_path: Path) -> None:
    (tmp_path / "site.d").mkdir()
    (tmp_path / "site.d/10-ops").write_text('"bob smith" ALL=(oracle) NOPASSWD: /bin/x a\\,b\n')
    (tmp_path / "local").write_text("Defaults:bob !authenticate\nADM ALL=(ALL) ALL\n")
    main = f"User_Alias ADM = carl, \\\n dan\n@include {tmp_path}/local\n" \
           f"#includedir {tmp_path}/site.d\nbroken\n"  # fmt: skip
    path = tmp_path / "sudoers"
    path.write_text(main.replace("broken\n", ""))
    own = parse_sudoers(files({"/etc/sudoers": main, "/etc/sudo.conf": "Plugin x y.so\n"}))
    assert isinstance(own, Sudoers)
    assert len(own.unread) == 4
    done = subprocess.run(["cvtsudoers", "-f", "sudoers", path], capture_output=True, check=True)
    got = all_rules(own, parse_merged(answer(done.stdout)), own)
    assert got.unread == ("/etc/sudo.conf: Plugin x y.so",)
    assert [(g.who, g.command) for g in got.grants] == [
        (("carl", "dan"), "ALL"), (("bob smith",), "/bin/x a\\,b"),
    ]  # fmt: skip
    assert [exempt.line for exempt in got.exempt] == ["Defaults:bob !authenticate"]
    assert all_rules(own, own, own) is own  # without cvtsudoers, or the right to run it


@_WITHOUT
@given(rule=_RULE)
@settings(max_examples=250)
def test_rules_are_read_as_sudo_reads_them(
    tmp_path_factory: pytest.TempPathFactory, rule: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "sudoers"
    path.write_text(f"{ALIASES}{rule}\n", encoding="utf-8")
    real = _by_sudo(path)
    got = parse_sudoers(files({"/etc/sudoers": path.read_text(encoding="utf-8")}))
    assert isinstance(got, Sudoers)
    if real is not None:  # what sudo refuses may be told as unread, or more strictly
        mine = [
            (g.who, g.runas, tuple(name.lstrip("%") for name in g.groups),
             re.sub(r"\\([:\\,= \t#])", r"\1", g.command), g.no_password)
            for g in got.grants
        ]  # fmt: skip
        assert (mine, got.unread) == (real, ()), rule


# Lines of odd form, and the commands that each gives to carol; what sudo refuses gives nothing.
ODD = (
    "carol ALL=(ALL) NOPASSWD: ALL\r", "carol ALL=(ALL) NOPASSWD: /bin/id\r",
    "carol ALL=/bin/id, /bin/sh\r", "Cmnd_Alias A = /bin/sh\r\ncarol ALL=/bin/id",
    "Cmnd_Alias A = /bin/sh\ncarol ALL=A\r", "User_Alias A = carol\r\nA ALL=ALL",
    "carol ALL=(root) \\\r\n NOPASSWD: ALL\r", "carol ALL=!/bin/id, /bin/sh\r",
    "carol ALL=(root) sudoedit /etc/hosts\r", "carol ALL=(root) list\r", "carol ALL=(root) /bin/\r",
    'carol ALL=(root) /bin/sh ""\r', "carol ALL=(root) /bin/sh # x\r", "carol ALL=^/bin/sh$\r",
    "Cmnd_Alias A = /bin/sh\nCmnd_Alias A = /bin/who\ncarol ALL=A",
    "Cmnd_Alias A = /bin/sh : A = /bin/who\ncarol ALL=/bin/id", "Cmnd_Alias a = /bin/sh",
    "Cmnd_Alias A = /bin/sh\nCmnd_Alias A += /bin/who\ncarol ALL=A", "bogus\ncarol ALL=ALL",
    "carol ALL=ALL junk\ncarol ALL=/bin/who", "carol ALL=(ALL NOPASSWD: ALL\ncarol ALL=/bin/id",
    "carol ALL=NOPASSWD: (root) ALL", "carol ALL=(root) NOTAFTER=bogus ALL",
    "carol ALL=(root) NOTBEFORE=20200101 ALL", "carol ALL=(root) NOTBEFORE=2020010100Z ALL",
    'carol ALL=(root) NOTAFTER="20990101000000+0800" ALL', "\ufeffcarol ALL=ALL",
    "\ufeff# x\ncarol ALL=ALL", "carol ALL=ALL", "carol ALL=NOPASSWD: TIMEOUT=5 /bin/id",
)  # fmt: skip


@_WITHOUT
def test_lines_of_odd_form_give_what_sudo_gives(tmp_path: Path) -> None:
    path = tmp_path / "sudoers"
    for text in ODD:
        found: list[str] = []
        for line in _refused_apart(text, path):
            path.write_bytes(line.encode())
            found += [row[3] for row in _by_sudo(path) or () if "carol" in row[0]]
        got = parse_sudoers(files({"/etc/sudoers": f"{text}\n"}))
        assert isinstance(got, Sudoers)
        mine = [grant.command for grant in got.grants if "carol" in grant.who]
        assert mine == found, text


def _refused_apart(text: str, path: Path) -> list[str]:
    """The lines that cvtsudoers takes, as one file: it stops where sudo goes on behind an error."""
    kept = ""
    for line in re.sub(r"\\\r\n", r"\\\n", text).replace("\\\n", "\0").split("\n"):
        more = f"{kept}{line}\n".replace("\0", "\\\n")
        path.write_bytes(more.encode())
        done = subprocess.run(
            ["cvtsudoers", "-f", "json", str(path)], capture_output=True, check=False
        )
        refused = done.returncode or re.search(rb"already defined|duplicate", done.stderr)
        kept = kept if refused else more
    return [kept]
