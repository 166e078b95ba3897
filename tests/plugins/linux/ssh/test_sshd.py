"""The SSH server: each check on both sides of its limits, Match blocks, and other servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from audit_core.model import (
    Absent,
    Answer,
    Builtin,
    Check,
    Known,
    KnownOrAbsent,
    Message,
    Optional_,
    ParseError,
    Reason,
    Target,
    Verdict,
    facts_in,
)
from audit_linux.ssh import sshd_algorithms as strong
from audit_linux.ssh import sshd_checks as mod
from audit_linux.ssh import sshd_running as ssh_facts
from audit_linux.ssh.second_factor import second_factor
from audit_linux.ssh.sshd import SERVERS, SSHD, Servers, Sshd, parse_sshd_t
from audit_linux.ssh.sshd_files import Override, SshdFiles, parse_sshd_files
from audit_linux.ssh.sshd_offered import OfferedAlgorithms
from invented.answers import TARGET

REFUSED = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="x"))
Make = Callable[..., Answer]
PASS, FAIL = Verdict.PASS, Verdict.FAIL
NA, UNDETERMINED = Verdict.NOT_APPLICABLE, Verdict.UNDETERMINED
USUAL = Servers(distribution=True, others=())
BOTH = Servers(distribution=True, others=("/usr/local/sbin/sshd",))
OTHER = Servers(distribution=False, others=("/usr/sbin/dropbear",))
SSHD_CHECKS = [*mod.CHECKS, *strong.CHECKS]


def reported(**values: str) -> Sshd:
    return Sshd(values={key: (value,) for key, value in values.items()})


def match(key: str, value: str) -> SshdFiles:
    return SshdFiles(overrides=(Override(criteria="User bob", key=key, value=value),))


# key, value, verdict; the same value in a Match block over a good one gives the same verdict.
_VALUES: list[tuple[Check, str, str, str, Verdict]] = [
    (mod.sshd_root_login, "permitrootlogin", "no", "no", PASS),
    (mod.sshd_root_login, "permitrootlogin", "no", "yes", FAIL),
    (mod.sshd_root_login, "permitrootlogin", "no", "without-password", FAIL),
    (mod.sshd_root_login, "permitrootlogin", "no", "forced-commands-only", FAIL),
    (mod.sshd_empty_passwords, "permitemptypasswords", "no", "no", PASS),
    (mod.sshd_empty_passwords, "permitemptypasswords", "no", "yes", FAIL),
    (mod.sshd_pam, "usepam", "yes", "yes", PASS),
    (mod.sshd_pam, "usepam", "yes", "no", FAIL),
    (mod.sshd_login_limits, "maxauthtries", "5", "5", PASS),
    (mod.sshd_login_limits, "maxauthtries", "5", "6", FAIL),
    (mod.sshd_login_limits, "maxauthtries", "5", "1", PASS),
    (mod.sshd_login_limits, "maxauthtries", "5", "0", FAIL),
    (mod.sshd_login_limits, "maxauthtries", "5", "x", FAIL),
    (mod.sshd_login_limits, "logingracetime", "60", "120", PASS),
    (mod.sshd_login_limits, "logingracetime", "60", "121", FAIL),
    (mod.sshd_login_limits, "logingracetime", "60", "0", FAIL),
    (mod.sshd_login_limits, "logingracetime", "60", "2m", PASS),
    (mod.sshd_login_limits, "logingracetime", "60", "1m61", FAIL),
]
_OTHER_KEY = {"maxauthtries": {"logingracetime": "60"}, "logingracetime": {"maxauthtries": "5"}}


@pytest.mark.parametrize(("check", "key", "good", "value", "verdict"), _VALUES)
def test_values(check: Check, key: str, good: str, value: str, verdict: Verdict) -> None:
    rest = _OTHER_KEY.get(key, {})
    assert check.judge(USUAL, reported(**{key: value}, **rest), None).verdict is verdict
    sshd = reported(**{key: good}, **rest)
    judged = check.judge(USUAL, sshd, match(key, value))
    assert judged.verdict is verdict
    assert (len(judged.detail) > len(rest) + 1) is (verdict is FAIL)
    assert check.judge(USUAL, sshd, match("x11forwarding", value)).verdict is PASS


_TOLD = sorted({(c.id, k) for c, k, *_ in _VALUES if k != "usepam"})


@pytest.mark.parametrize(("check", "key"), _TOLD)
def test_a_keyword_that_was_not_told_is_no_verdict(check: str, key: str) -> None:
    chosen = next(c for c in SSHD_CHECKS if c.id == check)
    assert chosen.judge(USUAL, reported(port="22", **_OTHER_KEY.get(key, {})), None).verdict is (
        UNDETERMINED
    )


def test_a_server_without_pam_does_not_tell_of_it() -> None:
    assert mod.sshd_pam.judge(USUAL, reported(port="22"), None).verdict is FAIL
    unclear = ssh_facts.Running(set={"usepam": ("yes", "no")})
    assert mod.sshd_pam.judge(USUAL, reported(usepam="yes"), None, unclear).verdict is UNDETERMINED


@pytest.mark.parametrize(
    ("key", "values", "verdict"),
    [
        ("denyusers", ("root",), PASS),
        ("denyusers", ("bob", "r*"), PASS),
        ("denyusers", ("root@10.0.0.1",), FAIL),
        ("denyusers", ("rootless",), FAIL),
        ("allowusers", ("bob@10.0.0.1", "eve"), PASS),
        ("allowusers", ("*@10.0.0.1",), FAIL),
        ("allowusers", ("root@10.0.0.1",), FAIL),
        # whether root is in one of them is not known here
        ("allowgroups", ("admins",), UNDETERMINED),
    ],
)
def test_root_may_be_shut_out_by_name(key: str, values: tuple[str, ...], verdict: Verdict) -> None:
    sshd = Sshd(values={"permitrootlogin": ("yes",), key: values})
    assert mod.sshd_root_login.judge(USUAL, sshd, None).verdict is verdict
    # what a Match block lists takes the place of the list outside
    replaced = verdict if key.startswith("allow") else FAIL
    assert mod.sshd_root_login.judge(USUAL, sshd, match(key, "x")).verdict is replaced
    assert mod.sshd_root_login.judge(BOTH, sshd, None).verdict is (
        FAIL if verdict is FAIL else UNDETERMINED
    )


@pytest.mark.parametrize(
    ("on", "extra", "verdict"),
    [
        ("no", "gss-group14-sha1-", PASS),
        ("yes", "gss-group14-sha1-", FAIL),
        ("yes", "gss-gex-sha1-,gss-group16-sha512-", FAIL),
        ("yes", "gss-group16-sha512-,gss-curve25519-sha256-", PASS),
    ],
)
def test_key_exchanges_of_gssapi_are_offered_too(on: str, extra: str, verdict: Verdict) -> None:
    sshd = reported(
        kexalgorithms="curve25519-sha256", gssapikeyexchange=on, gssapikexalgorithms=extra
    )
    assert strong.sshd_kex.judge(USUAL, sshd, None).verdict is verdict


def test_root_login_parameter() -> None:
    sshd = reported(permitrootlogin="without-password")
    allowed = frozenset({"no", "prohibit-password"})
    assert mod.sshd_root_login.judge(USUAL, sshd, None, allowed=allowed).verdict is PASS
    assert (
        mod.sshd_root_login.judge(
            USUAL, reported(permitrootlogin="yes"), None, allowed=allowed
        ).verdict
        is FAIL
    )


def test_limits_parameters() -> None:
    sshd = reported(maxauthtries="4", logingracetime="60")
    assert mod.sshd_login_limits.judge(USUAL, sshd, None, max_tries=3).verdict is FAIL
    assert mod.sshd_login_limits.judge(USUAL, sshd, None, max_grace=59).verdict is FAIL
    assert mod.sshd_login_limits.judge(USUAL, sshd, None, max_tries=4, max_grace=60).verdict is PASS


@pytest.mark.parametrize(
    ("text", "value"),
    [("120", 120), ("2m", 120), ("1h30m", 5400), ("1H", 3600), ("1w", 604800), ("1d2", 86402),
     ("", None), ("m", None), ("-1", None), ("1y", None), ("none", None), ("1" * 10, None)],
)  # fmt: skip
def test_seconds(text: str, value: int | None) -> None:
    if text == "1" * 10:
        assert mod.seconds(text) == 1111111111  # two groups of digits, as sshd adds them
    else:
        assert mod.seconds(text) == value


@pytest.mark.parametrize(
    ("interval", "count", "verdict"),
    [("300", "3", PASS), ("301", "3", FAIL), ("0", "3", FAIL), ("900", "1", PASS),
     ("901", "1", FAIL), ("5m", "3", PASS), ("300", "0", UNDETERMINED), ("0", "0", FAIL),
     ("x", "3", UNDETERMINED), ("300", "x", UNDETERMINED)],
)  # fmt: skip
def test_idle(interval: str, count: str, verdict: Verdict) -> None:
    sshd = reported(clientaliveinterval=interval, clientalivecountmax=count)
    assert mod.sshd_idle.judge(USUAL, sshd, *[None] * 6).verdict is verdict


def test_idle_match_and_parameter() -> None:
    sshd = reported(clientaliveinterval="300", clientalivecountmax="2")
    for value, expected in (("0", FAIL), ("400", PASS), ("600", FAIL), ("x", UNDETERMINED)):
        judged = mod.sshd_idle.judge(USUAL, sshd, match("clientaliveinterval", value), *[None] * 5)
        assert judged.verdict is expected, value
    for count, expected in (("0", FAIL), ("2", PASS)):  # OpenSSH 8.2 and later print the options
        new = reported(
            clientaliveinterval="300", clientalivecountmax=count, pubkeyauthoptions="none"
        )
        assert mod.sshd_idle.judge(USUAL, new, *[None] * 6).verdict is expected
    none = reported(clientaliveinterval="300", clientalivecountmax="0")
    for name, expected in (  # the server names its release before any login
        ("OpenSSH_8.2p1 Ubuntu-4", FAIL), ("OpenSSH_10.0p2", FAIL), ("OpenSSH_8.0", UNDETERMINED),
        ("dropbear_2022.83", UNDETERMINED),
    ):  # fmt: skip
        shown = OfferedAlgorithms(algorithms={}, server=f"SSH-2.0-{name}")
        assert mod.sshd_idle.judge(USUAL, none, *[None] * 5, shown).verdict is expected, name
    assert mod.sshd_idle.judge(USUAL, sshd, *[None] * 6, max_seconds=600).verdict is PASS
    assert mod.sshd_idle.judge(USUAL, sshd, *[None] * 6, max_seconds=599).verdict is FAIL


_ALGORITHMS = [
    (strong.sshd_ciphers, "ciphers", "aes256-ctr",
     ["aes128-cbc", "3des-cbc", "arcfour", "blowfish-cbc", "none"]),
    (strong.sshd_macs, "macs", "hmac-sha2-256",
     ["hmac-md5", "hmac-md5-etm@openssh.com", "hmac-sha1-96", "hmac-ripemd160", "none"]),
    (strong.sshd_kex, "kexalgorithms", "curve25519-sha256",
     ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1",
      "diffie-hellman-group-exchange-sha1"]),
    (strong.sshd_host_keys, "hostkeyalgorithms", "rsa-sha2-256",
     ["ssh-dss", "ssh-rsa", "ssh-rsa-cert-v01@openssh.com"]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "key", "good", "weak"), _ALGORITHMS)
def test_algorithms(check: Check, key: str, good: str, weak: list[str]) -> None:
    assert check.judge(USUAL, reported(**{key: good}), None).verdict is PASS
    for name in weak:
        judged = check.judge(USUAL, reported(**{key: f"{good},{name}"}), None)
        assert judged.verdict is FAIL
        assert judged.detail[0].args["weak"] == (name,)
    assert check.judge(USUAL, reported(port="22"), None).verdict is UNDETERMINED
    strange = check.judge(USUAL, reported(**{key: f"{good},new-2030@example.org"}), None)
    assert strange.verdict is UNDETERMINED
    both = check.judge(USUAL, reported(**{key: f"{good},new-2030@example.org,{weak[0]}"}), None)
    assert both.verdict is FAIL
    only = frozenset({"other"})
    assert check.judge(USUAL, reported(**{key: good}), None, allowed=only).verdict is FAIL


@pytest.mark.parametrize("check", [row[0] for row in _ALGORITHMS], ids=lambda c: str(c.id))
def test_what_debian_12_offers_is_accepted(check: Check, recording: Make) -> None:
    sshd = parse_sshd_t(recording("linux.sshd"))
    assert check.judge(USUAL, sshd, None).verdict is PASS


@pytest.mark.parametrize(
    ("users", "verdict"),
    [
        ((), UNDETERMINED),
        (("bob",), UNDETERMINED),
        (("bob@10.0.0.5",), PASS),
        (("bob@10.0.0.5", "eve"), UNDETERMINED),
        (("*@10.0.0.0/8",), PASS),
        (("bob@*",), UNDETERMINED),
        (("bob@*.*",), UNDETERMINED),
        (("bob@0.0.0.0/0",), UNDETERMINED),
        (("bob@0.0.0.0/1",), UNDETERMINED),
        (("bob@::/0",), UNDETERMINED),
        (("bob@fd00::/8",), PASS),
        (("bob@",), UNDETERMINED),
        (("bob@!10.0.0.5",), UNDETERMINED),
        (("bob@10.0.0.5 eve@10.0.0.6",), PASS),
    ],
)
def test_sources(users: tuple[str, ...], verdict: Verdict) -> None:
    sshd = Sshd(values={"allowusers": users} if users else {"port": ("22",)})
    assert mod.sshd_source_limited.judge(USUAL, sshd, None).verdict is verdict
    told_users = mod.sshd_source_limited.judge(USUAL, sshd, None).detail[0].args["users"]
    assert told_users == tuple(sorted(" ".join(users).split()))
    widened = mod.sshd_source_limited.judge(USUAL, sshd, match("allowusers", "*"))
    assert widened.verdict is UNDETERMINED


# --- other servers, absence -------------------------------------------------------------------

_GOOD = reported(
    permitrootlogin="no", permitemptypasswords="no", usepam="yes", maxauthtries="4",
    logingracetime="60", clientaliveinterval="300", clientalivecountmax="2", ciphers="aes256-ctr",
    macs="hmac-sha2-256", kexalgorithms="curve25519-sha256", hostkeyalgorithms="ssh-ed25519",
    pubkeyacceptedalgorithms="ssh-ed25519",
    allowusers="bob@10.0.0.5", authenticationmethods="publickey,password",
)  # fmt: skip
_MORE: dict[str, tuple[Any, ...]] = {
    second_factor.id: (*[None] * 5, TARGET, None), mod.sshd_idle.id: (None,) * 5,
}  # fmt: skip


@pytest.mark.parametrize("check", SSHD_CHECKS, ids=lambda c: str(c.id))
def test_a_server_nobody_looked_at_is_never_passed(check: Check) -> None:
    more = _MORE.get(check.id, ())
    assert check.judge(USUAL, _GOOD, None, *more).verdict is PASS
    assert check.judge(USUAL, _GOOD, SshdFiles(), *more).verdict is PASS
    assert check.judge(BOTH, _GOOD, None, *more).verdict is UNDETERMINED
    assert check.judge(OTHER, _GOOD, None, *more).verdict is UNDETERMINED
    assert check.judge(OTHER, None, None, *more).verdict is UNDETERMINED
    foreign = SshdFiles(foreign=("/etc/x",))
    assert check.judge(USUAL, _GOOD, foreign, *more).verdict is UNDETERMINED


# RHEL 8.10, openssh-8.0p1, policy DEFAULT, invented after sshd.service and update-crypto-policies
_RHEL_8 = (
    "/usr/sbin/sshd -D -oCiphers=aes256-gcm@openssh.com,aes256-cbc,aes128-cbc "
    "-oMACs=hmac-sha2-256 -oKexAlgorithms=curve25519-sha256\n"
    "sshd: root@pts/0\n"
)


def _ps(lines: str, at: str = "Mon Nov 23 10:00:00 2026") -> str:
    """`lines` as ps writes them with the time at which each process was started."""
    return "".join(f"{at} {line}\n" for line in lines.split("\n") if line)


def test_options_of_the_running_server_beat_its_files(answer: Make) -> None:
    running = ssh_facts.parse_running(answer(_ps(_RHEL_8)))
    weak = strong.sshd_ciphers.judge(USUAL, _GOOD, None, running)
    assert weak.verdict is FAIL
    assert weak.detail[0].args["weak"] == ("aes128-cbc", "aes256-cbc")
    assert strong.sshd_macs.judge(USUAL, _GOOD, None, running).verdict is PASS


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("", PASS),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\n", PASS),
        ("/usr/sbin/sshd -D -e -p 2212 -E /x -p22\n", PASS),
        ("/usr/sbin/sshd -D -o Port=22\n", PASS),
        ("sshd: bob [priv]\nsshd: bob -f x\n", UNDETERMINED),  # by inetd, or one by one
        ("sshd-session: audit [priv]\nsshd-session: audit@notty\n", UNDETERMINED),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\nsshd-session: a [priv]\n", PASS),
        ("/usr/sbin/sshd -D\nsshd: bob [priv]\nsshd: bob -f x\n", PASS),
        ("/opt/ssh/sbin/sshd -D\n", UNDETERMINED),
        ("/usr/sbin/sshd -D\n/usr/sbin/dropbear -p 2222\n", UNDETERMINED),
        ("/usr/sbin/sshd -D\ndropbear -F\n", UNDETERMINED),
        ("/usr/sbin/sshd -D -f /etc/ssh/other\n", UNDETERMINED),
        ("/usr/sbin/sshd -o Include=x -o\n", UNDETERMINED),
        ("/usr/sbin/sshd -D -oCiphers=+aes256-cbc\n", UNDETERMINED),
        ("/usr/sbin/sshd -oCiphers=aes256-ctr\n/usr/sbin/sshd -oCiphers=aes128-ctr\n",
         UNDETERMINED),
    ],
)  # fmt: skip
def test_options_that_are_not_worked_out_settle_nothing(
    line: str, verdict: Verdict, answer: Make
) -> None:
    running = ssh_facts.parse_running(answer(_ps(line)))
    assert strong.sshd_ciphers.judge(USUAL, _GOOD, None, running).verdict is verdict


def test_a_ps_that_complains_shows_nothing(answer: Make) -> None:
    with pytest.raises(ParseError):
        ssh_facts.parse_running(answer("", b"ps: unrecognized option: C\n"))
    for odd in ("/usr/sbin/sshd -D\n", "Mon Nov 33 10:00:00 2026 /usr/sbin/sshd -D\n"):
        with pytest.raises(ParseError):
            ssh_facts.parse_running(answer(odd))


_CONFIG, _DROP_INS, _PID = "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/run/sshd.pid"


def _times(**at: str) -> str:
    """What find prints; the fraction of a second is that of a recording.

    A second time is that of the inode; without it, that of a directory is late, as links make it.
    """
    paths = {"config": _CONFIG, "folder": _DROP_INS, "drop_in": f"{_DROP_INS}/a.conf", "pid": _PID,
             "vendor": "/usr/etc/ssh/sshd_config"}  # fmt: skip
    rows = []
    for key, time in at.items():
        mtime, _, ctime = time.partition(" ")
        kind = "d" if key == "folder" else "f"
        late = ctime or ("23:00:00" if kind == "d" else mtime)
        day, fraction = "2026-11-23", ".8036644870"
        rows.append(f"{day} {mtime}{fraction} {day} {late}{fraction} {kind} {paths[key]}\0")
    return "".join(rows)


# OpenSSH 9.2p1: a drop-in written beside the running server holds for `sshd -T` and not for it,
# until SIGHUP, at which the server keeps its start and writes its pid file anew.
@pytest.mark.parametrize(
    ("times", "processes", "verdict"),
    [
        ({"config": "09:00:00", "folder": "09:00:00"}, "/usr/sbin/sshd -D", PASS),
        ({"config": "11:00:00"}, "/usr/sbin/sshd -D", UNDETERMINED),
        ({"config": "09:00:00", "folder": "11:00:00"}, "/usr/sbin/sshd -D", UNDETERMINED),
        ({"config": "09:00:00", "drop_in": "11:00:00"}, "/usr/sbin/sshd -D", UNDETERMINED),
        ({"config": "11:00:00", "pid": "10:00:00"}, "/usr/sbin/sshd -D", UNDETERMINED),
        ({"config": "11:00:00", "pid": "11:00:01"}, "/usr/sbin/sshd -D", PASS),
        ({"config": "10:00:05"}, "/usr/sbin/sshd -D", PASS),  # ps is not that exact
        ({"config": "10:00:06"}, "/usr/sbin/sshd -D", UNDETERMINED),
        ({"config": "11:00:00", "pid": "10:00:00"}, "", PASS),  # none runs: it will read it
        # cp -p and mv keep the older time, that of the inode is of now; a reload reads it
        ({"config": "08:00:00 09:00:00", "pid": "10:00:00"}, "/usr/sbin/sshd -D", PASS),
        ({"config": "08:00:00 11:00:00", "pid": "10:00:00"}, "/usr/sbin/sshd -D", UNDETERMINED),
        ({"config": "08:00:00", "drop_in": "08:00:00 11:00:00"}, "/usr/sbin/sshd", UNDETERMINED),
        ({"config": "08:00:00 11:00:00", "pid": "11:00:01"}, "/usr/sbin/sshd -D", PASS),
        ({"config": "08:00:00 11:00:00"}, "", PASS),
        ({"vendor": "09:00:00", "drop_in": "11:00:00"}, "/usr/sbin/sshd -D", UNDETERMINED),
        ({"vendor": "09:00:00", "drop_in": "09:00:00"}, "/usr/sbin/sshd -D", PASS),
    ],
)
def test_settings_that_the_running_server_has_not_read(
    times: dict[str, str], processes: str, verdict: Verdict, answer: Make
) -> None:
    seen = ssh_facts.parse_times(answer(_times(**times)))
    running = ssh_facts.parse_running(answer(_ps(processes)))
    judged = mod.sshd_root_login.judge(USUAL, _GOOD, None, running, seen)
    assert judged.verdict is verdict
    weak = reported(permitrootlogin="yes")
    assert mod.sshd_root_login.judge(USUAL, weak, None, running, seen).verdict is FAIL


def test_the_oldest_server_that_listens_counts(answer: Make) -> None:
    both = _ps("/usr/sbin/sshd -D") + _ps("/usr/sbin/sshd -p 2222", "Mon Nov 23 08:00:00 2026")
    session = _ps("sshd: bob [priv]", "Mon Nov 23 01:00:00 2026")
    running = ssh_facts.parse_running(answer(both + session))
    assert running.started is not None
    assert running.started.hour == 8


def test_times_that_cannot_be_read(answer: Make) -> None:
    for odd in ("x\0", _times(config="10:00:00")[:-1], "2026-13-23 10:00:00.5 /etc/x\0"):
        with pytest.raises(ParseError):
            ssh_facts.parse_times(answer(odd))
    none = ssh_facts.parse_times(answer(_times(pid="10:00:00")))
    assert isinstance(none, Absent)
    assert none.reason is Reason.NOT_PRESENT
    closed = answer(_times(config="10:00:00"), b"find: '/etc/ssh/x': Permission denied\n")
    refused = ssh_facts.parse_times(closed)
    assert isinstance(refused, Absent)
    assert refused.reason is Reason.NOT_PERMITTED


def test_a_comment_behind_a_match_setting_is_no_value(files: Make) -> None:
    text = "Match User bob\n  PermitRootLogin no # see 17\n"
    got = parse_sshd_files(files({"/etc/ssh/sshd_config": text}))
    assert isinstance(got, SshdFiles)
    assert mod.sshd_root_login.judge(USUAL, _GOOD, got).verdict is PASS


def test_the_crypto_policy_that_rhel_9_includes_is_read(files: Make) -> None:
    policy = "/etc/crypto-policies/back-ends/opensshserver.config"
    texts = {
        "/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n",
        "/etc/ssh/sshd_config.d/50-redhat.conf": f"Include {policy}\n",
    }
    unread = parse_sshd_files(files(texts))
    assert isinstance(unread, SshdFiles)
    assert unread.foreign == (policy,)
    read = parse_sshd_files(files({**texts, policy: "Match all\nPermitRootLogin yes\n"}))
    assert isinstance(read, SshdFiles)
    assert read.foreign == ()
    open_to_all = structs.replace(_GOOD, values=_GOOD.values | {"allowusers": ()})
    assert mod.sshd_root_login.judge(USUAL, open_to_all, read).verdict is FAIL


def test_a_failure_stays_one_beside_another_server() -> None:
    bad = reported(permitrootlogin="yes")
    assert mod.sshd_root_login.judge(BOTH, bad, None).verdict is FAIL


@pytest.mark.parametrize("check", SSHD_CHECKS, ids=lambda c: str(c.id))
@pytest.mark.parametrize(
    ("servers", "sshd", "verdict"),
    [
        (Reason.NOT_PRESENT, Reason.NOT_PRESENT, NA),
        (Reason.NOT_PRESENT, Reason.NOT_PERMITTED, UNDETERMINED),
        (Reason.NOT_PERMITTED, Reason.NOT_PRESENT, UNDETERMINED),
        (Reason.UNPARSABLE, Reason.NOT_PRESENT, UNDETERMINED),
        (None, Reason.NOT_PRESENT, UNDETERMINED),
        (None, Reason.NOT_PERMITTED, UNDETERMINED),
        (None, Reason.UNPARSABLE, UNDETERMINED),
        (None, Reason.TIMED_OUT, UNDETERMINED),
        (None, Reason.TRUNCATED, UNDETERMINED),
    ],
)
def test_absence(check: Check, servers: Reason | None, sshd: Reason, verdict: Verdict) -> None:
    from audit_core.evaluate.inputs import fold
    from audit_core.evaluate.judge import judge

    def lookup(fact: Any) -> Known | Absent:
        if fact is SERVERS and servers is None:
            return Known(value=OTHER)
        reason = servers if fact is SERVERS else sshd if fact is SSHD else None
        return Absent(reason=reason or Reason.NOT_PRESENT, detail=Message(id="x"))

    target = Target(id="web1", kind="host", object_type="server")
    needs = [need for need in check.needs if not isinstance(need, Builtin)]
    assert all(isinstance(n, Optional_ | KnownOrAbsent) for n in needs[1:])
    pairs: list[Any] = [(need, lookup(facts_in(need)[0])) for need in needs]
    pairs += [(need, Known(value=target)) for need in check.needs if need not in needs]
    assert judge(check, target, fold(pairs), {}).verdict is verdict
