"""One fault at a time on a hardened host: which checks turn, and with which rights.

`PYTHONPATH=tests python -m live.mutations --inventory FILE --as-root 'nsenter -t PID -a' [NAME …]`
runs the command before and after each fault, and prints what turned beside what should. It is no
test: it needs a Debian 12 host that may be damaged, hardened and booted with systemd, and takes
half an hour. The inventory declares that host twice: as `sudo`, where the printed sudoers file is
installed, and as `plain` with `access: {sudo: none}`. A recording of such a host serves the test
suite (test_golden_mutations.py).
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_SSHD = "/etc/ssh/sshd_config.d/10-hard.conf"
_DEFS = "/etc/login.defs"
_SHADOW = "/etc/shadow"
_PASSWD = "/etc/passwd"
_GROUP = "/etc/group"
_SUDOERS = "/etc/sudoers.d/fault"
_PAM = "/etc/pam.d"


class Mutation(Struct, frozen=True):
    """A fault: the commands of a root shell that make it, and the paths that it changes.

    `turns` are the checks that fail with sudo, `seen` those that fail without; `CHECK?` becomes
    undetermined and `CHECK+` passes. `back` are commands after the paths are as before.
    """

    name: str
    do: str
    paths: tuple[str, ...] = ()
    turns: str = ""
    seen: str = ""
    back: str = ""


def _sshd(name: str, line: str, turns: str) -> Mutation:
    """`line` as the first of the drop-in, where the first value holds."""
    do = f"sed -i {shlex.quote('1i ' + line)} {_SSHD}"
    return Mutation(f"sshd {name}", do, (_SSHD,), turns)


def _edit(name: str, file: str, script: str, turns: str, seen: str = "") -> Mutation:
    return Mutation(name, f"sed -i -E {shlex.quote(script)} {file}", (file,), turns, seen)


def _sudo(name: str, line: str, turns: str) -> Mutation:
    do = f"printf '%s\\n' {shlex.quote(line)} >{_SUDOERS}; chmod 440 {_SUDOERS}; visudo -cq"
    return Mutation(f"sudo {name}", do, (_SUDOERS,), turns)


def _file(
    name: str, do: str, paths: str, turns: str, seen: str | None = None, back: str = ""
) -> Mutation:
    return Mutation(name, do, tuple(paths.split()), turns, turns if seen is None else seen, back)


def _service(name: str, unit: str, turns: str, seen: str | None = None) -> Mutation:
    back = f"systemctl start {unit}; sleep 6"
    found = turns if seen is None else seen
    return Mutation(name, f"systemctl stop {unit}", (), turns, found, back)


def _listener(name: str, port: int, turns: str, seen: str) -> Mutation:
    serve = f"use IO::Socket;$s=IO::Socket::INET->new(LocalPort=>{port},Listen=>5)||die;sleep 999"
    do = f"systemd-run -q --unit=fault-port perl -e {shlex.quote(serve)}; sleep 1"
    return Mutation(name, do, (), turns, seen, "systemctl stop fault-port")


_SSH = (
    _sshd("root login", "PermitRootLogin yes", "sshd-root-login"),
    Mutation("sshd root login in a Match", "printf 'Match Address 0.0.0.0/0\\n "
             f"PermitRootLogin yes\\n' >>{_SSHD}", (_SSHD,), "sshd-root-login"),
    _sshd("empty passwords", "PermitEmptyPasswords yes", "sshd-empty-passwords"),
    _sshd("many tries", "MaxAuthTries 20", "sshd-login-limits"),
    _sshd("no grace time", "LoginGraceTime 0", "sshd-login-limits"),
    _sshd("no idle time", "ClientAliveInterval 0", "sshd-idle"),
    _sshd("weak cipher", "Ciphers aes256-ctr,aes128-cbc", "sshd-ciphers"),
    _sshd("weak MAC", "MACs hmac-sha2-256,hmac-md5", "sshd-macs"),
    _sshd("weak key exchange", "KexAlgorithms curve25519-sha256,diffie-hellman-group1-sha1",
          "sshd-kex"),
    _sshd("weak signature", "HostKeyAlgorithms ssh-ed25519,ssh-rsa", "sshd-host-keys"),
    _sshd("no PAM", "UsePAM no", "sshd-pam login-lockout"),
    _sshd("hostbased", "HostbasedAuthentication yes", "sshd-trust"),
    _sshd("no strict modes", "StrictModes no", "sshd-trust"),
    _sshd("user environment", "PermitUserEnvironment yes", "sshd-trust"),
    _sshd("rhosts", "IgnoreRhosts no", "sshd-trust"),
    _sshd("gateway ports", "GatewayPorts yes", "sshd-forwarding"),
    _sshd("tunnel", "PermitTunnel yes", "sshd-forwarding"),
    _edit("sshd all users", _SSHD, "/^AllowUsers/d", "sshd-source-limited?"),
    _file("host key of 1024 bits", "cd /etc/ssh; rm ssh_host_rsa_key*; ssh-keygen -q -t rsa -b 1024"
          " -N '' -f ssh_host_rsa_key", "/etc/ssh/ssh_host_rsa_key "
          "/etc/ssh/ssh_host_rsa_key.pub", "sshd-host-key-size", ""),
    _file("authorized_keys for all", "install -d -o alice -m 700 /home/alice/.ssh; cp "
          "/home/audit/.ssh/authorized_keys /home/alice/.ssh/; chmod 666 "
          "/home/alice/.ssh/authorized_keys", "/home/alice/.ssh",
          "authorized-keys world-writable", ""),
    _file("authorized_keys of another", "install -d -o alice -m 700 /home/alice/.ssh; install "
          "-o bob -m 644 /home/audit/.ssh/authorized_keys /home/alice/.ssh/", "/home/alice/.ssh",
          "authorized-keys", ""),
    _file("hosts.equiv", "echo + >/etc/hosts.equiv", "/etc/hosts.equiv", "trusted-hosts"),
    _file(".rhosts", "echo '+ +' >/home/alice/.rhosts", "/home/alice/.rhosts", "trusted-hosts", ""),
)  # fmt: skip

_ACCOUNTS = (
    _file("second uid 0", f"echo toor:x:0:0::/root:/bin/bash >>{_PASSWD}; echo 'toor:*:20000:2:90"
          f":14:::' >>{_SHADOW}", f"{_PASSWD} {_SHADOW}", "root-only-uid-0 uid-unique"),
    _file("uid twice", f"echo twin:x:1002:1002::/home/bob:/usr/sbin/nologin >>{_PASSWD}; echo "
          f"'twin:*:20000:2:90:14:::' >>{_SHADOW}", f"{_PASSWD} {_SHADOW}", "uid-unique"),
    _file("name twice", f"echo bob:x:1005:1002::/home/bob:/bin/bash >>{_PASSWD}", _PASSWD,
          "user-name-unique home-modes"),
    _edit("empty password", _SHADOW, "s/^bob:[^:]*:/bob::/", "no-empty-password"),
    _edit("MD5 hash", _SHADOW, "s/^bob:[^:]*:/bob:$1$abcdefgh$abcdefghijklmnopqrstuv:/",
          "password-hash"),
    _edit("password never expires", _SHADOW, r"s/^(bob:[^:]*:[^:]*:2:)90:/\199999:/",
          "password-age"),
    Mutation("default account with password", f"h=$(grep ^alice: {_SHADOW} | cut -d: -f2); "
             f'sed -i "s#^sync:[^:]*:#sync:$h:#" {_SHADOW}', (_SHADOW,),
             "default-accounts"),
    _edit("PASS_MAX_DAYS", _DEFS, r"s/^(PASS_MAX_DAYS).*/\1 99999/", "password-age-default",
          "password-age-default"),
    _edit("UMASK of login.defs", _DEFS, r"s/^(UMASK).*/\1 000/", "umask", "umask"),
    _edit("umask of profile.d", "/etc/profile.d/00-hard.sh", "s/umask 027/umask 000/", "umask",
          "umask"),
    _edit("no TMOUT", "/etc/profile.d/00-hard.sh", "/TMOUT/d", "session-timeout",
          "session-timeout"),
    _edit("TMOUT of 0", "/etc/profile.d/00-hard.sh", "s/TMOUT=600/TMOUT=0/", "session-timeout",
          "session-timeout"),
    _edit("short passwords", "/etc/security/pwquality.conf", "s/^minlen.*/minlen = 6/",
          "password-quality", "password-quality"),
    _edit("one class", "/etc/security/pwquality.conf", "s/^minclass.*/minclass = 0/; s/credit = -1"
          "/credit = 0/", "password-quality", "password-quality"),
    _edit("no pwquality", f"{_PAM}/common-password", "/pam_pwquality/d",
          "password-quality", "password-quality"),
    _edit("no history", f"{_PAM}/common-password", "/pam_pwhistory/d", "password-history",
          "password-history"),
    _edit("no lock-out in PAM", f"{_PAM}/common-auth", "/pam_faillock/d; s/success=2/success=1/",
          "login-lockout", "login-lockout"),
    _edit("deny of 0", "/etc/security/faillock.conf", "s/^deny.*/deny = 0/", "login-lockout",
          "login-lockout"),
    _edit("short lock", "/etc/security/faillock.conf", "s/^unlock_time.*/unlock_time = 1/",
          "login-lockout", "login-lockout"),
    _edit("root is not locked", "/etc/security/faillock.conf", "/even_deny_root/d; "
          "/root_unlock/d", "login-lockout?", "login-lockout?"),
    _edit("service account with shell", _PASSWD, "s#^(games:.*):[^:]*$#\\1:/bin/bash#",
          "system-account-shells", "system-account-shells"),
    _file("docker group", f"echo docker:x:990:bob >>{_GROUP}", _GROUP, "root-groups"),
    _edit("shadow group", _GROUP, "s/^shadow:.*/&bob/", "root-groups file-modes",
          "root-groups file-modes"),
    _edit("disk group", _GROUP, "s/^disk:.*/&bob/", "root-groups", "root-groups"),
    _edit("primary group is disk", _PASSWD, "s/^(bob:x:1002:)1002/\\16/", "root-groups",
          "root-groups"),
    _file("shared account", f"echo test:x:1009:1009::/home/bob:/bin/bash >>{_PASSWD}; echo "
          f"'test:!:20786:2:90:14:::' >>{_SHADOW}; echo test:x:1009: >>{_GROUP}",
          f"{_PASSWD} {_SHADOW} {_GROUP}", "shared-accounts? home-modes stale-accounts?",
          "shared-accounts? home-modes"),
    _file("stale account", "lastlog -C -u bob; chage -d 2024-01-01 bob", "/var/log/lastlog "
          f"{_SHADOW}", "stale-accounts password-age", ""),
)  # fmt: skip

_SUDO = (
    _sudo("all without password", "bob ALL=(ALL) NOPASSWD: ALL", "sudo-password sudo-scope"),
    _sudo("all", "bob ALL=(ALL) ALL", "sudo-scope"),
    _sudo("an editor", "bob ALL=(root) NOPASSWD: /usr/bin/vim", "sudo-password sudo-scope"),
    _sudo("any file of a folder", "bob ALL=(root) /usr/bin/cat /var/log/*", "sudo-scope"),
    _sudo("no passwords at all", "Defaults !authenticate", "sudo-password"),
    _sudo("a wildcard command", "bob ALL=(root) NOPASSWD: /usr/bin/*", "sudo-password sudo-scope"),
    _file("sudo a script of all", f"install -m 777 /dev/null /opt/run.sh; echo 'bob ALL=(root) "
          f"/opt/run.sh' >{_SUDOERS}; chmod 440 {_SUDOERS}", f"/opt/run.sh {_SUDOERS}",
          "sudo-scope root-runs world-writable", "world-writable"),
    _file("sudo a script of the user", f"install -o bob -m 755 /dev/null /opt/run.sh; echo 'bob "
          f"ALL=(root) /opt/run.sh' >{_SUDOERS}; chmod 440 {_SUDOERS}", f"/opt/run.sh {_SUDOERS}",
          "sudo-scope root-runs", ""),
)  # fmt: skip

_FILES = (
    _file("shadow for all", "chmod 644 /etc/shadow", "/etc/shadow", "file-modes"),
    _file("passwd for all", "chmod 666 /etc/passwd", "/etc/passwd", "file-modes world-writable"),
    _file("crontab of bob", "chown bob /etc/crontab", "/etc/crontab", "file-modes root-runs"),
    _file("cron.d for all", "chmod 777 /etc/cron.d", "/etc/cron.d",
          "file-modes world-writable root-runs"),
    _file("host key for all", "chmod 644 /etc/ssh/ssh_host_ed25519_key",
          "/etc/ssh/ssh_host_ed25519_key", "file-modes"),
    _file("open home", "chmod 755 /home/bob", "/home/bob", "home-modes"),
    _file("setuid shell", "cp /bin/bash /opt/x; chmod 4755 /opt/x", "/opt/x", "setuid-files"),
    _file("setuid find", "chmod u+s /usr/bin/find", "/usr/bin/find", "setuid-files"),
    _file("setuid in a home", "install -m 4755 /bin/true /home/bob/t; chmod 751 /home/bob",
          "/home/bob", "setuid-files home-modes", "home-modes"),
    _file("unknown setgid", "install -m 2755 /bin/true /usr/local/bin/thing; chown :shadow "
          "/usr/local/bin/thing; chmod g+s /usr/local/bin/thing", "/usr/local/bin/thing",
          "setuid-files?", ""),
    _file("capable perl", "setcap cap_setuid+ep /usr/bin/perl", "/usr/bin/perl",
          "file-capabilities"),
    _file("file for all", "install -m 666 /dev/null /opt/data.txt", "/opt/data.txt",
          "world-writable"),
    _file("no sticky bit", "chmod 0777 /var/tmp", "", "world-writable",
          back="chmod 1777 /var/tmp"),
    _file("unowned file", "install /dev/null /opt/orphan; chown 4242:4242 /opt/orphan",
          "/opt/orphan", "unowned-files"),
    _file("access list on hosts", "setfacl -m u:bob:rw /etc/hosts", "/etc/hosts", "file-acls"),
    _file("access list on passwd", "setfacl -m u:bob:rw /etc/passwd", "/etc/passwd",
          "file-acls file-modes"),
    _file("cron job of bob", "install -o bob -m 755 /dev/null /opt/job.sh; echo '1 1 * * * root "
          "/opt/job.sh' >/etc/cron.d/fault", "/opt/job.sh /etc/cron.d/fault", "root-runs", ""),
    _file("unit of bob", "install -o bob -m 755 /dev/null /opt/job.sh; printf '[Service]\\n"
          "ExecStart=/opt/job.sh\\n[Install]\\nWantedBy=multi-user.target\\n' "
          ">/etc/systemd/system/fault.service; systemctl enable -q fault", "/opt/job.sh "
          "/etc/systemd/system/fault.service "
          "/etc/systemd/system/multi-user.target.wants/fault.service", "root-runs"),
    _file("PATH of cron", "install -d -o bob -m 755 /opt/bin; sed -i 's#^PATH=.*#PATH=/opt/bin:"
          "/bin:/usr/bin#' /etc/crontab; grep -q ^PATH /etc/crontab || sed -i '1i PATH=/opt/bin:"
          "/bin:/usr/bin' /etc/crontab", "/opt/bin /etc/crontab", "root-runs", ""),
    _file("profile.d of bob", "install -o bob -m 644 /dev/null /etc/profile.d/zz.sh",
          "/etc/profile.d/zz.sh", "file-modes"),
    _file("program of root owned by bob", "chown bob /usr/sbin/cron", "/usr/sbin/cron",
          "root-runs"),
)  # fmt: skip

_RSYSLOG = "systemctl restart rsyslog"
_AUTH = "/var/log/auth.log"
_LOGS = (
    _file("no forwarding", "rm /etc/rsyslog.d/90-remote.conf; systemctl restart rsyslog",
          "/etc/rsyslog.d/90-remote.conf", "log-remote", back=_RSYSLOG),
    _file("records are discarded", "echo 'auth,authpriv.* stop' >/etc/rsyslog.d/00-stop.conf; "
          "systemctl restart rsyslog", "/etc/rsyslog.d/00-stop.conf", "login-recording",
          back=_RSYSLOG),
    _file("log is a device", "mv /var/log/auth.log /var/log/auth.keep; ln -s /dev/null "
          "/var/log/auth.log; systemctl restart rsyslog", _AUTH, "login-recording",
          back=f"rm /var/log/auth.keep; {_RSYSLOG}"),
    _service("syslog is stopped", "syslog.socket rsyslog", "login-recording log-remote"),
    _edit("few rotations", "/etc/logrotate.d/rsyslog", r"s/^(\s*rotate) .*/\1 1/",
          "log-retention? log-kept-or-sent?", "log-retention? log-kept-or-sent?"),
    _file("log for all to read", "chmod 644 /var/log/auth.log", _AUTH, "log-file-modes",
          back=_RSYSLOG),
    _file("log for all to write", "chmod 666 /var/log/auth.log", _AUTH,
          "log-file-modes world-writable", back=_RSYSLOG),
    _service("auditd is stopped", "auditd", "audit-daemon audit-enabled audit-storage",
             "audit-daemon"),
    _file("no audit rules", ": >/opt/acted/rules", "/opt/acted/rules", "audit-rules", ""),
    _edit("no rules for accounts", "/opt/acted/rules", "/identity/d", "audit-rules"),
    _edit("auditing is off", "/usr/sbin/auditctl", "s/enabled 2/enabled 0/",
          "audit-enabled audit-locked"),
    _edit("rules are not locked", "/usr/sbin/auditctl", "s/enabled 2/enabled 1/", "audit-locked"),
    _edit("full disk is ignored", "/etc/audit/auditd.conf", r"s/^(disk_full_action).*/\1 = IGNORE/",
          "audit-storage"),
    _edit("nothing is written", "/etc/audit/auditd.conf", r"s/^(write_logs).*/\1 = no/",
          "audit-storage"),
)  # fmt: skip

_NFT = "systemctl reload nftables"
_NETWORK = (
    Mutation("filter accepts all", "nft flush chain inet filter input; nft 'chain inet filter "
             "input { policy accept; }'", (), "firewall-input management-sources?", "",
             "nft flush ruleset; " + _NFT),
    Mutation("no filter", "nft flush ruleset", (), "firewall-input management-sources?", "", _NFT),
    Mutation("port 22 for all", "nft insert rule inet filter input tcp dport 22 accept", (),
             "management-sources?", "", "nft flush ruleset; " + _NFT),
    Mutation("dormant table", "nft 'table inet filter { flags dormant; }'", (),
             "firewall-input management-sources?", "", "nft flush ruleset; " + _NFT),
    _edit("emptied file of the filter", "/etc/nftables.conf", "d", "firewall-persistent"),
    Mutation("early accept", "nft insert rule inet filter input accept", (),
             "firewall-input management-sources?", "", "nft flush ruleset; " + _NFT),
    _listener("cache port", 6379, "listening-allowed listening-high-risk "
              "remote-admin-encrypted?", "listening-allowed listening-high-risk"),
    _listener("telnet port", 23, "listening-allowed listening-high-risk no-plain-logins "
              "remote-admin-encrypted?", "listening-allowed listening-high-risk no-plain-logins"),
)  # fmt: skip

_SYSTEM = (
    _edit("no automatic updates", "/etc/apt/apt.conf.d/20auto-upgrades", 's/"1"/"0"/',
          "patch.automatic-updates?", "patch.automatic-updates?"),
    _edit("trusted source", "/etc/apt/sources.list", "1s/^deb /deb [trusted=yes] /",
          "patch.sources-verified", "patch.sources-verified"),
    _edit("no security source", "/etc/apt/sources.list", "/security/d", "patch.security-updates?",
          "patch.security-updates?"),
    _file("pinned away", "printf 'Package: *\\nPin: release l=Debian-Security\\nPin-Priority: -1"
          "\\n' >/etc/apt/preferences.d/fault", "/etc/apt/preferences.d/fault",
          "patch.security-updates?"),
    _file("old metadata", "find /var/lib/apt/lists /var/lib/apt/periodic -type f -exec touch -d "
          "'40 days ago' {} +; touch -d '40 days ago' /var/lib/apt/lists", "",
          "patch.metadata-fresh patch.security-updates? patch.other-updates?"),
    _service("time is not kept", "chrony", "time-sync"),
    _service("no malware agent", "siteav", "malware-agent malware-signatures"),
    _service("no intrusion agent", "sitehids", "intrusion-agent"),
)  # fmt: skip

_BACKUPS = (
    _file("few copies", "ls -t /backup/db/* | tail -n +3 | xargs rm", "/backup/db",
          "backup.copies", ""),
    _file("old backups", "ls -t /backup/db/* | head -3 | xargs rm", "/backup/db",
          "backup.fresh backup.copies", ""),
    _file("empty newest", ": >/backup/db/db-0.sql.gz.enc", "/backup/db",
          "backup.fresh backup.copies", ""),
    _file("small newest", "truncate -s 2000 /backup/db/db-0.sql.gz.enc; touch -d '1 hour ago' "
          "/backup/db/db-0.sql.gz.enc", "/backup/db", "backup.size", ""),
    _file("backups for all", "chmod 666 /backup/db/db-0.sql.gz.enc", "/backup/db",
          "backup.permissions world-writable", ""),
    _file("plain backup", "printf '%s' \"$(seq 60000)\" | gzip >/backup/db/db-0.sql.gz.enc; touch "
          "-d '1 hour ago' /backup/db/db-0.sql.gz.enc", "/backup/db", "backup.encrypted", ""),
    _file("no backups", "rm /backup/db/*", "/backup/db",
          "backup.present backup.fresh backup.copies backup.encrypted? backup.size", ""),
)  # fmt: skip

MUTATIONS = (*_SSH, *_ACCOUNTS, *_SUDO, *_FILES, *_LOGS, *_NETWORK, *_SYSTEM, *_BACKUPS)


_KEPT = "/run/fault.tar"


class Host:
    """The host under test, by a root shell of its own and by the command that is tested."""

    def __init__(self, inventory: Path, as_root: str, command: str) -> None:
        self._inventory = inventory
        self._root = shlex.split(as_root)
        self._command = shlex.split(command)

    def shell(self, text: str) -> None:
        """Runs `text` as root; what goes wrong is told and stops nothing."""
        done = subprocess.run([*self._root, "/bin/sh", "-c", text], capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(f"{text}: {done.returncode} {done.stderr}\n")

    def keep(self, paths: tuple[str, ...]) -> None:
        """Stores `paths` as they are."""
        named = shlex.join(path.lstrip("/") for path in paths)
        find = f"find {named} -maxdepth 0 2>/dev/null" if paths else "true"
        self.shell(f"cd /; umask 077; {find} | tar --acls --xattrs -cpf {_KEPT} -T -")

    def restore(self, group: list[Mutation]) -> None:
        """Makes the mutations undone."""
        paths = [path for one in group for path in one.paths]
        gone = f"rm -rf -- {shlex.join(paths)}; " if paths else ""
        back = "; ".join(one.back for one in group if one.back) or "true"
        self.shell(f"cd /; {gone}tar --acls --xattrs --xattrs-include='*' -xpf {_KEPT}; "
                   f"rm {_KEPT}; systemctl reload ssh; {back}")  # fmt: skip

    def findings(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Verdict and detail of each check and target."""
        with tempfile.TemporaryDirectory() as store:
            run = ("run", "gbt22239-l3", "-i", str(self._inventory), "--store", store)
            subprocess.run([*self._command, *run, "-o", f"{store}/pack.zip"], capture_output=True)
            asked = ("--lang", "en", "results", "latest", "--store", store, "--format", "json")
            reported = subprocess.run(
                [*self._command, *asked], capture_output=True, check=False
            ).stdout
        return {
            (_kind(found["target"]), _short(found["check"])): (found["verdict"], found["detail"])
            for found in json.loads(reported)["findings"]
        }


def _short(check: str) -> str:
    return check.removeprefix("linux.")


def _kind(target: str) -> str:
    """`sudo` or `plain`, also for parts of the target (`sudo/backup:db`)."""
    return target.partition("/")[0]


_SIGNS = {"fail": "", "undetermined": "?", "pass": "+", "not_applicable": "-"}


def turned(
    before: dict[tuple[str, str], tuple[str, str]], after: dict[tuple[str, str], tuple[str, str]]
) -> Iterator[tuple[str, str, str]]:
    """Target, check with the sign of its new verdict, and detail, of what turned."""
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, ("", "")), after.get(key, ("", ""))
        if old[0] != new[0]:
            yield key[0], key[1] + _SIGNS.get(new[0], "!"), new[1]


def groups(mutations: list[Mutation], size: int) -> list[list[Mutation]]:
    """The mutations in groups that turn different checks and change different paths."""
    found: list[list[Mutation]] = []
    for one in mutations:
        for group in found:
            if len(group) < size and not any(_touch(one, other) for other in group):
                group.append(one)
                break
        else:
            found.append([one])
    return found


def _touch(one: Mutation, other: Mutation) -> bool:
    return bool(_named(one) & _named(other))


def _named(one: Mutation) -> set[str]:
    checks = {check.rstrip("?+-") for check in f"{one.turns} {one.seen}".split()}
    return {*checks, *one.paths}


def reported(group: list[Mutation], found: list[tuple[str, str, str]]) -> str:
    """A record of one run: what was expected, what was found, whether they agree."""
    names = "; ".join(one.name for one in group)
    lines = []
    for target in ("sudo", "plain"):
        each = [one.turns if target == "sudo" else one.seen for one in group]
        wanted = set(" ".join(each).split())
        got = {check for at, check, _ in found if at == target}
        missed, more = sorted(wanted - got), sorted(got - wanted)
        state = "ok" if not missed and not more else f"MISSED {missed} MORE {more}"
        lines.append(f"{names} | {target} | {' '.join(sorted(wanted)) or '-'} | {state}")
        lines += [f"    {check}: {detail[:300]}" for at, check, detail in found
                  if at == target and check in more]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Breaks what is named, or everything, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inventory", type=Path, required=True)
    parser.add_argument("--as-root", required=True)
    parser.add_argument("--command", default="dengbao")
    parser.add_argument("--together", type=int, default=1, help="faults in one run, at most")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    host = Host(asked.inventory, asked.as_root, asked.command)
    before = host.findings()
    wanted = [m for m in MUTATIONS if not asked.names or any(n in m.name for n in asked.names)]
    for group in groups(wanted, asked.together):
        host.keep(tuple(path for one in group for path in one.paths))
        for one in group:
            host.shell(one.do)
        host.shell("systemctl reload ssh; sleep 1")
        after = host.findings()
        host.restore(group)
        sys.stdout.write(reported(group, list(turned(before, after))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
