"""Every parser: the real recordings, its own traps, and whatever a hostile host may send."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_core.model import Absent, Answer, ParseError, Provider, Reason
from audit_linux import access
from audit_linux.access._find import parse_files
from audit_linux.access._text import CAP, c_number, names, number, shown
from audit_linux.access.accounts import (
    parse_lastlog,
    parse_lastlog2,
    parse_passwd,
    parse_shadow,
)
from audit_linux.access.files import parse_modes
from audit_linux.access.mac import parse_mandatory
from audit_linux.access.passwords import parse_login_defs, parse_pwquality
from audit_linux.access.plain_logins import parse_listening, parse_programs
from audit_linux.access.sshd import (
    parse_servers,
    parse_sshd_files,
    parse_sshd_t,
)
from audit_linux.access.sudoers import parse_group, parse_sudoers

Make = Callable[..., Answer]
PROVIDERS = [
    pytest.param(p, id=f"{f.id}-{i}") for f in access.FACTS for i, p in enumerate(f.providers)
]
_RECORDED = sorted((Path(__file__).parent / "recordings/debian12").glob("*.out"))


def _read(provider: Provider, answer: Answer) -> object:
    """What the parser returns; ParseError is its only way to give up."""
    try:
        return provider.parse(answer)
    except ParseError as error:
        return error


# --- recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", _RECORDED, ids=lambda p: p.stem)
def test_every_recording_is_read(path: Path, recording: Make) -> None:
    fact = next(f for f in access.FACTS if f.id == path.stem)
    value = fact.providers[-1].parse(recording(fact.id))
    if path.stem == "linux.plain-login-programs":
        assert isinstance(value, Absent)
        assert value.reason is Reason.NOT_PRESENT
    else:
        assert not isinstance(value, Absent)


def test_recorded_accounts(recording: Make) -> None:
    accounts = parse_passwd(recording("linux.accounts"))
    by_name = {a.name: a for a in accounts.rows}
    assert len(accounts.rows) == 27
    assert by_name["root"].uid == 0
    assert by_name["root"].has_shell
    assert not by_name["daemon"].has_shell
    assert not by_name["sync"].has_shell
    assert by_name["postgres"].home == "/var/lib/postgresql"
    assert {a.field for a in accounts.rows} == {"shadowed"}


def test_recorded_shadow_has_schemes_and_no_hash(recording: Make) -> None:
    answer = recording("linux.shadow")
    rows = {row.name: row for row in parse_shadow(answer)}
    assert rows["root"].locked
    assert rows["root"].maximum == 99999
    usable = [row for row in rows.values() if row.usable]
    assert [row.scheme for row in usable] == ["$y$"]
    assert max(len(line.split(b":")[1]) for line in answer.stdout.splitlines()) <= 4


def test_recorded_sshd(recording: Make) -> None:
    sshd = parse_sshd_t(recording("linux.sshd"))
    assert sshd.one("permitrootlogin") == "without-password"
    assert sshd.one("maxauthtries") == "6"
    assert "chacha20-poly1305@openssh.com" in sshd.algorithms("ciphers")
    assert sshd.values["listenaddress"] == ("[::]:22", "0.0.0.0:22")
    assert sshd.one("no-such-key") == ""


def test_recorded_sudoers(recording: Make) -> None:
    sudoers = parse_sudoers(recording("linux.sudoers"))
    assert not isinstance(sudoers, Absent)
    assert [(g.who, g.command, g.no_password) for g in sudoers.grants] == [
        (("root",), "ALL", False),
        (("%sudo",), "ALL", False),
    ]
    assert sudoers.unread == ()


def test_recorded_modes(recording: Make) -> None:
    modes = parse_modes(recording("linux.file-modes"))
    assert not isinstance(modes, Absent)
    found = {m.path: m for m in modes.found}
    assert (found["/etc/shadow"].bits, found["/etc/shadow"].group) == (0o640, "shadow")
    assert modes.whole


def test_recorded_login_defs(recording: Make) -> None:
    defs = parse_login_defs(recording("linux.login-defs"))
    assert defs.number("PASS_MAX_DAYS") == 99999
    assert defs.raw("UMASK") == "022"
    assert defs.number("NO_SUCH_KEY") is None
    assert defs.raw("NO_SUCH_KEY") == "-"


# --- anything at all --------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_arbitrary_bytes_never_break_a_parser(provider: Provider, answer: Make) -> None:
    @settings(deadline=None)
    @given(out=st.binary(max_size=300), err=st.binary(max_size=60))
    def tried(out: bytes, err: bytes) -> None:
        _read(provider, answer(out, err))

    tried()


@pytest.mark.parametrize("path", _RECORDED, ids=lambda p: p.stem)
def test_damaged_recordings_never_break_a_parser(path: Path, answer: Make) -> None:
    fact = next(f for f in access.FACTS if f.id == path.stem)
    raw = path.read_bytes()

    @settings(deadline=None)
    @given(
        at=st.integers(0, len(raw)),
        cut=st.integers(0, 40),
        put=st.sampled_from((b"", b"\0", b"\xff", b"\r\n", b"\\\n", b"[", b'"', b":", b"=", b"!")),
    )
    def tried(at: int, cut: int, put: bytes) -> None:
        _read(fact.providers[-1], answer(raw[:at] + put + raw[at + cut :]))

    tried()


_LONG = 4 << 20


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "unit",
    [
        b"a",
        b"[",
        b"[ ",
        b" ",
        b":",
        b"=",
        b",",
        b"\\",
        b"#",
        b"(",
        b'"',
        b"1",
        b"\0",
        b"ALL:x=ALL ",
    ],
    ids=repr,
)
def test_one_huge_line_takes_no_time(provider: Provider, unit: bytes, answer: Make) -> None:
    line = unit * (_LONG // len(unit))
    begun = time.process_time()
    _read(provider, answer(line))
    framed = b"%d/etc/sudoers\0%s" % (len(line), line)
    _read(provider, answer(framed))
    assert time.process_time() - begun < 60  # 3 s were measured; quadratic is hours


# --- words ------------------------------------------------------------------------------------


def test_names_are_cut_at_twenty_and_counted() -> None:
    assert names(f"u{i:02}" for i in range(CAP)) == tuple(f"u{i:02}" for i in range(20))
    assert names(f"u{i:02}" for i in range(CAP + 1))[-1] == "+1"
    assert len(names(f"u{i:02}" for i in range(500))) == 21


def test_names_can_be_encoded_by_every_sink() -> None:
    assert shown("caf\udce9") == "caf\\udce9"
    assert shown("\u202eroot") == "\u202eroot"
    assert shown("x" * 120) == "x" * 120
    assert shown("x" * 121) == "x" * 120 + "…"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 90),
        ("-1", -1),
        ("", None),
        ("9 0", None),
        ("٩", None),
        ("1" * 13, None),
        ("90x", None),
    ],
)
def test_number(text: str, value: int | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("022", 18), ("0x10", 16), ("10", 10), ("+5", 5), ("0", 0), ("09", 9), ("90 # x", None)],
)
def test_c_number(text: str, value: int | None) -> None:
    assert c_number(text) == value


# --- files in one answer ----------------------------------------------------------------------


def test_files_cannot_pretend_to_be_other_files(files: Make) -> None:
    fake = "x\n12/etc/pam.d/sshd\0auth x y"
    blobs = parse_files(files({"/etc/pam.d/b": fake, "/etc/pam.d/a": ""}))
    assert not isinstance(blobs, Absent)
    assert [(b.path, b.body.decode()) for b in blobs] == [
        ("/etc/pam.d/a", ""),
        ("/etc/pam.d/b", fake),
    ]


@pytest.mark.parametrize(
    "raw",
    [b"5/etc/a\0abc", b"2/etc/a\0abc", b"x/etc/a\0", b"3etc/a\0abc", b"3/etc/a", b"0/a\x000/a\0"],
)
def test_a_broken_frame_is_no_answer(raw: bytes, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_files(answer(raw))


def test_no_file_at_all_is_not_present(answer: Make) -> None:
    absent = parse_files(answer(b"", b"find: '/etc/x': No such file or directory\n", 1))
    assert isinstance(absent, Absent)
    assert absent.reason is Reason.NOT_PRESENT


@pytest.mark.parametrize("tool", [b"find: ", b"cat: ", b"/usr/bin/cat: "])
def test_one_refused_file_is_not_permitted(tool: bytes, answer: Make) -> None:
    absent = parse_files(answer(b"1/etc/a\0x", tool + b"/etc/b: Permission denied\n", 1))
    assert isinstance(absent, Absent)
    assert absent.reason is Reason.NOT_PERMITTED


def test_other_complaints_are_no_answer(answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_files(answer(b"1/etc/a\0x", b"cat: /etc/b: Input/output error\n"))


def test_noise_of_sudo_is_no_complaint(answer: Make) -> None:
    noise = b"sudo: unable to resolve host web1: Name or service not known\n"
    assert not isinstance(parse_files(answer(b"1/etc/a\0x", noise)), Absent)


def test_files_survive_redaction(answer: Make) -> None:
    raw = b"5/etc/a\0abc\n\n30/etc/b\0password=[redacted:x]\nmore\n3/etc/c\0end"
    blobs = parse_files(answer(raw))
    assert not isinstance(blobs, Absent)
    assert [(b.path, b.body) for b in blobs] == [
        ("/etc/a", b"abc\n\n"),
        ("/etc/b", b"password=[redacted:x]\nmore\n"),
        ("/etc/c", b"end"),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"30/etc/b\0password=[redacted:x]\nmore3/etc/c\0end",
        b"30/etc/b\0password=[redacted:x]\n2/etc/c\0end",
        b"30/etc/b\0pass\0word=[redacted:x]\n",
        b"9/etc/a\0abc[redacted:x]\n30/etc/b\0",
    ],
)
def test_redaction_does_not_excuse_a_broken_frame(raw: bytes, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_files(answer(raw))


# --- single parsers ---------------------------------------------------------------------------


def test_passwd_traps(answer: Make) -> None:
    text = "root:x:0:0::/root:\r\n# note\n\n+@admins::::::\n-bad\n\u202etoor::0:0::/:/bin/sh\n"
    accounts = parse_passwd(answer(text))
    assert [a.name for a in accounts.rows] == ["root", "\u202etoor"]
    assert [a.field for a in accounts.rows] == ["shadowed", "empty"]
    assert accounts.nis == ("+@admins", "-bad")
    assert accounts.rows[0].shell == ""
    assert accounts.rows[0].has_shell


def test_passwd_names_are_compared_raw(answer: Make) -> None:
    rows = parse_passwd(answer(b"caf\xe9:!:1:1::/:/bin/sh\ncaf\xea:abc:2:2::/:/x\n")).rows
    assert rows[0].name != rows[1].name
    assert [a.field for a in rows] == ["locked", "other"]


@pytest.mark.parametrize(
    "text",
    ["", "root:x:0:0::/root\n", "root:x:zero:0::/root:/bin/sh\n", ":x:1:1::/:/bin/sh\n",
     "a:x:-1:1::/:/bin/sh\n", "a:x:1:1::/:/bin/sh:more\n"],
)  # fmt: skip
def test_passwd_that_is_none(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_passwd(answer(text))


@pytest.mark.parametrize(
    ("field", "locked", "scheme"),
    [("$6$", False, "$6$"), ("!$6$", True, "$6$"), ("*", True, ""), ("!!", True, ""),
     ("", False, ""), ("DES", False, "DES"), ("?", False, "?"), ("*?", True, "?")],
)  # fmt: skip
def test_shadow_fields(field: str, locked: bool, scheme: str, answer: Make) -> None:
    (row,) = parse_shadow(answer(f"a:{field}:19000:1:90:7::20000:\nNIS\n"))
    assert (row.locked, row.scheme, row.usable) == (locked, scheme, not locked)
    assert (row.changed, row.minimum, row.maximum, row.expires) == (19000, 1, 90, 20000)


@pytest.mark.parametrize(
    "text", ["MALFORMED\n", "a:$6$x:1:::::: \n", "a::1:2:3\n", "", "a:*:::::::\na:*:::::::\n"]
)
def test_shadow_that_is_none(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_shadow(answer(text))


def test_lastlog_traps(answer: Make) -> None:
    text = (
        "Username         Port     From                                       Latest\n"
        "root             pts/0    10.0.0.9                                  "
        "Mon Nov 23 10:00:00 +0800 2026\n"
        "alice                                      **Never logged in**\n"
    )
    root, alice = parse_lastlog(answer(text))
    assert root.last == "2026-11-23T02:00:00+00:00"
    assert alice.last is None


def test_lastlog2_of_debian_13(recording: Make) -> None:
    got = parse_lastlog2(recording("linux.lastlog", release="debian13"))
    assert not isinstance(got, Absent)
    assert [(login.name, login.last) for login in got] == [("audit", "2026-11-23T18:04:07+00:00")]


@pytest.mark.parametrize(("text", "code"), [("", 1), ("", 0), ("Username  Port  Latest\n", 0)])
def test_lastlog2_that_holds_nothing_leaves_it_to_lastlog(
    text: str, code: int, answer: Make
) -> None:
    got = parse_lastlog2(answer(text, exit_code=code))
    assert isinstance(got, Absent)
    assert got.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "root x\n",
        "Username\nroot pts/0 Mon Foo 1 10:00:00 +0000 2026\n",
        "Username\nroot pts/0 Mon Nov 31 10:00:00 +0000 2026\n",
    ],
)
def test_lastlog_that_is_none(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_lastlog(answer(text))


def test_login_defs_last_value_wins_as_in_shadow(answer: Make) -> None:
    text = (
        "PASS_MAX_DAYS 99999\r\n#PASS_MAX_DAYS 1\nPASS_MAX_DAYS\t90\r\n"
        'PASS_MIN_DAYS "7" x\nUMASK 027 # no comment here\nALONE\n'
    )
    defs = parse_login_defs(answer(text))
    assert defs.number("PASS_MAX_DAYS") == 90
    assert defs.number("PASS_MIN_DAYS") == 7
    assert defs.number("UMASK") is None
    assert "ALONE" not in defs.values


def test_pwquality_main_file_wins_over_drop_ins(files: Make) -> None:
    main, folder = "/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d/"
    got = parse_pwquality(
        files({
            main: "minlen = 9 # why\r\n",
            folder + "90.conf": "minlen=20\nminclass = 4\nenforce_for_root\n",
            folder + "10.conf": "minclass=1\nucredit -1\n",
        })
    )  # fmt: skip
    assert not isinstance(got, Absent)
    assert got.values == {
        "minlen": "9", "minclass": "4", "enforce_for_root": "", "ucredit": "-1"
    }  # fmt: skip


@pytest.mark.parametrize(("length", "fine"), [(1022, True), (1023, False)])
def test_pwquality_refuses_what_the_library_refuses(length: int, fine: bool, files: Make) -> None:
    answer = files({"/etc/security/pwquality.conf": "minlen = 9\n" + "#" * length})
    if fine:
        parse_pwquality(answer)
    else:
        with pytest.raises(ParseError):
            parse_pwquality(answer)


def test_sshd_t_must_be_whole(answer: Make) -> None:
    whole = b"port 22\npermitrootlogin no\nciphers a\nmacs b\nmaxauthtries 4\nallowusers a\n"
    assert parse_sshd_t(answer(whole + b"allowusers b\n")).values["allowusers"] == ("a", "b")
    for line in whole.splitlines()[:-1]:
        with pytest.raises(ParseError):
            parse_sshd_t(answer(whole.replace(line + b"\n", b"")))
    with pytest.raises(ParseError):
        parse_sshd_t(answer(whole + b"Permission denied!\n"))


@pytest.mark.parametrize(
    ("out", "err", "reason"),
    [
        (b"", b"find: '/opt': No such file or directory\n", Reason.NOT_PRESENT),
        (b"", b"find: '/opt/x': Permission denied\n", Reason.NOT_PERMITTED),
    ],
)
def test_no_ssh_server(out: bytes, err: bytes, reason: Reason, answer: Make) -> None:
    got = parse_servers(answer(out, err, 1))
    assert isinstance(got, Absent)
    assert got.reason is reason


def test_ssh_servers(answer: Make) -> None:
    denied = b"find: '/opt/x': Permission denied\n"
    usual = parse_servers(answer(b"/usr/sbin/sshd\0/opt/git/sshd\0", denied))
    assert not isinstance(usual, Absent)
    assert (usual.distribution, usual.others) == (True, ())
    both = parse_servers(answer(b"/usr/sbin/sshd\0/usr/local/sbin/sshd\0"))
    assert not isinstance(both, Absent)
    assert both.others == ("/usr/local/sbin/sshd",)
    other = parse_servers(answer(b"/usr/sbin/dropbear\0", denied))
    assert not isinstance(other, Absent)
    assert (other.distribution, other.others) == (False, ("/usr/sbin/dropbear",))
    with pytest.raises(ParseError):
        parse_servers(answer(b"sshd\0"))


def test_sshd_files_tell_match_blocks(files: Make) -> None:
    got = parse_sshd_files(
        files({
            "/etc/ssh/sshd_config": (
                "Include /etc/ssh/sshd_config.d/*.conf\r\nPermitRootLogin no\r\n"
                "# Match User x\r\nMatch Address 10.0.0.0/8\r\n  PermitRootLogin = \"yes\"\r\n"
            ),
            "/etc/ssh/sshd_config.d/a.conf": "match user bob\nMaxAuthTries=20\nInclude /etc/x\n",
            "/etc/ssh/sshd_config.d/b.conf~": "Match all\nPermitEmptyPasswords yes\n",
        })
    )  # fmt: skip
    assert not isinstance(got, Absent)
    assert [(o.criteria, o.key, o.value) for o in got.overrides] == [
        ("Address 10.0.0.0/8", "permitrootlogin", "yes"),
        ("user bob", "maxauthtries", "20"),
    ]
    assert got.foreign == ("/etc/x",)


def test_sshd_drop_ins_count_only_when_included(files: Make) -> None:
    got = parse_sshd_files(
        files({
            "/etc/ssh/sshd_config": "Port 22\n",
            "/etc/ssh/sshd_config.d/a.conf": "Match all\nPermitRootLogin yes\n",
        })
    )  # fmt: skip
    assert not isinstance(got, Absent)
    assert got.overrides == ()
    absent = parse_sshd_files(files({"/etc/ssh/sshd_config.d/a.conf": "Port 22\n"}))
    assert isinstance(absent, Absent)
    assert absent.reason is Reason.NOT_PRESENT


def test_listening(answer: Make) -> None:
    text = "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\nLISTEN 0 5 [::]:23 [::]:*\n"
    assert parse_listening(answer(text)).tcp == {22, 23}
    assert parse_listening(answer("")).tcp == frozenset()
    for bad in (
        "LISTEN 0 128\n",
        "LISTEN 0 128 0.0.0.0:0 *\n",
        "LISTEN 0 128 *:65536 *:*\n",
        "x\n",
    ):
        with pytest.raises(ParseError):
            parse_listening(answer(bad))


def test_programs(answer: Make) -> None:
    assert parse_programs(answer(b"/usr/sbin/in.telnetd\0")) == ("/usr/sbin/in.telnetd",)
    with pytest.raises(ParseError):
        parse_programs(answer(b"/usr/sbin/evil\0"))
    refused = parse_programs(answer(b"", b"find: '/usr/sbin/x': Permission denied\n"))
    assert isinstance(refused, Absent)
    assert refused.reason is Reason.NOT_PERMITTED


def test_modes(answer: Make) -> None:
    modes = parse_modes(answer(b"4755 0 root f /etc/a b\n\0", b"find: '/x': Permission denied"))
    assert not isinstance(modes, Absent)
    assert (modes.found[0].bits, modes.found[0].path, modes.whole) == (0o4755, "/etc/a b\n", False)
    for bad in (b"644 0 root f /etc/a", b"9 0 root f /etc/a\0", b"644 0 root f etc\0"):
        with pytest.raises(ParseError):
            parse_modes(answer(bad))
    none = parse_modes(answer(b"", b"find: '/x': Permission denied\n"))
    assert isinstance(none, Absent)
    assert none.reason is Reason.NOT_PERMITTED
    nothing = parse_modes(answer(b"", b"find: '/x': No such file or directory\n"))
    assert isinstance(nothing, Absent)
    assert nothing.reason is Reason.NOT_PRESENT


_GONE = b"grep: /sys/fs/selinux/enforce: No such file or directory\n"


def test_mandatory(answer: Make) -> None:
    on = parse_mandatory(answer("/sys/fs/selinux/enforce:1\n"))
    assert not isinstance(on, Absent)
    assert on.selinux == "enforcing"
    lax = parse_mandatory(answer("/sys/fs/selinux/enforce:0\n"))
    assert not isinstance(lax, Absent)
    assert lax.selinux == "permissive"
    path = "/sys/kernel/security/apparmor/profiles"
    armor = parse_mandatory(
        answer(f"{path}:/usr/bin/man (enforce)\n{path}:a:b (complain)\n{path}:k (kill)\n", _GONE)
    )
    assert not isinstance(armor, Absent)
    assert (armor.selinux, armor.enforced, armor.loaded) == ("off", 2, 3)
    none = parse_mandatory(answer("", _GONE))
    assert not isinstance(none, Absent)
    assert (none.selinux, none.loaded) == ("off", 0)
    refused = parse_mandatory(answer("", b"grep: /sys/k: Permission denied\n"))
    assert isinstance(refused, Absent)
    assert refused.reason is Reason.NOT_PERMITTED
    for bad in ("/sys/fs/selinux/enforce:2\n", "x\n", f"{path}:no mode\n"):
        with pytest.raises(ParseError):
            parse_mandatory(answer(bad))
    with pytest.raises(ParseError):
        parse_mandatory(answer("", b"/usr/bin/grep: /sys/k: Input/output error\n"))


def test_group(answer: Make) -> None:
    groups = parse_group(answer("sudo:x:27:alice,bob\r\n+:::\n# c\n\nempty:x:3:\nsudo:x:1:eve\n"))
    assert groups.members == {"sudo": ("alice", "bob"), "empty": ()}
    with pytest.raises(ParseError):
        parse_group(answer("sudo:x:27\n"))
