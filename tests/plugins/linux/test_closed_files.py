"""Settings that only root may read: as the account sees them, and as root reads them."""

from __future__ import annotations

from typing import Any

from audit_core.api.sdk import msg
from audit_core.model import Absent, Fact, Reason
from audit_linux.accounts.lockout import FAILLOCK
from audit_linux.accounts.password_quality import PWQUALITY
from audit_linux.closed_files import SECURITY, STACKS
from audit_linux.pam import PAM
from audit_linux.system.core_dumps import DUMP_SETTINGS
from invented.answers import answer, answers, files

CONF = "/etc/security/pwquality.conf"
NOTHING = files({})
REFUSED = Absent(reason=Reason.NOT_PERMITTED, detail=msg("refused"))


def _parsed(fact: Fact, place: int, given: Any) -> Any:
    """What the first provider, or the second, makes of an answer."""
    return fact.providers[place].parse(given)


def _closed(got: Any) -> bool:
    return isinstance(got, Absent) and got.reason is Reason.UNSUPPORTED


def test_what_the_account_may_read_is_read_once() -> None:
    plain = answers(plain=files({CONF: "minlen = 9\n"}))
    assert _parsed(PWQUALITY, 0, plain).values == {"minlen": "9"}
    missing = _parsed(PWQUALITY, 0, answers(plain=files({}, not_present=CONF)))
    assert isinstance(missing, Absent)
    assert missing.reason is Reason.NOT_PRESENT  # and root is not asked in its place
    assert _parsed(FAILLOCK, 0, answers(plain=answer("deny = 4\n"), vendor=NOTHING)).values == {
        "deny": "4"
    }


def test_what_is_closed_to_it_is_taken_from_root() -> None:
    plain = files({"/etc/security/pwquality.conf.d/b.conf": "minclass = 3\n"}, not_permitted=CONF)
    assert _closed(_parsed(PWQUALITY, 0, answers(plain=plain)))
    root = files({CONF: "minlen = 12\n", "/etc/security/time.conf": "minlen = 1\n"})
    got = _parsed(PWQUALITY, 1, answers(plain=plain, closed=root))
    assert got.values == {"minlen": "12", "minclass": "3"}
    folder = files({}, not_permitted="/etc/pam.d")
    assert _closed(_parsed(PAM, 0, answers(plain=folder)))
    stacks = files({"/etc/pam.d/su": "auth required pam_unix.so\n", "/etc/login.defs": "A b\n"})
    assert set(_parsed(PAM, 1, answers(plain=folder, closed=stacks)).services) == {"su"}
    assert _closed(_parsed(FAILLOCK, 0, answers(plain=REFUSED, vendor=NOTHING)))
    as_root = files({"/etc/security/faillock.conf": "deny = 3\n"})
    refused = {"vendor": NOTHING}
    assert _parsed(FAILLOCK, 1, answers(**refused, closed=as_root)).values == {"deny": "3"}
    gone = _parsed(FAILLOCK, 1, answers(**refused, closed=files({})))
    assert isinstance(gone, Absent)
    assert gone.reason is Reason.NOT_PRESENT


def test_root_reads_no_old_passwords() -> None:
    assert "opasswd" not in f"{SECURITY.paths} {SECURITY.names} {STACKS.paths}"
    assert SECURITY.names == ("*.conf",)


VENDORS = "/usr/etc/security"
SHARE = "/usr/share/security"


def test_what_is_missing_is_that_of_the_vendor() -> None:
    marker, conf = {f"{VENDORS}/pam_env.conf": ""}, f"{VENDORS}/faillock.conf"
    for plain, vendor, deny in (
        (None, {**marker, conf: "deny = 4\n"}, "4"),
        (answer("deny = 3\n"), {**marker, conf: "deny = 4\n"}, "3"),
        (None, {conf: "deny = 4\n"}, None),  # no directory of a vendor
        (None, marker, None),
        (None, {f"{SHARE}/pam_env.conf": "", f"{SHARE}/faillock.conf": "deny = 5\n"}, "5"),
    ):
        got = _parsed(FAILLOCK, 0, answers(plain=plain, vendor=files(vendor)))
        assert (None if isinstance(got, Absent) else got.values["deny"]) == deny
    limits = files({"/etc/security/limits.d/b.conf": "* hard core 1\n"},
                   not_present="/etc/security/limits.conf")  # fmt: skip
    given = {**marker, f"{VENDORS}/limits.conf": "* hard core 9\n",
             f"{VENDORS}/limits.d/b.conf": "* hard core 8\n"}  # fmt: skip
    got = _parsed(DUMP_SETTINGS, 0, answers(plain=limits, vendor=files(given)))
    assert got.logins == "1"  # b.conf of the vendor is hidden
    given[f"{VENDORS}/limits.d/c.conf"] = "* hard core 0\n"
    got = _parsed(DUMP_SETTINGS, 0, answers(plain=limits, vendor=files(given)))
    assert got.logins == "0"
