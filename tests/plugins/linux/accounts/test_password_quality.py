"""The password checks that rest on PAM stacks as they really run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Platform, Verdict
from audit_linux.accounts.login_defs import LoginDefs, password_age_default
from audit_linux.accounts.password_history import password_history
from audit_linux.accounts.password_quality import password_length_floor, password_quality
from audit_linux.accounts.security_conf import Settings
from audit_linux.nsswitch import Sources
from audit_linux.pam import Pam
from invented.pam import AMAZON2, DEBIAN, EL, EL7, EL9, UNIX, quality

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
LOCAL = Sources()

MakePam = Callable[[dict[str, str]], Pam]
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


def test_password_quality_parameters_and_root(pam: MakePam) -> None:
    settings = Settings(values={"minlen": "9", "minclass": "3", "enforce_for_root": ""})
    judged = password_quality.judge(pam(EL), settings, EL9, LOCAL, min_length=10)
    assert judged.verdict is FAIL
    assert len(judged.detail) == 1
    weak = Settings(values={"minlen": "9", "minclass": "3"})
    assert len(password_quality.judge(pam(EL), weak, EL9, LOCAL).detail) == 2
    assert password_quality.judge(pam(EL), weak, EL9, LOCAL, min_classes=4).verdict is FAIL


@pytest.mark.parametrize(
    "text", ["password required pam_passwdqc.so min=8,8,8,8,8" + UNIX, "password required pam_x.so"]
)
def test_password_quality_that_cannot_be_told(text: str, pam: MakePam) -> None:
    got = pam({"passwd": text})
    assert password_quality.judge(got, None, EL9, LOCAL).verdict is UNDETERMINED
    assert password_length_floor.judge(got, None, EL9, LOCAL).verdict is UNDETERMINED


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
    assert (
        password_history.judge(pam({"passwd": text + UNIX}), settings, EL9, LOCAL).verdict
        is verdict
    )


def test_two_modules_fill_one_file_of_earlier_passwords(pam: MakePam) -> None:
    # pam_pwhistory and pam_unix of Linux-PAM 1.5.2: how many earlier passwords were refused
    line = "password required pam_pwhistory.so remember={} {}\n"
    line += "password required pam_unix.so remember={} use_authtok"
    for both, file, verdict in ((3, "", FAIL), (5, "", FAIL), (10, "", PASS), (5, "file=/x", PASS)):
        got = pam({"passwd": line.format(both, file, both)})
        assert password_history.judge(got, None, EL9, LOCAL).verdict is verdict, (both, file)


def test_password_history_of_whole_stacks(debian: dict[str, str], pam: MakePam) -> None:
    assert password_history.judge(pam(debian), None, EL9, LOCAL).verdict is FAIL
    assert password_history.judge(pam(EL), None, EL9, LOCAL).verdict is PASS
    unix = pam({"passwd": "password sufficient pam_unix.so remember=5"})
    assert password_history.judge(unix, None, EL9, LOCAL).verdict is PASS


@pytest.mark.parametrize(
    ("longest", "shortest", "verdict"),
    [("90", "1", PASS), ("91", "1", FAIL), ("0", "1", FAIL), ("1", "1", PASS), ("90", "0", FAIL),
     ("-1", "1", FAIL), ("90 # x", "1", FAIL), (None, "1", FAIL), ("90", None, FAIL)],
)  # fmt: skip
def test_password_age_default(longest: str | None, shortest: str | None, verdict: Verdict) -> None:
    given = {"PASS_MAX_DAYS": longest, "PASS_MIN_DAYS": shortest}
    defs = LoginDefs(values={k: v for k, v in given.items() if v is not None})
    assert password_age_default.judge(defs).verdict is verdict


def test_a_distribution_that_is_not_known_settles_nothing_that_its_defaults_decide(
    pam: MakePam,
) -> None:
    def verdict(text: str, values: dict[str, str]) -> Verdict:
        stack = pam({"passwd": text + UNIX})
        settings = Settings(values=values)
        return password_length_floor.judge(stack, settings, Platform(), LOCAL).verdict

    assert verdict("", {}) is UNDETERMINED
    assert verdict("password requisite pam_pwquality.so", {"minlen": "12"}) is PASS
