"""The pass over the file systems, with the real find(1) and getcap(8)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, Command, Fact, Judgement, Partial, Target, Verdict
from audit_linux.files import sweep_checks as checks
from audit_linux.files.sweep import (
    CAPABLE,
    SECONDS,
    SEEN,
    SWEEP,
    Capable,
    Entry,
    Sweep,
    parse_capable,
    parse_sweep,
)
from audit_linux.nsswitch import Sources
from invented.answers import answers

Make = Callable[..., Answer]
MakeTarget = Callable[..., Target]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def asked(fact: Fact, name: str = "") -> Command:
    provider = fact.providers[0]
    ask = provider.asks[name] if name else provider.ask
    assert isinstance(ask, Command)
    return ask


def printed(ask: Command, folder: Path) -> bytes:
    at = ask.argv.index("/")
    argv = (*ask.argv[:at], str(folder), *ask.argv[at + 2 :])
    env = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(argv, capture_output=True, check=True, env=env).stdout


def test_a_pass_that_is_stopped_is_an_answer() -> None:
    """With 124, 137 and 143 of timeout(1) the connector hands nothing to the parser."""
    for ask in (*(asked(fact, name) for fact in (SWEEP, SEEN) for name in ("all", "near")),
                asked(CAPABLE)):  # fmt: skip
        assert ask.argv[ask.argv.index("/") + 1] == "/dev/shm"  # /dev itself is not entered
        argv = ["0.05" if word == str(SECONDS) else word for word in ask.argv]
        done = subprocess.run(argv, capture_output=True, check=False)
        assert done.returncode == 129
        assert ask.accepts(done.returncode, truncated=False)


def swept(folder: Path) -> Sweep:
    told = {name: printed(asked(SEEN, name), folder) for name in ("all", "near")}
    found: Sweep = whole(parse_sweep(answers(**told)))
    return found


def test_what_find_sees_of_a_tree(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    modes = {
        "setuid": 0o4755, "setgid": 0o2755, "mandatory-lock": 0o2644, "plain": 0o755,
        "open": 0o666, "with\nnewline": 0o646, "link-target": 0o600,
    }  # fmt: skip
    for name, bits in modes.items():
        (tmp_path / name).write_bytes(b"")
        (tmp_path / name).chmod(bits)
    for name, bits in {"shared": 0o1777, "open-dir": 0o777, "closed": 0o755}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(bits)
    (tmp_path / "link").symlink_to("link-target")
    if os.geteuid() == 0:
        (tmp_path / "closed" / "open").write_bytes(b"")
        (tmp_path / "closed" / "open").chmod(0o666)
        (tmp_path / "closed").chmod(0o700)
        (tmp_path / "left").write_bytes(b"")
        os.chown(tmp_path / "left", 54321, 54321)
    found = swept(tmp_path).entries
    names = {e.path.removeprefix(f"{tmp_path}/"): e for e in found}
    assert {n for n, e in names.items() if e.special} == {"setuid", "setgid"}
    assert {n for n, e in names.items() if e.open_to_all} == {"open", "with\nnewline", "open-dir"}
    nobody = {n for n, e in names.items() if e.nobody}
    assert nobody == ({"left"} if os.geteuid() == 0 else set())


def test_a_pass_that_was_stopped_or_refused_is_partial(answer: Make) -> None:
    row = b"- 4755 0 0 f /usr/bin/su\0"
    for given in (
        answer(row, b"", 129), answer(row + b"- 47"), answer(b"odd\0" + row),
        answer(row, b"find: '/root': Permission denied\n", 1),
    ):  # fmt: skip
        got = parse_sweep(answers(all=given, near=""))
        assert isinstance(got, Partial)
        assert [e.path for e in got.value.entries] == ["/usr/bin/su"]
    assert isinstance(parse_sweep(answers(all=answer(b"", b"", 129), near="")), Absent)
    gone = b"find: '/proc/1': No such file or directory\n"
    assert isinstance(parse_sweep(answers(all=answer(row, gone, 1), near=row)), Sweep)


def entry(path: str, bits: int, uid: int = 0, gid: int = 0, kind: str = "f") -> Entry:
    return Entry(path=path, bits=bits, uid=uid, gid=gid, kind=kind)


def setuid(target: Target, *entries: Entry) -> Judgement:
    found: Judgement = checks.setuid_programs.judge(target, Sweep(entries=entries))
    return found


def test_programs_with_other_rights(target: MakeTarget) -> None:
    usual = entry("/usr/bin/su", 0o4755)
    for extra, verdict in (
        ((), PASS),
        ((entry("/usr/bin/ls", 0o755),), PASS),
        ((entry("/usr/lib/openssh/ssh-keysign", 0o4755),), PASS),
        ((entry("/opt/app/bin/helper", 0o4755),), UNDETERMINED),
        ((entry("/opt/su", 0o4755),), UNDETERMINED),
        ((entry("/tmp/x", 0o4755),), FAIL),
        ((entry("/home/bob/su", 0o4755, 1000),), FAIL),
        ((entry("/usr/bin/bash", 0o4755),), FAIL),
        ((entry("/usr/local/bin/python3.11", 0o4755),), FAIL),
        ((entry("/usr/bin/passwd", 0o4757),), FAIL),
        ((entry("/usr/bin/find", 0o2755, 0, 8),), FAIL),
    ):
        assert setuid(target(), usual, *extra).verdict is verdict, extra


def test_a_declared_baseline_settles_the_rest(target: MakeTarget) -> None:
    site = target(setuid_programs=("/opt/app/bin/helper",))
    helper, other = entry("/opt/app/bin/helper", 0o4755), entry("/opt/app/bin/other", 0o4755)
    assert setuid(site, helper).verdict is PASS
    assert setuid(site, helper, other).verdict is FAIL


def test_what_every_account_may_write() -> None:
    for found, verdict in (
        ((), PASS),
        ((entry("/srv/x", 0o666),), FAIL),
        ((entry("/srv/d", 0o777, kind="d"),), FAIL),
        ((entry("/srv/d", 0o1777, kind="d"),), PASS),
        ((entry("/run/s", 0o777, kind="s"),), PASS),
        # only bob reaches it
        ((entry("/home/bob", 0o700, 1000, kind="d"), entry("/home/bob/x", 0o666, 1000)), PASS),
        ((entry("/home/bob", 0o701, 1000, kind="d"), entry("/home/bob/x", 0o666, 1000)), FAIL),
    ):
        assert checks.world_writable.judge(Sweep(entries=found)).verdict is verdict, found


def test_files_of_nobody() -> None:
    left = Sweep(entries=(Entry(path="/srv/x", bits=0o600, uid=5, gid=0, kind="f", nobody=True),))
    local, ldap = Sources(), Sources(passwd=("ldap",))
    assert checks.unowned_files.judge(Sweep(entries=()), local).verdict is PASS
    assert checks.unowned_files.judge(left, local).verdict is FAIL
    assert checks.unowned_files.judge(left, ldap).verdict is UNDETERMINED


def test_file_capabilities(target: MakeTarget, answer: Make) -> None:
    new, old = "/usr/bin/ping cap_net_raw=ep\n", "/usr/bin/ping = cap_net_raw+ep\n"
    assert parse_capable(answer(new)) == (
        Capable(path="/usr/bin/ping", capabilities="cap_net_raw=ep"),
    )
    assert parse_capable(answer(old)) == (
        Capable(path="/usr/bin/ping", capabilities="cap_net_raw+ep"),
    )
    missing = b"find: 'getcap': No such file or directory\n"
    assert isinstance(parse_capable(answer(b"", missing, 1)), Absent)
    for path, told, verdict in (
        ("/usr/bin/ping", "cap_net_raw=ep", PASS),
        ("/usr/bin/newuidmap", "cap_setuid=ep", PASS),
        ("/usr/bin/python3.11", "cap_setuid,cap_net_raw=eip", FAIL),
        ("/opt/x", "=ep", FAIL),
        ("/opt/x", "cap_net_raw=ep cap_dac_override+i", FAIL),
    ):
        judged = checks.file_capabilities.judge(target(), (Capable(path=path, capabilities=told),))
        assert judged.verdict is verdict, (path, told)


@pytest.mark.skipif(os.geteuid() != 0, reason="setting capabilities takes root")
def test_what_getcap_prints_is_read(tmp_path: Path, answer: Make) -> None:
    program = tmp_path / "with blank"
    program.write_bytes(b"")
    program.chmod(0o755)
    subprocess.run(("setcap", "cap_setuid,cap_net_raw=ep", str(program)), check=True)
    got = subprocess.run(("getcap", "--", str(program)), capture_output=True, check=True)
    (found,) = whole(parse_capable(answer(got.stdout)))
    assert found.path == str(program)
    assert "cap_setuid" in found.capabilities


def test_only_directories_of_local_file_systems_are_entered() -> None:
    for ask in (asked(SWEEP, "all"), asked(SWEEP, "near"), asked(CAPABLE)):
        types = {ask.argv[n + 1] for n, word in enumerate(ask.argv) if word == "-fstype"}
        assert "ext4" in types
        assert not types & {"nfs", "nfs4", "cifs", "proc", "sysfs", "fuse", "autofs", "squashfs"}
