"""The sudoers file that `plan` writes, in front of a real sudo: everything asked, nothing else."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from audit_core import plan
from audit_core.api import plugins
from audit_core.api.testkit import target_of
from audit_core.model import Command, Message, Privilege, ReadFile, ReadFiles, Request, Status
from audit_shell import batch
from audit_shell.session import ShellSession
from audit_shell.ssh import SshAccess, SshTransport
from audit_shell.sudoers import sudoers
from live.island import USER, Island, host, inventory, need_namespaces
from live.product import dengbao, environment
from live.sshd import Sshd, program, secret

pytestmark = pytest.mark.live
NONCE = "0123456789abcdef" * 2
FILES = ReadFiles(
    paths=("/etc/sudoers", "/etc/sudoers.d"), names=("[!x]*.conf", "*"), depth=1,
    globs=("/home/*/.ssh/authorized[!x]keys?",), privilege=Privilege.ROOT,
)  # fmt: skip
BACKUPS = """\
    backups:
      - {id: db, path: /var/backups, pattern: "*.sql[.]g?", privilege: root, rpo_hours: 24}
      - {id: odd, path: "/srv/a b!c,d=e:f#g'h\\"i\\\\j", pattern: "\\\\*", privilege: root}
"""


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    need_namespaces()


def root_requests() -> list[batch.ShellRequest]:
    """Every request of every plugin that runs as root, for a target with everything declared."""
    asked: dict[batch.ShellRequest, None] = {FILES: None}
    for fact in plugins.load().facts.values():
        for provider in fact.providers:
            for ask, more in itertools.product(provider.every_ask, ({}, {"privilege": "root"})):
                request: Request | Message
                request = plan.request_of(ask, target_of(fact.kind, **more))
                if isinstance(request, batch.ShellRequest) and request.privilege is Privilege.ROOT:
                    asked[request] = None
    return list(asked)


def quick(requests: list[batch.ShellRequest]) -> list[batch.ShellRequest]:
    """`requests` without the search of the file systems, which here takes minutes."""
    return [request for request in requests if request.timeout_s <= 180]


def ask(server: Sshd, requests: list[batch.ShellRequest]) -> list[batch.ScriptResponse]:
    """The replies to `requests` over a real login."""
    access = SshAccess(
        host=server.host, port=server.port, user=server.user, key=str(server.client_key),
        known_hosts=(str(server.known_hosts),),
    )  # fmt: skip
    with SshTransport(access, secret).open() as session:
        script = batch.render(requests, NONCE)
        reported = session.run(script, deadline_s=300, limit=64 << 20)
    got = batch.unframe(requests, NONCE, reported.stdout, reported.stderr, cut=Status.NO_REPLY)
    assert got.header is not None
    assert got.header.uid == 4242
    replies = [raw for raw in got.replies if raw is not None]
    assert len(replies) == len(requests)
    return replies


def visudo(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sudoers"
    file.write_text(text)
    checked = subprocess.run([program("visudo"), "-c", "-f", str(file)], capture_output=True)
    assert checked.returncode == 0, checked.stderr + checked.stdout


def unescaped(line: str) -> str:
    """What is left of a line of sudoers when what a backslash protects is taken away."""
    return re.sub(r"\\.", "", line)


def test_the_printed_file_is_valid_and_holds_no_wildcard(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with Island(user=USER) as server:
        inv = inventory(tmp_path / "inv.yaml", host("web1", server, more=BACKUPS))
        done = dengbao("plan", "gbt22239-l3", "-i", inv, "--grants", USER, env=env).ended(0)
    visudo(tmp_path, done.stdout)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert len(lines) >= 12
    for line in lines:
        user, _, command = line.partition(" ALL=(root) NOPASSWD: ")
        assert user == USER
        assert command.startswith("/usr/bin/timeout -k 2 ")
        assert not set("*?[]!") & set(unescaped(command)), line
        assert "ALL" not in command.split()
        assert not re.search(r"bin/(ba|da|z|k)?sh( |$)", command), line


def test_real_sudo_runs_every_root_request_of_every_plugin_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    requests = root_requests()
    assert len(requests) >= 10
    text = sudoers(requests, USER)
    visudo(tmp_path, text)
    with Island(user=USER, sudoers=text) as server:
        for request, raw in zip(quick(requests), ask(server, quick(requests)), strict=True):
            denied = b"sudo:" in raw.stderr or b"password is required" in raw.stderr
            assert not denied, (request, raw)
        argvs = sorted({argv for request in requests for argv in batch.root_argvs(request)})
        allowed = listed(server, argvs)
        assert allowed == [True] * len(argvs), dict(zip(argvs, allowed, strict=True))
        wrong = [w for argv in argvs for w in beside(argv) if w not in argvs]
        granted = [w for w, ok in zip(wrong, listed(server, wrong), strict=True) if ok]
        assert granted == []


def test_a_host_that_cannot_resolve_its_own_name_is_judged_all_the_same(tmp_path: Path) -> None:
    """sudo grumbles of that on stderr before each command; many a host is set up so."""
    env = environment(tmp_path)
    # Asked of the file alone: some machines answer for any name, and a silent one costs seconds.
    names = {
        "/etc/hosts": b"127.0.0.1 localhost\n",
        "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
    }
    argv = sudoers(root_requests(), USER)
    with Island(
        user=USER, sudoers=argv, files=names, setup="hostname nobody-knows", sshd_config=""
    ) as server:
        grumbling = ssh(server, "sudo -n -l 2>&1")
        assert "unable to resolve host" in grumbling
        assert b"unable to resolve host" not in ask(server, quick(root_requests()))[0].stderr
        inv = inventory(tmp_path / "inv.yaml", host("web1", server))
        done = dengbao(
            "run", "gbt22239-l3", "-i", inv, "-t", "web1", "--format", "json", env=env
        ).ended(0, 4)
    found = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    for check in ("linux.sshd-ciphers", "linux.sshd-root-login", "linux.sudo-scope"):
        assert found[check]["verdict"] in ("pass", "fail"), found[check]


def beside(argv: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Commands that are almost `argv`."""
    yield (*argv, "x")
    yield (*argv, "")
    yield argv[:-1]
    yield (*argv[:-1], argv[-1] + "x")
    yield (*argv[:3], "21", *argv[4:])
    yield argv[4:]
    yield (*argv[:4], "/bin/sh", "-c", "id")
    yield (*argv[:-1], "/etc/shadow")


def listed(server: Sshd, argvs: Sequence[tuple[str, ...]]) -> list[bool]:
    """Whether sudo would run each of `argvs`; nothing is run."""
    lines = (f"sudo -n -l -- {shlex.join(a)} >/dev/null 2>&1; echo $?\n" for a in argvs)
    return [line == "0" for line in ssh(server, "".join(lines)).split()]


def ssh(server: Sshd, script: str) -> str:
    """What `script` prints in a login."""
    command = ["ssh", "-F", "none", "-i", str(server.client_key), "-p", str(server.port)]
    command += ["-o", f"UserKnownHostsFile={server.known_hosts}", f"{USER}@{server.host}", "sh -s"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=True).stdout


WORDS = [chr(n) for n in range(32, 127)] + [
    "", "\\\\", "\\n", "%p\\0", "\\*", "*", "?", "[a-z]", "[!a]", "!x", "^a$", "^.*$", "$", '""',
    "''", '"a b"', "a b", " a", "a ", "a  b", "#1", "sha256:x", "口令", "é", "-", "--", "@include",
    "%x", "~", "a\\", "\\,", "$(id)", "`id`", ";", "&&", "|", ">", "\\x41",
]  # fmt: skip


def test_no_character_of_an_argument_is_lost_or_widened(tmp_path: Path) -> None:
    requests: list[batch.ShellRequest] = [
        Command(argv=("/usr/bin/printf", "<%s>", *words), privilege=Privilege.ROOT)
        for w in WORDS
        for words in ((f"a{w}b", w, "z"), ("a", w))
        if words[-1] not in ("", " ", "a ")  # no line can say it, see below
    ]
    text = sudoers(requests, USER)
    assert "left out" not in text
    visudo(tmp_path, text)
    with Island(user=USER, sudoers=text) as server:
        for request, raw in zip(requests, ask(server, requests), strict=True):
            assert isinstance(request, Command)
            want = "".join(f"<{w}>" for w in request.argv[2:]).encode()
            assert (raw.status, raw.stdout) == (Status.ANSWERED, want), (request.argv, raw.stderr)
        head = ("/usr/bin/timeout", "-k", "2", "20", "/usr/bin/printf", "<%s>", "a")
        wrong = [(*head, w) for w in ("xy", "a!", "ab", "\\\\\\", "zz", "/etc/shadow")]
        assert listed(server, wrong) == [False] * len(wrong)


def test_every_escape_is_one_that_old_versions_know() -> None:
    """sudo before 1.9.10 (Debian 11, RHEL 7 to 9) takes a file with any other for broken.

    Old ones then refuse every rule of every file. Tried with sudo 1.9.5, 1.9.13 and 1.9.16.
    """
    whole = Command(argv=("/usr/bin/printf", *(f"a{w}b" for w in WORDS)), privilege=Privilege.ROOT)
    text = sudoers([*root_requests(), whole], USER)
    assert set(re.findall(r"\\(.)", text)) <= set("\\*?[]!:,= #")


def test_what_no_line_can_say_is_left_out_and_counted() -> None:
    bad = [
        "/srv/a ",
        "/srv/a\nroot ALL=(ALL) NOPASSWD: ALL",
        "/srv/\x1b[2J",
        "/srv/\ta",
        "/srv/\u202e",
    ]
    requests = [ReadFile(path=p, privilege=Privilege.ROOT) for p in bad]
    text = sudoers(requests, USER)
    assert f"{3 * len(bad)} commands cannot be written" in text
    assert "NOPASSWD" not in text


@pytest.mark.parametrize(
    "user", ["root ALL", "%wheel", "ALL=", "-x", "a\nb", "#0", "", "ALL", "ADMINS", "用户"]
)
def test_a_user_name_that_is_none_is_refused(tmp_path: Path, user: str) -> None:
    done = dengbao("plan", "gbt22239-l3", "--grants", user, env=environment(tmp_path)).ended(64)
    assert "NOPASSWD" not in done.stdout


def test_with_the_printed_file_the_whole_product_sees_what_it_did_not_see(tmp_path: Path) -> None:
    env = environment(tmp_path)
    inv = tmp_path / "inv.yaml"
    store = tmp_path / "store"

    def audited(server: Sshd) -> dict[str, str]:
        inventory(inv, host("web1", server, more=BACKUPS))
        done = dengbao("run", "gbt22239-l3", "-i", inv, "--store", store, "--format", "json",
                       env=env).ended(0, 4)  # fmt: skip
        assert "internal error" not in done.stderr
        return {f["id"]: f["why"] for f in done.json["findings"]}

    with Island(user=USER) as server:
        before = audited(server)
        printed = dengbao("plan", "gbt22239-l3", "-i", inv, "--grants", USER, env=env).stdout
    with Island(user=USER, sudoers=printed) as server:
        after = audited(server)
    assert before.keys() == after.keys()
    blind = {id for id, why in before.items() if why == "not_permitted"}
    still = {id for id, why in after.items() if why == "not_permitted"}
    assert len(blind) >= 5
    assert still < blind
    assert len(still) <= len(blind) // 3, still


@pytest.mark.parametrize("sessions", [10, 1])
def test_a_slow_sudo_costs_a_few_of_its_delays(
    sessions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of sudo waits, here in a PAM module, as with a name server that does not answer."""
    monkeypatch.setattr(batch, "SLOW_S", 1)
    asked: list[Request] = [
        Command(argv=("/usr/bin/printf", f"{n}"), privilege=Privilege.ROOT) for n in range(9)
    ]
    asked += [FILES, Command(argv=("/usr/bin/id", "-u"))]
    files: dict[str, bytes | None] = {
        "/etc/pam.d/sudo": b"auth required pam_permit.so\nsession required pam_permit.so\n"
        b"account required pam_exec.so /bin/sleep 3\n"
    }
    rule = f"{USER} ALL=(root) NOPASSWD: ALL\n"
    with Island([f"MaxSessions {sessions}"], user=USER, files=files, sudoers=rule) as server:
        access = SshAccess(
            host=server.host, port=server.port, user=server.user, key=str(server.client_key),
            known_hosts=(str(server.known_hosts),),
        )  # fmt: skip
        session = ShellSession(SshTransport(access, secret).open(), sudo=True)
        begun = time.monotonic()
        replies = {reply.request: reply for reply in session.ask(asked)}
        took = time.monotonic() - begun
        monkeypatch.setattr("audit_shell.session._LEAST_S", 1e9)  # no time is left for more
        first, second = session.ask(asked[:2])
        session.close()
    assert first.status is Status.ANSWERED
    assert second.status is Status.TIMED_OUT
    assert re.fullmatch(r"sudo takes [3-9] s for each command on this host", str(second.detail))
    assert {r.status for r in replies.values()} == {Status.ANSWERED}
    assert [replies[r].stdout for r in asked[:9]] == [str(n).encode() for n in range(9)]
    assert replies[FILES].files
    if sessions == 10:  # 12 calls of sudo, one after the other, take 36 s
        assert took < 25
