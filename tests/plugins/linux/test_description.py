"""What stands above the records of a host: what runs on it and who can log in."""

from __future__ import annotations

from audit_core.model import AboutLine, Absent, Reason, english, msg
from audit_linux.description import DESCRIPTIONS
from audit_linux.passwd import Account, Accounts, Secret
from audit_linux.processes import Process

SERVERS, LOGINS = DESCRIPTIONS
NOTHING = Absent(reason=Reason.NOT_PERMITTED, detail=msg("no"))


def reported(lines: tuple[AboutLine, ...]) -> dict[str, str]:
    return {english(line.title): english(line.value) for line in lines}


def test_servers_of_the_host_are_named_and_those_of_containers_are_not() -> None:
    names = ("sshd", "mysqld", "ora_pmon_ORCL", "sshd")
    running = tuple(Process(pid=n, uid=0, name=name) for n, name in enumerate(names, 2))
    inside = Process(pid=9, uid=0, name="nginx", contained=True)
    assert reported(tuple(SERVERS.make((*running, inside)))) == {
        "SSH server": "sshd",
        "Database": "mysqld, ora_pmon_ORCL",
        "Web server": "none found running",
    }
    assert reported(tuple(SERVERS.make(NOTHING))) == {}


def test_accounts_that_can_log_in_are_named_with_locked_passwords() -> None:
    rows = tuple(
        Account(name=name, uid=n, gid=n, home="/", shell=shell, field="shadowed")
        for n, (name, shell) in enumerate(
            (("root", "/bin/bash"), ("bin", "/usr/sbin/nologin"), ("alice", "/bin/sh"))
        )
    )
    locked = Secret(name="root", locked=True, scheme="", changed=None, minimum=None,
                    maximum=None, expires=None)  # fmt: skip
    accounts = Accounts(rows=rows)
    title = "Accounts with a login shell"
    assert reported(tuple(LOGINS.make(accounts, (locked,)))) == {
        title: "root (password locked), alice"
    }
    assert reported(tuple(LOGINS.make(accounts, NOTHING))) == {title: "root, alice"}
    assert reported(tuple(LOGINS.make(NOTHING, NOTHING))) == {}
