"""Settings in /etc/security, read as the libraries read them."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_core.model import Absent, Answer, Platform, Verdict
from audit_linux.accounts.lockout import login_lockout
from audit_linux.accounts.password_history import password_history
from audit_linux.accounts.password_quality import password_length_floor, password_quality
from audit_linux.accounts.security_conf import (
    Settings,
    parse_faillock,
    parse_pwhistory,
    parse_pwquality,
)
from audit_linux.nsswitch import Sources
from audit_linux.pam import Pam
from invented.answers import files as files_of
from invented.pam import DEBIAN, EL, EL9, UNIX

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
LOCAL = Sources()
MAIN = "/etc/security/pwquality.conf"
Make = Callable[..., Answer]
MakePam = Callable[[dict[str, str]], Pam]

_LIBRARY = ctypes.util.find_library("pwquality")
# The numbers of enum pwquality.h, and the value before any file is read.
_SETTINGS = {"minlen": (3, 8), "dcredit": (4, 0), "minclass": (8, 0), "enforce_for_root": (19, 0)}


def _of_library(conf: Path) -> dict[str, int]:
    """What libpwquality holds after it read `conf`, and the folder beside it."""
    library = ctypes.CDLL(_LIBRARY or "")
    library.pwquality_default_settings.restype = ctypes.c_void_p
    settings, error = ctypes.c_void_p(library.pwquality_default_settings()), ctypes.c_void_p()
    library.pwquality_read_config(settings, str(conf).encode(), ctypes.byref(error))
    found, value = {}, ctypes.c_int()
    for name, (number, _) in _SETTINGS.items():
        assert library.pwquality_get_int_value(settings, number, ctypes.byref(value)) == 0
        found[name] = value.value
    library.pwquality_free_settings(settings)
    return found


def _of_parser(texts: dict[str, str]) -> dict[str, int]:
    got = parse_pwquality(files_of(texts))
    values = {} if isinstance(got, Absent) else got.values
    numbers = {name: default for name, (_, default) in _SETTINGS.items() if name[0] != "e"}
    found = {name: int(values.get(name, default)) for name, default in numbers.items()}
    found["enforce_for_root"] = int("enforce_for_root" in values)
    return found | {"minlen": max(found["minlen"], 6), "minclass": min(found["minclass"], 4)}


_NAMES = ("minlen", "MinLen", "minclass", "dcredit", "enforce_for_root", "difok", "badwords",
          "enforce_root", "minlength", "\ufeffminlen", "", "retry", "dictcheck")  # fmt: skip
_VALUES = ("14", "4", "-1", "+12", "x", "", "14 15", "0x10", "014", "99999999999", "2147483646",
           "= 9", '"14"', "é")  # fmt: skip
_BETWEEN = ("=", " = ", " ", "\t", "\t=\t", "  =", "==", " \v ", "\r=")
_ENDS = ("\n", "\r\n", " \n", "\t# why\n", "#\n", "\\\n")
_LINE = st.one_of(
    st.tuples(*map(st.sampled_from, (("", " ", "\t"), _NAMES, _BETWEEN, _VALUES, _ENDS))).map(
        "".join
    ),
    st.sampled_from(("\n", "# minlen = 14\n", " \t\n", "#" * 1022 + "\n", "#" * 1023 + "\n")),
)


@pytest.mark.skipif(_LIBRARY is None, reason="libpwquality is not installed")
@given(main=st.lists(_LINE, max_size=4), drop_in=st.lists(_LINE, max_size=2))
@settings(max_examples=150)
def test_pwquality_is_read_as_the_library_reads_it(
    tmp_path_factory: pytest.TempPathFactory, main: list[str], drop_in: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("security", numbered=True)
    conf, below = folder / "pwquality.conf", folder / "pwquality.conf.d"
    below.mkdir()
    texts = {conf: "".join(main), below / "a.conf": "".join(drop_in)}
    for path, text in texts.items():
        path.write_bytes(text.encode())
    reported = {
        str(path).replace(str(folder), "/etc/security"): text for path, text in texts.items()
    }
    assert _of_parser(reported) == _of_library(conf), texts


def test_what_stops_libpwquality_is_a_fail(
    files: Make, pam: MakePam, debian: dict[str, str]
) -> None:
    for text in ("\ufeff# managed by IT\n", "enforce_root = 1\n", "difok = x\n"):
        got = parse_pwquality(files({MAIN: text + "minlen = 14\nminclass = 4\n"}))
        assert isinstance(got, Settings)
        assert MAIN in got.stopped
        judged = password_quality.judge(pam(debian), got, DEBIAN, LOCAL)
        assert judged.verdict is FAIL
        assert judged.detail[-1].id.startswith("libpwquality stops reading")
        assert password_length_floor.judge(pam(debian), got, DEBIAN, LOCAL).verdict is PASS
    got = parse_pwquality(files({MAIN: "MinLen\t14\r\nminclass\t4\r\nenforce_root\t1\r\n"}))
    assert password_quality.judge(pam(debian), got, DEBIAN, LOCAL).verdict is PASS


def test_arguments_that_pam_pwquality_refuses_are_passed_over(pam: MakePam) -> None:
    text = "password requisite pam_pwquality.so MINLEN=14 minlen=x minclass=9 minclass= retry=3\n"
    got = pam({"passwd": text + "password required pam_unix.so use_authtok\n"})
    assert password_quality.judge(got, None, EL9, LOCAL, min_length=14).verdict is PASS


def test_faillock_names_end_at_white_space(answer: Make, pam: MakePam) -> None:
    cases = {
        "deny\t50\nunlock_time\t900\n": FAIL,  # tried with pam_faillock 1.5.2: never locks so soon
        "deny\t5\r\nunlock_time\t900\r\n": PASS,
        "deny = 50 # five\n": FAIL,
        "Deny = 50\n": PASS,  # an unknown name is passed over
        "\ufeffdeny = 50\n": PASS,
        "deny = 0\n": FAIL,
        "deny = five\n": PASS,  # the default, 3, stays
        "deny = 5x\n": PASS,
        "unlock_time = 604801\n": PASS,  # more than a week is refused: 600 stays
        "unlock_time = 60\n": FAIL,
        "unlock_time = never\n": PASS,
        "fail_interval = never\n": PASS,
    }
    for text, verdict in cases.items():
        got = parse_faillock(answer(text))
        assert login_lockout.judge(pam(EL), got, None, LOCAL).verdict is verdict, text


def test_the_first_value_holds_in_pwhistory_conf(answer: Make, pam: MakePam) -> None:
    for text, verdict in {
        "remember = 3\nremember = 9\n": FAIL,
        "Remember\t9\r\nremember = 3\n": PASS,
        "remember = x\n": PASS,  # the default, 10, stays
        "#remember = 3\nremember==9 passwords\n": PASS,
    }.items():
        got = parse_pwhistory(answer(text))
        assert password_history.judge(pam(EL), got, EL9, LOCAL).verdict is verdict, text


def test_a_strength_module_nobody_knows_is_neither_fail_nor_pass(pam: MakePam) -> None:
    unix = "password [success=1 default=ignore] pam_unix.so obscure use_authtok yescrypt\n"
    end = "password requisite pam_deny.so\npassword required pam_permit.so\n"
    for module in ("pam_deepin_pw_check.so", "pam_zxcvbn.so", "pam_passwdqc.so min=8,8,8,8,8"):
        got = pam({"passwd": f"password requisite {module}\n{unix}{end}"})
        for check in (password_quality, password_length_floor):
            judged = check.judge(got, None, EL9, LOCAL)
            assert judged.verdict is UNDETERMINED, (check.id, module)
            assert module.split()[0] in str(judged.detail)
    # What is known holds all the same.
    strict = "password requisite pam_pwquality.so minlen=12 minclass=3\n"
    got = pam({"passwd": f"password requisite pam_zxcvbn.so\n{strict}{unix}{end}"})
    assert password_quality.judge(got, None, EL9, LOCAL).verdict is PASS
    # A second way to a new password, without the module, is weak for certain.
    weak = {"passwd": f"password requisite pam_zxcvbn.so\n{unix}{end}", "login": unix + end}
    assert password_length_floor.judge(pam(weak), None, EL9, LOCAL).verdict is FAIL
    assert password_history.judge(pam(weak), None, EL9, LOCAL).verdict is FAIL
    assert password_history.judge(pam({"passwd": weak["passwd"]}), None, EL9, LOCAL).verdict is (
        UNDETERMINED
    )


# pwhistory.conf and how many passwords pam_pwhistory 1.7.0 refuses by it (Debian 13, by changing
# passwords); pam_pwhistory 1.5.2 of Debian 12 reads no such file and refuses 10.
PWHISTORY = (
    ("", 10), ("remember=3", 3), ("remember = 3", 3), ("remember 3", 3), ("remember\t3", 3),
    ("REMEMBER=3", 3), ("remember=3#x", 3), ("# remember=3", 10), ("remember=3\nremember=5", 3),
    ("remember=5\nremember=3", 5), ("\ufeffremember=3", 10), ("remember=3\r", 3),
    ("remember=x", 10), ("remember=", 10), ("remember=-1", 0), ("remember=3x", 3),
    ("remember==3", 3), (" remember=3", 3), ("remember='3'", 10), ("bogus=1\nremember=3", 3),
    ("remember=\\\n3", 10), ("remember=03", 3),
    ("remember= 3 5", 3),
)  # fmt: skip


def test_pwhistory_conf_as_pam_pwhistory_reads_it(answer: Make, pam: MakePam) -> None:
    stacks = pam({"passwd": f"password required pam_pwhistory.so{UNIX}"})
    old = Platform(values={"os_id": "debian", "os_family": "debian", "version_id": "12"})
    for text, count in PWHISTORY:
        got = parse_pwhistory(answer(f"{text}\n"))
        for platform, kept in ((EL9, count), (old, 10)):
            for most in (kept, kept + 1):
                judged = password_history.judge(stacks, got, platform, LOCAL, remember=most)
                assert judged.verdict is (PASS if most == kept else FAIL), (text, most)
