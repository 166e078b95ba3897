"""With unreadable or missing input, certain fails stay and nothing passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from audit_core.evaluate.inputs import Inputs, fold
from audit_core.evaluate.judge import judge
from audit_core.model import (
    Absent,
    Answer,
    Builtin,
    Check,
    Known,
    Message,
    Partial,
    Platform,
    Reason,
    Target,
    Verdict,
    facts_in,
)
from audit_linux.accounts import account_checks, lockout, sessions
from audit_linux.accounts.login_defs import LOGIN_DEFS
from audit_linux.accounts.password_history import PWHISTORY, password_history
from audit_linux.accounts.password_quality import (
    PWQUALITY,
    password_length_floor,
    password_quality,
)
from audit_linux.accounts.sessions import LOGIND
from audit_linux.accounts.shell_startup import ENVIRONMENT
from audit_linux.accounts.startup_files import STARTUP, Startup, parse_startup
from audit_linux.groups import GROUPS, parse_group
from audit_linux.logs import log_rotation
from audit_linux.logs.journald import JOURNAL_CONF
from audit_linux.logs.log_files import LOG_TREE, LogFile, LogTree
from audit_linux.logs.log_rotation import ROTATIONS, Rotation
from audit_linux.network import firewall, listeners, services
from audit_linux.network.iptables import IPTABLES
from audit_linux.network.listeners import LISTENERS, parse_ss
from audit_linux.network.netfilter_model import Chain
from audit_linux.network.nft import NFT
from audit_linux.nsswitch import SOURCES, Sources
from audit_linux.pam import PAM
from audit_linux.passwd import ACCOUNTS, SHADOW, Accounts, parse_passwd
from audit_linux.processes import PROCESSES, Process
from audit_linux.ssh import sshd_checks
from audit_linux.ssh.sshd import SERVERS, SSHD, Servers, Sshd, parse_sshd_t
from audit_linux.ssh.sshd_match import NAMES, Names
from audit_linux.ssh.sshd_per_connection import STARTED
from audit_linux.sudo import sudo_checks
from audit_linux.sudo.doas import DOAS
from audit_linux.sudo.sudoers_files import SUDOERS, parse_sudoers
from audit_linux.units import LINKS, UNITS, Units
from invented.answers import answers, files
from invented.pam import EL, UNIX

Make = Callable[..., Answer]
HOST = Target(id="web1", kind="host", object_type="server")
P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
REFUSED = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="refused"))
NONE = Absent(reason=Reason.NOT_PRESENT, detail=Message(id="none"))
BUILTINS = {
    Builtin.TARGET: HOST,
    Builtin.COLLECTED_AT: "2026-11-23T12:00:00+00:00",
    Builtin.PLATFORM: Platform(),
}


def got(value: Any) -> Known | Absent:
    """What the engine makes of what a parser returned."""
    if isinstance(value, Partial):
        return Known(value=value.value, incomplete=value.problems)
    return value if isinstance(value, Absent) else Known(value=value)


def verdict(check: Check, facts: dict[Any, Any]) -> Verdict:
    """The verdict of `check`; a fact that is not among `facts` could not be had."""

    def inputs() -> Inputs:
        return fold(
            (need, Known(value=BUILTINS[need]))
            if isinstance(need, Builtin)
            else (need, got(facts.get(facts_in(need)[0], REFUSED)))
            for need in check.needs
        )

    params = {p.name: p.default for p in check.parameters}
    return judge(check, HOST, inputs(), params).verdict


HEAD = "root:x:0:0::/root:/bin/bash\n"
BAD = "more:x:one:1:a:/:/bin/sh\n"
TOOR = "toor:x:0:0::/root:/bin/sh\n"


@pytest.mark.parametrize(
    ("text", "wanted"), [(HEAD, P), (HEAD + BAD, U), (HEAD + BAD + TOOR, F), (HEAD + TOOR, F)]
)
def test_one_bad_line_of_passwd(text: str, wanted: Verdict, answer: Make) -> None:
    facts = {ACCOUNTS: parse_passwd(answer(text)), SOURCES: Sources()}
    assert verdict(account_checks.root_only_uid_0, facts) is wanted
    del facts[SOURCES]  # nsswitch.conf could not be read
    assert verdict(account_checks.root_only_uid_0, facts) is (F if wanted is F else U)


def test_an_empty_password_shows_without_the_rights_of_root(answer: Make) -> None:
    open_ = {ACCOUNTS: parse_passwd(answer(HEAD + "guest::1:1::/:/bin/sh\n"))}
    shut = {ACCOUNTS: parse_passwd(answer(HEAD))}
    checks = account_checks.no_empty_password, account_checks.default_accounts
    assert [verdict(check, open_) for check in checks] == [F, F]
    assert [verdict(check, shut) for check in checks] == [U, U]
    assert SHADOW not in open_


RULE = "audit ALL=(ALL) NOPASSWD: ALL\n"


def test_a_gap_in_pam_or_groups_does_not_hide_nopasswd(files: Make, answer: Make) -> None:
    def rules(text: str, **more: Any) -> dict[Any, Any]:
        return {SUDOERS: parse_sudoers(files({"/etc/sudoers": text})), SOURCES: Sources(), **more}

    check = sudo_checks.sudo_password
    assert verdict(check, rules(RULE)) is F
    assert verdict(check, rules("root ALL=(ALL) ALL\n")) is U
    names = Names(groups_of={})
    more = {PAM: NONE, GROUPS: NONE, NAMES: names, DOAS: (), ACCOUNTS: Accounts(rows=())}
    assert verdict(check, {**rules("root ALL=(ALL) ALL\n"), **more}) is P
    # Somebody in a group that was not read may have to give a password after all.
    asks = RULE + "%ops ALL=(ALL:ALL) PASSWD: ALL\n"
    assert verdict(check, rules(asks)) is U
    assert verdict(check, {**rules(asks), GROUPS: NONE}) is F
    part = parse_group(answer("ops:x:9:bob\nmore:x\n"))
    assert verdict(check, {**rules(asks), GROUPS: part}) is U


def test_a_lock_out_that_never_acts_shows_without_its_settings(pam: Any) -> None:
    check = lockout.login_lockout
    bare = pam({"login": "auth required pam_unix.so\n", "sshd": "auth required pam_unix.so\n"})
    assert verdict(check, {PAM: bare}) is F
    assert verdict(check, {PAM: pam(EL)}) is U
    assert verdict(check, {SSHD: Sshd(values={"usepam": ("no",)})}) is F
    assert verdict(check, {SSHD: Sshd(values={"usepam": ("yes",)})}) is U


def test_passwords_that_no_setting_could_make_strong(pam: Any) -> None:
    weak = pam({"passwd": "password required pam_unix.so minlen=5\n"})
    asked = pam({"passwd": "password requisite pam_pwquality.so" + UNIX})
    for check in (password_length_floor, password_quality):
        assert verdict(check, {PAM: weak}) is F
        assert verdict(check, {PAM: asked}) is U
        assert verdict(check, {PAM: asked, PWQUALITY: NONE}) in (U, F)
    assert verdict(password_history, {PAM: weak}) is F
    kept = pam({"passwd": "password required pam_pwhistory.so" + UNIX})
    assert verdict(password_history, {PAM: kept}) is U
    assert verdict(password_history, {PAM: kept, PWHISTORY: NONE, SOURCES: Sources()}) is P


def startup(text: str = "") -> Startup:
    got = parse_startup(answers(files=files({"/etc/profile": text}), more=files({})))
    assert isinstance(got, Startup)
    return got


def test_start_up_files_that_settle_it_by_themselves() -> None:
    check = sessions.session_timeout
    assert verdict(check, {STARTUP: startup("TMOUT=9999")}) is F
    assert verdict(check, {STARTUP: startup("TMOUT=60")}) is U
    assert verdict(check, {STARTUP: startup(), ENVIRONMENT: ()}) is U
    assert verdict(check, {STARTUP: startup()}) is U
    assert verdict(check, {STARTUP: startup(), ENVIRONMENT: (), LOGIND: ""}) is F
    assert verdict(sessions.umask, {STARTUP: startup("umask 022")}) is F
    assert verdict(sessions.umask, {STARTUP: startup("umask 077")}) is U
    assert verdict(sessions.umask, {STARTUP: startup()}) is U
    assert verdict(sessions.umask, {STARTUP: startup(), LOGIN_DEFS: NONE}) is U


OPEN = Chain(tool="nft", family="ip", table="filter", name="INPUT", hook="input", policy="accept")


def test_an_open_packet_filter_shows_without_ipv6_or_forwards() -> None:
    shut = structs.replace(OPEN, policy="drop")
    for chain, wanted in ((OPEN, F), (shut, U)):
        facts = {NFT: (chain,), IPTABLES: NONE}
        assert verdict(firewall.firewall_input, facts) is wanted
    assert verdict(firewall.firewall_input, {NFT: (OPEN,)}) is U


def test_a_risky_service_shows_in_any_one_list() -> None:
    def units(name: str) -> Units:
        return Units(active=frozenset({name}), enabled=frozenset())

    check = services.risky_services
    for bad, good, fact in (
        (units("telnet.socket"), units("ssh.service"), UNITS),
        ((process("vsftpd"),), (process("sshd"),), PROCESSES),
    ):
        assert verdict(check, {fact: bad}) is F
        assert verdict(check, {fact: good}) is U
    links = {LINKS: frozenset({"telnet"})}
    assert verdict(check, links) is U, "a native unit may stand in its place"
    assert verdict(check, {**links, UNITS: NONE}) is F


def process(name: str) -> Process:
    return Process(pid=7, uid=0, name=name)


def test_logs_that_are_kept_too_short_show_without_the_other_settings() -> None:
    log = LogFile(path="syslog", folder=False, mode=0o640, uid=0, gid=0, size=9, changed=1, born=0)
    tree = LogTree(files=(log,), now=100)
    weekly = Rotation(paths=("/var/log/syslog",), days=28, words="weekly")
    rotations, journal = ROTATIONS, JOURNAL_CONF
    check = log_rotation.log_retention
    base = {LOG_TREE: tree}
    assert verdict(check, {**base, rotations: (weekly,)}) is F
    assert verdict(check, {**base, rotations: (structs.replace(weekly, days=999),)}) is U
    assert verdict(check, base) is U
    assert verdict(check, {LOG_TREE: LogTree(files=(), now=100), journal: NONE}) is U


def test_lines_of_the_server_s_settings_that_were_not_read_may_say_anything(answer: Make) -> None:
    reported = "port 22\npermitrootlogin yes\nciphers a\nmacs b\nmaxauthtries 9\n"
    part = parse_sshd_t(answer(reported + "Some odd line\n"))
    servers = {SERVERS: Servers(distribution=True, others=()), STARTED: NONE}
    facts = {**servers, SSHD: part}
    assert verdict(sshd_checks.sshd_login_limits, facts) is F, "MaxAuthTries is told"
    few = parse_sshd_t(answer(reported.replace("tries 9", "tries 3") + "Some odd line\n"))
    unclear = verdict(sshd_checks.sshd_login_limits, {**servers, SSHD: few})
    assert unclear is U, "LoginGraceTime may be told there"
    assert verdict(sshd_checks.sshd_root_login, facts) is U, "AllowUsers may be told there"
    assert verdict(sshd_checks.sshd_pam, facts) is U
    whole = {**servers, SSHD: parse_sshd_t(answer(reported + "logingracetime 120\n"))}
    for check in (sshd_checks.sshd_login_limits, sshd_checks.sshd_root_login, sshd_checks.sshd_pam):
        assert verdict(check, whole) is F, "it needs neither Match blocks nor times of files"
    assert verdict(lockout.login_lockout, {SSHD: part}) is U
    assert verdict(lockout.login_lockout, {SSHD: whole[SSHD]}) is F


def test_one_socket_that_cannot_be_read_does_not_hide_the_others(answer: Make) -> None:
    risky = "tcp LISTEN 0 9 0.0.0.0:23 0.0.0.0:*\n"
    fine = "tcp LISTEN 0 9 0.0.0.0:22 0.0.0.0:*\n"
    check = listeners.listening_high_risk
    for text, wanted in ((risky + "?\n", F), (fine + "?\n", U), (fine, U)):
        assert verdict(check, {LISTENERS: parse_ss(answer(text))}) is wanted
    assert verdict(check, {LISTENERS: parse_ss(answer(fine)), PROCESSES: (process("x"),)}) is P
