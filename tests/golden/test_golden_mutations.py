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
                                   "priority filter;", "firewall-persistent"),
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
                       "listening-allowed listening-high-risk remote-admin-encrypted? "
                       "other-services+"),
    "Redis listens": ("linux.listeners", "0.0.0.0:443 ", "0.0.0.0:6379 ",
                      "listening-allowed listening-high-risk remote-admin-encrypted? "
                      "other-services+ redis-password?"),
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


def _changes(recording: str, old: str, new: str) -> dict[tuple[str, str], bytes]:
    """The changed answers to the questions with this recording; nftables is asked in two forms."""
    found = {}
    for question in ASKED:
        key = (HOST.id, question.request.identity())
        if question.name == recording and key in BUNDLE.observations:
            raw = BUNDLE.blob(BUNDLE.observations[key].stdout_sha256)
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
    assert tried > 0.8 * (len(CASES) + len(_WEAK)), "record debian-12-hard anew, see README.md"
