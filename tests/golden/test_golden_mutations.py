"""One fault at a time in the answers of a hardened host: exactly the checks that it concerns turn.

The answers are those of `debian-12-hard`; each case changes the text of one of them as the host
would have told it. `live/mutations.py` does the same to such a host itself.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from audit_core import plan
from audit_core.api import plugins
from audit_core.evaluate import SkippedSteps, judge
from audit_core.evaluate.group_facts import GroupFacts, Shared
from audit_core.evaluate.memo import NOTHING_KEPT, Memo
from audit_core.model import Check, FileStatus, Finding, ReadFiles, Request, Target, Tree, all_facts
from audit_core.model.files import decode_files, encode_files
from audit_core.store.bundles import Bundle

from . import recordings

HOST = Target(
    id="hard",
    kind="host",
    object_type="server",
    address="10.79.0.12",
    settings={
        "allowed_ports": ("22/tcp", "443/tcp"),
        "service_ports": ("443/tcp",),
        "malware_agents": ("siteav",),
        "intrusion_agents": ("sitehids",),
        "admin_sources": ("10.79.0.0/24",),
        "second_factor_at": "bastion",
    },
)
REGISTRY = plugins.load()
CHECKS = tuple(c for c in REGISTRY.checks.values() if c.kind == "host")
ASKED = recordings.questions(REGISTRY, "debian-12-hard", HOST)
(GROUP,) = plan.groups((HOST,), CHECKS)
SIGNS = {"fail": "", "undetermined": "?", "pass": "+", "not_applicable": "-"}

# Fault: the recording, what stands there, what stands there then, and what turns: to a fail, or to
# undetermined (`?`).
_SHADOW, _SSHD, _PAM = "linux.shadow", "linux.sshd", "linux.pam"
_WIRE = "shell.ssh-key-exchange"
_NFT, _SWEEP, _MODES = "linux.nftables.json", "linux.file-sweep", "linux.file-modes"
CASES: dict[str, tuple[str, str, str, str]] = {
    "MaxAuthTries 20": (_SSHD, "maxauthtries 4", "maxauthtries 20", "sshd-login-limits"),
    "LoginGraceTime 0": (_SSHD, "logingracetime 60", "logingracetime 0", "sshd-login-limits"),
    "no idle time": (_SSHD, "clientaliveinterval 300", "clientaliveinterval 0", "sshd-idle"),
    "empty passwords": (_SSHD, "permitemptypasswords no", "permitemptypasswords yes",
                        "sshd-empty-passwords"),
    "hostbased": (_SSHD, "hostbasedauthentication no", "hostbasedauthentication yes",
                  "sshd-trust"),
    "no strict modes": (_SSHD, "strictmodes yes", "strictmodes no", "sshd-trust"),
    "user environment": (_SSHD, "permituserenvironment no", "permituserenvironment yes",
                         "sshd-trust"),
    "gateway ports": (_SSHD, "gatewayports no", "gatewayports yes", "sshd-forwarding"),
    "tunnels": (_SSHD, "permittunnel no", "permittunnel yes", "sshd-forwarding"),
    "second uid 0": ("linux.accounts", "daemon:x:1:1:", "daemon:x:0:1:",
                     "root-only-uid-0 uid-unique"),
    "uid twice": ("linux.accounts", "bob:x:1002:", "bob:x:1001:", "uid-unique home-modes"),
    "shell of a service": ("linux.accounts", "games:/usr/sbin/nologin", "games:/bin/bash",
                           "system-account-shells authorized-keys? home-modes? stale-accounts?"
                           " trusted-hosts? private-files? stored-secrets?"),
    "empty password": (_SHADOW, "bob:$y$:", "bob::", "no-empty-password"),
    "MD5": (_SHADOW, "bob:$y$:", "bob:$1$:", "password-hash"),
    "no expiry": (_SHADOW, "bob:$y$:20785:2:90:", "bob:$y$:20785:2:99999:", "password-age"),
    "password of a default account": (_SHADOW, "daemon:*:", "daemon:$6$:", "default-accounts"),
    "umask of sessions": ("linux.login-defs", "UMASK 027", "UMASK 000", "umask"),
    "docker group": ("linux.groups", "users:x:100:", "docker:x:100:bob", "root-groups"),
    "disk group": ("linux.groups", "disk:x:6:", "disk:x:6:bob", "root-groups"),
    "shadow group": ("linux.groups", "shadow:x:42:", "shadow:x:42:bob", "root-groups file-modes"),
    "PASS_MAX_DAYS": ("linux.login-defs", "PASS_MAX_DAYS 90", "PASS_MAX_DAYS 99999",
                      "password-age-default"),
    "deny 0": ("linux.faillock", "deny = 5", "deny = 0", "login-lockout"),
    "short lock": ("linux.faillock", "unlock_time = 900\neven", "unlock_time = 1\neven",
                   "login-lockout"),
    "short passwords": ("linux.pwquality", "minlen = 12", "minlen = 6", "password-quality"),
    "no pwquality": (_PAM, "requisite\tpam_pwquality.so retry=3", "optional\tpam_permit.so",
                     "password-quality"),
    "no history": (_PAM, "required\tpam_pwhistory.so", "optional\tpam_permit.so",
                   "password-history"),
    "no TMOUT": ("linux.shell-startup.files", "TMOUT=600", "TMOUT=0", "session-timeout"),
    "hosts.equiv": ("linux.trusted-hosts", "", "+\n", "trusted-hosts"),
    "open shadow": (_MODES, "640 0 shadow f /etc/shadow\0", "644 0 shadow f /etc/shadow\0",
                    "file-modes"),
    "passwd of bob": (_MODES, "644 0 root f /etc/passwd\0", "644 1002 bob f /etc/passwd\0",
                      "file-modes"),
    "open home": ("linux.home-modes", "700 1002 bob", "755 1002 bob", "home-modes"),
    "setuid shell": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo", "\0S f 4755 0 0 /usr/bin/bash",
                     "setuid-files"),
    "unknown setuid": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo", "\0S f 4755 0 0 /srv/thing",
                       "setuid-files"),
    "setuid of no package": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo",
                             "\0S f 4755 0 0 /usr/bin/thing", "setuid-files"),
    "setuid in a home": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo", "\0S f 4755 0 0 /home/bob/x",
                         "setuid-files"),
    "capable perl": (_SWEEP, "/usr/bin/ping cap_net_raw=ep", "/usr/bin/perl cap_setuid=ep",
                     "file-capabilities"),
    "open file": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo", "\0W f 0666 0 0 /opt/x",
                  "world-writable"),
    "no sticky bit": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo", "\0W d 0777 0 0 /var/x",
                      "world-writable"),
    "no owner": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo", "\0U f 0644 4242 0 /opt/x",
                 "unowned-files"),
    "program of bob": (_SWEEP, "\0S f 4755 0 0 /usr/bin/sudo", "\0O f 0755 1002 0 /usr/sbin/cron",
                       "root-runs"),
    "daily job of bob": ("linux.root-hooks", "/usr/libexec/dpkg/dpkg-db-backup", "/home/bob/x",
                         "root-runs"),
    "no records of logins": (_SSHD, "loglevel INFO", "loglevel SILENT", "sshd-log-level"),
    "shadow for bob by ACL": ("linux.file-mode-acls", "", "# file: /etc/shadow\nuser:1002:r--\n",
                              "file-modes"),
    "polkit for everybody": ("linux.polkit.rules", 'return ["unix-group:sudo"]',
                             'return ["unix-group:bob"]', "polkit-rules"),
    "start-up file of root": ("linux.root-shells", "#script\n",
                              "#script\n/root/.bashrc\nsource /srv/x\n#script\n", ""),
    "start-up file of bob's": (
        "linux.root-shells", "#script\n",
        "#script\n/root/.bashrc\nsource /home/bob/x\n#script\n", "root-runs",
    ),
    "script of root that runs one of bob": (
        _SWEEP, "#script\n",
        "#script\n/usr/libexec/dpkg/dpkg-db-backup\nrun /home/bob/x\n#script\n", "root-runs",
    ),

    "library for OpenSSL": ("linux.root-settings", "# .include fipsmodule.cnf",
                            ".include /home/bob/x", "root-runs"),
    "unit of bob": ("linux.root-units.units", "ExecStart=/usr/sbin/cron",
                    "ExecStart=/home/bob/cron", "root-runs"),
    "drop-in of bob": ("linux.root-units.more", "[Service]\n",
                       "[Service]\nExecStartPre=/home/bob/x\n", "root-runs?"),
    "su without password": (_PAM, "sufficient pam_rootok.so", "sufficient pam_permit.so",
                            "pam-proof"),
    "hash in passwd": ("linux.accounts", "bob:x:", "bob:[redacted:crypt-hash]:",
                       "password-hash password-age"),
    "new hashes by MD5": (_PAM, " yescrypt", " md5", "password-hash"),
    "filter not loaded at boot": ("linux.units.files", "nftables.service ", "other.service ",
                                  "firewall-persistent"),
    "file of rules as installed": ("linux.firewall-boot.rules", "priority filter; policy drop;",
                                   "priority filter;", "firewall-persistent?"),
    "auditing is off": ("linux.audit-status", "enabled 2", "enabled 0",
                        "audit-enabled audit-locked"),
    "rules not locked": ("linux.audit-status", "enabled 2", "enabled 1", "audit-locked"),
    "accounts not watched": ("linux.audit-rules", "-w /etc/shadow ", "-w /etc/other ",
                             "audit-rules audit-rules-persistent"),
    "rules that end in -e 0": ("linux.audit-rule-files", "-e 2\n", "-e 0\n",
                               "audit-rules-persistent"),
    "full disk ignored": ("linux.auditd-conf", "disk_full_action = HALT",
                          "disk_full_action = IGNORE", "audit-storage"),
    "nothing written": ("linux.auditd-conf", "write_logs = yes", "write_logs = no",
                        "audit-storage"),
    "no auditd": ("linux.processes.ps", " auditd\n", " other\n",
                  "audit-daemon audit-storage"),
    "no forwarding": ("linux.rsyslog-forwards", "@@", "/var/log/", "log-remote"),
    "few rotations": ("linux.logrotate", "\trotate 30", "\trotate 1",
                      "log-retention?"),
    "open log": ("linux.log-files.files", "640_f_0_4", "644_f_0_4", "log-file-modes"),
    "filter accepts": (_NFT, '"policy": "drop"', '"policy": "accept"',
                       "firewall-input management-sources?"),
    "port 22 for all": (_NFT, '"addr": "10.79.0.0", "len": 24', '"addr": "0.0.0.0", "len": 0',
                        "management-sources?"),
    "beyond admin_sources": (_NFT, '"addr": "10.79.0.0", "len": 24', '"addr": "10.0.0.0", "len": 8',
                             "management-sources?"),
    "telnet listens": ("linux.listeners", "0.0.0.0:443 ", "0.0.0.0:23 ",
                       "listening-allowed listening-high-risk remote-admin-encrypted?"),
    "Redis listens": ("linux.listeners", "0.0.0.0:443 ", "0.0.0.0:6379 ",
                      "listening-allowed listening-high-risk remote-admin-encrypted? "
                      "redis-password?"),
    "a desktop listens": ("linux.listeners", "0.0.0.0:443 ", "0.0.0.0:5901 ",
                          "listening-allowed remote-admin-encrypted? other-services?"),
    "redirects": ("linux.sysctl.interfaces", "eth0/accept_redirects:0", "eth0/accept_redirects:1",
                  ""),
    "no updates by itself": ("patch.automatic", "upgrade='1'", "upgrade='0'",
                             "automatic-updates?"),
    "unsigned source": ("patch.signatures.sources", "\nd\n", "\nd[trusted=yes]\n",
                        "sources-verified"),
    "time is not kept": ("linux.time-sync.chrony", "Normal", "Not synchronised", "time-sync"),
    "no process of a unit that is active": ("linux.processes.ps", " siteav\n", " other\n",
                         "malware-agent?"),
    "no intrusion agent": ("linux.processes.ps", " sitehids\n", " other\n", "intrusion-agent?"),
    "needless package": ("linux.packages", "sudo\n", "telnetd\n", "needless-packages"),
}  # fmt: skip

# The same for faults that show in one place only, and in several answers at once.
_SUDOERS, _MERGED_SUDOERS, _NOBODY = "linux.sudoers", "linux.sudoers-merged", "linux.sshd-nobody"
_ACL = (
    "# file: /etc/hosts\n# owner: 0\n# group: 0\nuser::rw-\nuser:1002:rw-\nmask::rw-\nother::r--\n"
)
_DELETED = "/proc/9/maps:7fb-7fc r-xp 0000 fe:00 2083363      /usr/lib/libssl.so.3 (deleted)\n"
TOGETHER: dict[str, tuple[tuple[tuple[str, str, str], ...], str]] = {
    "user name twice": ((("linux.accounts", "games:x:5:", "man:x:5:"),), "user-name-unique"),
    "password of a group": ((("linux.gshadow", "", "adm:$1$\n"),), "group-passwords"),
    "account for many": ((("linux.accounts", "bob:x:1002:1002:", "test:x:1002:1002:"),),
                         "shared-accounts? stale-accounts?"),
    "sudo without password": (
        ((_SUDOERS, "\tuse_pty\n", "\tuse_pty\nbob ALL = (root) NOPASSWD: /usr/bin/vim\n"),),
        "sudo-password sudo-scope",
    ),
    "sudo records nothing": (((_SUDOERS, "\tuse_pty\n", "\t!syslog\n"),
                              (_MERGED_SUDOERS, " use_pty\n", " !syslog\n")), "sudo-logging"),
    "root may log in": (
        ((_SSHD, "permitrootlogin no", "permitrootlogin yes"),
         (_SSHD, "allowusers audit@10.79.0.1", "allowusers root"),
         (_NOBODY, "permitrootlogin no", "permitrootlogin yes")),
        "sshd-root-login sshd-source-limited?",
    ),
    "no PAM": (((_SSHD, "usepam yes", "usepam no"), (_NOBODY, "usepam yes", "usepam no")),
               "sshd-pam login-lockout"),
    "logins from everywhere": (((_SSHD, "allowusers ", "xallowusers "),), "sshd-source-limited?"),
    "old signatures of keys": (
        ((_SSHD, "pubkeyacceptedalgorithms ", "pubkeyacceptedalgorithms ssh-rsa,"),),
        "sshd-user-signatures",
    ),
    "access list on hosts": (((_SWEEP, "/usr/bin/ping cap_net_raw=ep",
                               f"/usr/bin/ping cap_net_raw=ep\n{_ACL}"),), "file-acls"),
    "key of the server for all": (
        (("linux.secrets", "d 755 0 /etc/ssh\0",
          "d 755 0 /etc/ssh\0f 644 0 /etc/ssh/ssh_host_rsa_key\0"),),
        "private-files stored-secrets",
    ),
    "lost audit records": ((("linux.audit-status", "lost 0", "lost 40"),), "audit-losses"),
    "auditd of bob": ((("linux.processes.ps", "     0 auditd\n", "  1002 auditd\n"),),
                      "audit-process-owner audit-daemon audit-storage"),
    "no room for logs": ((("linux.log-space", "53785025_14329732", "0_0"),), "log-space"),
    "log is a device": ((("linux.log-links", "", "auth.log//"),), "log-links"),
    "logrotate stopped": ((("linux.logrotate-runs.files", "1795916401_", "1690000000_"),),
                          "log-rotation-runs?"),
    "telnetd from inetd": ((("linux.plain-login-programs", "", "/usr/sbin/in.telnetd\n"),),
                           "no-plain-logins?"),
    "needless service": ((("linux.processes.ps", " siteav\n", " siteav\n     99     0 rpcbind\n"),),
                         "risky-services"),
    "another agent, old signatures": ((("linux.processes.ps", " siteav\n", " clamd\n"),),
                                      "malware-signatures"),
    "library replaced": ((("linux.deleted-code", "", _DELETED),), "replaced-code?"),
    "umask of a service": ((("linux.service-masks", "UMask=0022\nId=cron.service",
                             "UMask=0000\nId=cron.service"),), "service-umask"),
}  # fmt: skip

# Not shown by a change of this recording: a container, or programs that it does not have.
ELSEWHERE = {
    "access-conf": "test_access_conf.py", "second-factor": "test_second_factor.py",
    "password-length-floor": "test_security_conf.py", "mount-options": "test_dumps_and_mounts.py",
    "sshd-host-key-size": "test_sshd_offered.py", "log-oldest": "test_logrotate_real.py",
    "log-durable": "test_journald_real.py", "log-kept-or-sent": "test_log_reach.py",
    "login-recording": "test_login_records.py", "log-routing": "test_routing.py",
    "process-accounting": "test_process_accounting.py", "file-integrity": "test_agents.py",
    "secure-boot": "test_trusted_start.py", "measured-boot": "test_trusted_start.py",
    "data-encrypted": "test_storage.py", "swap-encrypted": "test_storage.py",
    "kernel-hardening": "test_kernel.py", "core-dumps": "test_dumps_and_mounts.py",
    "kernel-settings-persistent": "test_sysctl_files.py",
    "package-integrity": "test_package_integrity.py", "mandatory-access-control": "test_mac.py",
    **dict.fromkeys(
        ("snmp-community", "rsync-modules", "ftp-anonymous", "nfs-exports", "memcached-open",
         "mysql-grant-tables", "mongodb-authorization", "elasticsearch-security",
         "postgresql-trust", "docker-api"), "test_open_services.py",
    ),
    **dict.fromkeys(
        ("samba-guests", "tftp-open", "squid-open", "etcd-open", "zookeeper-open",
         "rabbitmq-guest"), "test_open_services_more.py",
    ),
}  # fmt: skip

# What both the settings of the server and its key exchange tell.
_WEAK = {
    "ciphers": ("ciphers ", "ciphers_in", "aes128-cbc", "sshd-ciphers"),
    "MACs": ("macs ", "macs_out", "hmac-md5", "sshd-macs"),
    "key exchange": ("kexalgorithms ", "kex", "diffie-hellman-group1-sha1", "sshd-kex"),
    "signatures": ("hostkeyalgorithms ", "host_keys", "ssh-rsa", "sshd-host-keys"),
}

_FOLDER = tempfile.TemporaryDirectory(prefix="golden-")
_PATH = Path(_FOLDER.name) / "hard.bundle"
recordings.bundle(_PATH, ASKED, HOST)
BUNDLE = Bundle(_PATH)


class Changed:
    """The recorded bundle with another answer to some questions."""

    faults: Mapping[tuple[str, str], object] = {}

    def __init__(self, put: Mapping[tuple[str, str], bytes]) -> None:
        self._put = {hashlib.sha256(raw).hexdigest(): raw for raw in put.values()}
        self.observations = dict(BUNDLE.observations)
        for key, raw in put.items():
            digest = hashlib.sha256(raw).hexdigest()
            self.observations[key] = structs.replace(
                BUNDLE.observations[key], stdout_sha256=digest, stdout_size=len(raw)
            )

    def blob(self, sha256: str) -> bytes:
        return self._put[sha256] if sha256 in self._put else BUNDLE.blob(sha256)


def _put(raw: bytes, request: Request, old: bytes, new: bytes) -> bytes:
    """The answer with `old` replaced, for files in each; where `old` is empty, the first is new."""
    if not isinstance(request, ReadFiles):
        return raw.replace(old, new)
    files = list(decode_files(raw))
    if not old:
        one = structs.replace(files[0], data=new, size=len(new), status=FileStatus.READ, mode=0o644)
        return encode_files([one, *files[1:]])
    return encode_files(structs.replace(f, data=f.data.replace(old, new)) for f in files)


def _changes(
    recording: str, old: str, new: str, before: Mapping[tuple[str, str], bytes] = {}
) -> dict[tuple[str, str], bytes]:
    """The changed answers to the questions with this recording; nftables is asked in two forms."""
    found = {}
    for question in ASKED:
        key = (HOST.id, question.request.identity())
        if question.name == recording and key in BUNDLE.observations:
            raw = before.get(key) or BUNDLE.blob(BUNDLE.observations[key].stdout_sha256)
            changed = _put(raw, question.request, old.encode(), new.encode())
            assert changed != raw, "the recording does not hold what is to be changed"
            found[key] = changed
    return found


def _judged(
    bundle: Any, checks: tuple[Check, ...], memo: Memo = NOTHING_KEPT
) -> dict[str, Finding]:
    shared = Shared(tree=Tree((HOST,)), platforms=REGISTRY.kinds.platforms)
    facts = GroupFacts(GROUP, bundle, SkippedSteps(), lambda step: None, shared, "", memo)
    return {
        check.id.partition(".")[2]: judge.judge(
            check,
            HOST,
            facts.inputs(check.needs, HOST),
            {p.name: p.default for p in check.parameters},
            memo,
        )
        for check in checks
    }


def _resting_on(identities: set[str]) -> tuple[Check, ...]:
    facts = {
        asked.fact for asked in GROUP.asked
        if isinstance(asked.request, Request) and asked.request.identity() in identities
    }  # fmt: skip
    return tuple(c for c in CHECKS if facts & {f.id for f in all_facts(c.needs)})


def _cases() -> Iterator[tuple[str, dict[tuple[str, str], bytes], str]]:
    """Name, changed answers and what turns, of each case."""
    for name, (recording, old, new, turns) in CASES.items():
        yield name, _changes(recording, old, new), turns
    for name, (setting, reported, weak, turns) in _WEAK.items():
        stated = _changes(_SSHD, f"\n{setting}", f"\n{setting}{weak},")
        heard = _changes(_WIRE, f'"{reported}":[', f'"{reported}":["{weak}",')
        yield f"weak {name}", {**stated, **heard} if stated and heard else {}, turns
    for name, (rows, turns) in TOGETHER.items():
        yield name, _together(rows), turns


def _together(rows: tuple[tuple[str, str, str], ...]) -> dict[tuple[str, str], bytes]:
    """The changed answers after each of `rows`; empty where one of them is not recorded."""
    found: dict[tuple[str, str], bytes] = {}
    for recording, old, new in rows:
        changed = _changes(recording, old, new, found)
        if not changed:
            return {}
        found |= changed
    return found


def test_each_check_of_a_host_has_a_fault() -> None:
    """A check is turned by a case above, or its row of docs/truth.md names the test of another."""
    rows = [*(row[3] for row in (*CASES.values(), *_WEAK.values())),
            *(turns for _, turns in TOGETHER.values())]  # fmt: skip
    turned = {check.rstrip("?+-") for row in rows for check in row.split()}
    checks = {c.id.partition(".")[2] for c in CHECKS if c.id.startswith("linux.")}
    assert turned & ELSEWHERE.keys() == set()
    assert checks - turned - ELSEWHERE.keys() == set(), "add a fault that turns these"
    truth = (Path(__file__).parents[2] / "docs" / "truth.md").read_text(encoding="utf-8")
    lines = truth.splitlines()
    assert [
        (check, test)
        for check, test in ELSEWHERE.items()
        if not any(f"`linux.{check}`" in line and test in line for line in lines)
    ] == [], "docs/truth.md does not say that the test shows the check"


def test_exactly_the_right_checks_turn(subtests: Any) -> None:
    before, memo = _judged(BUNDLE, CHECKS), Memo()
    # The unchanged host is known by heart: a change must turn what it concerns all the same.
    assert [_judged(BUNDLE, CHECKS, memo) for _ in range(3)] == [before] * 3
    tried = 0
    for name, changes, turns in _cases():
        with subtests.test(name):
            if not changes:  # the question is another one now: record it anew
                continue
            tried += 1
            after = _judged(Changed(changes), _resting_on({id for _, id in changes}), memo)
            turned = {
                name + SIGNS[finding.verdict]
                for name, finding in after.items()
                if finding.verdict != before[name].verdict
            }
            # A check whose other questions are new ones says nothing here.
            expected = {t for t in turns.split() if before[t.rstrip("?+")].why != "not_collected"}
            assert expected <= turned <= set(turns.split())
    assert tried > 0.8 * (len(CASES) + len(_WEAK) + len(TOGETHER)), (
        "record debian-12-hard anew, see README.md"
    )
