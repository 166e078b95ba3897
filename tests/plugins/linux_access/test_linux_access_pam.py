"""PAM stacks as they really run, and the password and lock-out checks that rest on them.

The stacks named EL are invented after the text that authselect 1.4 and the manuals of RHEL 7 show;
the Debian ones are the recording of Debian 12, changed where a test says so.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, Platform, Verdict
from audit_linux.access.lockout import login_lockout
from audit_linux.access.pam import (
    Pam,
    Unresolved,
    accepted,
    enforced,
    parse_pam,
    paths,
    stack,
    wrong_password,
)
from audit_linux.access.passwords import (
    LoginDefs,
    Settings,
    effective_quality,
    password_age_default,
    password_history,
    password_length_floor,
    password_quality,
)
from audit_linux.access.sources import Sources
from audit_linux.access.sshd import Sshd

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
LOCAL = Sources()
DEBIAN = Platform(os_id="debian", os_family="debian", version_id="12")
EL9 = Platform(os_id="rocky", os_family="rhel", version_id="9.4")
AMAZON2 = Platform(os_id="amzn", os_family="rhel", version_id="2")
EL7 = Platform(os_id="centos", os_family="rhel", version_id="7")

# invented: authselect's profile "sssd" with the features with-faillock and with-pwhistory
EL_AUTH = """\
auth required pam_env.so
auth required pam_faildelay.so delay=2000000
auth required pam_faillock.so preauth silent
auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular
auth [default=1 ignore=ignore success=ok] pam_localuser.so
auth sufficient pam_unix.so nullok
auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular
auth sufficient pam_sss.so forward_pass
auth required pam_faillock.so authfail
auth required pam_deny.so
account required pam_faillock.so
account required pam_unix.so
password requisite pam_pwquality.so local_users_only
password [default=1 ignore=ignore success=ok] pam_localuser.so
password requisite pam_pwhistory.so use_authtok
password sufficient pam_unix.so sha512 shadow nullok use_authtok
password [success=1 default=ignore] pam_localuser.so
password sufficient pam_sss.so use_authtok
password required pam_deny.so
session optional pam_keyinit.so revoke
-session optional pam_systemd.so
session [success=1 default=ignore] pam_succeed_if.so service in crond quiet use_uid
session required pam_unix.so
"""
EL = {
    "sshd": "auth substack password-auth\naccount include password-auth\n",
    "login": "auth substack system-auth\nauth include postlogin\naccount include system-auth\n",
    "passwd": "auth include system-auth\npassword substack system-auth\n",
    "postlogin": "session optional pam_umask.so silent\n",
    "system-auth": EL_AUTH,
    "password-auth": EL_AUTH,
}
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


@pytest.fixture(scope="session")
def pam(files: Make) -> Callable[[dict[str, str]], Pam]:
    """Reads services, given as a mapping from name to text."""

    def make(services: dict[str, str]) -> Pam:
        got = parse_pam(files({f"/etc/pam.d/{name}": text for name, text in services.items()}))
        assert isinstance(got, Pam)
        return got

    return make


@pytest.fixture
def debian(recording: Make) -> dict[str, str]:
    """The recorded services of Debian 12 as text."""
    raw, services = recording("linux.pam").stdout, {}
    while raw:
        head, _, raw = raw.partition(b"\0")
        size, _, path = head.partition(b"/")
        services[path.decode().rsplit("/", 1)[-1]] = raw[: int(size)].decode()
        raw = raw[int(size) :]
    return services


MakePam = Callable[[dict[str, str]], Pam]


def modules(pam: Pam, service: str, kind: str) -> list[list[str]]:
    outcomes = accepted if kind == "password" else wrong_password
    return [[rule.module for rule in way] for way in paths(stack(pam, service, kind), outcomes)]


# --- reading and resolving --------------------------------------------------------------------


def test_recorded_debian_stack(debian: dict[str, str], pam: MakePam) -> None:
    (way,) = modules(pam(debian), "sshd", "auth")
    assert way == ["pam_unix.so", "pam_deny.so"]
    (way,) = modules(pam(debian), "passwd", "password")
    assert way == ["pam_pwquality.so", "pam_unix.so", "pam_permit.so"]


def test_recorded_parse(recording: Make) -> None:
    got = parse_pam(recording("linux.pam"))
    assert isinstance(got, Pam)
    assert {"sshd", "login", "passwd", "common-auth", "sudo"} <= set(got.services)


def test_traps_of_the_syntax(pam: MakePam) -> None:
    text = (
        "# comment\r\nAUTH Required /lib/security/pam_a.so x=1 \\\r\n  y=2 # end\r\n"
        "-auth [success=1  default=ignore] pam_b.so\r\nauth optional pam_c.so [a b]\r\n"
    )
    one, two, three = pam({"x": text}).services["x"]
    assert (one.kind, one.control, one.module, one.args) == (
        "auth", "required", "pam_a.so", ("x=1", "y=2")
    )  # fmt: skip
    assert (two.kind, two.control, two.module) == (
        "auth",
        "[success=1  default=ignore]",
        "pam_b.so",
    )
    assert three.args == ("a b",)


def test_etc_wins_over_the_vendor(files: Make) -> None:
    got = parse_pam(
        files({
            "/etc/pam.d/a": "auth required pam_own.so",
            "/usr/lib/pam.d/a": "auth required pam_vendor.so",
            "/usr/lib/pam.d/b": "auth required pam_vendor.so",
            "/etc/pam.d/sshd.rpmnew": "nonsense",
        })
    )  # fmt: skip
    assert isinstance(got, Pam)
    assert {name: lines[0].module for name, lines in got.services.items()} == {
        "a": "pam_own.so", "b": "pam_vendor.so"
    }  # fmt: skip


def test_no_pam_at_all(answer: Make) -> None:
    assert isinstance(parse_pam(answer("")), Absent)


@pytest.mark.parametrize(
    "services",
    [
        {"sshd": "auth include missing"},
        {"sshd": "@include sshd"},
        {"sshd": "auth substack a", "a": "auth include sshd"},
        {"sshd": "auth perhaps pam_unix.so"},
        {"sshd": "auth include bad", "bad": "auth required"},
        {"sshd": "auth required pam_unix.so\n" * 301},
        {"sshd": "auth [success=1 default=ignore] pam_new.so\nauth required pam_env.so\n" * 9},
    ],
)
def test_what_cannot_be_told(services: dict[str, str], pam: MakePam) -> None:
    with pytest.raises(Unresolved):
        paths(stack(pam(services), "sshd", "auth"), wrong_password)
    judged = login_lockout.judge(pam(services), None, None, LOCAL)
    assert judged.verdict is UNDETERMINED


def test_a_broken_file_spoils_only_who_includes_it(pam: MakePam) -> None:
    got = pam({"sshd": "auth required pam_unix.so", "junk": "%!"})
    assert modules(got, "sshd", "auth") == [["pam_unix.so"]]


def test_other_stands_in(pam: MakePam) -> None:
    got = pam({"other": "auth required pam_deny.so"})
    assert modules(got, "sshd", "auth") == [["pam_deny.so"]]


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("auth requisite pam_unix.so\nauth required pam_a.so", [["pam_unix.so"]]),
        ("auth required pam_unix.so\nauth required pam_env.so", [["pam_unix.so", "pam_env.so"]]),
        ("auth sufficient pam_permit.so\nauth required pam_env.so", [["pam_permit.so"]]),
        (
            "auth required pam_unix.so\nauth sufficient pam_permit.so\nauth required pam_env.so",
            [["pam_unix.so", "pam_permit.so", "pam_env.so"]],
        ),
        (
            "auth [default=1] pam_unix.so\nauth required pam_env.so\nauth required pam_cap.so",
            [["pam_unix.so", "pam_cap.so"]],
        ),
        (
            "auth required pam_deny.so\nauth [default=reset] pam_permit.so\n"
            "auth sufficient pam_permit.so\nauth required pam_env.so",
            [["pam_deny.so", "pam_permit.so", "pam_permit.so"]],
        ),
        (
            "auth [success=1 default=ignore] pam_new.so\nauth required pam_env.so\n"
            "auth required pam_cap.so",
            [["pam_new.so", "pam_env.so", "pam_cap.so"], ["pam_new.so", "pam_cap.so"]],
        ),
    ],
)
def test_controls(text: str, ways: list[list[str]], pam: MakePam) -> None:
    assert modules(pam({"sshd": text}), "sshd", "auth") == ways


@pytest.mark.parametrize(
    ("rule", "reached"),
    [
        ("pam_succeed_if.so uid >= 1000 quiet_success", {False}),
        ("pam_succeed_if.so quiet uid > 999", {False}),
        ("pam_succeed_if.so uid < 1000 quiet", {True}),
        ("pam_succeed_if.so uid <= 999", {True}),
        ("pam_succeed_if.so uid >= 5000", {True, False}),
        ("pam_succeed_if.so user ingroup admins", {True, False}),
        ("pam_usertype.so isregular", {False}),
        ("pam_usertype.so issystem", {True}),
        ("pam_localuser.so", {False}),
        ("pam_rootok.so", {True}),
    ],
)
def test_predicates_for_an_ordinary_user(rule: str, reached: set[bool], pam: MakePam) -> None:
    text = f"auth [success=1 default=ignore] {rule}\nauth required pam_cap.so\n"
    ways = modules(pam({"sshd": text + "auth required pam_env.so"}), "sshd", "auth")
    assert {"pam_cap.so" in way for way in ways} == reached


def test_the_longest_stack_that_is_followed(pam: MakePam) -> None:
    got = pam({"sshd": "auth required pam_env.so\n" * 300})
    assert len(stack(got, "sshd", "auth")) == 300


def test_a_substack_ends_only_itself(pam: MakePam) -> None:
    inner = "auth requisite pam_deny.so\nauth required pam_env.so"
    got = pam({"sshd": "auth substack in\nauth required pam_cap.so", "in": inner})
    assert modules(got, "sshd", "auth") == [["pam_deny.so", "pam_cap.so"]]
    flat = pam({"sshd": "auth include in\nauth required pam_cap.so", "in": inner})
    assert modules(flat, "sshd", "auth") == [["pam_deny.so"]]


def test_unknown_modules_that_decide_nothing_are_no_branch(pam: MakePam) -> None:
    got = pam({"sshd": "auth optional pam_new.so\n" * 20})
    assert modules(got, "sshd", "auth") == [["pam_new.so"] * 20]


@pytest.mark.parametrize(
    ("control", "unix", "holds"),
    [("required", "use_authtok", True), ("required", "", False), ("requisite", "", True),
     ("sufficient", "use_authtok", True), ("optional", "use_authtok", True),
     ("optional", "", False),
     ("[success=ok default=bad]", "use_authtok", True), ("[success=ok default=bad]", "", False),
     ("[success=1 default=ignore]", "use_authtok", False), ("[default=die]", "", True),
     ("[success=ok authtok_err=die default=ignore]", "use_authtok", True),
     ("[success=ok authtok_err=die default=ignore]", "", False),
     ("[success=ok authtok_err=die maxtries=die default=ignore]", "", True)],
)  # fmt: skip
def test_enforced(control: str, unix: str, holds: bool, pam: MakePam) -> None:
    # Tried with passwd(1) of Debian 12: after `required` pam_unix without use_authtok asks again
    # and sets what it is given; only the command's exit status says that something was refused.
    text = f"password {control} pam_pwquality.so\npassword required pam_unix.so {unix}"
    assert enforced(stack(pam({"x": text}), "x", "password"), 0) is holds


def test_a_login_with_an_expired_password_is_a_way_to_a_new_one(pam: MakePam) -> None:
    good = "password requisite pam_pwquality.so minlen=12\npassword required pam_pwhistory.so"
    services = {"passwd": good + UNIX, "sshd": "password required pam_unix.so minlen=7"}
    assert quality(pam(services), None, EL9) == (7, 0)
    assert password_history.judge(pam(services), None, LOCAL).verdict is FAIL
    assert quality(pam({**services, "sshd": "auth required pam_unix.so"}), None, EL9) == (12, 0)


def test_a_module_that_asks_again_sets_what_another_refused(pam: MakePam) -> None:
    # Tried with passwd(1) of Debian 12: pam_pwhistory asks for the password that is then set.
    text = "password required pam_pwquality.so\npassword required pam_pwhistory.so {}" + UNIX
    strict = {"minlen": "12"}
    assert quality(pam({"passwd": text.format("")}), strict, EL9) == (0, 0)
    assert quality(pam({"passwd": text.format("use_authtok")}), strict, EL9) == (12, 0)


def test_what_stands_after_the_module_that_sets_the_password_comes_too_late(pam: MakePam) -> None:
    # Tried with passwd(1) of Debian 12: "password unchanged", and it is changed.
    text = "password required pam_unix.so\npassword requisite {}.so minlen=12 remember=5"
    late = pam({"passwd": text.format("pam_pwquality")})
    assert quality(late, None, DEBIAN) == (6, 0)
    theirs = pam({"passwd": text.format("pam_pwhistory")})
    assert password_history.judge(theirs, None, LOCAL).verdict is FAIL


# --- password quality -------------------------------------------------------------------------


def quality(pam: Pam, values: dict[str, str] | None, platform: Platform) -> tuple[int, int]:
    settings = None if values is None else Settings(values=values)
    got = effective_quality(pam, settings, platform)
    return got.length, got.classes


UNIX = "\npassword required pam_unix.so use_authtok"
_SKIPPED = "password [success=1 default=ignore] pam_pwquality.so\n"


@pytest.mark.parametrize(
    ("text", "values", "platform", "expected"),
    [
        ("password requisite pam_pwquality.so", None, DEBIAN, (8, 0)),
        ("password requisite pam_pwquality.so", None, EL7, (6, 0)),
        ("password requisite pam_pwquality.so", {"minlen": "12"}, EL7, (8, 0)),
        ("password requisite pam_pwquality.so", {"minlen": "12"}, AMAZON2, (8, 0)),
        ("password requisite pam_pwquality.so minlen=10", {"minlen": "14"}, EL9, (10, 0)),
        ("password requisite pam_pwquality.so", {"minlen": "4"}, EL9, (6, 0)),
        ("password requisite pam_pwquality.so", {"minlen": "8", "dcredit": "1"}, EL9, (7, 0)),
        ("password requisite pam_pwquality.so", {"dcredit": "-1", "ucredit": "-1"}, EL9, (8, 2)),
        ("password requisite pam_pwquality.so", {"dcredit": "-5", "lcredit": "-5"}, EL9, (10, 2)),
        ("password requisite pam_pwquality.so", {"minclass": "3", "ocredit": "-1"}, EL9, (8, 3)),
        ("password optional pam_pwquality.so", {"minlen": "14"}, EL9, (14, 0)),
        (f"{_SKIPPED}password optional pam_env.so", {"minlen": "14"}, EL9, (0, 0)),
        (f"{_SKIPPED}password optional pam_env.so", {"minlen": "14"}, DEBIAN, (6, 0)),
        ("password requisite pam_pwquality.so", {"minlen": "14", "enforcing": "0"}, EL9, (0, 0)),
        ("password requisite pam_cracklib.so minlen=12 minclass=2", {"minlen": "30"}, EL9, (8, 2)),
        ("", {"minlen": "14", "minclass": "4"}, DEBIAN, (6, 0)),
    ],
)
def test_effective_quality(
    text: str,
    values: dict[str, str] | None,
    platform: Platform,
    expected: tuple[int, int],
    pam: MakePam,
) -> None:
    assert quality(pam({"passwd": text + UNIX}), values, platform) == expected


def test_quality_of_whole_stacks(debian: dict[str, str], pam: MakePam) -> None:
    values = {"minlen": "10", "minclass": "3"}
    assert quality(pam(debian), values, DEBIAN) == (10, 3)
    assert quality(pam(EL), values, EL9) == (10, 3)
    bare = {**debian, "common-password": "password required pam_unix.so minlen=5\n"}
    assert quality(pam(bare), values, DEBIAN) == (5, 0)


def test_the_weakest_way_counts(pam: MakePam) -> None:
    text = "password [success=1 default=ignore] pam_succeed_if.so user ingroup x\n"
    text += "password requisite pam_pwquality.so" + UNIX
    assert quality(pam({"passwd": text}), {"minlen": "12", "minclass": "3"}, EL9) == (0, 0)


@pytest.mark.parametrize(
    ("length", "verdict"), [("5", FAIL), ("6", PASS), ("x", UNDETERMINED), ("99", PASS)]
)
def test_password_length_floor(length: str, verdict: Verdict, pam: MakePam) -> None:
    got = pam({"passwd": f"password required pam_unix.so minlen={length}"})
    assert password_length_floor.judge(got, None, DEBIAN, LOCAL).verdict is verdict


@pytest.mark.parametrize(
    ("minlen", "minclass", "verdict"),
    [
        ("8", "3", PASS),
        ("7", "3", FAIL),
        ("8", "2", FAIL),
        ("20", "0", FAIL),
        ("8x", "3", UNDETERMINED),
    ],
)
def test_password_quality(minlen: str, minclass: str, verdict: Verdict, pam: MakePam) -> None:
    settings = Settings(values={"minlen": minlen, "minclass": minclass})
    assert password_quality.judge(pam(EL), settings, EL9, LOCAL).verdict is verdict


def test_password_quality_knobs_and_root(pam: MakePam) -> None:
    settings = Settings(values={"minlen": "9", "minclass": "3", "enforce_for_root": ""})
    judged = password_quality.judge(pam(EL), settings, EL9, LOCAL, min_length=10)
    assert judged.verdict is FAIL
    assert len(judged.said) == 1
    weak = Settings(values={"minlen": "9", "minclass": "3"})
    assert len(password_quality.judge(pam(EL), weak, EL9, LOCAL).said) == 2
    assert password_quality.judge(pam(EL), weak, EL9, LOCAL, min_classes=4).verdict is FAIL


@pytest.mark.parametrize(
    "text", ["password required pam_passwdqc.so min=8,8,8,8,8" + UNIX, "password required pam_x.so"]
)
def test_password_quality_that_cannot_be_told(text: str, pam: MakePam) -> None:
    got = pam({"passwd": text})
    assert password_quality.judge(got, None, DEBIAN, LOCAL).verdict is UNDETERMINED
    assert password_length_floor.judge(got, None, DEBIAN, LOCAL).verdict is UNDETERMINED


@pytest.mark.parametrize(
    ("text", "conf", "verdict"),
    [
        ("password required pam_pwhistory.so remember=5", None, PASS),
        ("password required pam_pwhistory.so remember=4", None, FAIL),
        ("password required pam_pwhistory.so", None, PASS),
        ("password required pam_pwhistory.so", {"remember": "4"}, FAIL),
        ("password required pam_pwhistory.so remember=6", {"remember": "4"}, PASS),
        ("password optional pam_pwhistory.so remember=9", None, PASS),
        (
            "password optional pam_pwhistory.so remember=9\npassword required pam_unix.so",
            None,
            FAIL,
        ),
        ("password required pam_pwhistory.so remember=x", None, UNDETERMINED),
        ("", {"remember": "9"}, FAIL),
    ],
)
def test_password_history(
    text: str, conf: dict[str, str] | None, verdict: Verdict, pam: MakePam
) -> None:
    settings = None if conf is None else Settings(values=conf)
    assert password_history.judge(pam({"passwd": text + UNIX}), settings, LOCAL).verdict is verdict


def test_password_history_of_whole_stacks(debian: dict[str, str], pam: MakePam) -> None:
    assert password_history.judge(pam(debian), None, LOCAL).verdict is FAIL
    assert password_history.judge(pam(EL), None, LOCAL).verdict is PASS
    unix = pam({"passwd": "password sufficient pam_unix.so remember=5"})
    assert password_history.judge(unix, None, LOCAL).verdict is PASS


@pytest.mark.parametrize(
    ("longest", "shortest", "verdict"),
    [("90", "1", PASS), ("91", "1", FAIL), ("0", "1", FAIL), ("1", "1", PASS), ("90", "0", FAIL),
     ("-1", "1", FAIL), ("90 # x", "1", FAIL), (None, "1", FAIL), ("90", None, FAIL)],
)  # fmt: skip
def test_password_age_default(longest: str | None, shortest: str | None, verdict: Verdict) -> None:
    given = {"PASS_MAX_DAYS": longest, "PASS_MIN_DAYS": shortest}
    defs = LoginDefs(values={k: v for k, v in given.items() if v is not None})
    assert password_age_default.judge(defs).verdict is verdict


# --- lock-out ---------------------------------------------------------------------------------


def lock(pam: Pam, conf: dict[str, str] | None = None, **knobs: int) -> Verdict:
    settings = None if conf is None else Settings(values=conf)
    verdict: Verdict = login_lockout.judge(pam, settings, None, LOCAL, **knobs).verdict
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


def _said(pam: Pam, conf: dict[str, str]) -> list[str]:
    judged = login_lockout.judge(pam, Settings(values=conf), None, LOCAL)
    return [said.id for said in judged.said]


def test_lockout_root_is_told(pam: MakePam) -> None:
    plain, rooted = _said(pam(EL), {}), _said(pam(EL), {"even_deny_root": ""})
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
        ({"admin_group": "ops", "root_unlock_time": "never"}, "", "", PASS),
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
    said = login_lockout.judge(pam(EL), Settings(values={"fail_interval": "42"}), None, LOCAL).said
    assert [s.args["interval"] for s in said if "interval" in s.args] == [42, 42]
    told = _said(pam(EL), {"local_users_only": ""})
    assert "{service}: only accounts of the host's own files are locked" in told
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
            password_history.judge(got, None, LOCAL),
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
