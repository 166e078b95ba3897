"""Whether a locked account is refused, by PAM stacks as they really run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Verdict
from audit_linux.accounts.lockout import login_lockout
from audit_linux.accounts.password_history import password_history
from audit_linux.accounts.password_quality import password_quality
from audit_linux.accounts.security_conf import Settings
from audit_linux.nsswitch import Sources
from audit_linux.pam import Pam
from audit_linux.ssh.sshd import Sshd
from invented.pam import EL, EL9, EL_AUTH, UNIX

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
LOCAL = Sources()
# invented: RHEL 7 as its manual has it with faillock
EL7_AUTH = """\
auth        required      pam_env.so
auth        required      pam_faillock.so preauth silent audit deny=3 unlock_time=600
auth        sufficient    pam_unix.so nullok try_first_pass
auth        [default=die] pam_faillock.so authfail audit deny=3 unlock_time=600
auth        requisite     pam_succeed_if.so uid >= 1000 quiet_success
auth        required      pam_deny.so
password    requisite     pam_pwquality.so try_first_pass local_users_only retry=3 authtok_type=
password    sufficient    pam_unix.so sha512 shadow nullok try_first_pass use_authtok remember=5
password    required      pam_deny.so
"""

MakePam = Callable[[dict[str, str]], Pam]


def lock(pam: Pam, conf: dict[str, str] | None = None, **parameters: int) -> Verdict:
    settings = None if conf is None else Settings(values=conf)
    verdict: Verdict = login_lockout.judge(pam, settings, None, LOCAL, **parameters).verdict
    return verdict


@pytest.mark.parametrize(
    ("conf", "verdict"),
    [
        (None, PASS),
        ({"deny": "5"}, PASS),
        ({"deny": "6"}, FAIL),
        ({"deny": "1"}, PASS),
        ({"deny": "0"}, FAIL),
        ({"unlock_time": "300"}, PASS),
        ({"unlock_time": "299"}, FAIL),
        ({"unlock_time": "0"}, PASS),
        ({"unlock_time": "never"}, PASS),
        ({"deny": "five"}, UNDETERMINED),
        ({"unlock_time": "-1"}, UNDETERMINED),
    ],
)
def test_lockout_values_of_faillock(
    conf: dict[str, str] | None, verdict: Verdict, pam: MakePam
) -> None:
    assert lock(pam(EL), conf) is verdict


def test_lockout_arguments_beat_the_file(pam: MakePam) -> None:
    el7 = pam({"sshd": EL7_AUTH, "login": EL7_AUTH})
    assert lock(el7, {"deny": "99", "unlock_time": "1"}) is PASS
    assert lock(el7, max_deny=2) is FAIL
    assert lock(el7, max_deny=3, min_unlock=600) is PASS
    assert lock(el7, min_unlock=601) is FAIL


def _detail(pam: Pam, conf: dict[str, str]) -> list[str]:
    judged = login_lockout.judge(pam, Settings(values=conf), None, LOCAL)
    return [detail.id for detail in judged.detail]


def test_lockout_root_is_told(pam: MakePam) -> None:
    plain, rooted = _detail(pam(EL), {}), _detail(pam(EL), {"even_deny_root": ""})
    assert "{service}: root itself is not locked" in plain
    assert "{service}: root itself is not locked" not in rooted
    assert "{service}: root is locked for {unlock} s (0: until unlocked by hand)" in rooted


def _stack(preauth: str = "", authfail: str = "") -> dict[str, str]:
    auth = EL_AUTH.replace("preauth silent", f"preauth silent {preauth}")
    auth = auth.replace("pam_faillock.so authfail", f"pam_faillock.so authfail {authfail}")
    assert preauth in auth
    assert authfail in auth
    return {"sshd": auth, "login": auth}


# What pam_faillock of Linux-PAM 1.5.2 did with five wrong passwords and then the right one.
@pytest.mark.parametrize(
    ("conf", "preauth", "authfail", "verdict"),
    [
        ({}, "", "", PASS),
        ({"fail_interval": "2"}, "", "", FAIL),  # two seconds apart: let in
        ({"fail_interval": "0"}, "", "", FAIL),  # never locked
        ({"fail_interval": "299"}, "", "", FAIL),
        ({"fail_interval": "300"}, "", "", PASS),
        ({"fail_interval": "soon"}, "", "", UNDETERMINED),
        # the shorter of the two lines forgets, and unlocks
        ({}, "fail_interval=1", "", FAIL),
        ({}, "", "fail_interval=1", FAIL),
        ({}, "unlock_time=1", "", FAIL),
        ({}, "", "unlock_time=1", FAIL),
        ({"fail_interval": "1"}, "fail_interval=900", "fail_interval=900", PASS),
        # what counts is the deny of the line that refuses
        ({}, "deny=100", "", FAIL),
        ({}, "", "deny=100", PASS),
        # counted here, looked for there: never locked
        ({}, "dir=/run/a", "dir=/run/b", FAIL),
        ({}, "dir=/run/a", "", FAIL),
        ({}, "dir=/run/faillock", "dir=/var/run/faillock/", PASS),
        ({"dir": "/var/log/faillock"}, "", "", PASS),  # it makes this folder
        ({"dir": "/srv/none/deep"}, "", "", UNDETERMINED),  # but not those above it
        # members of the group are never locked
        ({"admin_group": "ops"}, "", "", UNDETERMINED),
        ({"admin_group": "ops", "even_deny_root": ""}, "", "", PASS),
        ({"admin_group": "ops", "root_unlock_time": "1"}, "", "", UNDETERMINED),
        ({"admin_group": "ops", "root_unlock_time": "never"}, "", "", UNDETERMINED),
        ({"admin_group": "ops", "deny": "9"}, "", "", FAIL),
        ({"local_users_only": ""}, "", "", PASS),
    ],
)  # fmt: skip
def test_lockout_as_pam_faillock_does(
    conf: dict[str, str], preauth: str, authfail: str, verdict: Verdict, pam: MakePam
) -> None:
    got = pam({**EL, **_stack(preauth, authfail)})
    assert lock(got, conf) is verdict


def test_lockout_values_that_were_seen_are_told(pam: MakePam) -> None:
    detail = login_lockout.judge(
        pam(EL), Settings(values={"fail_interval": "42"}), None, LOCAL
    ).detail
    assert [s.args["interval"] for s in detail if "interval" in s.args] == [42, 42]
    reported = _detail(pam(EL), {"local_users_only": ""})
    assert (
        "{service}: only accounts in the host's own files are locked (local_users_only)" in reported
    )
    assert lock(pam(EL), {"fail_interval": "900"}, min_interval=901) is FAIL


def _without(text: str, word: str) -> str:
    return "\n".join(line for line in text.split("\n") if word not in line) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        _without(EL_AUTH, "preauth"),
        _without(EL_AUTH, "authfail"),
        EL_AUTH.replace("required pam_faillock.so preauth", "optional pam_faillock.so preauth"),
        EL_AUTH.replace("sufficient pam_unix.so nullok", "requisite pam_unix.so nullok"),
        EL_AUTH.replace("auth required pam_env.so", "auth requisite pam_deny.so"),
        _without(EL_AUTH, "preauth") + "auth required pam_faillock.so preauth\n",
    ],
)
def test_lockout_that_never_acts(text: str, pam: MakePam) -> None:
    assert lock(pam({**EL, "password-auth": text})) is FAIL


def test_lockout_must_hold_on_the_console_too(debian: dict[str, str], pam: MakePam) -> None:
    assert lock(pam(debian)) is FAIL
    assert lock(pam({**EL, "system-auth": _without(EL_AUTH, "faillock")})) is FAIL
    only = {"sshd": EL["sshd"], "password-auth": EL_AUTH}
    assert lock(pam(only)) is PASS


# invented: what CIS for Debian and pam_faillock(8) show
CIS = """\
auth required pam_faillock.so preauth
auth [success=1 default=ignore] pam_unix.so nullok
auth [default=die] pam_faillock.so authfail
auth sufficient pam_faillock.so authsucc
auth requisite pam_deny.so
auth required pam_permit.so
"""


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (CIS, PASS),
        (_without(CIS, "preauth"), PASS),  # authsucc refuses a locked account as well
        (_without(_without(CIS, "preauth"), "authsucc"), FAIL),
        (CIS.replace("success=1", "success=3"), PASS),
        (CIS.replace("success=1", "success=2"), PASS),
        (_without(CIS, "preauth").replace("success=1", "success=3"), FAIL),
        (
            CIS.replace("auth required pam_faillock.so preauth", "auth sufficient pam_permit.so"),
            FAIL,
        ),
        ("auth sufficient pam_ssh_agent_auth.so\n" + CIS, UNDETERMINED),
        (_without(CIS, "authfail"), FAIL),
        # pamtester with pam_faillock 1.5.2: without a word it is preauth, the last word holds
        (CIS.replace(" preauth", ""), PASS),
        (CIS.replace(" authfail", ""), FAIL),
        (CIS.replace(" authfail", " preauth authfail"), PASS),
        (CIS.replace(" authfail", " authfail preauth"), FAIL),
        # authsucc is reached with the wrong password too, and forgets what authfail counted
        (CIS.replace("[default=die]", "required").replace("requisite", "required"), FAIL),
    ],
)
def test_lockout_acts_where_a_locked_account_is_refused(
    text: str, verdict: Verdict, pam: MakePam
) -> None:
    assert lock(pam({"sshd": text})) is verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [({"usepam": "yes"}, PASS), ({"usepam": "no"}, FAIL), ({"port": "22"}, FAIL), (None, PASS)],
)
def test_lockout_over_ssh_needs_a_server_that_uses_pam(
    values: dict[str, str] | None, verdict: Verdict, pam: MakePam
) -> None:
    sshd = None if values is None else Sshd(values={k: (v,) for k, v in values.items()})
    assert login_lockout.judge(pam(EL), None, sshd, LOCAL).verdict is verdict


@pytest.mark.parametrize(
    ("service", "verdict"), [("sshd", PASS), ("sshd-key", UNDETERMINED), ("", PASS)]
)
def test_lockout_of_a_pam_service_that_is_not_sshds_own(
    service: str, verdict: Verdict, pam: MakePam
) -> None:
    # PAMServiceName is new in OpenSSH 9.8; older ones do not tell it.
    values: dict[str, tuple[str, ...]] = {"usepam": ("yes",)}
    if service:
        values["pamservicename"] = (service,)
    judged = login_lockout.judge(pam(EL), None, Sshd(values=values), LOCAL)
    assert judged.verdict is verdict


def test_lockout_after_the_deny_of_debian_is_dead(debian: dict[str, str], pam: MakePam) -> None:
    common = debian["common-auth"]
    dead = "auth required pam_faillock.so preauth\n" + common
    dead += "auth [default=die] pam_faillock.so authfail\n"
    assert lock(pam({**debian, "common-auth": dead})) is FAIL
    live = dead.replace(
        "auth\trequisite\t\t\tpam_deny.so",
        "auth [default=die] pam_faillock.so authfail\nauth requisite pam_deny.so",
    )
    assert live != dead
    assert lock(pam({**debian, "common-auth": live})) is PASS


TALLY = "auth required pam_tally2.so onerr=fail {}\nauth required pam_unix.so\n"


@pytest.mark.parametrize(
    ("args", "verdict"),
    [("deny=5 unlock_time=300", PASS), ("deny=6 unlock_time=300", FAIL), ("unlock_time=300", FAIL),
     ("deny=5 unlock_time=299", FAIL), ("deny=5", PASS), ("deny=0 unlock_time=300", FAIL),
     # it counts nothing for what root runs, as login and sshd (pam_tally2(8))
     ("deny=5 unlock_time=300 magic_root", FAIL)],
)  # fmt: skip
def test_lockout_of_tally2(args: str, verdict: Verdict, pam: MakePam) -> None:
    assert lock(pam({"sshd": TALLY.format(args)})) is verdict
    optional = TALLY.format(args).replace("auth required pam_tally2", "auth optional pam_tally2")
    assert lock(pam({"sshd": optional})) is FAIL


@pytest.mark.parametrize("control", ["sufficient", "[success=done default=ignore]"])
def test_tally2_behind_a_module_that_ends_the_stack_never_refuses(
    control: str, pam: MakePam
) -> None:
    text = f"auth {control} pam_unix.so\nauth required pam_tally2.so deny=3 unlock_time=600\n"
    assert lock(pam({"sshd": text + "auth required pam_deny.so"})) is FAIL


def test_a_rule_with_a_dash_may_have_no_module(pam: MakePam) -> None:
    for word in ("preauth", "authfail"):
        loose = EL_AUTH.replace(f"auth required pam_faillock.so {word}",
                                f"-auth required pam_faillock.so {word}")  # fmt: skip
        assert loose != EL_AUTH
        assert lock(pam({"sshd": loose})) is UNDETERMINED
    strict = Settings(values={"minlen": "12", "minclass": "3"})
    for module in ("pam_pwquality.so minlen=12", "pam_pwhistory.so"):
        got = pam({"passwd": f"-password requisite {module}{UNIX}"})
        judged = (
            password_quality.judge(got, strict, EL9, LOCAL),
            password_history.judge(got, None, EL9, LOCAL),
        )
        assert UNDETERMINED in {one.verdict for one in judged}
    fine = pam({"sshd": EL_AUTH.replace("auth sufficient pam_sss", "-auth sufficient pam_sss")})
    assert lock(fine) is PASS


def test_lockout_that_depends_on_others(pam: MakePam) -> None:
    text = "auth [success=1 default=ignore] pam_new.so\n" + TALLY.format("deny=5")
    assert lock(pam({"sshd": text})) is UNDETERMINED


def test_lockout_with_a_file_of_its_own(pam: MakePam) -> None:
    own = EL_AUTH.replace("preauth silent", "preauth conf=/etc/own.conf")
    assert lock(pam({"sshd": own})) is UNDETERMINED
