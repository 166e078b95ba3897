"""Settings that only root may read: as the account sees them, and as root reads them."""

from __future__ import annotations

from typing import Any

from audit_core.api.sdk import msg
from audit_core.model import Absent, Fact, Reason
from audit_linux.accounts.lockout import FAILLOCK
from audit_linux.accounts.password_quality import PWQUALITY
from audit_linux.closed_files import SECURITY, STACKS
from audit_linux.pam import PAM
from invented.answers import answer, answers, files

CONF = "/etc/security/pwquality.conf"
REFUSED = Absent(reason=Reason.NOT_PERMITTED, detail=msg("refused"))


def _parsed(fact: Fact, place: int, given: Any) -> Any:
    """What the first provider, or the second, makes of an answer."""
    return fact.providers[place].parse(given)


def _closed(got: Any) -> bool:
    return isinstance(got, Absent) and got.reason is Reason.UNSUPPORTED


def test_what_the_account_may_read_is_read_once() -> None:
    plain = files({CONF: "minlen = 9\n"})
    assert _parsed(PWQUALITY, 0, plain).values == {"minlen": "9"}
    missing = _parsed(PWQUALITY, 0, files({}, not_present=CONF))
    assert isinstance(missing, Absent)
    assert missing.reason is Reason.NOT_PRESENT  # and root is not asked in its place
    assert _parsed(FAILLOCK, 0, answers(plain=answer("deny = 4\n"))).values == {"deny": "4"}


def test_what_is_closed_to_it_is_taken_from_root() -> None:
    plain = files({"/etc/security/pwquality.conf.d/b.conf": "minclass = 3\n"}, not_permitted=CONF)
    assert _closed(_parsed(PWQUALITY, 0, plain))
    root = files({CONF: "minlen = 12\n", "/etc/security/time.conf": "minlen = 1\n"})
    got = _parsed(PWQUALITY, 1, answers(plain=plain, closed=root))
    assert got.values == {"minlen": "12", "minclass": "3"}
    folder = files({}, not_permitted="/etc/pam.d")
    assert _closed(_parsed(PAM, 0, folder))
    stacks = files({"/etc/pam.d/su": "auth required pam_unix.so\n", "/etc/login.defs": "A b\n"})
    assert set(_parsed(PAM, 1, answers(plain=folder, closed=stacks)).services) == {"su"}
    assert _closed(_parsed(FAILLOCK, 0, answers(plain=REFUSED)))
    as_root = files({"/etc/security/faillock.conf": "deny = 3\n"})
    assert _parsed(FAILLOCK, 1, as_root).values == {"deny": "3"}
    gone = _parsed(FAILLOCK, 1, files({}))
    assert isinstance(gone, Absent)
    assert gone.reason is Reason.NOT_PRESENT


def test_root_reads_no_old_passwords() -> None:
    assert "opasswd" not in f"{SECURITY.paths} {SECURITY.names} {STACKS.paths}"
    assert SECURITY.names == ("*.conf",)
