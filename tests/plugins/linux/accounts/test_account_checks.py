"""Accounts: every check at both sides of each of its limits, and the request that reads shadow."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from audit_core.model import CutList, Verdict
from audit_linux.accounts import account_checks as mod
from audit_linux.accounts.login_defs import LoginDefs
from audit_linux.accounts.stale_accounts import stale_accounts
from audit_linux.nsswitch import Sources
from audit_linux.pam import Line, Pam
from audit_linux.passwd import SHADOW, Account, Accounts, Login, Secret

PASS, FAIL = Verdict.PASS, Verdict.FAIL
NA, UNDETERMINED = Verdict.NOT_APPLICABLE, Verdict.UNDETERMINED
LOCAL = Sources()


def who(name: str, uid: int = 1000, shell: str = "/bin/bash", field: str = "shadowed") -> Account:
    return Account(name=name, uid=uid, gid=uid, home=f"/home/{name}", shell=shell, field=field)


def some(*rows: Account, nis: tuple[str, ...] = ()) -> Accounts:
    return Accounts(rows=rows, nis=nis)


def secret(
    name: str,
    scheme: str = "$6$",
    *,
    locked: bool = False,
    maximum: int | None = 90,
    changed: int = 1,
) -> Secret:
    return Secret(
        name=name, locked=locked, scheme=scheme, changed=changed, minimum=0, maximum=maximum,
        expires=None,
    )  # fmt: skip


ROOT = who("root", 0)


@pytest.mark.parametrize(
    ("rows", "nis", "verdict"),
    [
        ((ROOT, who("a", 1)), (), PASS),
        ((ROOT, who("a", 1)), ("+",), UNDETERMINED),
        ((ROOT, who("a", 1), who("b", 1)), (), FAIL),
        ((ROOT, who("a", 1), who("b", 1)), ("+",), FAIL),
        ((ROOT, who("a", 1), who("a", 1)), (), PASS),
    ],
)
def test_uid_unique(rows: tuple[Account, ...], nis: tuple[str, ...], verdict: Verdict) -> None:
    assert mod.uid_unique.judge(some(*rows, nis=nis), LOCAL).verdict is verdict


def test_uid_unique_names_the_offenders() -> None:
    detail = mod.uid_unique.judge(some(ROOT, who("b", 7), who("a", 7)), LOCAL).detail[0]
    assert detail.args == {"count": 1, "names": ("7: a, b",)}


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ((ROOT, who("a", 1)), PASS),
        ((ROOT, who("a", 1), who("a", 2)), FAIL),
        ((ROOT, who("a", 1), who("A", 2), who("a\u200b", 3)), PASS),
    ],
)
def test_user_name_unique(rows: tuple[Account, ...], verdict: Verdict) -> None:
    assert mod.user_name_unique.judge(some(*rows), LOCAL).verdict is verdict


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ((ROOT, who("a", 1)), PASS),
        ((ROOT, who("toor", 0)), FAIL),
        ((ROOT, who("\u202etoor", 0, "/sbin/nologin")), FAIL),
    ],
)
def test_root_only_uid_0(rows: tuple[Account, ...], verdict: Verdict) -> None:
    assert mod.root_only_uid_0.judge(some(*rows), LOCAL).verdict is verdict


def test_accounts_from_nis_are_never_passed_over() -> None:
    nis = some(who("a", shell="/sbin/nologin"), nis=("+",))
    given = (secret("a", "", locked=True),)
    assert mod.password_hash.judge(nis, given, LOCAL, None, None).verdict is UNDETERMINED
    assert mod.password_age.judge(nis, given, NOW, LOCAL).verdict is UNDETERMINED
    assert mod.no_empty_password.judge(nis, given, LOCAL).verdict is UNDETERMINED
    assert mod.default_accounts.judge(nis, given, LOCAL).verdict is UNDETERMINED
    assert mod.shared_accounts.judge(nis, LOCAL).verdict is UNDETERMINED
    assert stale_accounts.judge(nis, (), NOW, (), LOCAL).verdict is UNDETERMINED
    assert mod.user_name_unique.judge(nis, LOCAL).verdict is UNDETERMINED
    assert mod.root_only_uid_0.judge(nis, LOCAL).verdict is UNDETERMINED


def test_accounts_from_a_directory_are_never_passed_over() -> None:
    far, quiet = Sources(passwd=("sss (corp)",)), some(who("a", shell="/sbin/nologin"))
    given = (secret("a", "", locked=True),)
    assert mod.password_hash.judge(quiet, given, far, None, None).verdict is UNDETERMINED
    for check in (mod.no_empty_password, mod.default_accounts):
        assert check.judge(quiet, given, far).verdict is UNDETERMINED
    assert mod.password_age.judge(quiet, given, NOW, far).verdict is UNDETERMINED
    for check in (mod.shared_accounts, mod.uid_unique, mod.user_name_unique, mod.root_only_uid_0):
        assert check.judge(quiet, far).verdict is UNDETERMINED
        assert check.judge(quiet, LOCAL).verdict is PASS
    assert stale_accounts.judge(quiet, (), NOW, (), far).verdict is UNDETERMINED
    assert mod.root_only_uid_0.judge(some(who("toor", 0)), far).verdict is FAIL


@pytest.mark.parametrize(
    ("shell", "lets_in"),
    [("/usr/sbin/nologin", False), ("/sbin/nologin", False), ("/bin/false", False),
     ("/usr/local/bin/git-shell", False), ("/dev/null", False), ("", True), ("/bin/sh", True),
     ("/opt/x/false", True), ("/tmp/nologin", True), ("/usr/bin/nologin2", True)],
)  # fmt: skip
def test_which_shells_let_somebody_in(shell: str, lets_in: bool) -> None:
    assert who("a", shell=shell).has_shell is lets_in


@pytest.mark.parametrize(
    ("expires", "verdict"),
    [(1, PASS), (20780, PASS), (20781, UNDETERMINED), (None, UNDETERMINED), (-1, UNDETERMINED)],
)
def test_an_account_past_its_end_is_not_stale(expires: int | None, verdict: Verdict) -> None:
    ended = structs.replace(secret("a"), expires=expires)  # NOW is day 20780
    assert stale_accounts.judge(some(who("a")), (), NOW, (ended,), LOCAL).verdict is verdict


@pytest.mark.parametrize(
    ("field", "given", "verdict"),
    [
        ("shadowed", secret("a"), PASS),
        ("shadowed", secret("a", ""), FAIL),
        ("shadowed", secret("a", "", locked=True), PASS),
        ("empty", secret("a"), FAIL),
        ("locked", secret("a"), PASS),
    ],
)
def test_no_empty_password(field: str, given: Secret, verdict: Verdict) -> None:
    judged = mod.no_empty_password.judge(some(ROOT, who("a", field=field)), (given,), LOCAL)
    assert judged.verdict is verdict


@pytest.mark.parametrize(
    ("scheme", "verdict"),
    [
        (s, PASS)
        for s in ("$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$6$", "$5$", "$sm3$", "$sm3y$")
    ]
    + [(s, FAIL) for s in ("$1$", "$md5$", "DES", "$2x$", "bigcrypt", "BSDi")]
    + [(s, UNDETERMINED) for s in ("?", "$argon2id$")]
    + [("", NA)],
)
def test_password_hash(scheme: str, verdict: Verdict) -> None:
    given = (secret("a", scheme, locked=not scheme),)
    assert mod.password_hash.judge(some(who("a")), given, LOCAL, None, None).verdict is verdict


def test_what_stands_behind_a_lock_is_no_weak_hash() -> None:
    given = (secret("a", "$1$", locked=True), secret("b", "$y$"))
    assert (
        mod.password_hash.judge(some(who("a"), who("b")), given, LOCAL, None, None).verdict is PASS
    )
    only = mod.password_hash.judge(some(who("a")), given[:1], LOCAL, None, None)
    assert only.verdict is NA
    assert only.detail[1].args["names"] == ("a ($1$)",)


def test_password_hash_in_passwd_and_stricter() -> None:
    exposed = mod.password_hash.judge(some(who("a", field="other")), (), LOCAL, None, None)
    assert exposed.verdict is FAIL
    assert exposed.detail[0].args["names"] == ("a (passwd)",)
    stricter = mod.password_hash.judge(
        some(who("a")), (secret("a", "$5$"),), LOCAL, None, None, allowed=frozenset({"$6$"})
    )
    assert stricter.verdict is FAIL


@pytest.mark.parametrize(
    ("maximum", "verdict"),
    [(90, PASS), (91, FAIL), (1, PASS), (0, FAIL), (-1, FAIL), (None, FAIL), (99999, FAIL)],
)
def test_password_age(maximum: int | None, verdict: Verdict) -> None:
    given = (secret("a", maximum=maximum),)
    assert mod.password_age.judge(some(who("a")), given, NOW, LOCAL).verdict is verdict


@pytest.mark.parametrize(
    ("account", "given"),
    [
        (who("a", shell="/usr/sbin/nologin"), secret("a", maximum=99999)),
        (who("a", shell="/bin/false"), secret("a", maximum=99999)),
        (who("a"), secret("a", maximum=99999, locked=True)),
        (who("a"), secret("b", maximum=99999)),
        (who("a", field="locked"), secret("a", maximum=99999)),
    ],
)
def test_password_age_leaves_out_who_cannot_log_in(account: Account, given: Secret) -> None:
    assert mod.password_age.judge(some(account), (given,), NOW, LOCAL).verdict is NA


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [(20780, PASS), (0, PASS), (20781, PASS), (20782, FAIL), (None, PASS)],
)
def test_a_password_that_was_changed_on_a_day_to_come_does_not_age(
    changed: int | None, verdict: Verdict
) -> None:
    # Tried with su of Debian 12, which asks for a new password where no date is told, and for
    # none where it is to come. NOW is day 20780, and clocks may be a day apart.
    given = structs.replace(secret("a"), changed=changed)
    assert mod.password_age.judge(some(who("a")), (given,), NOW, LOCAL).verdict is verdict


def test_a_password_kept_in_passwd_never_ages() -> None:
    exposed = who("a", field="other")
    for accounts, given in ((some(exposed), ()), (some(exposed, who("b")), (secret("b"),))):
        judged = mod.password_age.judge(accounts, given, NOW, LOCAL)
        assert judged.verdict is FAIL
        assert judged.detail[0].args["names"] == ("a (-)",)
    outside = who("a", field="other", shell="/bin/false")
    assert mod.password_age.judge(some(outside), (), NOW, LOCAL).verdict is NA


def test_password_age_parameter_and_empty_shell() -> None:
    given_shell = some(who("a", shell=""))
    given = (secret("a", maximum=90),)
    assert mod.password_age.judge(given_shell, given, NOW, LOCAL, max_days=89).verdict is FAIL
    assert mod.password_age.judge(given_shell, given, NOW, LOCAL, max_days=90).verdict is PASS


@pytest.mark.parametrize(
    ("account", "given", "verdict"),
    [
        (who("games", shell="/usr/sbin/nologin"), secret("games"), FAIL),
        (who("sync", shell="/bin/sync"), secret("sync", ""), FAIL),
        (who("ftp", shell="/usr/sbin/nologin", field="other"), secret("ftp", locked=True), FAIL),
        (who("daemon", shell="/usr/sbin/nologin"), secret("daemon", locked=True), PASS),
        (who("games"), secret("games", locked=True), PASS),
        (who("games"), secret("games"), FAIL),
        (who("games"), secret("games", ""), FAIL),
        (who("games", field="empty"), secret("games", locked=True), FAIL),
        (who("alice"), secret("alice"), PASS),
        (who("deploy"), secret("deploy"), PASS),
    ],
)
def test_default_accounts(account: Account, given: Secret, verdict: Verdict) -> None:
    assert mod.default_accounts.judge(some(ROOT, account), (given,), LOCAL).verdict is verdict


@pytest.mark.parametrize(
    ("account", "verdict"),
    [
        (who("alice"), PASS),
        (who("TEST"), UNDETERMINED),
        (who("guest", shell="/sbin/nologin"), PASS),
        (who("guest1"), UNDETERMINED),
    ],
)
def test_shared_accounts(account: Account, verdict: Verdict) -> None:
    assert mod.shared_accounts.judge(some(ROOT, account), LOCAL).verdict is verdict


def test_a_pass_on_names_does_not_say_that_accounts_are_not_shared() -> None:
    judgement = mod.shared_accounts.judge(some(ROOT, who("alice")), LOCAL)
    assert "none with a generic name" in judgement.detail[0].id
    assert judgement.expected is not None
    assert judgement.expected.args == {"names": tuple(sorted(mod._GENERIC))}


NOW = "2026-11-23T12:00:00+00:00"


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        ("2026-08-25T12:00:00+00:00", PASS),  # 90 days
        ("2026-08-24T12:00:00+00:00", FAIL),  # 91 days
        ("2026-11-23T12:00:00+00:00", PASS),
        ("2026-11-25T12:00:00+00:00", UNDETERMINED),  # a clock that runs ahead
        (None, UNDETERMINED),
    ],
)
def test_stale_accounts(last: str | None, verdict: Verdict) -> None:
    logins = (Login(name="a", last=last), Login(name="locked", last=None))
    accounts = some(who("a"), who("locked", shell="/bin/false"))
    assert stale_accounts.judge(accounts, logins, NOW, (secret("a"),), LOCAL).verdict is verdict


def test_stale_accounts_not_in_lastlog_are_not_passed() -> None:
    judged = stale_accounts.judge(some(who("a")), (), NOW, (), LOCAL)
    assert judged.verdict is UNDETERMINED
    old = (Login(name="b", last="2020-01-01T00:00:00+00:00"),)
    rows = some(who("a"), who("b"))
    both = stale_accounts.judge(rows, old, NOW, (secret("b"),), LOCAL)
    assert both.verdict is FAIL
    assert len(both.detail) == 3
    assert both.detail[2].args["names"] == ("b (2020-01-01)",)
    # Its line in /etc/shadow, which may say that it has ended, could not be read.
    assert stale_accounts.judge(rows, old, NOW, (), LOCAL).verdict is UNDETERMINED


def test_a_thousand_offenders_are_counted_and_cut() -> None:
    rows = [who(f"u{i}", 0) for i in range(1000)]
    detail = mod.root_only_uid_0.judge(some(ROOT, *rows), LOCAL).detail[0]
    assert isinstance(detail.args["names"], CutList)
    assert detail.args["names"].count == 1000


# Every line that shadow(5) knows, and some that it does not; S stands where a hash would.
_LINES = {
    "root:$y$j9T$SECRETsalt$SECREThash:20000:0:99999:7:::": "root:$y$:20000:0:99999:7:::",
    "a:*:1:0:9:7:::": "a:*:1:0:9:7:::",
    "b:!$6$SECRET$SECRET:1:0:9:7:::": "b:!$6$:1:0:9:7:::",
    "c::1:0:9:7:::": "c::1:0:9:7:::",
    "d:SECRETSECRET1:1:0:9:7:::": "d:DES:1:0:9:7:::",
    "e:SECRETlow:1:::7:::": "e:?:1:::7:::",
    "f:!!:1:::7::20000:": "f:!!:1:::7::20000:",
    "g:$md5,rounds=9$SECRET$SECRET:1:0:9:7:::": "g:$md5$:1:0:9:7:::",
    "+::::::::": "NIS",
    "+SECRET:x:::::::": "NIS",
    "h:$6$SECRET$SECRET:1:2": "MALFORMED",
    "$6$SECRET$SECRET": "MALFORMED",
    "i::$6$SECRET$SECRET:1:::::": "MALFORMED",
    "$6$SECRET$x:$6$SECRET:1:::::::": "MALFORMED",
}


def test_the_shadow_request_leaves_every_hash_on_the_host(tmp_path: Path) -> None:
    copy = tmp_path / "shadow"
    copy.write_text("\n".join(_LINES) + "\n", encoding="utf-8")
    ask = SHADOW.providers[0].ask
    argv: tuple[str, ...] = getattr(ask, "argv")  # noqa: B009 (Ask may be a function)
    assert argv[-1] == "/etc/shadow"
    done = subprocess.run([*argv[:-1], str(copy)], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines() == list(_LINES.values())
    assert "SECRET" not in done.stdout


def test_a_password_that_was_never_used(subtests: pytest.Subtests) -> None:
    old, fresh = (20780 - days for days in (200, 20))
    cases = {
        "old and never used": (secret("eve", "$6$", changed=old), None, FAIL),
        "just set": (secret("eve", "$6$", changed=fresh), None, UNDETERMINED),
        "locked": (secret("eve", "$6$", locked=True, changed=old), None, UNDETERMINED),
        "used": (secret("eve", "$6$", changed=old), "2026-11-20T00:00:00+00:00", PASS),
    }
    for name, (given, last, wanted) in cases.items():
        with subtests.test(name):
            logins = (Login(name="bob", last="2026-11-21T00:00:00+00:00"),
                      Login(name="eve", last=last))  # fmt: skip
            people = some(who("bob"), who("eve"))
            shadow = (secret("bob", "$6$"), given)
            judged = stale_accounts.judge(people, logins, NOW, shadow, LOCAL)
            assert judged.verdict is wanted
    # Where nobody ever logged in by this record, it records nothing.
    nobody = (Login(name="eve", last=None),)
    judged = stale_accounts.judge(
        some(who("eve")), nobody, NOW, (secret("eve", "$6$", changed=old),), LOCAL
    )
    assert judged.verdict is UNDETERMINED


def test_the_last_change_of_each_password_is_told() -> None:
    given = (secret("a", "$6$", maximum=90, changed=20000),)
    judged = mod.password_age.judge(some(who("a")), given, NOW, LOCAL)
    assert judged.verdict is PASS
    assert judged.detail[-1].args["names"] == ("a (2024-10-04)",)


# Services with `pam_unix.so OPTIONS`, ENCRYPT_METHOD, and what chpasswd of Debian 12 stored then
# (Linux-PAM 1.5.2, 2026-11-29); a value that is no method led to DES, which is not told.
METHODS = (
    ("", "MD5", "$1$"), ("", "DES", "DES"), ("yescrypt", "MD5", "$y$"), ("md5", "YESCRYPT", "$1$"),
    ("md5 sha512", "YESCRYPT", "$6$"), ("", "SHA512", "$6$"), ("bigcrypt", "SHA512", "DES"),
    ("", "md5", "$1$"), ("", "blowfish", "$2b$"), ("", "BCRYPT", ""), ("", "", ""),
)  # fmt: skip


def test_how_new_passwords_will_be_hashed() -> None:
    for options, method, stored in METHODS:
        rule = Line(
            kind="password", control="required", module="pam_unix.so", args=tuple(options.split())
        )
        pam = Pam(services={"passwd": (rule,), "sshd": ()})
        defs = LoginDefs(values={}, searched={"encrypt_method": method} if method else {})
        found = mod.password_hash.judge(some(who("a")), (secret("a"),), LOCAL, pam, defs)
        assert found.verdict is (FAIL if stored in ("$1$", "DES") else PASS), (options, method)
