"""PAM stacks as they really run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, Reason, Verdict
from audit_linux.accounts.lockout import login_lockout
from audit_linux.accounts.password_history import password_history
from audit_linux.nsswitch import Sources
from audit_linux.pam import (
    Pam,
    Unresolved,
    accepted,
    enforced,
    parse_pam,
    paths,
    stack,
    wrong_password,
)
from invented.pam import DEBIAN, EL9, UNIX, quality

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
LOCAL = Sources()

MakePam = Callable[[dict[str, str]], Pam]


def modules(pam: Pam, service: str, kind: str) -> list[list[str]]:
    outcomes = accepted if kind == "password" else wrong_password
    return [[rule.module for rule in way] for way in paths(stack(pam, service, kind), outcomes)]


def test_recorded_debian_stack(debian: dict[str, str], pam: MakePam) -> None:
    (way,) = modules(pam(debian), "sshd", "auth")
    assert way == ["pam_unix.so", "pam_deny.so"]
    (way,) = modules(pam(debian), "passwd", "password")
    assert way == ["pam_pwquality.so", "pam_unix.so", "pam_permit.so"]


def test_recorded_parse(recording: Make) -> None:
    got = parse_pam(recording("linux.pam.plain"))
    assert isinstance(got, Pam)
    assert {"sshd", "login", "passwd", "common-auth", "sudo"} <= set(got.services)


def test_unusual_syntax(pam: MakePam) -> None:
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
        {"sshd": "auth required pam_unix.so\n" * 301},
        {"sshd": "auth [success=1 default=ignore] pam_new.so\nauth required pam_env.so\n" * 9},
    ],
)
def test_what_cannot_be_told(services: dict[str, str], pam: MakePam) -> None:
    with pytest.raises(Unresolved):
        paths(stack(pam(services), "sshd", "auth"), wrong_password)
    judged = login_lockout.judge(pam(services), None, None, LOCAL)
    assert judged.verdict is UNDETERMINED


def test_a_line_that_is_no_rule_does_not_hide_what_is_certain(pam: MakePam) -> None:
    for line in ("session nonsense", "bogus", "auth", "account required"):
        got = pam({"sshd": f"auth required pam_unix.so\n{line}\n"})
        assert login_lockout.judge(got, None, None, LOCAL).verdict is FAIL, line


def test_the_vendors_folders_come_last(files: Make) -> None:
    folders = (
        "/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d", "/usr/share/pam.d",
        "/usr/share/pam/pam.d",
    )  # fmt: skip
    for first in range(len(folders)):
        texts = {f"{folder}/sshd": f"auth required pam_{at}.so\n"
                 for at, folder in enumerate(folders) if at >= first}  # fmt: skip
        got = parse_pam(files(texts))
        assert isinstance(got, Pam)
        assert got.services["sshd"][0].module == f"pam_{first}.so"


def test_an_include_may_name_a_path(files: Make) -> None:
    one, other = "auth required pam_{}.so\n".format, "auth include {}\n".format
    texts = {
        "/etc/pam.d/sshd": other("/usr/lib/pam.d/sshd"), "/usr/lib/pam.d/sshd": one("vendor"),
        "/etc/pam.d/login": other("/opt/site/login") + one("own"),
        "/etc/pam.d/su": "@include /etc/pam.d/common\n", "/etc/pam.d/common": one("common"),
    }  # fmt: skip
    got = parse_pam(files(texts))
    assert isinstance(got, Pam)
    assert modules(got, "sshd", "auth") == [["pam_vendor.so"]]
    assert modules(got, "su", "auth") == [["pam_common.so"]]
    with pytest.raises(Unresolved):  # the file of this path was not read
        stack(got, "login", "auth")


def test_a_broken_file_spoils_only_who_includes_it(pam: MakePam) -> None:
    got = pam({"sshd": "auth required pam_unix.so", "junk": "%!"})
    assert modules(got, "sshd", "auth") == [["pam_unix.so"]]


def test_other_replaces_a_service_without_rules(pam: MakePam) -> None:
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
        ("pam_rootok.so", {False}),  # sshd and login run as root
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
    assert password_history.judge(pam(services), None, EL9, LOCAL).verdict is FAIL
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
    assert password_history.judge(theirs, None, EL9, LOCAL).verdict is FAIL


def test_a_service_that_was_not_read_spoils_only_who_includes_it(files: Make) -> None:
    texts = {"/etc/pam.d/login": "auth required pam_unix.so\n",
             "/etc/pam.d/sshd": "auth include closed\n"}  # fmt: skip
    got = parse_pam(files(texts, not_permitted="/etc/pam.d/closed"))
    assert isinstance(got, Pam)
    assert [rule.module for rule in stack(got, "login", "auth")] == ["pam_unix.so"]
    with pytest.raises(Unresolved):
        stack(got, "sshd", "auth")
    shut = parse_pam(files(texts, not_permitted="/etc/pam.d"))
    assert isinstance(shut, Absent)
    assert shut.reason is Reason.NOT_PERMITTED
