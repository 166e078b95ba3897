"""sudoers: aliases, tags, drop-ins and everything that gives root away without saying ALL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

import audit_linux
from audit_core.model import (
    Absent,
    Answer,
    Command,
    FileEntry,
    FileStatus,
    Judgement,
    Privilege,
    Reason,
    Verdict,
)
from audit_core.model.files import encode_files
from audit_linux.groups import Groups
from audit_linux.nsswitch import Sources
from audit_linux.pam import parse_pam
from audit_linux.passwd import Account, Accounts
from audit_linux.sudo.sudo_checks import sudo_password, sudo_scope
from audit_linux.sudo.sudo_risks import Risk, risk
from audit_linux.sudo.sudoers import Sudoers, parse_sudoers
from audit_shell.sudoers import sudoers as least_sudoers
from invented.answers import TARGET

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
LOCAL = Sources()
ALICE = Accounts(
    rows=(
        Account(name="root", uid=0, gid=0, home="/root", shell="/bin/bash", field="shadowed"),
        Account(name="alice", uid=1001, gid=1001, home="/home/alice", shell="/bin/sh",
                field="shadowed"),
        Account(name="games", uid=5, gid=60, home="/", shell="/bin/false", field="shadowed"),
    )
)  # fmt: skip
BASE = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n"


def scoped(*facts: Any, **parameters: Any) -> Judgement:
    return sudo_scope.judge(TARGET, *facts, ALICE, **parameters)


# Fixed arguments that make root of a user all the same, or may: found by trying such rules.
FIXED = {
    Risk.ROOT: (
        "usermod -aG sudo bob", "usermod -a -G docker,users bob", "gpasswd -a bob wheel",
        "useradd -o -u 0 x", "adduser bob sudo", "passwd -d root", "passwd --delete root",
        "ip netns exec x /bin/sh", "ssh -o ProxyCommand=x h",
    ),
    Risk.REPLACEABLE: (
        "cp /home/bob/x /etc/passwd", "mv /tmp/x /etc/sudoers", "ln -sf /home/bob/x /etc/cron.d/x",
        "install -m 4755 /home/bob/x /usr/bin/x", "rsync -a /home/bob/ /etc/",
        "dpkg -i /home/bob/x.deb", "rpm -U /tmp/x.rpm", "insmod /home/bob/x.ko",
        "setcap cap_setuid+ep /home/bob/x", "ldconfig -f /home/bob/x",
        "update-alternatives --set editor /home/bob/x", "systemctl enable /home/bob/x.service",
    ),
    Risk.UNSEEN: (
        "chown bob /etc/shadow", "chmod 666 /etc/shadow", "chmod u+s /bin/bash",
        "tar -xf /home/bob/x.tar -C /", "unzip /tmp/x.zip -d /", "mount /dev/sdb1 /etc",
        "sed -i s/x/y/ /etc/passwd", "patch /etc/passwd /opt/p", "wget -O /etc/cron.d/x x",
        "curl -o /etc/passwd x", "tcpdump -z /home/bob/x", "openssl enc -in /etc/shadow",
        "sysctl -w kernel.core_pattern=|/home/bob/x", "tar -czf /backup/e.tgz /home/ /etc/",
    ),
    Risk.NONE: (
        "apt-get update", "docker ps", "chown bob /srv/www", "sed -n p /etc/shadow", "reboot",
        "tar -czf /backup/x.tgz /srv", "cp /srv/a /srv/b", "su - alice", "usermod -L bob",
        "systemctl restart nginx", "passwd bob", "ip addr", "mount /mnt", "ssh web1 uptime",
    ),
}  # fmt: skip


def test_settings_for_all_commands_are_for_everybody(read: Callable[..., Sudoers]) -> None:
    every = read(BASE + "Defaults!ALL !authenticate\n")
    some = read(BASE + "Defaults!/usr/bin/vim !authenticate\n")
    assert sudo_password.judge(every, LOCAL, None, Groups(members={})).verdict is FAIL
    assert sudo_password.judge(some, LOCAL, None, Groups(members={})).verdict is UNDETERMINED


def test_fixed_arguments_that_make_root() -> None:
    for what, commands in FIXED.items():
        for command in commands:
            assert risk(f"/usr/bin/{command}") is what, command


def test_the_record_tells_the_rights_of_each_login_account(
    read: Callable[..., Sudoers],
) -> None:
    groups = Groups(members={"sudo": (), "ops": ("alice",)}, gids={"sudo": 27, "ops": 900})
    for rule, reported in {
        "": "-",
        "alice ALL=(root) /bin/ls": "(root) /bin/ls",
        "#1001 ALL=(root) /bin/ls": "(root) /bin/ls",
        "%ops ALL=(ALL) NOPASSWD: ALL": "(ALL) ALL",
        "%#900 ALL=(root) /bin/ls, !/bin/id": "(root) /bin/ls, (root) !/bin/id",
        "%#1001 ALL=(bob) /bin/ls": "(bob) /bin/ls",
        "ALL ALL=(root) /bin/a, /bin/b, /bin/c, /bin/d":
            "(root) /bin/a, (root) /bin/b, (root) /bin/c, +1",
    }.items():  # fmt: skip
        judged = scoped(read(BASE + rule), groups, LOCAL)
        rights = [d for d in judged.detail if d.id.startswith("What accounts with a login shell")]
        assert rights[0].args["names"] == (f"alice: {reported}",), rule


@pytest.fixture(scope="session")
def read(files: Make) -> Callable[..., Sudoers]:
    """Reads /etc/sudoers and drop-ins given by name."""

    def make(main: str, **drop_ins: str) -> Sudoers:
        contents = {"/etc/sudoers": main}
        contents |= {f"/etc/sudoers.d/{name}": text for name, text in drop_ins.items()}
        got = parse_sudoers(files(contents))
        assert isinstance(got, Sudoers)
        return got

    return make


Read = Callable[..., Sudoers]


RULES = [
    # A quoted name may hold blanks, = and commas; and it is a group all the same.
    ('"%ops team=night" ALL=(ALL) NOPASSWD: ALL', FAIL, FAIL),
    ('"%ops=night" ALL=(ALL) NOPASSWD: ALL', FAIL, FAIL),
    (r"%ops\ team\=night ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
    ('"%sudo" ALL=(ALL) ALL', PASS, PASS),
    ('"bob, eve" ALL=(ALL) NOPASSWD: ALL', FAIL, FAIL),
    # Quotes do not hold a command together, and a runas group does not hide the rest of its line.
    ('bob ALL=NOPASSWD: /bin/echo "x, /bin/sh', FAIL, FAIL),
    ("bob ALL=(%adm) /bin/ls, (root) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(%adm) NOPASSWD: ALL", UNDETERMINED, UNDETERMINED),
    # What shows any file.
    ("bob ALL=NOPASSWD: /bin/cat /var/log/*", UNDETERMINED, FAIL),
    ("bob ALL=/usr/bin/tail", PASS, FAIL),
    ("bob ALL=/bin/cat /home/bob/report", PASS, FAIL),
    ("bob ALL=NOPASSWD: /bin/cat /etc/shadow", UNDETERMINED, FAIL),
    ("bob ALL=NOPASSWD: /bin/cat /var/log/syslog, /bin/cat /a\\*", PASS, PASS),
    ("bob ALL=(oracle) NOPASSWD: /bin/cat *", PASS, PASS),
    # Programs nobody looked at.
    ("bob ALL=/opt/site/backup.sh", PASS, UNDETERMINED),
    ("%sudo ALL=/opt/site/backup.sh", PASS, PASS),
    ("", PASS, PASS),
    ("bob ALL=(ALL) ALL", PASS, FAIL),
    ("bob ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=NOPASSWD:ALL", FAIL, FAIL),
    ("%wheel ALL=(ALL) NOPASSWD: ALL", FAIL, PASS),
    ("%ops ALL=(ALL) ALL", PASS, FAIL),
    ("root ALL=(ALL) NOPASSWD: ALL", PASS, PASS),
    ("#0 ALL=(ALL) NOPASSWD: ALL", PASS, PASS),
    ("#1000 ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
    ("# bob ALL=(ALL) NOPASSWD: ALL", PASS, PASS),
    ("bob ALL=(oracle) NOPASSWD: ALL", PASS, PASS),
    ("bob ALL=(oracle,root) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(:dialout) NOPASSWD: ALL", PASS, PASS),
    ("bob ALL=(ALL) NOPASSWD: /usr/bin/id", PASS, PASS),
    ("bob ALL=(ALL) NOPASSWD: /usr/bin/id, ALL", FAIL, FAIL),
    ("bob ALL=(ALL) NOPASSWD: /usr/bin/id, PASSWD: ALL", PASS, FAIL),
    ("bob ALL=(ALL) NOEXEC: NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(ALL) CWD=/tmp NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(ALL) ALL, !/bin/su", PASS, FAIL),
    ("bob ALL=(ALL) !ALL", PASS, PASS),
    ("bob ALL=(ALL) NOPASSWD: \\\n  ALL", FAIL, FAIL),
    ("bob\tALL = (ALL)\tNOPASSWD : ALL # why", FAIL, FAIL),
    ("bob, eve ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
    ("root, bob ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
    ('"bob smith" ALL=(ALL) NOPASSWD: ALL', FAIL, FAIL),
    ("bob web1=/usr/bin/id : db1=NOPASSWD: ALL", FAIL, FAIL),
    ("bob web1=NOPASSWD: /usr/bin/id : db1=ALL", PASS, FAIL),
    ("bob ALL=NOPASSWD: /bin/bash", FAIL, FAIL),
    ('bob ALL=NOPASSWD: /bin/bash ""', FAIL, FAIL),
    ("bob ALL=NOPASSWD: /bin/bash -c *", FAIL, FAIL),
    ("bob ALL=NOPASSWD: /bin/bash /opt/run.sh", UNDETERMINED, UNDETERMINED),
    ("bob ALL=NOPASSWD: /usr/bin/su -", FAIL, FAIL),
    ("bob ALL=NOPASSWD: /usr/bin/su - oracle", PASS, PASS),
    ("bob ALL=NOPASSWD: /usr/bin/", FAIL, FAIL),
    ("bob ALL=NOPASSWD: /usr/bin/*", FAIL, FAIL),
    ("bob ALL=NOPASSWD: sha256:abc= /usr/bin/id", PASS, PASS),
    ("Cmnd_Alias X = /usr/bin/id, ALL\nbob ALL=NOPASSWD: X", FAIL, FAIL),
    ("Cmnd_Alias X = Y : Y = ALL\nbob ALL=NOPASSWD: X", FAIL, FAIL),
    ("bob ALL=NOPASSWD: X\nCmnd_Alias X = ALL", FAIL, FAIL),
    ("Cmnd_Alias X = /usr/bin/id\nbob ALL=NOPASSWD: X", PASS, PASS),
    ("User_Alias U = root\nU ALL=NOPASSWD: ALL", PASS, PASS),
    ("User_Alias U = root, bob\nU ALL=NOPASSWD: ALL", FAIL, FAIL),
    ("Runas_Alias R = oracle\nbob ALL=(R) NOPASSWD: ALL", PASS, PASS),
    ("Runas_Alias R = root\nbob ALL=(R) NOPASSWD: ALL", FAIL, FAIL),
    ("Defaults !authenticate", FAIL, PASS),
    ("Defaults exempt_group=wheel", FAIL, PASS),
    ('Defaults passprompt="x # y", !authenticate', FAIL, PASS),
    ("bob ALL=(ALL) NOPASSWD: ALL# since May", FAIL, FAIL),
    ("Defaults\t!authenticate", FAIL, PASS),
    ("Defaults env_reset, ! authenticate", FAIL, PASS),
    ("Defaults:bob !authenticate", FAIL, PASS),
    ("Defaults:root !authenticate", PASS, PASS),
    ("Defaults:rootless !authenticate", FAIL, PASS),
    ("Defaults authenticate", PASS, PASS),
    ("Defaults!/usr/bin/id !authenticate", UNDETERMINED, UNDETERMINED),
    ("bob ALL", UNDETERMINED, UNDETERMINED),
    ("bob eve ALL=(ALL) ALL", UNDETERMINED, UNDETERMINED),
    ("bob ALL=", UNDETERMINED, UNDETERMINED),
    ("User_Alias U", UNDETERMINED, UNDETERMINED),
    ("Cmnd_Alias X = X\nbob ALL = X", UNDETERMINED, UNDETERMINED),
    ("@include /etc/more", UNDETERMINED, UNDETERMINED),
    ("#includedir /etc/more.d", UNDETERMINED, UNDETERMINED),
    ("# " + "x" * 70000, PASS, PASS),
    ("bob ALL=" + "/a," * 30000 + "ALL", UNDETERMINED, UNDETERMINED),
    ("bob ALL=NOPASSWD: ALL\n@include /etc/more", FAIL, FAIL),
    # Tried with cvtsudoers 1.9.13: a comment ends with its line, a backslash or not.
    ("# note \\\nbob ALL=(ALL) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(ALL) NOPASSWD: \\  \n ALL", FAIL, FAIL),
    ("Defaults x \\ # c\nbob ALL=NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=NOPASSWD: sha224:ab==, sha224:cd== /bin/bash", FAIL, FAIL),
    ("bob ALL=NOPASSWD: sha224:ab==", UNDETERMINED, UNDETERMINED),
    ("bob ALL=(ALL,!root) NOPASSWD: ALL", PASS, PASS),
    # What an alias excludes, its negation includes (cvtsudoers -e tells it so).
    ("Cmnd_Alias X = ALL, !/bin/su\nbob ALL=NOPASSWD: !X", FAIL, FAIL),
    ("Cmnd_Alias X = ALL\nbob ALL=NOPASSWD: !X", PASS, PASS),
    ("Cmnd_Alias X = !ALL\nbob ALL=NOPASSWD: ! X", FAIL, FAIL),
    ("User_Alias X = !bob\n!X ALL=NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(!root,ALL) NOPASSWD: ALL", FAIL, FAIL),
    ("Defaults timestamp_timeout=-1", FAIL, PASS),
    ("Defaults timestamp_timeout=1440", FAIL, PASS),
    ("Defaults timestamp_timeout=1439.5", PASS, PASS),
    ("Defaults timestamp_timeout=soon", UNDETERMINED, UNDETERMINED),
    ("Defaults timestamp_timeout=-1\nDefaults timestamp_timeout=5", PASS, PASS),
    ("Defaults !authenticate\nDefaults authenticate", PASS, PASS),
    # Of a line for all and one for some the later holds, but for commands (sudo 1.9.13).
    ("Defaults:bob !authenticate\nDefaults authenticate", PASS, PASS),
    ("Defaults authenticate\nDefaults:bob !authenticate", FAIL, PASS),
    ("Defaults!ALL !authenticate\nDefaults authenticate", FAIL, PASS),
    ("Defaults:bob, eve !authenticate", FAIL, PASS),
    ("Defaults>oracle !authenticate", PASS, PASS),
    ("Defaults>oracle,root !authenticate", FAIL, PASS),
    ("Defaults>ORACLE !authenticate", FAIL, PASS),
    ("Defaults runas_default=oracle", UNDETERMINED, UNDETERMINED),
    ("Defaults targetpw", PASS, PASS),
    ("bob ALL=NOPASSWD: SETENV: /usr/bin/id", FAIL, FAIL),
    ("bob ALL=NOPASSWD: SETENV: NOSETENV: /usr/bin/id", PASS, PASS),
    ("Defaults setenv\nbob ALL=NOPASSWD: /usr/bin/id", FAIL, FAIL),
    ("Defaults setenv", PASS, PASS),
    ('Defaults env_keep += "A LD_PRELOAD"\nbob ALL=NOPASSWD: /usr/bin/id', FAIL, FAIL),
    # Root by other names (sudo 1.9.13 runs these as root).
    ('bob ALL=("root") NOPASSWD: ALL', FAIL, FAIL),
    ("bob ALL=(#00) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(%root) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(%#0) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(ALL,!%root) NOPASSWD: ALL", PASS, PASS),
    ("bob ALL=(%dba) NOPASSWD: ALL", UNDETERMINED, UNDETERMINED),
    ("bob ALL=(+admins) NOPASSWD: ALL", UNDETERMINED, UNDETERMINED),
    # A group that owns the disks is as good as root.
    ("bob ALL=(:disk) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(oracle:ALL) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(:docker) ALL", PASS, FAIL),
    ("bob ALL=(:libvirtd) NOPASSWD: ALL", FAIL, FAIL),
    ("bob ALL=(:audio) NOPASSWD: ALL", PASS, PASS),
    ("Runas_Alias G = disk\nbob ALL=(:G) NOPASSWD: ALL", FAIL, FAIL),
    # Any command by a pattern, a library or a program of one's own.
    ("bob ALL=(ALL) ^.*$", PASS, UNDETERMINED),
    ("%sudo ALL=(ALL) ^.*$", PASS, PASS),
    ("bob ALL=(ALL) SETENV: /usr/bin/id", PASS, FAIL),
    ("bob ALL=(ALL) /home/bob/run.sh", PASS, FAIL),
    ("Defaults pam_service=lax", UNDETERMINED, UNDETERMINED),
    ("Defaults pam_service=sudo", PASS, PASS),
    ('Defaults env_keep -= "LD_PRELOAD"\nbob ALL=NOPASSWD: /usr/bin/id', PASS, PASS),
    ('Defaults env_keep = "LS_COLORS"\nbob ALL=NOPASSWD: /usr/bin/id', PASS, PASS),
    ("bob ALL=/usr/bin/vim", PASS, FAIL),
    ("%wheel ALL=/usr/bin/vim", PASS, PASS),
]


# Which variables reach a command: each line was put to sudo 1.9.13 (`sudo NAME=x /usr/bin/env`).
FREE, SCRIPT = "bob ALL=NOPASSWD: /usr/bin/id", "bob ALL=NOPASSWD: /usr/bin/python3 /opt/x.py"
ENVIRONMENT = [
    ('Defaults env_keep += "LD_*"', FREE, FAIL, FAIL),
    ('Defaults env_keep += "*_P*"', FREE, FAIL, FAIL),  # LD_PRELOAD among them
    ('Defaults env_keep += "LD_PRELOAD"\nDefaults env_keep = "FOO"', FREE, PASS, PASS),
    ('Defaults env_keep += "LD_PRELOAD"\nDefaults !env_keep', FREE, PASS, PASS),
    ('Defaults env_keep += "LD_PRELOAD"\nDefaults env_keep -= "LD_PRELOAD"', FREE, PASS, PASS),
    ('Defaults env_keep += "LD_PRELOAD"\nDefaults env_keep -= "LD_*"', FREE, FAIL, FAIL),
    ('Defaults env_keep += "LD_PRELOAD=/x"', FREE, PASS, PASS),
    ('Defaults env_keep += "PYTHON?ATH LD_[P]RELOAD"', FREE, PASS, PASS),
    ('Defaults env_keep += "LANG DISPLAY http_proxy SSH_AUTH_SOCK"', FREE, PASS, PASS),
    ('Defaults env_keep += "PYTHONPATH"', FREE, UNDETERMINED, UNDETERMINED),
    ('Defaults env_keep += "PYTHONPATH"', SCRIPT, FAIL, FAIL),
    ('Defaults env_keep += "PERL5OPT"', SCRIPT, UNDETERMINED, UNDETERMINED),
    ('Defaults env_keep += "PYTHONPATH"', "", PASS, PASS),
    ('Defaults env_check += "LD_LIBRARY_PATH"', FREE, UNDETERMINED, UNDETERMINED),
    ("Defaults !env_reset", FREE, UNDETERMINED, UNDETERMINED),
    ("Defaults !env_reset", "", PASS, PASS),
    ("Defaults !env_reset\nDefaults env_reset", FREE, PASS, PASS),
    ("Defaults:bob !env_reset\nDefaults env_reset", FREE, PASS, PASS),
    ("Defaults!/usr/bin/id !env_reset", FREE, UNDETERMINED, UNDETERMINED),
    ("Defaults>root !env_reset", FREE, UNDETERMINED, UNDETERMINED),
    ("Defaults:bob !env_reset", FREE, UNDETERMINED, UNDETERMINED),
    ("Defaults:eve !env_reset", FREE, PASS, PASS),
    ('Defaults !env_reset\nDefaults env_keep += "LD_PRELOAD"', FREE, UNDETERMINED, UNDETERMINED),
    ('Defaults !env_reset\nDefaults env_delete -= "LD_*"', FREE, FAIL, FAIL),
    ('Defaults !env_reset\nDefaults env_delete -= "LD_PRELOAD"', FREE, UNDETERMINED, UNDETERMINED),
    ("Defaults !env_reset, !env_delete", FREE, FAIL, FAIL),
    ('Defaults !env_reset\nDefaults env_delete = "FOO"', FREE, FAIL, FAIL),
    ("Defaults !env_delete", FREE, PASS, PASS),
    ("Defaults setenv\nDefaults !setenv", FREE, PASS, PASS),
    ("Defaults env_file=/home/bob/env", FREE, FAIL, FAIL),
    ("Defaults env_file=/etc/environment", FREE, PASS, PASS),
    ('Defaults secure_path="/usr/bin:/tmp"', FREE, UNDETERMINED, UNDETERMINED),
    ('Defaults secure_path="/usr/bin:."', FREE, UNDETERMINED, UNDETERMINED),
    ('Defaults secure_path="/usr/sbin:/usr/bin"', FREE, PASS, PASS),
]


def test_variables_of_users(subtests: pytest.Subtests, read: Read) -> None:
    for line, rule, password, scope in ENVIRONMENT:
        with subtests.test(line[:80] + rule[:20]):
            got = read(f"{BASE}{line}\n{rule}\n")
            assert sudo_password.judge(got, LOCAL, None, None).verdict is password
            assert scoped(got, None, LOCAL).verdict is scope


# Container engines with fixed arguments; invented.
ENGINES = {
    Risk.ROOT: (
        "docker run -it -v /\\:/host alpine sh", "docker run -it --privileged alpine sh",
        "docker run --rm --pid host -it alpine sh", "docker exec *", "podman", "lxc-attach",
        "docker run -v /var/run/docker.sock\\:/var/run/docker.sock -it docker sh",
        "ctr run -t --privileged docker.io/x a sh", "kubectl edit deployment web",
        "kubectl debug node/n1 -it --image=x", "nsenter -t 1 -m -u sh",
        "nsenter --target 1 --mount", "machinectl shell", "machinectl shell root@.host",
        "lxc config edit", "virsh edit vm", "gosu root bash", "run0",
    ),
    Risk.REPLACEABLE: (
        "docker compose -f /home/bob/c.yml up", "docker build /home/bob",
        "kubectl apply -f /home/bob/x.yaml", "virsh define /tmp/vm.xml",
    ),
    Risk.UNSEEN: (
        "docker exec web sh", "docker exec -it web bash", "docker run --rm -v /srv\\:/d backup",
        "docker cp web\\:/x /etc/passwd", "podman exec -it web sh", "kubectl exec -it pod -- sh",
        "kubectl get secret -o yaml", "lxc exec web -- bash", "lxc-attach -n web", "pct enter 100",
        "ctr tasks exec -t a sh", "crictl exec -it a sh", "runc exec a sh", "isula exec -it a sh",
        "machinectl shell web", "nsenter -t 1 -m -- /usr/bin/id", "docker-compose up -d",
        "docker compose up -d", "docker run --privileged alpine sh",
    ),
    Risk.NONE: (
        "docker ps -a", "docker container ls", "docker logs web", "docker restart web",
        "kubectl -n web get pods", "lxc list", "machinectl list", "virsh start vm",
        "docker compose ps",
    ),
}  # fmt: skip


def test_container_engines(subtests: pytest.Subtests) -> None:
    for wanted, commands in ENGINES.items():
        for command in commands:
            with subtests.test(command):
                assert risk(f"/usr/bin/{command}") is wanted


def test_rules(subtests: pytest.Subtests, read: Read) -> None:
    for line, password, scope in RULES:
        with subtests.test(line[:80]):
            got = read(BASE + line + "\n")
            assert sudo_password.judge(got, LOCAL, None, None).verdict is password
            assert scoped(got, None, LOCAL).verdict is scope


# Of the entries that match, sudo takes the last. Each of these was put to sudo 1.9.13 as bob, a
# member of ops (`sudo -n id -u`, `sudo -n -u root -g disk id -u`): nothing that passes here ran.
# Where it refused and this fails, others than bob are free, or other commands and users are.
@pytest.mark.parametrize(
    ("before", "after", "password"),
    [
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL", PASS),
        ("bob ALL=(ALL) ALL", "bob ALL=(ALL) NOPASSWD: ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", "%ops ALL=(ALL) ALL", PASS),
        ("%ops ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL", FAIL),  # for its other members
        ("bob ALL=(ALL) NOPASSWD: ALL", "%none ALL=(ALL) ALL", FAIL),
        ("bob, eve ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL", FAIL),
        ("bob, eve ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL\neve ALL=(ALL) ALL", PASS),
        ("bob ALL=(ALL) NOPASSWD: ALL", "ALL ALL=(ALL) ALL", PASS),
        ("ALL ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", "ALL,!bob ALL=(ALL) ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob other=(ALL) ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL,!web1=(ALL) ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL : other=(ALL) ALL", "", FAIL),
        ("bob other=(ALL) ALL : ALL=(ALL) NOPASSWD: ALL", "", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", "Host_Alias X = ALL\nbob X=(ALL) ALL", PASS),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(bin) ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(root) ALL", FAIL),  # toor may have uid 0, too
        ("bob ALL=(root) NOPASSWD: ALL", "bob ALL=(root) ALL", PASS),
        ("bob ALL=NOPASSWD: ALL", "bob ALL=(ALL) ALL", PASS),
        # sudo -u root -g disk matches the first and not the second
        ("bob ALL=(ALL:ALL) NOPASSWD: ALL", "bob ALL=(root) ALL", FAIL),
        ("bob ALL=(ALL:ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL", FAIL),
        ("bob ALL=(ALL:ALL) NOPASSWD: ALL", "bob ALL=(ALL:ALL) ALL", PASS),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL:ALL) ALL", PASS),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) NOTAFTER=20200101000000Z ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", f"bob ALL=(ALL) sha224:{56 * '0'} ALL", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) !/usr/bin/vim", FAIL),
        ("bob ALL=(ALL) NOPASSWD: ALL, !ALL", "", PASS),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/vim", "bob ALL=(ALL) !/usr/bin/vim", PASS),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/vim", "bob ALL=(ALL) PASSWD: /usr/bin/vim x", FAIL),
        ("bob ALL=(ALL) NOPASSWD: sudoedit /etc/shadow", "bob ALL=(ALL) ALL", PASS),
        ("bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL\nbob ALL=(ALL) NOPASSWD: ALL", FAIL),
    ],
)
def test_the_last_entry_that_matches_holds(
    before: str, after: str, password: Verdict, read: Read
) -> None:
    groups = Groups(members={"ops": ("bob",)})
    got = read(f"{BASE}{before}\n{after}\n")
    assert not got.unread
    assert sudo_password.judge(got, LOCAL, None, groups).verdict is password


def test_the_last_file_comes_last(read: Read) -> None:
    main = BASE + "@includedir /etc/sudoers.d\n"
    free, asked = "bob ALL=(ALL) NOPASSWD: ALL\n", "bob ALL=(ALL) ALL\n"
    assert sudo_password.judge(read(main, a=free, b=asked), LOCAL, None, None).verdict is PASS
    assert sudo_password.judge(read(main, a=asked, b=free), LOCAL, None, None).verdict is FAIL
    assert sudo_password.judge(read(main + asked, a=free), LOCAL, None, None).verdict is PASS
    assert sudo_password.judge(read(asked + main, a=free), LOCAL, None, None).verdict is FAIL


def test_full_rights_that_a_later_entry_takes_away(read: Read) -> None:
    full = BASE + "bob ALL=(ALL) ALL\n"
    assert scoped(read(full + "bob ALL=(ALL) !ALL\n"), None, LOCAL).verdict is PASS
    assert scoped(read(full + "bob ALL=(ALL) PASSWD: ALL\n"), None, LOCAL).verdict is FAIL
    assert scoped(read(full + "bob other=(ALL) !ALL\n"), None, LOCAL).verdict is FAIL


def test_a_thousand_entries_that_overrule_one_another_are_soon_judged(read: Read) -> None:
    got = read(BASE + "bob ALL=(ALL) NOPASSWD: ALL\n" * 4900)
    assert sudo_password.judge(got, LOCAL, None, None).verdict is FAIL


# /etc/sudo.conf may name another plugin or another file, as tried with sudo 1.9.13.
@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({"/etc/sudo.conf": "# Plugin sudoers_policy other.so\nPath askpass /bin/x\n"}, PASS),
        ({"/etc/sudo.conf": "Plugin sudoers_policy sudoers.so\n"}, PASS),
        ({"/etc/sudo.conf": "Plugin sudoers_policy /usr/libexec/sudo/sudoers.so\n"}, PASS),
        ({"/etc/sudo.conf": "Plugin sudoers_policy sudoers.so sudoers_file=/x\n"}, UNDETERMINED),
        ({"/etc/sudo.conf": "plugin\tsudoers_policy sudoers.so \\\n sudoers_file=/x\n"},
         UNDETERMINED),
        ({"/etc/sudo.conf": "Plugin qpm4u_policy /opt/q/pm4u.so\n"}, UNDETERMINED),
        ({"/etc/sudoers-rs": "root ALL=(ALL) ALL\n"}, UNDETERMINED),
    ],
)  # fmt: skip
def test_rules_that_sudo_reads_elsewhere(
    more: dict[str, str], verdict: Verdict, files: Make
) -> None:
    got = parse_sudoers(files({"/etc/sudoers": BASE, **more}))
    assert isinstance(got, Sudoers)
    assert sudo_password.judge(got, LOCAL, None, None).verdict is verdict
    assert scoped(got, None, LOCAL).verdict is verdict


TURNED_INTO = [
    ("ALL", Risk.ROOT),
    ("!/bin/bash", Risk.NONE),
    ("list", Risk.NONE),
    ("^/usr/bin/[a-z]+$", Risk.UNSEEN),
    # shells and languages
    ("/bin/sh", Risk.ROOT),
    ('/bin/sh ""', Risk.ROOT),
    ("/bin/bash -p", Risk.ROOT),
    ("/usr/bin/python3.11", Risk.ROOT),
    ("/usr/bin/python3 /opt/x.py", Risk.UNSEEN),
    ("/usr/bin/python3 /opt/*.py", Risk.ROOT),
    ("/usr/bin/perl /home/bob/x.pl", Risk.REPLACEABLE),
    # editors, pagers and clients: a fixed file does not hold them
    ("/usr/bin/vim.basic /etc/hosts", Risk.ROOT),
    ("/usr/bin/less /var/log/syslog", Risk.ROOT),
    ("/usr/bin/mysql -e status", Risk.ROOT),
    ("/usr/sbin/visudo", Risk.ROOT),
    ("/usr/sbin/chpasswd", Risk.ROOT),
    # what decides are the arguments
    ("/usr/bin/find", Risk.ROOT),
    ('/usr/bin/find ""', Risk.NONE),
    ("/usr/bin/find /srv -name x", Risk.NONE),
    ("/usr/bin/find /srv -name *", Risk.ROOT),
    ("/usr/bin/find /srv -name \\*", Risk.NONE),
    ("/usr/bin/find /srv -exec /bin/cat {} \\;", Risk.NONE),
    ("/usr/bin/find /srv -exec vi {} \\;", Risk.ROOT),
    ("/usr/bin/find /srv -exec /usr/bin/tar -tf {} ; -printf y -name *", Risk.ROOT),
    ("/usr/bin/find /srv -exec /usr/bin/tar -tf {} ; -printf \\* -name \\*", Risk.NONE),
    ("/usr/bin/find /srv -exec /usr/bin/tar -tf {} ; -exec vi {} +", Risk.ROOT),
    ("/usr/bin/find /srv -exec /bin/cat + -exec {} ;", Risk.NONE),
    ("/usr/bin/find /srv" + 150 * " -exec /usr/bin/gzip -tq {} ;", Risk.NONE),
    ("/usr/bin/find /srv" + 100 * " -exec /usr/bin/find", Risk.UNSEEN),
    (100 * "/usr/bin/env " + "/bin/true", Risk.UNSEEN),
    ("/usr/bin/prlimit --as=9 /bin/true", Risk.NONE),
    ("/usr/bin/prlimit --as=9 /bin/sh", Risk.ROOT),
    ("/usr/bin/prlimit", Risk.ROOT),
    ("/usr/bin/tar czf /backup/a.tgz /srv", Risk.NONE),
    ("/usr/bin/tar czf /backup/a.tgz [a-z]", Risk.ROOT),
    ("/usr/bin/cp", Risk.ROOT),
    ("/usr/bin/dd", Risk.ROOT),
    ("/usr/bin/tee /var/log/a", Risk.NONE),
    ("/usr/bin/tee -a /etc/sudoers", Risk.ROOT),
    ("/usr/bin/awk", Risk.ROOT),
    ("/usr/bin/systemctl", Risk.ROOT),
    ("/usr/bin/systemctl restart nginx", Risk.NONE),
    ("/usr/bin/systemctl restart *", Risk.ROOT),
    ("/usr/bin/systemctl edit nginx", Risk.ROOT),
    ("/usr/bin/systemctl status nginx", Risk.PAGER),
    ("/usr/bin/systemctl --no-pager status nginx", Risk.NONE),
    ("/usr/bin/journalctl", Risk.PAGER),
    ("/usr/bin/journalctl --no-pager -u x", Risk.NONE),
    ("/usr/bin/crontab -l", Risk.NONE),
    ("/usr/bin/crontab -e", Risk.ROOT),
    ("/usr/bin/passwd bob", Risk.NONE),
    ("/usr/bin/passwd root", Risk.ROOT),
    ("/usr/bin/passwd [A-Za-z]*", Risk.ROOT),
    ("/usr/bin/su", Risk.ROOT),
    ("/usr/bin/su - oracle", Risk.NONE),
    ("/usr/bin/su - root", Risk.ROOT),
    ("/usr/bin/su -l", Risk.ROOT),
    ("/usr/bin/git pull", Risk.UNSEEN),
    ("/usr/bin/make install", Risk.UNSEEN),
    ("sudoedit", Risk.ROOT),
    ("sudoedit /etc/motd", Risk.NONE),
    ("sudoedit /etc/sudoers.d/x", Risk.ROOT),
    ("sudoedit /srv/*", Risk.ROOT),
    # what starts another program is that program
    ("/usr/bin/env", Risk.ROOT),
    ("/usr/bin/timeout 5 /bin/bash", Risk.ROOT),
    ("/usr/bin/timeout -k 2 5 /usr/bin/id -u", Risk.NONE),
    ("/usr/bin/env A=1 vim", Risk.ROOT),
    ("/usr/bin/nice -n 5 /usr/bin/find /srv -name \\*", Risk.NONE),
    ("/usr/bin/sudo -i", Risk.ROOT),
    ("/usr/bin/timeout" + " timeout" * 9000, Risk.UNSEEN),
    ("/usr/bin/" + "*a" * 9000, Risk.UNSEEN),
    ("\\", Risk.UNSEEN),
    # where it stands
    ("/usr/bin/id", Risk.NONE),
    ("/usr/bin/id *", Risk.NONE),
    ("/opt/app/ctl restart", Risk.UNSEEN),
    ("/usr/local/bin/backup.sh", Risk.UNSEEN),
    ("/home/bob/run.sh", Risk.REPLACEABLE),
    ("/tmp/x", Risk.REPLACEABLE),
    ("/opt/bash", Risk.ROOT),
    # folders and wildcards in the name
    ("/usr/bin/", Risk.ROOT),
    ("/usr/bin/*", Risk.ROOT),
    ("/usr/bin/* status", Risk.ROOT),
    ("/usr/bin/v?m", Risk.ROOT),
    ("/usr/sbin/check_*", Risk.ROOT),  # check_by_ssh is one of them
    ("/usr/sbin/lv[sd]", Risk.NONE),
    ("/usr/local/nagios/libexec/check_*", Risk.UNSEEN),
    ("/opt/*/run", Risk.UNSEEN),
]


def test_what_a_command_can_be_turned_into(subtests: pytest.Subtests) -> None:
    for command, expected in TURNED_INTO:
        with subtests.test(command[:80]):
            assert risk(command) is expected


_VERDICTS = {
    Risk.ROOT: FAIL, Risk.REPLACEABLE: FAIL, Risk.UNSEEN: UNDETERMINED, Risk.PAGER: UNDETERMINED,
    Risk.NONE: PASS,
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "seen"),
    [("/usr/bin/vi", Risk.ROOT), ("/home/bob/x", Risk.REPLACEABLE), ("/opt/x", Risk.UNSEEN),
     ("/usr/bin/journalctl", Risk.PAGER), ("/usr/bin/id", Risk.NONE)],
)  # fmt: skip
def test_what_a_command_without_a_password_is_judged(command: str, seen: Risk, read: Read) -> None:
    judged = sudo_password.judge(read(f"{BASE}bob ALL=NOPASSWD: {command}\n"), LOCAL, None, None)
    assert judged.verdict is _VERDICTS[seen]
    assert any((f"bob = {command}",) in detail.args.values() for detail in judged.detail)
    asked = sudo_password.judge(read(f"{BASE}bob ALL={command}\n"), LOCAL, None, None)
    assert asked.verdict is PASS


@pytest.mark.parametrize(
    ("auth", "verdict"),
    [
        ("auth required pam_unix.so", PASS),
        ("auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so", PASS),
        ("auth sufficient pam_permit.so\nauth required pam_unix.so", FAIL),
        ("auth [success=1 default=ignore] pam_unix.so\nauth required pam_permit.so", FAIL),
        ("auth sufficient pam_ssh_agent_auth.so\nauth required pam_unix.so", UNDETERMINED),
        ("auth sufficient pam_succeed_if.so user ingroup x\nauth required pam_unix.so",
         UNDETERMINED),
        ("auth required pam_u2f.so\nauth required pam_unix.so", PASS),
        ("auth include gone", UNDETERMINED),
    ],
)  # fmt: skip
def test_sudo_asks_whom_its_pam_stack_asks(
    auth: str, verdict: Verdict, read: Read, files: Make
) -> None:
    pam = parse_pam(files({"/etc/pam.d/sudo": auth}))
    assert sudo_password.judge(read(BASE), LOCAL, pam, None).verdict is verdict


def test_rules_from_a_directory_are_never_passed_over(read: Read) -> None:
    far = Sources(sudoers=("sss (LDAP)",))
    assert sudo_password.judge(read(BASE), far, None, None).verdict is UNDETERMINED
    assert scoped(read(BASE), None, far).verdict is UNDETERMINED
    assert scoped(read(BASE), None, Sources(passwd=("ldap",))).verdict is UNDETERMINED
    assert sudo_password.judge(None, far, None, None).verdict is UNDETERMINED
    assert scoped(None, None, far).verdict is UNDETERMINED
    assert sudo_password.judge(None, LOCAL, None, None).verdict is Verdict.NOT_APPLICABLE
    assert scoped(None, None, LOCAL).verdict is Verdict.NOT_APPLICABLE
    bad = read(BASE + "bob ALL=NOPASSWD: ALL\n")
    assert sudo_password.judge(bad, far, None, None).verdict is FAIL


@pytest.mark.parametrize(
    ("include", "name", "verdict"),
    [
        ("@includedir /etc/sudoers.d\n", "ops", FAIL),
        ("#includedir /etc/sudoers.d/\r\n", "ops", FAIL),
        ("", "ops", PASS),
        ("@includedir /etc/sudoers.d\n", "ops.bak", PASS),
        ("@includedir /etc/sudoers.d\n", "ops~", PASS),
    ],
)
def test_drop_ins(include: str, name: str, verdict: Verdict, read: Read) -> None:
    got = read(BASE + include, **{name: "bob ALL=NOPASSWD: ALL"})
    assert sudo_password.judge(got, LOCAL, None, None).verdict is verdict


def test_an_alias_of_one_file_holds_in_the_other(read: Read) -> None:
    got = read("@includedir /etc/sudoers.d\nUser_Alias OPS = bob\n", ops="OPS ALL=NOPASSWD: ALL\n")
    assert got.grants[0].who == ("bob",)


def test_no_sudoers(files: Make, answer: Make) -> None:
    for given in (answer(""), files({"/etc/sudoers.d/x": "bob ALL=ALL"})):
        got = parse_sudoers(given)
        assert isinstance(got, Absent)
        assert got.reason is Reason.NOT_PRESENT


def test_the_vendor_file_counts_where_there_is_no_other(files: Make) -> None:
    got = parse_sudoers(files({"/usr/etc/sudoers": "bob ALL=NOPASSWD: ALL"}))
    assert isinstance(got, Sudoers)
    assert sudo_password.judge(got, LOCAL, None, None).verdict is FAIL


def test_members_are_named_and_the_parameter_tightens(read: Read) -> None:
    groups = Groups(members={"sudo": ("alice", "bob")})
    judged = scoped(read(BASE), groups, LOCAL)
    assert judged.detail[0].args["names"] == ("%sudo: alice, bob",)
    assert scoped(read(BASE), groups, LOCAL, admins=frozenset({"root"})).verdict is FAIL


def test_declared_administrators(read: Read) -> None:
    rules = read(BASE + "%yunwei ALL=(ALL) ALL\n")
    target = structs.replace(TARGET, settings={"admin_groups": ["yunwei"]})
    assert scoped(rules, None, LOCAL).verdict is FAIL
    judged = sudo_scope.judge(target, rules, Groups(members={"yunwei": ("eve",)}), LOCAL, ALICE)
    assert judged.verdict is PASS
    assert judged.detail[0].args["names"] == ("%sudo: -", "%yunwei: eve")


def test_a_drop_in_that_was_not_read_does_not_hide_a_fail(files: Make) -> None:
    reported = files({"/etc/sudoers": BASE + "@includedir /etc/sudoers.d\n",
                  "/etc/sudoers.d/a": "bob ALL=NOPASSWD: ALL\n"})  # fmt: skip
    closed = FileEntry(path="/etc/sudoers.d/b", status=FileStatus.NOT_PERMITTED)
    passed_over = FileEntry(path="/etc/sudoers.d/b.bak", status=FileStatus.TOO_BIG)
    for more, unread in (((closed,), ("/etc/sudoers.d/b",)), ((passed_over,), ())):
        answer = structs.replace(reported, stdout=reported.stdout + encode_files(more))
        got = parse_sudoers(answer)
        assert isinstance(got, Sudoers)
        assert got.unread == unread
        assert sudo_password.judge(got, LOCAL, None, None).verdict is FAIL


def test_includes_of_several_levels(files: Make) -> None:
    got = parse_sudoers(
        files({
            "/etc/sudoers": BASE + "@include sudoers.d/first\n",
            "/etc/sudoers.d/first": "@include /etc/sudoers.d/second.conf\n@include /etc/sudoers\n",
            "/etc/sudoers.d/second.conf": "bob ALL=NOPASSWD: ALL\n",
        })
    )  # fmt: skip
    assert isinstance(got, Sudoers)
    assert sudo_password.judge(got, LOCAL, None, None).verdict is FAIL
    assert got.unread == ("@include /etc/sudoers",)
    vendor = parse_sudoers(
        files({
            "/usr/etc/sudoers": "@includedir /usr/etc/sudoers.d\n@includedir /etc/sudoers.d\n",
            "/etc/sudoers.d/a": "bob ALL=NOPASSWD: ALL\n",
        })
    )  # fmt: skip
    assert isinstance(vendor, Sudoers)
    assert (vendor.unread, len(vendor.grants)) == ((), 1)


def _root_requests() -> list[Command]:
    asked = [provider.ask for fact in audit_linux.dengbao_facts() for provider in fact.providers]
    return [a for a in asked if isinstance(a, Command) and a.privilege is Privilege.ROOT]


def test_the_audit_accounts_own_rules_are_fine(read: Read) -> None:
    text = least_sudoers(_root_requests(), "auditor")
    got = read(BASE + "@includedir /etc/sudoers.d\n", dengbao=text)
    assert got.unread == ()
    assert len(got.grants) == 2 + len({r.argv for r in _root_requests()})
    assert sudo_password.judge(got, LOCAL, None, None).verdict is PASS
    assert scoped(got, None, LOCAL).verdict is PASS


@pytest.mark.skipif(shutil.which("visudo") is None, reason="visudo is not installed")
def test_visudo_accepts_the_rules_of_these_requests(tmp_path: Path) -> None:
    file = tmp_path / "dengbao"
    file.write_text(least_sudoers(_root_requests(), "auditor"), encoding="utf-8")
    done = subprocess.run(
        ["visudo", "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_root_requests_have_absolute_programs_and_no_shell() -> None:
    for request in _root_requests():
        assert request.argv[0].startswith("/")
        assert request.argv[0].rsplit("/", 1)[-1] not in {"sh", "bash", "env", "su"}


def test_recorded_sudoers(recording: Make) -> None:
    sudoers = parse_sudoers(recording("linux.sudoers"))
    assert not isinstance(sudoers, Absent)
    reported = [(g.who, g.command, g.no_password) for g in sudoers.grants]
    assert reported[:2] == [(("root",), "ALL", False), (("%sudo",), "ALL", False)]
    assert {(who, free) for who, _, free in reported[2:]} == {(("audit",), True)}
    assert sudoers.unread == ()
